"""Attributes that modules require, found missing or empty."""

from __future__ import annotations

import json
from typing import Any

import pytest

import streamdicom
from streamdicom import Deviation, ReadOptions
from streamdicom.filters import Module, ModuleCheck

_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_TABLES = {
    _CLASS: [
        Module("sop-common", True, {(): {0x00080016: "1", 0x00080018: "1", 0x00080005: "1C", 0x00080012: "3"}}),
        Module("general-series", True, {(): {0x00080060: "1", 0x00200011: "2"}}),
        Module("sc-equipment", True, {(): {0x00080060: "3"}}),
        Module("general-image", True, {(): {0x00081140: "3"}, (0x00081140,): {0x00081150: "1", 0x00081155: "1"}}),
        Module("clinical-trial", False, {(): {0x00120010: "1", 0x00120020: "1", 0x00120021: "2"}}),
    ]
}


class _Tables:
    def modules(self, sop_class_uid: str) -> list[Module] | None:
        return _TABLES.get(sop_class_uid)


def _element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


_COMPLETE = {
    "00080016": _element("UI", _CLASS),
    "00080018": _element("UI", "1.2.3"),
    "00080060": _element("CS", "OT"),
    "00200011": _element("IS"),
}


def _found(*documents: dict[str, Any], size: int = 1 << 20) -> list[tuple[str, str, int | None]]:
    found: list[Deviation] = []
    check = ModuleCheck(found.append, _Tables())
    parser = streamdicom.EventParser(options=ReadOptions(on_deviation=lambda _: None))
    parser.keep_places()
    data = json.dumps([dict(sorted(document.items())) for document in documents]).encode()
    for start in range(0, len(data), size):
        check.check(parser.feed(data[start : start + size]), parser.offset_of())
    check.check(parser.close(), parser.offset_of())
    return [(one.code, one.location.tag_path, one.location.dataset_index) for one in found]


def _without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in _COMPLETE.items() if key not in keys}


def test_complete_data_set_has_no_findings() -> None:
    assert _found(_COMPLETE, _COMPLETE) == []


@pytest.mark.parametrize("size", [7, 1 << 20])
def test_missing_attributes_of_types_1_and_2_are_found(size: int) -> None:
    assert _found(_COMPLETE, _without("00080018", "00200011"), size=size) == [
        ("missing-attribute", "00080018", 1),
        ("missing-attribute", "00200011", 1),
    ]


def test_modality_of_type_3_in_a_module_may_be_missing() -> None:
    assert _found(_without("00080060")) == []


def test_attribute_of_type_1_needs_a_value() -> None:
    empty = {"00080018": _element("UI"), "00080005": _element("CS"), "00200011": _element("IS")}
    assert _found({**_COMPLETE, **empty}) == [("empty-attribute", "00080005", 0), ("empty-attribute", "00080018", 0)]


def test_items_are_checked() -> None:
    items = {"vr": "SQ", "Value": [{"00081150": _element("UI", "1.2")}, {}]}
    assert _found({**_COMPLETE, "00081140": items}) == [
        ("missing-attribute", "00081140[0].00081155", 0),
        ("missing-attribute", "00081140[1].00081150", 0),
        ("missing-attribute", "00081140[1].00081155", 0),
    ]


def test_optional_module_is_checked_if_it_is_present() -> None:
    assert _found({**_COMPLETE, "00120010": _element("LO", "Sponsor")}) == [
        ("missing-attribute", "00120020", 0),
        ("missing-attribute", "00120021", 0),
    ]


def test_other_sop_class_is_a_note() -> None:
    assert _found({"00080016": _element("UI", "1.2.3")}, {}) == [
        ("unknown-sop-class", "00080016", 0),
        ("unknown-sop-class", "00080016", 1),
    ]


def test_uids_agree_with_file_meta_and_differ_from_each_other() -> None:
    meta = {"00020002": _element("UI", _CLASS), "00020003": _element("UI", "1.2.4")}
    assert _found({**_COMPLETE, **meta, "0020000D": _element("UI", "1.2.5"), "00200052": _element("UI", "1.2.5")}) == [
        ("file-meta-differs", "00020003", 0),
        ("shared-uid", "00200052", 0),
    ]
