"""Elements of many data sets as columns of Arrow, in bounded memory.

The extra ``arrow`` has the package that this needs.
"""

from streamdicom.columns.encoding import RowEncoder
from streamdicom.columns.polars import scan
from streamdicom.columns.rows import OnMismatch
from streamdicom.columns.schema import PROBLEMS, Columns
from streamdicom.columns.stream import ColumnStream, TableSource, read
from streamdicom.columns.tasks import plan_tasks
from streamdicom.columns.types import TypeOptions
from streamdicom.columns.writing import TABLE_SUFFIXES, table_format, write_table

__all__ = [
    "PROBLEMS",
    "TABLE_SUFFIXES",
    "ColumnStream",
    "Columns",
    "OnMismatch",
    "RowEncoder",
    "TableSource",
    "TypeOptions",
    "plan_tasks",
    "read",
    "scan",
    "table_format",
    "write_table",
]
