"""The output of bytes that go straight to the target.

These are long binary values and pixel data.

Pixel data has the form that the transfer syntax asks for (PS3.5 A.4), because other programs refuse the file or misread
it. An element of the other form that is kept gets the form too: fragments become the bytes of one value, and a value
becomes the only fragment. Its bytes stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable

from streamdicom._typing import Any, BinaryIO
from streamdicom.dicom import PIXEL_DATA, UNDEFINED_LENGTH, VRS, Form, FragmentCheck
from streamdicom.errors import OutputError
from streamdicom.events import EventType
from streamdicom.formats.kept_text import BYTES_VR
from streamdicom.formats.part10.element_output import (
    MAX_LENGTH,
    ElementOutput,
    encapsulated_error,
    kept_vr,
    length_error,
    native_error,
    only_fragment,
)
from streamdicom.formats.part10.headers import ITEM_TAG, LENGTH_32, SEQUENCE_END
from streamdicom.formats.part10.long_values import BinaryValue
from streamdicom.formats.part10.states import WriterState
from streamdicom.formats.target import cut_off, insert, overwrite, write_fully
from streamdicom.formats.writer import check_end, several_binary_values, vr_info
from streamdicom.options import WriteOptions


class BinaryOutput(ElementOutput):
    """The base of ``SinglePassWriter``: bytes in parts, and pixel data.

    Args:
        target: See ``SinglePassWriter``.
        temporary: See ``SinglePassWriter``.
        options: See ``SinglePassWriter``.
        in_utf_8: See ``SinglePassWriter``.
    """

    def __init__(
        self, target: BinaryIO, temporary: Callable[[], BinaryIO], options: WriteOptions, *, in_utf_8: bool
    ) -> None:
        super().__init__(target, temporary, options, in_utf_8=in_utf_8)
        self._state = WriterState.START
        # The current element in parts:
        self._vr = ""
        self._expected_length: int | None = None
        self._binary = BinaryValue()
        self._is_kept_binary = False
        self._may_be_number = False  # for readers, if it is UN
        self._fragment_offset = 0  # of the bytes of the fragment
        self._length = 0  # of the fragment so far

    def _end_structure(self) -> None:
        """Go on after a sequence or an element in parts."""
        raise NotImplementedError

    def _put_pixel_data(self, vr: str, values: tuple[Any, ...], data: bytes) -> None:
        """Put pixel data in the form of the transfer syntax.

        Args:
            vr: The VR.
            values: The values.
            data: The value field.
        """
        check = FragmentCheck()
        if data and VRS[vr].form is Form.BINARY:
            check.feed(values[0])
        error = self._pixel_data_error(vr, check, is_empty=not data)
        if error is not None:
            self._replace(PIXEL_DATA, values, error)
        elif check.is_complete or self._is_in_fragments(PIXEL_DATA):
            items = values[0] if data else b""
            self._put(self._header(PIXEL_DATA, _fragments_vr(vr), UNDEFINED_LENGTH) + items + SEQUENCE_END)
        else:
            self._put(self._header(PIXEL_DATA, vr, len(data)) + data)

    def _pixel_data_error(self, vr: str, check: FragmentCheck, *, is_empty: bool) -> OutputError | None:
        """Return the error of pixel data in another form than the transfer syntax says."""
        if not self._is_in_fragments(PIXEL_DATA):  # which icons in a sequence need not be
            return encapsulated_error() if check.is_complete and not self._is_encapsulated else None
        if not is_empty and not check.is_complete:
            return native_error()
        if vr in ("OB", "OW", "UN"):
            return None
        return OutputError(f"expected VR OB or OW of encapsulated pixel data (PS3.5 A.4), found {vr}")

    # --- binary values -----------------------------------------------------------------------------------------

    def _start_binary(self, tag: int, vr: str) -> None:
        header = self._header(tag, vr or "UN", 0)
        self._may_be_number = self._is_number(tag)  # by the bytes before it, which are flushed
        self._flush()
        start = self._target.tell()
        write_fully(self._target, header)
        self._binary = BinaryValue(start, start + len(header))
        self._is_kept_binary = False
        self._state = WriterState.BINARY

    def _binary_segment(self, tag: int, vr: str, value: Any) -> None:
        if self._binary.is_complete:
            self._replace_binary(tag, several_binary_values())
            if self._state == WriterState.REPLACED:
                return
            self._put(self._binary.add(b"\\"))
            self._binary.is_complete = False
        data = self._binary.add(value)
        if tag == PIXEL_DATA:
            self._binary.fragments.feed(data)
        self._put(data)

    def _last_binary_segment(self, tag: int, vr: str, value: Any) -> None:
        self._binary_segment(tag, vr, value)
        self._binary.is_complete = True

    def _end_binary(self, tag: int, vr: str, value: Any) -> None:
        binary, expected = self._binary, self._expected_length
        vr_info(vr)
        check_end(self._vr, vr)
        if not binary.is_complete:
            raise OutputError("expected LAST_SEGMENT before END_ELEMENT, found none")
        if not self._is_kept_binary and expected not in (None, binary.length):
            self._replace_binary(tag, OutputError(f"expected a value of {expected} bytes, found {binary.length}"))
            self._is_kept_binary = False  # the bytes that are there are of the VR
        if VRS[vr].form is not Form.BINARY and self._state != WriterState.REPLACED:
            self._replace_binary(tag, OutputError(f"expected text or numbers for VR {vr}, found bytes"))
        error = None if self._vr or self._state == WriterState.REPLACED else self._long_error(tag, vr)
        if error is not None:
            self._replace_binary(tag, error)
        if self._state != WriterState.REPLACED:
            self._close_binary(tag, BYTES_VR if self._is_kept_binary else vr)
        self._end_structure()

    def _replace_binary(self, tag: int, error: OutputError) -> None:
        """Cut the element off the target, or keep its bytes in VR OB."""
        if not self._is_kept_binary:
            self._allow(error)
            self._report(tag, error)
        self._is_kept_binary = self._on_error == "keep"
        if not self._is_kept_binary:
            self._parts.clear()
            self._size = 0
            cut_off(self._target, self._binary.start)
            self._state = WriterState.REPLACED

    def _close_binary(self, tag: int, vr: str) -> None:
        """Write padding and length, and the VR if it differs from that at the start."""
        length, check, vr = self._binary.length, self._binary.fragments, kept_vr(tag, vr)
        error = self._pixel_data_error(vr, check, is_empty=not length) if tag == PIXEL_DATA else None
        if error is not None:
            self._replace_binary(tag, error)
            if self._state == WriterState.REPLACED:
                return
            vr = BYTES_VR
        if self._is_in_fragments(tag) or (error is None and check.is_complete):
            self._close_fragments(vr, is_value=error is not None)
            return
        if length > MAX_LENGTH - (length & 1):
            if self._on_error != "skip":
                raise length_error()
            self._replace_binary(tag, length_error())
            return
        is_raw = bool(length & 1) and vr == "UN" and self._may_be_number
        padded = length if is_raw else length + (length & 1)
        self._put(b"\0" * (padded - length))
        self._set_length(vr, padded)

    def _set_length(self, vr: str, length: int) -> None:
        """Set the length, and the VR, in the header of the binary value that ends."""
        self._flush()
        offset = self._binary.length_offset
        overwrite(self._target, offset, LENGTH_32.pack(length))
        if vr != self._vr and not self._is_implicit:
            overwrite(self._target, offset - 4, vr.encode())

    # --- encapsulated pixel data (PS3.5 A.4) -------------------------------------------------------------------

    def _close_fragments(self, vr: str, *, is_value: bool) -> None:
        """End a value that is encapsulated pixel data.

        Args:
            vr: The VR.
            is_value: True if the bytes are no fragments and become one.
        """
        length = self._binary.length
        if is_value and length:
            self._put(b"\0" * (length & 1))
            self._flush()
            insert(self._target, self._binary.length_offset + LENGTH_32.size, only_fragment(length))
        self._put(SEQUENCE_END)
        self._set_length(_fragments_vr(vr), UNDEFINED_LENGTH)

    def _start_fragments(self, tag: int, vr: str, value: Any) -> None:
        if vr not in ("OB", "OW"):
            raise OutputError("expected VR OB or OW for fragments, found another one")
        self._begin(tag)
        self._put_meta()
        self._vr = vr
        if not self._is_encapsulated or tag != PIXEL_DATA:
            self._replace_fragments(tag)
            return
        self._flush()
        start = self._target.tell()
        self._binary = BinaryValue(start, start)
        self._put(self._header(tag, vr, UNDEFINED_LENGTH))
        self._state = WriterState.FRAGMENTS

    def _start_fragment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, int) or not 0 <= value <= MAX_LENGTH:
            raise OutputError(f"expected START_FRAGMENT with a length of 0 to {MAX_LENGTH} bytes, found another value")
        self._put(ITEM_TAG + LENGTH_32.pack(value + (value & 1)))
        self._fragment_offset = self._target.tell() + self._size
        self._expected_length, self._length = value, 0
        self._state = WriterState.FRAGMENT

    def _fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        if not isinstance(value, bytes):
            raise OutputError(f"expected a segment of bytes, found {type(value).__name__}")
        self._length += len(value)
        self._put(value)

    def _last_fragment_segment(self, tag: int, vr: str, value: Any) -> None:
        self._fragment_segment(tag, vr, value)
        self._put(b"\0" * (self._length & 1))
        self._state = WriterState.FRAGMENTS
        if self._length != self._expected_length:
            self._mend_fragment(tag)

    def _end_cut_fragment(self, tag: int, vr: str, value: Any) -> None:
        if value is None:
            raise self._unexpected(EventType.END_FRAGMENTS)
        self._last_fragment_segment(tag, vr, b"")
        self._move(EventType.END_FRAGMENTS, tag, vr, None)

    def _mend_fragment(self, tag: int) -> None:
        """Leave the element out, or set the length of a fragment to that of its bytes."""
        length = self._length + (self._length & 1)
        if length > MAX_LENGTH:
            raise length_error()
        self._is_kept_binary = False
        message = f"expected a fragment of {self._expected_length} bytes, found {self._length}"
        self._replace_binary(tag, OutputError(message))
        if self._state == WriterState.REPLACED:
            self._state = WriterState.REPLACED_FRAGMENTS
            return
        self._flush()
        overwrite(self._target, self._fragment_offset - LENGTH_32.size, LENGTH_32.pack(length))

    def _end_fragments(self, tag: int, vr: str, value: Any) -> None:
        self._put(SEQUENCE_END)
        self._end_structure()

    # --- fragments that become bytes

    def _replace_fragments(self, tag: int) -> None:
        """Leave fragments out, or keep their items as the bytes of one value."""
        self._start_binary(tag, BYTES_VR)
        self._replace_binary(tag, encapsulated_error(tag))
        self._state = WriterState.REPLACED_FRAGMENTS

    def _replaced_fragment(self, tag: int, vr: str, value: Any) -> None:
        self._add_replaced_bytes(tag, vr, ITEM_TAG + LENGTH_32.pack(value))

    def _add_replaced_bytes(self, tag: int, vr: str, value: Any) -> None:
        if self._is_kept_binary:
            self._put(self._binary.add(value))

    def _end_replaced_fragments(self, tag: int, vr: str, value: Any) -> None:
        if self._is_kept_binary:
            self._close_binary(tag, BYTES_VR)
        self._end_structure()


def _fragments_vr(vr: str) -> str:
    """Return the VR of encapsulated pixel data.

    Readers would take items in UN for a sequence (PS3.5 6.2.2).
    """
    return vr if vr == "OW" else BYTES_VR
