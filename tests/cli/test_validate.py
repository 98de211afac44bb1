"""The command validate: what it prints, what it counts, and its exit code."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom.data
import pytest

from streamdicom import DEVIATIONS, Deviation, Event, EventType, InputError, Location, ReadOptions
from tests.support.memory import peak

pytest.importorskip("typer", reason="the command line is an extra: install streamdicom[cli]")

from streamdicom.cli import validate
from streamdicom.cli.validate import print_codes, validate_files

_COMMAND = [sys.executable, "-c", "from streamdicom.cli import main; main()"]
_GOOD = b'[{"00100020": {"vr": "LO", "Value": ["1"]}}, {}]'
_ARRAY = b'{"00100010": {"vr": "PN", "Value": null}, "00100020": {"vr": "LO", "Value": "1"}}'


def _run(*arguments: object, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*_COMMAND, *map(str, arguments)], input=data, capture_output=True, timeout=120, check=False)


# --- streams ---------------------------------------------------------------------------------------------------


def test_what_conforms_is_0(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(_GOOD)
    lines = tmp_path / "b.ndjson"
    lines.write_bytes(b'{"00100020": {"vr": "LO"}}\n{}\n')
    packed = tmp_path / "c.json.gz"
    packed.write_bytes(gzip.compress(_GOOD))
    dicom = pydicom.data.get_testdata_file("CT_small.dcm")
    done = _run("validate", path, lines, packed, dicom, "-", "--strict", data=_GOOD)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"9 data sets, 0 deviations: conformant\n"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b'[{"00100020": {"vr": "LO"', "byte 25, [0].00100020"),
        (b"[{}]x", "byte 4"),
        (b'[{}, {"00100020": {"vr": "LO", "Value": ["\xff"]}}]', "byte 42, [1].00100020"),
        (b"", "byte 0"),
        (bytes(128) + b"DICM\x08", "stops"),
    ],
)
def test_what_ends_a_stream_is_told_as_fatal_with_its_place(tmp_path: Path, content: bytes, place: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    done = _run("validate", path)
    first, last = done.stdout.decode().splitlines()
    assert first.startswith(f"{path}: ")
    assert place in first
    assert ": fatal: " in first
    assert last.endswith(": not conformant")
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_wrong_call_is_2_and_prints_nothing_else(tmp_path: Path) -> None:
    good = tmp_path / "a.json"
    good.write_bytes(_GOOD)
    for arguments in ([], [good, tmp_path / "none"], [good, "--report", "xml"], [good, "--max", "-1"]):
        done = _run("validate", *arguments)
        assert (done.returncode, done.stdout) == (2, b""), arguments
        assert b"Traceback" not in done.stderr


def test_a_fault_in_one_file_does_not_hide_the_next(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad\n.json", tmp_path / "good.json"
    bad.write_bytes(b"[{},")
    good.write_bytes(_GOOD)
    done = _run("validate", bad, good, bad)
    lines = done.stdout.decode().splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == [str(bad).replace("\n", " ")] * 2
    assert lines[2:] == ["4 data sets, 0 deviations, 2 streams not read to their end: not conformant"]


# --- reports ---------------------------------------------------------------------------------------------------


@pytest.fixture
def deviating(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of which the reader tells some deviations, whatever is in it."""
    codes = ["nonfinite", "scalar-value", "scalar-value"]

    def batches(source: Path, meter: Any, options: ReadOptions) -> Iterator[list[Event]]:
        assert options.on_deviation is not None
        assert (options.profile, options.on_error) == ("lenient", "skip")
        for number, code in enumerate(codes[: int(source.read_text())]):
            place = Location(40 * number, number, "00100020")
            options.on_deviation(Deviation(code, DEVIATIONS[code].severity, place, "it is so"))
            yield [(EventType.START_DATASET, 0, "", number), (EventType.END_DATASET, 0, "", None)]
        if source.name == "bad":
            raise InputError("a fault", Location(7))

    monkeypatch.setattr(validate, "event_batches", batches)
    path = tmp_path / "a"
    path.write_text("3")
    return path


def _validate(*sources: Path, strict: bool = False, as_json: bool = False, most: int = 1000) -> bool:
    return validate_files(list(sources), strict=strict, as_json=as_json, most=most)


def test_each_deviation_is_a_line_with_its_place_and_a_summary_follows(
    deviating: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not _validate(deviating)
    assert capsys.readouterr().out.splitlines() == [
        f"{deviating}: byte 0, [0].00100020: note nonfinite: it is so",
        f"{deviating}: byte 40, [1].00100020: warning scalar-value: it is so",
        f"{deviating}: byte 80, [2].00100020: warning scalar-value: it is so",
        "3 data sets, 3 deviations: not conformant",
        f"        2  warning  scalar-value        {DEVIATIONS['scalar-value'].meaning}",
        f"        1  note     nonfinite           {DEVIATIONS['nonfinite'].meaning}",
    ]


def test_notes_are_failures_only_if_it_is_strict(deviating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deviating.write_text("1")
    assert _validate(deviating)
    assert "1 data sets, 1 deviations: conformant but for notes" in capsys.readouterr().out
    assert not _validate(deviating, strict=True)
    deviating.write_text("0")
    assert _validate(deviating, strict=True)


def test_what_the_standard_forbids_is_a_failure_however_slight(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"00100020": {"vr": "LO", "Value": []}}')
    assert not _validate(tmp_path / "a.json")


def test_what_is_printed_is_bounded_and_all_is_counted(deviating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not _validate(deviating, deviating, most=1)
    out = capsys.readouterr().out.splitlines()
    assert [line.rpartition(": ")[2] for line in out[:4]] == ["it is so", "2 more"] * 2
    assert out[4] == "6 data sets, 6 deviations: not conformant"
    _validate(deviating, most=0)
    assert capsys.readouterr().out.splitlines()[0] == f"{deviating}: 3 more"


def test_the_report_is_one_json_object(deviating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = deviating.with_name("bad")
    bad.write_text("0")
    good = deviating.with_name("good")
    good.write_text("0")
    assert not _validate(deviating, bad, good, as_json=True, most=2)
    report = json.loads(capsys.readouterr().out)
    counts = {"nonfinite": 1, "scalar-value": 2}
    assert {key: value for key, value in report.items() if key != "files"} == {
        "datasets": 3,
        "counts": counts,
        "conformant": False,
    }
    first, second, third = report["files"]
    assert (first["name"], first["counts"], first["datasets"], first["fatal"]) == (str(deviating), counts, 3, None)
    assert first["deviations"][1] == {
        "code": "scalar-value",
        "severity": "warning",
        "byte_offset": 40,
        "dataset_index": 1,
        "tag_path": "00100020",
        "message": "it is so",
    }
    assert len(first["deviations"]) == 2
    assert second["fatal"] == {"byte_offset": 7, "dataset_index": None, "tag_path": "", "message": "a fault"}
    assert [one["conformant"] for one in (first, second, third)] == [False, False, True]


def test_deviations_of_a_stream_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    wrong = b'{"00280010": {"vr": "US", "Value": ["many"]}, "00280011": {"vr": "US", "Value": ["5"]}}'
    path.write_bytes(b"[" + _ARRAY + b"," + wrong + b"]")
    done = _run("validate", path, "--report", "json")
    report = json.loads(done.stdout)
    found = [(one["code"], one["dataset_index"], one["tag_path"]) for one in report["files"][0]["deviations"]]
    assert found == [
        ("null-value", 0, "00100010"),
        ("scalar-value", 0, "00100020"),
        ("wrong-value", 1, "00280010"),
        ("number-as-string", 1, "00280011"),
    ]
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"many" not in _run("validate", path).stdout


def test_memory_does_not_grow_with_the_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.ndjson"
    line = b'{"00100020": {"vr": "LO", "Value": ["1", "2", "3"]}}\n'
    path.write_bytes(line)
    _validate(path)  # which imports what it needs
    path.write_bytes(line * 40_000)
    assert peak(lambda: _validate(path)) < 2 * 1024 * 1024
    assert "40,000 data sets, 0 deviations: conformant" in capsys.readouterr().out


# --- the codes -------------------------------------------------------------------------------------------------


def test_every_code_is_printed_with_its_meaning_and_an_example_without_a_file() -> None:
    done = _run("validate", "--codes")
    assert (done.returncode, done.stderr) == (0, b"")
    table = " ".join(done.stdout.decode("ascii").split())
    for code, row in DEVIATIONS.items():
        example = row.example.replace("\ufeff", "\\ufeff")
        assert f"{row.severity.name.lower()} {code}: {row.meaning} {example}" in table


@pytest.mark.parametrize("width", [40, 100])
def test_the_meanings_of_codes_fit_the_terminal_and_an_example_is_one_line(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_codes()
    lines = capsys.readouterr().out.splitlines()
    assert '        {"00280010":{"vr":"US","Value":["many"]}}' in lines
    examples = [line for line in lines if line.startswith(" " * 8)]
    assert len(examples) == len(DEVIATIONS)
    assert max(len(line) for line in lines if line not in examples) in range(width - 10, width + 1)
