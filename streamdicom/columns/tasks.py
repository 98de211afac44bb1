"""Columns on several processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from streamdicom._typing import TYPE_CHECKING
from streamdicom._workers import in_order
from streamdicom.errors import IndexMismatchError, InputError
from streamdicom.index import IndexUse, Split, parse_size, plan_splits
from streamdicom.inputs import Kind, find, measure, places
from streamdicom.io import absolute
from streamdicom.options import ReadOptions, options_or_default

if TYPE_CHECKING:
    from streamdicom.columns.stream import ColumnStream, TableSource

_MAX_FILES = 256  # of a task
_MAX_SIZE = 16 * 1024 * 1024  # bytes of the files of a task
_SPLIT_SIZE = 64 * 1024 * 1024  # bytes of a part of a file


def batches_of(stream: ColumnStream, jobs: int) -> Iterator[pa.RecordBatch | InputError]:
    """Yield batches and faults of a stream in order, from several processes."""
    for _, found in in_order(_Reader(stream), plan_tasks(stream.sources, options=stream.options), jobs):
        yield found


class _Reader:
    """Reads the batches of a task, in a worker."""

    def __init__(self, stream: ColumnStream) -> None:
        self._stream = stream.of([])  # the caller's function stays in its process
        self._stream._on_fault = None

    def __call__(self, task: list[TableSource]) -> Iterator[pa.RecordBatch | InputError]:
        return self._stream.of(task).batches_and_faults()


def plan_tasks(
    sources: Iterable[TableSource],
    *,
    target: int | str | None = None,
    parts: int | None = None,
    index: IndexUse = "auto",
    options: ReadOptions | None = None,
) -> Iterator[list[TableSource]]:
    """Yield the work in pieces: parts of long files, and groups of short files.

    Args:
        sources: See ``read``.
        target: The size of a piece in bytes, or a text such as "64 MiB".
        parts: About the number of pieces instead. One long file has that number, if it has as many data sets.
        index: See ``plan_splits``, for text that is longer than a piece; "require" and "build" are for all text.
        options: The options for reading. Documents with a path are not split.

    Raises:
        IndexMismatchError: A source has changed since its index was built.
        OSError: A source does not exist, or cannot be read.
        ValueError: A target or a number of parts below 1.
    """
    sources = list(map(place_of, sources))
    if parts is not None and parts < 1:
        raise ValueError(f"expected at least one part, found {parts}")
    size = _SPLIT_SIZE if target is None else parse_size(target)
    if parts is not None:
        size = max(1, -(-sum(map(_size, sources)) // parts))
    max_size = size if parts is not None else min(_MAX_SIZE, size)
    yield from _grouped(
        _units(sources, size, index, options_or_default(options, ReadOptions)),
        max_size,
        None if parts is not None else _MAX_FILES,
    )


def place_of(source: TableSource) -> str | Split:
    """Return a source that means the same in every process."""
    return source if isinstance(source, Split) else absolute(source)


def _grouped(
    units: Iterable[tuple[TableSource, int | None]], max_size: int, max_files: int | None
) -> Iterator[list[TableSource]]:
    group: list[TableSource] = []
    size = 0
    for source, length in units:
        if length is None:
            length = max_size
        if group and (size + length > max_size or len(group) == max_files):
            yield group
            group, size = [], 0
        group.append(source)
        size += length
    if group:
        yield group


def _size(source: TableSource) -> int:
    if isinstance(source, Split):
        return _SPLIT_SIZE
    return measure(places([source]))[1]


def _units(
    sources: Iterable[TableSource], size: int, index: IndexUse, options: ReadOptions
) -> Iterator[tuple[TableSource, int | None]]:
    """Yield files with their sizes, and parts of files, each of which is a piece."""
    for source in sources:
        if isinstance(source, Split):
            yield source, None
            continue
        for found in find(places([source]), force=options.force):
            if options.path is not None and found.kind != Kind.OTHER:
                yield os.fspath(found.path), found.size
            elif found.kind == Kind.TEXT and (found.size > size or index in ("require", "build")):
                yield from ((part, None) for part in _parts(found.path, size, index))
            elif found.kind == Kind.COMPRESSED and found.size > size:  # with an index, or a tar file
                yield from ((part, None) for part in _parts(found.path, size))
            elif found.kind != Kind.OTHER:
                yield os.fspath(found.path), found.size


def _parts(path: str, size: int, index: IndexUse = "auto") -> Sequence[TableSource]:
    try:
        return plan_splits(path, target=size, index=index)
    except IndexMismatchError:
        raise
    except InputError:
        return [path]  # reading it finds the fault, after the data sets before
