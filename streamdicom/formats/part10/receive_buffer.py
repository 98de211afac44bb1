"""Input of the parser: the bytes that have arrived, and inflating them."""

from __future__ import annotations

import zlib
from collections import deque
from contextlib import suppress

from streamdicom._push import PIECE_SIZE
from streamdicom._typing import Any
from streamdicom.errors import DicomFileError
from streamdicom.io import FREE_SIZE, Expansion
from streamdicom.limits import Limits


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

    __slots__ = ("_arrived", "_kept", "_kept_base", "_needed", "_size", "base", "data", "pos")

    def __init__(self) -> None:
        self.data = b""
        self.pos = 0
        self.base = 0
        self._arrived: list[bytes] = []  # bytes after ``data``
        self._size = 0  # bytes that are not consumed
        self._needed = 1
        self._kept: bytearray | None = None  # bytes before ``data`` that may be read again
        self._kept_base = 0  # their offset

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
        if self._kept is not None:
            self._kept += self.data[self._kept_base + len(self._kept) - self.base : self.pos]
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

    def keep(self, offset: int | None) -> None:
        """Keep the bytes from an offset on, so that ``rewind`` can go back to it.

        Args:
            offset: An offset in ``data``, or after the one before; None to keep no more.
        """
        if offset is None:
            self._kept = None
            return
        if self._kept is None:
            self._kept = bytearray()
        elif self._kept:
            del self._kept[: offset - self._kept_base]
        self._kept_base = offset

    def rewind(self, offset: int) -> None:
        """Go back to an offset in ``data``, or from which on bytes are kept."""
        if offset < self.base:
            assert self._kept is not None
            start = offset - self._kept_base
            self.data = bytes(self._kept[start:]) + self.data
            del self._kept[start:]
            self.base = offset
        self.pos = offset - self.base

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


class Inflater:
    """A deflated data set (PS3.5 A.5), inflated piece by piece.

    A piece ends at a multiple of 16 KiB of the data set, or where the bytes that have arrived end. Bytes after the end
    of the deflated data, such as padding or the end of a gzip file, are ignored, as pydicom does.

    Args:
        limits: ``max_expansion_ratio`` bounds the output.
        expansion: The bound of the compressed stream around the file, if any.
        offset: The offset of the data set in the file.

    >>> inflater = Inflater(Limits(), None, 0)
    >>> deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    >>> inflater.add(deflater.compress(b"data set") + deflater.flush())
    >>> inflater.has_more, inflater.inflate(), inflater.is_complete
    (True, b'data set', True)
    """

    def __init__(self, limits: Limits, expansion: Expansion | None, offset: int) -> None:
        if expansion is None or not expansion.is_claimed:
            expansion = Expansion(limits)
        self._inner = zlib.decompressobj(-zlib.MAX_WBITS)
        self._expansion = expansion
        self._is_outermost = expansion.claim()
        self._offset = offset
        self._free_size = limits.value_length
        self._arrived: deque[bytes] = deque()
        self._block = b""  # the rest of the block that is being inflated
        self._block_size = 0  # bytes of all of it
        self._may_have_more = False  # of what the block inflates to
        self._is_damaged = False
        self._size = 0  # of the output

    @property
    def is_complete(self) -> bool:
        """Whether the deflated data has ended."""
        return self._inner.eof

    @property
    def has_more(self) -> bool:
        """Whether bytes that have arrived are not inflated yet."""
        return not self._inner.eof and bool(self._arrived or self._block or self._may_have_more or self._is_damaged)

    def add(self, data: bytes) -> None:
        """Take the next bytes."""
        if not self._inner.eof:
            self._arrived += self._expansion.blocks(data) if self._is_outermost else [data] * bool(data)

    def inflate(self) -> bytes:
        """Return the next piece.

        Raises:
            DicomFileError: The data is damaged. The bytes before the damage were returned.
        """
        if self._is_damaged:
            raise DicomFileError("expected a deflated data set (PS3.5 A.5), found damaged data")
        if not self._block and not self._may_have_more:
            self._take_block()
        before, room = self._inner.copy(), PIECE_SIZE - self._size % PIECE_SIZE
        try:
            piece = self._inner.decompress(self._block, room)
        except zlib.error:
            self._is_damaged = True
            piece = _inflated_up_to_damage(before, self._block)
        self._block = self._inner.unconsumed_tail
        self._may_have_more = len(piece) == room
        self._size += len(piece)
        return piece

    def _take_block(self) -> None:
        if self._is_outermost:
            self._expansion.count(self._block_size)
        self._block = self._arrived.popleft() if self._arrived else b""
        self._block_size = len(self._block)

    def check(self, offset: int, long_size: int) -> None:
        """Check the bounds on the output, at fixed places of it.

        Args:
            offset: The offset up to which the data set has been read.
            long_size: The bytes of long binary values among those. They take little time.

        Raises:
            LimitError: The data set expands too much.
        """
        if self._size % PIECE_SIZE:
            return
        short_size = offset - self._offset - long_size
        allowance = self._expansion.allowance
        if short_size > allowance(FREE_SIZE) or long_size > allowance(self._free_size):
            raise self._expansion.error("the deflated data set")


def _inflated_up_to_damage(inflater: Any, data: bytes) -> bytes:
    """Inflate byte by byte, because zlib loses all bytes in front of the damage."""
    found = b""
    with suppress(zlib.error):
        for byte in data:
            found += inflater.decompress(bytes((byte,)))
    return found
