"""Some of the elements of a data set: whole, in whatever parts they come."""

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
    JsonParser,
    LimitError,
    Limits,
    ReadOptions,
    iter_events,
)
from streamdicom.filters.select import select
from streamdicom.filters.vr_first import vr_first
from streamdicom.formats.json import KeyFilter
from streamdicom.patterns import DatasetConditions
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
def test_what_comes_is_what_is_wanted(options: ReadOptions, include: list[str], exclude: list[str]) -> None:
    events = iter_events(json.dumps([_DATASET, _DATASET]).encode(), options=options)
    expected = {
        tag: attribute
        for tag, attribute in _DATASET.items()
        if tag not in exclude and (not include or tag in include or tag == "00020010")
    }
    assert _selected(events, include=include, exclude=exclude) == [expected, expected]


def test_fragments_come_or_go_as_one() -> None:
    fragments: list[Event] = [
        (EventType.START_FRAGMENTS, 0x7FE00010, "OB", None),
        (EventType.START_FRAGMENT, 0x7FE00010, "OB", 2),
        (EventType.LAST_SEGMENT, 0x7FE00010, "OB", b"ab"),
        (EventType.END_FRAGMENTS, 0x7FE00010, "OB", None),
    ]
    rest: list[Event] = [(EventType.ELEMENT, 0xFFFCFFFC, "OB", (b"",))]
    assert list(select([*fragments, *rest], exclude=[0x7FE00010])) == rest
    assert list(select([*fragments, *rest], include=[0x7FE00010])) == fragments


def test_an_element_in_a_form_of_its_own_comes_or_goes_like_any_other() -> None:
    own: list[Event] = [(EventType.JSON_ELEMENT, 0x00100020, "", "5")]
    rest: list[Event] = [(EventType.ELEMENT, 0x00100021, "LO", ("a",))]
    assert list(select([*own, *rest], exclude=[0x00100020])) == rest
    assert list(select([*own, *rest], include=[0x00100020])) == own


def _by_hand(dataset: dict[str, Any], path: tuple[int, ...], include: Any, exclude: Any) -> dict[str, Any]:
    """What is wanted of DICOM JSON: include and exclude tell it of the tags down to an element and its VR."""
    result = {}
    for key, attribute in dataset.items():
        here, vr = (*path, int(key, 16)), attribute["vr"]
        if exclude(here, vr) or include(here, vr) is False:
            continue
        if vr == "SQ":
            items = [_by_hand(item, here, include, exclude) for item in attribute.get("Value", [])]
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
    # Whatever is in a sequence that is included, and of the others what is on the way.
    ({"include": ["**.US"]}, lambda path, vr: vr == "US" or (None if vr == "SQ" else False), _never),
    ({"include": ["0009xxxx.0009xxxx"]}, lambda path, vr: len(path) > 1 or (None if vr == "SQ" else False), _never),
    ({"include": ["private"], "exclude": ["SQ"]}, lambda path, vr: path[-1] >> 16 == 9, lambda path, vr: vr == "SQ"),
]


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # of values that are too long
@given(data=st.data(), dataset=datasets())
def test_what_is_selected_is_what_a_filter_by_hand_leaves(data: st.DataObject, dataset: Dataset) -> None:
    patterns, include, exclude = data.draw(st.sampled_from(_CASES))
    document = json.loads(streamdicom.dumps(dataset))
    text = json.dumps(document, sort_keys=data.draw(st.booleans())).encode()  # which puts the value before the vr
    events = iter_events(data.draw(cuts(text)), options=ReadOptions(**patterns))
    target = BytesIO()
    streamdicom.write_events(events, target, array=False)
    assert json.loads(target.getvalue()) == _by_hand(document, (), include, exclude)


@pytest.mark.parametrize(("vr", "member"), [("OB", b"InlineBinary"), ("OW", b"InlineBinary"), ("UT", b"Value")])
def test_a_long_value_waits_for_the_vr_that_decides(vr: str, member: bytes) -> None:
    value = b'"' + b"x" * 400 + b'"'
    if member == b"Value":
        value = b"[" + value + b"]"
    data = b'{"00091001":{"%s":%s,"vr":"%s"},"00100020":{"vr":"LO"}}' % (member, value, vr.encode())
    whole = list(vr_first(iter_events(data, options=_PARTS)))
    taken = list(iter_events(data, options=replace(_PARTS, exclude=["OB"])))
    assert taken == (whole if vr != "OB" else [event for event in whole if event[1] != 0x00091001])


def test_what_waits_for_its_vr_is_bounded() -> None:
    data = b'{"00091001":{"InlineBinary":"%s","vr":"OW"}}' % (b"A" * 4000)
    limits = Limits(segment_size=16, spooled_size=1000)
    with pytest.raises(LimitError, match="spooled_size"):
        list(iter_events(data, options=ReadOptions(limits=limits, exclude=["OB"])))
    assert list(iter_events(data, options=ReadOptions(limits=limits, exclude=["OB", "OW", "**.0009"])))


def test_an_element_in_json_text_comes_if_nothing_unwanted_can_be_in_it() -> None:
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
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_what_the_parser_passes_over_is_what_the_filter_leaves_out(data: st.DataObject, dataset: Dataset) -> None:
    patterns, _, _ = data.draw(st.sampled_from(_CASES))
    text = streamdicom.dumps([dataset, dataset]).encode()
    options = ReadOptions(**patterns)
    parser = JsonParser(options=options, skip=KeyFilter.of(options, DatasetConditions({}, Limits())))
    passed = [event for piece in data.draw(cuts(text)) for event in parser.feed(piece)] + parser.close()
    everything = list(iter_events(text))
    assert len(passed) <= len(everything)
    assert list(select(passed, **patterns)) == list(select(everything, **patterns))


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


@pytest.mark.parametrize("wrong", ["text", "long text " * 10], ids=["short", "long"])
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_what_is_passed_over_may_be_anything(wrong: str, size: int) -> None:
    data = (_ODD % wrong).encode()
    log = DeviationLog()
    options = replace(_PARTS, include=["PatientName", "Rows"], on_deviation=log)
    events = list(iter_events([data[i : i + size] for i in range(0, len(data), size)], options=options))
    assert [(event[1], event[3]) for event in events[1:-1]] == [(0x00100010, ()), (0x00280010, (5,))]
    assert dict(log.counts) == {"keyword-key": 1, "key-form": 1, "key-order": 1, "duplicate-key": 1}


def test_the_json_of_what_is_passed_over_is_still_checked() -> None:
    for data in (b'{"00100020": {"vr": ]}}', b'{"00100020": {"vr": "LO"', b'{"00100020": {"vr": "\\ud800"}}'):
        with pytest.raises(InputError):
            list(iter_events(data, options=ReadOptions(include=["PatientName"])))


# --- data sets -------------------------------------------------------------------------------------------------

_STREAM = [
    {"00080060": {"vr": "CS", "Value": ["CT"]}, "00200011": {"vr": "IS", "Value": [1]}, "00200013": {"vr": "IS"}},
    {"00080060": {"vr": "CS", "Value": ["MR"]}, "00200011": {"vr": "IS", "Value": ["02"]}},
    {"00081140": {"vr": "SQ", "Value": [{"00080060": {"vr": "CS", "Value": ["CT"]}}]}},
    {"00200011": {"vr": "IS", "Value": [1]}, "00080060": {"vr": "CS", "Value": ["CT"]}},
    {},
]


@pytest.mark.parametrize(
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
def test_data_sets_are_chosen_whole_and_keep_their_numbers(conditions: Any, indices: list[int]) -> None:
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


def test_what_is_missing_is_known_when_no_more_can_be_held() -> None:
    options = ReadOptions(limits=Limits(values_per_event=20), where={"Modality": None})
    data = json.dumps(_long_dataset(100)).encode()
    assert len(list(iter_events(data, options=options))) == 102
    assert list(iter_events(data, options=replace(options, where={"Modality": "CT"}))) == []


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_what_comes_after_all_is_told(modality: str) -> None:
    document = _long_dataset(100) | {"00080060": {"vr": "CS", "Value": [modality]}}
    options = ReadOptions(limits=Limits(values_per_event=20), where={"Modality": "CT"})
    with pytest.raises(LimitError, match="values_per_event"):
        list(iter_events(json.dumps(document).encode(), options=options))


def test_more_than_can_be_held_before_what_is_asked_for_is_an_error() -> None:
    options = ReadOptions(limits=Limits(values_per_event=20), where={"PatientID": "1"})
    with pytest.raises(LimitError, match="values_per_event") as caught:
        list(iter_events(json.dumps([{}, _long_dataset(30)]).encode(), options=options))
    assert caught.value.location.dataset_index == 1


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("include", [(), ("PatientName",)], ids=["all", "some"])
def test_the_rest_of_a_data_set_is_passed_over_when_an_element_does_not_fit(size: int, include: Any) -> None:
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


def test_the_json_behind_an_element_that_does_not_fit_is_still_checked() -> None:
    for rest in (b'"00100020": ]}]', b'"00100020": {"vr": "LO"}}'):
        data = b'[{"00080060": {"vr": "CS", "Value": ["CT"]}, ' + rest
        with pytest.raises(InputError):
            list(iter_events(data, options=ReadOptions(where={"Modality": "MR"})))


def test_a_condition_is_asked_once_for_a_data_set() -> None:
    seen: list[Any] = []
    options = ReadOptions(where={"Modality": lambda values: values not in seen and not seen.append(values)})
    data = json.dumps(_STREAM).encode()
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        seen.clear()
        starts = [value for kind, _, _, value in iter_events(pieces, options=options) if kind == 1]
        assert starts == [0, 1, 2]
        assert seen == [("CT",), ("MR",), ()]


def test_a_condition_that_fails_does_so_behind_the_data_sets_before_it() -> None:
    def divide(values: Any) -> bool:
        return 1 / (int(values[0]) - 2) < 0

    data = json.dumps([{"00200011": {"vr": "IS", "Value": [number]}} for number in (1, 1, 2)]).encode()
    events = iter_events(data, options=ReadOptions(where={"SeriesNumber": divide}))
    assert [next(events)[3] for _ in range(6)] == [0, ("1",), None, 1, ("1",), None]
    with pytest.raises(ZeroDivisionError):
        next(events)


def test_a_condition_may_be_on_what_is_not_included() -> None:
    options = ReadOptions(where={"Modality": "CT"}, include=["SeriesNumber"])
    assert [event[3] for event in iter_events(json.dumps(_STREAM).encode(), options=options) if event[0] == 3] == [
        ("1",),
        ("1",),
    ]
