"""Data sets are selected by the values of elements."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydicom.datadict import tag_for_keyword

import streamdicom
from streamdicom import (
    DeviationLog,
    EventType,
    InputError,
    LimitError,
    Limits,
    ReadOptions,
    iter_events,
)
from streamdicom.filters import where
from tests.support.each import each

_PARTS = ReadOptions(limits=Limits(segment_size=16, values_per_event=10))

_STREAM = [
    {"00080060": {"vr": "CS", "Value": ["CT"]}, "00200011": {"vr": "IS", "Value": [1]}, "00200013": {"vr": "IS"}},
    {"00080060": {"vr": "CS", "Value": ["MR"]}, "00200011": {"vr": "IS", "Value": ["02"]}},
    {"00081140": {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]}},
    {"00200011": {"vr": "IS", "Value": [1]}, "00080060": {"vr": "CS", "Value": ["CT"]}},
    {},
]


@each(
    ("conditions", "indices"),
    [
        ({"Modality": "CT"}, [0, 3]),
        ({"Modality": ["CT", "MR"]}, [0, 1, 3]),
        ({"00080060": "CT", "SeriesNumber": 2}, []),
        ({0x00080060: None}, [2, 4]),
        ({"SeriesNumber": 2}, [1]),
        ({"Modality": lambda values: values != ("CT",)}, [1, 2, 4]),
        ({"ReferencedImageSequence": lambda values: True}, [0, 1, 2, 3, 4]),
        ({"ReferencedImageSequence": lambda values: values != ()}, []),
        ({"InstanceNumber": None, "SeriesNumber": 1}, [0, 3]),
    ],
)
def test_selected_data_sets_are_complete_and_keep_their_indices(conditions: Any, indices: list[int]) -> None:
    data = json.dumps(_STREAM).encode()
    options = ReadOptions(where=conditions)
    events = list(iter_events(data))
    starts = [place for place, event in enumerate(events) if event[0] == EventType.START_DATASET] + [len(events)]
    expected = [event for index in indices for event in events[starts[index] : starts[index + 1]]]
    assert list(iter_events(data, options=options)) == expected
    parser = streamdicom.DatasetParser(options=options)
    found = [dataset for byte in data for dataset in parser.feed(bytes([byte]))] + parser.close()
    assert found == [streamdicom.loads(json.dumps(_STREAM[index])) for index in indices]


def _long_dataset(count: int) -> dict[str, Any]:
    return {f"0009{number:04X}": {"vr": "US", "Value": [1]} for number in range(0x1000, 0x1000 + count)}


def test_element_counts_as_missing_when_no_more_can_be_held() -> None:
    options = ReadOptions(limits=Limits(values_per_event=20), where={"Modality": None})
    data = json.dumps(_long_dataset(100)).encode()
    assert len(list(iter_events(data, options=options))) == 102
    assert list(iter_events(data, options=replace(options, where={"Modality": "CT"}))) == []


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_element_found_after_the_decision_is_an_error(modality: str) -> None:
    document = _long_dataset(100) | {"00080060": {"vr": "CS", "Value": [modality]}}
    options = ReadOptions(limits=Limits(values_per_event=20), where={"Modality": "CT"})
    with pytest.raises(LimitError, match="values_per_event"):
        list(iter_events(json.dumps(document).encode(), options=options))


def test_too_many_events_before_a_condition_are_an_error() -> None:
    options = ReadOptions(limits=Limits(values_per_event=20), where={"PatientID": "1"})
    with pytest.raises(LimitError, match="values_per_event") as caught:
        list(iter_events(json.dumps([{}, _long_dataset(30)]).encode(), options=options))
    assert caught.value.location.dataset_index == 1


@each("size", [1, 7, 10_000])
@each("include", [(), ("PatientName",)], ids=["all", "some"])
def test_rest_of_a_rejected_data_set_is_skipped(size: int, include: Any) -> None:
    first = b'{"00080060": {"vr": "CS", "Value": ["%s"]}, "00100010": {"vr": "PN"}, '
    rest = (
        b'"no key": [[{}], "]}"], "00280010": {"vr": "no VR", "Value": [{"00100010": [1, "' + b"long " * 20 + b'"]}]}}'
    )
    data = (
        b"[" + first % b"CT" + rest + b"," + first % b"MR" + b'"00100020": {"vr": "LO"}},' + first % b"CT" + rest + b"]"
    )
    log = DeviationLog()
    options = replace(_PARTS, where={"Modality": "MR"}, include=include, on_deviation=log)
    events = list(iter_events([data[i : i + size] for i in range(0, len(data), size)], options=options))
    tags = [tag for kind, tag, _, _ in events if kind == EventType.ELEMENT]
    assert tags == ([0x00100010] if include else [0x00080060, 0x00100010, 0x00100020])
    assert events[0] == (EventType.START_DATASET, 0, "", 1)
    assert not log.counts


def test_rest_of_a_rejected_data_set_must_be_valid_json() -> None:
    for rest in (b'"00100020": ]}]', b'"00100020": {"vr": "LO"}}'):
        data = b'[{"00080060": {"vr": "CS", "Value": ["CT"]}, ' + rest
        with pytest.raises(InputError):
            list(iter_events(data, options=ReadOptions(where={"Modality": "MR"})))


def test_condition_is_evaluated_once_for_each_data_set() -> None:
    seen: list[Any] = []
    options = ReadOptions(where={"Modality": lambda values: values not in seen and not seen.append(values)})
    data = json.dumps(_STREAM).encode()
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        seen.clear()
        starts = [value for kind, _, _, value in iter_events(pieces, options=options) if kind == 1]
        assert starts == [0, 1, 2]
        assert seen == [("CT",), ("MR",), ()]


def test_error_of_a_condition_follows_earlier_data_sets() -> None:
    def divide(values: Any) -> bool:
        return 1 / (int(values[0]) - 2) < 0

    data = json.dumps([{"00200011": {"vr": "IS", "Value": [number]}} for number in (1, 1, 2)]).encode()
    events = iter_events(data, options=ReadOptions(where={"SeriesNumber": divide}))
    assert [next(events)[3] for _ in range(6)] == [0, ("1",), None, 1, ("1",), None]
    with pytest.raises(ZeroDivisionError):
        next(events)


def test_condition_may_be_on_an_element_that_is_not_included() -> None:
    options = ReadOptions(where={"Modality": "CT"}, include=["SeriesNumber"])
    assert [event[3] for event in iter_events(json.dumps(_STREAM).encode(), options=options) if event[0] == 3] == [
        ("1",),
        ("1",),
    ]


def test_events_of_other_data_sets_are_left_out() -> None:
    events = list(iter_events(json.dumps(_STREAM).encode()))
    found = list(where(iter(events), {"Modality": "CT", "00200011": "1"}))
    starts = [index for index, event in enumerate(events) if event[0] == EventType.START_DATASET]
    assert found == events[: starts[1]] + events[starts[3] : starts[4]]
    with pytest.raises(ValueError, match="keyword"):
        where(events, {"No such keyword": "CT"})


# --- numbers ---------------------------------------------------------------------------------------------------


@each(
    ("name", "vr", "value", "same", "others"),
    [
        ("Rows", "US", 512, ["512", "512.0", "0512", 512, 512.0], ["51", "5120", "512x", "", None, b"512"]),
        ("SeriesNumber", "IS", "02", ["2", "02", "2.0", 2], ["20", "two", ""]),
        ("SliceThickness", "DS", "0.10", ["0.1", "1e-1", "0.10", 0.1], ["0.100000001", "", 1]),
        ("FrameTime", "DS", "1.000000000000001", ["1.000000000000001"], ["1", 1]),
        ("SelectorSVValue", "SV", 9007199254740993, ["9007199254740993"], ["9007199254740992"]),
        ("RecommendedDisplayFrameRateInFloat", "FL", 0.1, ["0.1", "0.10", 0.1], ["0.11", "1e400"]),
        ("SelectorFDValue", "FD", 0.1, ["0.1", 0.1], ["0.10000000149011612"]),
        ("FrameIncrementPointer", "AT", "0018106A", ["0018106A", "0018106a", 0x0018106A], ["0018106", "1577066", None]),
        ("PatientID", "LO", "007", ["007"], ["7", "7.0"]),
        ("00091001", "US", 512, ["512", 512], ["5"]),
    ],
)
def test_numbers_are_compared_by_value(name: str, vr: str, value: Any, same: list[Any], others: list[Any]) -> None:
    tag = name if name.isdecimal() else f"{tag_for_keyword(name):08X}"
    data = json.dumps({tag: {"vr": vr, "Value": [value]}}).encode()
    for expected in [*same, *others]:
        found = list(iter_events(data, options=ReadOptions(where={name: expected})))
        assert bool(found) == (expected in same), expected


def test_number_of_single_precision_is_equal_to_its_shortest_text() -> None:
    tag = tag_for_keyword("RecommendedDisplayFrameRateInFloat")
    assert tag is not None
    events = [(1, 0, "", 0), (3, tag, "FL", (0.10000000149011612,)), (2, 0, "", None)]  # as in a DICOM file
    assert list(where(events, {tag: "0.1"})) == events
    assert list(where(events, {tag: "0.1001"})) == []
