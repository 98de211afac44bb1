"""Text in value fields: in any character set (PS3.5 6.1), and of any length."""

from __future__ import annotations

import codecs
import re
import warnings
from collections.abc import Iterator
from typing import Any

from streamdicom.dicom import SPLITTERS, VRS, Form
from streamdicom.errors import LimitError
from streamdicom.events import LAST_SEGMENT, SEGMENT, VALUES, Event

_ESCAPE = b"\x1b"
# The two bytes of a character of JIS X 0208 or JIS X 0212 may look like any delimiter (PS3.3 C.12.1.1.2).
_KANJI = rb"\x1b\$(?:[@B]|\(D)(?:[\x21-\x7e]{2})*"
_MOST = 64 * 1024  # characters of one value that is not delivered in segments
_MANY = 4096  # values in one event


def text_values(vr: str, data: bytes, encodings: list[str] | None) -> tuple[Any, ...]:
    r"""The values of a text VR from a whole value field.

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
    # PS3.5 6.1.2.5.3: behind a delimiter the first character set is in force again.
    delimiters = b"\\=" if vr == "PN" else b"\\" if VRS[vr].multiple else b""
    return "".join([decode_text(part, encodings) for part in _cut(data, delimiters)])


def _cut(data: bytes, delimiters: bytes) -> Iterator[bytes]:
    """What is between delimiters, and they themselves."""
    start = 0
    for found in re.finditer(_KANJI + rb"|([%s])" % re.escape(delimiters), data) if delimiters else ():
        if found[1]:
            yield data[start : found.start()]
            yield found[1]
            start = found.end()
    yield data[start:]


class LongText:
    """The values of a long value field, as it comes.

    Args:
        tag: Of the element.
        vr: A text VR.
        encodings: Python's names of the character sets in force; None for the default.
    """

    def __init__(self, tag: int, vr: str, encodings: list[str] | None) -> None:
        self._tag = tag
        self._vr = vr
        self._split = SPLITTERS[vr]
        self._multiple = VRS[vr].multiple
        self._decoder = _decoder(vr, encodings)
        self._held = ""  # behind the last delimiter
        self._in_segments = False

    def feed(self, data: bytes, *, final: bool) -> list[Event]:
        """The events of the next bytes, which are the last ones if ``final``.

        Raises:
            LimitError: A value is too long for what it is.
        """
        text = self._held + self._decoder.decode(data, final)
        self._held = ""
        events: list[Event] = []
        if self._multiple:
            text = self._take_values(text, events)
        if final:
            self._end(text, events)
        elif not self._multiple or self._in_segments or len(text) > _MOST:
            self._segment(SEGMENT, text, events)
        else:
            self._held = text
        return events

    def _take_values(self, text: str, events: list[Event]) -> str:
        """Deliver the values that are complete; return what stands behind them."""
        if self._in_segments and "\\" in text:
            value, text = text.split("\\", 1)
            self._end_segments(value, events)
        complete, delimiter, rest = text.rpartition("\\")
        if delimiter:
            # A value behind them, so that no padding is taken from the last one.
            self._values(self._split(complete + "\\.")[:-1], events)
        return rest

    def _values(self, values: tuple[Any, ...], events: list[Event]) -> None:
        for start in range(0, len(values), _MANY):
            events.append((VALUES, self._tag, self._vr, values[start : start + _MANY]))

    def _segment(self, kind: int, text: str, events: list[Event]) -> None:
        if VRS[self._vr].form is not Form.TEXT:
            raise LimitError(f"a value of VR {self._vr} of more than {_MOST} characters", "segment_size")
        self._in_segments = kind == SEGMENT
        events.append((kind, self._tag, self._vr, text))

    def _end_segments(self, text: str, events: list[Event]) -> None:
        # Padding may be longer than a segment; what is before the last one stays.
        self._segment(LAST_SEGMENT, text.rstrip("\0 "), events)

    def _end(self, text: str, events: list[Event]) -> None:
        if self._in_segments or not self._multiple:
            self._end_segments(text, events)
        else:
            self._values(self._split(text), events)


class _Replacing:
    """A decoder for a character set without code extensions."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def decode(self, data: bytes, final: bool) -> str:
        text = self._decoder.decode(data, final)
        if "\ufffd" in text:
            warnings.warn("text that its character set does not decode is replaced", UserWarning, stacklevel=2)
        return text


class _Lines:
    """A decoder for character sets with code extensions, of which the first is in force again in each line."""

    def __init__(self, encodings: list[str]) -> None:
        self._encodings = encodings
        self._held = b""

    def decode(self, data: bytes, final: bool) -> str:
        from streamdicom.dicom import decode_text

        data = self._held + data
        cut = len(data) if final else max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._held = data[cut:]
        if len(self._held) > 2 * _MOST:
            raise LimitError(f"a line in several character sets of more than {2 * _MOST} bytes", "segment_size")
        return decode_text(data[:cut], self._encodings)


def _decoder(vr: str, encodings: list[str] | None) -> _Replacing | _Lines:
    if not VRS[vr].character_set:
        return _Replacing("latin_1")
    if not encodings:
        return _Replacing("latin_1")
    return _Replacing(encodings[0]) if len(encodings) == 1 else _Lines(encodings)
