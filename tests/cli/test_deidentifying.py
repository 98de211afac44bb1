"""De-identify with ``convert``, ``export`` and ``send``."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset

from streamdicom import WriteOptions
from streamdicom.archive.tasks import Rendering
from streamdicom.cli.options import DEIDENTIFY, NEW_KEY
from streamdicom.deidentification import Deidentification, DeidentificationOption, KeyedValues
from tests.cli.listening import listening
from tests.cli.running import run

_KEY = b"0123456789abcdef"
_NEW = KeyedValues(_KEY)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(_KEY + b"\n")
    return path


def _write(path: Path, number: int = 1, **values: str) -> Path:
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = f"1.2.3.{number}"
    dataset.StudyDate = "20260131"
    dataset.StudyInstanceUID = "1.2.3"
    dataset.PatientName = "Doe^John"
    dataset.PatientID = "17"
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dcmwrite(path, dataset, enforce_file_format=True)
    return path


def test_help_names_every_option_of_the_profile() -> None:
    text = DEIDENTIFY.arguments[0].settings["help"]
    assert [name for name in DeidentificationOption if name not in text] == []


def test_dicom_file_is_converted_to_a_deidentified_dicom_file(tmp_path: Path, key: Path) -> None:
    source, target = _write(tmp_path / "in.dcm"), tmp_path / "out.dcm"
    result = run("convert", source, target, "--deidentify", "basic", "--key-file", key)
    assert result.code == 0
    assert result.error.startswith("de-identified 1 data set: ")
    dataset = dcmread(target)
    assert dataset.PatientName == ""
    assert dataset.PatientID == _NEW.patient_id("17")
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID == _NEW.uid("1.2.3.1")
    assert dataset.PatientIdentityRemoved == "YES"
    refused = run("convert", source, target)
    assert (refused.code, "only with --deidentify" in refused.error) == (2, True)


def test_basic_profile_is_the_default(tmp_path: Path, key: Path) -> None:
    source, target = _write(tmp_path / "in.dcm"), tmp_path / "out.dcm"
    assert run("convert", source, target, "--deidentify", "basic", "--key-file", key).code == 0
    for arguments in (
        [source, target, "--deidentify", "--key-file", key],
        ["--deidentify", "--key-file", key, source, target],
        ["--key-file", key, "--deidentify", source, target],
    ):
        expected = target.read_bytes()
        target.unlink()
        assert run("convert", *arguments).code == 0
        assert target.read_bytes() == expected


@pytest.mark.parametrize("name", ["input", "basic.dcm", "./basic", "clean-a.dcm"])
def test_file_after_the_option_is_the_source(
    tmp_path: Path, key: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(tmp_path / name)
    assert run("convert", "--key-file", key, "--deidentify", name, "out.dcm").code == 0
    assert dcmread("out.dcm").PatientIdentityRemoved == "YES"


@pytest.mark.slow
def test_key_is_made_as_the_message_says(tmp_path: Path) -> None:
    made = subprocess.run(shlex.split(NEW_KEY.replace("python", sys.executable, 1)), capture_output=True, check=True)
    (tmp_path / "key").write_bytes(made.stdout)
    source, target = _write(tmp_path / "in.dcm"), tmp_path / "out.dcm"
    assert run("convert", source, target, "--deidentify", "--key-file", tmp_path / "key").code == 0


@pytest.mark.parametrize("suffix", [".json", ".xml", ".ndjson"])
def test_options_are_separated_by_commas_and_the_report_has_numbers(tmp_path: Path, key: Path, suffix: str) -> None:
    source, target, report = _write(tmp_path / "in.dcm"), tmp_path / f"out{suffix}", tmp_path / "report.json"
    options = "--deidentify", "basic, retain-uids,retain-full-dates", "--key-file", key
    result = run("-q", "convert", source, target, *options, "--deidentify-report", report)
    assert (result.code, result.stderr) == (0, "")
    text = target.read_text()
    assert "1.2.3.1" in text
    assert "20260131" in text
    assert "Doe" not in text
    numbers = json.loads(report.read_text())
    assert numbers["datasets"] == 1
    assert numbers["elements"]["retained"]["StudyDate"] == 1
    assert "Doe" not in report.read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--deidentify", "basic"], "--key-file"),
        (["--deidentify"], "secrets.token_hex(32))' > key"),
        (["--deidentify", "yes", "--key-file", "{key}"], "'yes' (choose from basic, retain-uids, "),
        (["--deidentify", "retain-all", "--key-file", "{key}"], "retain-all"),
        (["--deidentify", "retain-full-dates,retain-modified-dates", "--key-file", "{key}"], "both"),
        (["--deidentify", "basic", "--key-file", "{short}"], "16 bytes"),
        (["--deidentify", "basic", "--key-file", "{missing}"], "No such file"),
        (["--key-file", "{key}"], "--deidentify"),
        (["--deidentify-report", "x"], "--deidentify"),
        (["--deidentify", "retain-modified-dates", "--key-file", "{key}", "--exclude", "PatientID"], "Patient ID"),
    ],
)
def test_wrong_options_are_usage_errors(tmp_path: Path, key: Path, options: list[str], message: str) -> None:
    (tmp_path / "short").write_bytes(b"short")
    paths = {"key": key, "short": tmp_path / "short", "missing": tmp_path / "missing"}
    arguments = [option.format(**paths) for option in options]
    result = run("convert", _write(tmp_path / "in.dcm"), tmp_path / "out.json", *arguments)
    assert result.code == 2
    assert message in result.error
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_export_is_consistent_over_processes_and_counts_its_output(tmp_path: Path, key: Path, jobs: int) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        _write(folder / f"{number}.dcm", number)
    (folder / "cut.dcm").write_bytes((folder / "0.dcm").read_bytes()[:-3])
    target, report, numbers = tmp_path / "out.json", tmp_path / "report.json", tmp_path / "numbers.json"
    options = ["--deidentify", "retain-modified-dates", "--key-file", key, "--on-error", "skip", "--jobs", jobs]
    result = run("export", folder, "-o", target, *options, "--report", report, "--deidentify-report", numbers)
    assert result.code == 3
    assert "de-identified 3 data sets" in result.stderr
    datasets = json.loads(target.read_text())
    assert [one["00080018"]["Value"][0] for one in datasets] == [_NEW.uid(f"1.2.3.{number}") for number in range(3)]
    assert len({json.dumps([one["00080020"], one["00100020"]]) for one in datasets}) == 1
    assert json.loads(report.read_text())["deidentification"] == json.loads(numbers.read_text())
    assert json.loads(numbers.read_text())["elements"]["cleaned"] == {"StudyDate": 3}


def test_journal_tells_keys_apart_and_has_none() -> None:
    requests = [
        json.dumps(Rendering(options=WriteOptions(deidentification=Deidentification(key))).request())
        for key in (_KEY, _KEY, _KEY[::-1])
    ]
    assert requests[0] == requests[1] != requests[2]
    assert _KEY.decode() not in requests[0]


def test_resumed_export_counts_the_data_sets_of_both_runs(tmp_path: Path, key: Path) -> None:
    folder, target, numbers = tmp_path / "in", tmp_path / "out.ndjson", tmp_path / "numbers.json"
    folder.mkdir()
    one, other = _write(tmp_path / "one.dcm", 1), folder / "b.dcm"
    with ZipFile(folder / "a.zip", "w") as archive:
        archive.write(one, "one.dcm")
    other.write_bytes(one.read_bytes()[:-3])
    options = ["--deidentify", "basic", "--key-file", key, "--deidentify-report", numbers]
    assert run("export", folder, "-o", target, *options).code == 1
    assert not numbers.exists()
    _write(other, 2)
    assert run("export", folder, "-o", target, *options, "--resume").code == 0
    assert json.loads(numbers.read_text())["datasets"] == 2
    assert [json.loads(line)["00120062"]["Value"] for line in target.read_text().splitlines()] == [["YES"]] * 2


@pytest.mark.slow
def test_send_deidentifies_before_anything_leaves(tmp_path: Path, key: Path) -> None:
    with listening("--once") as listener:
        arguments = "send", _write(tmp_path / "in.dcm"), listener.address
        result = run(*arguments, "--deidentify", "basic", "--key-file", key)
        line = listener.stdout.readline()
    assert result.code == 0
    assert "de-identified 1 data set" in result.error
    assert b"Doe" not in line
    assert json.loads(line)["00120062"]["Value"] == ["YES"]
