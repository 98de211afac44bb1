"""Pairs of numbers in order, in bounded memory."""

from __future__ import annotations

import heapq
import sys
from array import array
from collections.abc import Iterable, Iterator

from streamdicom._typing import BinaryIO
from streamdicom.io import read_range, temporary

_RUN = 16 * 1024  # pairs that are sorted in memory
_READ = 4 * 1024  # bytes of each run that are read at once
_WORD = 8


class SortedPairs:
    """Pairs of numbers of 64 bits, which are returned in ascending order.

    Runs of them are sorted in memory and merged from a temporary file.

    >>> pairs = SortedPairs()
    >>> pairs.add(5, 0)
    >>> pairs.add(3, 1)
    >>> list(pairs), len(pairs)
    ([(3, 1), (5, 0)], 2)
    >>> pairs.close()
    """

    def __init__(self) -> None:
        self._run: list[tuple[int, int]] = []
        self._file: BinaryIO = temporary()
        self._ends: list[int] = []  # of the runs in the file

    def add(self, first: int, second: int) -> None:
        """Add a pair."""
        self._run.append((first, second))
        if len(self._run) == _RUN:
            self._spill()

    def __len__(self) -> int:
        return (self._ends[-1] if self._ends else 0) // (2 * _WORD) + len(self._run)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        runs = [self._read(start, end) for start, end in zip([0, *self._ends], self._ends, strict=False)]
        self._run.sort()
        return heapq.merge(*runs, self._run) if runs else iter(self._run)

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def _spill(self) -> None:
        self._run.sort()
        self._file.seek(0, 2)
        self._file.write(words(number for pair in self._run for number in pair))
        self._ends.append(self._file.tell())
        self._run = []

    def _read(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        while start < end:
            data = b"".join(read_range(self._file, start, min(end, start + _READ)))
            start += len(data)
            numbers = numbers_of(data)
            yield from zip(numbers[::2], numbers[1::2], strict=True)


def words(numbers: Iterable[int]) -> bytes:
    """Return numbers as bytes, little endian.

    >>> words([1]).hex()
    '0100000000000000'
    """
    result = array("Q", numbers)
    if sys.byteorder == "big":
        result.byteswap()
    return result.tobytes()


def numbers_of(data: bytes) -> array[int]:
    """Return the numbers in bytes, the opposite of ``words``."""
    result = array("Q")
    result.frombytes(data)
    if sys.byteorder == "big":
        result.byteswap()
    return result
