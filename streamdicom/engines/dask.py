"""Data sets as a bag of Dask, and columns as a frame of Dask.

The extra ``dask`` has the packages that this needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from streamdicom.archive import iter_datasets
from streamdicom.columns import Columns, ColumnStream, TableSource, plan_tasks, read
from streamdicom.index import IndexUse, Split
from streamdicom.options import ReadOptions

if TYPE_CHECKING:
    import dask.bag
    import dask.dataframe
    import pandas
    from pydicom.dataset import Dataset


def to_bag(
    *sources: TableSource,
    options: ReadOptions | None = None,
    target: int | str = "64 MiB",
    parts: int | None = None,
    index: IndexUse = "auto",
) -> dask.bag.Bag:
    """Return the data sets of sources as a bag, whose partitions are read in parallel.

    Args:
        sources: Files, folders, glob patterns and URLs for fsspec, which every worker can open; see ``columns.read``.
        options: Options for reading, which can be pickled.
        target: The size of a partition in bytes, or a text such as "64 MiB".
        parts: About the number of partitions instead.
        index: See ``plan_splits``.

    Raises:
        IndexMismatchError: A source has changed since its index was built.
        OSError: A source does not exist, or cannot be read.
    """
    import dask.bag

    planned = list(plan_tasks(sources, target=target, parts=parts, index=index, options=options))
    return dask.bag.from_sequence(planned, npartitions=max(1, len(planned))).map_partitions(_datasets, options)


def to_dataframe(
    *sources: TableSource,
    columns: Columns,
    target: int | str = "64 MiB",
    parts: int | None = None,
    index: IndexUse = "auto",
    **arguments: Any,
) -> dask.dataframe.DataFrame:
    """Return columns of sources as a frame, whose partitions are read in parallel.

    A query reads the elements of the columns that it uses. The frame has the types of Arrow.

    Args:
        sources: As for ``to_bag``.
        columns: See ``columns.read``.
        target: As for ``to_bag``.
        parts: As for ``to_bag``.
        index: As for ``to_bag``.
        arguments: More arguments for ``columns.read``.

    Raises:
        IndexMismatchError: A source has changed since its index was built.
        OSError: A source does not exist, or cannot be read.
        ValueError: As ``columns.read`` does.
    """
    import dask.dataframe

    stream = read(*sources, columns=columns, **arguments)
    planned = stream.parts(target=target, count=parts, index=index) or [stream]
    return dask.dataframe.from_map(_frame, planned, meta=_frame(stream.of([])), label="dicom")


def _datasets(tasks: Iterable[list[TableSource]], options: ReadOptions | None) -> Iterator[Dataset]:
    for source in chain.from_iterable(tasks):
        if isinstance(source, Split):
            yield from source.iter_datasets(options=options)
        else:
            yield from iter_datasets(source, options=options)


def _frame(stream: ColumnStream, columns: list[str] | None = None) -> pandas.DataFrame:
    import pandas

    selected = stream if columns is None else stream.select(columns)
    return selected.to_table().to_pandas(types_mapper=pandas.ArrowDtype)
