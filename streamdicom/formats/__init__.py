"""The formats: one table, one detector, and a package for each."""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING
from streamdicom.formats.detect import (
    EMPTY,
    HEAD_SIZE,
    STREAM_FREE_SIZE,
    UNKNOWN,
    UNKNOWN_MESSAGE,
    EventParser,
    Expander,
    detect,
    encode_text,
    expand,
    recognize,
)
from streamdicom.formats.spec import (
    DICOM,
    FORMATS,
    JSON,
    NDJSON,
    XML,
    Form,
    Format,
    FormatName,
    Parser,
    Writer,
    form_of_name,
    format_named,
    new_writer,
)

if TYPE_CHECKING:
    from streamdicom.formats.choice import chosen_form
    from streamdicom.formats.encoded import SelfEncoding
    from streamdicom.formats.raws import MakesRaws
    from streamdicom.formats.writer import ONE_DATASET

__all__ = [
    "DICOM",
    "EMPTY",
    "FORMATS",
    "HEAD_SIZE",
    "JSON",
    "NDJSON",
    "ONE_DATASET",
    "STREAM_FREE_SIZE",
    "UNKNOWN",
    "UNKNOWN_MESSAGE",
    "XML",
    "EventParser",
    "Expander",
    "Form",
    "Format",
    "FormatName",
    "MakesRaws",
    "Parser",
    "SelfEncoding",
    "Writer",
    "chosen_form",
    "detect",
    "encode_text",
    "expand",
    "form_of_name",
    "format_named",
    "new_writer",
    "recognize",
]

# Reading a file needs none of them.
_LATE = {
    "choice": ("chosen_form",),
    "encoded": ("SelfEncoding",),
    "raws": ("MakesRaws",),
    "writer": ("ONE_DATASET",),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
