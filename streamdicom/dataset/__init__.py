"""DICOM events to pydicom data sets, and back. Importing this imports pydicom."""

from streamdicom.dataset.build import DatasetBuilder
from streamdicom.dataset.walk import walk

__all__ = ["DatasetBuilder", "walk"]
