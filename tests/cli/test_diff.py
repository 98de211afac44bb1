"""``streamdicom diff``: differences between streams of any format and order."""

from __future__ import annotations

import base64
import gzip
import json
import random
import re
import subprocess
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pydicom.data
import pytest

import streamdicom
from streamdicom import Event, EventType
from streamdicom.cli import diff
from streamdicom.cli.diff import diff_files
from streamdicom.comparison import Batch, DataSet, reading
from streamdicom.comparison import datasets as datasets_of
from tests.cli.running import COMMAND, run, without_preamble
from tests.support.each import each
from tests.support.memory import peak

_MIB = 1024 * 1024
_PLACES = re.compile(r"(?<=[0-9A-F\]])( \w+)? \((A|B): byte [^)]*\)(?=:)")  # the keyword and the places


def _dataset(uid: object, **members: Any) -> dict[str, Any]:
    known = {"id": ("00100020", "LO"), "images": ("00081140", "SQ"), "weight": ("00101030", "DS")}
    found = {} if uid is None else {"00080018": {"vr": "UI", "Value": [str(uid)]}}
    return found | {known[name][0]: {"vr": known[name][1], "Value": value} for name, value in members.items()}


def _datasets(events: Iterable[Event]) -> Iterator[DataSet]:
    return datasets_of([Batch(list(events))])


class _Diff:
    """Compares two JSON values, or two texts; returns the lines that are printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._paths = folder / "a.json", folder / "b.json"
        self._capsys = capsys

    def __call__(self, one: object, other: object, **options: Any) -> list[str]:
        for path, content in zip(self._paths, (one, other), strict=True):
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        options = {"by_position": False, "ignore": (), "values": False, "file_meta": False, **options}
        is_equal = diff_files(*self._paths, **options)
        lines = self._capsys.readouterr().out.splitlines()
        assert is_equal is not bool(lines)
        return [_PLACES.sub("", line) for line in lines]


@pytest.fixture
def compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> _Diff:
    return _Diff(tmp_path, capsys)


# --- elements --------------------------------------------------------------------------------------------------


def test_differences_have_their_path(compared: _Diff) -> None:
    one = _dataset(1, id=["1"], images=[{}, {"00280010": {"vr": "US", "Value": [1]}}])
    other = _dataset(1, id=["2"], images=[{}, {"00280010": {"vr": "UL", "Value": [1]}, "00280011": {"vr": "US"}}, {}])
    other["00091001"] = {"vr": "SQ", "Value": [_dataset(2, id=["1"])]}
    assert compared([one], [other]) == [
        "[0].00081140[1].00280010: VR US / UL",
        "[0].00081140[1].00280011: only in B",
        "[0].00081140[2]: only in B",
        "[0].00091001: only in B",
        "[0].00100020: value differs",
    ]
    assert compared(other, one) == [
        "[0].00081140[1].00280010: VR UL / US",
        "[0].00081140[1].00280011: only in A",
        "[0].00081140[2]: only in A",
        "[0].00091001: only in A",
        "[0].00100020: value differs",
    ]
    assert compared(one, [one]) == []


def test_un_of_a_known_tag_is_compared_as_files_have_it(tmp_path: Path, compared: _Diff) -> None:
    def un(data: bytes) -> dict[str, str]:
        return {"vr": "UN", "InlineBinary": base64.b64encode(data).decode()}

    items = b"\xfe\xff\x00\xe0\x0c\0\0\0\x10\0\x20\0\4\0\0\0abcd"
    unknown = {"00081140": un(items), "00100020": un(b"17"), "00280010": un(b"\5\0"), "00280011": un(b"abc")}
    known = _dataset(None, id=["17"], images=[_dataset(None, id=["abcd"])])
    known = {**known, "00280010": {"vr": "US", "Value": [5]}, "00280011": un(b"abc")}
    assert compared(unknown, known) == compared(known, unknown) == []
    assert compared(unknown, {**known, "00280011": {"vr": "US", "Value": [5]}}) == ["[0].00280011: VR UN / US"]
    assert compared(unknown, {**known, "00280010": {"vr": "US", "Value": [6]}}) == ["[0].00280010: value differs"]
    assert compared(known, {**unknown, "00081140": un(items[:8] + items[8:].replace(b"a", b"b"))}) == [
        "[0].00081140[0].00100020: value differs"
    ]
    for name in ("a.dcm", "a.xml"):
        streamdicom.write_events(streamdicom.iter_events(json.dumps(unknown).encode()), tmp_path / name)
        for text in (unknown, known):
            (tmp_path / "b.json").write_text(json.dumps(text))
            assert diff_files(tmp_path / name, tmp_path / "b.json")


def test_un_has_the_place_of_its_element(tmp_path: Path) -> None:
    text = json.dumps({"00100020": {"vr": "UN", "InlineBinary": "MTc="}, "00100040": {"vr": "CS", "Value": ["F"]}})
    (tmp_path / "a.json").write_text(text)
    done = run("diff", tmp_path / "a.json", "-", data=b"[{}]")
    assert done.stdout.decode().splitlines() == [
        f"[0].{tag} {keyword} (A: byte {text.index(tag) - 1}): only in A"
        for tag, keyword in (("00100020", "PatientID"), ("00100040", "PatientSex"))
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_differences_have_keyword_and_places(tmp_path: Path, indent: int | None) -> None:
    one, other = _dataset(1, id=["é"], images=[_dataset(2)]), _dataset(1, id=["e"], weight=[1])
    texts = [json.dumps([{}, dataset], indent=indent, ensure_ascii=False) for dataset in (one, other)]
    places = [_Places(text) for text in texts]
    path = tmp_path / "a.json"
    path.write_text(texts[0], encoding="utf-8")
    done = run("diff", path, "-", data=texts[1].encode())
    assert done.stdout.decode().splitlines() == [
        f"[1].00081140 ReferencedImageSequence (A: {places[0]('00081140')}): only in A",
        f"[1].00100020 PatientID (A: {places[0]('00100020')}; B: {places[1]('00100020')}): value differs",
        f"[1].00101030 PatientWeight (B: {places[1]('00101030')}): only in B",
    ]


class _Places:
    """Finds the place of a key in a text, as it is printed."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, key: str) -> str:
        before = self._text[: self._text.index(f'"{key}"')]
        place = f"byte {len(before.encode())}"
        line = before.count("\n") + 1
        return f"{place}, line {line}, column {len(before.rpartition(chr(10))[2]) + 1}" if line > 1 else place


@pytest.mark.parametrize(
    ("vr", "one", "other"),
    [
        ("DS", "[1.0]", "[1.00]"),
        ("DS", "[1]", "[1, 1]"),
        ("LO", '["a", "b"]', '["ab"]'),
        ("LO", '["a", null]', '["a"]'),
        ("LO", '["a", null]', '[null, "a"]'),
        ("FD", "[0.0]", "[-0.0]"),
        ("UV", "[18446744073709551615]", "[18446744073709551614]"),
        ("PN", '[{"Alphabetic": "A"}]', '[{"Ideographic": "A"}]'),
        ("AT", '["00100010"]', '["00100020"]'),
        ("UT", json.dumps(["x" * 200_000 + "y"]), json.dumps(["x" * 200_000 + "z"])),
        ("UT", json.dumps(["x" * 100]), json.dumps(["x" * 99 + "y"])),
        ("US", json.dumps([1] * 10_000), json.dumps([1] * 9_999 + [2])),
    ],
)
def test_different_values_are_found(compared: _Diff, vr: str, one: str, other: str) -> None:
    left, right = ('{"00091001": {"vr": "%s", "Value": %s}}' % (vr, value) for value in (one, other))
    assert compared(left, right) == ["[0].00091001: value differs"]
    assert compared(left, left.replace(" ", "")) == []


def test_references_and_empty_elements_are_compared(compared: _Diff) -> None:
    inline = '{"00091001": {"vr": "UT", "Value": ["x"]}, "00100020": {"vr": "LO"}}'
    reference = '{"00091001": {"vr": "UT", "BulkDataURI": "x"}}'
    assert compared(inline, reference) == ["[0].00091001: value differs", "[0].00100020: only in A"]
    assert compared(reference, reference) == []


def test_items_of_another_vr_are_left_out(compared: _Diff) -> None:
    one = {"00091001": {"vr": "SQ", "Value": [_dataset(1, id=["1"])]}, "00100020": {"vr": "LO"}}
    assert compared(one, {"00091001": {"vr": "UN", "InlineBinary": "AAE="}}) == [
        "[0].00091001: VR SQ / UN",
        "[0].00100020: only in A",
    ]


def test_values_are_shown_on_demand_and_cut(compared: _Diff) -> None:
    one, other = _dataset(1, id=["Jane"], weight=[1.5]), _dataset(1, id=["x" * 100])
    assert compared(one, other) == ["[0].00100020: value differs", "[0].00101030: only in A"]
    assert compared(one, other, values=True) == [
        f"[0].00100020: value differs: Jane / {'x' * 64}...",
        "[0].00101030: only in A: 1.5",
    ]
    long = '{"00091001": {"vr": "OB", "InlineBinary": "%s"}}'
    [line] = compared(long % ("AAAA" * 50_000), long % "AAAA", values=True)
    assert line == "[0].00091001: value differs: [150,000 bytes] / [3 bytes]"


def test_elements_are_ignored_at_any_depth(compared: _Diff) -> None:
    one = _dataset(1, id=["1"], images=[_dataset(3, id=["2"])])
    other = _dataset(2, images=[_dataset(4, id=["3"])])
    assert compared(one, other, by_position=True, ignore=["00080018", "PatientID"]) == []
    assert compared(one, other, by_position=True, ignore=["UI", "00081140"]) == ["[0].00100020: only in A"]
    assert compared(one, other, by_position=True, ignore=["0008xxxx", "0010"]) == []


def test_order_of_keys_is_ignored(compared: _Diff) -> None:
    keys = [f"{tag:08X}" for tag in range(0x00090010, 0x00090010 + 500)]
    members = {key: {"vr": "SQ", "Value": [{}, {k: {"vr": "LO"} for k in keys[:5]}]} for key in keys}
    shuffled = list(members)
    random.Random(1).shuffle(shuffled)
    other = {key: members[key] for key in shuffled}
    assert compared(members, other) == []
    other[keys[7]] = {"vr": "SQ"}
    assert compared(members, other) == [f"[0].{keys[7]}[0]: only in A", f"[0].{keys[7]}[1]: only in A"]


def test_large_data_set_is_sorted_within_a_bound(compared: _Diff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MAX_SORTED", 10)
    keys = [f"{tag:08X}" for tag in range(0x00090010, 0x00090010 + 500)]
    near = [key for start in range(0, 500, 5) for key in reversed(keys[start : start + 5])]
    one = {key: {"vr": "LO"} for key in keys}
    assert compared(one, {key: {"vr": "LO"} for key in near}) == []
    assert compared(one, {key: {"vr": "LO"} for key in keys[1:] + keys[:1]}) == [
        f"[0].{keys[0]}: only in A",
        f"[0].{keys[0]}: only in B",
    ]


@pytest.mark.parametrize("name", ["CT_small.dcm", "JPEG2000.dcm", "reportsi.dcm", "MR_small_RLE.dcm", "rtplan.dcm"])
def test_dicom_file_equals_its_json(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = Path(pydicom.data.get_testdata_file(name))
    target = tmp_path / "a.json"
    streamdicom.write_events(streamdicom.iter_events(source), target)
    options: dict[str, Any] = {"by_position": False, "ignore": (), "values": False}
    assert diff_files(source, target, file_meta=False, **options)
    assert not diff_files(source, target, file_meta=True, **options)
    assert {line[:9] for line in capsys.readouterr().out.splitlines()} == {"[0].00020"[:9]}


def _cut(size: int) -> list[Event]:
    """Return long elements in segments of a size."""
    text, data = "é" * 100 + "x" * 1000, bytes(range(256)) * 8
    events: list[Event] = [(EventType.START_DATASET, 0, "", 0)]
    for tag, vr, value in ((0x00091001, "UT", text), (0x00091002, "OB", data)):
        events.append((EventType.START_ELEMENT, tag, vr, None))
        events += [(EventType.SEGMENT, tag, vr, value[at : at + size]) for at in range(0, len(value), size)]
        events += [(EventType.LAST_SEGMENT, tag, vr, value[:0]), (EventType.END_ELEMENT, tag, vr, None)]
    return [*events, (EventType.END_DATASET, 0, "", None)]


def test_sizes_of_segments_are_ignored() -> None:
    whole: list[Event] = [(EventType.START_DATASET, 0, "", 0)]
    whole.append((EventType.ELEMENT, 0x00091001, "UT", ("é" * 100 + "x" * 1000,)))
    whole.append((EventType.ELEMENT, 0x00091002, "OB", (bytes(range(256)) * 8,)))
    whole.append((EventType.END_DATASET, 0, "", None))
    found = [[list(dataset.entries) for dataset in _datasets(events)] for events in (whole, *map(_cut, (1, 7, 5000)))]
    assert all(one == found[0] for one in found)


def test_values_in_segments_equal_whole_values() -> None:
    tag, vr = 0x00091001, "LO"
    long = "x" * 100
    parts: list[Event] = [
        (EventType.START_DATASET, 0, "", 0),
        (EventType.START_ELEMENT, tag, "", None),
        (EventType.VALUES, tag, "", ("a", None)),
        (EventType.SEGMENT, tag, "", long[:30]),
        (EventType.LAST_SEGMENT, tag, "", long[30:]),
        (EventType.VALUES, tag, "", ("b",)),
        (EventType.END_ELEMENT, tag, vr, None),
        (EventType.END_DATASET, 0, "", None),
    ]
    whole: list[Event] = [parts[0], (EventType.ELEMENT, tag, vr, ("a", None, long, "b")), parts[-1]]
    [one], [other] = ([list(dataset.entries) for dataset in _datasets(events)] for events in (parts, whole))
    assert one == other
    assert one[0][:2] == ((tag,), vr)


@pytest.mark.parametrize("empty", ["", None])
def test_empty_text_equals_null(empty: str | None) -> None:
    def contents(*events: tuple[int, str, tuple[Any, ...]]) -> list[bytes]:
        stream: list[Event] = [(EventType.START_DATASET, 0, "", 0)]
        stream += [(EventType.ELEMENT, tag, vr, values) for tag, vr, values in events]
        end = (EventType.END_DATASET, 0, "", None)
        return [entry[2] for dataset in _datasets([*stream, end]) for entry in dataset.entries]

    name = ("", "", "") if empty == "" else None
    found = contents((1, "CS", (empty, "a")), (2, "LO", (empty,)), (3, "PN", (name,)), (4, "PN", (name, ("a", "", ""))))
    assert found == contents((1, "CS", (None, "a")), (2, "LO", ()), (3, "PN", ()), (4, "PN", (None, ("a", "", ""))))
    assert contents((1, "US", (0,))) != contents((1, "US", ()))
    assert contents((1, "LO", (empty, empty))) != contents((1, "LO", ()))


@each(
    "events",
    [
        [(EventType.ELEMENT, 1, "OB", (b"",))],
        [(EventType.START_ELEMENT, 1, "OB", None), (EventType.END_ELEMENT, 1, "OB", None)],
        [
            (EventType.START_ELEMENT, 1, "", None),
            (EventType.VALUES, 1, "", (None,)),
            (EventType.END_ELEMENT, 1, "OB", None),
        ],
        *(
            [
                (EventType.START_ELEMENT, 1, "OB", None),
                (EventType.LAST_SEGMENT, 1, "OB", nothing),
                (EventType.END_ELEMENT, 1, "OB", None),
            ]
            for nothing in (b"", "")
        ),
        [(EventType.START_FRAGMENTS, 1, "OB", None), (EventType.END_FRAGMENTS, 1, "OB", None)],
    ],
)
def test_element_without_content_equals_an_empty_one(events: list[Event]) -> None:
    start, end = (EventType.START_DATASET, 0, "", 0), (EventType.END_DATASET, 0, "", None)
    empty: Event = (EventType.ELEMENT, 1, "OB", ())
    [one], [other] = ([list(found.entries) for found in _datasets([start, *part, end])] for part in (events, [empty]))
    assert one == other


def test_fragments_equal_their_inline_value_field() -> None:
    tag = 0x7FE00010
    events: list[Event] = [(EventType.START_DATASET, 0, "", 0), (EventType.START_FRAGMENTS, tag, "OB", None)]
    for data in (b"", b"abcd"):
        events += [(EventType.START_FRAGMENT, tag, "OB", len(data)), (EventType.SEGMENT, tag, "OB", data[:1])]
        events.append((EventType.LAST_SEGMENT, tag, "OB", data[1:]))
    events += [(EventType.END_FRAGMENTS, tag, "OB", None), (EventType.END_DATASET, 0, "", None)]
    field = bytes.fromhex("feff00e000000000 feff00e004000000") + b"abcd"  # PS3.5 A.4
    inline = {"7FE00010": {"vr": "OB", "InlineBinary": base64.b64encode(field).decode()}}
    [one] = [list(dataset.entries) for dataset in _datasets(events)]
    [other] = [list(dataset.entries) for dataset in _datasets(streamdicom.iter_events(json.dumps(inline).encode()))]
    assert one == other


def test_padding_of_binary_values_is_no_difference() -> None:
    def content(*parts: tuple[EventType, Any]) -> bytes:
        middle: list[Event] = [(kind, 0x7FE00010, "OB", value) for kind, value in parts]
        events: list[Event] = [(EventType.START_DATASET, 0, "", 0), *middle, (EventType.END_DATASET, 0, "", None)]
        [[entry]] = [list(dataset.entries) for dataset in _datasets(events)]
        return entry[2]

    def in_parts(*segments: bytes) -> bytes:
        last = (EventType.LAST_SEGMENT, segments[-1])
        before = [(EventType.SEGMENT, data) for data in segments[:-1]]
        return content((EventType.START_ELEMENT, None), *before, last, (EventType.END_ELEMENT, None))

    def in_fragment(data: bytes) -> bytes:
        start = (EventType.START_FRAGMENTS, None), (EventType.START_FRAGMENT, len(data))
        return content(*start, (EventType.LAST_SEGMENT, data), (EventType.END_FRAGMENTS, None))

    padded = content((EventType.ELEMENT, (b"abc\0",)))
    assert padded == content((EventType.ELEMENT, (b"abc",)))
    assert padded == in_parts(b"abc") == in_parts(b"a", b"b", b"c") == in_parts(b"abc", b"\0")
    assert len({padded, *(content((EventType.ELEMENT, (data,))) for data in (b"ab", b"abx", b"abc\0\0"))}) == 4
    assert in_fragment(b"abc") == in_fragment(b"abc\0") != in_fragment(b"ab")


@each(
    ("vr", "values", "same"),
    [
        ("LO", ("a", None), (("a ", " "), ("a\0", "\0"))),
        ("UI", ("1.2",), ((" 1.2\0",), ("1.2\t",))),
        ("PN", (("a", "b", ""),), ((("a ", "b", " "),),)),
        ("LT", (" a",), ((" a \0",),)),
        ("CS", (), (("\0",), (" ",))),
    ],
)
def test_padding_of_text_is_no_difference(vr: str, values: tuple[Any, ...], same: tuple[tuple[Any, ...], ...]) -> None:
    def content(*parts: tuple[EventType, Any]) -> bytes:
        middle: list[Event] = [(kind, 0x00091001, vr, value) for kind, value in parts]
        events: list[Event] = [(EventType.START_DATASET, 0, "", 0), *middle, (EventType.END_DATASET, 0, "", None)]
        [[entry]] = [list(dataset.entries) for dataset in _datasets(events)]
        return entry[2]

    expected = content((EventType.ELEMENT, values))
    for padded in same:
        assert content((EventType.ELEMENT, padded)) == expected
        if vr == "LT":
            segment = (EventType.LAST_SEGMENT, padded[0])
            assert content((EventType.START_ELEMENT, None), segment, (EventType.END_ELEMENT, None)) == expected
    assert content((EventType.ELEMENT, (*values[:-1], ("b", "", "") if vr == "PN" else "\0a"))) != expected


def test_invalid_element_is_compared_by_its_text() -> None:
    def found(text: str) -> list[Any]:
        event: Event = (EventType.JSON_ELEMENT, 0x00280010, "US", text)
        events: list[Event] = [(EventType.START_DATASET, 0, "", 0), event, (EventType.END_DATASET, 0, "", None)]
        return [list(dataset.entries) for dataset in _datasets(events)]

    assert found('{"vr":"US","Value":["a"]}') == found('{"vr":"US","Value":["a"]}')
    assert found('{"vr":"US","Value":["a"]}') != found('{"vr":"US","Value":["b"]}')


# --- data sets -------------------------------------------------------------------------------------------------


def test_data_sets_are_paired_by_uid_in_any_order(compared: _Diff) -> None:
    one = [_dataset(uid, id=[str(uid)]) for uid in range(60)]
    other = list(one)
    random.Random(2).shuffle(other)
    assert compared(one, other) == []
    place = next(number for number, dataset in enumerate(other) if dataset["00080018"]["Value"] == ["17"])
    other[place] = _dataset(17, id=["x"])
    assert place != 17
    assert compared(one, other) == [f"[17 / {place}].00100020: value differs"]


def test_data_sets_without_a_partner_are_printed(compared: _Diff) -> None:
    one = [_dataset(uid) for uid in (1, 2, 3, 4)]
    assert compared(one, one[1:]) == ["[0]: only in A"]
    assert compared(one[1:], one) == ["[0]: only in B"]
    assert compared(one, [*one[:2], _dataset(9), *one[2:]]) == ["[2]: only in B"]
    assert compared(one, []) == [f"[{number}]: only in A" for number in range(4)]
    assert compared(one[:2], [_dataset(8), _dataset(9)]) == [
        "[0]: only in A",
        "[1]: only in A",
        "[0]: only in B",
        "[1]: only in B",
    ]


def test_data_sets_with_the_same_uid_are_paired_in_order(compared: _Diff) -> None:
    a, b, c = (_dataset(1, id=[text]) for text in "abc")
    assert compared([a, b, c], [a, b, c]) == []
    assert compared([a, b], [a, c]) == ["[1].00100020: value differs"]
    assert compared([_dataset(2), a, b], [a, _dataset(2), b]) == []
    assert compared([_dataset(None, id=["1"]), _dataset(None)], [_dataset(None, id=["1"])]) == ["[1]: only in A"]


def test_uid_is_compared_when_pairing_by_position(compared: _Diff) -> None:
    one, other = [_dataset(1), _dataset(2)], [_dataset(2), _dataset(1), _dataset(3)]
    assert compared(one, other, by_position=True) == [
        "[0].00080018: value differs",
        "[1].00080018: value differs",
        "[2]: only in B",
    ]


def test_data_set_that_waits_too_long_is_missing(compared: _Diff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "_MAX_WAITING", 2)
    one = [_dataset(uid) for uid in range(7)]
    assert compared(one, one[2:] + one[:2]) == []
    expected = [f"[{number}]: only in {name}" for number in (0, 6) for name in "AB"]
    assert compared(one, one[::-1]) == expected


# --- the command -----------------------------------------------------------------------------------------------


def test_formats_of_the_same_data_are_equal(tmp_path: Path) -> None:
    sources = [_dataset(uid, id=[str(uid)]) for uid in range(30)]
    (tmp_path / "a.json").write_text(json.dumps(sources, indent=2))
    lines = "".join(json.dumps(one) + "\n" for one in reversed(sources))
    (tmp_path / "b.ndjson").write_text(lines)
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(lines.encode()))
    for name in ("b.ndjson", "b.ndjson.gz"):
        done = run("diff", tmp_path / "a.json", tmp_path / name)
        assert (done.code, done.stdout, done.stderr) == (0, b"", "")
    done = run("diff", "-", tmp_path / "b.ndjson", data=json.dumps(sources[1:]).encode())
    start = lines.rindex("\n", 0, -1) + 2  # the key after the last brace of a line
    assert (done.code, done.stdout.decode()) == (1, f"[29] (B: byte {start}, line 30, column 2): only in B\n")


def test_error_has_line_and_column_in_indented_text(tmp_path: Path) -> None:
    path, other = tmp_path / "a.json", tmp_path / "b.json"
    text = '[\n {"00100020":{"vr":"LO" "Value":["17"]}}]'
    path.write_text(text)
    other.write_text("[]")
    done = run("diff", path, other)
    assert done.code == 1
    byte = text.index('"Value"')
    assert f"(byte {byte}, line 2, column {byte - 1}, [0].00100020 PatientID)" in done.stderr


def test_exit_codes_separate_errors_and_differences(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text("[{}]")
    bad.write_text("[{},")
    done = run("diff", good, bad)
    assert done.code == 1
    assert done.stderr.startswith(f"streamdicom: {bad}: ")
    assert "byte 4" in done.stderr
    for arguments in (
        ["-", "-"],
        [good],
        [good, tmp_path / "none"],
        [good, tmp_path],
        [good, good, "--by", "name"],
        [good, good, "--ignore", "x"],
    ):
        done = run("diff", *arguments, data=b"")
        assert done.code == 2, arguments
        assert done.error
    one = tmp_path / "one.json"
    one.write_text(json.dumps(_dataset(1, id=["Jane"])))
    done = run("diff", good, one, "--by", "position", "--ignore", "PatientID", "--values")
    assert (done.code, done.stdout) == (1, b"[0].00080018 SOPInstanceUID (B: byte 1): only in B: 1\n")


@pytest.mark.slow
def test_reader_that_closes_the_pipe_ends_the_command_quietly(tmp_path: Path) -> None:
    one = tmp_path / "one.json"
    one.write_text(json.dumps([_dataset(uid) for uid in range(5_000)]))
    (tmp_path / "none.json").write_text("[]")
    with subprocess.Popen(
        [*COMMAND, "diff", str(one), str(tmp_path / "none.json")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_file_without_preamble_needs_force(tmp_path: Path) -> None:
    path = without_preamble(tmp_path / "a")
    (tmp_path / "b.json").write_text(json.dumps(_dataset(None, id=["17"])))
    assert run("diff", path, tmp_path / "b.json").stderr != ""
    assert run("diff", path, tmp_path / "b.json", "--force").code == 0


# --- memory ----------------------------------------------------------------------------------------------------


def _write(path: Path, pieces: Iterator[str]) -> None:
    with path.open("w") as file:
        file.writelines(pieces)


def _compare(one: Path, other: Path) -> None:
    assert diff_files(one, other, by_position=False, ignore=(), values=False, file_meta=False)


@pytest.mark.slow
@pytest.mark.memory
def test_memory_does_not_grow_with_a_value(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    start, end = '{"00091001": {"vr": "OB", "InlineBinary": "', '"}, "00091002": {"vr": "UT", "Value": ["x"]}}'
    _write(path, chain([start], ("A" * 4096 for _ in range(4096)), [end]))
    assert peak(lambda: _compare(path, path)) < 3 * _MIB


@pytest.mark.slow
@pytest.mark.memory
def test_memory_does_not_grow_with_the_elements_of_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MAX_SORTED", 500)
    path = tmp_path / "a.json"
    items = ('%s{"00100020": {"vr": "LO", "Value": ["%d"]}}' % ("," * bool(i), i) for i in range(15_000))
    _write(path, chain(['{"00081140": {"vr": "SQ", "Value": ['], items, ["]}}"]))
    assert peak(lambda: _compare(path, path)) < 4 * _MIB


@pytest.mark.slow
@pytest.mark.memory
def test_data_sets_in_another_order_wait_on_disk(tmp_path: Path) -> None:
    one, other = tmp_path / "a.json", tmp_path / "b.json"
    text = "%s" + json.dumps(
        {**_dataset("%s"), **{f"0009{n:04X}": {"vr": "UT", "Value": ["x" * 1500]} for n in range(10)}}
    )
    _write(one, chain("[", (text % ("," * bool(i), i) for i in range(400)), "]"))
    _write(other, chain("[", (text % ("," * bool(i), 399 - i) for i in range(400)), "]"))
    assert one.stat().st_size > 5 * _MIB
    assert peak(lambda: _compare(one, other)) < 4 * _MIB
