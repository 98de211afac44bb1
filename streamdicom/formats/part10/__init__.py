"""DICOM files (PS3.10) to DICOM events, and back."""

from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.formats.part10.writer import Part10Writer

__all__ = ["Part10Parser", "Part10Writer"]
