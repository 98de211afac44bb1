"""Elements of every value representation, as DICOM JSON."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from streamdicom.dicom import VRS

_TEXTS = {"AS": "017Y", "AT": "00100020", "DA": "20240229", "DT": "20240229101112+0100", "TM": "1011", "UI": "1.2.3"}
_NUMBERS = {"DS": 0.5, "FD": 0.1, "FL": 0.25}


def element(vr: str, number: int) -> dict[str, Any]:
    """Return an element with a value, or an empty one for number 2."""
    if number == 2:
        return {"vr": vr}
    if vr == "PN":
        return {"vr": vr, "Value": [{"Alphabetic": "A^B", "Phonetic": "C"}]}
    if vr == "SQ":
        return {"vr": vr, "Value": [{"00100020": {"vr": "LO", "Value": [f"{number}"]}}]}
    if VRS[vr].form.name == "BINARY":
        return {"vr": vr, "InlineBinary": b64encode(bytes([number]) * 8).decode()}
    if vr in ("IS", "SL", "SS", "SV", "UL", "US", "UV"):
        return {"vr": vr, "Value": [number]}
    return {"vr": vr, "Value": [_TEXTS.get(vr, _NUMBERS.get(vr, f"{number}"))]}
