"""DICOM files (PS3.10) to DICOM events, and back."""

from streamdicom.part10.reader import Part10Parser

__all__ = ["Part10Parser"]
