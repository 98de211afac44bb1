"""Events of a DICOM file that wait for the end of a sequence.

Vendors put anything into private sequences and into UN, so a fault there shall cost no more than the element: their
events are taken back. Up to 64 KiB the parser reads such a sequence, as any other, when all of it has arrived. The
events of a longer one are held, and its bytes are kept, until it ends or has more bytes than ``Limits.held_size``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streamdicom._encoded import ENCODED, take_back
from streamdicom._push import PushParser
from streamdicom._records import record
from streamdicom._typing import Any, ClassVar
from streamdicom.dicom import EXPLICIT_LITTLE_ENDIAN
from streamdicom.events import END_SEQUENCE, START_SEQUENCE, Event
from streamdicom.formats.part10.context import IMPLIED, NO_END, PUBLIC, UN, Context, ElementContext
from streamdicom.formats.part10.places import Part10Places
from streamdicom.formats.part10.receive_buffer import ReceiveBuffer
from streamdicom.formats.part10.runs import FILE_META_TABLE
from streamdicom.formats.part10.states import ParserState
from streamdicom.formats.places import KeepsPlaces
from streamdicom.options import ReadOptions

_NOT_MUTED = -1
_GUESSES = (IMPLIED, UN)


@record(slots=True)
class _Hold:
    """A sequence whose events are held.

    Attributes:
        depth: The number of contexts around it.
        start: The offset of its value.
        index: The index of its first event in the call.
    """

    depth: int
    start: int
    index: int


class HoldingParser(PushParser[Event], KeepsPlaces):
    """The base of the parser of DICOM files: open structures and their events.

    Args:
        options: See ``Part10Parser``.
        index: See ``Part10Parser``.
    """

    _steps: ClassVar[Mapping[ParserState, Callable[[Any], bool]]]
    _places: Part10Places | None = None

    def __init__(self, options: ReadOptions, index: int) -> None:
        super().__init__()
        self._options = options
        self._index = index
        self._state = ParserState.PREAMBLE
        self._step = self._steps[self._state]
        self._input = ReceiveBuffer()
        self._results: list[Event] = []  # of the current call, or those that are held
        self._events: list[Event] = []  # the same, or a list for the events of an element that is left out
        self._muted_depth = _NOT_MUTED  # the number of contexts around that element
        self._skip_end = 0  # the offset up to which bytes are passed over
        self._state_after = ParserState.ELEMENTS  # after that
        # Open structures:
        self._context = Context(EXPLICIT_LITTLE_ENDIAN, FILE_META_TABLE, 0, NO_END, NO_END, NO_END, ElementContext())
        self._contexts: list[Context] = []  # around ``_context``
        # Events that wait:
        self._max_held = options.limits.held_size
        self._holds: list[_Hold] = []  # outermost first; some may have ended since the last ``_settle``
        self._held: list[Event] | None = None  # between calls
        self._surplus = 0  # the number of the first of them that wait only because a call returns no more

    def keep_places(self) -> None:
        """Keep the places of all events from now on."""
        self._places = Part10Places()

    @property
    def is_holding(self) -> bool:
        """Whether events are held that a later call returns."""
        return self._held is not None

    @property
    def held_events(self) -> list[Event]:
        """Events that a later call returns."""
        return self._held or []

    def _move(self, state: ParserState) -> bool:
        self._state = state
        self._step = self._steps[state]
        return True

    # --- calls -------------------------------------------------------------------------------------------------

    def _begin(self, events: list[Event]) -> None:
        """Start a call, which returns the list."""
        if self._held is not None:
            events = self._held
        if self._places is not None:
            self._places.begin(events)
        self._results = events
        self._events = events if self._muted_depth == _NOT_MUTED else []

    def _end(self, events: list[Event], max_count: float) -> None:
        """End a call: put events that are not held in its list.

        Args:
            events: The list.
            max_count: The number of events that the call returns.
        """
        results, holds = self._results, self._holds
        ready = holds[0].index if holds else len(results)
        count = ready if ready <= max_count else int(max_count)
        self._surplus = ready - count
        if count == len(results) and not holds:
            if results is not events:
                events += results
                self._held = None
            return
        if results is events:
            self._held = events[count:]
            del events[count:]
        elif count:
            events += results[:count]
            del results[:count]
        for hold in holds:
            hold.index -= count
        if self._places is not None:
            self._places.withhold(events, count)

    # --- sequences ---------------------------------------------------------------------------------------------

    def _open_sequences(self) -> list[Context]:
        """Return the contexts with an open sequence, outermost first."""
        state = self._state_after if self._state is ParserState.SKIPPED else self._state
        return [*self._contexts, self._context] if state is ParserState.ITEMS else self._contexts

    def _settle(self) -> None:
        """Hold open sequences; let go of sequences that ended or grew too long."""
        if self._state is ParserState.SEARCH:
            return
        opened, offset = self._open_sequences(), self._input.offset
        indices = {(hold.depth, hold.start): hold.index for hold in self._holds}
        self._holds = [
            _Hold(depth, start, indices[depth, start] if (depth, start) in indices else self._index_of(depth))
            for depth, context in enumerate(opened)
            if (start := context.sequence_start) >= 0 and is_vague(context) and offset <= self._end_of_hold(context)
        ]
        self._input.keep(self._holds[0].start if self._holds else None)

    def _index_of(self, depth: int) -> int:
        """Return the index of the event that has started an open sequence."""
        if 0 <= self._muted_depth <= depth:
            return len(self._results)
        count = (len(self._open_sequences()) if self._muted_depth < 0 else self._muted_depth) - depth
        index = len(self._results)
        while count:
            index -= 1
            kind = self._results[index][0]
            if kind == ENCODED:
                _, count = take_back(self._results[index], count)
            elif kind == END_SEQUENCE:
                count += 1
            elif kind == START_SEQUENCE:
                count -= 1
        return index

    def _let_go(self) -> None:
        """Hold no events any more."""
        self._holds.clear()
        self._input.keep(None)

    def _end_of_hold(self, context: Context) -> int:
        """Return the offset up to which an open sequence can be taken back."""
        end = context.sequence_end
        return end if end < NO_END else context.sequence_start + self._max_held

    def _depth_of_held(self, size: int, accepts: Callable[[Context], bool] | None) -> int | None:
        """Return the depth of the innermost sequence that can be taken back, or None.

        Args:
            size: Bytes from the current position on that are needed; they must be within the sequence.
            accepts: A condition on the sequence.
        """
        end = self._input.offset + size
        sequences = self._open_sequences()
        for depth in reversed(range(len(sequences))):
            context = sequences[depth]
            if (
                context.sequence_start >= 0
                and end <= self._end_of_hold(context)
                and (accepts is None or accepts(context))
            ):
                return depth
        return None

    def _release(self, end: int, depth: int | None = None) -> None:
        """Let go of sequences that end before the bytes that are needed next.

        Their events are delivered if those bytes have not arrived, and cannot be taken back then.

        Args:
            end: The offset after those bytes.
            depth: The number of sequences, from the outermost on; None for all around the current element.
        """
        for context in self._contexts[:depth]:
            if context.sequence_end < end:
                context.sequence_start = -1


def is_guess(context: Context) -> bool:
    """Return True if UN or a private dictionary may have made it of other bytes."""
    return context.sequence_kind in _GUESSES and context.sequence_end < NO_END


def is_vague(context: Context) -> bool:
    """Return True for a private sequence, and one in UN."""
    return context.sequence_kind != PUBLIC
