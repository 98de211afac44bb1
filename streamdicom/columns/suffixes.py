"""Formats of tables, by the suffixes of their names."""

from __future__ import annotations

import os

TABLE_SUFFIXES = {".parquet": "parquet", ".csv": "csv", ".arrow": "arrow", ".feather": "arrow"}
"""Formats of tables by the suffix of a name."""


def table_format(name: str | os.PathLike[str]) -> str:
    """Return the format of a table by the suffix of its name.

    Raises:
        ValueError: The suffix is unknown.

    >>> table_format("a.parquet")
    'parquet'
    """
    suffix = os.path.splitext(os.fspath(name))[1].lower()
    if suffix not in TABLE_SUFFIXES:
        raise ValueError(f"{os.fspath(name)}: expected one of the suffixes {', '.join(TABLE_SUFFIXES)}")
    return TABLE_SUFFIXES[suffix]
