"""The values of the current DicomAttribute.

Short values are held up to the end of the attribute; long ones are delivered in parts. Text is gathered between two
tags. A longer text than ``Limits.segment_size`` is delivered in segments, whose lengths do not depend on the cuts of
the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamdicom.dicom import VRS, Form
from streamdicom.errors import DicomXmlError, LimitError, Location
from streamdicom.events import LAST_SEGMENT, SEGMENT, START_ELEMENT, VALUES, Event, Value
from streamdicom.formats.xml.documents import SPACE, Documents
from streamdicom.formats.xml.states import IN_TEXT, State
from streamdicom.formats.xml.values import convert
from streamdicom.jsontext import Base64Decoder, decode_base64
from streamdicom.limits import Limits


class AttributeParser:
    """The part of ``XmlParser`` that parses the values of a DicomAttribute.

    Args:
        limits: Bounds on the values that are held.
    """

    _documents: Documents  # which calls the parser

    def __init__(self, limits: Limits) -> None:
        self._texts: list[str] = []  # since the last tag
        self._max_text = limits.segment_size
        self._max_values = limits.values_per_event
        self._max_number = limits.number_length
        self._state: int = State.DOCUMENT
        self._events: list[Event] = []
        # The current attribute:
        self._tag = 0
        self._vr = ""
        self._offset = 0  # of its start tag, in the bytes of the document
        self._parse: Callable[[str], Value] | None = None  # the function that parses its values
        self._required_creator = ""  # the value of a Private Creator element whose block is reserved already
        self._held: list[Any] = []  # its values that are not delivered yet: texts, person names, or bytes
        self._size = 0  # characters of those
        self._count = 0  # all its values so far
        self._omitted = 0  # values omitted by the numbers of the others
        self._in_parts = False  # whether START_ELEMENT was delivered
        # The current text:
        self._counted = 0  # pieces of ``_texts`` that are counted
        self._length = 0  # characters of those
        self._in_segments = False  # whether a SEGMENT was delivered
        self._decoder: Base64Decoder | None = None

    def _error_at_start(self, message: str) -> DicomXmlError:
        """Return an error with the location of the attribute."""
        return DicomXmlError(message, self._location())

    def _location(self) -> Location:
        return Location(self._documents.base + self._offset)

    def _end_long_value(self, text: str) -> None:
        self._texts.append(text)
        if len(text) > self._max_text:
            self._deliver_segments()
        text = self._take_text()
        if self._in_segments:
            self._events.append((LAST_SEGMENT, self._tag, self._vr, text))
            self._in_segments = False
        else:
            self._hold(text, len(text))
        self._state = State.VALUES

    def _hold(self, value: Any, size: int) -> None:
        self._held.append(value)
        self._size += size
        if self._size > self._max_text or len(self._held) > self._max_values:
            self._deliver_values()

    def _deliver_values(self) -> None:
        values = self._take_values()
        self._begin_parts()
        self._events.append((VALUES, self._tag, self._vr, values))
        self._size = 0

    def _begin_parts(self) -> None:
        if self._required_creator:
            raise self._error_at_start("the private block is already reserved for another creator")
        if not self._in_parts:
            self._in_parts = True
            self._events.append((START_ELEMENT, self._tag, self._vr, None))

    def _take_values(self) -> tuple[Any, ...]:
        """Return the held values, converted for the event, and clear them."""
        held = self._held
        if self._vr == "PN":
            values: tuple[Any, ...] = tuple([name if any(name) else None for name in held])
        else:
            try:
                values = convert(self._vr, held, self._max_number)
            except LimitError as error:
                error.location = self._location()
                raise
            except ValueError:
                raise self._error_at_start(f"expected a value of VR {self._vr}, found other text") from None
        held.clear()
        return values

    def _take_text(self) -> str:
        text = "".join(self._texts)
        self._texts.clear()
        self._counted = self._length = 0
        return text

    # --- text --------------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        """Bound the text that is held."""
        texts = self._texts
        if not texts:
            return
        if self._state in IN_TEXT:
            self._length += sum(map(len, texts[self._counted :]))
            self._counted = len(texts)
            if self._length > self._max_text:
                self._deliver_segments()
        elif "".join(texts).strip(SPACE):
            texts[:] = ["?"]  # text is an error here, raised at the next tag
        else:
            texts.clear()

    def _deliver_segments(self) -> None:
        """Deliver a text that is longer than may be held, except for its last segment."""
        text = "".join(self._texts)
        if self._state == State.BINARY:
            text = "".join(text.split())
        elif self._state == State.COMPONENT or VRS[self._vr].form is not Form.TEXT:
            message = f"a text of more than {self._max_text} characters for VR {self._vr}"
            raise LimitError(message, "segment_size", self._location())
        length, start = self._max_text, 0
        while len(text) - start > length:
            if not self._in_segments:
                self._begin_segments()
            self._events.append((SEGMENT, self._tag, self._vr, self._segment(text[start : start + length])))
            start += length
        text = text[start:]
        self._texts[:] = [text]
        self._counted, self._length = 1, len(text)

    def _begin_segments(self) -> None:
        if self._held:
            self._deliver_values()
        self._begin_parts()
        self._in_segments = True
        if self._state == State.BINARY:
            self._decoder = Base64Decoder()

    def _segment(self, text: str) -> str | bytes:
        if self._decoder is None:
            return text
        try:
            return self._decoder.feed(text)
        except ValueError:
            raise self._not_base64() from None

    def _not_base64(self) -> DicomXmlError:
        return self._error_at_start("expected base64 in InlineBinary, found other text")

    def _end_binary(self) -> None:
        self._pause()
        text = "".join(self._take_text().split())
        if self._decoder is not None:
            try:
                data = self._decoder.feed(text)
                self._decoder.close()
            except ValueError:
                raise self._not_base64() from None
            self._events.append((LAST_SEGMENT, self._tag, self._vr, data))
            self._in_segments, self._decoder = False, None
        elif text:
            try:
                self._held.append(decode_base64(text))
            except ValueError:
                raise self._not_base64() from None
        self._state = State.FULL
