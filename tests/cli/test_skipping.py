"""Inputs at fault in ``count``, ``index`` and ``table``."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from streamdicom.index import open_index
from tests.cli.running import dataset, dicom_file, run

_UID = str(dataset().SOPInstanceUID)

_CUT = b'[{"00100020": {"vr": "LO", "Value": ["2"]}}, {"00100020": {"vr": "LO"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    whole = dicom_file(folder / "a.dcm").read_bytes()
    (folder / "b.dcm").write_bytes(whole[:200])  # within the file meta information
    (folder / "c.json").write_bytes(_CUT)
    (folder / "d.dcm").write_bytes(whole)
    return folder


def test_count_skips_inputs_at_fault_and_counts_the_data_sets_before(folder: Path) -> None:
    done = run("count", folder, "--on-error", "skip")
    assert (done.code, done.stdout) == (3, b"3\n")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"streamdicom: skipped: {folder / 'b.dcm'}: ")
    assert second.startswith(f"streamdicom: skipped: {folder / 'c.json'}: ")
    assert "[1])" in second


@pytest.mark.parametrize("arguments", [[], ["--on-error", "stop"]])
def test_count_stops_at_an_input_at_fault(folder: Path, arguments: list[str]) -> None:
    done = run("count", folder, *arguments)
    assert (done.code, done.stdout) == (1, b"")
    assert done.stderr.startswith(f"streamdicom: {folder / 'b.dcm'}: ")


def test_count_of_files_skips_one_at_fault(folder: Path) -> None:
    done = run("count", folder / "c.json", folder / "a.dcm", "--on-error", "skip")
    assert (done.code, done.stdout.decode().split()) == (3, ["1", str(folder / "c.json"), "1", str(folder / "a.dcm")])


def test_index_leaves_out_files_at_fault(folder: Path) -> None:
    (folder / "c.json").write_bytes(b'[{"00080018": {"vr": "UI", "Value": ["1.2"]}}, /* x */ {}]')
    stopped = run("index", folder)
    assert (stopped.code, f"{folder / 'c.json'}: " in stopped.stderr) == (1, True)
    done = run("index", folder, "--on-error", "skip")
    assert done.code == 3
    assert [line.split(": ")[1:3] for line in done.stderr.splitlines()[:-1]] == [["skipped", str(folder / "c.json")]]
    with open_index(folder, verify=True) as index:
        assert (len(index), index.ordinals(_UID)) == (3, [0, 2])  # no value of the file that is cut is needed


def test_index_of_files_goes_on_after_one_at_fault(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.xml", tmp_path / "good.json"
    bad.write_bytes(b"<NativeDicomModel/>")
    good.write_bytes(b"[{}]")
    done = run("index", bad, good, "--on-error", "skip")
    assert (done.code, Path(f"{good}.sdx").exists()) == (3, True)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_table_has_the_rows_before_a_fault_and_of_the_other_inputs(folder: Path, tmp_path: Path, jobs: str) -> None:
    pytest.importorskip("pyarrow")
    target = tmp_path / "out.csv"
    arguments = ["table", folder, "--columns", "SOPInstanceUID,PatientID", "-o", target, "--jobs", jobs]
    stopped = run(*arguments)
    assert (stopped.code, target.exists()) == (1, False)
    assert stopped.stderr.startswith(f"streamdicom: {folder / 'b.dcm'}: ")
    done = run(*arguments, "--on-error", "skip")
    assert done.code == 3
    assert [line.split(": ")[1:3] for line in done.stderr.splitlines()[:-1]] == [
        ["skipped", str(folder / "b.dcm")],
        ["skipped", str(folder / "c.json")],
    ]
    with target.open(newline="") as file:
        rows = [(row["SOPInstanceUID"], row["PatientID"]) for row in csv.DictReader(file)]
    assert [uid for uid, _ in rows] == [_UID, "", _UID]
    assert rows[1] == ("", "2")
