"""The Native DICOM Model, data sets as XML (PS3.19 Annex A): parser and writer.

A program that only reads need not import the writer, and the other way round.
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.formats.xml.parser import XmlParser
    from streamdicom.formats.xml.writer import XmlWriter
    from streamdicom.formats.xml.xml_text import output_form

__all__ = ["XmlParser", "XmlWriter", "output_form"]

_LATE = {
    "parser": ("XmlParser",),
    "writer": ("XmlWriter",),
    "xml_text": ("output_form",),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
