"""Some of the data sets, and some of the elements of each."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any
from weakref import finalize

from streamdicom.errors import LimitError, Location
from streamdicom.events import (
    BULK_DATA,
    CLOSING,
    ELEMENT,
    END_DATASET,
    END_ELEMENT,
    JSON_ELEMENT,
    OPENING,
    START_DATASET,
    START_ELEMENT,
    Event,
)
from streamdicom.limits import Limits
from streamdicom.patterns import DatasetConditions, Pattern

_MOST_HELD = 256  # more than file meta information has elements
_EACH = 256  # bytes that go with each event that is held
_NUMBER = 8  # bytes
_IN_MEMORY = 1024 * 1024
_ELEMENTS = frozenset({ELEMENT, BULK_DATA, JSON_ELEMENT}) | OPENING


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
    asked for. What is missing is known at the end of the data set, and before that when ``Limits.values_per_event`` events
    are held, or 256 bytes for each of as many, if a higher tag has come by then: tags ascend (PS3.18 F.2.2).

    Args:
        events: Any stream of DICOM events.
        conditions: As ``ReadOptions.where`` has them. An element that is no whole one, such as a sequence or a
            reference to bulk data, has no values.
        limits: ``values_per_event``.

    Raises:
        ValueError: A key is neither a tag nor a keyword.
        LimitError: The data set has more before an element that is asked for than can be held.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'[{"00080060": {"vr": "CS", "Value": ["CT"]}}, {}]')
    >>> [value for kind, _, _, value in where(events, {"Modality": "CT"}) if kind == 3]
    [('CT',)]
    """
    return DatasetFilter(DatasetConditions(conditions, limits or Limits())).run(events)


class DatasetFilter:
    """What ``where`` does, for events that come in batches.

    Args:
        wanted: The conditions.

    >>> only = DatasetFilter(DatasetConditions({"PatientID": "17"}, Limits()))
    >>> list(only.run([(1, 0, "", 0), (3, 0x00080005, "CS", ())]))
    []
    >>> len(list(only.run([(3, 0x00100020, "LO", ("17",))])))
    3
    """

    def __init__(self, wanted: DatasetConditions) -> None:
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
        return LimitError("more than can be held before an element that 'select' asks for", "values_per_event", place)

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
