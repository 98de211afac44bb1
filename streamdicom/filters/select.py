"""Some of the elements of each data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
from streamdicom.filters.where import _Waiting
from streamdicom.limits import Limits
from streamdicom.patterns import Pattern, Selection, selection


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

    def __init__(self, level: Selection, limits: Limits) -> None:
        self._limits = limits
        self._top = self._level = level
        self._outer: list[Selection] = []  # of the sequences that are open and looked into
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
