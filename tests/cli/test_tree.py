"""The tree of elements."""

from __future__ import annotations

import json
from typing import Any

import pytest

import streamdicom
from streamdicom.cli.tree import BRIGHT, Tree, lines
from streamdicom.dicom import MAX_WIDTH, short, values_text
from streamdicom.events import Event, EventType
from tests.cli.running import dataset

_NESTED = json.dumps(
    {
        "00081140": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.2"]}}, {}]},
        "00082112": {"vr": "SQ", "Value": [{"00081140": {"vr": "SQ", "Value": [{}]}}]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Buc^J"}]},
    }
).encode()


def _shown(document: bytes, *, limits: streamdicom.Limits | None = None, **options: Any) -> list[str]:
    """Return the lines of a document, and check that batches do not matter."""
    events = list(
        streamdicom.iter_events(document, options=streamdicom.ReadOptions(limits=limits or streamdicom.Limits()))
    )
    tree = Tree(**options)
    text = "".join(tree.text([event]) for event in events)
    assert Tree(**options).text(events) == text
    return text.splitlines()


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


def test_long_values_are_cut_and_control_characters_escaped() -> None:
    text = json.dumps(
        {
            "00091001": {"vr": "UT", "Value": ["x" * 200_000]},
            "00091002": {"vr": "OB", "InlineBinary": "AAAA" * 50_000},
            "00091003": {"vr": "LO", "Value": ["\x1b[31mred\n", None]},
            "00091004": {"vr": "OB", "BulkDataURI": "http://example.org/1"},
            "00091005": {"vr": "PN", "Value": [{"Alphabetic": "A", "Phonetic": "P"}]},
            "00091006": {"vr": "LT", "Value": ["y" * 100]},
            "00091007": {"vr": "US", "Value": [5] * 9000},
        }
    )
    assert list(lines(streamdicom.iter_events(text.encode())))[1:] == [
        f"  (0009,1001) UT: {'x' * 64}... [200,000 characters]",
        "  (0009,1002) OB: [150,000 bytes]",
        r"  (0009,1003) LO: \x1b[31mred\n" + "\\",
        "  (0009,1004) OB: -> http://example.org/1",
        "  (0009,1005) PN: A==P",
        f"  (0009,1006) LT: {'y' * 64}...",
        "  (0009,1007) US: " + "5\\" * 32 + "... [9,000 values]",
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


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (
            0,
            [
                "Data set 0",
                "  (0008,1140) SQ ReferencedImageSequence: [2 items]",
                "  (0008,2112) SQ SourceImageSequence: [1 item]",
                "  (0010,0010) PN PatientName: Buc^J",
            ],
        ),
        (
            1,
            [
                "Data set 0",
                "  (0008,1140) SQ ReferencedImageSequence",
                "    Item 0",
                "      (0008,1150) UI ReferencedSOPClassUID: 1.2",
                "    Item 1",
                "  (0008,2112) SQ SourceImageSequence",
                "    Item 0",
                "      (0008,1140) SQ ReferencedImageSequence: [1 item]",
                "  (0010,0010) PN PatientName: Buc^J",
            ],
        ),
    ],
)
def test_deep_sequences_are_counted(depth: int, expected: list[str]) -> None:
    assert _shown(_NESTED, depth=depth) == expected


def test_any_depth_is_shown() -> None:
    assert _shown(_NESTED, depth=2) == _shown(_NESTED)


_LONG = json.dumps(
    {
        "00090010": {"vr": "LO", "Value": ["a\x1b", None, "b" * 70]},
        "00091002": {"vr": "OB", "InlineBinary": "AAEC"},
        "00091003": {"vr": "UT", "Value": ["c" * 30]},
        "00091004": {"vr": "OB", "InlineBinary": "AAECAwQF" * 6},
        "00091005": {"vr": "UC", "Value": ["d" * 30, "e", "f" * 30]},
        "00091006": {"vr": "OB", "BulkDataURI": "http://example.org/1"},
        "00091007": {"vr": "OB"},
    }
).encode()


def test_values_are_shown_in_full() -> None:
    expected = [
        "Data set 0",
        "  (0009,0010) LO: a\\x1b\\\\" + "b" * 70,
        "  (0009,1002) OB: [3 bytes] 000102",
        "  (0009,1003) UT: " + "c" * 30,
        "  (0009,1004) OB: [36 bytes] " + "000102030405" * 6,
        "  (0009,1005) UC: " + "d" * 30 + "\\e\\" + "f" * 30,
        "  (0009,1006) OB: -> http://example.org/1",
        "  (0009,1007) OB: ",
    ]
    assert _shown(_LONG, values="full") == expected
    in_parts = _shown(_LONG, values="full", limits=streamdicom.Limits(segment_size=20))
    assert in_parts == [line.replace(" [36 bytes]", "") for line in expected]


def test_fragments_are_shown_in_full() -> None:
    tag, vr = 0x7FE00010, "OB"
    events: list[Event] = [(EventType.START_FRAGMENTS, tag, vr, None)]
    for data in (b"", b"abc", b"de"):
        events += [(EventType.START_FRAGMENT, tag, vr, len(data)), (EventType.LAST_SEGMENT, tag, vr, data)]
    events.append((EventType.END_FRAGMENTS, tag, vr, None))
    assert Tree(values="full").text(events) == "(7FE0,0010) OB PixelData:  616263 6465\n"


def test_no_value_is_shown_on_request() -> None:
    for limits in (streamdicom.Limits(), streamdicom.Limits(segment_size=20)):
        lines_without = _shown(_LONG, values="none", limits=limits)
        assert lines_without[1:3] == ["  (0009,0010) LO", "  (0009,1002) OB"]
        assert not any(text in line for line in lines_without for text in (":", "ccc", "bytes", "example"))


def test_width_cuts_values() -> None:
    assert _shown(_LONG, width=5)[3:6] == [
        "  (0009,1003) UT: ccccc...",
        "  (0009,1004) OB: [36 bytes]",
        "  (0009,1005) UC: ddddd...",
    ]
    assert (short("a" * 5, 5), short("a" * 6, 5)) == ("aaaaa", "aaaaa...")
    assert values_text(("",) * 100) == "\\" * MAX_WIDTH + "..."


def test_colours_change_no_character() -> None:
    coloured = "\n".join(_shown(_NESTED, colours=BRIGHT))
    assert coloured.count(BRIGHT.end) == 5 * 3 + 5  # elements and headings
    for sequence in BRIGHT:
        coloured = coloured.replace(sequence, "")
    assert coloured.splitlines() == _shown(_NESTED)
