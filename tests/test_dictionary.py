"""The data dictionary, with and without pydicom."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pydicom.datadict
import pytest
from pydicom import _dicom_dict
from pydicom.uid import UID_dictionary

from streamdicom import _dictionary
from streamdicom._dictionary import entry_of, private_entry_of, tag_of_keyword, uid_type_of

_TAGS = [
    *_dicom_dict.DicomDictionary,
    0x00091001,
    0x00090010,
    0x60220010,
    0x50001234,
    0x10101234,
    0x00203199,
    0x00280404,
]


def _pydicoms(tag: int) -> tuple[str, ...] | None:
    try:
        return pydicom.datadict.get_entry(tag)
    except KeyError:
        return None


def test_entries_are_those_of_pydicom() -> None:
    for tag in _TAGS:
        assert entry_of(tag) == _pydicoms(tag), hex(tag)
        keyword = (_pydicoms(tag) or ("",) * 5)[4]
        assert tag_of_keyword(keyword) == pydicom.datadict.tag_for_keyword(keyword)


def test_entries_are_the_same_without_importing_pydicom() -> None:
    code = (
        "import json, sys; from streamdicom._dictionary import entry_of, tag_of_keyword; tags = json.load(sys.stdin); "
        "found = [entry_of(tag) for tag in tags]; keys = [tag_of_keyword(each[4]) if each else 0 for each in found]; "
        "print(json.dumps([found, keys, 'pydicom' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(_TAGS), capture_output=True, text=True, check=True
    )
    found, keys, is_imported = json.loads(done.stdout)
    assert [each and tuple(each) for each in found] == [_pydicoms(tag) for tag in _TAGS]
    assert keys == [pydicom.datadict.tag_for_keyword(each[4]) if each else 0 for each in map(_pydicoms, _TAGS)]
    assert not is_imported


def test_entries_that_a_program_adds_are_found() -> None:
    pydicom.datadict.add_dict_entry(0x10021001, "UL", "TestOne", "Test One")
    try:
        assert entry_of(0x10021001) == ("UL", "1", "Test One", "", "TestOne")
        assert tag_of_keyword("TestOne") == 0x10021001
    finally:
        del _dicom_dict.DicomDictionary[0x10021001]
        del pydicom.datadict.keyword_dict["TestOne"]


def test_pydicom_is_imported_if_its_files_are_arranged_otherwise() -> None:
    assert importlib.util.find_spec("pydicom._other") is None
    module = _dictionary._own_module("_other")
    assert module.DicomDictionary is _dicom_dict.DicomDictionary
    assert module.private_dictionaries is pydicom.datadict.private_dictionaries


def _pydicoms_private(tag: int, creator: str) -> tuple[str, str] | None:
    try:
        vr, multiplicity, *_ = pydicom.datadict.get_private_entry(tag, creator)
    except KeyError:
        return None
    return vr, multiplicity


def test_private_entries_are_those_of_pydicom() -> None:
    own = _dictionary._own_module("_private_dict").private_dictionaries
    assert own == pydicom.datadict.private_dictionaries
    for creator, entries in own.items():
        for key in entries:
            for digit in "1E":
                tag = int(key.replace("x", digit), 16)
                assert private_entry_of(tag, creator) == _pydicoms_private(tag, creator)
    assert private_entry_of(0x00091027, "GEMS_IDEN_01") == ("SL", "1")
    assert private_entry_of(0x000910FF, "GEMS_IDEN_01") is None


def test_types_of_uids_are_those_of_pydicom() -> None:
    types = {uid: row[1] for uid, row in UID_dictionary.items()}
    assert {uid: uid_type_of(uid) for uid in types} == types
    assert [uid_type_of(uid) for uid in ("1.2.3", "1.2.840.10008.1", "")] == [""] * 3
    code = (
        "import json, sys; from streamdicom._dictionary import uid_type_of; "
        "print(json.dumps([{uid: uid_type_of(uid) for uid in json.load(sys.stdin)}, 'pydicom' in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps([*types]), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [types, False]


def test_private_entries_that_a_program_adds_are_found() -> None:
    pydicom.datadict.add_private_dict_entry("TESTING", 0x00411001, "DS", "Test")
    try:
        assert private_entry_of(0x00411201, "TESTING") == ("DS", "1")
    finally:
        del pydicom.datadict.private_dictionaries["TESTING"]


def test_rows_in_the_text_are_those_of_the_modules() -> None:
    *entries, (last, _) = _dicom_dict.DicomDictionary.items()
    assert _dictionary._public_row(last) is None  # it has no comma
    for tag, entry in entries:
        assert _dictionary._public_row(tag) == list(entry)
        if entry[4]:
            assert _dictionary._tag_in_text(entry[4]) == tag
    assert _dictionary._public_row(0x00289998) is None
    for keyword in ("patientName", "PatientNam", "', '", "\ud800"):
        assert _dictionary._tag_in_text(keyword) is None
    for creator, private in pydicom.datadict.private_dictionaries.items():
        lines = _dictionary._private_lines(creator)
        assert lines is not None
        rows = {key: _dictionary._row(line, 4) for key, line in lines.items()}
        assert list(rows) == list(private)
        assert all(row in (None, list(private[key])) for key, row in rows.items())  # None: it has an escape
    assert _dictionary._private_lines("unknown") is None
    assert _dictionary._private_lines("\ud800'") is None


_CHANGES = {
    "another line end": ("\n", "\r\n"),
    "another indent": ("\n    ", "\n  "),
    "double quotes": ("'", '"'),
    "an escape": ("Name", "\\x4eame"),
    "a space before the colon": (": (", " : ("),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("old", "new"), _CHANGES.values(), ids=_CHANGES)
def test_module_decides_if_the_text_has_another_form(old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def text(name: str) -> bytes:
        return Path(_dictionary._path(name)).read_text("utf-8").replace(old, new).encode() if old else b""

    texts = {name: text(name) for name in ("_dicom_dict", "_private_dict")}
    monkeypatch.setattr(_dictionary, "_text", texts.__getitem__)
    monkeypatch.setattr(_dictionary, "_is_imported", lambda _: False)
    cached = (_dictionary._public_lines, _dictionary._private_lines)
    for function in cached:
        function.cache_clear()
    try:
        assert entry_of(0x00100010) == _pydicoms(0x00100010)
        assert entry_of(0x60220010) == _pydicoms(0x60220010)
        assert entry_of(0x00091001) is None
        assert private_entry_of(0x00091027, "GEMS_IDEN_01") == ("SL", "1")
        assert private_entry_of(0x000910E2, "GEMS_IDEN_01") == _pydicoms_private(0x000910E2, "GEMS_IDEN_01")
        assert private_entry_of(0x000910FF, "GEMS_IDEN_01") is None
        assert _dictionary._tag_in_text("PatientName") in (None, 0x00100010)
    finally:
        for function in cached:
            function.cache_clear()


def test_known_elements_do_not_load_the_modules() -> None:
    code = (
        "from streamdicom import _dictionary; from streamdicom._dictionary import *; "
        "print(entry_of(0x00100010).keyword, entry_of(0x00091001), tag_of_keyword('Rows'), "
        "private_entry_of(0x00091027, 'GEMS_IDEN_01'), _dictionary._own_module.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["PatientName", "None", str(0x00280010), "('SL',", "'1')", "0"]
