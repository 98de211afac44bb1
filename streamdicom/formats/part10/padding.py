"""Padding of value fields (PS3.5 6.2), for parsers that check it.

Events have no padding, so only the parser can check it. A parser that does has decoders and tables of its own, which
take no value field with wrong padding; that of a plain parser costs no more.
"""

from __future__ import annotations

from streamdicom.dicom import DECODERS, SPLITTERS, VRS, text_value_decoder
from streamdicom.formats.part10.runs import Decoder

_SPACE = 0x20
_FIXED_LENGTHS = {"AS": 4, "DA": 8}  # of a value


def padding_fault(vr: str, data: bytes) -> str:
    r"""Return the fault in the padding of a value field, or "".

    >>> padding_fault("CS", b"CT\0\0")
    'expected no padding but spaces for VR CS (PS3.5 6.2), found a NULL'
    >>> padding_fault("UI", b"1.2.3\0"), padding_fault("LO", b"A "), padding_fault("UN", b"A\0")
    ('', '', '')
    """
    if vr not in SPLITTERS:  # binary values of any length may end in NULL
        return ""
    values = data.split(b"\\") if VRS[vr].multiple else [data]
    if vr == "UI":
        if b" " in data:
            return "expected no padding but a NULL for VR UI (PS3.5 6.2), found a space"
        is_long = data.endswith(b"\0\0")
        return "expected at most one NULL as padding for VR UI (PS3.5 6.2), found more" if is_long else ""
    if any(value.endswith(b"\0") for value in values):
        return f"expected no padding but spaces for VR {vr} (PS3.5 6.2), found a NULL"
    length = len(data.rstrip(b" "))
    if vr in _FIXED_LENGTHS and len(data) - length > length % 2:
        return f"expected values of {_FIXED_LENGTHS[vr]} bytes for VR {vr} (PS3.5 6.2), found spaces after them"
    return ""


def _checking(vr: str, decode: Decoder) -> Decoder:
    """Return a decoder that returns None for padding that needs a closer look."""
    if vr not in SPLITTERS:
        return decode
    if vr == "UI":
        return lambda data, little_endian: (
            None if _SPACE in data or data.endswith(b"\0\0") else decode(data, little_endian)
        )
    if vr in _FIXED_LENGTHS:
        return lambda data, little_endian: None if 0 in data or data[-1] == _SPACE else decode(data, little_endian)
    return text_value_decoder(vr, takes_null=False)  # without a second call, as most elements are text


CHECKING_DECODERS: dict[str, Decoder] = {vr: _checking(vr, decode) for vr, decode in DECODERS.items()}
"""``DECODERS`` that return None for wrong padding too."""
