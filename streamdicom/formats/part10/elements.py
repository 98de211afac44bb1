"""The data elements of a DICOM file (PS3.5 7) to events.

In each state one function takes a step: it emits events and moves on, or it sets how many bytes it needs.
``part10_run`` reads the canonical elements, sequences and items before a step handles anything else.

pydicom's dictionary is imported when an element needs it. Explicit VR does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from struct import Struct
from typing import Any, ClassVar

from streamdicom._cache import BoundedCache
from streamdicom._push import PushParser
from streamdicom._warn import warn
from streamdicom.deviations import DEVIATIONS
from streamdicom.dicom import (
    DECODERS,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    ITEM,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    VRS,
    Form,
    format_tag,
    swap_words,
)
from streamdicom.errors import DicomFileError, LimitError, Location, StreamDicomError
from streamdicom.events import (
    BINARY_SEGMENT_SIZE,
    ELEMENT,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    END_SEQUENCE,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)
from streamdicom.formats.deviation_policy import PlacedDeviationPolicy
from streamdicom.formats.part10.context import NO_END, Context, ElementContext, affects_context, is_ambiguous
from streamdicom.formats.part10.headers import DELIMITER_GROUP, read_header, read_item_header
from streamdicom.formats.part10.receive_buffer import ReceiveBuffer
from streamdicom.formats.part10.runs import (
    FILE_META_TABLE,
    MAX_WHOLE_VALUE,
    READ_TABLES,
    SEQUENCE,
    part10_run,
    run_offsets,
)
from streamdicom.formats.part10.states import ParserState
from streamdicom.formats.part10.values import LongText, text_values
from streamdicom.formats.places import KeepsPlaces
from streamdicom.options import ReadOptions

_BATCH_SIZE = 4096  # numbers in one event


class ElementParser(PushParser[Event], KeepsPlaces):
    """The base of ``Part10Parser``: reads a data set whose encoding is known.

    Args:
        options: See ``Part10Parser``.
        index: See ``Part10Parser``.
    """

    _steps: ClassVar[Mapping[ParserState, Callable[[Any], bool]]]

    def __init__(self, options: ReadOptions, index: int) -> None:
        super().__init__()
        self._max_sequences = (options.limits.depth - 4) // 3  # see ``Limits.depth``
        self._index = index
        self._options = options
        self._policy: PlacedDeviationPolicy | None = None  # made for the first fault, as it refers to the parser
        self._state = ParserState.PREAMBLE
        self._step = self._steps[self._state]
        self._events: list[Event] = []
        self._input = ReceiveBuffer()
        # Open structures:
        self._context = Context(EXPLICIT_LITTLE_ENDIAN, FILE_META_TABLE, 0, NO_END, ElementContext())
        self._contexts: list[Context] = []  # around ``_context``
        self._tag = -1  # of the current element, for errors; -1 between elements
        # The current long value:
        self._vr = ""
        self._remaining = 0  # bytes
        self._long_size = 0  # bytes of long binary values so far
        self._in_fragments = False
        self._text: LongText | None = None

    @property
    def bytes_consumed(self) -> int:
        """Bytes that are accounted for so far; of a deflated data set, the inflated bytes."""
        return self._input.offset

    def _locate(self, error: StreamDicomError) -> None:
        error.location = self._location()

    def _location(self) -> Location:
        return Location(self.bytes_consumed, self._index, self._tag_path())

    def _tag_path(self) -> str:
        parts = [f"{format_tag(context.tag)}[{context.items - 1}]" for context in self._contexts]
        if self._state is ParserState.ITEMS:
            parts.append(f"{format_tag(self._context.tag)}[{self._context.items}]")
        elif self._tag >= 0:
            parts.append(format_tag(self._tag))
        return ".".join(parts)

    def _begin(self, events: list[Event]) -> None:
        """Start a call, which appends to the list."""
        self._events = events
        if self._places is not None:
            self._places.begin(events)

    def _move(self, state: ParserState) -> bool:
        self._state = state
        self._step = self._steps[state]
        return True

    def _has_vr(self) -> bool:
        """Return True for two capital letters in place of the VR.

        As a length in implicit VR they would be implausible.
        """
        first, second = self._input.data[self._input.pos + 4 : self._input.pos + 6]
        return 0x41 <= first <= 0x5A and 0x41 <= second <= 0x5A

    # --- elements ----------------------------------------------------------------------------------------------

    def _structure(self) -> bool:
        """Read canonical structures, and then take one step of any kind."""
        if self._run():
            self._state = ParserState.ITEMS
            return self._item()
        self._state = ParserState.ELEMENTS
        return self._element()

    def _run(self) -> bool:
        """Read canonical structures; return True if an item is due then."""
        source = self._input
        if self._places is not None:
            self._places.mark(partial(run_offsets, source.data, source.pos, source.base, self._context.encoding))
        source.pos, self._context, is_item_due = part10_run(
            source.data,
            source.pos,
            source.base,
            self._context,
            self._contexts,
            self._events.append,
            self._max_sequences,
            self._state is ParserState.ITEMS,
        )
        return is_item_due

    def _element(self) -> bool:
        """Read one element of any kind, or the end of an item."""
        source, context = self._input, self._context
        self._tag = -1
        if self._places is not None:
            self._places.mark(source.offset)
        if source.lacks(8):
            return False
        pos = source.pos
        offset = source.base + pos
        if self._contexts and offset == context.start:
            self._confirm_encoding()
        tag, layout, file_vr, size, length = read_header(source.data, pos, context.encoding)
        self._tag = tag
        if tag >> 16 == DELIMITER_GROUP:
            return self._delimiter(tag)
        if file_vr not in VRS and file_vr:
            raise DicomFileError("expected a VR (PS3.5 6.2), found other bytes")
        if source.lacks(size):
            return False
        if length != UNDEFINED_LENGTH and offset + size + length > context.end:
            raise self._end_error("element")
        vr = context.facts.effective_vr(tag, file_vr, length)
        self._learn(layout, tag, file_vr, vr)
        if vr == "SQ":
            return self._start_sequence(tag, file_vr, size, length)
        if length == UNDEFINED_LENGTH:
            return self._start_fragments(tag, vr, size)
        if length > MAX_WHOLE_VALUE:
            return self._start_long_value(tag, vr, size, length)
        if source.lacks(size + length):
            return False
        start = pos + size
        values = self._values(vr, source.data[start : start + length]) if length else ()
        if affects_context(tag):
            context.facts = context.facts.learn(tag, values)
            if tag == SPECIFIC_CHARACTER_SET and not context.facts.sets.is_defined:
                self._report_faults(("character-set",))
        self._events.append((ELEMENT, tag, vr, values))
        source.pos = start + length
        return self._end_value()

    def _delimiter(self, tag: int) -> bool:
        if tag != ITEM_DELIMITATION or self._context.end != NO_END or not self._contexts:
            raise DicomFileError("expected an element, found an item or a delimiter (PS3.5 7.5)")
        self._input.pos += 8
        return self._end_item()

    def _end_error(self, name: str, around: str = "its item") -> DicomFileError:
        return DicomFileError(f"expected the {name} to end within {around}, found an end after it")

    def _learn(self, layout: int, tag: int, file_vr: str, vr: str) -> None:
        """Add an element to the read table, if its meaning depends on nothing else."""
        if file_vr == "UN" or affects_context(tag) or (vr == "SQ" and self._state is ParserState.FILE_META):
            return
        if not file_vr and (vr == "SQ" or tag >> 16 & 1 or is_ambiguous(tag)):
            return
        key = self._context.encoding.tag.pack(tag >> 16, tag & 0xFFFF) + file_vr.encode()
        entry = SEQUENCE if vr == "SQ" else layout, tag, vr, DECODERS.get(vr, _no_values)
        self._context.known.remember(key, entry)

    def _values(self, vr: str, data: bytes) -> tuple[Any, ...]:
        values = DECODERS[vr](data, self._context.encoding.little_endian)
        if values is not None:
            return values
        if VRS[vr].code:
            raise _length_error(vr, len(data))
        values, faults = text_values(vr, data, self._context.facts.sets)
        if faults:
            self._report_faults(faults)
        return values

    def _report_faults(self, codes: Collection[str]) -> None:
        """Report deviations of the current element, by their codes."""
        for code in sorted(codes):
            if self._policy is None:
                self._policy = PlacedDeviationPolicy(self._options, DicomFileError, self._location, on_error="keep")
            self._policy.report(code, DEVIATIONS[code].meaning)

    # --- sequences and items -----------------------------------------------------------------------------------

    def _end_value(self) -> bool:
        """Go on after a value, at which an item of defined length may end."""
        offset, end = self._input.offset, self._context.end
        if offset < end:
            return True
        if offset > end:
            raise self._end_error("value of undefined length")
        return self._end_item()

    def _start_sequence(self, tag: int, file_vr: str, size: int, length: int) -> bool:
        if len(self._contexts) >= self._max_sequences:
            raise LimitError(f"more than {self._max_sequences} nested sequences", "depth")
        end = NO_END if length == UNDEFINED_LENGTH else self._input.offset + size + length
        self._input.pos += size
        self._context.open_sequence(tag, end, is_un=file_vr == "UN")
        self._events.append((START_SEQUENCE, tag, "SQ", None))
        return self._move(ParserState.ITEMS)

    def _item(self) -> bool:
        """Start an item, or end the sequence."""
        context = self._context
        offset = self._input.offset
        if self._places is not None:
            self._places.mark(offset)
        if offset >= context.sequence_end:
            if offset > context.sequence_end:  # trust the item, so that none of its elements is lost
                warn("expected the item to end within its sequence, found more bytes; they are kept")
            return self._end_sequence()
        if self._input.lacks(8):
            return False
        # PS3.5 6.2.2: the items in UN are in implicit VR little endian.
        encoding = IMPLICIT_LITTLE_ENDIAN if context.sequence_is_un else context.encoding
        tag, length = read_item_header(self._input.data, self._input.pos, encoding)
        if tag != ITEM:
            if tag != SEQUENCE_DELIMITATION or context.sequence_end != NO_END:
                raise DicomFileError("expected an item or the end of the sequence (PS3.5 7.5), found other bytes")
            self._input.pos += 8
            return self._end_sequence()
        end = NO_END
        if length != UNDEFINED_LENGTH:
            end = offset + 8 + length
            if end > context.end:
                raise self._end_error("item", "the item around it")
        self._input.pos += 8
        self._tag = -1
        self._events.append((START_ITEM, context.tag, "SQ", context.items))
        context.items += 1
        self._contexts.append(context)
        known = context.known if encoding is context.encoding else BoundedCache()
        self._context = Context(encoding, known, offset + 8, end, context.facts.inherited)
        self._state = ParserState.ELEMENTS
        return True if length else self._end_item()

    def _confirm_encoding(self) -> None:
        """Set the encoding of an item by its first element, as pydicom does."""
        context = self._context
        if context.encoding is EXPLICIT_LITTLE_ENDIAN and not self._has_vr():
            context.encoding = IMPLICIT_LITTLE_ENDIAN
        elif context.encoding.implicit and self._contexts[-1].sequence_is_un and self._has_vr():
            context.encoding = EXPLICIT_LITTLE_ENDIAN
        context.known = READ_TABLES[context.encoding]

    def _end_item(self) -> bool:
        self._context = context = self._contexts.pop()
        self._tag = context.tag
        self._events.append((END_ITEM, context.tag, "SQ", None))
        return self._move(ParserState.ITEMS)

    def _end_sequence(self) -> bool:
        self._tag = tag = self._context.tag
        self._events.append((END_SEQUENCE, tag, "SQ", None))
        self._move(ParserState.ELEMENTS)
        return self._end_value()

    # --- long values -------------------------------------------------------------------------------------------

    def _start_long_value(self, tag: int, vr: str, size: int, length: int) -> bool:
        self._input.pos += size
        self._vr = vr
        self._remaining = length
        row = VRS[vr]
        is_binary = row.form is Form.BINARY
        self._events.append((START_ELEMENT, tag, vr, length if is_binary else None))
        if is_binary:
            return self._move(ParserState.BINARY)
        if row.code:
            if length % _value_size(vr):
                raise _length_error(vr, length)
            return self._move(ParserState.NUMBERS)
        self._text = LongText(tag, vr, self._context.facts.sets)
        return self._move(ParserState.TEXT)

    def _next(self, length: int) -> bytes | None:
        """Return up to so many bytes of the long value, None if they are missing."""
        length = min(length, self._remaining)
        if self._input.lacks(length):
            return None
        self._remaining -= length
        return self._input.take(length)

    def _end_long_value(self) -> bool:
        self._events.append((END_ELEMENT, self._tag, self._vr, None))
        self._move(ParserState.ELEMENTS)
        return self._end_value()

    def _binary(self) -> bool:
        data = self._next(BINARY_SEGMENT_SIZE)
        if data is None:
            return False
        self._long_size += len(data)
        if not self._context.encoding.little_endian and not self._in_fragments:
            data = swap_words(data, VRS[self._vr].word)
        self._events.append((SEGMENT if self._remaining else LAST_SEGMENT, self._tag, self._vr, data))
        if self._remaining:
            return True
        return self._move(ParserState.FRAGMENTS) if self._in_fragments else self._end_long_value()

    def _numbers(self) -> bool:
        data = self._next(_BATCH_SIZE * _value_size(self._vr))
        if data is None:
            return False
        self._events.append((VALUES, self._tag, self._vr, self._values(self._vr, data)))
        return True if self._remaining else self._end_long_value()

    def _long_text(self) -> bool:
        assert self._text
        data = self._next(BINARY_SEGMENT_SIZE)
        if data is None:
            return False
        self._events += self._text.feed(data, final=not self._remaining)
        self._report_faults(self._text.new_faults())
        return True if self._remaining else self._end_long_value()

    # --- encapsulated pixel data (PS3.5 A.4) -------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, size: int) -> bool:
        if vr not in ("OB", "OW"):
            raise DicomFileError(f"expected a defined length for VR {vr}, found an undefined one (PS3.5 7.1.2)")
        self._input.pos += size
        self._vr = vr
        self._in_fragments = True
        self._events.append((START_FRAGMENTS, tag, vr, None))
        return self._move(ParserState.FRAGMENTS)

    def _fragment(self) -> bool:
        if self._input.lacks(8):
            return False
        tag, length = read_item_header(self._input.data, self._input.pos, self._context.encoding)
        if tag == SEQUENCE_DELIMITATION:
            self._input.pos += 8
            self._in_fragments = False
            self._events.append((END_FRAGMENTS, self._tag, self._vr, None))
            self._move(ParserState.ELEMENTS)
            return self._end_value()
        if tag != ITEM or length == UNDEFINED_LENGTH:
            raise DicomFileError("expected a fragment of defined length or the delimiter after the last (PS3.5 A.4)")
        if self._input.offset + 8 + length > self._context.end:
            raise self._end_error("fragment")
        self._input.pos += 8
        self._remaining = length
        self._events.append((START_FRAGMENT, self._tag, self._vr, length))
        return self._move(ParserState.BINARY)


def _no_values(data: bytes, little_endian: bool) -> None:
    """Stand for the decoder of a sequence, which has no values."""


def _value_size(vr: str) -> int:
    """Return the bytes of one value of a VR of numbers."""
    return 4 if vr == "AT" else Struct(f"={VRS[vr].code}").size


def _length_error(vr: str, length: int) -> DicomFileError:
    return DicomFileError(f"expected a multiple of {_value_size(vr)} bytes for VR {vr}, found {length}")
