"""The fragments of encapsulated pixel data as one body of MIME multipart/related (RFC 2387), and back.

    --boundary CRLF
    Content-Type: application/octet-stream CRLF
    Content-Length: 5 CRLF
    CRLF
    abcde CRLF
    --boundary-- CRLF

There is a part for each fragment; the first is the Basic Offset Table (PS3.5 A.4). The length in front of each part
says where it ends, so that no reader searches its bytes for the boundary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamdicom.dicom import MAX_FRAGMENT_LENGTH
from streamdicom.errors import BulkDataError

# The same for all bodies, so that equal ones are equal byte by byte.
_BOUNDARY = b"streamdicom-7f1d64a2c09b4e15a3b8"

_LONGEST_LINE = 1024  # RFC 5322 allows 998 characters
_MOST_HEADERS = 32


def write_parts(fragments: Iterable[tuple[int, Iterable[bytes]]]) -> Iterator[bytes]:
    r"""The segments of a body.

    Args:
        fragments: Of each fragment its length, and its bytes in segments, which are taken before the next fragment.

    >>> b"".join(write_parts([(0, []), (2, [b"a", b"b"])])).count(b"\r\n--streamdicom")
    2
    """
    start = b"--"
    for length, segments in fragments:
        yield b"%b%b\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % (
            start,
            _BOUNDARY,
            length,
        )
        yield from segments
        start = b"\r\n--"
    yield start + _BOUNDARY + b"--\r\n"


def read_parts(segments: Iterable[bytes]) -> Iterator[tuple[int, Iterator[bytes]]]:
    r"""Of each part its length, and its bytes in segments, which must be taken before the next part.

    Raises:
        BulkDataError: The bytes are no such body.

    >>> [(length, b"".join(part)) for length, part in read_parts(write_parts([(0, []), (2, [b"a", b"b"])]))]
    [(0, b''), (2, b'ab')]
    """
    source = _Source(segments)
    boundary = source.line()
    if not boundary.startswith(b"--") or len(boundary) < 3:
        raise BulkDataError("the bulk data is no multipart body")
    if boundary == b"--" + _BOUNDARY + b"--":
        return  # there are no fragments
    line = boundary
    while line == boundary:
        length = _content_length(source)
        yield length, source.take(length)
        if source.line():
            raise BulkDataError("a part of the bulk data is longer than its header says")
        line = source.line()
    if line != boundary + b"--":
        raise BulkDataError("the bulk data has a part that does not start with the boundary")


def _content_length(source: _Source) -> int:
    """The length in the headers of a part; what else there is means nothing here."""
    length: int | None = None
    for _ in range(_MOST_HEADERS):
        line = source.line()
        if not line:
            break
        name, _, value = line.partition(b":")
        value = value.strip()
        if name.strip().lower() == b"content-length":
            if length is not None or not value.isdigit() or len(value) > 10 or int(value) > MAX_FRAGMENT_LENGTH:
                raise BulkDataError("a part of the bulk data with a wrong length")
            length = int(value)
    else:
        raise BulkDataError("a part of the bulk data with too many headers")
    if length is None:
        raise BulkDataError("a part of the bulk data without a length")
    return length


class _Source:
    """The bytes of a body, by lines and by lengths. No more is held than a segment and a line."""

    def __init__(self, segments: Iterable[bytes]) -> None:
        self._segments = iter(segments)
        self._held = b""
        self._start = 0  # what is before it in ``_held`` has been taken

    def _fill(self) -> bool:
        segment = next(self._segments, None)
        if segment is None:
            return False
        self._held = self._held[self._start :] + segment
        self._start = 0
        return True

    def line(self) -> bytes:
        """The next line, without its end."""
        while True:
            end = self._held.find(b"\r\n", self._start, self._start + _LONGEST_LINE)
            if end >= 0:
                line = self._held[self._start : end]
                self._start = end + 2
                return line
            if len(self._held) - self._start >= _LONGEST_LINE:
                raise BulkDataError("a line in the bulk data that is too long for a header")
            if not self._fill():
                raise BulkDataError("the bulk data ends before its last part")

    def take(self, length: int) -> Iterator[bytes]:
        """The next bytes, so many of them."""
        while length:
            if self._start == len(self._held):
                self._held, self._start = b"", 0
                if not self._fill():
                    raise BulkDataError("the bulk data ends within a part")
            segment = self._held[self._start : self._start + length]
            self._start += len(segment)
            length -= len(segment)
            if segment:
                yield segment
