"""The Native DICOM Model (PS3.19 Annex A): a reader of events and a writer of them."""

from streamdicom.formats.xml.parser import NativeXmlParser
from streamdicom.formats.xml.writer import NativeXmlWriter

__all__ = ["NativeXmlParser", "NativeXmlWriter"]
