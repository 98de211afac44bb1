"""Long values to write, whose length is known only at their end."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

from streamdicom.dicom import VRS, Form, FragmentCheck, field_numbers, field_text
from streamdicom.errors import OutputError
from streamdicom.formats.element_rules import SEPARATED_VRS, are_rounded, check_count, check_values, separator_error
from streamdicom.formats.part10.target import pieces, write_fully
from streamdicom.formats.part10.values import STRIPPED_VRS, FieldEncoder, check_ends, check_length, ends_error
from streamdicom.formats.writer import check_end, several_binary_values, value_error


class BinaryValue:
    """A binary value, which goes straight to the target.

    Attributes:
        length: Bytes so far.
        length_offset: The offset in the target of the field for the length.
        fragments: Checks whether the bytes are encapsulated pixel data.
        is_complete: True after the last segment.
    """

    def __init__(self, length_offset: int) -> None:
        self.length = 0
        self.length_offset = length_offset
        self.fragments = FragmentCheck()
        self.is_complete = False

    def add(self, value: Any) -> bytes:
        """Take a segment; return its bytes.

        Raises:
            OutputError: The value is complete, or the segment is text.
        """
        if self.is_complete:
            raise several_binary_values()
        if not isinstance(value, bytes):
            raise OutputError(f"expected a segment of bytes, found {type(value).__name__}")
        self.length += len(value)
        return value


class SpooledValues:
    """Numbers or text that wait in a temporary file.

    The layout of the header depends on their length.

    Args:
        vr: The VR, or "" if only the end of the element has it.
        file: The temporary file, empty.

    Attributes:
        is_rounded: True if FL holds one of the numbers with fewer decimal digits only.
    """

    def __init__(self, vr: str, file: BinaryIO) -> None:
        self._vr = vr
        self._file = file
        self.is_rounded = False
        self._length = 0  # in UTF-8
        self._is_ascii = True
        self._count = 0  # complete values
        self._is_complete = False  # at the end of a value
        self._is_stripped = False  # of white space, by readers of some VRs
        self._has_backslash = False  # in a segment, or before the VR is known

    def close(self) -> None:
        """Close the temporary file."""
        self._file.close()

    def add_values(self, values: Any) -> None:
        """Take some complete values.

        Raises:
            OutputError: The values do not fit the VR.
        """
        if not values:
            return
        row = VRS.get(self._vr)
        if row is None or row.form in (Form.BINARY, Form.SEQUENCE):
            raise OutputError(f"expected a VR of text or numbers for values, found {_vr_name(self._vr)}")
        try:
            if row.code:
                data = field_numbers(self._vr, values)
                self._write(data)
                if self._vr == "FL" and not self.is_rounded:  # most numbers of files are exact, which is found fast
                    is_exact = struct.unpack(f"<{len(values)}f", data) == values
                    self.is_rounded = not is_exact and are_rounded(values)
            else:
                check_values(self._vr, values)
                check_ends(self._vr, values)
                self._write_text(field_text(self._vr, values))
                self._add_count(len(values))
        except (TypeError, ValueError, AttributeError) as error:
            raise value_error(error) from error
        self._is_complete = True

    def add_segment(self, text: Any, *, final: bool) -> None:
        """Take a segment of a text.

        Raises:
            OutputError: The segment is not text, or the VR does not allow segments of text.
        """
        if self._vr and VRS[self._vr].form is not Form.TEXT:
            raise OutputError(f"expected a VR of text for a segment of text, found {_vr_name(self._vr)}")
        if not isinstance(text, str):
            raise OutputError(f"expected a segment of str, found {type(text).__name__}")
        self._is_stripped = self._is_stripped or self._has_white_end(text, final)
        self._has_backslash = self._has_backslash or "\\" in text
        try:
            self._write_text(text)
        except ValueError as error:
            raise OutputError("expected text that UTF-8 carries, found half of a surrogate pair") from error
        self._is_complete = final
        self._add_count(int(final))

    def _add_count(self, count: int) -> None:
        self._count += count
        check_count(self._vr, self._count)

    def _has_white_end(self, text: str, final: bool) -> bool:
        """Return whether a segment has white space that readers of some VRs strip."""
        left = text.lstrip() != text.lstrip(" \0") and (self._is_complete or not self._length)
        return left or (final and text.rstrip() != text.rstrip(" \0"))

    def _write_text(self, text: str) -> None:
        if self._is_complete:
            text = "\\" + text
        self._is_ascii = self._is_ascii and text.isascii() and "\x1b" not in text
        self._write(text.encode())

    def _write(self, data: bytes) -> None:
        self._length += len(data)
        write_fully(self._file, data)

    def check(self, vr: str) -> None:
        """Check that the VR at the end of the element fits its values."""
        if vr not in VRS or VRS[vr].form in (Form.BINARY, Form.SEQUENCE):
            raise OutputError(f"expected a VR of text or numbers for values, found {_vr_name(vr)}")
        if not self._vr and VRS[vr].form is not Form.TEXT:
            raise OutputError(f"expected a VR of text for a segment of text, found {vr}")
        check_end(self._vr, vr)
        check_count(vr, self._count)
        if self._is_stripped and vr in STRIPPED_VRS:
            raise ends_error(vr)
        if self._has_backslash and vr in SEPARATED_VRS:
            raise separator_error()

    def encoded_length(self, vr: str, terms: tuple[Any, ...], *, in_utf_8: bool) -> int:
        """Return the length of the value field, without padding.

        Args:
            vr: The VR at the end of the element.
            terms: The values of Specific Character Set in force.
            in_utf_8: True to encode text in UTF-8 and ignore the terms.

        Raises:
            NotEncodableError: The character sets do not carry the text.
            OutputError: The text does not fit the VR.
        """
        if self.is_plain(vr):
            return self._length
        length = sum(map(len, self.encoded(vr, terms, in_utf_8=in_utf_8)))
        check_length(vr, length, is_ascii=False, in_utf_8=in_utf_8)
        return length

    def encoded(self, vr: str, terms: tuple[Any, ...], *, in_utf_8: bool) -> Iterator[bytes]:
        """Yield the value field in pieces; see ``encoded_length``."""
        self._file.seek(0)
        if self.is_plain(vr):
            yield from pieces(self._file)
            return
        decoder = codecs.getincrementaldecoder("utf-8")()
        encoder = FieldEncoder(vr, terms, in_utf_8=in_utf_8)
        for piece in chain(pieces(self._file), (b"",)):
            try:
                yield encoder.encode(decoder.decode(piece), final=not piece)
            except UnicodeEncodeError as error:
                raise OutputError(f"expected text in ISO 8859-1 for VR {vr}, found other characters") from error

    def is_plain(self, vr: str) -> bool:
        """Return True if the bytes are the same in every character set."""
        return bool(VRS[vr].code) or self._is_ascii


def _vr_name(vr: str) -> str:
    return vr if vr in VRS else "an unknown one"
