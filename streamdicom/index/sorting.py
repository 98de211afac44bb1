"""Pairs of numbers in order, in bounded memory."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain

from streamdicom._typing import BinaryIO
from streamdicom.io import read_range, temporary

_RUN = 32 * 1024  # pairs that are sorted in memory
_BLOCK = 4 * 1024  # pairs that are returned or written at once
_READ = 256  # pairs of each run that are read at once
_WORD = 8
_BITS = 8 * _WORD
_MASK = (1 << _BITS) - 1


class SortedPairs:
    """Pairs of numbers of 64 bits, which are returned in ascending order.

    Runs of them are sorted in memory and merged from a temporary file.

    >>> pairs = SortedPairs()
    >>> pairs.add(5, 0)
    >>> pairs.extend([3, 4], [1, 2])
    >>> list(pairs), len(pairs)
    ([(3, 1), (4, 2), (5, 0)], 3)
    >>> pairs.close()
    """

    def __init__(self) -> None:
        self._run: list[int] = []  # each pair as one number, which takes less memory and time
        self._file: BinaryIO = temporary()
        self._ends: list[int] = []  # of the runs in the file

    def add(self, first: int, second: int) -> None:
        """Add a pair."""
        self._run.append(first << _BITS | second)
        if len(self._run) >= _RUN:
            self._spill()

    def extend(self, firsts: Iterable[int], seconds: Iterable[int]) -> None:
        """Add pairs, as many as fit into memory."""
        self._run += [first << _BITS | second for first, second in zip(firsts, seconds, strict=True)]
        if len(self._run) >= _RUN:
            self._spill()

    def __len__(self) -> int:
        return (self._ends[-1] if self._ends else 0) // (2 * _WORD) + len(self._run)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for firsts, seconds in self.blocks():
            yield from zip(firsts, seconds, strict=True)

    def blocks(self) -> Iterator[tuple[list[int], list[int]]]:
        """Yield the first and the second numbers of some pairs at once."""
        self._run.sort()
        runs = [self._read(start, end) for start, end in zip([0, *self._ends], self._ends, strict=False)]
        runs.append(self._run[start : start + _BLOCK] for start in range(0, len(self._run), _BLOCK))
        for pairs in _merged(runs):
            yield [pair >> _BITS for pair in pairs], [pair & _MASK for pair in pairs]

    def close(self) -> None:
        """Remove the temporary file."""
        self._file.close()

    def _spill(self) -> None:
        self._run.sort()
        self._file.seek(0, 2)
        for start in range(0, len(self._run), _BLOCK):
            block = self._run[start : start + _BLOCK]
            self._file.write(words(chain.from_iterable([(pair >> _BITS, pair & _MASK) for pair in block])))
        self._ends.append(self._file.tell())
        self._run = []

    def _read(self, start: int, end: int) -> Iterator[list[int]]:
        while start < end:
            data = b"".join(read_range(self._file, start, min(end, start + 2 * _WORD * _READ)))
            start += len(data)
            numbers = numbers_of(data)
            yield [first << _BITS | second for first, second in zip(numbers[::2], numbers[1::2], strict=True)]


def _merged(runs: list[Iterator[list[int]]]) -> Iterator[list[int]]:
    """Merge ascending runs, of which some numbers at a time are in memory."""
    heads = [(head, run) for run in runs if (head := next(run, []))]
    while heads:
        last = min(head[-1] for head, _ in heads)  # no number up to it is still to be read
        merged, rest = [], []
        for head, run in heads:
            end = bisect_right(head, last)
            merged += head[:end]
            left = head[end:] or next(run, [])
            if left:
                rest.append((left, run))
        merged.sort()  # runs that ascend, in linear time
        yield merged
        heads = rest


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
