"""``streamdicom convert``: the formats, their detection and their names."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom import _native
from streamdicom._encoded import ENCODED
from streamdicom.events import Event
from streamdicom.filters import sort_elements
from tests.cli.running import ONE, dicom_file, run, without_preamble
from tests.formats.part10.files import EXPLICIT, start
from tests.support.each import each

_CT = get_testdata_file("CT_small.dcm")


def test_dicom_file_is_converted_to_json_and_back(tmp_path: Path) -> None:
    source = dicom_file(tmp_path / "in.dcm")
    assert run("convert", source, tmp_path / "out.json", "--file-meta").code == 0
    assert run("convert", tmp_path / "out.json", tmp_path / "back.dcm").code == 0
    back = dcmread(tmp_path / "back.dcm")
    assert back == dcmread(source)
    assert back.file_meta == dcmread(source).file_meta


def test_missing_package_for_the_compression_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("streamdicom.io.compression.import_module", missing)
    source = tmp_path / "in.json.zst"
    source.write_bytes(b"\x28\xb5\x2f\xfd")
    result = run("convert", source, tmp_path / "out.dcm")
    assert (result.code, result.error) == (2, 'zstd needs a package; install "streamdicom[zstd]"')
    assert list(tmp_path.iterdir()) == [source]


def test_json_is_indented_and_has_no_group_0002(tmp_path: Path) -> None:
    result = run("convert", dicom_file(tmp_path / "in.dcm"), "-", "--indent", "2")
    text = result.stdout.decode()
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    assert not [key for key in json.loads(text) if key.startswith("0002")]


@pytest.mark.parametrize("functions", [None, _native.functions])
def test_group_0001_keeps_no_group_0002(functions: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_native, "functions", functions)
    assert run("convert", get_testdata_file("nested_priv_SQ.dcm"), tmp_path / "out.json").code == 0
    assert json.loads((tmp_path / "out.json").read_bytes()).keys() == {"00010001", "7FE00010"}


def test_format_of_standard_input_is_detected(tmp_path: Path) -> None:
    dicom = dicom_file(tmp_path / "in.dcm").read_bytes()
    text = run("convert", "-", "-", data=dicom).stdout
    assert streamdicom.loads(text) == dcmread(io.BytesIO(dicom))
    for data in (text, gzip.compress(text), zlib.compress(text)):
        back = run("convert", "-", "-", data=data).stdout
        assert dcmread(io.BytesIO(back)) == dcmread(io.BytesIO(dicom))


@each(
    ("first", "second", "third"),
    [("a.xml", "a.json", "a.dcm"), ("b.json", "b.xml", "b.dcm"), ("c.xml", "d.xml.gz", "c.dcm.zst")],
)
def test_each_format_is_converted_to_each_other(first: str, second: str, third: str, tmp_path: Path) -> None:
    before = Path(_CT)
    for name in (first, second, third):
        indent = [] if ".dcm" in name else ["--indent", "1"]
        result = run("convert", *indent, before, tmp_path / name)
        assert (result.code, result.stderr) == (0, "")
        before = tmp_path / name
    assert run("diff", _CT, before).code == 0
    assert run("convert", before, tmp_path / "again.json").code == 0


_MESSY = b'\xef\xbb\xbf[{"00100020": {"vr": "LO", "value": "1"}, "PatientName": {"vr": "PN", "Value": ["A^B=C"]},}]'


def test_deviations_from_the_standard_are_corrected(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(_MESSY)
    result = run("convert", tmp_path / "in.json", tmp_path / "out.json")
    assert result.code == 0, result.stderr
    for code in ("member-case", "scalar-value", "name-as-string", "trailing-comma"):
        assert code in result.stderr
    assert (tmp_path / "out.json").read_bytes() == (
        b'[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Ideographic":"C"}]},'
        b'"00100020":{"vr":"LO","Value":["1"]}}]\n'
    )
    assert run("convert", "-", tmp_path / "out.dcm", data=_MESSY).code == 0
    assert dcmread(tmp_path / "out.dcm").PatientName == "A^B=C"


def test_strict_profile_refuses_deviations_and_writes_no_file(tmp_path: Path) -> None:
    strict = run("convert", "-", tmp_path / "strict.json", "--profile", "strict", data=_MESSY)
    assert (strict.code, "byte order mark" in strict.error) == (1, True)
    assert not (tmp_path / "strict.json").exists()


def test_object_stays_an_object_and_lines_stay_lines(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(b'{"00100020": {"vr": "LO"}}')
    assert run("convert", tmp_path / "one.json", tmp_path / "out.json").code == 0
    assert (tmp_path / "out.json").read_bytes() == b'{"00100020":{"vr":"LO"}}\n'
    (tmp_path / "lines.json").write_bytes(b'{"00100020": {"vr": "LO"}}\n{}\n')
    assert run("convert", tmp_path / "lines.json", tmp_path / "out.json", "--to", "ndjson").code == 0
    assert (tmp_path / "out.json").read_bytes() == b'{"00100020":{"vr":"LO"}}\n{}\n'


@each("suffix", [".ndjson", ".jsonl", ".JSONL"])
def test_suffix_of_ndjson_is_written_and_read(suffix: str, tmp_path: Path) -> None:
    lines, array = tmp_path / f"a{suffix}", tmp_path / "a.json"
    assert run("convert", "-", lines, data=b"[{},{}]").code == 0
    assert lines.read_bytes() == b"{}\n{}\n"
    assert run("convert", lines, array).code == 0
    assert array.read_bytes() == b"[{},{}]\n"
    assert run("convert", dicom_file(tmp_path / "in.dcm"), lines).code == 0
    assert lines.read_bytes().count(b"\n") == 1
    assert run("convert", lines, array).code == 0
    assert array.read_bytes().startswith(b"[{")
    assert run("convert", array, lines, "--indent", "2").code == 2
    assert run("convert", array, lines, "--to", "xml").code == 0


@each("name", ["out.txt", "out.csv.gz", "out.DC"])
def test_unknown_suffix_needs_to(name: str, tmp_path: Path) -> None:
    result = run("convert", "-", tmp_path / name, data=b"{}")
    assert result.code == 2
    assert "expected one of the suffixes .json, .ndjson, .jsonl, .xml, .dcm" in result.error
    assert not any(tmp_path.iterdir())
    assert run("convert", "-", tmp_path / name, "--to", "json", data=b"{}").code == 0
    assert any(tmp_path.iterdir())


@each("functions", [None, _native.functions])
@each("form", ["json", "xml"])
def test_elements_below_the_file_meta_information_are_sorted(
    functions: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    monkeypatch.setattr(_native, "functions", functions)
    low = EXPLICIT.element(0x00000002, "UI", b"1.2\0") + EXPLICIT.element(0x00010002, "UI", b"1.3\0")
    (tmp_path / "in.dcm").write_bytes(start(EXPLICIT.uid) + low + EXPLICIT.element(0x00080060, "CS", b"CT"))
    assert run("convert", "--file-meta", tmp_path / "in.dcm", tmp_path / f"out.{form}").code == 0
    found = re.findall('"([0-9A-F]{8})"', (tmp_path / f"out.{form}").read_text())
    assert found == ["00000002", "00010002", "00020010", "00080060"]


@each("name", ["IM0001", "1.2.840.10008.1", "CT.1.2.3", "out.DCM"])
def test_name_without_a_suffix_is_a_dicom_file(name: str, tmp_path: Path) -> None:
    assert run("convert", "-", tmp_path / name, data=b"{}").code == 0
    assert dcmread(tmp_path / name).file_meta


def test_dicom_file_to_a_name_without_a_suffix_needs_to(tmp_path: Path) -> None:
    assert run("convert", _CT, tmp_path / "noname").code == 2
    assert run("convert", _CT, tmp_path / "noname", "--to", "xml").code == 0
    assert (tmp_path / "noname").read_bytes().startswith(b"<?xml")


def test_format_of_standard_output_can_be_given() -> None:
    xml = run("convert", _CT, "-", "--to", "xml")
    assert xml.stdout.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel')
    again = run("convert", "-", "-", "--to", "json", data=xml.stdout)
    assert again.stdout.startswith(b'[{"00080005"')
    back = run("convert", "-", "-", data=xml.stdout)
    assert back.stdout[128:132] == b"DICM"
    assert run("convert", _CT, "-", "--to", "dicom").code == 2


def test_file_without_preamble_needs_force(tmp_path: Path) -> None:
    path = without_preamble(tmp_path / "a")
    assert run("convert", path, "-").code == 1
    assert json.loads(run("convert", path, "-", "--to", "json", "--force").stdout)["00100020"]["Value"] == ["17"]


def test_selection_of_nothing_is_reported(tmp_path: Path) -> None:
    result = run("convert", "-", tmp_path / "out.json", "--select", "PatientID=2", data=b"[" + ONE + b"]")
    assert (result.code, result.error) == (0, "warning: no data set matches --select PatientID=2")
    assert (tmp_path / "out.json").read_bytes() == b"[]\n"
    assert run("convert", "-", tmp_path / "out.json", "--select", "PatientID=1", data=ONE).stderr == ""
    result = run("convert", "-", tmp_path / "out.dcm", "--select", "PatientID=2", data=ONE)
    assert result.code == 1
    assert "no data set matches --select PatientID=2" in result.stderr


@each(
    ("content", "place"),
    [
        (b'{"00100020": {"vr": "LO", "Value": [true]}}', "byte 36, [0].00100020"),
        (b'{"00100020": {"vr": "LO"', "byte 24, [0].00100020"),
        (b"", "empty"),
        (b"not DICOM", "not DICOM JSON"),
    ],
)
def test_invalid_input_is_one_line_with_name_and_place(content: bytes, place: str, tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_bytes(content)
    result = run("convert", source, tmp_path / "out.dcm")
    assert result.code == 1
    assert result.error.startswith(f"{source}: ")
    assert place in result.error
    assert [path.name for path in tmp_path.iterdir()] == ["in.json"]


def test_several_data_sets_do_not_fit_a_dicom_file(tmp_path: Path) -> None:
    result = run("convert", "-", tmp_path / "out.dcm", data=b"[{},{}]")
    assert result.code in (1, 2)
    assert "one data set" in result.error
    assert not any(tmp_path.iterdir())


def test_wrong_arguments_have_their_own_exit_code(tmp_path: Path) -> None:
    dicom = dicom_file(tmp_path / "in.dcm")
    for arguments in ((tmp_path / "none.json", "out.dcm"), (dicom, tmp_path / "out.dcm"), (tmp_path, "out.dcm")):
        result = run("convert", *arguments)
        assert result.code == 2
        assert result.error


@each("name", ["out.json", "out.xml", "out.dcm"])
def test_empty_input_is_an_error(name: str, tmp_path: Path) -> None:
    for data in (b"", b"\n", b" " * 1000):
        result = run("convert", "-", tmp_path / name, data=data)
        assert (result.code, "empty" in result.error) == (1, True)
        assert not any(tmp_path.iterdir())
    assert run("convert", "-", tmp_path / "none.json", data=b"[]").code == 0


@each("syntax", ["bogus", "1.2\x1b[31m", "\u65e5\u672c", ""])
def test_transfer_syntax_is_a_uid(syntax: str, tmp_path: Path) -> None:
    result = run("convert", "-", tmp_path / "out.dcm", "--transfer-syntax", syntax, data=b"{}")
    assert result.code == 2
    assert "UID" in result.error


@each("formats", [("json", "xml"), ("xml", "json"), ("ndjson", "json"), ("json.gz", "ndjson")])
def test_transfer_syntax_of_encapsulated_pixel_data_passes_every_format(
    formats: tuple[str, str], tmp_path: Path
) -> None:
    source = Path(get_testdata_file("MR_small_RLE.dcm"))
    path = source
    for format in (*formats, "dcm"):
        target = tmp_path / f"{len(format)}.{format}"
        assert run("convert", path, target).code == 0
        path = target
    before, after = dcmread(source), dcmread(path)
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after.PixelData == before.PixelData


def test_unknown_transfer_syntax_is_refused_unless_it_is_that_of_the_source(tmp_path: Path) -> None:
    target, options = tmp_path / "out.dcm", ("--transfer-syntax", "1.2.840.113619.5.2")
    own = b'{"00020010":{"vr":"UI","Value":["1.2.840.113619.5.2"]},"00100020":{"vr":"LO","Value":["17"]}}'
    result = run("convert", "-", target, *options, data=b'{"00100020":{"vr":"LO","Value":["17"]}}')
    assert (result.code, target.exists()) == (1, False)
    assert "1.2.840.10008.1.2.1 or 1.2.840.10008.1.2" in result.error
    assert run("convert", "-", target, *options, data=own).code == 0
    assert dcmread(target).file_meta.TransferSyntaxUID == "1.2.840.113619.5.2"


def test_file_meta_of_plain_data_sets_is_left_out_of_text(tmp_path: Path) -> None:
    run("convert", get_testdata_file("CT_small.dcm"), tmp_path / "a.json", "--file-meta")
    run("convert", tmp_path / "a.json", tmp_path / "b.json")
    assert "00020010" in json.loads((tmp_path / "a.json").read_text())
    assert not [key for key in json.loads((tmp_path / "b.json").read_text()) if key.startswith("0002")]


@pytest.mark.parametrize("is_sorted", [True, False])
def test_each_deviation_is_reported_once(tmp_path: Path, is_sorted: bool) -> None:
    source, members = tmp_path / "in.json", ['"00100010":{"vr":"PN"}', '"00100020":{"vr":"LO","Value":[""]}']
    source.write_text(f"{{{','.join(members if is_sorted else members[::-1])}}}")
    result = run("-v", "convert", source, tmp_path / "out.json")
    assert result.code == 0
    assert (result.stderr.count("empty-string"), result.stderr.count("key-order")) == (1, not is_sorted)


@pytest.mark.skipif(_native.functions is None, reason="the compiled engine was not built")
@each("options", [(), ("-v",), ("--exclude", "PN")])
def test_engine_converts_with_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    count = 0

    def counted(events: Iterator[Event]) -> Iterator[Event]:
        nonlocal count
        for event in sort_elements(events):
            count += event[0] == ENCODED
            yield event

    monkeypatch.setattr("streamdicom.cli.convert.sort_elements", counted)
    source = dicom_file(tmp_path / "in.dcm")
    before, after = (options, ()) if options == ("-v",) else ((), options)
    assert run(*before, "convert", source, tmp_path / "out.json", *after).code == 0
    assert run(*before, "convert", tmp_path / "out.json", tmp_path / "out.xml").code == 0
    assert ("00100010" in (tmp_path / "out.json").read_text()) is ("--exclude" not in options)
    assert count > 1


@pytest.mark.parametrize(("on_error", "vrs"), [("skip", []), ("keep", ["UT", "UT"])])
@pytest.mark.parametrize("to", ["dcm", "xml"])
def test_wrong_values_among_many_and_in_a_long_text_cost_their_elements(
    to: str, on_error: str, vrs: list[str], tmp_path: Path
) -> None:
    numbers, text = [1] * 5000, "x" * 70_000
    wrong = {
        "dcm": {"00281201": ("US", [*numbers, 70_000, *numbers]), "00189182": ("FL", [*numbers, 1e39])},
        "xml": {"00204000": ("LT", [f"{text}\x01{text}"]), "00104000": ("LT", [f"\x02{text}"])},
    }[to]
    right = {"00080005": ("CS", ["ISO_IR 192"]), "00081048": ("LO", ["a"]), "00400310": ("ST", ["b"])}
    document = {tag: {"vr": vr, "Value": values} for tag, (vr, values) in sorted({**wrong, **right}.items())}
    source, target = tmp_path / "in.json", tmp_path / f"out.{to}"
    source.write_text(json.dumps({"00081115": {"vr": "SQ", "Value": [document]}, "00100020": {"vr": "LO"}}))
    assert run("convert", source, target).code == 1
    assert run("convert", "--on-error", on_error, source, target).code == 0
    [item] = streamdicom.load(target).ReferencedSeriesSequence
    vrs = vrs if to == "dcm" else ["UN"] * len(vrs)
    assert [item[tag].VR for tag in wrong if int(tag, 16) in item] == vrs
    assert [item[tag].value for tag in right] == ["ISO_IR 192", "a", "b"]
