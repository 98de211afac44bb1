"""Converters: change elements while they are read or written.

``ReadOptions.converters`` and ``WriteOptions.converters`` take a ``Converters``, a collection of ``Converter`` objects.
Converters for dates and person names are included.
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.converters.dates import DatetimeObjects, IsoDates, dicom_text
    from streamdicom.converters.in_force import converters_in_force
    from streamdicom.converters.names import PlainNames
    from streamdicom.converters.registry import UNSEEN, Converter, Converters, Element, PrivateKey

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

# A command needs few of them.
_LATE = {
    "dates": ("DatetimeObjects", "IsoDates", "dicom_text"),
    "in_force": ("converters_in_force",),
    "names": ("PlainNames",),
    "registry": ("Converter", "Converters", "Element", "PrivateKey", "UNSEEN"),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
