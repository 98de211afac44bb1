"""From DICOM events to DICOM events: bulk data to a store, and back from it.

Nothing is held but what the decision about a value needs. The segments of a value go from the source of the events
to the store, and from the store to whoever takes the events, one by one.

A binary value, numbers and text are stored as a value field, see ``bulkvalues``. Encapsulated pixel data is stored as
one multipart body, see ``multipart``, whose URI ends in ``#fragments``; or as an entry for each frame and an index of
them, whose URI ends in ``#frames``. A line of the index has the lengths of the fragments of a frame with ``+`` between
them, a space and its URI; the first line is for the Basic Offset Table (PS3.5 A.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from struct import iter_unpack
from typing import Any

from streamdicom.bulkdata import (
    LONGEST_FRAGMENT,
    BulkDataAction,
    BulkDataInfo,
    BulkDataPolicy,
    BulkDataStore,
    read_parts,
    write_parts,
)
from streamdicom.dicom import ITEM_TAG, VRS, Form, ValueEncoder, decode_value
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
from streamdicom.filters.position import _CONTEXT, Position
from streamdicom.io import SpooledValue, SpoolFile

_BULK_VRS = frozenset(vr for vr, row in VRS.items() if row.bulk)
_LONG_TEXT_VRS = frozenset(vr for vr in _BULK_VRS if VRS[vr].form is Form.TEXT)
_BINARY_VRS = frozenset(vr for vr in _BULK_VRS if VRS[vr].form is Form.BINARY)

_FRAGMENTS = "fragments"
_FRAMES = "frames"
FRAGMENT_FORMS = (f"#{_FRAGMENTS}", f"#{_FRAMES}")
_IN_INDEX = re.compile(r"[!-~]{1,4096}")
_LONGEST_LINE = 4096 + 256 * 11  # of an index
_ITEM_HEADER = 8  # bytes
_SEGMENT_LENGTH = 48 * 1024  # which makes 64 KiB of base64
_LONGEST_TABLE = 1024 * 1024  # bytes of a Basic Offset Table that tells frames; longer ones are of 262,144 frames
_MOST_IN_FRAME = 256  # fragments in one entry


# --- out -------------------------------------------------------------------------------------------------------


def store_bulk_data(events: Iterable[Event], policy: BulkDataPolicy, store: BulkDataStore | None) -> Iterator[Event]:
    """The events with references in place of the values that belong into a store.

    Numbers of VR FL are stored in single precision. Where an empty value is among numbers, which a value field
    cannot tell, a whole element stays as it is, and one in parts is an error.

    Args:
        events: As any reader gives them.
        policy: Which values are stored, and which are left out.
        store: Where they go. An element whose VR the source tells behind a long value is stored before it is
            known whether it belongs there, and is read again if it does not. If there is none, what would go
            there stays.

    Raises:
        OutputError: A value that cannot be stored, or events out of order.
        OSError: The store cannot be written.

    >>> from streamdicom.bulkdata.policy import BulkDataPolicy
    >>> class Store:
    ...     def put(self, segments, info):
    ...         return f"{info.tag_path}/{sum(map(len, segments))}"
    >>> list(store_bulk_data([(3, 0x00091001, "OB", (bytes(2000),))], BulkDataPolicy(), Store()))
    [(4, 593921, 'OB', '00091001/2000')]
    """
    if store is None:
        return _Storing(iter(events), _without_store(policy), _Aside()).run()
    return _Storing(iter(events), policy, store).run()


def _without_store(policy: BulkDataPolicy) -> BulkDataPolicy:
    """The policy that leaves out what a policy leaves out, and nothing else."""
    by_vr = {vr: _kept(action) for vr, action in policy.by_vr.items()}
    by_tag = {tag: _kept(action) for tag, action in policy.by_tag.items()}
    return replace(policy, above=_kept(policy.above), by_vr=by_vr, by_tag=by_tag)


def _kept(action: BulkDataAction) -> BulkDataAction:
    return BulkDataAction.INLINE if action is BulkDataAction.STORE else action


class _Aside:
    """Where a long value waits whose VR decides whether it is left out, if there is no store."""

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        self._file = SpoolFile()
        for segment in segments:
            self._file.append(segment)
        return ""

    def open(self, uri: str) -> Iterator[bytes]:
        return SpooledValue(self._file, padded=False).segments(_SEGMENT_LENGTH)


class _Storing:
    """The work of ``store_bulk_data``."""

    def __init__(self, source: Iterator[Event], policy: BulkDataPolicy, store: BulkDataStore) -> None:
        self._source = source
        self._policy = policy
        self._store = store
        self._place = Position()
        self._moved = {vr for vr, action in policy.by_vr.items() if action is not BulkDataAction.INLINE}

    def run(self) -> Iterator[Event]:
        place = self._place
        by_tag, vrs = self._policy.by_tag, _BINARY_VRS | self._moved
        for event in self._source:
            kind, tag, vr, value = event
            if kind == ELEMENT:
                if tag in _CONTEXT:
                    place.learn(tag, value)
                if not value or not (vr in vrs or tag in by_tag):
                    yield event
                    continue
                changed: Iterable[Event] = self._element(event)
            elif kind == START_ELEMENT or kind == START_FRAGMENTS:
                changed = self._parts(event)
            else:
                place.move(kind, tag, value)
                yield event
                continue
            try:
                yield from changed
            except StreamDicomError as error:
                if not error.location.tag_path:  # it is no error of the source
                    error.within(place.index, place.tag_path(tag))
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
        return ((BULK_DATA, tag, vr, self._store.put((data,), self._place.info(tag, vr))),)

    # --- elements in parts and fragments -----------------------------------------------------------------------

    def _next(self) -> Event:
        for event in self._source:
            return event
        raise OutputError("the events end within an element")

    def _parts(self, start: Event) -> Iterator[Event]:
        """What becomes of an element in parts, of which no more is held than the decision needs."""
        kind, tag, vr, length = start
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
            if not vr and size > self._policy.threshold and self._is_kept(tag, event[3]):
                yield from held
                return
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
        # What is empty stays, so that STORE has to wait for the first byte.
        return size > (self._policy.threshold if rule is None else 0) or rule not in (None, BulkDataAction.STORE)

    def _is_kept(self, tag: int, value: Any) -> bool:
        """Whether a long value, of bytes or of text, stays whatever its VR will turn out to be."""
        policy = self._policy
        if tag in policy.by_tag:
            return policy.by_tag[tag] is BulkDataAction.INLINE
        vrs = _BINARY_VRS if isinstance(value, bytes) else _LONG_TEXT_VRS
        return all(policy.rule(tag, vr) is BulkDataAction.INLINE for vr in vrs)

    def _stored(self, is_encapsulated: bool, tag: int, vr: str, rest: _Rest) -> Iterator[Event]:
        info = self._place.info(tag, vr)
        if is_encapsulated:
            yield BULK_DATA, tag, vr, self._put_fragments(rest, info)
            return
        uri = self._store.put(rest.value_field(vr), info)
        rest.skip()
        # What a reader has passed over does not change what was decided.
        action = BulkDataAction.STORE if vr else self._policy.action(tag, rest.vr, rest.size)
        vr = vr or rest.vr
        if action is BulkDataAction.STORE:
            yield BULK_DATA, tag, vr, uri
        elif action is BulkDataAction.INLINE:
            yield from decode_value(tag, vr, self._store.open(uri))

    def _put_fragments(self, rest: _Rest, info: BulkDataInfo) -> str:
        if self._policy.frames:
            return f"{self._store.put(self._index(rest, info), info)}#{_FRAMES}"
        return f"{self._store.put(write_parts(rest.fragments()), info)}#{_FRAGMENTS}"

    def _index(self, rest: _Rest, info: BulkDataInfo) -> Iterator[bytes]:
        fragments = rest.fragments()
        table = next(fragments, None)
        if table is None:
            return
        data = b"".join(table[1]) if table[0] <= _LONGEST_TABLE else b""
        yield self._line([table[0]], (data,) if data else table[1], info._replace(fragment=0))
        frames = Frames(fragments, data)
        for number, (lengths, segments) in enumerate(frames, 1):
            yield self._line(lengths, segments, info._replace(fragment=number))

    def _line(self, lengths: list[int], segments: Iterable[bytes], info: BulkDataInfo) -> bytes:
        """Store a frame; return its line in the index. The lengths of its fragments are known behind it."""
        uri = self._store.put(segments, info)
        for _ in segments:  # what the store did not want
            pass
        if not _IN_INDEX.fullmatch(uri):
            raise OutputError("a store that gives what is no URI (RFC 3986)")
        return f"{'+'.join(map(str, lengths))} {uri}\n".encode()


class Frames:
    """Frames of fragments, by the Basic Offset Table (PS3.5 A.4); without one each fragment is taken for a frame."""

    def __init__(self, fragments: Iterator[tuple[int, Iterator[bytes]]], table: bytes) -> None:
        self._fragments = fragments
        self._next = next(fragments, None)
        cut = len(table) // 4 * 4
        self._starts = {start for (start,) in iter_unpack("<I", table[:cut])}
        self._offset = 0  # of the fragment that comes next, from the first one

    def __iter__(self) -> Iterator[tuple[list[int], Iterator[bytes]]]:
        """Of each frame the lengths of its fragments, which are known when its segments have been taken."""
        while self._next is not None:
            lengths: list[int] = []
            yield lengths, self._frame(lengths)

    def _frame(self, lengths: list[int]) -> Iterator[bytes]:
        while self._next is not None:
            length, segments = self._next
            lengths.append(length)
            yield from segments
            self._offset += _ITEM_HEADER + length
            self._next = next(self._fragments, None)
            if not self._starts or self._offset in self._starts or len(lengths) >= _MOST_IN_FRAME:
                return


def _size(event: Event) -> int:
    """The bytes in a value field of what an event adds to the element; text is counted in characters."""
    kind, _, _, value = event
    if kind == START_FRAGMENT:
        return _ITEM_HEADER
    if kind != VALUES:
        return len(value) if isinstance(value, str | bytes) else 0
    return sum([len(one) if isinstance(one, str | bytes) else 8 for one in value]) + len(value) - 1


class _Rest:
    """What follows of an element in parts, taken from the events as it is asked for."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = iter(events)
        self._is_over = False
        self.vr = ""  # as the end of the element tells it
        self.size = 0  # of the value field, as far as it was taken

    def _take(self) -> Event:
        event = next(self._events)
        if event[0] == END_ELEMENT or event[0] == END_FRAGMENTS:
            self._is_over = True
            self.vr = event[2]
        return event

    def skip(self) -> None:
        """Go behind the end of the element."""
        while not self._is_over:
            self._take()

    def value_field(self, vr: str) -> Iterator[bytes]:
        """The segments of the value field."""
        encoder = ValueEncoder(vr)
        while not self._is_over:
            kind, _, _, value = self._take()
            if kind == VALUES:
                data = encoder.values(value)
            elif kind == SEGMENT or kind == LAST_SEGMENT:
                data = encoder.segment(value, last=kind == LAST_SEGMENT)
            elif kind == END_ELEMENT:
                return
            else:
                raise OutputError("an event that cannot be within an element")
            self.size += len(data)
            yield data

    def fragments(self) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Of each fragment its length and its segments."""
        while True:
            kind, _, _, length = self._take()
            if kind == END_FRAGMENTS:
                return
            if kind != START_FRAGMENT or not isinstance(length, int) or not 0 <= length <= LONGEST_FRAGMENT:
                raise OutputError("a fragment without a length of 32 bits")
            segments = self._fragment(length)
            yield length, segments
            for _ in segments:  # what the store did not want
                pass

    def _fragment(self, length: int) -> Iterator[bytes]:
        kind = SEGMENT
        while kind == SEGMENT:
            kind, _, _, data = self._take()
            if kind not in (SEGMENT, LAST_SEGMENT) or not isinstance(data, bytes):
                raise OutputError("an event that cannot be within a fragment")
            length -= len(data)
            yield data
        if length:
            raise OutputError("a fragment of another length than was said")


# --- in --------------------------------------------------------------------------------------------------------


def load_bulk_data(events: Iterable[Event], store: BulkDataStore | None) -> Iterator[Event]:
    r"""The events with the elements themselves in place of references.

    Args:
        events: As any reader gives them.
        store: Where the values are; if there is none, references stay as they are.

    Raises:
        BulkDataError: A reference leads nowhere, or may not be followed, or its bytes are no value of the VR; the
            location has the tag path.
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
    place = Position()
    for event in events:
        kind, tag, vr, value = event
        if kind == BULK_DATA:
            try:
                yield from open_bulk_data(store, tag, vr, value)
            except StreamDicomError as error:
                error.within(place.index, place.tag_path(tag))
                raise
        else:
            if kind != ELEMENT:
                place.move(kind, tag, value)
            yield event


def open_bulk_data(store: BulkDataStore, tag: int, vr: str, uri: str) -> Iterator[Event]:
    r"""The events of the element that a reference stands for.

    Raises:
        BulkDataError: As for ``load_bulk_data``; the location is for the caller to tell.

    >>> class Store:
    ...     def open(self, uri):
    ...         yield b"\1\0"
    >>> list(open_bulk_data(Store(), 0x00091001, "OW", "a"))
    [(3, 593921, 'OW', (b'\x01\x00',))]
    """
    address, _, form = uri.partition("#")
    if form in (_FRAGMENTS, _FRAMES):
        if vr not in _BINARY_VRS:
            raise BulkDataError(f"a reference to fragments for VR {vr}")
        fragments = read_parts(store.open(address)) if form == _FRAGMENTS else _indexed(store, address)
        return fragment_events(tag, vr, fragments)
    return decode_value(tag, vr, store.open(uri))


def value_field(events: Iterable[Event]) -> Iterator[bytes]:
    r"""The value field of the one element that is binary, or encapsulated without its delimiter (PS3.5 A.4).

    >>> b"".join(value_field([(14, 0x7FE00010, "OB", None), (15, 0x7FE00010, "OB", 2), (8, 0x7FE00010, "OB", b"ab")]))
    b'\xfe\xff\x00\xe0\x02\x00\x00\x00ab'
    """
    for kind, _, _, value in events:
        if kind == ELEMENT or kind == VALUES:
            yield from value
        elif kind == SEGMENT or kind == LAST_SEGMENT:
            yield value
        elif kind == START_FRAGMENT:
            yield ITEM_TAG + value.to_bytes(4, "little")


def fragment_events(tag: int, vr: str, fragments: Iterable[tuple[int, Iterable[bytes]]]) -> Iterator[Event]:
    r"""The events of encapsulated pixel data, of which the first fragment is the Basic Offset Table (PS3.5 A.4).

    >>> [kind for kind, *_ in fragment_events(0x7FE00010, "OB", [(0, []), (2, [b"ab"])])]
    [14, 15, 8, 15, 7, 8, 16]
    """
    yield START_FRAGMENTS, tag, vr, None
    for length, segments in fragments:
        yield START_FRAGMENT, tag, vr, length
        for segment in segments:
            yield SEGMENT, tag, vr, segment
        yield LAST_SEGMENT, tag, vr, b""
    yield END_FRAGMENTS, tag, vr, None


def _indexed(store: BulkDataStore, address: str) -> Iterator[tuple[int, Iterator[bytes]]]:
    """The fragments of the frames that an index lists."""
    for line in _lines(store.open(address)):
        text, _, uri = line.partition(b" ")
        lengths = text.split(b"+")
        if not all(map(_is_length, lengths)) or not uri.isascii():
            raise BulkDataError("the bulk data is no index of fragments")
        frame = _Pieces(store.open(uri.decode("ascii")))
        for length in map(int, lengths):
            yield length, frame.take(length)
        frame.end()


def _is_length(text: bytes) -> bool:
    return text.isdigit() and len(text) <= 10 and int(text) <= LONGEST_FRAGMENT


class _Pieces:
    """Pieces of known length of what comes in segments."""

    def __init__(self, segments: Iterator[bytes]) -> None:
        self._segments = segments
        self._held = b""

    def take(self, length: int) -> Iterator[bytes]:
        """The segments of the next piece."""
        while length:
            segment = self._held or next(self._segments, None)
            if segment is None:
                raise BulkDataError(_WRONG_LENGTH)
            self._held = segment[length:]
            length -= len(segment) - len(self._held)
            yield segment[: len(segment) - len(self._held)] if self._held else segment

    def end(self) -> None:
        """See that there is no more."""
        if self._held or any(self._segments):
            raise BulkDataError(_WRONG_LENGTH)


_WRONG_LENGTH = "a fragment in the bulk data is not as long as its index says"


def _lines(segments: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for segment in segments:
        *lines, held = (held + segment).split(b"\n")
        yield from lines
        if len(held) > _LONGEST_LINE:
            break
    if held:
        raise BulkDataError("the bulk data is no index of fragments")
