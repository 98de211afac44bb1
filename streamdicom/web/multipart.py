"""MIME multipart bodies (RFC 2046 5.1), on top of the parser of python-multipart.

That parser does not skip a preamble, nor require the closing boundary and the empty line after the headers of a part;
this module does.
"""

from __future__ import annotations

import logging
import re
from typing import Any, NoReturn, TypeAlias

import python_multipart
from python_multipart.exceptions import MultipartParseError

from streamdicom._push import PushParser
from streamdicom.errors import RequestError, TruncatedError

START, DATA, END = range(3)

PartEvent: TypeAlias = tuple[int, Any]
"""START with the headers of a part by lower-case name, DATA with some of its bytes, or END with None."""

_MAX_HEADERS = 32  # of a part
_MAX_HEADER_SIZE = 1024  # bytes; RFC 5322 allows 998
_MAX_PREAMBLE_SIZE = 64 * 1024

_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046 5.1.1
_SILENT = logging.Logger("python_multipart", logging.CRITICAL + 1)
_MALFORMED = (
    "the multipart body is malformed (RFC 2046 5.1), or a part has more than "
    f"{_MAX_HEADERS} headers or a header of more than {_MAX_HEADER_SIZE} bytes"
)


class MultipartParser(PushParser[PartEvent]):
    r"""A push parser of a multipart body: bytes in, part events out.

    Memory holds at most the headers of one part. The joined events do not depend on how the bytes are cut.

    Args:
        boundary: The ``boundary`` parameter of the media type.

    Raises:
        RequestError: The boundary is missing or malformed; ``feed`` raises it for a malformed body, or a part with too
            many or too long headers.

    >>> reader = MultipartParser(b"x")
    >>> reader.feed(b"--x\r\nContent-ID: <1>\r\n\r\nab\r\n--x--")
    [(0, {'content-id': '<1>'}), (1, b'ab'), (2, None)]
    >>> reader.close()
    []
    """

    def __init__(self, boundary: bytes) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise RequestError("Content-Type needs a boundary parameter as of RFC 2046 5.1.1", 400)
        super().__init__()
        self._dashes = b"--" + boundary
        self._parser = python_multipart.MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_SIZE,
        )
        self._parser.logger = _SILENT  # it prints bytes of the body for each error, which is raised too
        self._preamble: bytes | None = b"\r\n"  # its last bytes; None after the first boundary
        self._skipped = 0  # bytes of the preamble that are no longer held
        self._events: list[PartEvent] = []
        self._headers: dict[str, str] = {}
        self._name = b""
        self._value = b""
        self._head: bytes | None = None  # of a part, held until it cannot be a boundary
        self._finished = False

    def _feed(self, data: bytes, events: list[PartEvent]) -> None:
        self._events = events
        if self._preamble is not None:
            data = self._skip(self._preamble + data)
        try:
            self._parser.write(data)
        except MultipartParseError:
            raise RequestError(_MALFORMED, 400) from None

    def _close(self, events: list[PartEvent]) -> None:
        if self._preamble is not None:
            raise RequestError("the multipart body does not contain the boundary of its Content-Type", 400)
        if not self._finished:
            raise TruncatedError("the multipart body stops before its closing boundary")

    def _skip(self, data: bytes) -> bytes:
        """Skip the preamble, which the wrapped parser does not take."""
        delimiter = b"\r\n" + self._dashes
        start = data.find(delimiter)
        held = data[1 - len(delimiter) :]
        if self._skipped + (start if start >= 0 else len(data) - len(held)) > _MAX_PREAMBLE_SIZE:
            raise RequestError(f"no boundary in the first {_MAX_PREAMBLE_SIZE} bytes of the body", 400)
        if start >= 0:
            self._preamble = None
            return data[start + 2 :]
        self._preamble = held
        self._skipped += len(data) - len(held)
        return b""

    # --- callbacks of the wrapped parser -------------------------------------------------------------------------

    def _begin(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        name, value = self._name.decode().lower(), self._value
        self._name = self._value = b""
        if name in self._headers:
            self._malformed()
        try:
            self._headers[name] = value.decode().strip(" \t")
        except UnicodeDecodeError:
            self._malformed()

    def _headers_finished(self) -> None:
        self._events.append((START, self._headers))
        self._head = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._head is None:
            self._events.append((DATA, data[start:end]))
            return
        self._head += data[start:end]
        if len(self._head) >= len(self._dashes):
            self._show_head()

    def _end(self) -> None:
        self._show_head()
        self._events.append((END, None))

    def _show_head(self) -> None:
        head, self._head = self._head, None
        if head and head.startswith(self._dashes):  # a boundary without an empty line, which the parser takes for data
            self._malformed()
        if head:
            self._events.append((DATA, head))

    def _finish(self) -> None:
        self._finished = True

    def _malformed(self) -> NoReturn:
        raise RequestError(_MALFORMED, 400)
