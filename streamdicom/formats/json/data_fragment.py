"""Encapsulated pixel data as dcm4che writes it, which PS3.18 Annex F does not have.

``"DataFragment": [null, {"InlineBinary": "..."}, {"BulkDataURI": "..."}]`` has the Basic Offset Table and the fragments
(PS3.5 A.4), the empty ones as null. They are held until the end, because the length of each stands before it.
"""

from __future__ import annotations

from binascii import b2a_base64
from json.encoder import encode_basestring

from streamdicom.errors import LimitError
from streamdicom.events import END_FRAGMENTS, LAST_SEGMENT, START_FRAGMENT, START_FRAGMENTS, Event
from streamdicom.formats.json.values import WrongValueError
from streamdicom.jsontext import Base64Decoder, TokenType
from streamdicom.limits import Limits

_OVERHEAD = 64  # bytes that an object takes

_START_OBJECT = int(TokenType.START_OBJECT)
_END_OBJECT = int(TokenType.END_OBJECT)
_START_ARRAY = int(TokenType.START_ARRAY)
_END_ARRAY = int(TokenType.END_ARRAY)
_PROPERTY_NAME = int(TokenType.PROPERTY_NAME)
_STRING = int(TokenType.STRING)
_STRING_SEGMENT = int(TokenType.STRING_SEGMENT)
_STRING_END = int(TokenType.STRING_END)
_NULL = int(TokenType.NULL)


class Fragments:
    """The value of a DataFragment, token by token.

    Args:
        limits: ``value_length`` bounds what is held.

    Attributes:
        depth: How many objects and arrays of the value are open.
        is_complete: Whether the last token ended the value.
        has_reference: Whether a fragment is only referred to.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._size = 0
        self._held: list[bytes | str] = []  # bytes, or a URI
        self._data = bytearray()  # of the fragment that is being read
        self._uri = ""
        self._decoder = Base64Decoder()
        self._member = ""
        self.depth = 0
        self.is_complete = False
        self.has_reference = False

    def take(self, kind: int, text: str) -> None:
        """Take the next token of the value.

        Raises:
            WrongValueError: It may not come here.
            LimitError: There is more than ``Limits.value_length``.
        """
        if self._member:
            self._take_content(kind, text)
        elif self.depth == 2 and kind == _PROPERTY_NAME and text in ("InlineBinary", "BulkDataURI"):
            self._member = text
            self._decoder = Base64Decoder()
        elif (self.depth, kind) in ((0, _START_ARRAY), (1, _START_OBJECT)):
            self.depth += 1
        elif self.depth == 1 and kind == _NULL:
            self._add(b"")
        elif self.depth == 2 and kind == _END_OBJECT:
            self.depth = 1
            self._add(self._uri or bytes(self._data))
            self._data.clear()
            self._uri = ""
        elif self.depth == 1 and kind == _END_ARRAY:
            self.depth = 0
            self.is_complete = True
        else:
            raise WrongValueError("no fragments of a 'DataFragment'")

    def _take_content(self, kind: int, text: str) -> None:
        is_reference = self._member == "BulkDataURI"
        if kind != _STRING and (is_reference or kind not in (_STRING_SEGMENT, _STRING_END)):
            raise WrongValueError("a fragment that is no string, or a reference that is too long a one")
        is_last = kind != _STRING_SEGMENT
        if is_reference:
            self._uri = text
        else:
            try:
                self._data += self._decoder.feed(text)
                if is_last:
                    self._decoder.close()
            except ValueError as error:
                raise WrongValueError(f"'InlineBinary' is {error}") from None
        self._check(len(self._data) + len(self._uri))
        if is_last:
            self._member = ""

    def _add(self, fragment: bytes | str) -> None:
        self._held.append(fragment)
        self._size += len(fragment) + _OVERHEAD
        self.has_reference = self.has_reference or isinstance(fragment, str)
        self._check(0)

    def _check(self, more: int) -> None:
        most = self._limits.value_length
        if self._size + more > most:
            raise LimitError(f"fragments of more than {most} bytes", "value_length")

    def events(self, tag: int, vr: str) -> list[Event]:
        """The element, of which no fragment is a reference."""
        events: list[Event] = [(START_FRAGMENTS, tag, vr, None)]
        for fragment in self._held:
            events += (START_FRAGMENT, tag, vr, len(fragment)), (LAST_SEGMENT, tag, vr, fragment)
        return [*events, (END_FRAGMENTS, tag, vr, None)]

    def json_text(self) -> str | None:
        """The value as it came; None if it is too long to be held as text."""
        if self._size > self._limits.segment_size:
            return None
        return f"[{','.join(map(_json_text, self._held))}]"


def _json_text(fragment: bytes | str) -> str:
    if isinstance(fragment, str):
        return f'{{"BulkDataURI":{encode_basestring(fragment)}}}'
    return f'{{"InlineBinary":"{b2a_base64(fragment, newline=False).decode()}"}}' if fragment else "null"
