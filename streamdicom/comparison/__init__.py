"""Differences between data sets, element by element, in bounded memory."""

from streamdicom.comparison.differences import Difference, DifferenceKind, differences, leave_out_equal, tag_path
from streamdicom.comparison.entries import Entry, Key
from streamdicom.comparison.reading import DataSet, datasets
from streamdicom.comparison.windows import Batch, Place

__all__ = [
    "Batch",
    "DataSet",
    "Difference",
    "DifferenceKind",
    "Entry",
    "Key",
    "Place",
    "datasets",
    "differences",
    "leave_out_equal",
    "tag_path",
]
