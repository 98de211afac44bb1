"""The VR of an attribute without a valid one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamdicom._late import late_pattern
from streamdicom.dicom import VRS, Form, dictionary_vrs

_SEPARATOR = late_pattern(r" or |[/|]")
_MAX_NAME_LENGTH = 16  # characters, as in "US or SS or OW"
_DCMTK_NAMES = {"xs": ["US", "SS"], "lt": ["US", "SS", "OW"], "ox": ["OB", "OW"], "px": ["OB", "OW"]}
_SS_RANGE = range(-(2**15), 2**15)


def named_vrs(text: str) -> list[str]:
    """Return the VRs in a text that names several; an empty list for any other text.

    >>> named_vrs("US or SS"), named_vrs("ox"), named_vrs("US")
    (['US', 'SS'], ['OB', 'OW'], [])
    """
    if text in _DCMTK_NAMES:
        return _DCMTK_NAMES[text]
    names = _SEPARATOR.split(text) if len(text) <= _MAX_NAME_LENGTH else []
    return names if len(names) > 1 and VRS.keys() >= set(names) else []


def possible_vrs(tag: int, vr_text: str) -> list[str]:
    """Return the VRs that a text names, or else the VRs of the data dictionary."""
    return named_vrs(vr_text) or [vr for vr in dictionary_vrs(tag) if vr in VRS]


def choose_vr(vrs: Sequence[str], has_values: bool, numbers: Iterable[str], pixel_representation: int) -> str:
    """Choose one of several VRs by the content.

    Args:
        vrs: At least one VR.
        has_values: Whether the content is values, and not binary data or a reference.
        numbers: The texts of the numbers among the values.
        pixel_representation: The value of Pixel Representation, which decides between US and SS.

    >>> choose_vr(["US", "SS", "OW"], True, ["-1"], 0), choose_vr(["US", "SS", "OW"], False, [], 0)
    ('SS', 'OW')
    """
    if not has_values and "OW" in vrs:
        return "OW"
    is_signed = "SS" in vrs and _is_signed(numbers, pixel_representation)
    return "SS" if is_signed else next((vr for vr in vrs if VRS[vr].form is not Form.BINARY), vrs[-1])


def _is_signed(texts: Iterable[str], pixel_representation: int) -> bool:
    try:
        numbers = list(map(int, texts))
    except ValueError:
        return False
    if any(number < 0 for number in numbers):
        return True
    return pixel_representation == 1 and all(number in _SS_RANGE for number in numbers)
