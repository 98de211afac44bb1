"""The values of the attribute that is being read: gathered, or given away in parts where they are more than is held."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamdicom.dicom import VRS, Form
from streamdicom.errors import DicomXmlError, LimitError, Location
from streamdicom.events import LAST_SEGMENT, SEGMENT, START_ELEMENT, VALUES, Event, Value
from streamdicom.formats.xml.documents import SPACE, Documents
from streamdicom.formats.xml.states import State
from streamdicom.formats.xml.values import convert
from streamdicom.jsontext import Base64Decoder, decode_base64
from streamdicom.limits import Limits

TEXT_STATES = frozenset({State.VALUE, State.BINARY, State.COMPONENT})
"""The states in which there is text."""


class ValueReader:
    """The part of ``XmlParser`` that has to do with values.

    Args:
        limits: What may be held of them.
    """

    _documents: Documents  # which calls the parser

    def __init__(self, limits: Limits) -> None:
        self._texts: list[str] = []  # since the last tag
        self._most_text = limits.segment_size
        self._most_held = limits.values_per_event
        self._most_digits = limits.number_length
        self._state: int = State.DOCUMENT
        self._events: list[Event] = []
        # The attribute that is being read:
        self._tag = 0
        self._vr = ""
        self._at = 0  # the byte offset of its start in the document
        self._parse: Callable[[str], Value] | None = None  # what makes its values
        self._creator = ""  # that its block must have, if it reserves one that is reserved already
        self._held: list[Any] = []  # its values: texts, or person names, or bytes
        self._size = 0
        self._count = 0  # of its values so far, those that were delivered among them
        self._skipped = 0  # numbers that were left out
        self._in_parts = False
        # The text that is being read:
        self._counted = 0  # of ``_texts``
        self._length = 0  # of those
        self._flows = False  # whether a part of it was delivered
        self._decoder: Base64Decoder | None = None

    def _wrong(self, message: str) -> DicomXmlError:
        """What is said of a value."""
        return DicomXmlError(message, self._location())

    def _location(self) -> Location:
        """Where a fault in a value is told: the start of its attribute."""
        return Location(self._documents.base + self._at)

    def _end_long_value(self, text: str) -> None:
        self._texts.append(text)
        if len(text) > self._most_text:
            self._flow()
        text = self._take_text()
        if self._flows:
            self._events.append((LAST_SEGMENT, self._tag, self._vr, text))
            self._flows = False
        else:
            self._hold(text, len(text))
        self._state = State.VALUES

    def _hold(self, value: Any, size: int) -> None:
        self._held.append(value)
        self._size += size
        if self._size > self._most_text or len(self._held) > self._most_held:
            self._deliver_values()

    def _deliver_values(self) -> None:
        values = self._converted()
        self._begin_parts()
        self._events.append((VALUES, self._tag, self._vr, values))
        self._size = 0

    def _begin_parts(self) -> None:
        if self._creator:
            raise self._wrong("a private block that is reserved for another creator")
        if not self._in_parts:
            self._in_parts = True
            self._events.append((START_ELEMENT, self._tag, self._vr, None))

    def _converted(self) -> tuple[Any, ...]:
        """The values that are held, which are so no longer."""
        held = self._held
        if self._vr == "PN":
            values: tuple[Any, ...] = tuple([name if any(name) else None for name in held])
        else:
            try:
                values = convert(self._vr, held, self._most_digits)
            except ValueError as error:
                if isinstance(error, LimitError):
                    raise LimitError(error.message.partition(";")[0], error.limit, self._location()) from None
                raise self._wrong(f"not a value of VR {self._vr}") from None
        held.clear()
        return values

    def _take_text(self) -> str:
        text = "".join(self._texts)
        self._texts.clear()
        self._counted = self._length = 0
        return text

    # --- text --------------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        """Hold no more of a text than is bounded."""
        texts = self._texts
        if not texts:
            return
        if self._state in TEXT_STATES:
            self._length += sum(map(len, texts[self._counted :]))
            self._counted = len(texts)
            if self._length > self._most_text:
                self._flow()
        elif "".join(texts).strip(SPACE):
            texts[:] = ["?"]  # of a text that is wrong whatever it is
        else:
            texts.clear()

    def _flow(self) -> None:
        """Deliver segments of a text that is longer than is held."""
        text = "".join(self._texts)
        if self._state == State.BINARY:
            text = "".join(text.split())
        elif self._state == State.COMPONENT or VRS[self._vr].form is not Form.TEXT:
            raise LimitError(f"so long a text for VR {self._vr}", "segment_size", self._location())
        most, start = self._most_text, 0
        while len(text) - start > most:
            if not self._flows:
                self._begin_flow()
            self._events.append((SEGMENT, self._tag, self._vr, self._segment(text[start : start + most])))
            start += most
        text = text[start:]
        self._texts[:] = [text]
        self._counted, self._length = 1, len(text)

    def _begin_flow(self) -> None:
        if self._held:
            self._deliver_values()
        self._begin_parts()
        self._flows = True
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
        return self._wrong("'InlineBinary' is not base64")

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
            self._flows, self._decoder = False, None
        elif text:
            try:
                self._held.append(decode_base64(text))
            except ValueError:
                raise self._not_base64() from None
        self._state = State.FULL
