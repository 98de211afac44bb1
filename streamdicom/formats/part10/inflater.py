"""Deflated data sets, inflated piece by piece."""

from __future__ import annotations

import zlib
from collections import deque
from contextlib import suppress

from streamdicom._push import PIECE_SIZE
from streamdicom._typing import Any
from streamdicom.errors import DicomFileError
from streamdicom.io import FREE_SIZE, Expansion
from streamdicom.limits import Limits


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
