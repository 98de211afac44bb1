"""``streamdicom import``: a stream to DICOM files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.archive.corpus import dataset, files
from tests.cli.running import ONE, run, without_preamble
from tests.support.each import each

_REFERENCE = b'[{"00080018": {"vr": "UI", "Value": ["1.2"]}, "7FE00010": {"vr": "OB", "BulkDataURI": "x"}}]'
_TWICE = b'[{"00080018": {"vr": "UI", "Value": ["1.2"]}}, {"00080018": {"vr": "UI", "Value": ["1.3"]}}]'


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    files(tmp_path / "in", 20)
    path = tmp_path / "exported.ndjson.gz"
    assert run("export", tmp_path / "in", "-o", path).code == 0
    return path


def test_exported_files_are_imported_again(exported: Path, tmp_path: Path) -> None:
    result = run("import", exported, "-o", tmp_path / "out", "--layout", "{PatientID}.dcm")
    assert (result.code, result.error) == (0, "20 data sets, 0 skipped")
    for number in range(1, 21):
        assert dcmread(tmp_path / "out" / f"{number}.dcm") == dataset(number)


def test_file_without_preamble_needs_force(tmp_path: Path) -> None:
    source, folder = without_preamble(tmp_path / "a"), tmp_path / "out"
    assert run("import", source, "-o", folder, "--layout", "a").code == 1
    assert run("import", source, "-o", folder, "--layout", "a", "--force").code == 0
    assert dcmread(folder / "a").PatientID == "17"


def test_stream_is_read_from_standard_input(exported: Path, tmp_path: Path) -> None:
    result = run("import", "-", "-o", tmp_path / "out", data=exported.read_bytes())
    assert result.code == 0, result.stderr
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 20


def test_skipped_data_sets_have_their_own_exit_code(exported: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    result = run("import", exported, "-o", tmp_path / "out", "--report", report)
    assert (result.code, json.loads(report.read_text())["skipped"]) == (0, [])
    assert run("import", exported, "-o", tmp_path / "out", "--on-duplicate", "skip").code == 3


def test_path_that_is_taken_is_named(tmp_path: Path) -> None:
    result = run("import", "-", "-o", tmp_path / "out", "--layout", "same.dcm", data=_TWICE)
    assert result.code == 1
    assert "same.dcm" in result.error
    assert "[1]" in result.error


def test_reference_to_bulk_data_names_the_option(tmp_path: Path) -> None:
    result = run("import", "-", "-o", tmp_path / "out", data=_REFERENCE)
    assert result.code == 1
    assert "--bulk-dir" in result.error


def test_stopped_import_must_be_resumed(tmp_path: Path) -> None:
    assert run("import", "-", "-o", tmp_path / "out", data=b"[" + ONE + b",").code == 1
    refused = run("import", "-", "-o", tmp_path / "out", data=b"[" + ONE + b"]")
    assert (refused.code, "resume" in refused.error) == (2, True)
    assert run("import", "-", "-o", tmp_path / "out", "--resume", data=b"[" + ONE + b"]").code == 0


def test_invalid_input_is_one_line(tmp_path: Path) -> None:
    result = run("import", "-", "-o", tmp_path / "out", data=b"[{}")
    assert (result.code, bool(result.error)) == (1, True)


@each("data", [b"", b"\n", gzip.compress(b"")], ids=["empty", "blank", "compressed"])
def test_empty_input_is_an_error(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(data)
    for source in ("-", tmp_path / "in.json"):
        result = run("import", source, "-o", tmp_path / "out", data=data)
        assert result.code == 1
        assert "empty" in result.error
    assert not (tmp_path / "out").exists()


def test_empty_array_is_no_error(tmp_path: Path) -> None:
    assert run("import", "-", "-o", tmp_path / "out", data=b"[]").code == 0


@each(
    "arguments",
    [
        ["none", "-o", "out"],
        ["-", "-o", "out", "--layout", "../x"],
        ["-", "-o", "out", "--transfer-syntax", "1.2.840.10008.1.2.2"],
        ["-", "-o", "out", "--transfer-syntax", "bogus"],
        ["-", "-o", "out", "--on-duplicate", "both"],
        ["-", "-o", "nothing://bucket/out"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_create_no_folder(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("import", *arguments, data=b"[{}]")
    assert (result.code, bool(result.error)) == (2, True)
    assert not any(tmp_path.iterdir())


def test_file_in_place_of_the_folder_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"x")
    result = run("import", "-", "-o", path, data=b"[{}]")
    assert (result.code, result.error) == (2, f"{path}: expected a folder, found a file")
    assert path.read_bytes() == b"x"
