"""Select data sets by the values of elements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from streamdicom._encoded import ENCODED, path_of
from streamdicom._typing import Any
from streamdicom.dicom import MAX_TAG
from streamdicom.errors import LimitError, Location
from streamdicom.events import BULK_DATA, CLOSING, ELEMENT, END_DATASET, JSON_ELEMENT, OPENING, START_DATASET, Event
from streamdicom.limits import Limits
from streamdicom.patterns import DatasetConditions, Pattern

_EVENT_SIZE = 256  # bytes of values for each event that may be held
_NUMBER_SIZE = 8  # bytes
_ELEMENTS = frozenset({ELEMENT, BULK_DATA, JSON_ELEMENT}) | OPENING
_NESTING = OPENING | CLOSING | {ENCODED}


def where(
    events: Iterable[Event], conditions: Mapping[Pattern, Any], *, limits: Limits | None = None
) -> Iterator[Event]:
    """Yield the events of the data sets that satisfy all conditions.

    START_DATASET keeps its index. A data set is held until its first element that fails a condition, or until every
    element with a condition is found. An element is known to be missing at the end of the data set; or once
    ``Limits.values_per_event`` events, or 256 bytes for each of them, are held and a higher tag was found, because tags
    ascend (PS3.18 F.2.2).

    Args:
        events: Any stream of DICOM events.
        conditions: As in ``ReadOptions.where``. An element in several events, such as a sequence, and a reference to
            bulk data have no values.
        limits: ``values_per_event`` bounds the events that are held.

    Raises:
        ValueError: A key is neither a tag nor a keyword.
        LimitError: A data set has more events before an element with a condition than may be held.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'[{"00080060": {"vr": "CS", "Value": ["CT"]}}, {}]')
    >>> [value for kind, _, _, value in where(events, {"Modality": "CT"}) if kind == 3]
    [('CT',)]
    """
    return DatasetFilter(DatasetConditions(conditions, limits or Limits())).run(events)


class DatasetFilter:
    """The stage of ``where``, for events in batches.

    Args:
        conditions: The conditions on each data set.

    >>> stage = DatasetFilter(DatasetConditions({"PatientID": "17"}, Limits()))
    >>> list(stage.run([(1, 0, "", 0), (3, 0x00080005, "CS", ())]))
    []
    >>> len(list(stage.run([(3, 0x00100020, "LO", ("17",))])))
    3
    """

    def __init__(self, conditions: DatasetConditions) -> None:
        self._conditions = conditions
        self._state = conditions.new_state()
        self._verdict: bool | None = True  # on the current data set; None while undecided
        self._held: list[Event] = []
        self._size = 0  # bytes of the values that are held
        self._depth = 0
        self._highest = -1  # tag so far
        self._index = 0  # of the current data set
        self._assumed_missing: frozenset[int] = frozenset()  # tags that must not appear any more

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events of the selected data sets among the next events."""
        for event in events:
            kind, tag, _, value = event
            if kind == START_DATASET:
                self._start(event)
            elif self._verdict is None:
                yield from self._undecided(event)
            else:
                if tag in self._assumed_missing and kind in _ELEMENTS and not self._depth:
                    raise self._too_late()
                if kind in _NESTING:
                    self._nest(kind, value)
                if self._verdict:
                    yield event

    def _start(self, event: Event) -> None:
        self._state = self._conditions.new_state()
        self._verdict = None
        self._held = [event]
        self._size = self._depth = 0
        self._highest = -1
        self._index = event[3]
        self._assumed_missing = frozenset()

    def _undecided(self, event: Event) -> Iterable[Event]:
        kind, tag, _, value = event
        self._held.append(event)
        self._size += _size(value)
        if kind == END_DATASET:
            return self._decide(self._state.finish())
        if kind in _ELEMENTS and not self._depth:
            self._highest = max(self._highest, tag)
            verdict = self._state.add(tag, value if kind == ELEMENT else ())
            if verdict is not None:
                self._depth = kind in OPENING
                return self._decide(verdict)
        if kind in _NESTING:
            self._nest(kind, value)
        max_held = self._conditions.max_held
        if len(self._held) > max_held or self._size > max_held * _EVENT_SIZE:
            return self._decide_early()
        return ()

    def _nest(self, kind: int, value: Any) -> None:
        """Process the start or end of an element of several events."""
        if kind == ENCODED:  # elements above all tags with a condition, in the output of a writer
            self._depth = len(path_of(value).sequences)
            self._highest = MAX_TAG
        else:
            self._depth += 1 if kind in OPENING else -1

    def _decide_early(self) -> Iterable[Event]:
        """Decide with some elements missing, because no more events may be held."""
        self._assumed_missing = frozenset(self._state.missing)
        if self._highest < max(self._assumed_missing):
            raise self._too_late()
        return self._decide(self._state.finish())

    def _too_late(self) -> LimitError:
        message = "expected the elements of 'where' nearer to the start of the data set"
        return LimitError(message, "values_per_event", Location(None, self._index))

    def _decide(self, verdict: bool) -> Iterable[Event]:
        self._verdict = verdict
        held, self._held = self._held, []
        return held if verdict else ()


def _size(value: Any) -> int:
    """Estimate the memory of a value in bytes."""
    if isinstance(value, tuple):
        return sum([len(one) if type(one) is str else _size(one) for one in value])
    return len(value) if isinstance(value, str | bytes) else _NUMBER_SIZE
