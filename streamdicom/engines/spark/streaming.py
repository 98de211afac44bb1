"""The reader of a source that grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import pyarrow as pa
from pyspark.sql.datasource import DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import ReadAllAvailable, ReadLimit, ReadMaxFiles, SupportsTriggerAvailableNow
from pyspark.sql.types import StructType

from streamdicom.engines.spark.options import Options
from streamdicom.engines.spark.source import Columns, Partition
from streamdicom.errors import InputError, Location
from streamdicom.formats import form_of_name
from streamdicom.index import plan_lines
from streamdicom.inputs import Kind, find, places
from streamdicom.io import absolute, open_place

_BLOCK = 64 * 1024

_Offset: TypeAlias = dict[str, dict[str, int]]
"""The bytes that have been read, by path, and the number of data sets in them if the file may grow."""


class StreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Reads new files, and the lines that files of NDJSON have got.

    A line counts when it has ended. Any other file must appear complete, for example by a rename, and is read once. The
    place in the stream has an entry for each file.

    Args:
        options: The options; "maxFilesPerTrigger" bounds the files of a batch.
        schema: The schema that Spark expects.
    """

    def __init__(self, options: Options, schema: StructType) -> None:
        self._paths = [absolute(path) for path in places(options.paths)]
        self._columns = Columns(options, schema)
        self._max_files = options.number("maxFilesPerTrigger")
        self._partitioning = options.partitioning
        self._last: dict[str, int] | None = None

    def initialOffset(self) -> _Offset:  # noqa: N802 - the interface of Spark
        return {}

    def getDefaultReadLimit(self) -> ReadLimit:  # noqa: N802
        return ReadMaxFiles(self._max_files) if self._max_files else ReadAllAvailable()

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802
        self._last = dict(self._sizes())

    def latestOffset(self, start: _Offset, limit: ReadLimit) -> _Offset:  # noqa: N802
        offset = dict(start)
        left = limit.max_files if isinstance(limit, ReadMaxFiles) else -1
        for path, size in self._sizes() if self._last is None else self._last.items():
            found = _end(path, size, start.get(path))
            if left and found is not None and found != start.get(path):
                offset[path] = found
                left -= 1
        return offset

    def partitions(self, start: _Offset, end: _Offset) -> list[InputPartition]:
        stream = self._columns.stream
        new = {path: one for path, one in end.items() if one != start.get(path)}
        complete = [path for path, one in new.items() if "datasets" not in one]
        parts = stream.of(complete).parts(**self._partitioning)
        for path, one in new.items():
            if "datasets" in one:
                before = start.get(path, _NOTHING)
                target = self._partitioning["target"]
                lines = plan_lines(path, before["bytes"], one["bytes"], before["datasets"], target=target)
                parts += [stream.of([split]) for split in lines]
        return [Partition(part) for part in parts]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        return self._columns.read(partition)

    def _sizes(self) -> Iterator[tuple[str, int]]:
        """Yield the files that have content, with their sizes."""
        for found in find(self._paths, force=self._columns.stream.options.force):
            if found.size and found.kind != Kind.OTHER:
                yield found.path, found.size


_NOTHING = {"bytes": 0, "datasets": 0}


def _end(path: str, size: int, before: dict[str, int] | None) -> dict[str, int] | None:
    """Return the place up to which a file can be read, or None if nothing of it can."""
    form = form_of_name(path)
    if form.compression or form.format is None or form.format.name != "ndjson":
        return before or {"bytes": size}
    start = before or _NOTHING
    if size < start["bytes"]:
        error = InputError("expected lines to be added, found a shorter file", Location(size))
        error.filename = path
        raise error
    end = _after_line_feed(path, start["bytes"], size)
    if end == start["bytes"]:
        return before
    splits = plan_lines(path, start["bytes"], end, start["datasets"], target=max(1, size))
    return {"bytes": end, "datasets": sum(split.count or 0 for split in splits) + start["datasets"]}


def _after_line_feed(path: str, start: int, end: int) -> int:
    """Return the offset after the last line feed of a range, or its start."""
    with open_place(path) as file:
        while end > start:
            begin = max(start, end - _BLOCK)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
    return start
