"""Input of the parser: the bytes that have arrived, and inflating them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from streamdicom._push import PIECE_SIZE
from streamdicom.errors import DicomFileError


class ReceiveBuffer:
    r"""Bytes that have arrived and are not consumed yet.

    Arriving bytes are joined only when there are enough for the next step, so that a value that arrives in small pieces
    is not copied again and again.

    Attributes:
        data: Bytes of the stream.
        pos: The position in ``data`` of the first byte that is not consumed.
        base: The offset of ``data`` in the stream.

    >>> buffer = ReceiveBuffer()
    >>> buffer.lacks(2), buffer.add(b"a"), buffer.add(b"b"), buffer.data
    (True, False, True, b'ab')
    """

    __slots__ = ("_arrived", "_needed", "_size", "base", "data", "pos")

    def __init__(self) -> None:
        self.data = b""
        self.pos = 0
        self.base = 0
        self._arrived: list[bytes] = []  # bytes after ``data``
        self._size = 0  # bytes that are not consumed
        self._needed = 1

    @property
    def offset(self) -> int:
        """The offset of ``pos`` in the stream."""
        return self.base + self.pos

    @property
    def size(self) -> int:
        """Bytes that are not consumed, as of the last ``add`` or ``settle``."""
        return self._size

    def add(self, data: bytes) -> bool:
        """Take bytes of the stream; return True if there are enough for the next step."""
        self._arrived.append(data)
        self._size += len(data)
        if self._size < self._needed:
            return False
        self.gather()
        return True

    def gather(self) -> None:
        """Join all bytes that are not consumed in ``data``."""
        self.base += self.pos
        self.data = b"".join([self.data[self.pos :], *self._arrived])
        self._arrived.clear()
        self.pos = 0

    def settle(self) -> None:
        """Update ``size`` after steps that consumed bytes."""
        self._size = len(self.data) - self.pos

    def lacks(self, count: int) -> bool:
        """Return True if fewer bytes are in ``data``; the next step then needs so many."""
        self._needed = count
        return len(self.data) - self.pos < count

    def take(self, count: int) -> bytes:
        """Consume and return bytes that are in ``data``."""
        start = self.pos
        self.pos += count
        return self.data[start : self.pos]

    def take_rest(self) -> bytes:
        """Consume and return all bytes."""
        rest = self.data[self.pos :]
        self.base += self.pos
        self.data, self.pos, self._size = b"", 0, 0
        return rest

    def skip(self, count: int) -> None:
        """Pass over bytes of the stream that will not arrive."""
        self.base += count
        self._needed = 1


def inflated(inflater: Any, data: bytes) -> Iterator[bytes]:
    """Inflate the next part of a deflated data set (PS3.5 A.5) in bounded pieces.

    Bytes after its end, such as padding or the end of a gzip file, are ignored, as pydicom does.

    Args:
        inflater: An object of ``zlib.decompressobj``.
        data: The next bytes.

    Raises:
        DicomFileError: The data is damaged. The bytes before the damage are yielded.
    """
    while not inflater.eof:
        before = inflater.copy()
        try:
            piece = inflater.decompress(data, PIECE_SIZE)
        except zlib.error:
            yield from _inflated_up_to_damage(before, data)
            raise DicomFileError("expected a deflated data set (PS3.5 A.5), found damaged data") from None
        data = inflater.unconsumed_tail
        yield piece
        if not data and len(piece) < PIECE_SIZE:
            break


def _inflated_up_to_damage(inflater: Any, data: bytes) -> Iterator[bytes]:
    """Inflate byte by byte, because zlib loses the whole piece in front of the damage."""
    with suppress(zlib.error):
        for byte in data:
            yield inflater.decompress(bytes((byte,)))
