"""Data sets with a known secret in every attribute of Table E.1-1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from streamdicom.deidentification.table import tables
from streamdicom.dicom import dictionary_vrs
from streamdicom.events import (
    ELEMENT,
    END_DATASET,
    END_ITEM,
    END_SEQUENCE,
    START_DATASET,
    START_ITEM,
    START_SEQUENCE,
    Event,
)

KEY = b"0123456789abcdef"
SECRETS = (
    "19671123", "112233.445566", "19671123112233", "Qwertz^Asdf", "QWERTZSECRET", "1.2.3.987654321", "987654321",
    "087Y", "http://qwertz.example/",
)  # fmt: skip

_BY_VR: dict[str, Any] = {
    "DA": "19671123",
    "TM": "112233.445566",
    "DT": "19671123112233",
    "PN": ("Qwertz^Asdf", "", ""),
    "UI": "1.2.3.987654321",
    "AS": "087Y",
    "DS": "987654321",
    "IS": "987654321",
    "UR": "http://qwertz.example/",
    "OB": b"QWERTZSECRET",
    "OW": b"QWERTZSECRET",
    "UN": b"QWERTZSECRET",
    "US": 54321,
    "UL": 54321,
    "FL": 54321.0,
    "FD": 54321.0,
}
_KEPT_VR = "LO"  # of attributes newer than the data dictionary


def vr_of(tag: int) -> str:
    """Return the VR for an attribute of the table."""
    vr = (dictionary_vrs(tag) or [_KEPT_VR])[0]
    return "OB" if vr == "OW" else vr


def secret(vr: str) -> Any:
    """Return a value of a VR that gives a patient away."""
    return _BY_VR.get(vr, "QWERTZSECRET")


def elements(tags: list[int], *, deep: bool = False) -> Iterator[Event]:
    """Yield an element for each attribute.

    A sequence has an item with a name, or with all attributes if the sequence stays.
    """
    for tag in tags:
        vr = vr_of(tag)
        if vr != "SQ":
            yield ELEMENT, tag, vr, (secret(vr),)
            continue
        yield START_SEQUENCE, tag, vr, None
        yield START_ITEM, tag, "", 0
        is_deep = deep and tables().attributes[tag][0] != "X"
        yield from elements([other for other in tags if vr_of(other) != "SQ"] if is_deep else [0x00100010])
        yield END_ITEM, tag, "", None
        yield END_SEQUENCE, tag, vr, None


def planted() -> list[Event]:
    """Return a data set with every attribute of the table, at the top and in items."""
    tags = sorted(tag for tag in tables().attributes if tag >> 16 > 2)
    wrapped = [tag for tag in tags if vr_of(tag) != "SQ" and tag != 0xFFFCFFFC]
    events: list[Event] = [(START_DATASET, 0, "", 0), (ELEMENT, 0x00080005, "CS", ("ISO_IR 100",))]
    events += elements(tags, deep=True)
    extra: list[Event] = [
        (START_SEQUENCE, 0x52009229, "SQ", None),  # Shared Functional Groups Sequence, which no table removes
        (START_ITEM, 0x52009229, "", 0),
        *elements(wrapped),
        (END_ITEM, 0x52009229, "", None),
        (END_SEQUENCE, 0x52009229, "SQ", None),
    ]
    after = next(index for index, event in enumerate(events) if event[1] > 0x52009229)
    return [*events[:after], *extra, *events[after:], (END_DATASET, 0, "", None)]
