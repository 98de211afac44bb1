"""The bound on the output of compressed streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamdicom.errors import LimitError
from streamdicom.limits import Limits

_BLOCK = 16 * 1024  # compressed bytes after which the allowance grows


class Expansion:
    """The bound on a compressed stream, and on each compressed stream within it.

    A few bytes that are compressed twice could expand to the square of ``Limits.max_expansion_ratio``. So only the
    bytes of the outermost stream count. The allowance grows at fixed places of that stream, so the outcome does not
    depend on how the stream is cut.

    Args:
        limits: ``max_expansion_ratio`` is the bound.

    >>> expansion = Expansion(Limits(max_expansion_ratio=2))
    >>> for block in expansion.blocks(bytes(16 * 1024 + 1)):
    ...     print(len(block), expansion.allowance(10))
    ...     expansion.count(len(block))
    16384 32778
    1 65546
    """

    def __init__(self, limits: Limits) -> None:
        self._ratio = limits.max_expansion_ratio
        self._cut_size = 0  # bytes of the outermost stream that were cut in blocks
        self._size = 0  # and that were counted
        self.is_claimed = False
        """Whether the outermost stream is known."""

    def claim(self) -> bool:
        """Return True for the first stream that is compressed, whose bytes count."""
        is_first = not self.is_claimed
        self.is_claimed = True
        return is_first

    def blocks(self, data: bytes) -> list[bytes]:
        """Cut the next bytes of the outermost stream where the allowance grows."""
        blocks = []
        while data:
            room = _BLOCK - self._cut_size % _BLOCK
            blocks.append(data[:room])
            self._cut_size += len(blocks[-1])
            data = data[room:]
        return blocks

    def count(self, size: int) -> None:
        """Count bytes of the outermost stream, after their output."""
        self._size += size

    def allowance(self, free: float) -> float:
        """Return the bytes that the output may have so far.

        Args:
            free: Bytes that a stream of any size may expand to.
        """
        return free + self._ratio * (self._size // _BLOCK + 1) * _BLOCK

    def bounded(self, pieces: Iterable[bytes], name: str, free: float) -> Iterator[bytes]:
        """Yield the pieces of a decompressed stream up to the allowance.

        Args:
            pieces: The pieces.
            name: The stream, as in messages.
            free: As for ``allowance``.

        Raises:
            LimitError: There are more bytes.
        """
        size = 0
        for piece in pieces:
            left = self.allowance(free) - size
            size += len(piece)
            if len(piece) > left:
                if left > 0:
                    yield piece[: int(left)]
                raise self.error(name)
            yield piece

    def error(self, name: str) -> LimitError:
        """Return the error of a stream that exceeds its allowance."""
        return LimitError(f"{name} expands to more than {self._ratio} times its size", "max_expansion_ratio")
