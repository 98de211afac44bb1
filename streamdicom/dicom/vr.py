"""Value representations in JSON and in DICOM files (PS3.18 F.2.3, PS3.5 6.2)."""

from __future__ import annotations

from enum import IntEnum

from streamdicom._records import NamedTuple


class Form(IntEnum):
    """The form of a value in JSON; the type in an event.

    >>> VRS["PN"].form.name
    'PERSON_NAME'
    """

    TEXT = 0  # a string; str
    DECIMAL = 1  # a number or a string; str with the exact text
    INTEGER = 2  # a number; int
    LONG_INTEGER = 3  # a number or a string; int
    FLOAT = 4  # a number; float
    TAG = 5  # a string of eight hexadecimal digits; int
    PERSON_NAME = 6  # an object; a tuple of three str
    BINARY = 7  # InlineBinary; bytes in little endian
    SEQUENCE = 8  # an array of objects; events


class ValueRepresentation(NamedTuple):
    """The properties of a VR.

    Attributes:
        form: Its form in JSON and in an event.
        code: For numbers, the letter of the ``struct`` module; otherwise "".
        multiple: For text, True if a backslash separates values (PS3.5 6.4).
        character_set: True if Specific Character Set applies (PS3.5 6.1.2.2).
        word: For binary values, the bytes of a unit with a byte order (PS3.5 7.3).
        bulk: True if a BulkDataURI may stand for the value (PS3.18 F.2.2).
    """

    form: Form
    code: str = ""
    multiple: bool = False
    character_set: bool = False
    word: int = 1
    bulk: bool = False


def _text(*, multiple: bool = True, character_set: bool = False, bulk: bool = False) -> ValueRepresentation:
    return ValueRepresentation(Form.TEXT, multiple=multiple, character_set=character_set, bulk=bulk)


def _binary(word: int) -> ValueRepresentation:
    return ValueRepresentation(Form.BINARY, word=word, bulk=True)


VRS: dict[str, ValueRepresentation] = {
    "AE": _text(),
    "AS": _text(),
    "AT": ValueRepresentation(Form.TAG, code="H"),
    "CS": _text(),
    "DA": _text(),
    "DS": ValueRepresentation(Form.DECIMAL, multiple=True, bulk=True),
    "DT": _text(),
    "FD": ValueRepresentation(Form.FLOAT, code="d", bulk=True),
    "FL": ValueRepresentation(Form.FLOAT, code="f", bulk=True),
    "IS": ValueRepresentation(Form.DECIMAL, multiple=True, bulk=True),
    "LO": _text(character_set=True),
    "LT": _text(multiple=False, character_set=True, bulk=True),
    "OB": _binary(1),
    "OD": _binary(8),
    "OF": _binary(4),
    "OL": _binary(4),
    "OV": _binary(8),
    "OW": _binary(2),
    "PN": ValueRepresentation(Form.PERSON_NAME, multiple=True, character_set=True),
    "SH": _text(character_set=True),
    "SL": ValueRepresentation(Form.INTEGER, code="i", bulk=True),
    "SQ": ValueRepresentation(Form.SEQUENCE),
    "SS": ValueRepresentation(Form.INTEGER, code="h", bulk=True),
    "ST": _text(multiple=False, character_set=True, bulk=True),
    "SV": ValueRepresentation(Form.LONG_INTEGER, code="q", bulk=True),
    "TM": _text(),
    "UC": _text(character_set=True, bulk=True),
    "UI": _text(),
    "UL": ValueRepresentation(Form.INTEGER, code="I", bulk=True),
    "UN": _binary(1),
    "UR": _text(multiple=False),
    "US": ValueRepresentation(Form.INTEGER, code="H", bulk=True),
    "UT": _text(multiple=False, character_set=True, bulk=True),
    "UV": ValueRepresentation(Form.LONG_INTEGER, code="Q", bulk=True),
}
"""The VRs of PS3.5 6.2 by their two letters."""
