"""The DICOM JSON Model (PS3.18 Annex F): a reader of events and a writer of them.

A program that only writes need not import the reader, and the other way round.
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING
from streamdicom.formats.json.key_filter import KeyFilter

if TYPE_CHECKING:
    from streamdicom.formats.json.json_text import output_form
    from streamdicom.formats.json.parser import JsonParser
    from streamdicom.formats.json.path import PathParser
    from streamdicom.formats.json.writer import JsonWriter

__all__ = ["JsonParser", "JsonWriter", "KeyFilter", "PathParser", "output_form"]

_LATE = {
    "json_text": ("output_form",),
    "parser": ("JsonParser",),
    "path": ("PathParser",),
    "writer": ("JsonWriter",),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
