"""DICOM files (PS3.10) to DICOM events, and back."""

from streamdicom.part10.reader import Part10Parser
from streamdicom.part10.writer import Part10Writer

__all__ = ["Part10Parser", "Part10Writer"]
