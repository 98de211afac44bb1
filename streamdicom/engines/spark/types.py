"""Types of Spark for columns of Arrow, and columns for a schema of Spark."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import ArrayType, DataType, StructType

from streamdicom.columns import PROBLEMS, ColumnStream

_NAME_GROUPS = {"Alphabetic", "Ideographic", "Phonetic"}


def spark_schema(stream: ColumnStream, *, has_time: bool) -> StructType:
    """Return the schema of Spark for columns.

    Args:
        stream: The columns.
        has_time: Whether times have the type TIME, and not text.
    """
    return from_arrow_schema(pa.schema([pa.field(one.name, _adapted(one.type, has_time)) for one in stream.schema]))


def arrow_schema(schema: StructType) -> pa.Schema:
    """Return the Arrow schema that batches for Spark must have."""
    return to_arrow_schema(schema, timezone="UTC")


def _adapted(type_: pa.DataType, has_time: bool) -> pa.DataType:
    if pa.types.is_list(type_):
        return pa.list_(_adapted(type_.value_type, has_time))
    if pa.types.is_struct(type_):
        return pa.struct([(one.name, _adapted(one.type, has_time)) for one in type_])
    return pa.string() if pa.types.is_time(type_) and not has_time else type_


def columns_of(schema: StructType) -> list[str]:
    """Return the columns with the names of a schema.

    Raises:
        ValueError: There is no column.
    """
    found = [path for path in _paths(schema) if path != PROBLEMS]
    if not found:
        raise ValueError("expected a schema with at least one column")
    return found


def _paths(schema: StructType, prefix: str = "") -> Iterator[str]:
    for one in schema.fields:
        members = _members(one.dataType)
        if members is None:
            yield prefix + one.name
        else:
            yield from _paths(members, f"{prefix}{one.name}.")


def _members(type_: DataType) -> StructType | None:
    """Return the type of the items of a sequence, or None."""
    if not isinstance(type_, ArrayType) or not isinstance(type_.elementType, StructType):
        return None
    return None if set(type_.elementType.names) <= _NAME_GROUPS else type_.elementType
