"""Dummy values that are valid for their VR, and dummy items."""

from __future__ import annotations

from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom import VRS, Form

DUMMY_TEXT = "DEIDENTIFIED"

Item: TypeAlias = list[tuple[int, str, Any]]
"""Elements of an item: tag, VR, and a tuple of values or a list of items."""

_VALUES: dict[str, Any] = {
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "DS": "0",
    "IS": "0",
    "UR": "about:blank",
    "UI": "2.25.0",
}
_BY_FORM: dict[Form, Any] = {
    Form.TEXT: DUMMY_TEXT,
    Form.PERSON_NAME: (DUMMY_TEXT, "", ""),
    Form.INTEGER: 0,
    Form.LONG_INTEGER: 0,
    Form.TAG: 0,
    Form.FLOAT: 0.0,
    Form.BINARY: bytes(8),  # a whole number of words of any VR
}


def dummy_value(vr: str) -> Any:
    r"""Return a value that is valid for a VR other than SQ.

    >>> dummy_value("LO"), dummy_value("DA"), dummy_value("OB")
    ('DEIDENTIFIED', '19000101', b'\x00\x00\x00\x00\x00\x00\x00\x00')
    """
    return _VALUES[vr] if vr in _VALUES else _BY_FORM[VRS[vr].form]


def code_item(value: str, meaning: str, scheme: str = "DCM") -> Item:
    """Return the elements of a coded entry (PS3.3 8.8)."""
    return [(0x00080100, "SH", (value,)), (0x00080102, "SH", (scheme,)), (0x00080104, "LO", (meaning,))]


_CODE = code_item(DUMMY_TEXT, DUMMY_TEXT, "99DUMMY")
_TEXT = (DUMMY_TEXT,)
_ITEMS: dict[int, Item] = {
    0x00081072: [(0x00401101, "SQ", [_CODE])],  # Operator Identification Sequence
    0x00340001: [(0x00340002, "OB", (bytes(8),))],  # Flow Identifier Sequence
    0x0040A073: [  # Verifying Observer Sequence
        (0x0040A027, "LO", _TEXT),
        (0x0040A030, "DT", (dummy_value("DT"),)),
        (0x0040A075, "PN", (dummy_value("PN"),)),
        (0x0040A088, "SQ", []),
    ],
    0x0040A730: [  # Content Sequence
        (0x0040A010, "CS", ("CONTAINS",)),
        (0x0040A040, "CS", ("TEXT",)),
        (0x0040A043, "SQ", [code_item("121106", "Comment")]),
        (0x0040A160, "UT", _TEXT),
    ],
    0x0040B020: [(0x0040A0B0, "US", (1, 0)), (0x00700006, "ST", _TEXT)],  # Waveform Annotation Sequence
    0x00700001: [  # Graphic Annotation Sequence
        (0x00700002, "CS", _TEXT),
        (
            0x00700008,
            "SQ",
            [
                [
                    (0x00700004, "CS", ("PIXEL",)),
                    (0x00700006, "ST", _TEXT),
                    (0x00700014, "FL", (1.0, 1.0)),
                    (0x00700015, "CS", ("N",)),
                ]
            ],
        ),
    ],
}


def dummy_items(tag: int) -> list[Item]:
    """Return the items that replace the items of a sequence, by default a code.

    >>> [tag for tag, _, _ in dummy_items(0x00080082)[0]] == [0x00080100, 0x00080102, 0x00080104]
    True
    """
    return [_ITEMS.get(tag, _CODE)]
