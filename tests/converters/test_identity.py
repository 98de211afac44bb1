"""Identifiers and UIDs are removed or replaced."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pydicom
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom import (
    Converters,
    Event,
    EventType,
    ReadOptions,
    WriteOptions,
    iter_events,
)
from streamdicom.converters import (
    BEST_KNOWN_IDENTIFIERS,
    Deidentifier,
    UidMap,
)

_DATE, _NAME, _ID, _SEQUENCE = 0x00080020, 0x00100010, 0x00100020, 0x00081140


def _read(document: Any, *sources: Any, **options: Any) -> list[Event]:
    data = json.dumps(document).encode()
    return list(iter_events(data, options=ReadOptions(converters=Converters(*sources), **options)))


def _elements(events: Iterable[Event]) -> dict[str, Any]:
    return {f"{tag:08X}": value for kind, tag, _, value in events if kind == EventType.ELEMENT}


def test_identifiers_of_a_file_are_removed() -> None:
    path = get_testdata_file("CT_small.dcm")
    target = BytesIO()
    options = WriteOptions(converters=Deidentifier())
    streamdicom.write_events(streamdicom.iter_events(path), target, options=options, array=False)
    found = json.loads(target.getvalue())
    original = pydicom.dcmread(path)
    for key, action in BEST_KNOWN_IDENTIFIERS.items():
        if pydicom.datadict.tag_for_keyword(key) and key in original:
            tag = f"{int(original[key].tag):08X}"
            assert (tag in found) is (action == "empty"), key
            assert set(found.get(tag, {})) <= {"vr"}
    assert not [tag for tag in found if int(tag[:4], 16) % 2]
    assert found["00080060"] == {"vr": "CS", "Value": ["CT"]}
    assert original.PatientName.encode() not in target.getvalue()
    assert original.PatientID.encode() not in target.getvalue()


def test_every_row_of_the_table_is_a_valid_key() -> None:
    assert len(BEST_KNOWN_IDENTIFIERS) > 50
    assert set(BEST_KNOWN_IDENTIFIERS.values()) == {"remove", "empty"}
    Deidentifier(BEST_KNOWN_IDENTIFIERS)


def test_table_may_have_callables_and_converters() -> None:
    table = {"DA": lambda element: element._replace(values=("19000101",)), "UI": UidMap("x"), "PN": ("A", "B=C")}
    document = {
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "00080020": {"vr": "DA", "Value": ["20260131"]},
        "00100010": {"vr": "PN"},
    }
    found = _elements(_read(document, Deidentifier(table)))
    assert found["00080020"] == ("19000101",)
    assert found["00080018"] != ("1.2.3",)
    assert found["00100010"] == (("A", "", ""), ("B", "C", ""))


def test_uids_are_replaced_consistently_except_dicom_uids() -> None:
    item = {
        "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]},
        "00081155": {"vr": "UI", "Value": ["1.2.3"]},
    }
    first = {"00080018": {"vr": "UI", "Value": ["1.2.3", "1.2.4", None]}, "00081140": {"vr": "SQ", "Value": [item]}}
    runs = [_read([first, item], UidMap("salt")) for _ in range(2)]
    assert runs[0] == runs[1]
    values = [event[3] for event in runs[0] if event[0] == EventType.ELEMENT]
    (one, other, nothing), (sop_class,), (inner,), _, (second,) = values
    assert one == inner == second != other
    assert nothing is None
    assert sop_class == "1.2.840.10008.5.1.4.1.1.2"
    assert uuid.UUID(int=int(one.removeprefix("2.25."))).version == 8
    assert pydicom.uid.UID(one).is_valid
    assert _elements(_read(first, UidMap("other salt")))["00080018"][0] != one
