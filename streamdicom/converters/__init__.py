"""Converters: change elements while they are read or written.

``ReadOptions.converters`` and ``WriteOptions.converters`` take a ``Converters``, a collection of ``Converter`` objects.
Converters for dates, person names, identifiers and UIDs are included.
"""

from streamdicom.converters.dates import DatetimeObjects, IsoDates, dicom_text
from streamdicom.converters.identity import BEST_KNOWN_IDENTIFIERS, Deidentifier, UidMap
from streamdicom.converters.names import PlainNames
from streamdicom.converters.registry import UNSEEN, Converter, Converters, Element, PrivateKey, converters_in_force

__all__ = [
    "BEST_KNOWN_IDENTIFIERS",
    "UNSEEN",
    "Converter",
    "Converters",
    "DatetimeObjects",
    "Deidentifier",
    "Element",
    "IsoDates",
    "PlainNames",
    "PrivateKey",
    "UidMap",
    "converters_in_force",
    "dicom_text",
]
