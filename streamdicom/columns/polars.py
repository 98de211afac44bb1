"""A lazy frame of polars, which reads no more columns and rows than a query needs."""

from __future__ import annotations

from collections.abc import Iterator

from streamdicom._typing import TYPE_CHECKING, Any
from streamdicom.columns.stream import TableSource, read

if TYPE_CHECKING:
    import polars as pl


def scan(*sources: TableSource, **arguments: Any) -> pl.LazyFrame:
    """Return a lazy frame of the columns of sources.

    A query reads the elements of the columns that it uses, and stops after the rows that it takes.

    Args:
        sources: As for ``read``.
        arguments: As for ``read``.

    Raises:
        ValueError: As ``read`` does.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
    ...     _ = file.write(b'[{"00100020": {"vr": "LO", "Value": ["17"]}}, {}]')
    ...     file.flush()
    ...     scan(file.name, columns=["PatientID", "Modality"]).select("PatientID").collect().to_dicts()
    [{'PatientID': '17'}, {'PatientID': None}]
    """
    import polars as pl
    from polars.io.plugins import register_io_source

    stream = read(*sources, **arguments)

    def frames(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        needed = stream if with_columns is None else stream.select(with_columns)
        for batch in needed.iter_batches():
            frame = pl.DataFrame(batch)
            if n_rows is not None:
                frame = frame.head(n_rows)
                n_rows -= len(frame)
            yield frame if predicate is None else frame.filter(predicate)
            if n_rows == 0:
                return

    return register_io_source(frames, schema=pl.DataFrame(stream.schema.empty_table()).schema)
