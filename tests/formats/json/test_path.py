"""Data sets within other JSON documents."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import ijson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset

import streamdicom
from streamdicom import DicomJsonError, EventParser, InputError, JsonSyntaxError, ReadOptions, TruncatedError
from streamdicom.events import ELEMENT
from tests.support.each import each
from tests.support.memory import peak

_OTHER = st.sampled_from([None, True, 17, "}},{", {"entry": []}, [{"item": 1}], {"entry": {"item": {}}}])
_IDS = st.text(st.sampled_from('a"{}[], '), max_size=4)
_DATASET = st.one_of(
    st.just({}), _IDS.map(lambda text: {"00100020": {"vr": "LO", "Value": [text]}} if text.strip() else {})
)
_ENTRY = st.fixed_dictionaries(
    {}, optional={"id": _OTHER, "resource": _DATASET, "resources": st.lists(_DATASET), "": _OTHER}
)
_BUNDLE = st.fixed_dictionaries(
    {}, optional={"total": _OTHER, "entry": st.lists(_ENTRY, max_size=4), "entry.item": _ENTRY}
)


def options(path: str, **others: Any) -> ReadOptions:
    return ReadOptions(path=path, **others)


@given(
    bundle=_BUNDLE,
    name=st.sampled_from(["resource", "resources.item"]),
    indent=st.sampled_from([None, 2]),
    cut=st.integers(0, 500),
)
@pytest.mark.slow
def test_data_sets_are_the_items_of_ijson(bundle: Any, name: str, indent: int | None, cut: int) -> None:
    data = json.dumps(bundle, indent=indent).encode()
    path = f"entry.item.{name}"
    expected = [Dataset.from_json(item) for item in ijson.items(io.BytesIO(data), path)]
    assert list(streamdicom.iter_datasets([data[:cut], data[cut:]], options=options(path))) == expected
    parser = EventParser(options=options(path))
    events = [event for byte in data for event in parser.feed(bytes([byte]))]
    events += parser.close()
    assert events == list(streamdicom.iter_events(data, options=options(path)))
    assert events == list(streamdicom.iter_events(json.dumps(list(ijson.items(data, path))).encode()))


_TEXT = b'{"n": 1, "entry": [{"resource": {"00100020": {"vr": "LO", "Value": ["17"]}}}, {"resource": {"00100020": 5}}]}'


def test_error_has_its_place_in_the_whole() -> None:
    with pytest.raises(DicomJsonError) as found:
        list(streamdicom.iter_events(_TEXT, options=options("entry.item.resource")))
    location = found.value.location
    assert (location.dataset_index, location.tag_path) == (1, "00100020")
    assert location.byte_offset == _TEXT.index(b": 5") + 2


def test_array_at_the_path_has_data_sets() -> None:
    data = b'{"a": [[{}, {"00100020": {"vr": "LO", "Value": ["17"]}}], [], {}]}'
    assert len(list(streamdicom.iter_datasets(data, options=options("a.item")))) == 3


@each("data", [b'{"a": 5}', b'{"a": null}', b'{"a": "text"}', b'{"b": [], "a": true}'])
@each("size", [1, 100])
def test_other_value_at_the_path_is_an_error(data: bytes, size: int) -> None:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    with pytest.raises(DicomJsonError, match="expected a data set at the path, found another value") as found:
        list(streamdicom.iter_events(pieces, options=options("a")))
    assert found.value.location.byte_offset == data.index(b'"a": ') + 5


def test_document_without_the_path_has_no_data_sets() -> None:
    assert list(streamdicom.iter_events(b'{"a": {}}', options=options("b"))) == []
    with pytest.raises(TruncatedError, match="the input is empty"):
        list(streamdicom.iter_events(b" ", options=options("b", format="json")))


@each(
    ("data", "kind"),
    [(b'{"a": {}, ]', JsonSyntaxError), (b'{"a": {}, "b": [', TruncatedError), (b'{"a": {', TruncatedError)],
)
@each("size", [1, 4, 100])
def test_text_around_must_be_json(data: bytes, kind: type[InputError], size: int) -> None:
    events = []
    with pytest.raises(kind) as found:
        for event in streamdicom.iter_events(
            [data[start : start + size] for start in range(0, len(data), size)], options=options("a")
        ):
            events.append(event)
    assert len(events) == (2 if b"{}" in data else len(events))
    assert found.value.location.byte_offset == (10 if data.endswith(b"]") else len(data))


def test_deviations_are_those_of_the_data_sets() -> None:
    data = b'{"n": NaN, /* note */ "a": [{"00100020": {"vr": "LO", "Value": "17"}, },],}'
    found: list[Any] = []
    path = options("a.item", on_deviation=found.append)
    [ds] = streamdicom.iter_datasets(data, options=path)
    assert ds.PatientID == "17"
    assert sorted(one.code for one in found) == ["scalar-value", "trailing-comma"]
    assert {one.code: one.location.byte_offset for one in found}["trailing-comma"] == data.index(b", },") + 2
    with pytest.raises(InputError):
        list(streamdicom.iter_events(data, options=options("a.item", profile="strict")))


def test_other_options_hold() -> None:
    data = json.dumps({"a": [
        {"00080060": {"vr": "CS", "Value": [modality]}, "00100020": {"vr": "LO", "Value": ["17"]}}
        for modality in ("CT", "MR", "CT")
    ]}).encode()  # fmt: skip
    choice = options("a.item", where={"Modality": "CT"}, include=["PatientID"])
    events = list(streamdicom.iter_events(data, options=choice))
    assert [event[1] for event in events if event[0] == ELEMENT] == [0x00100020] * 2
    assert [value for kind, _, _, value in events if kind == 1] == [0, 2]


def test_document_with_a_path_is_not_split(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text('{"a": {}}\n{"a": {}}')
    [first, _] = streamdicom.plan_splits(path, parts=2)
    with pytest.raises(ValueError, match="a document with a path cannot be split"):
        list(first.iter_events(options=options("a")))


def test_path_is_text() -> None:
    with pytest.raises(TypeError, match="path must be str, not list"):
        ReadOptions(path=["a"])  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.memory
def test_memory_does_not_grow_with_the_document() -> None:
    entry = json.dumps({"id": "}},{" * 9, "resource": {"00100020": {"vr": "LO", "Value": ["17"]}}}).encode()

    def run(count: int) -> int:
        chunks = (b'{"entry": [' if not number else b", " for number in range(count))
        data = (part for chunk in chunks for part in (chunk, entry))
        events = streamdicom.iter_events(
            (*data, b"]}") if count < 2 else _with_end(data), options=options("entry.item.resource")
        )
        return peak(lambda: sum(1 for _ in events))

    assert run(20_000) < run(2_000) + 1024 * 1024


def _with_end(data: Any) -> Any:
    yield from data
    yield b"]}"
