"""Paths of imported files: safe for any values, and the same for the same values."""

from __future__ import annotations

import ntpath
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.archive.layout import DEFAULT_LAYOUT, SOP_INSTANCE_UID, Layout, with_values
from tests.support.each import each

# Moved in Python 3.13.
_is_reserved = getattr(ntpath, "isreserved", None) or (lambda name: PureWindowsPath(name).is_reserved())
_STUDY, _SERIES, _PATIENT = 0x0020000D, 0x0020000E, 0x00100020


def test_default_layout_is_by_study_series_and_instance() -> None:
    values = {_STUDY: "1.1", _SERIES: "1.2", SOP_INSTANCE_UID: "1.3"}
    assert Layout(DEFAULT_LAYOUT).path(values, 0) == "1.1/1.2/1.3.dcm"
    assert Layout(DEFAULT_LAYOUT).tags == set(values)


@each("text", ["1.2.840.10008", "0", "1" * 64, "01.02"])
def test_valid_uid_is_kept(text: str) -> None:
    assert Layout("{SOPInstanceUID}").path({SOP_INSTANCE_UID: text}, 0) == text


@each("text", ["1" * 65, "1..2", ".1", "1.", "1.2.x", "1 2", "\u0661.2", "..", "1/2", "1\n"])
def test_invalid_uid_becomes_a_stable_digest(text: str) -> None:
    layout = Layout("{SOPInstanceUID}")
    path = layout.path({SOP_INSTANCE_UID: text}, 0)
    assert path.startswith("invalid-")
    assert path == layout.path({SOP_INSTANCE_UID: text}, 99)
    assert path != layout.path({SOP_INSTANCE_UID: text + "x"}, 0)


@each(
    ("text", "name"),
    [
        ("Müller^Jürgen", "Müller^Jürgen"),
        ("山田^太郎", "山田^太郎"),
        ("a/b\\c:d", "a_b_c_d"),
        ("../..", "_"),
        ("  . ", "unknown"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("aux .txt", "_aux .txt"),
        ("com²", "_com²"),
        ("\u202egnp.exe", "_gnp.exe"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_unsafe_characters_of_a_text_are_replaced(text: str, name: str) -> None:
    assert Layout("{PatientID}").path({_PATIENT: text}, 0) == name


_LAYOUTS = [
    DEFAULT_LAYOUT,
    "{PatientID}",
    "{PatientID}/{PatientName}-{00080060}.dcm",
    "a/{StudyInstanceUID}{PatientID}",
]
_ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=300) | st.sampled_from(["..", ".", "/", "\0"])


@given(st.dictionaries(st.sampled_from([_STUDY, _SERIES, SOP_INSTANCE_UID, _PATIENT, 0x00100010, 0x00080060]), _ANY))
@each("layout", _LAYOUTS)
def test_no_value_makes_an_unsafe_path(layout: str, values: dict[int, str]) -> None:
    path = Layout(layout).path(values, 7)
    path.encode()
    assert not PurePosixPath(path).is_absolute()
    assert not PureWindowsPath(path).is_absolute()
    assert not PureWindowsPath(path).drive
    parts = path.split("/")
    assert len(parts) == layout.count("/") + 1
    for part in parts:
        assert part
        assert part not in (".", "..")
        assert not part.startswith(".")
        assert len(part.encode()) <= 255
        assert not set(part) & set('\\/:*?"<>|\0\n\r')
        assert part.isprintable()
        assert not _is_reserved(part)


@each(
    "layout", ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "{x", "a}", "{}", "{Nothing}", "a\\b", "C:a", "a\0", ".a"]
)
def test_invalid_layout_is_a_value_error(layout: str) -> None:
    with pytest.raises(ValueError, match="layout"):
        Layout(layout)


def test_values_are_taken_from_the_top_level_only() -> None:
    values: dict[int, str] = {}
    events = [
        (1, 0, "", 0),
        (3, _PATIENT, "LO", ("17 ",)),
        (10, 0x00081140, "SQ", None),
        (11, 0x00081140, "SQ", 0),
        (3, SOP_INSTANCE_UID, "UI", ("9.9",)),
        (12, 0x00081140, "SQ", None),
        (13, 0x00081140, "SQ", None),
        (3, _STUDY, "UI", ()),
        (3, 0x00100010, "PN", (("", "山田", ""),)),
        (3, 0x00280010, "US", (7,)),
        (3, 0x00091001, "UN", (b"x",)),
        (2, 0, "", None),
    ]
    tags = frozenset({_PATIENT, SOP_INSTANCE_UID, _STUDY, 0x00100010, 0x00280010, 0x00091001})
    assert list(with_values(events, tags, values)) == events
    assert values == {_PATIENT: "17", 0x00100010: "山田", 0x00280010: "7", 0x00091001: ""}
