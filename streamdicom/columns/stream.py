"""Read sources as columns: batches of Arrow, for any library that takes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import closing
from copy import copy
from dataclasses import replace
from itertools import chain

import pyarrow as pa

from streamdicom._html import table
from streamdicom._typing import Any, TypeAlias, get_args
from streamdicom.archive import Heads, iter_heads, iter_named_events
from streamdicom.columns.rows import OnMismatch, RowBuilder
from streamdicom.columns.schema import Columns, Schema
from streamdicom.columns.tasks import batches_of, place_of, plan_tasks
from streamdicom.columns.types import TypeOptions
from streamdicom.errors import ColumnError, IndexMismatchError, InputError
from streamdicom.events import Event
from streamdicom.index import DatasetOffsets, IndexUse, Split
from streamdicom.io import is_url
from streamdicom.options import ReadOptions, options_or_default

_ROWS = 8192
_PREVIEW = 5  # rows in a notebook
_BATCH_SIZE = 16 * 1024 * 1024  # bytes of long values in a batch
_MAX_LENGTH = 16 * 1024 * 1024


TableSource: TypeAlias = str | os.PathLike[str] | Split
"""A file, a folder, a ZIP or tar file, a glob pattern, or a part of ``plan_splits``, which may be of a URL."""


def read(
    *sources: TableSource,
    columns: Columns,
    options: ReadOptions | None = None,
    on_mismatch: OnMismatch = "error",
    types: TypeOptions | None = None,
    rows: int = _ROWS,
    max_length: int = _MAX_LENGTH,
    jobs: int = 1,
    on_fault: Callable[[InputError], object] | None = None,
) -> ColumnStream:
    """Read some elements of each data set as columns of Arrow.

    A column is an element by keyword or tag, or a path into sequences such as
    ``ReferencedSeriesSequence.SeriesInstanceUID``. A sequence is a list of structs of the members that are asked for,
    or the JSON text of its items. An element whose VM may be more than 1 is a list. A missing or empty value is null.
    The columns ``_source``, ``_index``, ``_offset`` and ``_json`` say where a row is from. ``PixelData_uri`` has the
    reference to bulk data in place of the value.

    Nothing but one batch is held in memory.

    Args:
        sources: Files, folders, ZIP and tar files, glob patterns, of any format, or parts of ``plan_splits``.
        columns: The columns; a mapping gives each a name of its own. An element that the dictionary does not have needs
            its VR: ``00091001:LO``.
        options: Options for reading, such as ``where``. Its ``include`` and ``exclude`` must be empty.
        on_mismatch: The result for a value that does not fit its column: "error"; "null", with the reason in the column
            ``_problems``; or "first", which is the same but takes the first of several values.
        types: Choices of types.
        rows: The number of rows in a batch.
        max_length: Bytes or characters of a value; a longer one does not fit.
        jobs: The number of processes. The rows keep their order.
        on_fault: Takes the error of each input that is at fault, which then has the rows of the data sets before. By
            default the error is raised.

    Raises:
        ValueError: An unknown column or choice.
    """
    options = options_or_default(options, ReadOptions)
    if options.include or options.exclude:
        raise ValueError("expected options without include and exclude; the columns choose the elements")
    if on_mismatch not in get_args(OnMismatch):
        choices = ", ".join(map(repr, get_args(OnMismatch)))
        raise ValueError(f"on_mismatch must be one of {choices}, not {on_mismatch!r}")
    if rows < 1 or max_length < 1 or jobs < 1:
        raise ValueError("rows, max_length and jobs must be at least 1")
    schema = Schema(columns, types or TypeOptions(), has_problems=on_mismatch != "error")
    options = replace(options, include=schema.include)
    if "_offset" in schema.places and options.path is not None:
        raise ValueError("expected no column _offset, because data sets at a path are not indexed")
    if "_offset" in schema.places:  # the objects of the text must be the data sets
        options = replace(options, deviations={**options.deviations, "wrapper": "error"})
    return ColumnStream(sources, schema, options, on_mismatch, rows, max_length, jobs, on_fault)


class ColumnStream:
    """Batches of Arrow; ``read`` makes it.

    polars, pandas, duckdb and pyarrow take it as it is, by the Arrow C stream interface. Each iteration reads the
    sources again.

    Attributes:
        schema: The Arrow schema.
        sources: The sources, as absolute paths.
        options: Options for reading.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
    ...     _ = file.write(b'[{"00100020": {"vr": "LO", "Value": ["17"]}}, {}]')
    ...     file.flush()
    ...     read(file.name, columns=["PatientID", "_index"]).to_table().to_pylist()
    [{'PatientID': '17', '_index': 0}, {'PatientID': None, '_index': 1}]
    """

    def __init__(
        self,
        sources: Iterable[TableSource],
        schema: Schema,
        options: ReadOptions,
        on_mismatch: OnMismatch,
        rows: int,
        max_length: int,
        jobs: int,
        on_fault: Callable[[InputError], object] | None,
    ) -> None:
        self.schema: pa.Schema = schema.arrow
        self.sources: list[TableSource] = list(map(place_of, sources))
        self.options = options
        self._schema = schema
        self._jobs = jobs
        self._on_fault = on_fault
        self._on_mismatch = on_mismatch
        self._rows = rows
        self._max_length = max_length

    def iter_batches(self) -> Generator[pa.RecordBatch, None, None]:
        """Iterate over the batches.

        Raises:
            ColumnError: A value does not fit its column.
            InputError: A source is at fault.
            OSError: A source cannot be read.
        """
        for found in batches_of(self, self._jobs) if self._jobs > 1 else self.batches_and_faults():
            if isinstance(found, InputError):
                if self._on_fault is None:
                    raise found
                self._on_fault(found)
            else:
                yield found

    def batches_and_faults(self) -> Iterator[pa.RecordBatch | InputError]:
        """Yield the batches, and the errors of inputs, after which the next input is read."""
        builder = RowBuilder(self._schema, self._on_mismatch, self._max_length)
        offsets = DatasetOffsets() if "_offset" in self._schema.places else None
        faults: list[InputError] = []
        for name, head, events in self._named_events(offsets, faults.append):
            yield from faults
            faults.clear()
            if head is not None and builder.add_head(head, name):
                if builder.count == self._rows:
                    yield self._batch(builder)
                continue
            try:
                for _ in builder.add_all(events, name, offsets):
                    if builder.count == self._rows or builder.size >= _BATCH_SIZE:
                        yield self._batch(builder)
            except (ColumnError, IndexMismatchError) as error:
                error.filename = error.filename or name
                raise
            except InputError as error:
                error.filename = error.filename or name
                if builder.count:
                    yield self._batch(builder)
                yield error
                builder = RowBuilder(self._schema, self._on_mismatch, self._max_length)
        yield from faults
        if builder.count:
            yield self._batch(builder)

    def parts(
        self, *, target: int | str = "64 MiB", count: int | None = None, index: IndexUse = "auto"
    ) -> list[ColumnStream]:
        """Return the same columns of parts of the sources, which other processes read.

        Each part can be pickled. Together, in order, they have the rows of the whole. A part is a part of a long
        source, or a group of short files. See ``plan_splits`` for the sources that can be split.

        Args:
            target: The size of a part in bytes, or a text such as "64 MiB".
            count: About the number of parts instead.
            index: See ``plan_splits``, for text that is longer than a part; "require" and "build" are for all text.

        Raises:
            IndexMismatchError: A source has changed since its index was built.
            OSError: A source does not exist, or cannot be read.
            ValueError: A target or a count below 1.
        """
        planned = plan_tasks(self.sources, target=target, parts=count, index=index, options=self.options)
        return [self.of(task) for task in planned]

    def of(self, sources: Iterable[TableSource]) -> ColumnStream:
        """Return the same columns of other sources, read by this process."""
        other = copy(self)
        other.sources, other._jobs = list(sources), 1
        return other

    def select(self, names: Collection[str]) -> ColumnStream:
        """Return some of the columns, in their order; no other elements are read."""
        other = copy(self)
        other._schema = self._schema.select(names)
        other.schema = other._schema.arrow
        other.options = replace(self.options, include=other._schema.include)
        return other

    def _named_events(
        self, offsets: DatasetOffsets | None, on_fault: Callable[[InputError], object]
    ) -> Iterator[tuple[str, list[Event] | None, Iterator[Event]]]:
        """Yield for each input its name, the elements of columns or None, and all events."""
        tags = self._schema.tags
        heads = None if tags is None else Heads.of(tags, self.options)
        for source in chain.from_iterable(one.files() if isinstance(one, Split) else [one] for one in self.sources):
            if isinstance(source, Split) and (source.origin is not None or is_url(source.source)):
                yield source.source, None, source.iter_events(options=self.options, offsets=offsets)
                continue
            name = source.source if isinstance(source, Split) else source
            if heads is not None:
                yield from iter_heads(name, heads=heads, options=self.options, offsets=offsets, on_fault=on_fault)
                continue
            for found, events in iter_named_events(name, options=self.options, offsets=offsets, on_fault=on_fault):
                yield found, None, events

    def _batch(self, builder: RowBuilder) -> pa.RecordBatch:
        arrays = [pa.array(builder.columns[one.name], one.type) for one in self.schema]
        builder.clear()
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _repr_html_(self) -> str:
        preview = self.of(self.sources)
        preview._rows = _PREVIEW
        with closing(preview.iter_batches()) as batches:
            first = next(batches, None)
        rows = [] if first is None else first.to_pylist()
        return table(f"first {len(rows)} rows", self.schema.names, (row.values() for row in rows))

    def reader(self) -> pa.RecordBatchReader:
        """Return a reader of the batches, such as duckdb takes."""
        return pa.RecordBatchReader.from_batches(self.schema, self.iter_batches())

    def to_table(self) -> pa.Table:
        """Read all batches into memory."""
        return self.reader().read_all()

    def to_parquet(self, target: str | os.PathLike[str]) -> int:
        """Write a Parquet file, which appears under its name when it is complete.

        Returns:
            The number of rows.
        """
        from streamdicom.columns.writing import write_table

        return write_table(self, target, "parquet")

    def __arrow_c_schema__(self) -> Any:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.reader().__arrow_c_stream__(requested_schema)
