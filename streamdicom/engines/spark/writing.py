"""The writer: NDJSON parts in a folder, or one array."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql.datasource import DataSourceArrowWriter, WriterCommitMessage
from pyspark.sql.types import StructType

from streamdicom.columns import RowEncoder
from streamdicom.engines.spark.options import Options
from streamdicom.engines.spark.types import columns_of
from streamdicom.io import Output, absolute, hidden

_DONE = "_SUCCESS"
_PARTS = "part-*.ndjson"
_CHUNK = 1024 * 1024


@dataclass
class Written(WriterCommitMessage):
    """A part that a task has written.

    Attributes:
        path: Its file.
        partition: The number of its partition.
    """

    path: str
    partition: int


class Writer(DataSourceArrowWriter):
    """Writes the rows of a frame as data sets.

    Each task writes a file in a hidden folder beside the target, which all executors and the driver must share. The
    driver moves the files of the tasks that have succeeded, or joins them.

    Args:
        options: The options; "single" joins the parts into one array.
        schema: The schema of the frame.
        overwrite: Whether to replace the target.

    Raises:
        FileExistsError: One array is to be written, and there is a file of its name.
        ValueError: An unknown column, or more than one path.
    """

    def __init__(self, options: Options, schema: StructType, overwrite: bool) -> None:
        [path] = options.paths
        self._target = Path(absolute(path))
        self._is_single = options.is_set("single")
        self._overwrites = overwrite
        self._columns = columns_of(schema)
        self._job = uuid4().hex
        self._folder = self._target.with_name(f"{hidden(self._target.name)}.{self._job}.partial")
        RowEncoder(self._columns)  # an unknown column is an error here, not in each task
        if self._is_single and not overwrite and self._target.exists():
            raise FileExistsError(f"{path} exists; overwrite it, or leave out the option single")

    def write(self, iterator: Iterator[pa.RecordBatch]) -> WriterCommitMessage:
        """Write a part."""
        context = TaskContext.get()
        assert context is not None
        partition = context.partitionId()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{partition}-{context.taskAttemptId()}.ndjson"
        encoder = RowEncoder(self._columns)
        with Output(path) as output:
            for batch in iterator:
                output.write(encoder.encode(batch))
            output.write(encoder.close())
            output.commit()
        return Written(str(path), partition)

    def commit(self, messages: list[WriterCommitMessage | None]) -> None:
        """Let the parts appear under the name of the target."""
        written = sorted((one for one in messages if isinstance(one, Written)), key=lambda one: one.partition)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        if self._is_single:
            self._join(written)
        else:
            self._move(written)
        self.abort(messages)

    def abort(self, messages: list[WriterCommitMessage | None]) -> None:
        """Remove the files of all tasks."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _move(self, written: Iterable[Written]) -> None:
        self._target.mkdir(exist_ok=True)
        old = list(self._target.glob(_PARTS)) if self._overwrites else []
        (self._target / _DONE).unlink(missing_ok=True)
        for one in written:
            Path(one.path).rename(self._target / f"part-{one.partition:05}-{self._job}.ndjson")
        for path in old:
            path.unlink()
        (self._target / _DONE).touch()

    def _join(self, written: Iterable[Written]) -> None:
        if self._overwrites and self._target.is_dir():
            raise IsADirectoryError(f"{self._target} is a folder; expected a file")
        with Output(self._target) as output:
            output.write(b"[")
            separator = b"\n"
            for one in written:
                for chunk in _lines(Path(one.path)):
                    output.write(separator + chunk)
                    separator = b",\n"
            output.write(b"\n]\n")
            output.commit()


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file without their ends."""
    with path.open("rb", buffering=_CHUNK) as file:
        for line in file:
            yield line.rstrip(b"\n")
