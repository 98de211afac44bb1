"""The data elements of a DICOM file (PS3.5 7) to events.

In each state one function takes a step: it emits events and moves on, or it sets how many bytes it needs.
``part10_run`` reads the canonical elements, sequences and items before a step handles anything else.

pydicom's dictionary is imported when an element needs it. Explicit VR does not.
"""

from __future__ import annotations

from functools import partial

from streamdicom._cache import BoundedCache
from streamdicom.dicom import (
    EXPLICIT_LITTLE_ENDIAN,
    FILE_META_GROUP,
    IMPLICIT_LITTLE_ENDIAN,
    ITEM,
    ITEM_DELIMITATION,
    SEQUENCE_DELIMITATION,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    VRS,
    Encoding,
    is_group_length,
    may_have_vr,
)
from streamdicom.errors import DicomFileError, LimitError
from streamdicom.events import (
    ELEMENT,
    END_ITEM,
    END_SEQUENCE,
    START_ITEM,
    START_SEQUENCE,
)
from streamdicom.formats.deviation_policy import FILE_META_IN_ITEM
from streamdicom.formats.part10.context import (
    IMPLIED,
    NO_END,
    PRIVATE,
    PUBLIC,
    UN,
    Context,
    affects_context,
    certain_vr,
)
from streamdicom.formats.part10.headers import DELIMITER_GROUP, SHORT, read_header, read_item_header
from streamdicom.formats.part10.holding import is_guess
from streamdicom.formats.part10.long_reading import LongValueParser, length_message
from streamdicom.formats.part10.runs import (
    IMPLICIT_SEQUENCE,
    LEARNED,
    MAX_WHOLE_VALUE,
    SEQUENCE,
    most_sequences,
    run_of_engine,
)
from streamdicom.formats.part10.states import ParserState
from streamdicom.options import ReadOptions

_BATCH_SIZE = 4096  # numbers in one event
_MIN_HEADER = 8  # bytes
_NEXT_HEADER_END = 16  # bytes of an empty element with a header of 8 bytes, and of the start of the next one
_MAY_BE_OPEN = frozenset({"SQ", "OB", "OW"})  # VRs that may have an undefined length (PS3.5 7.1.2)
_ZEROS = bytes(_MIN_HEADER)
_LONG_ITEM = "expected the item to end within its sequence, found an end after it; the item is read"
_MESSAGES = {
    "unknown-vr": "expected a VR (PS3.5 6.2), found other bytes; the element is UN",
    "missing-vr": "expected a VR (PS3.5 7.1.2), found a length as in implicit VR",
    "undefined-length": "expected a defined length for the VR (PS3.5 7.1.2), found an undefined one; it is a sequence",
}


class ElementParser(LongValueParser):
    """The base of ``Part10Parser``: reads a data set whose encoding is known.

    Args:
        options: See ``Part10Parser``.
        index: See ``Part10Parser``.
    """

    def __init__(self, options: ReadOptions, index: int) -> None:
        super().__init__(options, index)
        self._max_sequences = most_sequences(options.limits)
        self._part10_run = run_of_engine()
        self._keeps_un = False

    def _stop_encoding(self) -> None:
        """Make events of all elements from here on."""
        if not self._keeps_un:  # the engine would give UN another VR
            self._part10_run = run_of_engine()

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
        is_item_due = self._state is ParserState.ITEMS
        if self._muted_depth >= 0:  # the end of the muted element must not be passed unseen
            return is_item_due
        source = self._input
        arguments = (
            source.data,
            source.pos,
            source.base,
            self._context,
            self._contexts,
            self._events,
            self._max_sequences,
            is_item_due,
        )
        if self._places is None:
            source.pos, self._context, is_item_due = self._part10_run(*arguments)
        elif self._rules is None:
            self._places.mark((source.data, source.pos, source.base, self._context.encoding))
            source.pos, self._context, is_item_due = self._part10_run(*arguments)
        else:
            made, positions = len(self._events), list[int]()
            source.pos, self._context, is_item_due = self._part10_run(*arguments, self._rules, positions)
            self._places.mark_run(made, source.base, positions)
        self._context.forget()
        return is_item_due

    def _element(self) -> bool:
        """Read one element of any kind, or the end of an item."""
        source, context = self._input, self._context
        self._tag = -1
        offset = source.offset
        if self._places is not None:
            self._places.mark(offset)
        left = context.limit - offset
        if left < _MIN_HEADER:
            return self._fault(f"expected an element in the item, found {left} bytes", left)
        if source.lacks(_MIN_HEADER):
            return False
        if self._contexts and offset == context.start:
            self._confirm_encoding()
        tag, layout, file_vr, size, length = read_header(source.data, source.pos, context.encoding)
        self._tag = tag
        if tag >> 16 == DELIMITER_GROUP:
            return self._delimiter(tag, length)
        if not (tag or self._contexts) and source.data.startswith(_ZEROS, source.pos):
            return self._start_padding()
        code = ""
        if file_vr and file_vr not in VRS:
            header = self._read_odd_header(tag, left)
            if header is None:
                return False
            code, file_vr, size, length = header
        if left < size or (length != UNDEFINED_LENGTH and length > left - size):
            return self._overrun(size, left)
        return self._content(tag, file_vr, size, length, layout, code)

    def _content(self, tag: int, file_vr: str, size: int, length: int, layout: int, code: str) -> bool:
        """Read an element after its header."""
        context = self._context
        is_un = code == "unknown-vr" or (self._keeps_un and file_vr == "UN" and length != UNDEFINED_LENGTH)
        vr = "UN" if is_un else context.facts.effective_vr(tag, file_vr, length)
        if length == UNDEFINED_LENGTH and vr not in _MAY_BE_OPEN:
            vr, code = "SQ", code or "undefined-length"
        if self._state is ParserState.FILE_META and (vr == "SQ" or length > MAX_WHOLE_VALUE):
            return self._long_file_meta(size, length)
        is_whole = length <= MAX_WHOLE_VALUE and not (vr == "SQ" and self._is_final)
        self._release(self._input.offset + size + (length if is_whole else 0))
        if self._input.lacks(size + length if is_whole else size):
            return False
        if not self._is_accepted(tag, code, length):
            return self._leave_out(tag, vr, file_vr, size, length)
        if not code:
            self._learn(layout, tag, file_vr, vr)
        self._little_endian = context.encoding.little_endian or file_vr == "UN"  # PS3.5 6.2.2
        if vr == "SQ":
            return self._start_sequence(tag, _kind_of(tag, file_vr), size, length)
        if length == UNDEFINED_LENGTH:
            return self._start_fragments(tag, vr, size)
        is_certain = file_vr != "UN" and (file_vr != "" or not tag >> 16 & 1)
        read = self._start_long_value if length > MAX_WHOLE_VALUE else self._whole_value
        return read(tag, vr, size, length, is_certain=is_certain)

    def _whole_value(self, tag: int, vr: str, size: int, length: int, *, is_certain: bool) -> bool:
        source = self._input
        start = source.pos + size
        data = source.data[start : start + length]
        if not is_certain and data and not (may_have_vr(tag, vr, data) and self._is_decodable(vr, data)):
            vr = "UN"
        values = self._values(vr, data) if data else ()
        if values is None:
            return self._wrong_value(length_message(vr, length), data, size + length)
        if affects_context(tag):
            self._context.facts = self._context.facts.learn(tag, values)
            if tag == SPECIFIC_CHARACTER_SET and not self._context.facts.sets.is_defined:
                self._report_faults(("character-set",))
        self._check_padding(vr, data)
        self._events.append((ELEMENT, tag, vr, values))
        source.pos = start + length
        return self._end_value()

    def _is_accepted(self, tag: int, code: str, length: int) -> bool:
        """Report an irregular element; return False if it is left out."""
        if tag >> 16 == FILE_META_GROUP and not self._contexts and self._state is not ParserState.FILE_META:
            self._policy.report(
                "misplaced-file-meta",
                "expected no element of group 0002 after the File Meta Information (PS3.10 7.1), found one",
            )
            return False
        if code:
            self._policy.report(code, _MESSAGES[code])
        if length & 1 and length != UNDEFINED_LENGTH:
            self._policy.report("odd-length", f"expected an even length, found {length}")
        seen = self._context
        if tag <= seen.last:
            if seen.has(tag):
                self._policy.report(
                    "duplicate-key", "expected each element once in a data set (PS3.5 7.1), found a second one"
                )
                return False
            self._policy.report("key-order", "expected tags in ascending order (PS3.5 7.1), found a lower tag")
        if tag >> 16 == FILE_META_GROUP and self._contexts and seen.last >> 16 != FILE_META_GROUP:
            self._policy.report(*FILE_META_IN_ITEM)
        seen.see(tag)
        return True

    def _leave_out(self, tag: int, vr: str, file_vr: str, size: int, length: int) -> bool:
        """Pass over the element that starts."""
        if length != UNDEFINED_LENGTH:
            return self._skip_to(self._input.offset + size + length, self._state)
        self._mute()
        if vr == "SQ":
            return self._start_sequence(tag, _kind_of(tag, file_vr), size, length)
        return self._start_fragments(tag, vr, size)

    def _overrun(self, size: int, left: int) -> bool:
        """Go on after an element that does not end within its item."""
        message = "expected the element to end within its item, found an end after it"
        length = left - size
        if length < 0 or self._depth_of_held(size, None) is not None:
            return self._fault(message, min(size, left), otherwise=partial(self._overrun, size, left))
        if self._input.lacks(size + length if length <= MAX_WHOLE_VALUE else size):
            return False
        tag, context = self._tag, self._context
        self._policy.reject(
            "broken-structure", f"{message}; the element ends with the item, as UN", DicomFileError(message)
        )
        if not self._policy.keeps or (tag <= context.last and context.has(tag)):
            return self._skip_to(self._input.offset + left)
        context.see(tag)
        self._little_endian = True
        read = self._start_long_value if length > MAX_WHOLE_VALUE else self._whole_value
        return read(tag, "UN", size, length, is_certain=True)

    def _long_file_meta(self, size: int, length: int) -> bool:
        message = (
            f"expected values of at most {MAX_WHOLE_VALUE} bytes in the File Meta Information, "
            "found a longer one or a sequence"
        )
        if length == UNDEFINED_LENGTH:
            return self._fault(message, size)
        self._policy.reject_value(f"{message}; it is left out", DicomFileError(message))
        return self._skip_to(self._input.offset + size + length, ParserState.FILE_META)

    def _read_odd_header(self, tag: int, left: int) -> tuple[str, str, int, int] | None:
        """Read a header without a known VR (PS3.5 7.1.2).

        The VR is a later one with 32 bits of length, or from a writer that had none. pydicom reads a header in implicit
        VR, DCMTK a length of 16 bits.

        Returns:
            Code of the deviation, VR, size and length; None if bytes are missing.
        """
        source, encoding = self._input, self._context.encoding
        data, pos = source.data, source.pos
        first, second = data[pos + 4 : pos + 6]
        length = encoding.short.unpack_from(data, pos + 6)[0]
        if encoding.little_endian and not length and first < 0x20 and (first or second):
            return "missing-vr", "", 8, first | second << 8
        if length or left < 12:
            return "unknown-vr", "", 8, length
        is_capital = 0x41 <= first <= 0x5A and 0x41 <= second <= 0x5A
        ends = [context.sequence_end - source.offset for context in self._contexts]
        needed = 12 if is_capital or self._is_final or min(left, *ends, left) < _NEXT_HEADER_END else _NEXT_HEADER_END
        self._release(source.offset + needed)
        if source.lacks(needed):
            return None
        if needed > 12:
            next_tag, _, next_vr, *_ = read_header(data, pos + 8, encoding)
            if next_tag > tag and next_vr in VRS:
                return "unknown-vr", "", 8, 0
        return "unknown-vr", "", 12, encoding.long.unpack_from(data, pos + 8)[0]

    def _start_padding(self) -> bool:
        self._policy.report("trailing-padding", "expected the end of the data set, found zero bytes as padding")
        return self._move(ParserState.PADDING)

    def _padding(self) -> bool:
        source = self._input
        source.pos = len(source.data) - len(source.data[source.pos :].lstrip(b"\0"))
        if source.pos == len(source.data):
            return self._ended()
        self._policy.reject("broken-structure", "expected only zero bytes in padding, found others; they are left out")
        return self._move(ParserState.END)

    def _delimiter(self, tag: int, length: int) -> bool:
        context = self._context
        is_item_open = bool(self._contexts) and context.end == NO_END
        if tag == ITEM_DELIMITATION and is_item_open:
            self._input.pos += 8
            return self._end_item()
        is_end = tag == SEQUENCE_DELIMITATION and is_item_open and self._contexts[-1].sequence_end == NO_END
        if is_end or (tag == ITEM and is_item_open):
            if self._misplaced("expected the end of the item, found that of the sequence or the next item", 8):
                return self._end_item()
            return True
        if length == 0 and tag in (ITEM_DELIMITATION, SEQUENCE_DELIMITATION):
            if self._misplaced("expected an element, found a delimiter; the delimiter is passed over", 8):
                self._input.pos += 8
                return self._end_value()
            return True
        return self._fault("expected an element, found an item or a delimiter (PS3.5 7.5)", 8)

    def _learn(self, layout: int, tag: int, file_vr: str, vr: str) -> None:
        """Add an element to the read table, if its meaning depends on nothing else."""
        if file_vr == "UN" or tag == SPECIFIC_CHARACTER_SET:
            return
        if self._state is ParserState.FILE_META:
            if vr == "SQ" or is_group_length(tag):
                return
        elif tag >> 16 == FILE_META_GROUP:
            return
        # A sequence of undefined length may have another VR by the dictionary.
        if tag >> 16 & 1 and vr == "SQ":
            return
        if vr != (file_vr or certain_vr(tag)):  # in implicit VR, its length or other elements decide
            return
        key = self._context.encoding.tag.pack(tag >> 16, tag & 0xFFFF) + file_vr.encode()
        if vr == "SQ":
            layout = SEQUENCE if file_vr else IMPLICIT_SEQUENCE
        elif affects_context(tag):
            if layout != SHORT:
                return
            layout = LEARNED
        entry = layout, tag, vr, self._decoders.get(vr, _no_values)
        self._context.known.remember(key, entry)

    # --- sequences and items -----------------------------------------------------------------------------------

    def _end_value(self) -> bool:
        self._end_muted()
        return True if self._input.offset < self._context.end else self._end_item()

    def _start_sequence(self, tag: int, kind: str, size: int, length: int) -> bool:
        if len(self._contexts) >= self._max_sequences:
            return self._too_deep(size)
        self._input.pos += size
        start = self._input.offset
        end = NO_END if length == UNDEFINED_LENGTH else start + length
        if length <= MAX_WHOLE_VALUE:
            is_held = not self._is_final or length <= len(self._input.data) - self._input.pos
        else:
            is_held = kind != PUBLIC and (end == NO_END or length <= self._max_held)
        self._context.open_sequence(tag, kind, start if is_held else -1, end)
        if tag & 0xFFFF == 0 or tag >> 16 == FILE_META_GROUP:  # writers may leave out all that is in it
            self._stop_encoding()
        self._events.append((START_SEQUENCE, tag, "SQ", None))
        return self._move(ParserState.ITEMS)

    def _too_deep(self, size: int) -> bool:
        """Read a sequence that was UN, or private in implicit VR, as UN.

        Raises:
            LimitError: The sequences are in neither.
        """
        message = f"more than {self._max_sequences} nested sequences"
        depth = self._depth_of_held(size, is_guess)
        if depth is None:
            raise LimitError(message, "depth")
        return self._replace(depth, message, self._open_sequences()[depth].sequence_end)

    def _item(self) -> bool:
        """Start an item, or end the sequence."""
        context = self._context
        offset = self._input.offset
        if self._places is not None:
            self._places.mark(offset)
        if offset >= context.sequence_end:
            # Trust the item, so that none of its elements is lost.
            if offset > context.sequence_end and not self._misplaced(_LONG_ITEM, 0):
                return True
            return self._end_sequence()
        left = min(context.limit, context.sequence_end) - offset
        if left < _MIN_HEADER:
            return self._fault(f"expected an item or the end of the sequence (PS3.5 7.5), found {left} bytes", left)
        if self._input.lacks(_MIN_HEADER):
            return False
        # PS3.5 6.2.2: the items in UN are in implicit VR little endian.
        encoding = IMPLICIT_LITTLE_ENDIAN if context.sequence_kind == UN else context.encoding
        tag, length = read_item_header(self._input.data, self._input.pos, encoding)
        if tag == ITEM:
            return self._start_item(length, encoding)
        if tag == SEQUENCE_DELIMITATION and context.sequence_end == NO_END:
            self._input.pos += 8
            return self._end_sequence()
        if tag in (ITEM_DELIMITATION, SEQUENCE_DELIMITATION) and length == 0:
            if self._misplaced("expected an item, found a delimiter; the delimiter is passed over", 8):
                self._input.pos += 8
            return True
        return self._fault("expected an item or the end of the sequence (PS3.5 7.5), found other bytes", 8)

    def _start_item(self, length: int, encoding: Encoding) -> bool:
        context = self._context
        start = self._input.offset + 8
        end = NO_END
        # The end of any other sequence holds for its items: otherwise it may be none.
        limit = min(context.limit, context.sequence_end) if context.sequence_kind != PUBLIC else context.limit
        if length != UNDEFINED_LENGTH:
            end = start + length
            if end > limit:
                message = "expected the item to end within the item around it, found an end after it"
                if self._depth_of_held(8, None) is not None:
                    return self._fault(message, 8, otherwise=partial(self._start_item, length, encoding))
                self._policy.reject("broken-structure", f"{message}; both end there", DicomFileError(message))
                end = limit
            limit = end
        self._input.pos += 8
        self._tag = -1
        self._events.append((START_ITEM, context.tag, "SQ", context.items))
        context.items += 1
        self._contexts.append(context)
        known = context.known if encoding is context.encoding else BoundedCache()
        reach = min(limit, context.reach, context.sequence_end)
        self._context = Context(encoding, known, start, end, limit, reach, context.facts.inherited)
        self._state = ParserState.ELEMENTS
        return True if start < end else self._end_item()

    def _confirm_encoding(self) -> None:
        """Set the encoding of an item by its first element, as pydicom does."""
        context = self._context
        if context.encoding is EXPLICIT_LITTLE_ENDIAN and not self._has_vr() and self._may_be_implicit():
            context.encoding = IMPLICIT_LITTLE_ENDIAN
        elif context.encoding.implicit and self._contexts[-1].sequence_kind == UN and self._has_vr():
            context.encoding = EXPLICIT_LITTLE_ENDIAN
        context.known = self._tables[context.encoding]

    def _has_vr(self) -> bool:
        """Return True for two capital letters in place of the VR.

        As a length in implicit VR they would be implausible.
        """
        first, second = self._input.data[self._input.pos + 4 : self._input.pos + 6]
        return 0x41 <= first <= 0x5A and 0x41 <= second <= 0x5A

    def _has_odd_vr(self) -> bool:
        """Return True for two characters in place of the VR, which no writer would use."""
        return all(0x20 <= byte < 0x7F for byte in self._input.data[self._input.pos + 4 : self._input.pos + 6])

    def _may_be_implicit(self) -> bool:
        """Return False if the first element of an item has an unknown VR, and no length."""
        data, pos = self._input.data, self._input.pos
        _, length = read_item_header(data, pos, IMPLICIT_LITTLE_ENDIAN)
        return not self._has_odd_vr() and (
            length == UNDEFINED_LENGTH or length <= self._context.limit - self._input.offset - 8
        )

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


def _kind_of(tag: int, file_vr: str) -> str:
    """Return the kind of a sequence, by the VR in its header."""
    if file_vr == "UN":
        return UN
    if not tag >> 16 & 1:
        return PUBLIC
    return PRIVATE if file_vr else IMPLIED


def _no_values(data: bytes, little_endian: bool) -> None:
    """Stand for the decoder of a sequence, which has no values."""
