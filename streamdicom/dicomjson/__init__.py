"""The DICOM JSON Model (PS3.18 Annex F): a reader of events and a writer of them."""

from streamdicom.dicomjson._keys import KeyFilter
from streamdicom.dicomjson.reader import EventParser
from streamdicom.dicomjson.writer import EventWriter

__all__ = ["EventParser", "EventWriter", "KeyFilter"]
