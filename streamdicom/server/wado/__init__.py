"""Retrieve transactions, WADO-RS (PS3.18 10.4)."""

from streamdicom.server.wado.bodies import (
    FILES,
    METADATA,
    RESULTS,
    answer,
    formatters_of_value,
    frames_of,
    wanted_syntaxes,
)
from streamdicom.server.wado.instances import (
    NATIVE,
    Value,
    as_file,
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
    "RESULTS",
    "Value",
    "answer",
    "as_file",
    "find_value",
    "formatters_of_value",
    "frames_of",
    "metadata",
    "resource_of",
    "short_events",
    "stored_syntax",
    "wanted_syntaxes",
]
