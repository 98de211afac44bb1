"""The Native DICOM Model, data sets as XML (PS3.19 Annex A): parser and writer."""

from streamdicom.formats.xml.parser import XmlParser
from streamdicom.formats.xml.writer import XmlWriter

__all__ = ["XmlParser", "XmlWriter"]
