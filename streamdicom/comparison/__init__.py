"""Differences between data sets, element by element, in bounded memory."""

from streamdicom.comparison.differences import Difference, DifferenceKind, differences, tag_path
from streamdicom.comparison.entries import DataSet, Entry, Key, Place, datasets

__all__ = ["DataSet", "Difference", "DifferenceKind", "Entry", "Key", "Place", "datasets", "differences", "tag_path"]
