"""Select elements of each data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from streamdicom._encoded import ENCODED, path_of
from streamdicom._typing import Any
from streamdicom.events import (
    BULK_DATA,
    CLOSING,
    ELEMENT,
    END_SEQUENCE,
    JSON_ELEMENT,
    OPENING,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENTS,
    START_SEQUENCE,
    Event,
)
from streamdicom.filters.late_vr import vr_first
from streamdicom.limits import Limits
from streamdicom.patterns import Pattern, Selection, selection


def select(
    events: Iterable[Event],
    *,
    include: Iterable[Pattern] = (),
    exclude: Iterable[Pattern] = (),
    limits: Limits | None = None,
) -> Iterator[Event]:
    """Yield the events of the selected elements.

    ``ReadOptions.include`` and ``exclude`` do the same, and faster: the JSON parser makes no events of the other
    elements.

    Nothing is held except a long value whose VR follows it, in a temporary file, if a pattern has a VR. An element in
    JSON text whose VR is unknown, or that may be a sequence, is kept only if every element in it is selected.

    Args:
        events: Any stream of DICOM events.
        include: Patterns of the elements to keep, see ``streamdicom.patterns``; every element if empty. Group 0002 is
            always kept, because the data set may be unreadable without it.
        exclude: Patterns of the elements to leave out, even if ``include`` has them.
        limits: ``spooled_size`` bounds the temporary file.

    Raises:
        ValueError: A pattern is invalid.
        LimitError: A value whose VR follows it is too long.

    >>> from streamdicom import iter_events
    >>> events = iter_events(b'{"00100010": {"vr": "PN"}, "00100020": {"vr": "LO"}}')
    >>> [f"{tag:08X}" for _, tag, _, _ in select(events, exclude=["PatientName"]) if tag]
    ['00100020']
    """
    selected = selection(include, exclude)
    element_filter = ElementFilter(selected)
    if element_filter.uses_vrs:
        max_size = (limits or Limits()).spooled_size
        events = vr_first(events, needs_vr=element_filter.needs_vr, max_size=max_size)
    return element_filter.run(events)


class ElementFilter:
    """The stage of ``select``, for events in batches.

    Args:
        selected: The selected elements of a data set. If its patterns have VRs, the events must have passed
            ``VRFirst`` with ``needs_vr`` of this object.
        has_selected: Returns True if the parser has selected the elements. It is asked after the first event.

    Attributes:
        uses_vrs: True if a pattern has a VR.

    >>> stage = ElementFilter(selection(include=["PatientID"]))
    >>> list(stage.run([(1, 0, "", 0), (3, 0x00100010, "PN", ())])), list(stage.run([(3, 0x00100020, "LO", ())]))
    ([(1, 0, '', 0)], [(3, 1048608, 'LO', ())])
    """

    def __init__(self, selected: Selection, has_selected: Callable[[], bool] | None = None) -> None:
        self._has_selected = has_selected
        self.uses_vrs = selected.names_vrs
        self._top = self._selection = selected  # the latter of the innermost item
        self._outer: list[Selection] = []  # of the enclosing items
        self._depth = 0  # open events of an element that is kept or left out as a whole
        self._keeps = True  # True if that element is kept

    def needs_vr(self, tag: int) -> bool:
        """Return True if the VR decides whether the next element, a binary value, is kept."""
        return not self._depth and self._selection.needs_vr(tag)

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events of the selected elements among the next events."""
        return chain.from_iterable(self._runs(events))  # a generator would see each event that the parser has selected

    def _runs(self, events: Iterable[Event]) -> Iterator[Iterator[Event]]:
        remaining = iter(events)
        for first in remaining:
            following = chain((first,), remaining)
            is_selected = self._has_selected is not None and self._has_selected()
            yield following if is_selected else self._run(following)

    def _run(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            kind, tag, vr, value = event
            if self._depth and kind != ENCODED:
                self._depth += (kind in OPENING) - (kind in CLOSING)
                if self._keeps:
                    yield event
            elif kind == ELEMENT or kind == BULK_DATA:
                if self._selection.includes(tag, vr):
                    yield event
            elif kind == START_SEQUENCE:
                if self._start_sequence(tag):
                    yield event
            elif kind == START_ELEMENT or kind == START_FRAGMENTS:
                self._depth = 1
                # A binary value may have no VR yet; then the answer is the same for every binary VR.
                self._keeps = self._selection.includes(tag, vr or "UN")
                if self._keeps:
                    yield event
            elif kind == JSON_ELEMENT:
                if self._selection.includes_json(tag, vr):
                    yield event
            else:
                if kind == ENCODED:  # selected elements, in the output of a writer
                    self._go_to(value)
                elif kind == END_SEQUENCE:
                    self._selection = self._outer.pop()
                elif kind == START_DATASET:
                    self._selection, self._outer = self._top, []
                yield event

    def _go_to(self, value: tuple[Any, ...]) -> None:
        """Go to the place after an ``Encoded`` event."""
        self._selection, self._outer, self._depth = self._top, [], 0
        for tag, _ in path_of(value).sequences:
            if self._depth:
                self._depth += 1
            else:
                self._start_sequence(tag)

    def _start_sequence(self, tag: int) -> bool:
        inner = self._selection.inner(tag)
        if inner is None or inner.is_whole:
            self._depth = 1
            self._keeps = inner is not None
        else:
            self._outer.append(self._selection)
            self._selection = inner
        return inner is not None
