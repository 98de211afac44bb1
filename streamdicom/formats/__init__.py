"""The formats: one table, one detector, and a package for each."""

from streamdicom.formats.choice import chosen_form
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
from streamdicom.formats.encoded import SelfEncoding
from streamdicom.formats.raws import MakesRaws
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
