"""De-identification by the confidentiality profiles of PS3.15 Annex E.

``ReadOptions`` and ``WriteOptions`` take a ``Deidentification``, which has a key, options and a report in numbers.
"""

from streamdicom.deidentification.dates import shifted
from streamdicom.deidentification.dummies import code_item, dummy_items, dummy_value
from streamdicom.deidentification.keyed import KeyedValues, uid_text
from streamdicom.deidentification.options import Deidentification, DeidentificationOption, read_key
from streamdicom.deidentification.profile import METHOD_CODES, Profile, profile_of
from streamdicom.deidentification.report import DeidentificationReport
from streamdicom.deidentification.table import EDITION
from streamdicom.deidentification.words import known_words

__all__ = [
    "EDITION",
    "METHOD_CODES",
    "Deidentification",
    "DeidentificationOption",
    "DeidentificationReport",
    "KeyedValues",
    "Profile",
    "code_item",
    "dummy_items",
    "dummy_value",
    "known_words",
    "profile_of",
    "read_key",
    "shifted",
    "uid_text",
]
