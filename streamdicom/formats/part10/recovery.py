"""The open structures of a data set, and the way on after a fault.

A value that does not fit its VR costs its element. A structure that cannot be read costs the innermost sequence of
defined length that the buffer holds whole: its events are taken back, and it becomes UN with its bytes. Around longer
sequences, and without a length, the next end that a length has given is the way on. Without any, the data set ends.

UN may hold anything (PS3.5 6.2.2), and a private dictionary may be wrong. If such an element cannot be read as
a sequence, it is UN without a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar
from weakref import ref

from streamdicom._encoded import ENCODED, take_back
from streamdicom._push import PushParser
from streamdicom.dicom import DECODERS, EXPLICIT_LITTLE_ENDIAN, format_tag
from streamdicom.errors import DicomFileError, Location, StreamDicomError
from streamdicom.events import (
    ELEMENT,
    END_ITEM,
    END_SEQUENCE,
    START_SEQUENCE,
    Event,
)
from streamdicom.formats.deviation_policy import PlacedDeviationPolicy
from streamdicom.formats.part10.context import IMPLIED, NO_END, UN, Context, ElementContext
from streamdicom.formats.part10.padding import CHECKING_DECODERS
from streamdicom.formats.part10.places import Part10Places
from streamdicom.formats.part10.receive_buffer import ReceiveBuffer
from streamdicom.formats.part10.runs import (
    CHECKING_FILE_META_TABLE,
    CHECKING_TABLES,
    FILE_META_TABLE,
    READ_TABLES,
)
from streamdicom.formats.part10.states import ParserState
from streamdicom.formats.places import KeepsPlaces
from streamdicom.options import ReadOptions

_NOT_MUTED = -1


class RecoveringParser(PushParser[Event], KeepsPlaces):
    """The base of the parser of DICOM files: its open structures, and faults in them.

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
        self._results: list[Event] = []  # of the current call
        self._events: list[Event] = []  # the same, or a list for the events of an element that is left out
        self._muted_depth = _NOT_MUTED  # the number of contexts around that element
        self._skip_end = 0  # the offset up to which bytes are passed over
        self._state_after = ParserState.ELEMENTS  # after that
        self._checks_padding = False
        self._decoders, self._tables = DECODERS, READ_TABLES
        # Open structures:
        self._context = Context(EXPLICIT_LITTLE_ENDIAN, FILE_META_TABLE, 0, NO_END, NO_END, ElementContext())
        self._contexts: list[Context] = []  # around ``_context``
        self._tag = -1  # of the current element, for errors; -1 between elements

    def keep_places(self) -> None:
        """Keep the places of all events from now on."""
        self._places = Part10Places()

    def check_padding(self) -> None:
        """Report padding that PS3.5 6.2 does not allow."""
        self._checks_padding = True
        self._decoders, self._tables = CHECKING_DECODERS, CHECKING_TABLES
        self._context.known = CHECKING_FILE_META_TABLE

    @cached_property
    def _policy(self) -> PlacedDeviationPolicy:
        parser = ref(self)  # without a cycle, which only the garbage collector would free

        def locate() -> Location:
            this = parser()
            return Location() if this is None else this._place()

        return PlacedDeviationPolicy(self._options, DicomFileError, locate, "keep")

    @property
    def bytes_consumed(self) -> int:
        """Bytes that are accounted for so far; of a deflated data set, the inflated bytes."""
        return self._input.offset

    def _place(self) -> Location:
        return Location(self._input.offset, self._index, self._tag_path())

    def _locate(self, error: StreamDicomError) -> None:
        error.location = self._place()

    def _tag_path(self) -> str:
        parts = [f"{format_tag(context.tag)}[{context.items - 1}]" for context in self._contexts]
        if self._state is ParserState.ITEMS:
            parts.append(f"{format_tag(self._context.tag)}[{self._context.items}]")
        elif self._tag >= 0:
            parts.append(format_tag(self._tag))
        return ".".join(parts)

    def _move(self, state: ParserState) -> bool:
        self._state = state
        self._step = self._steps[state]
        return True

    def _begin(self, events: list[Event]) -> None:
        """Start a call, which appends to the list."""
        if self._places is not None:
            self._places.begin(events)
        self._results = events
        self._events = events if self._muted_depth == _NOT_MUTED else []

    # --- elements that are left out ----------------------------------------------------------------------------

    def _skip_to(self, end: int, state: ParserState = ParserState.ELEMENTS) -> bool:
        """Pass over the bytes up to an offset, and go on in a state."""
        self._skip_end = end
        self._state_after = state
        return self._move(ParserState.SKIPPED)

    def _skipped(self) -> bool:
        source = self._input
        source.pos += min(len(source.data) - source.pos, self._skip_end - source.offset)
        if source.offset < self._skip_end:
            source.lacks(1)
            return False
        self._move(self._state_after)
        return True if self._state is ParserState.ITEMS else self._end_value()

    def _ended(self) -> bool:
        """Ignore the bytes after the data set."""
        self._input.pos = len(self._input.data)
        self._input.lacks(1)
        return False

    def _mute(self) -> None:
        """Drop the events of the element that starts, whose end only its delimiters show."""
        if self._muted_depth == _NOT_MUTED:
            self._muted_depth = len(self._contexts)
            self._events = []

    def _unmute(self) -> None:
        self._muted_depth = _NOT_MUTED
        self._events = self._results

    def _end_muted(self) -> None:
        """Deliver events again if the element that was left out has ended."""
        if self._muted_depth == len(self._contexts):
            self._unmute()

    # --- faults ------------------------------------------------------------------------------------------------

    def _wrong_value(self, message: str, data: bytes, size: int) -> bool:
        """Make the element of a value that does not fit its VR UN, or leave it out.

        Args:
            message: The fault.
            data: The value field.
            size: The bytes of the element.
        """
        for accepts in (_is_guess, _is_private):
            depth = self._depth_of_held(size, accepts)
            if depth is not None:
                return self._fall_back(depth, message)
        self._policy.reject_value(message)
        if self._policy.keeps:
            self._events.append((ELEMENT, self._tag, "UN", (data,)))
        self._input.pos += size
        return self._end_value()

    def _fault(self, message: str, size: int, ended: Event | None = None) -> bool:
        """Go on after a structure that cannot be read.

        Args:
            message: The fault.
            size: Bytes from the current position on that show it.
            ended: The end of the element that is open.
        """
        for accepts in (_is_guess, None):
            depth = self._depth_of_held(size, accepts)
            if depth is not None:
                return self._fall_back(depth, message)
        depth, end, is_sequence = self._next_end()
        rest = "data set" if end == NO_END else "sequence" if is_sequence else "item"
        self._policy.reject(
            "broken-structure", f"{message}; the rest of the {rest} is left out", DicomFileError(message)
        )
        if ended is not None:
            self._events.append(ended)
            self._end_muted()
        self._end_structures(depth, keeps_sequence=is_sequence)
        self._tag = -1
        if end == NO_END:
            return self._move(ParserState.END)
        return self._skip_to(end, self._state)

    def _misplaced(self, message: str, size: int) -> bool:
        """Report an end out of place; return False if a sequence has become UN instead.

        Args:
            message: The fault.
            size: Bytes from the current position on that show it.
        """
        depth = self._depth_of_held(size, _is_guess)
        if depth is not None:
            self._fall_back(depth, message)
            return False
        self._policy.report("misplaced-end", message)
        return True

    # --- sequences that become UN

    def _open_sequences(self) -> list[Context]:
        """Return the contexts with an open sequence, outermost first."""
        return [*self._contexts, self._context] if self._state is ParserState.ITEMS else self._contexts

    def _depth_of_held(self, size: int, accepts: Callable[[Context], bool] | None) -> int | None:
        """Return the depth of the innermost sequence that the buffer holds whole, or None.

        Args:
            size: Bytes from the current position on that are needed; they must be within the sequence.
            accepts: A condition on the sequence.
        """
        end = self._input.offset + size
        sequences = self._open_sequences()
        for depth in reversed(range(len(sequences))):
            context = sequences[depth]
            if context.sequence_start >= 0 and end <= context.sequence_end and (accepts is None or accepts(context)):
                return depth
        return None

    def _release(self, end: int) -> None:
        """Let go of sequences that end before the bytes that are needed next.

        Their events are delivered if those bytes have not arrived, and cannot be taken back then.
        """
        for context in self._contexts:
            if context.sequence_end < end:
                context.sequence_start = -1

    def _fall_back(self, depth: int, message: str) -> bool:
        """Take the events of an open sequence back; make it UN, or leave it out."""
        sequences = self._open_sequences()
        context, count = sequences[depth], len(sequences) - depth
        if not _is_guess(context):
            self._policy.reject_value(
                f"{message}; {format_tag(context.tag)} is UN or left out", DicomFileError(message)
            )
        source = self._input
        data = source.data[context.sequence_start - source.base : context.sequence_end - source.base]
        source.pos = context.sequence_end - source.base
        if self._muted_depth > depth:
            count = self._muted_depth - depth  # the sequences inside have left no events
            self._unmute()
        del self._contexts[depth:]
        self._context = context
        self._tag = context.tag
        _take_sequences_back(self._events, count)
        if self._places is not None:
            header = 8 if context.encoding.implicit else 12
            self._places.take_back(context.sequence_start - header)
        if _is_guess(context) or self._policy.keeps:
            self._events.append((ELEMENT, context.tag, "UN", (data,)))
        self._move(ParserState.ELEMENTS)
        return self._end_value()

    # --- the way on without them

    def _next_end(self) -> tuple[int, int, bool]:
        """Return the innermost end that a length has given.

        Returns:
            The number of contexts around it, its offset or ``NO_END``, and True if it is that of a sequence.
        """
        offset = self._input.offset
        contexts = [*self._contexts, self._context]
        opened = len(self._open_sequences())
        for depth in reversed(range(len(contexts))):
            context = contexts[depth]
            if depth < opened and offset <= context.sequence_end < NO_END:
                return depth, context.sequence_end, True
            if offset <= context.end < NO_END:
                return depth, context.end, False
        return 0, NO_END, False

    def _end_structures(self, depth: int, *, keeps_sequence: bool = False) -> None:
        """End the structures inside of a data set, item or sequence.

        Args:
            depth: The number of contexts around that.
            keeps_sequence: Whether the sequence there stays open.
        """
        is_open = self._state is ParserState.ITEMS
        while len(self._contexts) > depth or (is_open and not keeps_sequence):
            if is_open:
                self._events.append((END_SEQUENCE, self._context.tag, "SQ", None))
                self._end_muted()
            else:
                self._context = self._contexts.pop()
                self._events.append((END_ITEM, self._context.tag, "SQ", None))
            is_open = not is_open
        self._state = ParserState.ITEMS if is_open else ParserState.ELEMENTS

    # --- steps of the subclass

    def _end_value(self) -> bool:
        """Go on after a value, at which an item of defined length may end."""
        raise NotImplementedError


def _is_guess(context: Context) -> bool:
    return context.sequence_kind in (IMPLIED, UN)


def _is_private(context: Context) -> bool:
    return context.tag >> 16 & 1 == 1


def _take_sequences_back(events: list[Event], count: int) -> None:
    """Remove the events of the sequences that were started last and have not ended."""
    for index in reversed(range(len(events))):
        kind = events[index][0]
        if kind == ENCODED:
            rest, count = take_back(events[index], count)
            if rest is not None:
                events[index:] = [rest]
                return
        if kind == END_SEQUENCE:
            count += 1
        elif kind == START_SEQUENCE:
            count -= 1
            if not count:
                del events[index:]
                return
