"""Write columns to a file: Parquet, CSV or Arrow."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterator

import pyarrow as pa

from streamdicom._typing import IO, TYPE_CHECKING, Any
from streamdicom.io import Output

if TYPE_CHECKING:
    from streamdicom.columns.stream import ColumnStream


def write_table(stream: ColumnStream, target: str | os.PathLike[str], format: str) -> int:
    """Write a table, which appears under its name when it is complete.

    Args:
        stream: The columns.
        target: A path.
        format: "parquet", "csv" or "arrow".

    Returns:
        The number of rows.
    """
    with Output(target) as output:
        with output.random_access() as file:
            count = _WRITERS[format](stream.schema, stream.iter_batches(), file)
        output.commit()
    return count


def _write_parquet(schema: pa.Schema, batches: Iterator[pa.RecordBatch], file: IO[bytes]) -> int:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        return _write_all(batches, writer.write_batch)


def _write_arrow(schema: pa.Schema, batches: Iterator[pa.RecordBatch], file: IO[bytes]) -> int:
    with pa.ipc.new_file(file, schema) as writer:
        return _write_all(batches, writer.write_batch)


def _write_csv(schema: pa.Schema, batches: Iterator[pa.RecordBatch], file: IO[bytes]) -> int:
    import pyarrow.csv as csv

    flat = pa.schema([pa.field(one.name, pa.string() if _is_nested(one.type) else one.type) for one in schema])
    with csv.CSVWriter(file, flat) as writer:
        return _write_all((_flattened(batch, flat) for batch in batches), writer.write_batch)


def _write_all(batches: Iterator[pa.RecordBatch], write: Callable[[pa.RecordBatch], object]) -> int:
    count = 0
    for batch in batches:
        write(batch)
        count += batch.num_rows
    return count


def _is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or pa.types.is_binary(kind))


def _flattened(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Replace lists and structs by JSON, and bytes by base64, which CSV can hold."""
    arrays = [
        pa.array([_as_text(value) for value in column.to_pylist()], pa.string()) if _is_nested(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    return b64encode(value).decode() if isinstance(value, bytes) else json.dumps(value, default=_plain)


def _plain(value: object) -> str:
    """Return a value in JSON that JSON has no form for."""
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


_WRITERS: dict[str, Callable[[pa.Schema, Iterator[pa.RecordBatch], IO[bytes]], int]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "arrow": _write_arrow,
}
