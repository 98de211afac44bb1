"""The formats of data sets: one table, one detector, and a package for each with its parser and its writer."""

from streamdicom.formats.detect import EMPTY, UNKNOWN, UNKNOWN_MESSAGE, EventParser, Expander, detect, expand, recognise
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

__all__ = [
    "DICOM",
    "EMPTY",
    "FORMATS",
    "JSON",
    "NDJSON",
    "UNKNOWN",
    "UNKNOWN_MESSAGE",
    "XML",
    "EventParser",
    "Expander",
    "Form",
    "Format",
    "FormatName",
    "Parser",
    "Writer",
    "detect",
    "expand",
    "form_of_name",
    "format_named",
    "new_writer",
    "recognise",
]
