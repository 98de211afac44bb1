"""DICOM events to pydicom data sets and back.

No other package imports pydicom when it is imported.
"""

from streamdicom.datasets.builder import DatasetBuilder
from streamdicom.datasets.walker import walk

__all__ = ["DatasetBuilder", "walk"]
