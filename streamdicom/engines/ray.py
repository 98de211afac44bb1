"""Columns as a data set of Ray.

The extra ``ray`` has the packages that this needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamdicom.columns import Columns, TableSource
from streamdicom.columns import read as read_columns
from streamdicom.index import IndexUse

if TYPE_CHECKING:
    import ray.data


def read(
    *sources: TableSource,
    columns: Columns,
    target: int | str = "64 MiB",
    parts: int | None = None,
    index: IndexUse = "auto",
    **arguments: Any,
) -> ray.data.Dataset:
    """Return columns of sources as a data set of Ray, read in parallel.

    Args:
        sources: Files, folders, glob patterns and URLs for fsspec, which every node can open; see ``columns.read``.
        columns: See ``columns.read``.
        target: The size of a part in bytes, or a text such as "64 MiB".
        parts: About the number of parts instead.
        index: See ``plan_splits``.
        arguments: More arguments for ``columns.read``.

    Raises:
        IndexMismatchError: A source has changed since its index was built.
        OSError: A source does not exist, or cannot be read.
        ValueError: As ``columns.read`` does.
    """
    import ray.data
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    stream = read_columns(*sources, columns=columns, **arguments)
    planned = stream.parts(target=target, count=parts, index=index) or [stream.of([])]

    class Source(Datasource):  # type: ignore[misc]  # Ray pickles it with the function
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *arguments: Any, **named: Any) -> list[ReadTask]:
            metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [ReadTask(lambda part=part: [part.to_table()], metadata) for part in planned]

    return ray.data.read_datasource(Source())
