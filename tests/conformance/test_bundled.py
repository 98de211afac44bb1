"""The round trip of all files of pydicom through DICOM JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import ijson
import pydicom
import pytest
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

import streamdicom
from streamdicom import WriteOptions
from tests.support.each import each

pytestmark = pytest.mark.filterwarnings("ignore")  # many test files have defects on purpose

_ROOT = Path(pydicom.__file__).parent / "data"
_FILES = sorted(
    path for folder in ("test_files", "charset_files") for path in (_ROOT / folder).rglob("*") if path.is_file()
)
# pydicom refuses to write it, because the text of an IS is not a number.
_NOT_WRITTEN_BY_PYDICOM = {"badVR.dcm"}


def _read(path: Path) -> Dataset:
    try:
        return dcmread(path)
    except InvalidDicomError:
        if path.suffix != ".dcm":
            pytest.skip("not a DICOM file")
        return dcmread(path, force=True)


def test_files_are_found() -> None:
    assert sum(path.suffix == ".dcm" for path in _FILES) > 80


@pytest.mark.slow
@each("path", _FILES, ids=lambda path: path.name)
def test_file_makes_the_round_trip(path: Path) -> None:
    text = streamdicom.dumps(_read(path), options=WriteOptions(file_meta=True))
    json.loads(text)
    loaded, expected = streamdicom.loads(text, as_file=True), _read(path)
    for tag in [tag for tag in expected.keys() if not tag & 0xFFFF]:  # noqa: SIM118
        del expected[tag]  # PS3.18 F.2.2: no group length
    assert loaded == expected
    meta = {element.tag: element for element in getattr(expected, "file_meta", ()) if element.tag & 0xFFFF}
    assert {element.tag: element for element in loaded.file_meta} == meta


@pytest.mark.slow
@each("path", _FILES, ids=lambda path: path.name)
def test_json_of_pydicom_is_read_as_by_pydicom(path: Path) -> None:
    if path.name in _NOT_WRITTEN_BY_PYDICOM:
        pytest.skip("pydicom cannot write it")
    text = _read(path).to_json()
    [parsed] = ijson.items(io.BytesIO(text.encode()), "")
    expected = Dataset.from_json(parsed)
    loaded = streamdicom.loads(text)
    for element in [element for element in expected if element.tag.group == 2]:
        del expected[element.tag]
    assert loaded == expected


@each("path", _FILES, ids=lambda path: path.name)
@pytest.mark.slow
def test_raw_and_converted_elements_are_written_alike(path: Path) -> None:
    raw, converted = _read(path), _read(path)
    for _ in converted.iterall():
        pass
    assert streamdicom.dumps(raw) == streamdicom.dumps(converted)


@pytest.mark.slow
def test_array_of_all_files_keeps_their_order(tmp_path: Path) -> None:
    datasets = []
    for path in _FILES:
        try:
            datasets.append(dcmread(path))
        except InvalidDicomError:
            continue
    target = tmp_path / "all.json"
    streamdicom.dump(datasets, target)
    count = 0
    for dataset, expected in zip(streamdicom.iter_datasets(target), datasets, strict=True):
        assert dataset.get("SOPInstanceUID") == expected.get("SOPInstanceUID")
        count += 1
    assert count == len(datasets) > 80
