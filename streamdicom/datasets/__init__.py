"""DICOM events to pydicom data sets, and back. Importing this imports pydicom."""

from streamdicom.datasets.builder import DatasetBuilder
from streamdicom.datasets.walker import walk

__all__ = ["DatasetBuilder", "walk"]
