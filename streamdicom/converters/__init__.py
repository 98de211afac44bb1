"""Converters: change elements while they are read or written.

``ReadOptions.converters`` and ``WriteOptions.converters`` take a ``Converters``, a collection of ``Converter`` objects.
Converters for dates and person names are included.
"""

from streamdicom.converters.dates import DatetimeObjects, IsoDates, dicom_text
from streamdicom.converters.names import PlainNames
from streamdicom.converters.registry import UNSEEN, Converter, Converters, Element, PrivateKey, converters_in_force

__all__ = [
    "UNSEEN",
    "Converter",
    "Converters",
    "DatetimeObjects",
    "Element",
    "IsoDates",
    "PlainNames",
    "PrivateKey",
    "converters_in_force",
    "dicom_text",
]
