"""``streamdicom show``: the tree of elements."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import streamdicom
from streamdicom.cli.show import lines
from streamdicom.events import Event, EventType
from tests.cli.running import COMMAND, dataset, dicom_file, run, without_preamble


def test_elements_are_indented_by_their_depth() -> None:
    text = streamdicom.dumps([dataset()])
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


@pytest.mark.parametrize("name", ["a.json", "a.ndjson", "a.xml", "a.json.gz", "a.xml.zst"])
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


def test_long_values_are_cut_and_control_characters_escaped() -> None:
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


def test_invalid_element_is_shown_as_its_json_text() -> None:
    events: list[Event] = [
        (EventType.JSON_ELEMENT, 0x00280010, "US", '{"vr":"US","Value":["many"]}'),
        (EventType.JSON_ELEMENT, 0x00280011, "", '"\x1b' + "a" * 100),
    ]
    assert list(lines(events)) == [
        '(0028,0010) US Rows: {"vr":"US","Value":["many"]}',
        r'(0028,0011) ?? Columns: "\x1b' + "a" * 62 + "...",
    ]


def test_fragments_are_counted_without_the_offset_table() -> None:
    tag, vr = 0x7FE00010, "OB"
    events: list[Event] = [(EventType.START_FRAGMENTS, tag, vr, None)]
    for data in (b"", b"abc", b"de"):
        events += [(EventType.START_FRAGMENT, tag, vr, len(data)), (EventType.LAST_SEGMENT, tag, vr, data)]
    events.append((EventType.END_FRAGMENTS, tag, vr, None))
    assert list(lines(events)) == ["(7FE0,0010) OB PixelData: [5 bytes in 2 fragments]"]


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
