"""The way on after a fault in a data set.

A value that does not fit its VR costs its element, or the private sequence or UN around it. A structure that cannot be
read costs the innermost sequence that can be taken back. Its events are removed, and it becomes UN with its bytes. That
is possible for sequences of at most 64 KiB, and for longer private sequences and UN of at most
``Limits.held_size``; see ``holding``. If such a sequence has no length, its end is found by the delimiters in it.

Around other sequences, the next end that a length has given is the way on. Without any, the data set ends. A deviation
says so.

UN may hold anything (PS3.5 6.2.2), and a private dictionary may be wrong. If such an element has a length and cannot be
read as a sequence, it is UN without a report.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial

from streamdicom._encoded import ENCODED, take_back
from streamdicom._records import NamedTuple
from streamdicom.dicom import DECODERS, format_tag
from streamdicom.errors import DicomFileError, Location, StreamDicomError
from streamdicom.events import (
    ELEMENT,
    END_ITEM,
    END_SEQUENCE,
    START_SEQUENCE,
    Event,
)
from streamdicom.formats.deviation_policy import PlacedDeviationPolicy
from streamdicom.formats.part10.context import NO_END, UN
from streamdicom.formats.part10.delimiters import TOKEN_SIZE, EndSearch
from streamdicom.formats.part10.holding import HoldingParser, is_guess, is_vague
from streamdicom.formats.part10.padding import CHECKING_DECODERS
from streamdicom.formats.part10.runs import (
    CHECKING_FILE_META_TABLE,
    CHECKING_TABLES,
    READ_TABLES,
)
from streamdicom.formats.part10.states import ParserState
from streamdicom.options import ReadOptions


class _Search(NamedTuple):
    """A search for the end of a sequence.

    Attributes:
        depth: The number of contexts around the sequence.
        message: The fault.
        otherwise: The step after the fault if there is no end.
        state: The state at the fault.
        fault: The offset of the fault.
        limit: The offset that the sequence must not pass.
        delimiters: The search among delimiters.
    """

    depth: int
    message: str
    otherwise: Callable[[], bool]
    state: ParserState
    fault: int
    limit: int
    delimiters: EndSearch


class RecoveringParser(HoldingParser):
    """The base of the parser of DICOM files: faults in its structures.

    Args:
        options: See ``Part10Parser``.
        index: See ``Part10Parser``.
    """

    def __init__(self, options: ReadOptions, index: int) -> None:
        super().__init__(options, index)
        self._checks_padding = False
        self._decoders, self._tables = DECODERS, READ_TABLES
        self._tag = -1  # of the current element, for errors; -1 between elements
        self._is_final = False  # True when no more bytes follow
        self._search: _Search | None = None
        self._tail = 0  # bytes after the long value that is read, to pass over

    def check_padding(self) -> None:
        """Report padding that PS3.5 6.2 does not allow."""
        self._checks_padding = True
        self._decoders, self._tables = CHECKING_DECODERS, CHECKING_TABLES
        self._context.known = CHECKING_FILE_META_TABLE

    @cached_property
    def _policy(self) -> PlacedDeviationPolicy:
        from weakref import ref  # which takes long to import

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
        if self._muted_depth < 0:
            self._muted_depth = len(self._contexts)
            self._events = []

    def _unmute(self) -> None:
        self._muted_depth = -1
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
        for accepts in (is_guess, is_vague):
            depth = self._depth_of_held(size, accepts)
            if depth is not None:
                return self._fall_back(depth, message, partial(self._wrong_value, message, data, size))
        self._policy.reject_value(message)
        if self._policy.keeps:
            self._events.append((ELEMENT, self._tag, "UN", (data,)))
        self._input.pos += size
        return self._end_value()

    def _fault(
        self, message: str, size: int, ended: Event | None = None, otherwise: Callable[[], bool] | None = None
    ) -> bool:
        """Go on after a structure that cannot be read.

        Args:
            message: The fault.
            size: Bytes from the current position on that show it.
            ended: The end of the fragments that are open.
            otherwise: The step if it can be seen only after a search that no sequence can be taken back.
        """
        for accepts in (is_guess, None):
            depth = self._depth_of_held(size, accepts)
            if depth is not None:
                otherwise = otherwise or partial(self._fault, message, size, ended)
                return self._fall_back(depth, message, otherwise, in_fragments=ended is not None)
        depth, end, is_sequence = self._next_end()
        rest = "data set" if end == NO_END else "sequence" if is_sequence else "item"
        self._policy.reject(
            "broken-structure",
            f"{message}; the rest of the {rest} is left out{self._why_not_held()}",
            DicomFileError(message),
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
        depth = self._depth_of_held(size, is_guess)
        if depth is not None:
            self._replace(depth, message, self._open_sequences()[depth].sequence_end)
            return False
        self._policy.report("misplaced-end", message)
        return True

    # --- sequences that become UN

    def _fall_back(
        self, depth: int, message: str, otherwise: Callable[[], bool], *, in_fragments: bool = False
    ) -> bool:
        """Make an open sequence UN, or leave it out.

        Args:
            depth: Its depth.
            message: The fault.
            otherwise: The step if it has no length, and no end is found.
            in_fragments: Whether the fault is among the fragments of an element.
        """
        end = self._open_sequences()[depth].sequence_end
        if end < NO_END:
            return self._replace(depth, message, end)
        if not self._policy.accepts_wrong_values:
            self._policy.reject_value(message, DicomFileError(message))
        return self._start_search(depth, message, otherwise, in_fragments)

    def _replace(self, depth: int, message: str, end: int, tail: int = 0) -> bool:
        """Take the events of an open sequence back, and read it as UN or leave it out.

        Args:
            depth: Its depth.
            message: The fault.
            end: The offset after its value.
            tail: The bytes of its delimiter.
        """
        sequences = self._open_sequences()
        context, count = sequences[depth], len(sequences) - depth
        is_kept = is_guess(context)
        if not is_kept:
            text = f"{message}; {format_tag(context.tag)} is UN or left out"
            self._policy.reject_value(text, DicomFileError(message))
            is_kept = self._policy.keeps
        if self._muted_depth > depth:
            count = self._muted_depth - depth  # the sequences inside have left no events
            self._unmute()
        del self._contexts[depth:]
        self._context, self._tag = context, context.tag
        start = context.sequence_start
        self._take_back(depth, count)
        self._input.rewind(start)
        if self._places is not None:
            header = 8 if context.encoding.implicit else 12
            self._places.take_back(start - header)
        self._move(ParserState.ELEMENTS)
        if not is_kept:
            return self._skip_to(end + tail)
        self._tail = tail
        return self._read_unknown(end - start)

    def _take_back(self, depth: int, count: int) -> None:
        """Remove the events of the innermost sequences."""
        hold = next((hold for hold in self._holds if hold.depth == depth), None)
        if hold is not None and self._context.sequence_start == hold.start:
            if self._events is self._results:
                del self._results[hold.index :]
        else:
            _take_sequences_back(self._events, count)
        self._holds = [hold for hold in self._holds if hold.depth < depth]

    def _why_not_held(self) -> str:
        """Return the end of a message: why a private sequence or UN is not taken back."""
        sequence = next(filter(is_vague, reversed(self._open_sequences())), None)
        if sequence is None:
            return ""
        name = format_tag(sequence.tag)
        if sequence.sequence_end < NO_END:
            return f", as {name} has more bytes than Limits.held_size"
        return f", as no end of {name} is found in Limits.held_size"

    # --- the end of a sequence without a length

    def _start_search(self, depth: int, message: str, otherwise: Callable[[], bool], in_fragments: bool) -> bool:
        """Search for the end of an open sequence, from its start on."""
        sequences = self._open_sequences()
        context, source = sequences[depth], self._input
        start, fault = context.sequence_start, source.offset
        ends: list[tuple[int, bool]] = []  # inside of it: where a structure ends, and whether it is a sequence
        for item in sequences[depth + 1 :]:
            ends += [(item.end, False), (item.sequence_end, True)]
        if self._context is not sequences[-1]:
            ends.append((self._context.end, False))
        if in_fragments:
            ends.append((NO_END, True))
        # Where a structure ends by its length, those in it end too.
        ended = next((number for number, (end, _) in enumerate(ends) if 0 <= end - fault < TOKEN_SIZE), len(ends))
        opened = [[True] + [is_sequence for end, is_sequence in part if end == NO_END] for part in (ends, ends[:ended])]
        limit = min(context.limit, start + self._max_held + TOKEN_SIZE)
        little_endian = context.sequence_kind == UN or context.encoding.little_endian
        delimiters = EndSearch(fault, *opened, little_endian=little_endian)
        self._settle()
        self._search = _Search(depth, message, otherwise, self._state, fault, limit, delimiters)
        source.rewind(start)
        return self._move(ParserState.SEARCH)

    def _search_end(self) -> bool:
        """Search on."""
        search, source = self._search, self._input
        assert search
        delimiters = search.delimiters
        source.pos, found = delimiters.find(source.data, source.pos, source.base)
        end = source.offset
        is_over = delimiters.has_failed or self._is_final or end + TOKEN_SIZE > search.limit
        if found is None and not is_over:
            source.lacks(TOKEN_SIZE)
            return False
        self._search = None
        source.rewind(search.fault)
        self._move(search.state)
        self._release(min(end + TOKEN_SIZE, search.limit), search.depth)
        if found is not None and end + TOKEN_SIZE <= search.limit:
            return self._replace(search.depth, search.message, end, TOKEN_SIZE)
        for context in self._open_sequences():  # the end of those around it is not to be found either
            if context.sequence_end == NO_END:
                context.sequence_start = -1
        return search.otherwise()

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

    def _read_unknown(self, length: int) -> bool:
        """Read the value field of the current element as UN."""
        raise NotImplementedError

    def _end_value(self) -> bool:
        """Go on after a value, at which an item of defined length may end."""
        raise NotImplementedError


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
