"""Values of a DICOM file to events, long ones in parts."""

from __future__ import annotations

from collections.abc import Collection

from streamdicom._typing import Any
from streamdicom.dicom import (
    DECODERS,
    FILE_META_GROUP,
    ITEM,
    PIXEL_DATA,
    SEQUENCE_DELIMITATION,
    SPLITTERS,
    UNDECODABLE,
    UNDEFINED_LENGTH,
    VRS,
    Form,
    swap_words,
    value_size,
)
from streamdicom.errors import InputError
from streamdicom.events import (
    BINARY_SEGMENT_SIZE,
    ELEMENT,
    END_ELEMENT,
    END_FRAGMENTS,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    VALUES,
)
from streamdicom.formats.part10.headers import read_header, read_item_header
from streamdicom.formats.part10.padding import padding_fault
from streamdicom.formats.part10.recovery import RecoveringParser
from streamdicom.formats.part10.runs import MAX_WHOLE_VALUE
from streamdicom.formats.part10.states import ParserState
from streamdicom.formats.part10.values import LongText, text_values
from streamdicom.options import ReadOptions

_IN_FRAGMENTS = "expected native pixel data by the transfer syntax (PS3.5 A.4), found fragments"
_NO_PIXEL_DATA = "expected a defined length of an element other than Pixel Data (PS3.5 A.4), found fragments"
_BATCH_SIZE = 4096  # numbers in one event
_MIN_HEADER = 8  # bytes


class LongValueParser(RecoveringParser):
    """The base of ``ElementParser``: reads values, and long ones in parts.

    Args:
        options: See ``Part10Parser``.
        index: See ``Part10Parser``.
    """

    def __init__(self, options: ReadOptions, index: int) -> None:
        super().__init__(options, index)
        # The current long value:
        self._vr = ""
        self._remaining = 0  # bytes
        self._long_size = 0  # bytes of long binary values so far
        self._little_endian = True
        self._in_fragments = False
        self._is_native = False  # pixel data, by the transfer syntax
        self._text: LongText | None = None

    def _values(self, vr: str, data: bytes) -> tuple[Any, ...] | None:
        """Return the values of a field, or None if its length does not fit the VR."""
        values = DECODERS[vr](data, self._little_endian)
        if values is not None or VRS[vr].code:
            return values
        values, faults = text_values(vr, data, self._context.facts.sets)
        if faults:
            self._report_faults(faults)
        return values

    def _is_decodable(self, vr: str, data: bytes) -> bool:
        """Return False for text that the character sets in force do not decode."""
        return vr not in SPLITTERS or UNDECODABLE not in text_values(vr, data, self._context.facts.sets)[1]

    def _report_faults(self, codes: Collection[str]) -> None:
        """Report deviations of the current element, by their codes."""
        for code in sorted(codes):
            from streamdicom.deviations import DEVIATIONS  # imported late: most files have no deviations

            self._policy.report(code, DEVIATIONS[code].meaning)

    def _check_padding(self, vr: str, data: bytes) -> None:
        """Report the padding at the end of a value field, if it is wrong and asked for."""
        fault = padding_fault(vr, data) if self._checks_padding else ""
        if fault:
            self._policy.report("padding", fault)

    def _is_complete(self) -> bool:
        """Return whether the bytes so far are a whole file."""
        raise NotImplementedError

    # --- a file that ends early --------------------------------------------------------------------------------

    def _end_early(self, code: str, message: str, error: InputError) -> None:
        """End the data set where no more can be read; deliver all that has arrived.

        Args:
            code: The code of the deviation.
            message: The fault.
            error: The error, if the deviation is not accepted.
        """
        self._input.gather()
        self._is_final = True
        while self._step(self):
            pass
        if self._state in (ParserState.END, ParserState.PADDING):
            return
        if code == "truncated" and self._is_complete():  # after a search up to the end that found nothing
            return
        self._policy.reject(code, f"{message}; the data set ends there", error)
        if self._state is ParserState.SKIPPED:
            self._state = self._state_after
        else:
            self._end_cut_value(self._input.data[self._input.pos :])
        self._end_structures(0)
        self._move(ParserState.END)

    def _end_cut_value(self, rest: bytes) -> None:
        """End the current value with the bytes that are there."""
        state, tag, vr = self._state, self._tag, self._vr
        if state is ParserState.BINARY and self._in_fragments:
            if rest:
                self._events.append((SEGMENT, tag, vr, rest))
            self._events.append((END_FRAGMENTS, tag, vr, self._remaining - len(rest)))
            self._end_muted()
            return
        if state is ParserState.BINARY:
            self._events.append((LAST_SEGMENT, tag, vr, self._in_little_endian(rest)))
        elif state is ParserState.NUMBERS:
            size = value_size(vr)
            if values := self._values(vr, rest[: len(rest) // size * size]):
                self._events.append((VALUES, tag, vr, values))
        elif state is ParserState.TEXT:
            assert self._text
            self._events += self._text.feed(rest, final=True)
        elif state is ParserState.FRAGMENTS:
            self._events.append((END_FRAGMENTS, tag, vr, None))
            self._end_muted()
        elif state is ParserState.ELEMENTS and tag >= 0:
            *_, size, _ = read_header(self._input.data, self._input.pos, self._context.encoding)
            is_misplaced = tag >> 16 == FILE_META_GROUP and not self._contexts
            if self._policy.keeps and len(rest) > size and not is_misplaced and not self._context.has(tag):
                self._events.append((ELEMENT, tag, "UN", (rest[size:],)))
        if state in (ParserState.BINARY, ParserState.NUMBERS, ParserState.TEXT):
            self._events.append((END_ELEMENT, tag, vr, None))

    # --- long values -------------------------------------------------------------------------------------------

    def _start_long_value(self, tag: int, vr: str, size: int, length: int, *, is_certain: bool) -> bool:
        if VRS[vr].code and length % value_size(vr):
            if is_certain:
                self._policy.reject_value(length_message(vr, length))
                if not self._policy.keeps:
                    return self._skip_to(self._input.offset + size + length)
            vr = "UN"
        self._input.pos += size
        self._vr = vr
        self._remaining = length
        row = VRS[vr]
        is_binary = row.form is Form.BINARY
        self._events.append((START_ELEMENT, tag, vr, length if is_binary else None))
        if is_binary:
            return self._move(ParserState.BINARY)
        if row.code:
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
        self._input.pos += self._tail
        self._tail = 0
        self._move(ParserState.ELEMENTS)
        return self._end_value()

    def _read_unknown(self, length: int) -> bool:
        if length > MAX_WHOLE_VALUE:
            self._little_endian = True
            return self._start_long_value(self._tag, "UN", 0, length, is_certain=True)
        self._events.append((ELEMENT, self._tag, "UN", (self._input.take(length),)))
        self._input.pos += self._tail
        self._tail = 0
        return self._end_value()

    def _binary(self) -> bool:
        data = self._next(BINARY_SEGMENT_SIZE)
        if data is None:
            return False
        self._long_size += len(data)
        data = self._in_little_endian(data)
        self._events.append((SEGMENT if self._remaining else LAST_SEGMENT, self._tag, self._vr, data))
        if self._remaining:
            return True
        return self._move(ParserState.FRAGMENTS) if self._in_fragments else self._end_long_value()

    def _in_little_endian(self, data: bytes) -> bytes:
        """Return bytes of the current long value, in little endian."""
        if self._little_endian or self._in_fragments:
            return data
        return swap_words(data, VRS[self._vr].word)

    def _numbers(self) -> bool:
        data = self._next(_BATCH_SIZE * value_size(self._vr))
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
        if not self._remaining:
            self._check_padding(self._vr, data)
        return True if self._remaining else self._end_long_value()

    # --- encapsulated pixel data (PS3.5 A.4) -------------------------------------------------------------------

    def _start_fragments(self, tag: int, vr: str, size: int) -> bool:
        self._input.pos += size
        self._vr = vr
        self._in_fragments = True
        self._events.append((START_FRAGMENTS, tag, vr, None))
        return self._move(ParserState.FRAGMENTS)

    def _fragment(self) -> bool:
        left = self._context.limit - self._input.offset
        message = "expected a fragment of defined length or the delimiter after the last (PS3.5 A.4), found other bytes"
        if left < _MIN_HEADER:
            return self._fragment_fault(message, left)
        if self._input.lacks(_MIN_HEADER):
            return False
        tag, length = read_item_header(self._input.data, self._input.pos, self._context.encoding)
        if tag == SEQUENCE_DELIMITATION:
            if self._tag != PIXEL_DATA:
                if self._muted_depth < 0:
                    self._policy.report("undefined-length", _NO_PIXEL_DATA)
            elif self._is_native and not self._contexts:
                self._policy.report("undefined-length", _IN_FRAGMENTS)
            self._input.pos += 8
            self._in_fragments = False
            self._events.append((END_FRAGMENTS, self._tag, self._vr, None))
            self._move(ParserState.ELEMENTS)
            return self._end_value()
        if tag != ITEM or length == UNDEFINED_LENGTH:
            return self._fragment_fault(message, 8)
        if length > left - 8:
            return self._fragment_fault("expected the fragment to end within its item, found an end after it", 8)
        if length & 1 and self._muted_depth < 0:
            self._policy.report("odd-length", f"expected a fragment of even length (PS3.5 A.4), found {length}")
        self._input.pos += 8
        self._remaining = length
        self._events.append((START_FRAGMENT, self._tag, self._vr, length))
        return self._move(ParserState.BINARY)

    def _fragment_fault(self, message: str, size: int) -> bool:
        self._in_fragments = False
        return self._fault(message, size, (END_FRAGMENTS, self._tag, self._vr, None))


def length_message(vr: str, length: int) -> str:
    """Return the message about a value field whose length does not fit its VR."""
    return f"expected a multiple of {value_size(vr)} bytes for VR {vr}, found {length}"
