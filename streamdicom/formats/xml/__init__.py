"""The Native DICOM Model (PS3.19 Annex A): a reader of events and a writer of them."""

from streamdicom.formats.xml.parser import XmlParser
from streamdicom.formats.xml.writer import XmlWriter

__all__ = ["XmlParser", "XmlWriter"]
