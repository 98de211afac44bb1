"""The options that convert and export share: what each does, on the command line."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import ImplicitVRLittleEndian

import streamdicom
from streamdicom import ReadOptions, WriteOptions
from streamdicom.archive import export_archive
from tests.archive.corpus import files

pytest.importorskip("typer", reason="the command line is an extra: install streamdicom[cli]")

from streamdicom.cli.inputs import CallError
from streamdicom.cli.options import FORM, READING, TARGET, indent_of, options_of

_COMMAND = [sys.executable, "-c", "from streamdicom.cli import main; main()"]


def _run(*arguments: object, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*_COMMAND, *map(str, arguments)], input=data, capture_output=True, timeout=120, check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName = "Müller^<J>"
    dataset.PatientWeight = "1.10"
    dataset.add_new(0x00189445, "FD", float("nan"))
    dataset.add_new(0x00200070, "LO", "x")  # Other Study Numbers is retired
    dataset.file_meta = streamdicom.loads("{}", as_file=True).file_meta
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dcmwrite(tmp_path / "in.dcm", dataset, enforce_file_format=True)
    return tmp_path / "in.dcm"


_NAME = {"vr": "PN", "Value": [{"Alphabetic": "Müller^<J>"}]}
_UID = {"vr": "UI", "Value": ["1.2.3"]}


@pytest.mark.parametrize(
    ("options", "key", "expected"),
    [
        ("", "00100010", _NAME),
        ("", "00020010", None),
        ("--file-meta", "00020010", {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}),
        ("", "00101030", {"vr": "DS", "Value": [1.1]}),
        ("--number-handling string", "00101030", {"vr": "DS", "Value": ["1.10"]}),
        ("--number-handling auto", "00101030", {"vr": "DS", "Value": ["1.10"]}),
        ("", "00189445", {"vr": "FD", "Value": ["NaN"]}),
        ("--nonfinite null", "00189445", {"vr": "FD"}),
        ("--keys keyword", "PatientName", _NAME),
        ("--keys camel", "sopInstanceUID", _UID),
        ("--write-keyword", "00100010", {**_NAME, "keyword": "PatientName"}),
        ("--write-name", "00100010", {**_NAME, "name": "Patient's Name"}),
        ("", "00200070", {"vr": "LO", "Value": ["x"]}),
        ("--no-retired", "00200070", None),
        ("", "00080005", {"vr": "CS", "Value": ["ISO_IR 100"]}),
        ("--character-set utf-8", "00080005", {"vr": "CS", "Value": ["ISO_IR 192"]}),
        ("--include PatientID --include UI", "00080018", _UID),
        ("--include PatientID --include UI", "00100010", None),
        ("--exclude 0008xxxx", "00080018", None),
        ("--exclude 0008xxxx", "00100010", _NAME),
    ],
)
def test_json_is_written_in_the_form_that_is_chosen(source: Path, options: str, key: str, expected: Any) -> None:
    converted = _run("convert", source, "-", *options.split())
    assert (converted.returncode, converted.stderr) == (0, b"")
    assert json.loads(converted.stdout).get(key) == expected


def test_an_export_takes_the_same_options(source: Path) -> None:
    options = "--file-meta --number-handling string --nonfinite null --keys camel --write-keyword --write-name"
    more = "--no-retired --character-set utf-8 --exclude 00080016 --ensure-ascii --escape-html"
    converted = _run("convert", source, "-", *options.split(), *more.split(), "--no-trailing-newline").stdout
    exported = _run("export", source, "-o", "-", *options.split(), *more.split())
    assert exported.stdout == b"[\n" + converted + b"\n]\n"
    assert b'"sopInstanceUID":{"vr":"UI","keyword":"SOPInstanceUID","name":"SOP Instance UID",' in converted


def test_escapes_and_white_space(source: Path) -> None:
    plain = _run("convert", source, "-").stdout
    assert plain.count(b"\n") == 1
    assert "Müller^<J>".encode() in plain
    assert rb"m\u00fcller^<j>" in _run("convert", source, "-", "--ensure-ascii").stdout.lower()
    assert rb"^\u003cj\u003e" in _run("convert", source, "-", "--escape-html").stdout.lower()
    assert _run("convert", source, "-", "--no-trailing-newline").stdout == plain.rstrip(b"\n")
    assert _run("convert", source, "-", "--ndjson", "--no-trailing-newline").stdout == plain
    for option, indent in (("2", 2), ("\\t", "\t"), ("\t", "\t")):
        laid_out = json.dumps(json.loads(plain), indent=indent, ensure_ascii=False)
        text = _run("convert", source, "-", "--indent", option, "--number-handling", "string").stdout.decode()
        assert text == laid_out.replace("1.1\n", '"1.10"\n') + "\n"
    exported = _run("export", source, "-o", "-", "--indent", "2").stdout.decode()
    assert json.loads(exported) == [json.loads(plain)]
    assert '\n  "00100010": {\n' in exported


def test_what_does_not_fit_together_is_a_wrong_call(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    for options in (
        ["--indent", "x"],
        ["--indent", "99"],
        ["--keys", "name"],
        ["--include", "Nothing"],
        ["--number-handling", "float"],
    ):
        for command in (["convert", source, out], ["export", source, "-o", out]):
            done = _run(*command, *options)
            assert done.returncode == 2, (command, options)
            assert b"Traceback" not in done.stderr
    assert _run("convert", source, out, "--ndjson", "--indent", "2").returncode == 2
    assert _run("export", source, "-o", out, "--format", "ndjson", "--indent", "2").returncode == 2
    assert _run("export", source, "-o", out, "--nonfinite", "error").returncode == 1
    assert not out.exists()


def test_json_is_read_as_it_is_chosen_and_a_file_written_in_a_transfer_syntax(tmp_path: Path) -> None:
    text = b'{"00080016": {"vr": "UI", "Value": ["1.2"]}, "00100020": {"vr": "LO", "Value": ["1"]}}'
    target = tmp_path / "out.dcm"
    done = _run("convert", "-", target, "--transfer-syntax", "1.2.840.10008.1.2.1", "--profile", "strict", data=text)
    assert done.returncode == 0, done.stderr
    assert dcmread(target).PatientID == "1"
    done = _run("convert", "-", target, "--transfer-syntax", ImplicitVRLittleEndian, data=text)
    assert done.returncode == 0, done.stderr
    assert dcmread(target).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian


# --- archives --------------------------------------------------------------------------------------------------

_ODD = WriteOptions(keys="camel", number_handling="string", write_name=True, exclude=["00080018"], ensure_ascii=True)


def test_an_export_is_the_same_in_several_processes(tmp_path: Path) -> None:
    files(tmp_path / "in", 200)
    texts = []
    for jobs in (1, 2):
        export_archive(tmp_path / "in", tmp_path / "out.json", options=_ODD, indent=1, jobs=jobs)
        texts.append((tmp_path / "out.json").read_bytes())
    assert texts[0] == texts[1]
    datasets = json.loads(texts[0])
    assert len(datasets) == 200
    assert all("patientID" in dataset and "sopInstanceUID" not in dataset for dataset in datasets)


def test_what_an_export_has_arguments_for_is_not_taken_from_its_options(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an export has arguments of its own for"):
        export_archive(tmp_path, tmp_path / "out.json", options=WriteOptions(trailing_newline=True))


_SERIES = ["SeriesInstanceUID=1.2.2.0", "SeriesInstanceUID=1.2.2.1"]  # two of three


def test_data_sets_are_chosen_by_what_their_elements_are(tmp_path: Path) -> None:
    files(tmp_path / "in", 30)
    chosen = [option for text in (*_SERIES, "PatientID=4") for option in ("--select", text)]
    for more in ([], ["--jobs", "2"], ["--compress", "gzip", "--format", "ndjson"]):
        result = _run("export", tmp_path / "in", "-o", "-", *chosen, *more)
        assert result.returncode == 0, result.stderr
        assert b"1 data sets, 29 other files passed over" in result.stderr
        text = gzip.decompress(result.stdout) if "gzip" in more else result.stdout
        assert [dataset.PatientID for dataset in streamdicom.iter_datasets(text)] == ["4"]
    assert _run("export", tmp_path / "in", "-o", tmp_path / "all.json").returncode == 0
    two = [option for text in _SERIES for option in ("--select", text)]
    assert _run("convert", tmp_path / "all.json", tmp_path / "some.json", *two).returncode == 0
    series = [dataset.SeriesInstanceUID for dataset in streamdicom.iter_datasets(tmp_path / "some.json")]
    assert (len(series), set(series)) == (20, {"1.2.2.0", "1.2.2.1"})


def test_an_export_that_goes_on_must_choose_the_same_data_sets(tmp_path: Path) -> None:
    files(tmp_path / "in", 3)
    (tmp_path / "in" / "zz.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"no file")
    with pytest.raises(streamdicom.InputError):
        export_archive(tmp_path / "in", tmp_path / "out.json", where={"PatientID": ["1", "2"]})
    with pytest.raises(streamdicom.ResumeError, match="something else: where"):
        export_archive(tmp_path / "in", tmp_path / "out.json", resume=True)
    arguments = {"where": {"PatientID": ["1", "2"]}, "on_error": "skip", "resume": True}
    report = export_archive(tmp_path / "in", tmp_path / "out.json", **arguments)  # type: ignore[arg-type]
    assert (report.datasets, report.passed_over, len(report.skipped)) == (2, 1, 1)


def test_a_single_deviation_is_an_error_or_passed_over(tmp_path: Path) -> None:
    data = b'{"00100020": {"vr": "LO", "Value": "1"}}'
    wrong = _run("convert", "-", tmp_path / "a.dcm", "--deviation", "scalar-value=error", data=data)
    assert (wrong.returncode, (tmp_path / "a.dcm").exists()) == (1, False)
    silent = _run("convert", "-", tmp_path / "a.dcm", "--deviation", "scalar-value=ignore", data=data)
    assert (silent.returncode, silent.stderr) == (0, b"")
    for text in ("scalar-value", "scalar-value=shout", "no-such-code=error"):
        assert _run("convert", "-", tmp_path / "b.dcm", "--deviation", text, data=data).returncode == 2
    for text in ("Modality", "NoSuchKeyword=1"):
        assert _run("convert", "-", tmp_path / "b.dcm", "--select", text, data=data).returncode == 2
        assert _run("export", tmp_path, "-o", tmp_path / "b.json", "--select", text).returncode == 2


# --- the declarations ------------------------------------------------------------------------------------------


def test_each_option_is_a_field() -> None:
    assert {*FORM, *TARGET} - {"ndjson"} < set(WriteOptions.__dataclass_fields__)
    assert set(READING) < set(ReadOptions.__dataclass_fields__)


def test_an_indent_is_a_count_or_white_space() -> None:
    assert indent_of({"indent": "0"}) == 0
    assert indent_of({"indent": " \\t "}) == " \t "
    for text in ("17", "-1", "a", "²", "\n", " " * 17):
        with pytest.raises(CallError):
            indent_of({"indent": text})


def test_options_that_are_wrong_are_a_wrong_call() -> None:
    assert options_of(WriteOptions, {"keys": "camel", "profile": "strict"}) == WriteOptions(keys="camel")
    with pytest.raises(CallError):
        options_of(WriteOptions, {"include": ["x y"]})
