"""``validate`` finds the same on both engines, for every cut."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamdicom
from streamdicom import WriteOptions, _native
from streamdicom.cli import places
from streamdicom.cli.validate import validate_files
from streamdicom.dicom import is_private_creator
from streamdicom.events import Event
from streamdicom.filters import ValueCheck
from tests.formats.part10.files import EXPLICIT
from tests.support.strategies import cuts

_ENGINE = _native.functions
pytestmark = [
    pytest.mark.skipif(_ENGINE is None, reason="the compiled engine was not built"),
    pytest.mark.filterwarnings("ignore"),  # files contradict their transfer syntax
]

_ITEM = {"00081150": ("UI", "1.2.840"), "00081155": ("UI", "1.2.3"), "00090010": ("LO", "GEMS_IDEN_01")}
_NESTED = {**_ITEM, "00091027": ("SL", 5), "0040A170": ("SQ", {"00080100": ("SH", "a"), "00080104": ("LO", "b")}, {})}
_RIGHT: dict[str, tuple[Any, ...]] = {
    "00080005": ("CS", "ISO_IR 192"),
    "00080008": ("CS", "ORIGINAL", "PRIMARY"),
    "00080016": ("UI", "1.2.840.10008.5.1.4.1.1.2"),
    "00080018": ("UI", "1.2.3.4"),
    "00080020": ("DA", "20240131"),
    "0008002A": ("DT", "20240131101112.5"),
    "00080030": ("TM", "101112.123456"),
    "00080050": ("SH", "A 1"),
    "00080054": ("AE", "HERE"),
    "00080060": ("CS", "CT"),
    "00080081": ("ST", "a street"),
    "00080119": ("UC", "a code"),
    "00081030": ("LO", "a description é"),
    "00081140": ("SQ", _ITEM, _NESTED, {}),
    "00081190": ("UR", "http://a/b?c"),
    "00089459": ("FL", 1.5),
    "00090010": ("LO", "GEMS_IDEN_01"),
    "00091002": ("SH", "CT01"),
    "00091027": ("SL", 862399761),
    "00100010": ("PN", {"Alphabetic": "Doe^Jane", "Ideographic": "山^本"}),
    "00100020": ("LO", "17"),
    "00101010": ("AS", "012Y"),
    "00104000": ("LT", "some\r\ntext"),
    "00180050": ("DS", 0.5),
    "00189073": ("FD", 1.25),
    "00190010": ("LO", "SIEMENS MR HEADER"),
    "00191008": ("CS", "IMAGE NUM 4"),
    "0019100A": ("US", 1),
    "0020000D": ("UI", "1.2.3.5"),
    "00200013": ("IS", 1),
    "00200037": ("DS", 1, 0, 0, 0, 1, 0),
    "00280009": ("AT", "00181063"),
    "00280010": ("US", 512),
    "00280030": ("DS", 0.5, 0.5),
    "00280103": ("US", 1),
    "00280106": ("SS", -1),
    "00283000": ("SQ", {"00283002": ("US", 2, 0, 16), "00283006": ("US", 1, 2)}),
    "00420011": ("OB", b"AAA="),
    "00700226": ("UL", 5),
    "00720082": ("SV", "-5"),
    "00720083": ("UV", 5),
    "7FE00010": ("OW", b"AAA="),
}
_VALUES: list[Any] = [
    *("", None, "a", "A", "é", "\x85", "a\tb", "a\\b", "\0", "x" * 17, "x" * 65, "é" * 64, "A=B", "A^B^C^D^E^F", " A "),
    *(
        "20240230",
        "2024-01-19",
        "20240229",
        "2399",
        "24",
        "2024",
        "202413",
        "1.02",
        "1.39",
        "2.999",
        "3.1",
        "50",
        "050Y",
    ),
    *(0, 1, -1, 1.5, 0.1, 1e39, 65536, 2**32, 2**63, "5", "1e5", "1.0", " 1", "9" * 13, "+1", 0.123456789),
    *({"Alphabetic": "a"}, {"Alphabetic": "山" * 65, "Phonetic": "a^b"}, {"Ideographic": "a\x7f"}, {}),
    *("ISO_IR 100", "ISO_IR 999", "GEMS_IDEN_01", "GEMS_IDEN_01 ", "SIEMENS MR HEADER", "00100010"),
]
_VRS = ["CS", "LO", "SH", "UI", "DA", "PN", "US", "UN", "OB", "DS", "IS", "SQ", "FL", "LT", "AT", "??"]
_TAGS = ["00080005", "00090010", "00091001", "00091027", "00190011", "00191108", "00280103", "00100011", "00080000"]
_FRAGMENTS = [*'"{}[]:, a0', "null", "[]", '"vr":"SH"', "\\u0085", "é", "00091027", "00090010", "}]}", "\n", "// x\n"]


@pytest.fixture(scope="module", autouse=True)
def both_engines() -> None:
    """Run each test once: these choose the engines themselves."""


def _attribute(vr: str, *values: Any) -> dict[str, Any]:
    if vr == "SQ":
        return {"vr": vr, "Value": [_dataset(item) if isinstance(item, dict) else item for item in values]}
    if values and isinstance(values[0], bytes):
        return {"vr": vr, "InlineBinary": values[0].decode()}
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def _dataset(elements: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    return {tag: _attribute(*element) for tag, element in elements.items()}


def _lines(engine: Any, path: Path, streams: list[list[bytes]], max_printed: int = 10_000) -> str:
    """Return the lines about streams in chunks, which one command validates."""
    remaining = iter(streams)

    def read(*_: object) -> Iterator[bytes]:
        yield from next(remaining)

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr(_native, "functions", engine)
        patch.setattr(places, "read", read)
        validate_files([path] * len(streams), max_printed=max_printed)
    return out.getvalue()


def _agree(path: Path, teacher: bytes, document: bytes, chunks: list[bytes]) -> None:
    """Check that the engines find the same, before and after the rules are known."""
    path.touch()
    expected = _lines(None, path, [[document], [teacher], [document]])
    assert _lines(_ENGINE, path, [[document], [teacher], [document]]) == expected
    cut = _lines(None, path, [chunks, [teacher], chunks])
    assert _lines(_ENGINE, path, [chunks, [teacher], chunks]) == cut
    mixed = [[teacher], [_OTHERS[document[:1] == b"["]], chunks]  # rules of another format are known
    found = _lines(_ENGINE, path, mixed)
    assert found == _lines(None, path, mixed)
    for engine, most in ((_ENGINE, 0), (None, 1)):  # the rest is only counted
        assert _summary(_lines(engine, path, mixed, most)) == _summary(found)


def _summary(lines: str) -> list[str]:
    """Return the sorted lines of the summary; codes of equal counts have no order."""
    return sorted(re.split(r"^(?=[0-9,]+ data sets?, )", lines, flags=re.MULTILINE)[-1].splitlines())


_TEACHER = json.dumps([_dataset(_RIGHT)] * 2, ensure_ascii=False).encode()


def test_right_elements_do_not_reach_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time the engine finds them right itself."""
    seen: list[list[int]] = []
    check = ValueCheck.check

    def noting(self: ValueCheck, events: Sequence[Event], *others: Any) -> None:
        seen.append([event[1] for event in events])
        check(self, events, *others)

    monkeypatch.setattr(ValueCheck, "check", noting)
    lines = _lines(_ENGINE, tmp_path, [[_TEACHER], [_TEACHER]])
    assert lines.startswith("4 data sets, 0 deviations: conformant"), lines
    assert len(seen[0]) > len(_RIGHT)
    # Pixel data depends on the transfer syntax. The engine sends the elements with it on which others may depend.
    assert {tag for tag in seen[-1] if not is_private_creator(tag)} == {0, 0x00280103, 0x7FE00010}


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """Data sets with some wrong or odd elements, and sometimes with damaged text."""
    elements = dict(_RIGHT)
    for _ in range(draw(st.integers(0, 4))):
        tag = draw(st.sampled_from([*_RIGHT, *_RIGHT, *_TAGS]))
        vr = elements[tag][0] if tag in elements and draw(st.booleans()) else draw(st.sampled_from(_VRS))
        values = draw(st.lists(st.sampled_from(_VALUES), max_size=3))
        item = dict(_NESTED)
        if draw(st.booleans()):
            elements[tag] = (vr, *values)
        else:
            item[tag] = (vr, *values)
            elements["00081140"] = ("SQ", _ITEM, item, _NESTED)
        if draw(st.integers(0, 5)) == 0:
            elements.pop(draw(st.sampled_from(sorted(elements))))
    if draw(st.booleans()):
        elements = dict(sorted(elements.items()))
    datasets = [_dataset(elements), _dataset(_RIGHT)]
    text = json.dumps(datasets, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    data = text.encode(errors="surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 12)))
        data = data[:start] + draw(st.sampled_from(_FRAGMENTS)).encode() + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 9)) == 0 else data


@settings(max_examples=40)
@given(data=st.data(), document=_damaged())
@pytest.mark.slow
def test_engines_find_the_same_in_json(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, document: bytes
) -> None:
    _agree(tmp_path_factory.getbasetemp() / "a.json", _TEACHER, document, data.draw(cuts(document)))


def _file(transfer_syntax: str) -> bytes:
    target = io.BytesIO()
    elements = {tag: element for tag, element in _RIGHT.items() if tag != "00081190"}
    events = streamdicom.iter_events([json.dumps(_dataset(elements)).encode()])
    options = WriteOptions(transfer_syntax=transfer_syntax)
    streamdicom.write_events(events, target, format="dicom", options=options)
    return target.getvalue()


_FILES = [
    _file(EXPLICIT.uid),
    _file("1.2.840.10008.1.2"),
    *(
        Path(str(pydicom.data.get_testdata_file(name))).read_bytes()[:6000]
        for name in ("CT_small.dcm", "MR_small_bigendian.dcm", "reportsi.dcm")
    ),
]
_OTHERS = {True: _FILES[0], False: _TEACHER}
_BYTES = [
    b"\0",
    b" ",
    b"\xff",
    b"\\",
    b"a",
    b"\x1b",
    b"UN",
    b"SQ",
    b"LO",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0",
    b"",
]


@st.composite
def _damaged_file(draw: st.DrawFn) -> tuple[bytes, bytes]:
    file = data = draw(st.sampled_from(_FILES))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(132, len(data)))
        end = draw(st.integers(start, min(len(data), start + 4)))
        replacement = draw(st.sampled_from(_BYTES))
        if draw(st.booleans()):
            end = min(len(data), start + len(replacement))
        data = data[:start] + replacement + data[end:]
    return file, data


def _as_xml(document: bytes) -> bytes:
    target = io.BytesIO()
    streamdicom.write_events(streamdicom.iter_events([document]), target, format="xml")
    return target.getvalue()


_XML = _as_xml(json.dumps(_dataset(_RIGHT)).encode())
_MARKUP = [*'<>&"/a0 ', "&#x85;", "é", '<Value number="2">x</Value>', 'vr="SH"', "00091027", "</Item>"]


@st.composite
def _damaged_xml(draw: st.DrawFn) -> bytes:
    data = _XML
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 6)))
        data = data[:start] + draw(st.sampled_from(_MARKUP)).encode() + data[end:]
    return data


@pytest.mark.slow
@settings(max_examples=30)
@given(data=st.data(), document=_damaged_xml())
def test_engines_find_the_same_in_xml(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, document: bytes
) -> None:
    _agree(tmp_path_factory.getbasetemp() / "a.xml", _XML, document, data.draw(cuts(document)))


@settings(max_examples=60)
@given(data=st.data(), damaged=_damaged_file())
@pytest.mark.slow
def test_engines_find_the_same_in_files(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, damaged: tuple[bytes, bytes]
) -> None:
    file, document = damaged
    _agree(tmp_path_factory.getbasetemp() / "a.dcm", file, document, data.draw(cuts(document)))
