"""Retrieve transactions, WADO-RS (PS3.18 10.4)."""

from streamdicom.server.wado.bodies import (
    FILES,
    METADATA,
    ONE_FILE,
    RESULTS,
    File,
    answer,
    cut,
    formatters_of_value,
    frames_of,
    wanted_syntaxes,
)
from streamdicom.server.wado.conditional import byte_range, failed_precondition, validators
from streamdicom.server.wado.instances import (
    NATIVE,
    Value,
    as_file,
    file_part,
    file_size,
    find_value,
    metadata,
    resource_of,
    short_events,
    stored_syntax,
)

__all__ = [
    "FILES",
    "METADATA",
    "NATIVE",
    "ONE_FILE",
    "RESULTS",
    "File",
    "Value",
    "answer",
    "as_file",
    "byte_range",
    "cut",
    "failed_precondition",
    "file_part",
    "file_size",
    "find_value",
    "formatters_of_value",
    "frames_of",
    "metadata",
    "resource_of",
    "short_events",
    "stored_syntax",
    "validators",
    "wanted_syntaxes",
]
