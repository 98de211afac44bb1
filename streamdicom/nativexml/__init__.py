"""The Native DICOM Model (PS3.19 Annex A): a reader of events and a writer of them."""

from streamdicom.nativexml.reader import NativeXmlParser
from streamdicom.nativexml.writer import NativeXmlWriter

__all__ = ["NativeXmlParser", "NativeXmlWriter"]
