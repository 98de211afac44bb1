"""The options that ``convert`` and ``export`` share."""

from __future__ import annotations

import gzip
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian

import streamdicom
from streamdicom import ReadOptions, WriteOptions
from streamdicom import options as library
from streamdicom.cli.arguments import Group, InvalidArgument
from streamdicom.cli.commands import BOUNDS
from streamdicom.cli.options import FORM, READING, indent
from streamdicom.server import ServerLimits
from tests.archive.corpus import files
from tests.cli.running import run
from tests.support.each import each


@pytest.fixture
def source(tmp_path: Path) -> Path:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName = "Müller^<J>"
    dataset.PatientWeight = "1.10"
    dataset.add_new(0x00189445, "FD", float("nan"))
    dataset.add_new(0x00200070, "LO", "x")  # Other Study Numbers, a retired element
    dataset.file_meta = FileMetaDataset()
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
def test_options_choose_the_form_of_json(source: Path, options: str, key: str, expected: Any) -> None:
    converted = run("convert", source, "-", *options.split())
    assert (converted.code, converted.stderr) == (0, "")
    assert json.loads(converted.stdout).get(key) == expected


def test_export_has_the_same_options(source: Path) -> None:
    options = "--file-meta --number-handling string --nonfinite null --keys camel --write-keyword --write-name"
    more = "--no-retired --character-set utf-8 --exclude 00080016 --ensure-ascii --escape-html"
    converted = run("convert", source, "-", *options.split(), *more.split(), "--no-trailing-newline").stdout
    exported = run("export", source, "-o", "-", *options.split(), *more.split())
    assert exported.stdout == b"[\n" + converted + b"\n]\n"
    assert b'"sopInstanceUID":{"vr":"UI","keyword":"SOPInstanceUID","name":"SOP Instance UID",' in converted


def test_escapes_and_white_space_can_be_chosen(source: Path) -> None:
    plain = run("convert", source, "-").stdout
    assert plain.count(b"\n") == 1
    assert "Müller^<J>".encode() in plain
    assert rb"m\u00fcller^<j>" in run("convert", source, "-", "--ensure-ascii").stdout.lower()
    assert rb"^\u003cj\u003e" in run("convert", source, "-", "--escape-html").stdout.lower()
    assert run("convert", source, "-", "--no-trailing-newline").stdout == plain.rstrip(b"\n")
    assert run("convert", source, "-", "--to", "ndjson", "--no-trailing-newline").stdout == plain
    for option, expected in (("2", 2), ("\\t", "\t"), ("\t", "\t")):
        laid_out = json.dumps(json.loads(plain), indent=expected, ensure_ascii=False)
        text = run("convert", source, "-", "--indent", option, "--number-handling", "string").stdout.decode()
        assert text == laid_out.replace("1.1\n", '"1.10"\n') + "\n"
    exported = run("export", source, "-o", "-", "--indent", "2").stdout.decode()
    assert json.loads(exported) == [json.loads(plain)]
    assert '\n  "00100010": {\n' in exported


@pytest.mark.slow
def test_options_that_do_not_fit_together_are_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    for options in (
        ["--indent", "x"],
        ["--indent", "99"],
        ["--keys", "name"],
        ["--include", "Nothing"],
        ["--number-handling", "float"],
    ):
        for command in (["convert", source, out], ["export", source, "-o", out]):
            done = run(*command, *options)
            assert done.code == 2, (command, options)
            assert done.error
    assert run("convert", source, out, "--to", "ndjson", "--indent", "2").code == 2
    assert run("export", source, "-o", out, "--to", "ndjson", "--indent", "2").code == 2
    assert run("export", source, "-o", out, "--nonfinite", "error").code == 1
    assert not out.exists()


def test_transfer_syntax_of_the_output_can_be_chosen(tmp_path: Path) -> None:
    text = b'{"00080016": {"vr": "UI", "Value": ["1.2"]}, "00100020": {"vr": "LO", "Value": ["1"]}}'
    target = tmp_path / "out.dcm"
    done = run("convert", "-", target, "--transfer-syntax", "1.2.840.10008.1.2.1", "--profile", "strict", data=text)
    assert done.code == 0, done.stderr
    assert dcmread(target).PatientID == "1"
    done = run("convert", "-", target, "--transfer-syntax", ImplicitVRLittleEndian, data=text)
    assert done.code == 0, done.stderr
    assert dcmread(target).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian


# --- selection -------------------------------------------------------------------------------------------------

_SERIES = ["SeriesInstanceUID=1.2.2.0", "SeriesInstanceUID=1.2.2.1"]  # two of three


@pytest.mark.parametrize(
    "more", [[], pytest.param(["--jobs", "2"], marks=pytest.mark.slow), ["--compress", "gzip", "--to", "ndjson"]]
)
def test_data_sets_are_selected_by_values(more: list[str], tmp_path: Path) -> None:
    files(tmp_path / "in", 30)
    selection = [option for text in (*_SERIES, "PatientID=4") for option in ("--select", text)]
    target = tmp_path / "out"
    result = run(
        "export", tmp_path / "in", "-o", target, *selection, *(more if "--to" in more else [*more, "--to", "json"])
    )
    assert result.code == 0, result.stderr
    text = target.read_bytes()
    text = gzip.decompress(text) if "gzip" in more else text
    assert [dataset.PatientID for dataset in streamdicom.iter_datasets(text)] == ["4"]


def test_one_of_several_values_is_enough(tmp_path: Path) -> None:
    files(tmp_path / "in", 30)
    assert run("export", tmp_path / "in", "-o", tmp_path / "all.json").code == 0
    selection = [option for text in _SERIES for option in ("--select", text)]
    assert run("convert", tmp_path / "all.json", tmp_path / "some.json", *selection).code == 0
    series = [dataset.SeriesInstanceUID for dataset in streamdicom.iter_datasets(tmp_path / "some.json")]
    assert (len(series), set(series)) == (20, {"1.2.2.0", "1.2.2.1"})


def test_numbers_are_selected_by_value(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"00280010": {"vr": "US", "Value": [512]}}, {}]')
    for value, count in (("512", 1), ("0512", 1), ("51", 0)):
        assert run("convert", tmp_path / "a.json", tmp_path / "b.json", "--select", f"Rows={value}").code == 0
        assert len(list(streamdicom.iter_datasets(tmp_path / "b.json"))) == count


def test_action_for_a_deviation_can_be_chosen(tmp_path: Path) -> None:
    data = b'{"00100020": {"vr": "LO", "Value": "1"}}'
    wrong = run("convert", "-", tmp_path / "a.dcm", "--deviation", "scalar-value=error", data=data)
    assert (wrong.code, (tmp_path / "a.dcm").exists()) == (1, False)
    silent = run("convert", "-", tmp_path / "a.dcm", "--deviation", "scalar-value=ignore", data=data)
    assert (silent.code, silent.stderr) == (0, "")


@each(
    "option",
    [
        ["--deviation", "scalar-value"],
        ["--deviation", "scalar-value=shout"],
        ["--deviation", "no-such-code=error"],
        ["--deviation", "lower-case=error"],  # only validate checks it
        ["--deviation", "missing-attribute=ignore"],
        ["--select", "Modality"],
        ["--select", "=CT"],
        ["--select", "NoSuchKeyword=1"],
    ],
    ids=" ".join,
)
def test_malformed_pairs_are_refused(option: list[str], tmp_path: Path) -> None:
    assert run("convert", "-", tmp_path / "b.dcm", *option, data=b"{}").code == 2
    if "--select" in option:
        assert run("export", tmp_path, "-o", tmp_path / "b.json", *option).code == 2
    assert not any(tmp_path.iterdir())


# --- declarations ----------------------------------------------------------------------------------------------

_LITERALS = {
    "number_handling": library.NumberHandling,
    "nonfinite": library.Nonfinite,
    "keys": library.Keys,
    "character_set": library.CharacterSet,
    "profile": library.Profile,
    "on_error": library.OnError,
}


@pytest.mark.parametrize(("group", "kind"), [(FORM, WriteOptions), (READING, ReadOptions)])
def test_declared_options_are_those_of_the_library(group: Group, kind: type[Any]) -> None:
    fields = kind.__dataclass_fields__
    for argument in group.arguments:
        settings = argument.settings
        name = settings["dest"]
        assert name in fields
        if name in _LITERALS:
            assert settings["choices"] == get_args(_LITERALS[name])
            assert settings["default"] == fields[name].default
        elif settings["action"].startswith("store_"):
            assert fields[name].default is (settings["action"] == "store_false")
        else:
            assert settings["default"] == []


def test_indent_is_a_number_or_white_space() -> None:
    assert indent("0") == 0
    assert indent(" \\t ") == " \t "
    for text in ("17", "-1", "a", "²", "\n", " " * 17):
        with pytest.raises(InvalidArgument):
            indent(text)


def test_bounds_of_the_server_have_the_defaults_of_the_library() -> None:
    bounds = {argument.settings["dest"]: argument.settings["default"] for argument in BOUNDS.arguments}
    assert bounds == {field.name: field.default for field in fields(ServerLimits)}
