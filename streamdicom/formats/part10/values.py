"""Values to and from value fields, with text in any character set (PS3.5 6.1)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Any

from streamdicom._warn import warn
from streamdicom.dicom import (
    ENCODERS,
    MAX_SHORT_LENGTH,
    SHORT_VRS,
    SPLITTERS,
    VRS,
    Form,
    field_numbers,
    field_text,
)
from streamdicom.errors import LimitError, OutputError
from streamdicom.events import LAST_SEGMENT, SEGMENT, VALUES, Event
from streamdicom.formats.element_rules import check_values
from streamdicom.formats.part10.runs import MISMATCHES
from streamdicom.formats.writer import several_binary_values, value_error

_ESCAPE = b"\x1b"
# The two bytes of a character of JIS X 0208 or JIS X 0212 may look like any delimiter (PS3.3 C.12.1.1.2).
_KANJI = rb"\x1b\$(?:[@B]|\(D)(?:[\x21-\x7e]{2})*"
_MAX_VALUE_LENGTH = 64 * 1024  # characters of a value that is not delivered in segments
_STRIPPED_VRS = frozenset({"AE", "DS", "IS", "UI", "UR"})  # of all white space, by pydicom
_BATCH_SIZE = 4096  # values in one event


# --- value fields to values ------------------------------------------------------------------------------------


def text_values(vr: str, data: bytes, encodings: list[str] | None) -> tuple[Any, ...]:
    r"""Return the values of a text VR from its whole value field.

    Args:
        vr: A text VR.
        data: The value field.
        encodings: Python's names of the character sets in force; None for the default.

    >>> text_values("LO", b"\xe9\\b ", None)
    ('é', 'b')
    """
    return SPLITTERS[vr](_text(vr, data, encodings))


def _text(vr: str, data: bytes, encodings: list[str] | None) -> str:
    if data.isascii() and _ESCAPE not in data:
        return data.decode("ascii")
    from streamdicom.dicom import DEFAULT_ENCODINGS, decode_text

    if not VRS[vr].character_set:
        return decode_text(data, DEFAULT_ENCODINGS)
    encodings = encodings or DEFAULT_ENCODINGS
    if _ESCAPE not in data:
        return decode_text(data, encodings)
    # PS3.5 6.1.2.5.3: after a delimiter the first character set is in force again.
    delimiters = b"\\=" if vr == "PN" else b"\\" if VRS[vr].multiple else b""
    return "".join([decode_text(part, encodings) for part in _split(data, delimiters)])


def _split(data: bytes, delimiters: bytes) -> Iterator[bytes]:
    """Yield the parts between delimiters, and the delimiters."""
    start = 0
    for found in re.finditer(_KANJI + rb"|([%s])" % re.escape(delimiters), data) if delimiters else ():
        if found[1]:
            yield data[start : found.start()]
            yield found[1]
            start = found.end()
    yield data[start:]


class LongText:
    """Decodes a long value field of text into the events of an element in parts.

    Args:
        tag: The tag of the element.
        vr: A text VR.
        encodings: Python's names of the character sets in force; None for the default.
    """

    def __init__(self, tag: int, vr: str, encodings: list[str] | None) -> None:
        self._tag = tag
        self._vr = vr
        self._split_values = SPLITTERS[vr]
        self._multiple = VRS[vr].multiple
        self._decoder = _decoder(vr, encodings)
        self._pending = ""  # text after the last delimiter
        self._in_segments = False

    def feed(self, data: bytes, *, final: bool) -> list[Event]:
        """Take the next bytes; return the events that they complete.

        Args:
            data: The next bytes of the value field.
            final: True for the last ones.

        Raises:
            LimitError: A value of a VR without long values is too long.
        """
        text = self._pending + self._decoder.decode(data, final)
        self._pending = ""
        events: list[Event] = []
        if self._multiple:
            text = self._take_values(text, events)
        if final:
            self._end(text, events)
        elif not self._multiple or self._in_segments or len(text) > _MAX_VALUE_LENGTH:
            self._add_segment(SEGMENT, text, events)
        else:
            self._pending = text
        return events

    def _take_values(self, text: str, events: list[Event]) -> str:
        """Deliver the complete values; return the text after them."""
        if self._in_segments and "\\" in text:
            value, text = text.split("\\", 1)
            self._end_segments(value, events)
        complete, delimiter, rest = text.rpartition("\\")
        if delimiter:
            # A further value after them keeps the padding of the last one.
            self._add_values(self._split_values(complete + "\\.")[:-1], events)
        return rest

    def _add_values(self, values: tuple[Any, ...], events: list[Event]) -> None:
        for start in range(0, len(values), _BATCH_SIZE):
            events.append((VALUES, self._tag, self._vr, values[start : start + _BATCH_SIZE]))

    def _add_segment(self, kind: int, text: str, events: list[Event]) -> None:
        if VRS[self._vr].form is not Form.TEXT:
            raise LimitError(
                f"expected a value of at most {_MAX_VALUE_LENGTH} characters for VR {self._vr}, found a longer one",
                "segment_size",
            )
        self._in_segments = kind == SEGMENT
        events.append((kind, self._tag, self._vr, text))

    def _end_segments(self, text: str, events: list[Event]) -> None:
        # Padding may be longer than a segment; the padding before the last segment stays.
        self._add_segment(LAST_SEGMENT, text.rstrip("\0 "), events)

    def _end(self, text: str, events: list[Event]) -> None:
        if self._in_segments or not self._multiple:
            self._end_segments(text, events)
        else:
            self._add_values(self._split_values(text), events)


class _ReplacingDecoder:
    """A decoder for one character set without code extensions."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def decode(self, data: bytes, final: bool) -> str:
        text = self._decoder.decode(data, final)
        if "\ufffd" in text:
            warn("expected text in its character set, found other bytes; they are replaced")
        return text


class _LineDecoder:
    """A decoder for character sets with code extensions.

    The first character set is in force again in each line.
    """

    def __init__(self, encodings: list[str]) -> None:
        self._encodings = encodings
        self._pending = b""

    def decode(self, data: bytes, final: bool) -> str:
        from streamdicom.dicom import decode_text

        data = self._pending + data
        cut = len(data) if final else max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._pending = data[cut:]
        max_length = 2 * _MAX_VALUE_LENGTH
        if len(self._pending) > max_length:
            raise LimitError(
                f"expected lines of at most {max_length} bytes in text with several character sets, found a longer one",
                "segment_size",
            )
        return decode_text(data[:cut], self._encodings)


def _decoder(vr: str, encodings: list[str] | None) -> _ReplacingDecoder | _LineDecoder:
    if not VRS[vr].character_set or not encodings:
        return _ReplacingDecoder("latin_1")
    return _ReplacingDecoder(encodings[0]) if len(encodings) == 1 else _LineDecoder(encodings)


# --- values to value fields ------------------------------------------------------------------------------------


class NotEncodableError(Exception):
    """The character sets do not carry a text, or VR UN would hide them."""


def encode_field(vr: str, values: tuple[Any, ...], terms: tuple[Any, ...], *, in_utf_8: bool) -> bytes:
    r"""Return the padded value field of an element (PS3.5 6.2).

    Args:
        vr: Any VR but SQ.
        values: The values.
        terms: The values of Specific Character Set in force.
        in_utf_8: True to encode text in UTF-8 and ignore the terms.

    Raises:
        NotEncodableError: The character sets do not carry a text.
        OutputError: A value does not fit the VR.

    >>> encode_field("LO", ("é",), ("ISO_IR 100",), in_utf_8=False)
    b'\xe9 '
    """
    try:
        data = ENCODERS[vr](values) if values else b""
        if data is not None:
            return data
        data = _encode_field(vr, values, terms, in_utf_8)
    except MISMATCHES as error:
        raise value_error(error) from error
    return data + padding(vr) if len(data) & 1 else data


def _encode_field(vr: str, values: tuple[Any, ...], terms: tuple[Any, ...], in_utf_8: bool) -> bytes:
    row = VRS[vr]
    if row.form is Form.BINARY:
        if len(values) > 1:
            raise several_binary_values()
        if not isinstance(values[0], bytes):
            raise TypeError
        return values[0]
    if row.code:
        return field_numbers(vr, values)
    text = field_text(vr, values)
    check_values(vr, values)
    _check_ends(vr, values)
    data = encode_characters(vr, text, terms, in_utf_8=in_utf_8)
    check_length(vr, len(data), is_ascii=data.isascii(), in_utf_8=in_utf_8)
    return data


def _check_ends(vr: str, values: tuple[Any, ...]) -> None:
    """Check that readers strip nothing but padding from a value.

    Raises:
        OutputError: They do, as pydicom does with all white space.
    """
    if vr in _STRIPPED_VRS and any(value and value.strip() != value.strip(" \0") for value in values):
        raise OutputError(f"expected a value of VR {vr} without white space at its ends, found some other than spaces")


def encode_characters(vr: str, text: str, terms: tuple[Any, ...], *, in_utf_8: bool) -> bytes:
    """Return the bytes of a text, or of a piece of it.

    Raises:
        NotEncodableError: The character sets do not carry the text.
        ValueError: No character set carries it, or none applies to the VR and it is not in ISO 8859-1.
    """
    if text.isascii() and "\x1b" not in text:
        return text.encode("ascii")
    if not VRS[vr].character_set:
        return text.encode("latin_1")  # no character set applies (PS3.5 6.1.2.2); pydicom reads this one
    utf_8 = text.encode()
    if in_utf_8:
        return utf_8
    from streamdicom.dicom import encode_text, python_encodings

    data = encode_text(text, python_encodings(terms))
    if data is None:
        raise NotEncodableError
    return data


def check_length(vr: str, length: int, *, is_ascii: bool, in_utf_8: bool) -> None:
    """Check that a value field of text does not become UN because of its length.

    UN would hide its character set.

    Raises:
        NotEncodableError: It does, and is not in UTF-8.
    """
    if length > MAX_SHORT_LENGTH and vr in SHORT_VRS and not is_ascii and not in_utf_8:
        raise NotEncodableError


def padding(vr: str) -> bytes:
    """Return the byte that makes the length of a value field even (PS3.5 6.2)."""
    return b"\0" if vr == "UI" or VRS[vr].form is Form.BINARY else b" "
