"""The scan of a JSON text by several processes.

Each process summarizes ranges of the text, and joins their parts as far as it knows that they belong together. Only the
depth at the start of a range, and sometimes whether it starts within a string, is left for this process to join.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from streamdicom._typing import BinaryIO
from streamdicom._workers import in_order
from streamdicom.index.scanning import PIECE, hashes_of
from streamdicom.index.sorting import numbers_of, words
from streamdicom.io import open_place, read_range, size_of
from streamdicom.jsontext import Ambiguous, CommentError, Joiner, PartScanner, Summary

_RANGE = 4 * 1024 * 1024  # bytes of a task
_MAX_STARTS = 8192  # after which a part is returned
_WORD = 8


def parallel_starts(place: str, file: BinaryIO, jobs: int) -> Iterator[array[int]]:
    """Yield the offsets of the data sets of a JSON text, as ``starts`` does.

    Args:
        place: The text, for the processes.
        file: The text.
        jobs: The number of processes.

    Raises:
        CommentError: The text may have a comment.
        ValueError: The text is not JSON.
    """
    joiner = Joiner()
    with closing(in_order(partial(_summaries, place=place), _ranges(file), jobs)) as results:
        for _, part in results:
            if part is None:
                raise CommentError("the text may have a comment")
            found = joiner.add(part)
            if found:
                yield found


def _ranges(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield ranges that neither start nor end within an escape."""
    size = size_of(file)
    start = 0
    while start < size:
        end = min(start + _RANGE, size)
        if end < size:
            end += _slashes_before(file, start, end) & 1
        yield start, end
        start = end


def _slashes_before(file: BinaryIO, start: int, end: int) -> int:
    """Return the length of the run of backslashes at the end of a range."""
    count = 0
    while start < end:
        block = b"".join(read_range(file, max(start, end - PIECE), end))
        found = len(block) - len(block.rstrip(b"\\"))
        count += found
        if found < len(block):
            break
        end -= len(block)
    return count


def _summaries(bounds: tuple[int, int], place: str) -> Iterator[Summary | Ambiguous | None]:
    """Summarize a range, in parts of bounded length; yield None for a comment."""
    start, end = bounds
    known: Summary | None = None
    scanner = PartScanner(start, None if start else False)
    with open_place(place) as file:
        for block in read_range(file, start, end, PIECE):
            try:
                part = scanner.feed(block)
            except CommentError:
                yield None
                return
            if isinstance(part, Ambiguous):
                yield part
                continue
            known = part if known is None else known.followed_by(part)
            if len(known.starts) > _MAX_STARTS:
                yield known
                known = None
    if known is not None:
        yield known


def parallel_hashes(place: str, blocks: Iterator[bytes], end: int, jobs: int) -> Iterator[int]:
    """Yield the hash of the SOP Instance UID of each data set.

    Args:
        place: The text, for the processes.
        blocks: The offsets of the data sets, as bytes of numbers.
        end: The size of the text.
        jobs: The number of processes.

    Raises:
        InputError: An object around an array is no data set.
    """
    with closing(in_order(partial(_hashes, place=place), _tasks(blocks, end), jobs)) as results:
        for _, found in results:
            yield from numbers_of(found)


def _tasks(blocks: Iterator[bytes], end: int) -> Iterator[bytes]:
    """Yield the offsets of some data sets, and that at which the last of them ends."""
    held = b""
    for block in blocks:
        if held:
            yield held + block[:_WORD]
        held = block
    if held:
        yield held + words(iter([end]))


def _hashes(task: bytes, place: str) -> Iterator[bytes]:
    offsets = numbers_of(task)
    with open_place(place) as file:
        yield words(hashes_of(file, offsets))
