"""Encapsulated pixel data as one MIME multipart/related body (RFC 2387).

    --boundary CRLF
    Content-Type: application/octet-stream CRLF
    Content-Length: 5 CRLF
    CRLF
    abcde CRLF
    --boundary-- CRLF

Each fragment has a part; the first is the Basic Offset Table (PS3.5 A.4). The length in the header says where a part
ends, so that a reader need not search its bytes for the boundary. A body ends within the last part if bytes of the
fragment are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamdicom.dicom import MAX_FRAGMENT_LENGTH
from streamdicom.errors import BulkDataError

# The same in all bodies, so that equal values are equal byte by byte.
_BOUNDARY = b"streamdicom-7f1d64a2c09b4e15a3b8"

_MAX_LINE = 1024  # RFC 5322 allows 998 characters
_MAX_HEADERS = 32


def write_fragments(fragments: Iterable[tuple[int, Iterable[bytes]]]) -> Iterator[bytes]:
    r"""Yield the segments of a body.

    Args:
        fragments: The length of each fragment, and its bytes in segments, which are consumed before the next fragment.

    >>> b"".join(write_fragments([(0, []), (2, [b"a", b"b"])])).count(b"\r\n--streamdicom")
    2
    """
    start = b"--"
    for length, segments in fragments:
        yield b"%b%b\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % (
            start,
            _BOUNDARY,
            length,
        )
        missing = length
        for segment in segments:
            yield segment
            missing -= len(segment)
        if missing:
            return
        start = b"\r\n--"
    yield start + _BOUNDARY + b"--\r\n"


def read_fragments(segments: Iterable[bytes], *, may_be_cut: bool = False) -> Iterator[tuple[int, Iterator[bytes]]]:
    r"""Yield the length and the bytes of each fragment.

    The bytes are in segments, which must be consumed before the next fragment.

    Args:
        segments: The body.
        may_be_cut: Accept the end of the body within a fragment, which then has fewer bytes than its length says.

    Raises:
        BulkDataError: The bytes are not such a body.

    >>> [(length, b"".join(part)) for length, part in read_fragments(write_fragments([(0, []), (2, [b"a", b"b"])]))]
    [(0, b''), (2, b'ab')]
    """
    source = _Source(segments, may_be_cut=may_be_cut)
    boundary = source.line()
    if not boundary.startswith(b"--") or len(boundary) < 3:
        raise BulkDataError("expected a multipart body of fragments, found other bulk data")
    if boundary == b"--" + _BOUNDARY + b"--":
        return  # no fragments
    line = boundary
    while line == boundary:
        length = _content_length(source)
        yield length, source.take(length)
        if source.is_cut:
            return
        if source.line():
            raise BulkDataError("expected the end of a fragment after its Content-Length, found more bytes")
        line = source.line()
    if line != boundary + b"--":
        raise BulkDataError("expected the boundary before the next fragment, found another line")


def _content_length(source: _Source) -> int:
    """Read the headers of a part; return its length."""
    length: int | None = None
    for _ in range(_MAX_HEADERS):
        line = source.line()
        if not line:
            break
        name, _, value = line.partition(b":")
        value = value.strip()
        if name.strip().lower() == b"content-length":
            if length is not None or not value.isdigit() or len(value) > 10 or int(value) > MAX_FRAGMENT_LENGTH:
                raise BulkDataError("expected one Content-Length of 32 bits for a fragment, found another value")
            length = int(value)
    else:
        raise BulkDataError(f"expected at most {_MAX_HEADERS} headers of a fragment, found more")
    if length is None:
        raise BulkDataError("expected Content-Length in the headers of a fragment, found none")
    return length


class _Source:
    """The bytes of a body, by lines and by lengths.

    Attributes:
        is_cut: Whether the body has ended within a fragment.
    """

    def __init__(self, segments: Iterable[bytes], *, may_be_cut: bool) -> None:
        self._segments = iter(segments)
        self._may_be_cut = may_be_cut
        self.is_cut = False
        self._held = b""
        self._start = 0  # in ``_held``; the bytes before it are consumed

    def _fill(self) -> bool:
        segment = next(self._segments, None)
        if segment is None:
            return False
        self._held = self._held[self._start :] + segment
        self._start = 0
        return True

    def line(self) -> bytes:
        """Return the next line, without CRLF."""
        while True:
            end = self._held.find(b"\r\n", self._start, self._start + _MAX_LINE)
            if end >= 0:
                line = self._held[self._start : end]
                self._start = end + 2
                return line
            if len(self._held) - self._start >= _MAX_LINE:
                raise BulkDataError(f"expected a header of at most {_MAX_LINE} bytes, found a longer line")
            if not self._fill():
                raise BulkDataError("expected the last boundary, found the end of the bulk data")

    def take(self, length: int) -> Iterator[bytes]:
        """Yield the next bytes, ``length`` in all."""
        while length:
            if self._start == len(self._held):
                self._held, self._start = b"", 0
                if not self._fill():
                    self.is_cut = self._may_be_cut
                    if self.is_cut:
                        return
                    raise BulkDataError("expected more bytes of a fragment, found the end of the bulk data")
            segment = self._held[self._start : self._start + length]
            self._start += len(segment)
            length -= len(segment)
            if segment:
                yield segment
