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
    "ColumnStream": "stream",
    "Columns": "schema",
    "OnMismatch": "rows",
    "PROBLEMS": "schema",
    "RowEncoder": "encoding",
    "TABLE_SUFFIXES": "suffixes",
    "TableSource": "stream",
    "TypeOptions": "types",
    "plan_tasks": "tasks",
    "read": "stream",
    "scan": "polars",
    "table_format": "suffixes",
    "write_table": "writing",
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
