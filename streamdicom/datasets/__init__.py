"""DICOM events to pydicom data sets and back.

No other package imports pydicom when it is imported.
"""

from streamdicom.datasets.builder import DatasetBuilder
from streamdicom.datasets.encodings import encode_for_pydicom, sets_in_force
from streamdicom.datasets.walker import walk

__all__ = ["DatasetBuilder", "encode_for_pydicom", "sets_in_force", "walk"]
