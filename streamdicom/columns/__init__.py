"""Elements of many data sets as columns of Arrow, in bounded memory.

The extra ``arrow`` has the package that this needs.
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.columns.encoding import RowEncoder
    from streamdicom.columns.polars import scan
    from streamdicom.columns.rows import OnMismatch
    from streamdicom.columns.schema import PROBLEMS, Columns
    from streamdicom.columns.stream import ColumnStream, TableSource, read
    from streamdicom.columns.suffixes import TABLE_SUFFIXES, table_format
    from streamdicom.columns.tasks import plan_tasks
    from streamdicom.columns.types import TypeOptions
    from streamdicom.columns.writing import write_table

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

_LATE = {
    "encoding": ("RowEncoder",),
    "polars": ("scan",),
    "rows": ("OnMismatch",),
    "schema": ("Columns", "PROBLEMS"),
    "stream": ("ColumnStream", "TableSource", "read"),
    "suffixes": ("TABLE_SUFFIXES", "table_format"),
    "tasks": ("plan_tasks",),
    "types": ("TypeOptions",),
    "writing": ("write_table",),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
