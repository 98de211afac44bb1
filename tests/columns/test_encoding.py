"""Rows of columns to data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa

import streamdicom
from streamdicom import InputError, OutputError
from streamdicom.columns import RowEncoder, TypeOptions, read
from streamdicom.dicom import VRS
from tests.columns.elements import element
from tests.support.each import each


def encoded(columns: list[str], rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> list[Any]:
    encoder = RowEncoder(columns)
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    text = encoder.encode(batch.slice(0, 1)) + encoder.encode(batch.slice(1)) + encoder.close()
    return [json.loads(line) for line in text.splitlines()]


@each("choice", [{}, {"ds": "string"}, {"ds": "decimal", "dt": "timestamp"}], ids=str)
def test_every_value_representation_returns(choice: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    tags = {vr: f"000910{number:02X}" for number, vr in enumerate(VRS)}
    path.write_text(json.dumps([{tags[vr]: element(vr, number) for vr in VRS} for number in range(2)]))
    columns = [f"{tag}:{vr}" for vr, tag in tags.items()]
    table = read(path, columns=columns, types=TypeOptions(**choice)).to_table()
    found = encoded(columns, table.to_pylist(), table.schema)
    expected = json.loads(path.read_text())
    (tmp_path / "out.json").write_text(json.dumps(found))
    assert read(tmp_path / "out.json", columns=columns, types=TypeOptions(**choice)).to_table().equals(table)
    for one, other in zip(found, expected, strict=True):
        if choice.get("dt"):
            other[tags["DT"]]["Value"] = ["20240229091112.000000+0000"]
        other[tags["TM"]]["Value"] = ["101100"]
        assert {tag: one.get(tag) for tag in other} == other


def test_sequences_have_their_items() -> None:
    series = "ReferencedSeriesSequence"
    rows = [{series: [{"SeriesInstanceUID": "1.2"}, {}]}, {series: []}, {series: None}]
    uid = {"0020000E": {"vr": "UI", "Value": ["1.2"]}}
    assert encoded([f"{series}.SeriesInstanceUID"], rows) == [
        {"00081115": {"vr": "SQ", "Value": [uid, {}]}},
        {"00081115": {"vr": "SQ"}},
        {},
    ]
    text = json.dumps([uid])
    assert encoded([series], [{series: text}]) == [{"00081115": {"vr": "SQ", "Value": [uid]}}]


def test_numbers_that_are_not_finite_are_text() -> None:
    rows = [{"DiffusionBValue": float(text)} for text in ("nan", "inf", "-inf")]
    found = [one["00189087"]["Value"] for one in encoded(["DiffusionBValue"], rows)]
    assert found == [["NaN"], ["Infinity"], ["-Infinity"]]


def test_elements_are_in_the_order_of_tags() -> None:
    [found] = encoded(["Rows", "PatientID"], [{"Rows": 5, "PatientID": "17"}])
    assert list(found) == ["00100020", "00280010"]


def test_reference_and_empty_values_stay() -> None:
    rows = [{"PixelData_uri": "bulk/1", "ImageType": ["A", None]}, {"PixelData_uri": None, "ImageType": []}]
    assert encoded(["PixelData_uri", "ImageType"], rows) == [
        {"00080008": {"vr": "CS", "Value": ["A", None]}, "7FE00010": {"vr": "OB", "BulkDataURI": "bulk/1"}},
        {"00080008": {"vr": "CS"}},
    ]


def test_json_is_the_data_set(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text(json.dumps([{"00100020": {"vr": "LO", "Value": [f"\u5c71\n{number}"]}} for number in range(3)]))
    table = read(path, columns=["_json", "_source", "_index"]).to_table()
    assert encoded(table.schema.names, table.to_pylist()) == json.loads(path.read_text())


@each("text", [None, "", "[]", "[{}, {}]", "{}{}"])
def test_json_of_another_number_of_data_sets_is_an_error(text: str | None) -> None:
    with pytest.raises((OutputError, InputError)) as found:
        encoded(["_json"], [{"_json": "{}"}, {"_json": text}], pa.schema([("_json", pa.string())]))
    assert found.value.location.dataset_index == 1


def test_value_of_another_form_is_an_error_with_its_place() -> None:
    with pytest.raises(InputError) as found:
        encoded(["PatientName", "Rows"], [{"Rows": 1}, {"Rows": 70000}])
    assert (found.value.location.dataset_index, found.value.location.tag_path) == (1, "00280010")
    with pytest.raises(InputError, match=r"\[0\]"):
        encoded(["_json"], [{"_json": '{"00100020": 5}'}])


def test_columns_are_checked() -> None:
    with pytest.raises(ValueError, match="found both"):
        RowEncoder(["_json", "PatientID"])
    with pytest.raises(ValueError, match="at least one column"):
        RowEncoder(["_index"])
    with pytest.raises(ValueError, match="PatientIdentity"):
        RowEncoder(["PatientIdentity"])


def test_rows_return_as_data_sets(tmp_path: Path) -> None:
    [line] = encoded(["PatientName"], [{"PatientName": {"Alphabetic": "Doe^Jane", "Ideographic": None}}])
    assert str(streamdicom.loads(json.dumps(line)).PatientName) == "Doe^Jane"
