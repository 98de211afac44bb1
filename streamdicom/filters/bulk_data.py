"""Move values to a bulk data store and back.

The segments of a value pass from the source of the events to the store, and from the store to the consumer, one by
one; only as much is held as the policy needs for its decision. Values are stored as a Value Field, see
``streamdicom.dicom.ValueEncoder``; encapsulated pixel data as described in ``streamdicom.filters.fragments``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from streamdicom._records import replace
from streamdicom._typing import cast
from streamdicom.bulkdata import BulkDataAction, BulkDataPolicy, BulkDataStore
from streamdicom.dicom import MAX_FRAGMENT_LENGTH, VRS, Form, ValueEncoder, decode_value
from streamdicom.errors import BulkDataError, OutputError, StreamDicomError
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_ELEMENT,
    END_FRAGMENTS,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    VALUES,
    Event,
)
from streamdicom.filters.fragments import (
    ITEM_HEADER_LENGTH,
    cut_form,
    fragment_events,
    is_fragments,
    open_fragments,
    put_fragments,
)
from streamdicom.filters.late_vr import vr_first
from streamdicom.filters.position import IDENTIFIERS, Position

_BINARY_VRS = frozenset(vr for vr, row in VRS.items() if row.form is Form.BINARY)
_NUMBER_SIZE = 8  # bytes, at most


# --- to a store ------------------------------------------------------------------------------------------------


def store_bulk_data(events: Iterable[Event], policy: BulkDataPolicy, store: BulkDataStore | None) -> Iterator[Event]:
    """Yield the events with references in place of the values that the policy stores.

    Numbers of VR FL are stored in single precision. A Value Field cannot have an empty value among numbers: such an
    ELEMENT is not stored, and such an element in parts is an error.

    Text whose VR follows it waits in a temporary file. A binary value whose VR follows it is stored first, and loaded
    again if the policy does not store that VR; without a store it waits in a temporary file, if the policy may drop it.

    Args:
        events: Any stream of DICOM events.
        policy: Which values are stored, and which are left out.
        store: The store; if None, values are left out as the policy says, and the others stay.

    Raises:
        OutputError: A value cannot be stored, or the events are out of order.
        OSError: The store cannot be written.

    >>> from streamdicom.bulkdata import BulkDataPolicy
    >>> class Store:
    ...     def put(self, segments, info):
    ...         return f"{info.tag_path}/{sum(map(len, segments))}"
    >>> list(store_bulk_data([(3, 0x00091001, "OB", (bytes(2000),))], BulkDataPolicy(), Store()))
    [(4, 593921, 'OB', '00091001/2000')]
    """
    if store is None:
        policy = _without_store(policy)
    events = vr_first(events, needs_vr=lambda tag: store is None and not _is_inline(policy, tag))
    return _Storing(events, policy, store).run()


def _without_store(policy: BulkDataPolicy) -> BulkDataPolicy:
    """Return the policy with INLINE in place of STORE."""
    by_vr = {vr: _not_stored(action) for vr, action in policy.by_vr.items()}
    by_tag = {tag: _not_stored(action) for tag, action in policy.by_tag.items()}
    return replace(policy, above=_not_stored(policy.above), by_vr=by_vr, by_tag=by_tag)


def _not_stored(action: BulkDataAction) -> BulkDataAction:
    return BulkDataAction.INLINE if action is BulkDataAction.STORE else action


def _is_inline(policy: BulkDataPolicy, tag: int) -> bool:
    """Return True if a binary value with this tag stays inline for every VR."""
    return all(policy.rule(tag, vr) is BulkDataAction.INLINE for vr in _BINARY_VRS)


class _Storing:
    """The implementation of ``store_bulk_data``.

    Args:
        source: Events in which only binary values may lack a VR.
        policy: The policy, without STORE if there is no store.
        store: The store.
    """

    def __init__(self, source: Iterator[Event], policy: BulkDataPolicy, store: BulkDataStore | None) -> None:
        self._source = source
        self._policy = policy
        self._store = cast(BulkDataStore, store)  # used after a decision for STORE only
        self._position = Position()
        self._vrs_with_action = {vr for vr, action in policy.by_vr.items() if action is not BulkDataAction.INLINE}

    def run(self) -> Iterator[Event]:
        position = self._position
        by_tag, vrs = self._policy.by_tag, _BINARY_VRS | self._vrs_with_action
        for event in self._source:
            kind, tag, vr, value = event
            if kind == ELEMENT:
                if tag in IDENTIFIERS:
                    position.learn(tag, value)
                if not value or not (vr in vrs or tag in by_tag):
                    yield event
                    continue
                changed: Iterable[Event] = self._element(event)
            elif kind == START_ELEMENT or kind == START_FRAGMENTS:
                changed = self._parts(event)
            else:
                position.move(kind, tag, value)
                yield event
                continue
            try:
                yield from changed
            except StreamDicomError as error:
                if not error.location.tag_path:  # errors of the source have one
                    error.within(position.index, position.tag_path(tag))
                raise

    def _element(self, event: Event) -> Iterable[Event]:
        _, tag, vr, values = event
        rule = self._policy.rule(tag, vr)
        if rule is BulkDataAction.INLINE:
            return (event,)
        if rule is BulkDataAction.DROP:
            return ()
        try:
            data = ValueEncoder(vr).values(values)
        except OutputError:
            return (event,)
        action = self._policy.action(tag, vr, len(data)) if data else BulkDataAction.INLINE
        if action is not BulkDataAction.STORE:
            return (event,) if action is BulkDataAction.INLINE else ()
        return ((BULK_DATA, tag, vr, self._store.put((data,), self._position.info(tag, vr))),)

    # --- elements in parts and fragments -----------------------------------------------------------------------

    def _next(self) -> Event:
        for event in self._source:
            return event
        raise OutputError("expected the end of an element, found the end of the events")

    def _parts(self, start: Event) -> Iterator[Event]:
        """Store, drop or keep an element in several events."""
        kind, tag, vr, length = start
        if not vr and _is_inline(self._policy, tag):
            yield start
            return
        known = length if isinstance(length, int) else 0
        held = [start]
        size = 0
        while not self._is_decidable(tag, vr, max(known, size)):
            event = self._next()
            held.append(event)
            if event[0] == END_ELEMENT or event[0] == END_FRAGMENTS:
                vr = event[2] or vr
                break
            size += _size(event)
        is_complete = held[-1][0] in (END_ELEMENT, END_FRAGMENTS)
        action = BulkDataAction.STORE if not vr else self._policy.action(tag, vr, max(known, size))
        if action is BulkDataAction.INLINE or (is_complete and not size):
            if action is not BulkDataAction.DROP:
                yield from held
            return
        rest = _Rest(held[1:] if is_complete else chain(held[1:], iter(self._next, None)))
        if action is BulkDataAction.STORE:
            yield from self._stored(kind == START_FRAGMENTS, tag, vr, rest)
        rest.skip()

    def _is_decidable(self, tag: int, vr: str, size: int) -> bool:
        if not vr:
            return size > self._policy.threshold
        rule = self._policy.rule(tag, vr)
        # An empty value stays inline, so that STORE has to wait for the first byte.
        return size > (self._policy.threshold if rule is None else 0) or rule not in (None, BulkDataAction.STORE)

    def _stored(self, is_encapsulated: bool, tag: int, vr: str, rest: _Rest) -> Iterator[Event]:
        info = self._position.info(tag, vr)
        if is_encapsulated:
            uri = put_fragments(self._store, rest.fragments(), info, by_frame=self._policy.frames)
            rest.skip()
            yield BULK_DATA, tag, vr, cut_form(uri) if rest.is_cut else uri
            return
        uri = self._store.put(rest.value_field(vr), info)
        rest.skip()
        if vr:  # decided; the size is unknown if the store did not consume the value
            yield BULK_DATA, tag, vr, uri
            return
        vr = rest.vr
        action = self._policy.action(tag, vr, rest.size)
        if action is BulkDataAction.STORE:
            yield BULK_DATA, tag, vr, uri
        elif action is BulkDataAction.INLINE:
            yield from decode_value(tag, vr, self._store.open(uri))


def _size(event: Event) -> int:
    """Return the bytes of an event in the Value Field; text is counted in characters."""
    kind, _, _, value = event
    if kind == START_FRAGMENT:
        return ITEM_HEADER_LENGTH
    if kind != VALUES:
        return len(value) if isinstance(value, str | bytes) else 0
    return sum([len(each) if isinstance(each, str | bytes) else _NUMBER_SIZE for each in value]) + len(value) - 1


class _Rest:
    """The events after the start of an element, consumed as they are needed.

    Attributes:
        vr: The VR in the last event.
        size: Bytes of the Value Field so far.
        is_cut: Whether bytes of the last fragment are missing.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = iter(events)
        self._is_complete = False
        self.vr = ""
        self.size = 0
        self.is_cut = False

    def _take(self) -> Event:
        event = next(self._events)
        if event[0] == END_ELEMENT or event[0] == END_FRAGMENTS:
            self._is_complete = True
            self.vr = event[2]
            self.is_cut = event[0] == END_FRAGMENTS and event[3] is not None
        return event

    def skip(self) -> None:
        """Consume the events up to the end of the element."""
        while not self._is_complete:
            self._take()

    def value_field(self, vr: str) -> Iterator[bytes]:
        """Yield the segments of the Value Field."""
        encoder = ValueEncoder(vr)
        while not self._is_complete:
            kind, _, _, value = self._take()
            if kind == VALUES:
                data = encoder.values(value)
            elif kind == SEGMENT or kind == LAST_SEGMENT:
                data = encoder.segment(value, last=kind == LAST_SEGMENT)
            elif kind == END_ELEMENT:
                return
            else:
                raise OutputError("expected the values or the end of an element, found another event")
            self.size += len(data)
            yield data

    def fragments(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield the length and the segments of each fragment."""
        while not self._is_complete:  # after a fragment of which bytes are missing
            kind, _, _, length = self._take()
            if kind == END_FRAGMENTS:
                return
            if kind != START_FRAGMENT or not isinstance(length, int) or not 0 <= length <= MAX_FRAGMENT_LENGTH:
                raise OutputError("expected a fragment with a length of 32 bits, found another event")
            segments = self._fragment(length)
            yield length, segments
            for _ in segments:  # the store may have left some
                pass

    def _fragment(self, length: int) -> Iterator[bytes]:
        kind = SEGMENT
        while kind == SEGMENT:
            kind, _, _, data = self._take()
            if self.is_cut:
                return
            if kind not in (SEGMENT, LAST_SEGMENT) or not isinstance(data, bytes):
                raise OutputError("expected the bytes of a fragment, found another event")
            length -= len(data)
            yield data
        if length:
            raise OutputError("expected a fragment of the length in START_FRAGMENT, found another length")


# --- from a store ----------------------------------------------------------------------------------------------


def load_bulk_data(events: Iterable[Event], store: BulkDataStore | None) -> Iterator[Event]:
    r"""Yield the events with values in place of references.

    Args:
        events: Any stream of DICOM events.
        store: The store that has the values; if None, references stay.

    Raises:
        BulkDataError: The store refuses a reference, or its bytes are not a value of the VR; the location has the
            tag path.
        OSError: The store cannot be read.

    >>> class Store:
    ...     def open(self, uri):
    ...         yield b"\1\0"
    >>> list(load_bulk_data([(4, 0x00091001, "US", "a")], Store()))
    [(3, 593921, 'US', (1,))]
    """
    if store is None:
        yield from events
        return
    position = Position()
    for event in events:
        kind, tag, vr, value = event
        if kind == BULK_DATA:
            try:
                yield from open_bulk_data(store, tag, vr, value)
            except StreamDicomError as error:
                error.within(position.index, position.tag_path(tag))
                raise
        else:
            if kind != ELEMENT:
                position.move(kind, tag, value)
            yield event


def open_bulk_data(store: BulkDataStore, tag: int, vr: str, uri: str) -> Iterator[Event]:
    r"""Return the events of the element that a reference stands for.

    Args:
        store: The store that has the value.
        tag: The tag of the element.
        vr: Its VR.
        uri: The reference.

    Raises:
        BulkDataError: As in ``load_bulk_data``, without a location.

    >>> class Store:
    ...     def open(self, uri):
    ...         yield b"\1\0"
    >>> list(open_bulk_data(Store(), 0x00091001, "OW", "a"))
    [(3, 593921, 'OW', (b'\x01\x00',))]
    """
    if not is_fragments(uri):
        return decode_value(tag, vr, store.open(uri))
    if vr not in _BINARY_VRS:
        raise BulkDataError(f"expected a binary VR for fragments, found {vr}")
    return fragment_events(tag, vr, open_fragments(store, uri))
