"""Records of the data sets in a file."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest

from streamdicom.errors import InputError, StreamDicomError
from streamdicom.server.catalog.records import FileKind, Record, kind_of_file, read_range, records
from streamdicom.server.qido.attributes import COLUMNS, Level
from tests.server.corpus import dataset, write
from tests.support.each import each


def _column(record: Record, level: Level, keyword: str) -> str | None:
    return record.rows[level].columns[[one.keyword for one in COLUMNS[level]].index(keyword)]


def _json(path: Path, text: str) -> list[Record | StreamDicomError]:
    path.write_text(text, encoding="utf-8")
    return list(records(str(path), FileKind.JSON))


@each(
    ("data", "kind"),
    [
        (bytes(128) + b"DICM", FileKind.DICOM), (b"[", FileKind.JSON), (b"\xef\xbb\xbf \n{", FileKind.JSON),
        (b"", FileKind.OTHER), (b"text", FileKind.OTHER), (b"PK\x03\x04", FileKind.OTHER),
    ],
)  # fmt: skip
def test_kind_of_file_is_detected_by_first_bytes(tmp_path: Path, data: bytes, kind: FileKind) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert kind_of_file(str(path)) == kind


def test_dicom_file_and_its_json_have_the_same_record(tmp_path: Path) -> None:
    ds = dataset(8)
    [of_file] = records(str(write(tmp_path / "a.dcm", ds)), FileKind.DICOM)
    [of_json] = _json(tmp_path / "a.json", json.dumps(ds.to_json_dict()))
    assert isinstance(of_file, Record)
    assert isinstance(of_json, Record)
    assert of_file.rows == of_json.rows
    assert _column(of_file, Level.STUDY, "PatientName") == "Roe^Richard=ロウ=ろう"
    assert json.loads(of_file.rows[Level.SERIES].attributes)["00400275"] == ds.to_json_dict()["00400275"]
    assert json.loads(of_file.rows[Level.INSTANCE].attributes)["00280010"] == {"vr": "US", "Value": [16]}


@pytest.mark.filterwarnings("ignore:The value length")
def test_long_element_is_not_indexed(tmp_path: Path) -> None:
    ds = dataset(8, StudyDescription="x" * 200_000, PatientComments="y" * 20_000)
    ds.RequestAttributesSequence = [ds.RequestAttributesSequence[0]] * 2000
    [record] = _json(tmp_path / "a.json", json.dumps(ds.to_json_dict()))
    assert isinstance(record, Record)
    assert _column(record, Level.STUDY, "StudyDescription") is None
    assert _column(record, Level.STUDY, "PatientComments") is None
    assert _column(record, Level.STUDY, "PatientID") == "P2"
    assert sum(len(row.attributes) for row in record.rows) < 4096


@each("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@each("uid", ["", "../..", "1.2\n", "1" * 65])
def test_data_set_without_uids_is_an_error(tmp_path: Path, keyword: str, uid: str) -> None:
    element = {"StudyInstanceUID": "0020000D", "SeriesInstanceUID": "0020000E", "SOPInstanceUID": "00080018"}[keyword]
    texts = [dataset(number).to_json_dict() for number in range(3)]
    texts[1][element] = {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"}
    first, second, third = _json(tmp_path / "a.json", json.dumps(texts))
    assert isinstance(first, Record)
    assert isinstance(second, InputError)
    assert keyword in str(second)
    assert uid not in str(second) or not uid
    assert isinstance(third, Record)


def test_records_before_a_fault_are_kept(tmp_path: Path) -> None:
    text = json.dumps([dataset(number).to_json_dict() for number in range(3)])
    path = tmp_path / "a.json"
    path.write_text(text[:-20])
    found = []
    with pytest.raises(InputError):
        for record in records(str(path), FileKind.JSON):
            found.append(record)
    assert len(found) == 2


def test_objects_that_are_not_data_sets_are_ignored(tmp_path: Path) -> None:
    assert _json(tmp_path / "a.json", "[[{}], 17, null]") == []
    assert all(isinstance(one, InputError) for one in _json(tmp_path / "b.json", '[{}, {"a": {}}, {"00080018": 1}]'))


def test_range_beyond_the_end_of_file_is_an_error() -> None:
    assert b"".join(read_range(BytesIO(b"abcdef"), 2, 3)) == b"cde"
    with pytest.raises(InputError, match="shorter"):
        list(read_range(BytesIO(b"abcdef"), 4, 3))
