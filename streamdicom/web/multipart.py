"""Bodies of MIME multipart (RFC 2046 5.1), pushed through the parser of python-multipart.

What that parser leaves open is closed here: a preamble may be there and may be cut anywhere, the body must be closed,
and a part must have an empty line behind its headers.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn, TypeAlias

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError

from streamdicom.errors import InputError, RequestError, TruncatedError

START, DATA, END = range(3)

PartEvent: TypeAlias = tuple[int, Any]
"""START with the headers of a part by their names in lower case, DATA with some of its bytes, END with None."""

_MOST_HEADERS = 32
_LONGEST_HEADER = 1024  # bytes; RFC 5322 allows 998
_LONGEST_PREAMBLE = 64 * 1024

_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046 5.1.1
_MALFORMED = (
    "the multipart body is malformed (RFC 2046 5.1), or a part of it has more than "
    f"{_MOST_HEADERS} headers, or one of more than {_LONGEST_HEADER} bytes"
)


class MultipartReader:
    r"""A push parser: bytes in, events of parts out.

    No more is held than the headers of a part. The events do not depend on how the bytes were cut.

    Args:
        boundary: The parameter of the media type.

    Raises:
        RequestError: It is none.

    >>> reader = MultipartReader(b"x")
    >>> reader.feed(b"--x\r\nContent-ID: <1>\r\n\r\nab\r\n--x--")
    [(0, {'content-id': '<1>'}), (1, b'ab'), (2, None)]
    >>> reader.close()
    """

    def __init__(self, boundary: bytes) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise RequestError("the parameter 'boundary' is missing, or not as RFC 2046 5.1.1 has it", 400)
        self._dashes = b"--" + boundary
        self._parser = MultipartParser(
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
            max_header_count=_MOST_HEADERS,
            max_header_size=_LONGEST_HEADER,
        )
        self._preamble: bytes | None = b"\r\n"  # what the boundary may start in; None once it has come
        self._passed = 0  # bytes of the preamble that are not held any more
        self._events: list[PartEvent] = []
        self._headers: dict[str, str] = {}
        self._name = b""
        self._value = b""
        self._head: bytes | None = None  # of a part, until it is known to be no boundary
        self._finished = False
        self._error: InputError | None = None

    def feed(self, data: bytes) -> list[PartEvent]:
        """Take the next bytes; return the events that they complete.

        As with ``JsonParser.feed``, a fault raises at the next call if there are events before it.

        Raises:
            RequestError: The body is malformed, or a part has too many or too long headers.
        """
        if self._error:
            raise self._error
        self._events = []
        try:
            if self._preamble is not None:
                data = self._skip(self._preamble + data)
            self._parser.write(data)
        except (MultipartParseError, RequestError) as error:
            self._error = error if isinstance(error, RequestError) else RequestError(_MALFORMED, 400)
            if not self._events:
                raise self._error from None
        return self._events

    def close(self) -> None:
        """Say that the body has ended.

        Raises:
            TruncatedError: It has ended before its closing boundary.
            RequestError: As in ``feed``.
        """
        if self._error:
            raise self._error
        if self._preamble is not None:
            raise RequestError("the boundary of the media type is nowhere in the multipart body", 400)
        if not self._finished:
            raise TruncatedError("the multipart body stops before its closing boundary")

    def _skip(self, data: bytes) -> bytes:
        """What comes from the first boundary on; the parser itself takes no preamble."""
        delimiter = b"\r\n" + self._dashes
        start = data.find(delimiter)
        held = data[1 - len(delimiter) :]
        if self._passed + (start if start >= 0 else len(data) - len(held)) > _LONGEST_PREAMBLE:
            raise RequestError(f"no boundary of the media type in the first {_LONGEST_PREAMBLE} bytes of the body", 400)
        if start >= 0:
            self._preamble = None
            return data[start + 2 :]
        self._preamble = held
        self._passed += len(data) - len(held)
        return b""

    # --- what the parser calls ---------------------------------------------------------------------------------

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
        if head and head.startswith(self._dashes):  # which the parser takes for data
            self._malformed()
        if head:
            self._events.append((DATA, head))

    def _finish(self) -> None:
        self._finished = True

    def _malformed(self) -> NoReturn:
        raise RequestError(_MALFORMED, 400)
