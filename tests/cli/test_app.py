"""The command line, as a user runs it: a process, its output, its exit code."""

from __future__ import annotations

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian

import streamdicom
from streamdicom.cli import demo
from streamdicom.cli.demo import bundled_datasets, differences
from streamdicom.cli.show import lines
from streamdicom.events import Event, EventType

pytest.importorskip("typer", reason="the command line is an extra: install streamdicom[cli]")

_COMMAND = [sys.executable, "-c", "from streamdicom.cli import main; main()"]


def _run(*arguments: str | Path, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*_COMMAND, *map(str, arguments)], input=data, capture_output=True, timeout=120, check=False)


def _dataset() -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName = "Buc^Jérôme"
    inner = Dataset()
    inner.Rows = 2
    dataset.ReferencedImageSequence = [inner, Dataset()]
    dataset.PixelData = bytes(100)
    dataset["PixelData"].VR = "OB"
    return dataset


def _file(path: Path) -> Path:
    dataset = _dataset()
    dataset.file_meta = streamdicom.loads(b"{}", as_file=True).file_meta
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(path, dataset, enforce_file_format=True)
    return path


def _one_line(result: subprocess.CompletedProcess[bytes]) -> str:
    text = result.stderr.decode()
    assert text.startswith("streamdicom: ")
    assert text.count("\n") == 1
    return text


# --- demo ------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # many of the files are not quite right, which is what they are for
def test_demo_finds_no_difference() -> None:
    result = _run("demo")
    table = result.stdout.decode()
    assert result.returncode == 0, result.stderr
    rows = {row.split("│")[1].strip(): row.split("│")[2].strip() for row in table.splitlines() if row.startswith("│")}
    assert rows["differences"] == "0"
    assert int(rows["data sets"]) == sum(1 for _ in bundled_datasets()) > 80
    assert int(rows["elements"].replace(",", "")) > 10_000


@pytest.mark.filterwarnings("ignore")
def test_demo_shows_progress(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(demo.Meter, "advance", lambda _, size: sizes.append(size))
    assert demo.run_demo()
    assert sizes == 2 * [path.stat().st_size for path, _ in bundled_datasets()]


def test_differences_are_found() -> None:
    one, other = _dataset(), _dataset()
    assert differences(one, other) == (7, [])
    other.ReferencedImageSequence[0].Rows = 3
    other.PatientID = "1"
    del other.PatientName
    assert differences(one, other)[1] == ["00100010", "00100020", "00081140[0].00280010"]


# --- convert ---------------------------------------------------------------------------------------------------


def test_a_file_is_converted_and_back(tmp_path: Path) -> None:
    source = _file(tmp_path / "in.dcm")
    assert _run("convert", source, tmp_path / "out.json", "--file-meta").returncode == 0
    assert _run("convert", tmp_path / "out.json", tmp_path / "back.dcm").returncode == 0
    back = dcmread(tmp_path / "back.dcm")
    assert back == dcmread(source)
    assert back.file_meta == dcmread(source).file_meta


def test_convert_lays_out_with_an_indent_and_leaves_group_0002_out(tmp_path: Path) -> None:
    result = _run("convert", _file(tmp_path / "in.dcm"), "-", "--indent", "2")
    text = result.stdout.decode()
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    assert not [key for key in json.loads(text) if key.startswith("0002")]


def test_convert_tells_what_comes_through_a_pipe(tmp_path: Path) -> None:
    dicom = _file(tmp_path / "in.dcm").read_bytes()
    text = _run("convert", "-", "-", data=dicom).stdout
    assert streamdicom.loads(text) == dcmread(io.BytesIO(dicom))
    back = _run("convert", "-", "-", data=text).stdout
    assert dcmread(io.BytesIO(back)) == dcmread(io.BytesIO(dicom))


_MESSY = b'\xef\xbb\xbf[{"00100020": {"vr": "LO", "value": "1"}, "PatientName": {"vr": "PN", "Value": ["A^B=C"]},}]'


def test_convert_writes_json_as_the_standard_has_it(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(_MESSY)
    result = _run("convert", tmp_path / "in.json", tmp_path / "out.json")
    assert result.returncode == 0, result.stderr
    for code in (b"member-case", b"scalar-value", b"name-as-string", b"trailing-comma"):
        assert code in result.stderr
    assert (tmp_path / "out.json").read_bytes() == (
        b'[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Ideographic":"C"}]},'
        b'"00100020":{"vr":"LO","Value":["1"]}}]\n'
    )
    strict = _run("convert", tmp_path / "in.json", tmp_path / "strict.json", "--profile", "strict")
    assert (strict.returncode, b"byte order mark" in strict.stderr) == (1, True)
    assert not (tmp_path / "strict.json").exists()


def test_convert_writes_one_data_set_as_one_and_lines_as_lines(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(b'{"00100020": {"vr": "LO"}}')
    assert _run("convert", tmp_path / "one.json", "-").stdout != b""
    assert _run("convert", tmp_path / "one.json", tmp_path / "out.json").returncode == 0
    assert (tmp_path / "out.json").read_bytes() == b'{"00100020":{"vr":"LO"}}\n'
    (tmp_path / "lines.json").write_bytes(b'{"00100020": {"vr": "LO"}}\n{}\n')
    assert _run("convert", tmp_path / "lines.json", tmp_path / "out.json", "--ndjson").returncode == 0
    assert (tmp_path / "out.json").read_bytes() == b'{"00100020":{"vr":"LO"}}\n{}\n'


@pytest.mark.parametrize("suffix", [".ndjson", ".jsonl", ".JSONL"])
def test_convert_writes_lines_under_a_name_for_lines_and_reads_them(suffix: str, tmp_path: Path) -> None:
    lines_, array = tmp_path / f"a{suffix}", tmp_path / "a.json"
    assert _run("convert", "-", lines_, data=b"[{},{}]").returncode == 0
    assert lines_.read_bytes() == b"{}\n{}\n"
    assert _run("convert", lines_, array).returncode == 0
    assert array.read_bytes() == b"[{},{}]\n"
    assert _run("convert", _file(tmp_path / "in.dcm"), lines_).returncode == 0
    assert lines_.read_bytes().count(b"\n") == 1
    assert _run("convert", lines_, array).returncode == 0
    assert array.read_bytes().startswith(b"[{")
    assert _run("convert", array, lines_, "--indent", "2").returncode == 2
    assert _run("convert", array, lines_, "--to", "xml").returncode == 0


def test_a_name_that_tells_nothing_is_a_wrong_call(tmp_path: Path) -> None:
    for name in ("out.txt", "out.gz", "out.DC"):
        result = _run("convert", "-", tmp_path / name, data=b"{}")
        assert result.returncode == 2
        assert "ends in none of .json, .ndjson, .jsonl, .xml, .dcm, .dicom" in _one_line(result)
    assert not any(tmp_path.iterdir())
    for name in ("IM0001", "1.2.840.10008.1", "CT.1.2.3", "out.DCM"):
        assert _run("convert", "-", tmp_path / name, data=b"{}").returncode == 0
        assert dcmread(tmp_path / name).file_meta
    assert _run("convert", "-", tmp_path / "out.txt", "--to", "json", data=b"{}").returncode == 0
    assert (tmp_path / "out.txt").read_bytes() == b"{}\n"


def test_a_pipe_may_be_there_by_its_name(tmp_path: Path) -> None:
    source = _file(tmp_path / "in.dcm")
    result = _shell(f"cat {source} | streamdicom convert /dev/stdin /dev/stdout | cat")
    assert result.returncode == 0
    assert streamdicom.loads(result.stdout) == dcmread(source)
    (tmp_path / "in.json").write_bytes(result.stdout)
    back = _shell(f"streamdicom convert {tmp_path / 'in.json'} /dev/stdout | cat")
    assert dcmread(io.BytesIO(back.stdout)) == dcmread(source)
    exported = _shell(f"streamdicom export {source} -o /dev/stdout --format ndjson | cat")
    assert streamdicom.loads(exported.stdout) == dcmread(source)
    imported = _shell(f"cat {tmp_path / 'in.json'} | streamdicom import /dev/stdin -o {tmp_path / 'out'}")
    assert imported.returncode == 0, imported.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"in.dcm", "in.json", "out"}


def test_convert_takes_what_is_messy_to_a_file(tmp_path: Path) -> None:
    result = _run("convert", "-", tmp_path / "out.dcm", data=_MESSY)
    assert result.returncode == 0, result.stderr
    assert dcmread(tmp_path / "out.dcm").PatientName == "A^B=C"


def test_what_lacks_its_uids_is_converted_as_far_as_it_goes(tmp_path: Path) -> None:
    result = _run("convert", "-", tmp_path / "out.dcm", data=b'{"00100020": {"vr": "LO", "Value": ["1"]}}')
    assert result.returncode == 0, result.stderr
    assert dcmread(tmp_path / "out.dcm").PatientID == "1"


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [
        ("in.json", b'{"00100020": {"vr": "LO", "Value": [5]}}', "byte 38, [0].00100020"),
        ("in.json", b'{"00100020": {"vr": "LO"', "byte 24, [0].00100020"),
        ("in.json", b"[{},{}]", "more than one data set"),
        ("in.json", b"", "empty"),
        ("in.json", b"\xff", "byte 0"),
        ("in.dcm", b"not DICOM", "not DICOM JSON, Native DICOM XML or a DICOM file"),
    ],
)
def test_a_fault_in_the_input_is_one_line_with_the_place(name: str, content: bytes, place: str, tmp_path: Path) -> None:
    source, target = tmp_path / name, tmp_path / ("out.dcm" if name == "in.json" else "out.json")
    source.write_bytes(content)
    result = _run("convert", source, target)
    assert result.returncode == 1
    assert place in _one_line(result)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_fault_in_the_call_is_told_from_one_in_the_input(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_bytes(b"{}")
    dicom = _file(tmp_path / "in.dcm")
    for arguments in ((tmp_path / "none.json", "out.dcm"), (dicom, tmp_path / "out.dcm"), (tmp_path, "out.dcm")):
        result = _run("convert", *arguments)
        assert result.returncode == 2
        _one_line(result)
    assert _run("convert", source).returncode == 2
    assert _run("nothing").returncode == 2
    assert b"Traceback" not in _run("convert", source, tmp_path / "none" / "out.dcm").stderr


# --- XML -------------------------------------------------------------------------------------------------------


def test_each_kind_is_converted_to_each_other(tmp_path: Path) -> None:
    source = Path(get_testdata_file("CT_small.dcm"))
    plain = tmp_path / "plain.json"
    assert _run("convert", source, plain).returncode == 0
    for first, second, third in (
        ("a.xml", "a.json", "a.dcm"),
        ("b.json", "b.xml", "b.dcm"),
        ("c.xml", "d.xml", "c.dcm"),
    ):
        before = source
        for name in (first, second, third):
            result = _run("convert", "--indent", "1", before, tmp_path / name)
            assert (result.returncode, result.stderr) == (0, b"")
            before = tmp_path / name
        assert _run("diff", source, before).returncode == 0
        assert _run("diff", plain, tmp_path / second).returncode == 0
        assert _run("convert", before, tmp_path / "again.json").returncode == 0


def test_the_kind_of_a_pipe_may_be_said(tmp_path: Path) -> None:
    source = get_testdata_file("CT_small.dcm")
    xml = _run("convert", source, "-", "--to", "xml")
    assert xml.stdout.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<NativeDicomModel')
    again = _run("convert", "-", "-", "--to", "json", data=xml.stdout)
    assert again.stdout.startswith(b'[{"00080005"')
    back = _run("convert", "-", "-", data=xml.stdout)
    assert back.stdout[128:132] == b"DICM"
    assert _run("convert", source, tmp_path / "noname").returncode == 2
    assert _run("convert", source, tmp_path / "noname", "--to", "xml").returncode == 0
    assert _run("convert", source, "-", "--to", "dcm").returncode == 2
    assert _run("convert", source, "-", "--to", "xml", "--ndjson").returncode == 2


def test_xml_is_shown_and_validated(tmp_path: Path) -> None:
    source, target = get_testdata_file("rtplan.dcm"), tmp_path / "a.xml"
    assert _run("convert", "--file-meta", source, target).returncode == 0
    tree = _run("show", source).stdout.splitlines()
    assert _run("show", target).stdout.splitlines() == [line for line in tree if b"(0002,0000)" not in line]
    assert _run("validate", target).returncode == 0
    target.write_bytes(target.read_bytes().replace(b"</Item>", b"", 1))
    result = _run("validate", target)
    assert result.returncode == 1
    assert b"another element than DicomAttribute" in result.stdout


# --- show ------------------------------------------------------------------------------------------------------


def test_show_prints_a_tree() -> None:
    text = streamdicom.dumps([_dataset()])
    assert list(lines(streamdicom.iter_events(text.encode()))) == [
        "Data set 0",
        "  (0008,0005) CS SpecificCharacterSet: ISO_IR 100",
        "  (0008,0016) UI SOPClassUID: 1.2.840.10008.5.1.4.1.1.7",
        "  (0008,0018) UI SOPInstanceUID: 1.2.3",
        "  (0008,1140) SQ ReferencedImageSequence",
        "    Item 0",
        "      (0028,0010) US Rows: 2",
        "    Item 1",
        "  (0010,0010) PN PatientName: Buc^Jérôme",
        "  (7FE0,0010) OB PixelData: [100 bytes]",
    ]


def test_show_prints_files_of_both_kinds_the_same(tmp_path: Path) -> None:
    dicom = _file(tmp_path / "in.dcm")
    _run("convert", dicom, tmp_path / "out.json", "--file-meta")
    of_json, of_dicom = _run("show", tmp_path / "out.json"), _run("show", dicom)
    without_group_length = [line for line in of_dicom.stdout.splitlines() if b"(0002,0000)" not in line]
    assert of_json.stdout.splitlines() == without_group_length != []
    assert of_json.returncode == of_dicom.returncode == 0


def test_show_makes_long_and_odd_values_short_and_plain() -> None:
    text = json.dumps(
        {
            "00091001": {"vr": "UT", "Value": ["x" * 200_000]},
            "00091002": {"vr": "OB", "InlineBinary": "AAAA" * 50_000},
            "00091003": {"vr": "LO", "Value": ["\x1b[31mred\n", None]},
            "00091004": {"vr": "OB", "BulkDataURI": "http://example.org/1"},
            "00091005": {"vr": "PN", "Value": [{"Alphabetic": "A", "Phonetic": "P"}]},
            "00091006": {"vr": "LT", "Value": ["y" * 100]},
        }
    )
    assert list(lines(streamdicom.iter_events(text.encode())))[1:] == [
        f"  (0009,1001) UT: {'x' * 64}... [200,000 characters]",
        "  (0009,1002) OB: [150,000 bytes]",
        r"  (0009,1003) LO: \x1b[31mred\n" + "\\",
        "  (0009,1004) OB: -> http://example.org/1",
        "  (0009,1005) PN: A==P",
        f"  (0009,1006) LT: {'y' * 64}...",
    ]


def test_show_prints_the_text_of_an_element_in_a_form_of_its_own() -> None:
    events: list[Event] = [
        (EventType.JSON_ELEMENT, 0x00280010, "US", '{"vr":"US","Value":["many"]}'),
        (EventType.JSON_ELEMENT, 0x00280011, "", '"\x1b' + "a" * 100),
    ]
    assert list(lines(events)) == [
        '(0028,0010) US Rows: {"vr":"US","Value":["many"]}',
        r'(0028,0011) ?? Columns: "\x1b' + "a" * 62 + "...",
    ]


def test_show_counts_fragments() -> None:
    tag, vr = 0x7FE00010, "OB"
    events: list[Event] = [(EventType.START_FRAGMENTS, tag, vr, None)]
    for data in (b"", b"abc", b"de"):
        events += [(EventType.START_FRAGMENT, tag, vr, len(data)), (EventType.LAST_SEGMENT, tag, vr, data)]
    events.append((EventType.END_FRAGMENTS, tag, vr, None))
    assert list(lines(events)) == ["(7FE0,0010) OB PixelData: [5 bytes in 2 fragments]"]


def test_show_prints_what_came_before_a_fault() -> None:
    result = _run("show", "-", data=b'[{"00100020": {"vr": "LO", "Value": ["1"]}},')
    assert result.stdout.decode().splitlines() == ["Data set 0", "  (0010,0020) LO PatientID: 1"]
    assert result.returncode == 1
    assert "byte 44" in _one_line(result)


def test_show_prints_the_first_data_set_before_the_second_is_there() -> None:
    with subprocess.Popen([*_COMMAND, "show", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'[{"00100020": {"vr": "LO", "Value": ["1"]}},')
        process.stdin.flush()
        assert process.stdout.readline() == b"Data set 0\n"
        assert process.stdout.readline() == b"  (0010,0020) LO PatientID: 1\n"
        process.stdin.write(b"{}]")
        process.stdin.close()
        assert process.stdout.read() == b"Data set 1\n"
    assert process.returncode == 0


def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    streamdicom.dump((_dataset() for _ in range(5000)), path)
    with subprocess.Popen([*_COMMAND, "show", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_command_quietly(number: int, code: int, tmp_path: Path) -> None:
    target = tmp_path / "out.dcm"
    with subprocess.Popen(
        [*_COMMAND, "convert", "-", str(target)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b'{"00100020": {"vr": "LO"')
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(tmp_path.iterdir()), "the command has not started to write"
        process.send_signal(number)
        process.wait(30)
        assert process.stderr.read() == b""
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path) -> None:
    result = _shell(
        f"trap '' TERM; (sleep 0.5; kill $$; sleep 0.5; echo '[]') | exec streamdicom convert - {tmp_path}/a.json"
    )
    assert result.returncode == 0
    assert (tmp_path / "a.json").read_bytes() == b"[]\n"


# --- the rest --------------------------------------------------------------------------------------------------


def _shell(command: str, *, stdout: int = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[bytes]:
    line = command.replace("streamdicom", shlex.join(_COMMAND), 1)
    environment = {**os.environ, **environment}
    return subprocess.run(
        ["sh", "-c", line], stdout=stdout, stderr=subprocess.PIPE, env=environment, timeout=120, check=False
    )


def test_a_stream_that_nothing_goes_through_may_be_closed(tmp_path: Path) -> None:
    source, target = _file(tmp_path / "in.dcm"), tmp_path / "out.json"
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        result = _shell(f"streamdicom convert {source} {target} {closed}")
        assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
        assert streamdicom.load(target)
        target.unlink()
    result = _shell("streamdicom show - <&-")
    assert result.returncode == 1
    assert _one_line(result)


_PRINTING = ["--version", "show --help", "show FILE", "convert FILE -", "export FILE -o -"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", _PRINTING)
def test_an_output_that_cannot_be_written_is_told(command: str, unbuffered: str, tmp_path: Path) -> None:
    line = f"streamdicom {command}".replace("FILE", str(_file(tmp_path / "in.dcm")))
    result = _shell(f"{line} >&-", PYTHONUNBUFFERED=unbuffered)
    assert result.returncode == 2
    assert _one_line(result).startswith("streamdicom: standard output is closed")
    reader, writer = os.pipe()
    os.close(reader)
    result = _shell(line, stdout=writer, PYTHONUNBUFFERED=unbuffered)
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", _PRINTING)
def test_there_being_no_room_is_neither_the_input_nor_the_call(command: str, unbuffered: str, tmp_path: Path) -> None:
    line = f"streamdicom {command}".replace("FILE", str(_file(tmp_path / "in.dcm")))
    result = _shell(f"{line} >/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert result.returncode == 4
    assert _one_line(result) == "streamdicom: standard output: No space left on device\n"


@pytest.mark.parametrize("name", ["out.json", "out.xml", "out.dcm"])
def test_a_disk_that_is_full_is_told_with_the_name_of_the_output(name: str, tmp_path: Path) -> None:
    source = tmp_path / ("in.json" if name == "out.dcm" else "in.dcm")
    dataset = _dataset()
    dataset.PixelData = bytes(200_000)
    if name == "out.dcm":
        streamdicom.dump(dataset, source)
    else:
        streamdicom.write_events(streamdicom.iter_events(streamdicom.dumps(dataset).encode()), source, format="dicom")
    result = _shell(f"ulimit -f 100; trap '' XFSZ; streamdicom convert {source} {tmp_path / name}")
    assert result.returncode == 4
    assert _one_line(result) == f"streamdicom: {tmp_path / name}: File too large\n"
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["convert", "in.json"], "streamdicom convert: Missing argument 'OUT'"),
        (["show", "--bogus"], "streamdicom show: No such option: --bogus"),
        (["nothing"], "streamdicom: No such command 'nothing'"),
        (["convert", "in.json", "out.json", "--keys", "x\n"], "streamdicom convert: Invalid value for '--keys'"),
        (["listen", "localhost:0", "--timeout", "0"], "streamdicom listen: Invalid value for '--timeout'"),
    ],
)
def test_a_wrong_call_is_one_line(arguments: list[str], start: str) -> None:
    result = _run(*arguments)
    text = result.stderr.decode()
    assert (result.returncode, result.stdout, text.count("\n")) == (2, b"", 1)
    assert text.startswith(start)
    assert text.endswith("; see --help\n")


def test_no_command_at_all_prints_the_help() -> None:
    result = _run()
    assert result.returncode == 2
    assert b"convert" in result.stdout
    assert result.stderr == b""


def test_a_folder_that_cannot_be_written_is_told_by_the_name_of_the_output(tmp_path: Path) -> None:
    source, target = _file(tmp_path / "in.dcm"), tmp_path / "none" / "out.json"
    for command in (["convert", source, target], ["export", source, "-o", target]):
        result = _run(*command)
        assert result.returncode == 2
        assert _one_line(result) == f"streamdicom: {target}: No such file or directory\n"


def test_what_the_encoding_of_the_output_lacks_is_escaped(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text('{"00100010":{"vr":"PN","Value":[{"Alphabetic":"\u5c71\u7530"}]}}', encoding="utf-8")
    result = _shell(f"streamdicom show {source}", PYTHONIOENCODING="ascii")
    assert result.returncode == 0
    assert b"\\u5c71\\u7530" in result.stdout
    assert _shell("streamdicom convert --help", PYTHONIOENCODING="ascii").returncode == 0


@pytest.mark.parametrize("name", ["out.json", "out.xml", "out.dcm"])
def test_an_empty_input_is_at_fault(name: str, tmp_path: Path) -> None:
    for data in (b"", b"\n", b" " * 1000):
        result = _run("convert", "-", tmp_path / name, data=data)
        assert result.returncode == 1
        assert _one_line(result) == f"streamdicom: the input is empty (byte {len(data)})\n"
        assert not any(tmp_path.iterdir())
    assert _run("convert", "-", tmp_path / "none.json", data=b"[]").returncode == 0


def test_a_transfer_syntax_is_a_uid(tmp_path: Path) -> None:
    for syntax in ("bogus", "1.2\x1b[31m", "\u65e5\u672c", ""):
        result = _run("convert", "-", tmp_path / "out.dcm", "--transfer-syntax", syntax, data=b"{}")
        assert result.returncode == 2
        assert "UID" in _one_line(result)


def test_the_version_is_printed() -> None:
    assert _run("--version").stdout.decode().strip() == streamdicom.__version__


def test_ctrl_c_while_the_commands_are_imported_ends_it_quietly(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)")
    result = _shell("streamdicom --version", PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no typer', name='typer')")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    result = subprocess.run(_COMMAND, capture_output=True, env=environment, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert result.stderr == 'streamdicom: typer is missing; install "streamdicom[cli]"\n'


def test_warnings_of_pydicom_are_one_line() -> None:
    result = _run("show", "-", data=b'{"00080005": {"vr": "CS", "Value": ["ISO-IR 100"]}}')
    assert result.returncode == 0
    result = _run("convert", "-", "-", data=b'{"00080005": {"vr": "CS", "Value": ["ISO-IR 100"]}}')
    assert result.returncode == 0
    assert "Traceback" not in result.stderr.decode()
    assert all(line.startswith("streamdicom: warning: ") for line in result.stderr.decode().splitlines())
