"""``streamdicom validate``: deviations, counts and exit codes."""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pydicom.data
import pytest

import streamdicom
from streamdicom import DEVIATIONS, Deviation, Event, EventType, InputError, Location, ReadOptions, Severity
from streamdicom.cli import validate
from streamdicom.cli.places import Batch, PlacedParser
from streamdicom.cli.validate import print_codes, validate_files
from tests.cli.running import run, without_preamble
from tests.formats.part10.files import EXPLICIT, PREAMBLE, start
from tests.support.each import each
from tests.support.memory import peak

_CHECKED = [
    "checked form: the encoding of JSON, XML or DICOM files (PS3.18 F, PS3.19 A, PS3.5 7, PS3.10 7)",
    "checked values: VR, VM, private blocks and values (PS3.5 6.2, 7.8, PS3.6, and pydicom's private dictionary)",
    "not checked: modules (PS3.3; --iod), values in UN and by reference, pixel data",
]
_GOOD = b'[{"00100020": {"vr": "LO", "Value": ["1"]}}, {}]'
_ARRAY = b'{"00100010": {"vr": "PN", "Value": null}, "00100020": {"vr": "LO", "Value": "1"}}'


# --- streams ---------------------------------------------------------------------------------------------------


def test_conformant_streams_of_any_format(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(_GOOD)
    lines = tmp_path / "b.ndjson"
    lines.write_bytes(b'{"00100020": {"vr": "LO"}}\n{}\n')
    packed = tmp_path / "c.json.gz"
    packed.write_bytes(gzip.compress(_GOOD))
    dicom = pydicom.data.get_testdata_file("CT_small.dcm")
    done = run("validate", path, lines, packed, dicom, "-", "--strict", data=_GOOD)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.decode().splitlines() == ["9 data sets, 0 deviations: conformant in form and values", *_CHECKED]


@each(
    ("content", "place"),
    [
        (b'[{"00100020": {"vr": "LO"', "byte 25, [0].00100020"),
        (b"[{}]x", "byte 4"),
        (b"[{},\n x, {}]", "byte 6, line 2, column 2, [1]: fatal"),
        (b'[{}, {"00100020": {"vr": "LO", "Value": ["\xff"]}}]', "byte 42, [1].00100020"),
        (b"", "empty"),
    ],
)
def test_error_that_ends_a_stream_is_fatal(tmp_path: Path, content: bytes, place: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    done = run("validate", path)
    first, last, *_ = done.stdout.decode().splitlines()
    assert first.startswith(f"{path}: ")
    assert place in first
    assert ": fatal: " in first
    assert last.endswith(": not conformant")
    assert (done.code, done.stderr) == (1, "")


@pytest.mark.parametrize("size", [4, 300_000])
def test_native_pixel_data_that_must_be_encapsulated_is_reported_on_every_road(tmp_path: Path, size: int) -> None:
    jpeg = "1.2.840.10008.1.2.4.50"
    data = EXPLICIT.element(0x7FE00010, "OB", b"a" * size)
    base64 = b64encode(b"a" * size).decode()
    syntax = {"00020010": {"vr": "UI", "Value": [jpeg]}}
    (tmp_path / "a.dcm").write_bytes(start(jpeg) + data)
    (tmp_path / "a.json").write_text(json.dumps({**syntax, "7FE00010": {"vr": "OB", "InlineBinary": base64}}))
    (tmp_path / "b.json").write_text(json.dumps({**syntax, "7FE00010": {"InlineBinary": base64, "vr": "OB"}}))
    assert run("convert", tmp_path / "a.json", tmp_path / "a.xml").code == 0
    for name in ("a.dcm", "a.json", "b.json", "a.xml"):
        # after a data set that teaches the compiled engine its rules
        lines = run("validate", tmp_path / "a.json", tmp_path / name).stdout.decode().splitlines()
        found = [line for line in lines if line.startswith(f"{tmp_path / name}: ") and "note" not in line]
        assert ["error native-pixel-data:" in line for line in found][-1:] == [True]
        assert len(found) == 1 + (name == "a.json")


def test_truncated_file_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(bytes(128) + b"DICM\x08")
    done = run("validate", path)
    first, last, *_ = done.stdout.decode().splitlines()
    assert first.startswith(f"{path}: byte 132, [0]: error truncated: ")
    assert last.endswith(": not conformant")
    assert done.code == 1


def test_wrong_arguments_are_one_line(tmp_path: Path) -> None:
    good = tmp_path / "a.json"
    good.write_bytes(_GOOD)
    for arguments in ([], [good, tmp_path / "none"], [good, "--report", "xml"], [good, "--max", "-1"]):
        done = run("validate", *arguments)
        assert (done.code, done.stdout) == (2, b""), arguments
        assert done.error


def test_files_after_an_invalid_one_are_read(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad\n.json", tmp_path / "good.json"
    bad.write_bytes(b"[{},")
    good.write_bytes(_GOOD)
    done = run("validate", bad, good, bad)
    lines = done.stdout.decode().splitlines()
    assert [line.split(": ")[0] for line in lines[:2]] == [str(bad).replace("\n", " ")] * 2
    assert lines[2:-3] == ["4 data sets, 0 deviations, 2 streams not read to the end: not conformant"]


def test_file_without_preamble_needs_force(tmp_path: Path) -> None:
    path = without_preamble(tmp_path / "a")
    assert run("validate", path).code == 1
    assert run("validate", path, "--force").code == 0


# --- reports ---------------------------------------------------------------------------------------------------


@pytest.fixture
def deviating(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file for which the reader reports three deviations."""
    codes = ["nonfinite", "scalar-value", "scalar-value"]

    def batches(parser: PlacedParser, source: Path, meter: Any, **_: object) -> Iterator[Batch]:
        options = parser.options
        assert options.on_deviation is not None
        assert (options.profile, options.on_error) == ("lenient", "skip")
        for number, code in enumerate(codes[: int(source.read_text())]):
            place = Location(40 * number, number, "00100020")
            options.on_deviation(Deviation(code, DEVIATIONS[code].severity, place, "it is so"))
            events: list[Event] = [(EventType.START_DATASET, 0, "", number), (EventType.END_DATASET, 0, "", None)]
            yield Batch(events, lambda: [0, 0])
        if source.name == "bad":
            raise InputError("a fault", Location(7))

    monkeypatch.setattr(validate, "placed_batches", batches)
    path = tmp_path / "a"
    path.write_text("3")
    return path


def _validate(*sources: Path, strict: bool = False, report: str = "text", max_printed: int = 1000) -> bool:
    return validate_files(list(sources), strict=strict, report=report, max_printed=max_printed)


def test_each_deviation_is_a_line_before_the_summary(deviating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not _validate(deviating)
    assert capsys.readouterr().out.splitlines() == [
        f"{deviating}: byte 0, [0].00100020 PatientID: note nonfinite: it is so",
        f"{deviating}: byte 40, [1].00100020 PatientID: warning scalar-value: it is so",
        f"{deviating}: byte 80, [2].00100020 PatientID: warning scalar-value: it is so",
        "3 data sets, 3 deviations: not conformant",
        f"        2  warning  scalar-value        {DEVIATIONS['scalar-value'].meaning}",
        f"        1  note     nonfinite           {DEVIATIONS['nonfinite'].meaning}",
        *_CHECKED,
    ]


def test_notes_are_failures_with_strict(deviating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deviating.write_text("1")
    assert _validate(deviating)
    assert "1 data set, 1 deviation: conformant in form and values but for notes" in capsys.readouterr().out
    assert not _validate(deviating, strict=True)
    deviating.write_text("0")
    assert _validate(deviating, strict=True)


def test_slight_deviation_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"00100020": {"vr": "LO", "Value": []}}')
    assert not _validate(tmp_path / "a.json")


def test_printed_deviations_are_bounded(deviating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not _validate(deviating, deviating, max_printed=1)
    out = capsys.readouterr().out.splitlines()
    assert [line.rpartition(": ")[2] for line in out[:4]] == ["it is so", "2 more"] * 2
    assert out[4] == "6 data sets, 6 deviations: not conformant"
    _validate(deviating, max_printed=0)
    assert capsys.readouterr().out.splitlines()[0] == f"{deviating}: 3 more"


def test_json_report_is_one_object(deviating: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = deviating.with_name("bad")
    bad.write_text("0")
    good = deviating.with_name("good")
    good.write_text("0")
    assert not _validate(deviating, bad, good, report="json", max_printed=2)
    report = json.loads(capsys.readouterr().out)
    counts = {"nonfinite": 1, "scalar-value": 2}
    assert {key: value for key, value in report.items() if key != "files"} == {
        "datasets": 3,
        "counts": counts,
        "conformant": False,
        "checked": ["form", "values"],
    }
    first, second, third = report["files"]
    assert (first["name"], first["counts"], first["datasets"], first["fatal"]) == (str(deviating), counts, 3, None)
    assert first["deviations"][1] == {
        "code": "scalar-value",
        "severity": "warning",
        "byte_offset": 40,
        "dataset_index": 1,
        "tag_path": "00100020",
        "keyword": "PatientID",
        "line": None,
        "column": None,
        "message": "it is so",
    }
    assert len(first["deviations"]) == 2
    assert second["fatal"] == {
        "byte_offset": 7,
        "dataset_index": None,
        "tag_path": "",
        "keyword": "",
        "line": None,
        "column": None,
        "message": "a fault",
    }
    assert [one["conformant"] for one in (first, second, third)] == [False, False, True]


def test_deviations_are_found_with_their_places(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    wrong = b'{"00280010": {"vr": "US", "Value": ["many"]}, "00280011": {"vr": "US", "Value": ["5"]}}'
    path.write_bytes(b"[" + _ARRAY + b"," + wrong + b"]")
    done = run("validate", path, "--report", "json")
    report = json.loads(done.stdout)
    found = [(one["code"], one["dataset_index"], one["tag_path"]) for one in report["files"][0]["deviations"]]
    assert found == [
        ("null-value", 0, "00100010"),
        ("scalar-value", 0, "00100020"),
        ("wrong-value", 1, "00280010"),
        ("number-as-string", 1, "00280011"),
    ]
    assert (done.code, done.stderr) == (1, "")
    assert b"many" not in run("validate", path).stdout


# --- values and places -----------------------------------------------------------------------------------------

_PLANTED: dict[str, tuple[str, list[Any], str]] = {
    "00080018": ("UI", ["1.02.abc"], "not-a-uid"),
    "00080020": ("DA", ["2004-01-19"], "not-a-date"),
    "00080030": ("TM", ["25:99"], "not-a-time"),
    "00080050": ("SH", ["x" * 50], "too-long"),
    "00080060": ("CS", ["ct"], "lower-case"),
    "00080100": ("SH", ["a\u0001"], "wrong-character"),
    "00081140": ("LO", ["1"], "wrong-vr"),
    "00100010": ("PN", [{"Alphabetic": "a^b^c^d^e^f"}], "name-components"),
    "00100020": ("SH", ["17"], "wrong-vr"),
    "00101010": ("AS", ["50"], "not-an-age"),
    "00101030": ("DS", ["12345678901234567"], "too-long"),
    "00200013": ("IS", ["99999999999"], "out-of-range"),
    "00280030": ("DS", ["1", "2", "3"], "multiplicity"),
}


@each("suffix", [".json", ".xml", ".dcm"])
@each("tag", _PLANTED)
def test_planted_fault_is_found_in_every_format(tmp_path: Path, tag: str, suffix: str) -> None:
    vr, values, code = _PLANTED[tag]
    if suffix == ".xml" and code == "wrong-character":
        pytest.skip("XML has no such character")
    source, path = tmp_path / "source.json", tmp_path / f"planted{suffix}"
    source.write_text(json.dumps({tag: {"vr": vr, "Value": values}}))
    if suffix == ".json":
        path = source
    else:
        events = streamdicom.iter_events(source, options=ReadOptions(on_deviation=lambda _: None))
        with path.open("wb") as target:
            streamdicom.write_events(events, target, format="xml" if suffix == ".xml" else "dicom")
    done = run("validate", path, "--report", "json")
    report = json.loads(done.stdout)
    found = [(one["code"], one["tag_path"]) for one in report["files"][0]["deviations"]]
    assert [place for place in found if place[1] != "00020003"] == [(code, tag)]
    assert done.code == 1
    if code != "out-of-range":  # which a parser may find too
        assert run("validate", path, "--no-values").code == 0


def test_file_meta_information_in_an_item_is_one_finding_in_every_format(tmp_path: Path) -> None:
    uid = EXPLICIT.element(0x00020010, "UI", b"1.2.840.10008.1.2.1\0")
    item = EXPLICIT.item(uid, EXPLICIT.element(0x00020012, "UI", b"1.2.40"))
    (tmp_path / "a.dcm").write_bytes(start(EXPLICIT.uid) + EXPLICIT.sequence(0x00081140, item))
    for source, target in (("a.dcm", "a.json"), ("a.json", "a.xml"), ("a.xml", "again.dcm")):
        assert run("convert", tmp_path / source, tmp_path / target).code == 0
    for name in ("a.dcm", "a.json", "a.xml", "again.dcm"):
        [file] = json.loads(run("validate", tmp_path / name, "--report", "json", "--no-values").stdout)["files"]
        found = [(one["code"], one["tag_path"]) for one in file["deviations"]]
        assert (name, found, file["conformant"]) == (name, [("file-meta-in-item", "00081140[0].00020010")], False)


@each(
    ("uid", "severity"),
    [
        ("1.2.3\0", "warning private"),
        ("1.2.840.113619.5.2", "warning private"),
        ("1.2.840.10008.1.1\0", "error unknown"),
    ],
)
def test_transfer_syntax_beyond_the_standard_is_read_and_reported(tmp_path: Path, uid: str, severity: str) -> None:
    path = tmp_path / "a.dcm"
    patient = EXPLICIT.element(0x00100020, "LO", b"17")
    path.write_bytes(PREAMBLE + EXPLICIT.element(0x00020010, "UI", uid.encode()) + patient)
    assert run("convert", path, tmp_path / "a.json", "--file-meta").code == 0
    assert run("convert", tmp_path / "a.json", tmp_path / "a.xml", "--file-meta").code == 0
    for name in ("a.dcm", "a.json", "a.xml"):
        done = run("validate", tmp_path / name)
        lines = [line for line in done.stdout.decode().splitlines() if "[0].00020010 " in line and "note" not in line]
        assert (done.code, len(lines)) == (1, 1)
        assert f": {severity}-transfer-syntax: " in lines[0]
    assert b"PatientID: 17" in run("show", path).stdout


def test_padding_of_files_is_a_value(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(start(EXPLICIT.uid) + EXPLICIT.element(0x00080018, "UI", b"1.2 "))
    [line, *_] = run("validate", path).stdout.decode().splitlines()
    assert "[0].00080018 SOPInstanceUID: slight padding: " in line
    assert run("validate", path, "--no-values").code == 0


def test_summary_names_the_checks(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(_GOOD)
    text = run("validate", path, "--no-values").stdout.decode().splitlines()
    assert text[0] == "2 data sets, 0 deviations: conformant in form"
    assert text[-1].startswith("not checked: values, ")
    assert json.loads(run("validate", path, "--no-values", "--report", "json").stdout)["checked"] == ["form"]


def test_places_in_indented_text_have_line_and_column(tmp_path: Path) -> None:
    name, modality = (
        '"00100010": {"vr": "PN", "Value": [{"Alphabetic": "é"}]}',
        '"00080060": {"vr": "CS", "Value": ["x"]}',
    )
    text = f"[\n  {{\n    {name}, {modality},\n  }}\n]"
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    for source, data in ((path, b""), ("-", text.encode())):
        [file] = json.loads(run("validate", source, "--report", "json", data=data).stdout)["files"]
        places = {one["code"]: (one["byte_offset"], one["line"], one["column"]) for one in file["deviations"]}
        column = text.splitlines()[2].index(modality) + 1
        assert places["lower-case"] == (text.encode().index(modality.encode()), 3, column)
        assert places["trailing-comma"] == (text.encode().index(b"  }") + 2, 4, 3)
        [line, *_] = run("validate", source, data=data).stdout.decode().splitlines()
        assert f"line 3, column {column}, [0].00080060 Modality" in line


def test_end_of_a_truncated_compressed_stream_is_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    # Flushed, so that all bytes before the cut can be decompressed.
    compressor = zlib.compressobj(wbits=31)
    path.write_bytes(compressor.compress(b"[\n {},\n") + compressor.flush(zlib.Z_SYNC_FLUSH))
    [line, summary, *_] = run("validate", path).stdout.decode().splitlines()
    assert line == f"{path}: byte 7, line 3, column 1: fatal: the gzip stream stops before its end"
    assert summary == "1 data set, 0 deviations, 1 stream not read to the end: not conformant"


def test_standard_input_is_named(tmp_path: Path) -> None:
    [line, *_] = run("validate", "-", data=b'{"00080060":{"vr":"CS","Value":["x"]}}').stdout.decode().splitlines()
    assert line.startswith("standard input: byte 1, [0].00080060 Modality: ")


def test_deviation_of_parser_and_check_is_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"00200013": {"vr": "IS", "Value": ["first"]}}')
    [file] = json.loads(run("validate", path, "--report", "json").stdout)["files"]
    assert file["counts"] == {"not-a-number": 1}


@pytest.mark.parametrize("count", [200, 2000])
def test_deviations_in_a_held_sequence_are_in_the_order_of_the_file(count: int, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    to = EXPLICIT
    item = to.item(to.element(0x00101010, "AS", b"50"), to.element(0x00104000, "LT", b"odd"))
    creator = to.element(0x00190010, "LO", b"ACME")
    long_item = to.item(to.element(0x00104000, "UT", b"text" * 20_000))
    path.write_bytes(start(to.uid) + creator + to.open_sequence(0x00191001, *[item] * count, long_item))
    lines = run("validate", path, "--max", 10_000).stdout.decode().splitlines()
    found = [line for line in lines if ": byte " in line]
    offsets = [int(line.split(": byte ")[1].split(",")[0]) for line in found]
    assert len(offsets) == 2 * count + 1
    assert offsets == sorted(offsets)
    few = run("validate", path, "--max", 100).stdout.decode().splitlines()
    assert [*few[:100], few[101]] == [*found[:100], lines[len(found)]]  # the summary counts all


def test_deviations_that_wait_are_bounded() -> None:
    printed: list[Deviation] = []
    log = validate._Log(2, printed.append)
    pending, parser = validate._Pending(), PlacedParser(ReadOptions())
    pending.start(log)
    with mock.patch.object(PlacedParser, "is_holding", True):
        for offset in reversed(range(5000)):
            pending.parsed(Deviation("odd-length", Severity.SLIGHT, Location(offset), "it is so"))
            pending.flush(parser)
            assert len(pending._parsed) <= validate._MAX_SURPLUS + 2
    pending.flush(parser)
    assert [one.location.byte_offset for one in printed] == [0, 1]
    assert log.counts == {"odd-length": 5000}


@pytest.mark.slow
@pytest.mark.memory
def test_memory_does_not_grow_with_the_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.ndjson"
    line = b'{"00101000": {"vr": "LO", "Value": ["1", "2", "3"]}}\n'
    path.write_bytes(line)
    _validate(path)  # imports modules
    path.write_bytes(line * 40_000)
    assert peak(lambda: _validate(path)) < 2 * 1024 * 1024
    assert "40,000 data sets, 0 deviations: conformant in form and values" in capsys.readouterr().out


# --- the codes -------------------------------------------------------------------------------------------------


def test_every_code_is_printed_with_meaning_and_example() -> None:
    done = run("validate", "--codes")
    assert (done.code, done.stderr) == (0, "")
    table = " ".join(done.stdout.decode("ascii").split())
    for code, row in DEVIATIONS.items():
        example = row.example.replace("\ufeff", "\\ufeff")
        assert f"{row.severity.name.lower()} {code}: {row.meaning} {example}" in table


@pytest.mark.parametrize("width", [40, 100])
def test_meanings_are_wrapped_and_examples_are_not(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_codes()
    lines = capsys.readouterr().out.splitlines()
    assert '        {"00280010":{"vr":"US","Value":["many"]}}' in lines
    examples = [line for line in lines if line.startswith(" " * 8)]
    assert len(examples) == len(DEVIATIONS)
    assert max(len(line) for line in lines if line not in examples) in range(width - 10, width + 1)
