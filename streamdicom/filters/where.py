"""Some of the data sets, and some of the elements of each."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import IO, Any
from weakref import finalize

from streamdicom.dicom.tags import FILE_META_GROUP
from streamdicom.dicom.transfer_syntax import is_encapsulated
from streamdicom.errors import LimitError, Location
from streamdicom.events import (
    BULK_DATA,
    CLOSING,
    ELEMENT,
    END_DATASET,
    END_ELEMENT,
    END_SEQUENCE,
    JSON_ELEMENT,
    OPENING,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENTS,
    START_SEQUENCE,
    Event,
)
from streamdicom.limits import Limits
from streamdicom.patterns import Level, Pattern, Wanted, selection

__all__ = ["DatasetFilter", "ElementFilter", "needed_file_meta", "select", "where"]

_TRANSFER_SYNTAX_UID = 0x00020010
_MOST_HELD = 256  # more than file meta information has elements
_EACH = 256  # bytes that go with each event that is held
_NUMBER = 8  # bytes
_IN_MEMORY = 1024 * 1024
_ELEMENTS = frozenset({ELEMENT, BULK_DATA, JSON_ELEMENT}) | OPENING


def select(
    events: Iterable[Event],
    *,
    include: Iterable[Pattern] = (),
    exclude: Iterable[Pattern] = (),
    limits: Limits | None = None,
) -> Iterator[Event]:
    """The events of those elements that are wanted.

    With ``ReadOptions.include`` and ``exclude`` the readers do this; of JSON what is not wanted is never made an event.

    Nothing is held, but for a long value whose VR the source tells behind it, if there are patterns of VRs that it
    may be one of: that waits in a temporary file. An element in JSON text whose VR is not known, or that may be a
    sequence, comes only if everything in it is wanted.

    Args:
        events: Any stream of DICOM events.
        include: Patterns as ``streamdicom.patterns`` tells them; if there are any, no other element comes, but for
            group 0002, because the others may need it.
        exclude: Patterns of elements that do not come, even if they are included.
        limits: ``spooled_size`` bounds what waits in a temporary file.

    Raises:
        ValueError: A pattern is none.
        LimitError: A value that has to wait is too long.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'{"00100010": {"vr": "PN"}, "00100020": {"vr": "LO"}}')
    >>> [f"{tag:08X}" for _, tag, _, _ in select(events, exclude=["PatientName"]) if tag]
    ['00100020']
    """
    return ElementFilter(selection(include, exclude), limits or Limits()).run(events)


class ElementFilter:
    """What ``select`` does, for events that come in batches.

    Args:
        level: What is wanted of a data set.
        limits: As for ``select``.

    >>> only = ElementFilter(selection(include=["PatientID"]), Limits())
    >>> list(only.run([(1, 0, "", 0), (3, 0x00100010, "PN", ())])), list(only.run([(3, 0x00100020, "LO", ())]))
    ([(1, 0, '', 0)], [(3, 1048608, 'LO', ())])
    """

    def __init__(self, level: Level, limits: Limits) -> None:
        self._limits = limits
        self._top = self._level = level
        self._outer: list[Level] = []  # of the sequences that are open and looked into
        self._depth = 0  # how much is open of an element that comes or goes as one
        self._comes = True  # whether that one does
        self._waiting: _Waiting | None = None

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Those that are wanted of the next events."""
        for event in events:
            kind, tag, vr, _ = event
            if self._depth:
                yield from self._within(event)
            elif kind == ELEMENT or kind == BULK_DATA:
                if self._level.takes(tag, vr):
                    yield event
            elif kind == START_SEQUENCE:
                yield from self._start_sequence(event)
            elif kind == START_ELEMENT or kind == START_FRAGMENTS:
                self._start_parts(event)
                if self._comes:
                    yield event
            elif kind == JSON_ELEMENT:
                if self._level.takes_unknown(tag, vr):
                    yield event
            else:
                if kind == END_SEQUENCE:
                    self._level = self._outer.pop()
                elif kind == START_DATASET:
                    self._level, self._outer = self._top, []
                yield event

    def _start_sequence(self, event: Event) -> Iterable[Event]:
        inner = self._level.inner(event[1])
        if inner is None or inner.is_whole:
            self._depth = 1
            self._comes = inner is not None
        else:
            self._outer.append(self._level)
            self._level = inner
        return (event,) if inner else ()

    def _start_parts(self, event: Event) -> None:
        _, tag, vr, _ = event
        comes = self._level.takes(tag, vr) if vr else self._level.takes_long(tag)
        self._depth = 1
        self._comes = bool(comes)
        if comes is None:
            self._waiting = _Waiting(self._limits.spooled_size)
            self._waiting.add(event)

    def _within(self, event: Event) -> Iterable[Event]:
        """What becomes of an event within an element that comes or goes as one."""
        kind, tag, vr, _ = event
        self._depth += (kind in OPENING) - (kind in CLOSING)
        if self._waiting is None:
            return (event,) if self._comes else ()
        self._waiting.add(event)
        if self._depth:
            return ()
        waiting, self._waiting = self._waiting, None
        return waiting.events() if self._level.takes(tag, vr) else ()


class _Waiting:
    """An element in parts that waits for its VR."""

    def __init__(self, most: int) -> None:
        from tempfile import SpooledTemporaryFile  # which takes a tenth of this package's time to import

        self._file: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it goes with this object
        finalize(self, self._file.close)
        self._most = most

    def add(self, event: Event) -> None:
        kind, tag, vr, value = event
        self._file.write(marshal.dumps((int(kind), tag, vr, value)))
        if self._file.tell() > self._most:
            raise LimitError(f"more than {self._most} bytes of a value before the 'vr' it needs", "spooled_size")

    def events(self) -> Iterator[Event]:
        self._file.seek(0)
        kind = START_ELEMENT
        while kind != END_ELEMENT:
            event: Event = marshal.load(self._file)  # noqa: S302 - what was written above
            kind = event[0]
            yield event


# --- data sets -------------------------------------------------------------------------------------------------


def where(
    events: Iterable[Event], conditions: Mapping[Pattern, Any], *, limits: Limits | None = None
) -> Iterator[Event]:
    """The events of those data sets that are wanted; START_DATASET has the index in the source.

    A data set is held until it is decided: by the first element that does not fit, or when all have come that are
    asked for. What is missing is known at the end of the data set, and before that when ``Limits.held_values`` events
    are held, or 256 bytes for each of as many, if a higher tag has come by then: tags ascend (PS3.18 F.2.2).

    Args:
        events: Any stream of DICOM events.
        conditions: As ``ReadOptions.select`` has them. An element that is no whole one, such as a sequence or a
            reference to bulk data, has no values.
        limits: ``held_values``.

    Raises:
        ValueError: A key is neither a tag nor a keyword.
        LimitError: The data set has more before an element that is asked for than can be held.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'[{"00080060": {"vr": "CS", "Value": ["CT"]}}, {}]')
    >>> [value for kind, _, _, value in where(events, {"Modality": "CT"}) if kind == 3]
    [('CT',)]
    """
    return DatasetFilter(Wanted(conditions, limits or Limits())).run(events)


class DatasetFilter:
    """What ``where`` does, for events that come in batches.

    Args:
        wanted: The conditions.

    >>> only = DatasetFilter(Wanted({"PatientID": "17"}, Limits()))
    >>> list(only.run([(1, 0, "", 0), (3, 0x00080005, "CS", ())]))
    []
    >>> len(list(only.run([(3, 0x00100020, "LO", ("17",))])))
    3
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._decision = wanted.decision()
        self._verdict: bool | None = True  # of the data set that is open; None while it is undecided
        self._held: list[Event] = []
        self._size = 0  # of those, in bytes
        self._depth = 0
        self._highest = -1  # of the tags so far
        self._index = 0  # of the data set
        self._late: frozenset[int] = frozenset()  # what was taken for missing, and must not come any more

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Those that are wanted of the next events."""
        for event in events:
            kind, tag, _, _ = event
            if kind == START_DATASET:
                self._start(event)
            elif self._verdict is None:
                yield from self._undecided(event)
            else:
                if tag in self._late and kind in _ELEMENTS and not self._depth:
                    raise self._too_late()
                self._depth += (kind in OPENING) - (kind in CLOSING)
                if self._verdict:
                    yield event

    def _start(self, event: Event) -> None:
        self._decision = self._wanted.decision()
        self._verdict = None
        self._held = [event]
        self._size = self._depth = 0
        self._highest = -1
        self._index = event[3]
        self._late = frozenset()

    def _undecided(self, event: Event) -> Iterable[Event]:
        kind, tag, _, value = event
        self._held.append(event)
        self._size += _size(value)
        if kind == END_DATASET:
            return self._decide(self._decision.end())
        if kind in _ELEMENTS and not self._depth:
            self._highest = max(self._highest, tag)
            verdict = self._decision.element(tag, value if kind == ELEMENT else ())
            if verdict is not None:
                self._depth = kind in OPENING
                return self._decide(verdict)
        self._depth += (kind in OPENING) - (kind in CLOSING)
        most = self._wanted.most_held
        if len(self._held) > most or self._size > most * _EACH:
            return self._settle()
        return ()

    def _settle(self) -> Iterable[Event]:
        """Decide although something is missing, because no more can be held."""
        self._late = frozenset(self._decision.missing)
        if self._highest < max(self._late):
            raise self._too_late()
        return self._decide(self._decision.end())

    def _too_late(self) -> LimitError:
        place = Location(None, self._index)
        return LimitError("more than can be held before an element that 'select' asks for", "held_values", place)

    def _decide(self, verdict: bool) -> Iterable[Event]:
        self._verdict = verdict
        held, self._held = self._held, []
        return held if verdict else ()


def _size(value: Any) -> int:
    """About what a value takes in memory."""
    if isinstance(value, tuple):
        return sum(map(_size, value))
    return len(value) if isinstance(value, str | bytes) else _NUMBER


# --- file meta information -------------------------------------------------------------------------------------


def needed_file_meta(events: Iterable[Event], *, always: bool = False) -> Iterator[Event]:
    """The events of a DICOM file, with group 0002 only where its transfer syntax is needed.

    That is where pixel data is encapsulated: nobody could tell what is in the fragments. PS3.18 Annex F does not know
    group 0002, and other files need nothing of it.

    Args:
        events: Those of one file.
        always: Whether group 0002 comes whatever the transfer syntax.

    >>> from streamdicom import iter_file_events
    >>> from pydicom.data import get_testdata_file
    >>> {tag >> 16 for _, tag, _, _ in needed_file_meta(iter_file_events(get_testdata_file("CT_small.dcm")))} >= {2}
    False
    """
    held: list[Event] = []
    is_needed = always
    remaining = iter(events)
    for event in remaining:
        held.append(event)
        kind, tag, _, value = event
        if tag == _TRANSFER_SYNTAX_UID and kind == ELEMENT:
            is_needed = always or (bool(value) and is_encapsulated(value[0]))
        if (kind != START_DATASET and tag >> 16 != FILE_META_GROUP) or len(held) > _MOST_HELD:
            break
    if not is_needed:
        held = [event for event in held if event[1] >> 16 != FILE_META_GROUP]
    return chain(held, remaining)
