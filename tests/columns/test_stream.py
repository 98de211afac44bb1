"""Columns: places, sequences, misfits, batches, processes, other libraries."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

pytest.importorskip("pyarrow")

import pyarrow.parquet as pq

import streamdicom
from streamdicom import ColumnError, ReadOptions
from streamdicom.columns import read, scan
from tests.conformance.bundled import files
from tests.support.each import each

_SERIES = "ReferencedSeriesSequence"


def datasets(count: int) -> list[dict[str, Any]]:
    return [
        {
            "00080018": {"vr": "UI", "Value": [f"1.2.{number}"]},
            "00080020": {"vr": "DA", "Value": ["20240229"]},
            "00081115": {"vr": "SQ", "Value": [
                {"0020000E": {"vr": "UI", "Value": [f"1.3.{number}.{item}"]}} for item in range(number % 3)
            ]},
            "00100020": {"vr": "LO", "Value": [f'}},{{"{number}']},
            "00280030": {"vr": "DS", "Value": [0.5, 0.5]},
        }
        for number in range(count)
    ]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "in.json"
    path.write_text(json.dumps(datasets(50)))
    return path


def test_rows_are_the_data_sets_in_order(path: Path) -> None:
    table = read(path, columns=["PatientID", "SOPInstanceUID", "00280030", "_index", "_source"]).to_table()
    assert table["PatientID"].to_pylist() == [f'}},{{"{number}' for number in range(50)]
    assert table["PixelSpacing"].to_pylist() == [[0.5, 0.5]] * 50
    assert table["_index"].to_pylist() == list(range(50))
    assert set(table["_source"].to_pylist()) == {str(path)}


def test_offset_and_text_find_the_data_set(path: Path) -> None:
    table = read(path, columns=["_offset", "_json"]).to_table()
    data = path.read_bytes()
    for number, (offset, text) in enumerate(zip(table["_offset"].to_pylist(), table["_json"].to_pylist(), strict=True)):
        found, _ = json.JSONDecoder().raw_decode(data[offset:].decode())
        assert found == datasets(50)[number]
        assert streamdicom.loads(text) == streamdicom.loads(json.dumps(found))


def test_sequence_is_a_list_of_its_members(path: Path) -> None:
    columns = [f"{_SERIES}.SeriesInstanceUID", "PatientID", f"{_SERIES}.Modality"]
    stream = read(path, columns=columns)
    assert stream.schema.names == [_SERIES, "PatientID"]
    assert stream.to_table()[_SERIES].to_pylist()[:3] == [
        [],
        [{"SeriesInstanceUID": "1.3.1.0", "Modality": None}],
        [{"SeriesInstanceUID": f"1.3.2.{item}", "Modality": None} for item in range(2)],
    ]


def test_whole_sequence_is_json(path: Path) -> None:
    texts = read(path, columns=[_SERIES]).to_table()[_SERIES].to_pylist()
    assert [json.loads(text) for text in texts[1:3]] == [one["00081115"]["Value"] for one in datasets(3)[1:]]


def test_missing_and_empty_values_are_null(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text('[{}, {"00100020": {"vr": "LO"}, "00280030": {"vr": "DS"}}]')
    rows = read(path, columns=["PatientID", "PixelSpacing"]).to_table().to_pylist()
    assert rows == [{"PatientID": None, "PixelSpacing": None}, {"PatientID": None, "PixelSpacing": []}]


def test_misfit_is_an_error_or_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    text = '[{}, {"00080020": {"vr": "DA", "Value": ["2024"]}, "00100020": {"vr": "LO", "Value": ["1", "2"]}}]'
    path.write_text(text)
    columns = ["PatientID", "StudyDate"]
    with pytest.raises(ColumnError) as found:
        read(path, columns=columns).to_table()
    assert (found.value.location.dataset_index, found.value.location.tag_path) == (1, "00080020")
    nulls = read(path, columns=columns, on_mismatch="null").to_table().to_pylist()
    assert nulls[0]["_problems"] is None
    assert (nulls[1]["PatientID"], nulls[1]["StudyDate"]) == (None, None)
    assert [problem.partition(":")[0] for problem in nulls[1]["_problems"]] == ["00080020", "00100020"]
    first = read(path, columns=columns, on_mismatch="first").to_table().to_pylist()[1]
    assert (first["PatientID"], len(first["_problems"])) == ("1", 2)


def test_misfit_in_an_item_has_its_path(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_text('{"00081115": {"vr": "SQ", "Value": [{}, {"0020000E": {"vr": "UI", "Value": ["1", "2"]}}]}}')
    with pytest.raises(ColumnError) as found:
        read(path, columns=[f"{_SERIES}.SeriesInstanceUID"]).to_table()
    assert found.value.location.tag_path == "00081115[1].0020000E"


def test_long_and_referenced_values_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    long = {"7FE00010": {"vr": "OB", "InlineBinary": "AAAA" * 50_000}}
    path.write_text(json.dumps([long, {"7FE00010": {"vr": "OB", "BulkDataURI": "http://x"}}]))
    assert [len(row["PixelData"] or b"") for row in
            read(path, columns=["PixelData"], on_mismatch="null").to_table().to_pylist()] == [150_000, 0]  # fmt: skip
    stream = read(path, columns=["PixelData", "PixelData_uri"], on_mismatch="null", max_length=1000)
    one, other = stream.to_table().to_pylist()
    assert "more than 1000 bytes" in one["_problems"][0]
    assert (other["PixelData_uri"], other["_problems"]) == ("http://x", None)


@pytest.mark.filterwarnings("ignore")
def test_pydicom_files_have_the_values_that_pydicom_reads() -> None:
    for path in files():
        ds = dcmread(path)
        if "PatientID" not in ds or str(ds.get("PatientID")).endswith(" ") or "SpecificCharacterSet" in ds:
            continue
        options = ReadOptions(on_deviation=lambda _: None, on_error="keep", deviations={"truncated": "ignore"})
        [row] = read(path, columns=["PatientID", "Rows"], options=options, on_mismatch="null").to_table().to_pylist()
        assert (row["PatientID"], row["Rows"]) == (ds.PatientID or None, ds.get("Rows"))


def test_folders_and_archives_are_read(path: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as file:
        file.write(path, "a.json")
    table = read(tmp_path, columns=["SOPInstanceUID", "_source"]).to_table()
    assert len(table) == 100
    assert len(set(table["_source"].to_pylist())) == 2


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_source_is_an_absolute_path(jobs: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.columns.tasks._SPLIT_SIZE", 1000)
    monkeypatch.chdir(path.parent)
    table = read(path.name, columns=["_source"], jobs=jobs).to_table()
    assert set(table["_source"].to_pylist()) == {str(path)}


def test_where_leaves_data_sets_out(path: Path) -> None:
    options = ReadOptions(where={"SOPInstanceUID": "1.2.7"})
    assert read(path, columns=["_index", "_offset"], options=options).to_table()["_index"].to_pylist() == [7]


def test_batches_are_bounded(path: Path) -> None:
    batches = list(read(path, columns=["PatientID"], rows=20).iter_batches())
    assert [batch.num_rows for batch in batches] == [20, 20, 10]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_parts_and_processes_give_the_same_rows(jobs: int, path: Path) -> None:
    columns = ["PatientID", f"{_SERIES}.SeriesInstanceUID", "_index", "_offset"]
    whole = read(path, columns=columns).to_table()
    parts = streamdicom.plan_splits(path, parts=4)
    assert read(*parts, columns=columns, jobs=jobs).to_table().equals(whole)
    assert read(path, columns=columns, jobs=jobs).to_table().equals(whole)


@pytest.mark.slow
def test_error_of_a_process_is_the_same_error(path: Path) -> None:
    path.write_text(path.read_text().replace('"20240229"', '"2024"', 1))
    for jobs in (1, 2):
        with pytest.raises(ColumnError) as found:
            read(path, columns=["StudyDate"], jobs=jobs).to_table()
        assert found.value.location.dataset_index == 0
        assert found.value.filename == str(path)


def test_polars_pandas_and_parquet_take_the_stream(path: Path, tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    stream = read(path, columns=["PatientID", "StudyDate", f"{_SERIES}.SeriesInstanceUID"])
    rows = stream.to_table().to_pylist()
    assert pl.DataFrame(stream).to_dicts() == rows
    pytest.importorskip("pandas")
    assert stream.reader().read_pandas()["PatientID"].tolist() == [row["PatientID"] for row in rows]
    assert stream.to_parquet(tmp_path / "out.parquet") == 50
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == rows


def test_lazy_frame_reads_only_the_columns_of_the_query(path: Path) -> None:
    pl = pytest.importorskip("polars")
    path.write_text(path.read_text().replace('"20240229"', '"2024"', 1))  # a misfit in another column
    frame = scan(path, columns=["PatientID", "StudyDate", "_index"])
    query = frame.filter(pl.col("_index") > 3).select("PatientID").head(2)
    assert query.collect().to_dicts() == [{"PatientID": '},{"4'}, {"PatientID": '},{"5'}]
    with pytest.raises(Exception, match="StudyDate"):
        frame.collect()


@each(
    ("columns", "message"),
    [
        ([], "at least one column"),
        (["PatientId"], "did you mean 'PatientID'"),
        (["PatientID", "00100020"], "found another 00100020"),
        (["0010xxxx"], "one element"),
        (["00091001"], "add its VR"),
        (["00091001:XX"], "a VR after the colon"),
        (["PatientID.PatientName"], "expected a sequence"),
        ([_SERIES, f"{_SERIES}.Modality"], "found both"),
        ({"a": f"{_SERIES}.Modality"}, "keeps the names"),
        ({"a": "PatientID", "b": "PatientID"}, "found another PatientID"),
        ({"a": "PatientID", "_index": "_index", "b": "_source"}, "cannot have another name"),
    ],
)
def test_wrong_columns_are_refused(columns: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read("none.json", columns=columns)


def test_wrong_choices_are_refused() -> None:
    with pytest.raises(TypeError, match="a list of columns"):
        read("none.json", columns="PatientID")
    with pytest.raises(ValueError, match="on_mismatch must be"):
        read("none.json", columns=["PatientID"], on_mismatch="skip")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="without include"):
        read("none.json", columns=["PatientID"], options=ReadOptions(include=["UI"]))
    with pytest.raises(ValueError, match="at least 1"):
        read("none.json", columns=["PatientID"], jobs=0)
