"""Encapsulated pixel data in the form of dcm4che, which is not in PS3.18 F.

``"DataFragment": [null, {"InlineBinary": "..."}, {"BulkDataURI": "..."}]`` lists the Basic Offset Table and the
fragments (PS3.5 A.4). Empty ones are null. Of several members of a fragment, the first InlineBinary counts, and a
reference counts only alone. Fragments are held until the list ends: only then is it known whether all
of them are inline, and START_FRAGMENT needs the length of each.
"""

from __future__ import annotations

from _json import encode_basestring  # json takes long to import

from streamdicom.errors import LimitError
from streamdicom.events import END_FRAGMENTS, LAST_SEGMENT, START_FRAGMENT, START_FRAGMENTS, Event
from streamdicom.formats.json.values import report_base64
from streamdicom.formats.value_forms import Report, WrongValueError
from streamdicom.jsontext import Base64Decoder, TokenType, encode_base64
from streamdicom.limits import Limits

_OVERHEAD = 64  # bytes of memory for each fragment, besides its data

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
    """The value of a DataFragment, parsed token by token.

    Args:
        limits: ``value_length`` bounds the bytes that are held.
        report: Called for each deviation.

    Attributes:
        depth: Number of open objects and arrays in the value.
        is_complete: True once the value has ended.
        has_reference: True if a fragment is a bulk data reference.
        has_several: True if a fragment has several members.
        text: The JSON text of the value, or empty if it is not known.
    """

    def __init__(self, limits: Limits, report: Report) -> None:
        self._limits = limits
        self._report = report
        self._size = 0
        self._held: list[bytes | str] = []  # data, or the URI of a reference
        self._data = bytearray()  # of the current fragment
        self._uri = ""
        self._seen: list[str] = []  # its members
        self._decoder = Base64Decoder(is_lenient=True)
        self._member = ""
        self.depth = 0
        self.is_complete = False
        self.has_reference = self.has_several = False
        self.text = ""

    def take(self, kind: int, text: str) -> None:
        """Take the next token of the value.

        Raises:
            WrongValueError: The token is out of place, or the base64 is invalid.
            LimitError: The fragments exceed ``Limits.value_length``.
        """
        if self._member:
            self._take_content(kind, text)
        elif self.depth == 2 and kind == _PROPERTY_NAME and text in ("InlineBinary", "BulkDataURI"):
            if self._seen:
                self.has_several = True
                self._report("several-contents", "expected one member in a fragment, found several")
            self._seen.append(text)
            self._member = text
            self._decoder = Base64Decoder(is_lenient=True)
        elif (self.depth, kind) in ((0, _START_ARRAY), (1, _START_OBJECT)):
            self.depth += 1
        elif self.depth == 1 and kind == _NULL:
            self._add(b"")
        elif self.depth == 2 and kind == _END_OBJECT:
            self.depth = 1
            self._add(bytes(self._data) if "InlineBinary" in self._seen else self._uri or b"")
            self._data.clear()
            self._uri = ""
            self._seen.clear()
        elif self.depth == 1 and kind == _END_ARRAY:
            self.depth = 0
            self.is_complete = True
        else:
            raise WrongValueError("expected the fragments of a 'DataFragment', found another value")

    def _take_content(self, kind: int, text: str) -> None:
        is_reference = self._member == "BulkDataURI"
        if kind != _STRING and (is_reference or kind not in (_STRING_SEGMENT, _STRING_END)):
            raise WrongValueError("expected a string in a fragment, found another value or too long a URI")
        is_last = kind != _STRING_SEGMENT
        if is_reference:
            self._uri = text
        else:
            try:
                data = self._decoder.feed(text)
                if is_last:
                    data += self._decoder.close()
            except ValueError as error:
                raise WrongValueError(f"expected a base64 string in a fragment, found {error}") from None
            if is_last and self._decoder.is_odd:
                report_base64(self._report)
            if self._seen.count("InlineBinary") == 1:
                self._data += data
        self._check(len(self._data) + len(self._uri))
        if is_last:
            self._member = ""

    def _add(self, fragment: bytes | str) -> None:
        self._held.append(fragment)
        self._size += len(fragment) + _OVERHEAD
        self.has_reference = self.has_reference or isinstance(fragment, str)
        self._check(0)

    def _check(self, more: int) -> None:
        max_length = self._limits.value_length
        if self._size + more > max_length:
            raise LimitError(f"expected fragments of at most {max_length} bytes, found more", "value_length")

    def events(self, tag: int, vr: str) -> list[Event]:
        """Return the events of the element, whose fragments must all be inline."""
        events: list[Event] = [(START_FRAGMENTS, tag, vr, None)]
        for fragment in self._held:
            events += (START_FRAGMENT, tag, vr, len(fragment)), (LAST_SEGMENT, tag, vr, fragment)
        return [*events, (END_FRAGMENTS, tag, vr, None)]

    def json_text(self) -> str | None:
        """Return the value as JSON text, or None if it exceeds ``Limits.segment_size``."""
        if self.text or self._size > self._limits.segment_size:
            return self.text or None
        return f"[{','.join(map(_json_text, self._held))}]"


def _json_text(fragment: bytes | str) -> str:
    if isinstance(fragment, str):
        return f'{{"BulkDataURI":{encode_basestring(fragment)}}}'
    return f'{{"InlineBinary":"{encode_base64(fragment)}"}}' if fragment else "null"
