"""Input of the parser: the bytes that have arrived."""

from __future__ import annotations


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
