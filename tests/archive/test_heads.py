"""The start of DICOM files: the same elements as by the parser, or none."""

from __future__ import annotations

import os
import random
import struct
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from streamdicom import InputError, ReadOptions, _native, iter_events
from streamdicom.archive import Heads, iter_heads
from streamdicom.events import ELEMENT, Event
from tests.archive.corpus import dataset, encapsulated, file_bytes
from tests.support.each import each

pytestmark = pytest.mark.skipif(_native.functions is None, reason="the compiled engine is not built")

_TAGS = (0x00080016, 0x00080018, 0x00080020, 0x00080060, 0x00100010, 0x00100020, 0x00200032, 0x00280010, 0x00280106)
_OPTIONS = ReadOptions(include=[f"{tag:08X}" for tag in _TAGS])
_DATA = Path(pydicom.__file__).parent / "data"


def _heads() -> Heads:
    heads = Heads.of(_TAGS, _OPTIONS)
    assert heads is not None
    return heads


def _head(path: Path) -> list[Event] | None:
    return _heads().read(str(path), path.stat().st_size)


def _exact(path: Path) -> list[Event] | None:
    """Return the elements by the parser; None if it refuses the file."""
    options = ReadOptions(include=_OPTIONS.include, deviations={"truncated": "error"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [event for event in iter_events(path, options=options) if event[0] == ELEMENT and event[1] in _TAGS]
        except InputError:
            return None


def _check(path: Path) -> bool:
    """Check a file; return whether its start was enough."""
    head = _head(path)
    if head is None:
        return False
    assert head == _exact(path), path
    return True


def test_all_files_of_pydicom_have_the_same_elements() -> None:
    files = [path for path in sorted(_DATA.rglob("*")) if path.is_file()]
    assert sum(map(_check, files)) > 100  # and every other one is left to the parser


@each("name", ["CT_small.dcm", "rtplan.dcm", "test-SR.dcm", "JPEG2000.dcm", "MR_small.dcm"])
def test_file_that_is_cut_anywhere_is_left_to_the_parser(name: str, tmp_path: Path) -> None:
    data = (_DATA / "test_files" / name).read_bytes()
    path = tmp_path / "cut"
    places = random.Random(name).sample(range(len(data)), 150)
    for place in {*places, *range(len(data) - 20, len(data)), *range(120, 400, 3)}:
        path.write_bytes(data[:place])
        _check(path)
    path.write_bytes(data)
    assert _check(path)


@pytest.mark.parametrize("name", ["rtplan.dcm", "test-SR.dcm", "MR_small.dcm"])
def test_file_with_changed_bytes_has_the_same_elements_or_none(name: str, tmp_path: Path) -> None:
    data = (_DATA / "test_files" / name).read_bytes()[:9000]
    generator = random.Random(name)
    path = tmp_path / "changed"
    found = 0
    for _ in range(400):
        changed = bytearray(data)
        changed[generator.randrange(128, len(data))] ^= 1 << generator.randrange(8)
        path.write_bytes(changed)
        head, exact = _head(path), _exact(path)
        if head is not None and exact is not None:  # faults in other elements are not seen
            assert head == exact
            found += 1
    assert found > 100 or name == "MR_small.dcm"  # whose pixel data are cut


def test_character_sets(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for term, text, is_known in (
        ("ISO_IR 100", "Müller", True),
        ("ISO_IR 192", "山田", True),
        ("GB18030", "山田", False),
    ):
        ds = dataset(1, SpecificCharacterSet=term, PatientName=text)
        path.write_bytes(file_bytes(ds))
        assert (_head(path) is not None) == is_known
        assert not is_known or [event[3] for event in _head(path) or () if event[1] == 0x00100010] == [
            ((text, "", ""),)
        ]
        assert _check(path) == is_known


def _element(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    form = "<HH2sHI" if vr in (b"OB", b"SQ", b"UN", b"OW") else "<HH2sH"
    parts: list[Any] = [tag >> 16, tag & 0xFFFF, vr, *([0, size] if form == "<HH2sHI" else [size])]
    return struct.pack(form, *parts) + value


_START = file_bytes(dataset(1))


@each(
    ("end", "is_known"),
    [
        (b"", True),
        (_element(0x00280010, b"US", b"\1\0"), True),
        (_element(0x00280010, b"US", b"\1\0") * 2, False),  # repeated
        (_element(0x00100030, b"DA", b"20200101"), False),  # not in order
        (_element(0x00280010, b"UN", b"\1\0"), False),
        (_element(0x00280010, b"ZZ", b"\1\0"), False),
        (_element(0x00400275, b"SQ", b"", 0xFFFFFFFF) + b"\xfe\xff\xdd\xe0\0\0\0\0", True),
        (_element(0x00400275, b"SQ", b"", 0xFFFFFFFF), False),
        (_element(0x00400275, b"UN", b"", 0xFFFFFFFF) + b"\xfe\xff\xdd\xe0\0\0\0\0", False),
        (_element(0x00400275, b"SQ", b"", 1000), False),
        (_element(0x7FE00010, b"OB", b"", 1000), False),
        (_element(0x7FE00010, b"OB", b"1234"), True),
        (_element(0x7FE00010, b"OB", b"", 0xFFFFFFFF) + b"\xfe\xff\xdd\xe0\0\0\0\0", False),  # of a native syntax
        (_element(0xFFFCFFFC, b"OB", b"1234"), True),
        (_element(0xFFFCFFFC, b"OB", b"1234", 6), False),
        (b"\0" * 6, False),
    ],
)
def test_only_canonical_files_are_taken(end: bytes, is_known: bool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(_START + end)
    assert _check(path) == is_known


def test_fragments_need_their_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    data = file_bytes(encapsulated())
    path.write_bytes(data)
    assert _check(path)
    path.write_bytes(data[:-8])
    assert not _check(path)


def test_long_element_before_the_last_wanted_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for size, is_known in ((100_000, True), (3_000_000, False)):
        ds = dataset(1, Rows=7)
        ds.add_new(0x00110010, "LO", "creator")
        ds.add_new(0x00111001, "OB", bytes(size))
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        path.write_bytes(file_bytes(ds))
        assert _check(path) == is_known


@each(
    "options",
    [{"on_deviation": print}, {"profile": "strict"}, {"where": {"Modality": "CT"}}, {"on_error": "skip"}],
)
def test_other_options_need_the_parser(options: dict[str, Any]) -> None:
    assert Heads.of(_TAGS, ReadOptions(include=_OPTIONS.include, **options)) is None


@each("tag", [0x00020010, 0x7FE00010, 0xFFFCFFFC])
def test_elements_out_of_reach_need_the_parser(tag: int) -> None:
    assert Heads.of([tag], ReadOptions(include=[f"{tag:08X}"])) is None


def test_inputs_of_every_kind_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(file_bytes(dataset(1)))
    (tmp_path / "b.json").write_bytes(b'[{"00100020": {"vr": "LO", "Value": ["17"]}}]')
    (tmp_path / "c.txt").write_bytes(b"passed over")
    os.mkfifo(tmp_path / "d")
    found = [
        (Path(name).name, head is not None, sum(event[0] == ELEMENT for event in events))
        for name, head, events in iter_heads(tmp_path, heads=_heads(), options=_OPTIONS)
    ]
    # Events on request have File Meta Information too.
    assert found == [("a.dcm", True, 11), ("b.json", False, 1)]
