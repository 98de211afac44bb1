"""Long values to write, whose length is known only at their end."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator

from streamdicom._typing import Any, BinaryIO
from streamdicom.dicom import DECODERS, VRS, Form, FragmentCheck, field_numbers, field_text
from streamdicom.errors import OutputError
from streamdicom.formats.element_rules import SEPARATED_VRS, are_rounded, check_count, check_values, separator_error
from streamdicom.formats.kept_text import KeptValues
from streamdicom.formats.part10.headers import LENGTH_32
from streamdicom.formats.part10.values import (
    STRIPPED_VRS,
    FieldEncoder,
    are_stripped,
    check_ends,
    check_length,
    ends_error,
)
from streamdicom.formats.target import pieces, write_fully
from streamdicom.formats.writer import value_error

_UNKNOWN_VR = "UC"  # text of any length, which a backslash separates


class BinaryValue:
    """A binary value, which goes straight to the target.

    Args:
        start: The offset of the element in the target.
        end: The offset after its header, which ends with the length.

    Attributes:
        start: The offset of the element in the target.
        length: Bytes so far.
        length_offset: The offset in the target of the field for the length.
        fragments: Checks whether the bytes are encapsulated pixel data.
        is_complete: True after the last segment.
    """

    def __init__(self, start: int = 0, end: int = 0) -> None:
        self.start = start
        self.length = 0
        self.length_offset = end - LENGTH_32.size
        self.fragments = FragmentCheck()
        self.is_complete = False

    def add(self, value: Any) -> bytes:
        """Take a segment; return its bytes.

        Raises:
            OutputError: The segment is text.
        """
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
        keeps: Whether ``kept`` may follow.

    Attributes:
        is_rounded: True if FL holds one of the numbers with fewer decimal digits only.
    """

    def __init__(self, vr: str, file: BinaryIO, *, keeps: bool) -> None:
        self._vr = vr
        self._file = file
        self._spooled_vr = "FD" if keeps and vr == "FL" else vr  # FL would lose digits that are kept
        self.is_rounded = False
        self._length = 0  # in the file
        self._is_ascii = True
        self._count = 0  # complete values
        self._is_complete = False  # at the end of a value
        self._is_stripped = False  # of white space, by readers of some VRs
        self._has_backslash = False  # in a segment, or before the VR is known
        self._has_segments = False

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
        if self._vr and (row is None or row.form in (Form.BINARY, Form.SEQUENCE)):
            raise OutputError(f"expected a VR of text or numbers for values, found {_vr_name(self._vr)}")
        try:
            if row is not None and row.code:
                self._add_numbers(values)
            else:
                self._add_texts(values)
        except (TypeError, ValueError, AttributeError) as error:
            raise value_error(error) from error
        self._is_complete = True

    def _add_numbers(self, values: tuple[Any, ...]) -> None:
        data = field_numbers(self._vr, values)
        if self._vr == "FL" and not self.is_rounded:  # most numbers of files are exact, which is found fast
            is_exact = struct.unpack(f"<{len(values)}f", data) == values
            self.is_rounded = not is_exact and are_rounded(values)
        self._write(data if self._spooled_vr == self._vr else field_numbers(self._spooled_vr, values))

    def _add_texts(self, values: tuple[Any, ...]) -> None:
        count = self._checked_count(len(values))
        if self._vr:
            check_values(self._vr, values)
            check_ends(self._vr, values)
        else:
            self._is_stripped = self._is_stripped or are_stripped(values)
            self._has_backslash = self._has_backslash or any("\\" in value for value in values if value)
        self._write_text(field_text(self._vr or _UNKNOWN_VR, values))
        self._count = count

    def add_segment(self, text: Any, *, final: bool) -> None:
        """Take a segment of a text.

        Raises:
            OutputError: The segment is not text, or the VR does not allow segments of text.
        """
        if self._vr and VRS[self._vr].form is not Form.TEXT:
            raise OutputError(f"expected a VR of text for a segment of text, found {_vr_name(self._vr)}")
        if not isinstance(text, str):
            raise OutputError(f"expected a segment of str, found {type(text).__name__}")
        count = self._checked_count(int(final))
        self._is_stripped = self._is_stripped or self._has_white_end(text, final)
        self._has_backslash = self._has_backslash or "\\" in text
        self._has_segments = True
        try:
            self._write_text(text)
        except ValueError as error:
            raise OutputError("expected text that UTF-8 carries, found half of a surrogate pair") from error
        self._is_complete = final
        self._count = count

    def _checked_count(self, more: int) -> int:
        """Return the number of values with some more."""
        check_count(self._vr, self._count + more)
        return self._count + more

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
        """Check that the VR at the end of the element fits its values.

        Raises:
            OutputError: It does not.
        """
        form = VRS[vr].form
        if form in (Form.BINARY, Form.SEQUENCE):
            raise OutputError(f"expected a VR of text or numbers for values, found {vr}")
        if not self._vr and form is not Form.TEXT and (self._has_segments or form is not Form.DECIMAL):
            raise OutputError(f"expected a VR of text for text, found {vr}")
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
        if self._spooled_vr != self._vr:
            return self._length // 2  # FL has half the bytes of FD
        if self.is_plain(vr):
            return self._length
        length = sum(map(len, self.encoded(vr, terms, in_utf_8=in_utf_8)))
        check_length(vr, length, is_ascii=False, in_utf_8=in_utf_8)
        return length

    def encoded(self, vr: str, terms: tuple[Any, ...], *, in_utf_8: bool) -> Iterator[bytes]:
        """Yield the value field in pieces; see ``encoded_length``."""
        if self._spooled_vr != self._vr:
            return (field_numbers(vr, numbers) for numbers in self._numbers())
        if not self.is_plain(vr):
            return encoded_text(vr, KeptValues(self._file).texts(), terms, in_utf_8=in_utf_8)
        self._file.seek(0)
        return pieces(self._file)

    def is_plain(self, vr: str) -> bool:
        """Return True if the bytes are the same in every character set."""
        return bool(VRS[vr].code) or self._is_ascii

    def kept(self, temporary: Callable[[], BinaryIO]) -> KeptValues:
        """Return the values as text; this object must not be used any more.

        Args:
            temporary: Makes an empty file.
        """
        if self._spooled_vr not in VRS or not VRS[self._spooled_vr].code:
            return KeptValues(self._file, is_value_complete=self._is_complete)
        kept = KeptValues(temporary())
        for numbers in self._numbers():
            kept.add_values(numbers)
        self.close()
        return kept

    def _numbers(self) -> Iterator[tuple[Any, ...]]:
        self._file.seek(0)
        decode = DECODERS[self._spooled_vr]
        for piece in pieces(self._file):
            yield decode(piece, True) or ()


def encoded_text(vr: str, texts: Iterable[str], terms: tuple[Any, ...], *, in_utf_8: bool) -> Iterator[bytes]:
    """Yield a value field of text, without padding, in pieces.

    Args:
        vr: A text VR.
        texts: The text in pieces.
        terms: The values of Specific Character Set in force.
        in_utf_8: True to encode text in UTF-8 and ignore the terms.

    Raises:
        NotEncodableError: The character sets do not carry the text.
        OutputError: The text does not fit the VR.
    """
    encoder = FieldEncoder(vr, terms, in_utf_8=in_utf_8)
    try:
        for text in texts:
            yield encoder.encode(text, final=False)
        yield encoder.encode("", final=True)
    except UnicodeEncodeError as error:
        raise OutputError(f"expected text that VR {vr} can have in a file, found other characters") from error


def _vr_name(vr: str) -> str:
    return vr if vr in VRS else "an unknown one"
