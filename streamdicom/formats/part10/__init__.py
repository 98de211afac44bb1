"""DICOM files (PS3.10) to DICOM events, and back.

A program that only reads need not import the writer, and the other way round.
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.formats.part10.parser import Part10Parser
    from streamdicom.formats.part10.runs import output_form
    from streamdicom.formats.part10.unknown import UnknownReader
    from streamdicom.formats.part10.writer import Part10Writer

__all__ = ["Part10Parser", "Part10Writer", "UnknownReader", "output_form"]

_LATE = {
    "parser": ("Part10Parser",),
    "runs": ("output_form",),
    "unknown": ("UnknownReader",),
    "writer": ("Part10Writer",),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
