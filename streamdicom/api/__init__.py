"""The main functions, in the manner of the ``json`` module and of pydicom.

pydicom is imported with the first data set, not with this package. A program that only reads need not import the
functions that write, and the other way round.
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.api.reading import batches, expanded_events, iter_datasets, iter_events, load, loads
    from streamdicom.api.writing import DatasetWriter, dump, dumps, write_events

__all__ = [
    "DatasetWriter",
    "batches",
    "dump",
    "dumps",
    "expanded_events",
    "iter_datasets",
    "iter_events",
    "load",
    "loads",
    "write_events",
]

_LATE = {
    "reading": ("batches", "expanded_events", "iter_datasets", "iter_events", "load", "loads"),
    "writing": ("DatasetWriter", "dump", "dumps", "write_events"),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
