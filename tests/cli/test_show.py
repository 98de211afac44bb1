"""``streamdicom show``: the options of the command, and the pager."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import streamdicom
from tests.cli.running import COMMAND, ONE, dicom_file, run, without_preamble
from tests.support.each import each


@each("name", ["a.json", "a.ndjson", "a.xml", "a.json.gz", "a.xml.zst"])
def test_tree_does_not_depend_on_the_format(name: str, tmp_path: Path) -> None:
    dicom = dicom_file(tmp_path / "in.dcm")
    assert run("convert", dicom, tmp_path / name, "--file-meta").code == 0
    of_dicom, of_other = run("show", dicom), run("show", tmp_path / name)
    tree = [line for line in of_dicom.stdout.splitlines() if b"(0002,0000)" not in line]  # JSON has no group length
    assert of_other.stdout.splitlines() == tree != []
    assert of_dicom.code == of_other.code == 0


def test_file_without_preamble_needs_force(tmp_path: Path) -> None:
    path = without_preamble(tmp_path / "a")
    assert run("show", path).code == 1
    assert run("show", path, "--force").stdout.splitlines()[-1] == b"  (0010,0020) LO PatientID: 17"


def test_elements_before_an_error_are_printed() -> None:
    result = run("show", "-", data=b'[{"00100020": {"vr": "LO", "Value": ["1"]}},')
    assert result.stdout.decode().splitlines() == ["Data set 0", "  (0010,0020) LO PatientID: 1"]
    assert result.code == 1
    assert result.error.startswith("standard input: ")
    assert "byte 44" in result.error


@pytest.mark.slow
def test_data_set_is_printed_before_the_next_is_read() -> None:
    with subprocess.Popen([*COMMAND, "show", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
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


_FIVE = [{"00080018": {"vr": "UI", "Value": [f"1.{number}"]}} for number in range(5)]


def _lines(*arguments: Any) -> list[str]:
    result = run("show", *arguments)
    assert (result.code, result.stderr) == (0, "")
    return result.stdout.decode().splitlines()


@pytest.fixture
def five(tmp_path: Path) -> Path:
    """An array of five data sets."""
    path = tmp_path / "five.json"
    path.write_text(json.dumps(_FIVE))
    return path


@pytest.mark.parametrize("is_indexed", [False, True])
def test_address_is_that_of_a_data_set(five: Path, is_indexed: bool) -> None:
    if is_indexed:
        assert run("index", five).code == 0
    assert _lines(f"{five}#3") == ["Data set 3", "  (0008,0018) UI SOPInstanceUID: 1.3"]
    result = run("show", f"{five}#5")
    assert (result.code, result.error) == (2, f"{five}: expected the number of a data set below 5, found 5")


def test_address_that_the_index_does_not_have_is_in_the_error(five: Path) -> None:
    assert run("index", five).code == 0
    for place, message in {
        "x": "expected the number of a data set or a SOP Instance UID, found 'x'",
        "1.99": "no data set has the SOP Instance UID 1.99",
        "-9": "expected the number of a data set below 5, found -9",
    }.items():
        result = run("show", f"{five}#{place}")
        assert (result.code, result.error) == (2, f"{five}: {message}")


def test_address_by_uid_and_from_the_end_needs_an_index(five: Path) -> None:
    for place in ("1.4", "-1"):
        result = run("show", f"{five}#{place}")
        assert (result.code, "build it with streamdicom index" in result.error) == (2, True)
    assert run("index", five).code == 0
    for place in ("1.4", "-1"):
        assert _lines(f"{five}#{place}")[0] == "Data set 4"


def test_file_with_a_mark_in_its_name_is_not_an_address(five: Path) -> None:
    copy = five.with_name("five.json#1")
    shutil.copy(five, copy)
    assert len(_lines(copy)) == 10


def test_address_reads_no_further(five: Path) -> None:
    text = five.read_text()
    five.write_text(text[:-1] + "?")
    assert _lines(f"{five}#4")[0] == "Data set 4"
    assert run("show", five).code == 1


def test_elements_and_data_sets_are_selected(tmp_path: Path, five: Path) -> None:
    dicom = dicom_file(tmp_path / "in.dcm")
    expected = [
        "Data set 0",
        "  (0008,1140) SQ ReferencedImageSequence: [2 items]",
        "  (0010,0010) PN PatientName: Buc^Jérôme",
    ]
    assert _lines(dicom, "--include", "PatientName", "--include=00081140", "--depth=0") == expected
    assert _lines(dicom, "--include", "TransferSyntaxUID")[1].startswith("  (0002,")
    assert not any("Sequence" in line for line in _lines(dicom, "--exclude", "ReferencedImageSequence"))
    assert _lines(five, "--select", "SOPInstanceUID=1.3", "--select", "SOPInstanceUID=1.1")[::2] == [
        "Data set 1",
        "Data set 3",
    ]
    result = run("show", five, "--select", "SOPInstanceUID=2")
    assert (result.code, result.stdout, "no data set matches" in result.error) == (0, b"", True)


def test_forms_of_values(five: Path) -> None:
    assert _lines(f"{five}#0", "--values=none")[1] == "  (0008,0018) UI SOPInstanceUID"
    assert _lines(f"{five}#0", "--width=2")[1] == "  (0008,0018) UI SOPInstanceUID: 1...."
    assert _lines(f"{five}#0", "--color=always")[0] == "\x1b[1mData set 0\x1b[0m"


def test_data_sets_are_shown_as_json(tmp_path: Path, five: Path) -> None:
    documents = run("show", five, "--json").stdout
    assert documents.startswith(b'{\n  "00080018"')
    assert [streamdicom.dumps(one) for one in streamdicom.iter_datasets(documents)] == [
        json.dumps(one, separators=(",", ":")) for one in _FIVE
    ]
    one = json.loads(run("show", f"{five}#2", "--json").stdout)
    assert one == _FIVE[2]
    dicom = dicom_file(tmp_path / "in.dcm")
    assert list(json.loads(run("show", dicom, "--json", "--include=PatientName").stdout)) == ["00100010"]
    result = run("show", five, "--json", "--depth", 1)
    assert (result.code, "not for --json" in result.error) == (2, True)


# --- on a terminal ---------------------------------------------------------------------------------------------


def _on_terminal(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run ``show`` on a terminal; return its exit code and the text there."""
    pty = pytest.importorskip("pty", reason="needs pseudo-terminals")
    own, other = pty.openpty()
    settings = {name: value for name, value in os.environ.items() if name not in ("PAGER", "LESS", "NO_COLOR")}
    settings |= {"TERM": "xterm", **environment}
    with subprocess.Popen(
        [*COMMAND, "show", "-", *arguments], stdin=subprocess.PIPE, stdout=other, env=settings
    ) as process:
        process.communicate(ONE, timeout=60)
    os.close(other)
    text = b""
    try:
        while data := os.read(own, 4096):
            text += data
    except OSError:  # closed by all writers
        pass
    os.close(own)
    return process.returncode, text.decode().replace("\r\n", "\n")


_TEXT = "Data set 0\n  (0010,0020) LO PatientID: 1\n"


@pytest.mark.slow
def test_tree_has_colours_on_a_terminal() -> None:
    code, text = _on_terminal("--no-pager")
    assert (code, text.count("\x1b[0m")) == (0, 4)
    assert _on_terminal("--no-pager", NO_COLOR="1") == (0, _TEXT)
    assert _on_terminal("--no-pager", TERM="dumb") == (0, _TEXT)
    assert _on_terminal("--no-pager", "--color=never") == (0, _TEXT)


@pytest.mark.slow
def test_tree_goes_through_the_pager_on_a_terminal() -> None:
    pager = "sed s/^/[$LESS]/"
    code, text = _on_terminal(PAGER=pager)
    assert (code, text.count("[FRX]"), text.count("\x1b[0m")) == (0, 2, 4)
    assert _on_terminal("--color=never", STREAMDICOM_PAGER="sed s/PatientID/x/", PAGER=pager)[1] == _TEXT.replace(
        "PatientID", "x"
    )
    assert _on_terminal("--color=never", PAGER=pager, LESS="")[1].startswith("[]Data")
    for none in ("", "cat"):
        assert _on_terminal("--color=never", STREAMDICOM_PAGER=none, PAGER=pager) == (0, _TEXT)
    assert _on_terminal("--color=never", PAGER=pager, TERM="dumb") == (0, _TEXT)


@pytest.mark.slow
def test_pager_may_end_before_the_output() -> None:
    assert _on_terminal(PAGER="true") == (0, "")
    assert _on_terminal("--json", PAGER="head -n 1") == (0, "{\n")


def test_output_that_is_no_terminal_has_no_pager(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "false")
    assert len(_lines(five)) == 10
