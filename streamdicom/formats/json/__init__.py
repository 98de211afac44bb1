"""The DICOM JSON Model (PS3.18 Annex F): a reader of events and a writer of them."""

from streamdicom.formats.json.json_text import output_form
from streamdicom.formats.json.key_filter import KeyFilter
from streamdicom.formats.json.parser import JsonParser
from streamdicom.formats.json.writer import JsonWriter

__all__ = ["JsonParser", "JsonWriter", "KeyFilter", "output_form"]
