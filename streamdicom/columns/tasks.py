"""Columns on several processes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from streamdicom._workers import in_order
from streamdicom.archive import CONTAINERS, Kind, find, local_paths
from streamdicom.index import Split, plan_splits

if TYPE_CHECKING:
    from streamdicom.columns.stream import ColumnStream, TableSource

_MAX_FILES = 256  # of a task
_MAX_SIZE = 16 * 1024 * 1024  # bytes of the files of a task
_SPLIT_SIZE = 64 * 1024 * 1024  # bytes of a part of a file


def batches_of(stream: ColumnStream, jobs: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a stream in order, made by several processes."""
    for _, batch in in_order(_Reader(stream), tasks(stream.sources, force=stream.options.force), jobs):
        yield batch


class _Reader:
    """Reads the batches of a task, in a worker."""

    def __init__(self, stream: ColumnStream) -> None:
        self._stream = stream

    def __call__(self, task: list[TableSource]) -> Iterator[pa.RecordBatch]:
        return self._stream.of(task).iter_batches()


def tasks(sources: Iterable[TableSource], *, force: bool = False) -> Iterator[list[TableSource]]:
    """Yield the work in pieces: parts of long files, and groups of short files.

    Args:
        sources: See ``read``.
        force: See ``ReadOptions``.
    """
    group: list[TableSource] = []
    size = 0
    for source, length in _units(sources, force=force):
        is_whole = length > _MAX_SIZE
        if group and (is_whole or size + length > _MAX_SIZE or len(group) == _MAX_FILES):
            yield group
            group, size = [], 0
        group.append(source)
        size += length
    if group:
        yield group


def _units(sources: Iterable[TableSource], *, force: bool) -> Iterator[tuple[TableSource, int]]:
    """Yield files, and parts of files, with their sizes in bytes."""
    for source in sources:
        if isinstance(source, Split):
            yield source, _MAX_SIZE
            continue
        for found in find(local_paths([source]), force=force):
            if found.kind in CONTAINERS or found.kind == Kind.FAULT:
                yield found.path, found.size
            elif found.kind == Kind.TEXT and found.size > _SPLIT_SIZE:
                yield from ((part, _MAX_SIZE) for part in plan_splits(found.path, target=_SPLIT_SIZE))
            elif found.kind != Kind.OTHER:
                yield os.fspath(found.path), found.size
