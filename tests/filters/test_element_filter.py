"""Selected elements are complete, and the parser and the filter agree on them."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

import streamdicom
from streamdicom import (
    DeviationLog,
    Event,
    EventType,
    InputError,
    LimitError,
    Limits,
    ReadOptions,
    iter_events,
)
from streamdicom.filters.element_filter import select
from streamdicom.filters.late_vr import vr_first
from streamdicom.formats.json import JsonParser, KeyFilter
from streamdicom.patterns import DatasetConditions
from tests.support.each import each
from tests.support.strategies import cuts, datasets

_ITEM = {"00081140": {"vr": "SQ", "Value": [{}, {}]}, "00100020": {"vr": "LO", "Value": ["inner"]}}
_DATASET: dict[str, Any] = {
    "00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]},
    "00081140": {"vr": "SQ", "Value": [_ITEM, {}]},
    "00081199": {"vr": "SQ"},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe"}]},
    "00100020": {"vr": "LO", "Value": ["outer"]},
    "00101002": {"vr": "UT", "Value": ["long " * 100]},
    "00280010": {"vr": "US", "Value": list(range(200))},
    "00880200": {"vr": "OW", "BulkDataURI": "x"},
    "7FE00010": {"vr": "OB", "InlineBinary": "AAEC" * 100},
}
_PARTS = ReadOptions(limits=Limits(segment_size=16, values_per_event=10))


def _selected(events: Any, **options: Any) -> list[dict[str, Any]]:
    target = BytesIO()
    options = {name: [int(tag, 16) for tag in tags] for name, tags in options.items()}
    streamdicom.write_events(select(events, **options), target, options=streamdicom.WriteOptions(file_meta=True))
    found: list[dict[str, Any]] = json.loads(target.getvalue())
    return found


@given(st.lists(st.sampled_from(list(_DATASET))), st.lists(st.sampled_from(list(_DATASET))))
@pytest.mark.parametrize("options", [ReadOptions(), _PARTS], ids=["whole", "parts"])
@pytest.mark.slow
def test_selected_elements_are_unchanged(options: ReadOptions, include: list[str], exclude: list[str]) -> None:
    events = iter_events(json.dumps([_DATASET, _DATASET]).encode(), options=options)
    expected = {
        tag: attribute
        for tag, attribute in _DATASET.items()
        if tag not in exclude and (not include or tag in include or tag == "00020010")
    }
    assert _selected(events, include=include, exclude=exclude) == [expected, expected]


def test_fragments_are_kept_or_left_out_as_one() -> None:
    fragments: list[Event] = [
        (EventType.START_FRAGMENTS, 0x7FE00010, "OB", None),
        (EventType.START_FRAGMENT, 0x7FE00010, "OB", 2),
        (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b"ab"),
        (EventType.END_FRAGMENTS, 0x7FE00010, "OB", None),
    ]
    rest: list[Event] = [(EventType.ELEMENT, 0xFFFCFFFC, "OB", (b"",))]
    assert list(select([*fragments, *rest], exclude=[0x7FE00010])) == rest
    assert list(select([*fragments, *rest], include=[0x7FE00010])) == fragments


def test_json_element_is_selected_by_its_tag() -> None:
    own: list[Event] = [(EventType.JSON_ELEMENT, 0x00100020, "", "5")]
    rest: list[Event] = [(EventType.ELEMENT, 0x00100021, "LO", ("a",))]
    assert list(select([*own, *rest], exclude=[0x00100020])) == rest
    assert list(select([*own, *rest], include=[0x00100020])) == own


def _expected(dataset: dict[str, Any], path: tuple[int, ...], include: Any, exclude: Any) -> dict[str, Any]:
    """Select elements of DICOM JSON with callables that take a path of tags and a VR."""
    result = {}
    for key, attribute in dataset.items():
        here, vr = (*path, int(key, 16)), attribute["vr"]
        if exclude(here, vr) or include(here, vr) is False:
            continue
        if vr == "SQ":
            items = [_expected(item, here, include, exclude) for item in attribute.get("Value", [])]
            result[key] = {"vr": "SQ", "Value": items} if items else {"vr": "SQ"}
        elif include(here, vr):
            result[key] = attribute
    return result


def _never(path: tuple[int, ...], vr: str) -> bool:
    return False


def _always(path: tuple[int, ...], vr: str) -> bool:
    return True


_CASES: list[tuple[dict[str, Any], Any, Any]] = [
    ({"exclude": ["OB", "PN"]}, _always, lambda path, vr: vr in ("OB", "PN")),
    ({"exclude": ["**.000910x0"]}, _always, lambda path, vr: path[-1] & 0xFFFFFF0F == 0x00091000),
    ({"exclude": ["0009108x"]}, _always, lambda path, vr: len(path) == 1 and path[0] >> 4 == 0x0009108),
    # The whole content of an included sequence, and the sequences on the way to other included elements.
    ({"include": ["**.US"]}, lambda path, vr: vr == "US" or (None if vr == "SQ" else False), _never),
    ({"include": ["0009xxxx.0009xxxx"]}, lambda path, vr: len(path) > 1 or (None if vr == "SQ" else False), _never),
    ({"include": ["private"], "exclude": ["SQ"]}, lambda path, vr: path[-1] >> 16 == 9, lambda path, vr: vr == "SQ"),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of values that are too long
@given(data=st.data(), dataset=datasets())
@pytest.mark.slow
def test_selection_agrees_with_a_simple_implementation(data: st.DataObject, dataset: Dataset) -> None:
    patterns, include, exclude = data.draw(st.sampled_from(_CASES))
    document = json.loads(streamdicom.dumps(dataset))
    text = json.dumps(document, sort_keys=data.draw(st.booleans())).encode()  # sorted keys: the value precedes the vr
    events = iter_events(data.draw(cuts(text)), options=ReadOptions(**patterns))
    target = BytesIO()
    streamdicom.write_events(events, target, array=False)
    assert json.loads(target.getvalue()) == _expected(document, (), include, exclude)


@each(("vr", "member"), [("OB", b"InlineBinary"), ("OW", b"InlineBinary"), ("UT", b"Value")])
def test_long_value_waits_for_the_vr_of_a_pattern(vr: str, member: bytes) -> None:
    value = b'"' + b"x" * 400 + b'"'
    if member == b"Value":
        value = b"[" + value + b"]"
    data = b'{"00091001":{"%s":%s,"vr":"%s"},"00100020":{"vr":"LO"}}' % (member, value, vr.encode())
    whole = list(vr_first(iter_events(data, options=_PARTS)))
    taken = list(iter_events(data, options=replace(_PARTS, exclude=["OB"])))
    assert taken == (whole if vr != "OB" else [event for event in whole if event[1] != 0x00091001])


def test_length_of_a_waiting_value_is_bounded() -> None:
    data = b'{"00091001":{"InlineBinary":"%s","vr":"OW"}}' % (b"A" * 4000)
    limits = Limits(segment_size=16, spooled_size=1000)
    with pytest.raises(LimitError, match="spooled_size"):
        list(iter_events(data, options=ReadOptions(limits=limits, exclude=["OB"])))
    assert list(iter_events(data, options=ReadOptions(limits=limits, exclude=["OB", "OW", "**.0009"])))


def test_json_element_is_kept_if_its_whole_content_is_selected() -> None:
    events: list[Event] = [
        (EventType.JSON_ELEMENT, 0x00081140, "", "{}"),
        (EventType.JSON_ELEMENT, 0x00081140, "SQ", "{}"),
        (EventType.JSON_ELEMENT, 0x00280010, "US", "{}"),
    ]
    assert list(select(events)) == events
    assert list(select(events, exclude=["00081140.PatientName"])) == events[2:]
    assert list(select(events, exclude=["OB"])) == events[2:]
    assert list(select(events, exclude=["PatientName"])) == events
    assert list(select(events, include=["00081140"])) == events[:2]


@given(data=st.data(), dataset=datasets())
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.slow
def test_parser_skips_a_subset_of_the_excluded_elements(data: st.DataObject, dataset: Dataset) -> None:
    patterns, _, _ = data.draw(st.sampled_from(_CASES))
    text = streamdicom.dumps([dataset, dataset]).encode()
    options = ReadOptions(**patterns)
    key_filter = KeyFilter.of(options, DatasetConditions({}, Limits()))
    parser = JsonParser(options=options, skip=key_filter)
    passed = [event for piece in data.draw(cuts(text)) for event in parser.feed(piece)] + parser.close()
    everything = list(iter_events(text))
    assert len(passed) <= len(everything)
    selected = list(select(everything, **patterns))
    assert list(select(passed, **patterns)) == selected
    assert passed == selected or key_filter is None or not key_filter.has_selected()


_ODD = """{
    "00080018": {"vr": "no such VR", "Value": [[{}], {"a": [1, {}]}]},
    "PatientID": {"vr": "LO", "Value": ["17"]},
    "(0010,0040)": 5,
    "00100010": {"vr": "PN"},
    "00100010": {"vr": "PN"},
    "00102160": "%s",
    "00102180": null,
    "00280010": {"vr": "US", "Value": [5]}
}"""


@each("wrong", ["text", "long text " * 10], ids=["short", "long"])
@each("size", [1, 3, 10_000])
def test_skipped_elements_may_be_invalid_dicom_json(wrong: str, size: int) -> None:
    data = (_ODD % wrong).encode()
    log = DeviationLog()
    options = replace(_PARTS, include=["PatientName", "Rows"], on_deviation=log)
    events = list(iter_events([data[i : i + size] for i in range(0, len(data), size)], options=options))
    assert [(event[1], event[3]) for event in events[1:-1]] == [(0x00100010, ()), (0x00280010, (5,))]
    assert dict(log.counts) == {"keyword-key": 1, "key-form": 1, "key-order": 1, "duplicate-key": 1}


def test_skipped_elements_must_be_valid_json() -> None:
    for data in (b'{"00100020": {"vr": ]}}', b'{"00100020": {"vr": "LO"', b'{"00100020": {"vr": "\\ud800"}}'):
        with pytest.raises(InputError):
            list(iter_events(data, options=ReadOptions(include=["PatientName"])))


@each(
    ("chosen", "items"),
    [
        ({"exclude": ["00081140"]}, None),
        ({"include": ["00081140"]}, [_ITEM, {}]),
        ({"include": ["00081140.00100020"]}, [{"00100020": _ITEM["00100020"]}, {}]),
    ],
)
def test_sequence_is_kept_or_dropped_with_its_items(chosen: dict[str, list[str]], items: list[Any] | None) -> None:
    events = iter_events(json.dumps(_DATASET).encode())
    target = BytesIO()
    streamdicom.write_events(select(events, **chosen), target)  # type: ignore[arg-type]
    [found] = json.loads(target.getvalue())
    assert found.get("00081140", {}).get("Value") == items
    assert ("00100020" in found) is ("exclude" in chosen)
