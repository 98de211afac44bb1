"""The dictionaries of PS3.6 as pydicom has them, without importing pydicom.

pydicom imports NumPy and much else, which takes longer than reading a small file. Its dictionaries are modules of
literals, with a row in each line. A command needs few rows, and reads them from the text: so many literals take half as
long to load as Python to start. If there is no line of the expected form, the module is loaded on its own, and decides.
After pydicom has been imported, its own dictionaries count: the program may have added entries.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType

from streamdicom._records import NamedTuple
from streamdicom._typing import Any

_PUBLIC, _PRIVATE, _UIDS = "_dicom_dict", "_private_dict", "_uid_dict"
_NAMES = {
    _PUBLIC: ("DicomDictionary", "RepeatersDictionary"),
    _PRIVATE: ("private_dictionaries",),
    _UIDS: ("UID_dictionary",),
}
_PRIVATE_COLUMNS = 4  # VR, VM, name, retired
_UID_COLUMNS = 5  # name, type, info, retired, keyword
_MAX_CREATORS = 64  # whose lines are kept
_MAX_UIDS = 64  # whose types are kept


class Entry(NamedTuple):
    """An entry of the dictionary, as in the columns of PS3.6."""

    vr: str
    vm: str
    name: str
    retired: str
    keyword: str


def entry_of(tag: int) -> Entry | None:
    """Return the entry of a standard element, or of its repeating group.

    >>> entry_of(0x00100010)
    Entry(vr='PN', vm='1', name="Patient's Name", retired='', keyword='PatientName')
    >>> entry_of(0x60220010).keyword, entry_of(0x00091001)
    ('OverlayRows', None)
    """
    found: Sequence[str] | None = None
    if not _is_imported(_PUBLIC):
        if tag >> 16 & 1:  # private
            return None
        found = _public_row(tag)
    if found is None:
        module = _module()
        found = module.DicomDictionary.get(tag)
        if found is None and not tag >> 16 & 1:
            for mask, value, text in _masks(tuple(module.RepeatersDictionary)):
                if tag & mask == value:
                    found = module.RepeatersDictionary[text]
                    break
    return None if found is None else Entry(*found)


def tag_of_keyword(keyword: str) -> int | None:
    """Return the tag of a keyword, or None.

    >>> hex(tag_of_keyword("PatientName")), tag_of_keyword("patientName")
    ('0x100010', None)
    """
    if "pydicom.datadict" in sys.modules:
        tag: int | None = sys.modules["pydicom.datadict"].tag_for_keyword(keyword)
        return tag
    tag = _tag_in_text(keyword) if keyword else None  # retired elements may have an empty one
    return _own_keywords().get(keyword) if tag is None else tag


def private_entry_of(tag: int, creator: str) -> tuple[str, str] | None:
    """Return the VR and the VM of a private element, by its creator, or None.

    See PS3.5 7.8.1.

    >>> private_entry_of(0x00091027, "GEMS_IDEN_01"), private_entry_of(0x00091027, "")
    (('SL', '1'), None)
    """
    found = _private_row(tag, creator)
    return (found[0], found[1]) if found else None


def private_name_of(tag: int, creator: str) -> str:
    """Return the name of a private element, by its creator, or "".

    >>> private_name_of(0x00091027, "GEMS_IDEN_01"), private_name_of(0x00091027, "")
    ('Image actual date', '')
    """
    found = _private_row(tag, creator)
    return found[2] if found else ""


@lru_cache(maxsize=_MAX_UIDS)
def uid_type_of(uid: str) -> str:
    """Return the type of a UID of PS3.6 Table A-1, or "".

    >>> uid_type_of("1.2.840.10008.1.2"), uid_type_of("1.2.840.10008.1.1"), uid_type_of("1.2.3")
    ('Transfer Syntax', 'SOP Class', '')
    """
    start = f"\n    {uid!r}: ".encode()
    _, _, rest = (b"", b"", b"") if _is_imported(_UIDS) else _text(_UIDS).partition(start)
    row: Sequence[str] | None = _row(rest.partition(b"\n")[0], _UID_COLUMNS)
    row = row or _module(_UIDS).UID_dictionary.get(uid)
    return row[1] if row else ""


def _private_row(tag: int, creator: str) -> Sequence[str] | None:
    lines = None if _is_imported(_PRIVATE) else _private_lines(creator)
    if lines is not None:
        line = _of_private_tag(tag, lines)
        row = _row(line, _PRIVATE_COLUMNS) if line else None
        if row or not line:
            return row
    found: Sequence[str] | None = _of_private_tag(tag, _module(_PRIVATE).private_dictionaries.get(creator, {}))
    return found


def _of_private_tag(tag: int, known: Mapping[str, Any]) -> Any:
    digits = f"{tag:08X}"
    for key in (digits, f"{digits[:4]}xx{digits[6:]}", f"{digits[:2]}xxxx{digits[6:]}"):  # blocks and groups are free
        if key in known:
            return known[key]
    return None


# --- rows in the text of a module ------------------------------------------------------------------------------


def _public_row(tag: int) -> list[str] | None:
    """Return the row of a standard element, or None if the module must decide."""
    lines, start = _public_lines(), b"    0x%08X: " % tag
    position = bisect_left(lines, start)
    if position == len(lines) or not lines[position].startswith(start):
        return None
    return _row(lines[position][len(start) :], len(Entry._fields))


def _tag_in_text(keyword: str) -> int | None:
    """Return the tag of a keyword, or None if the module must decide."""
    text, start = _text(_PUBLIC), b"\n    0x"
    end = text.find(f", {keyword!r}),\n".encode())
    first = text.rfind(start, 0, max(end, 0))
    if first < 0:
        return None
    digits, _, literal = text[first + len(start) : text.find(b"\n", end)].partition(b": ")
    row = _row(literal, len(Entry._fields))
    return int(digits, 16) if row and row[-1] == keyword else None


@cache
def _public_lines() -> list[bytes]:
    text = _text(_PUBLIC)
    return text[text.find(b"{\n") : text.find(b"\n}")].split(b"\n")[1:]


@lru_cache(maxsize=_MAX_CREATORS)
def _private_lines(creator: str) -> dict[str, bytes] | None:
    """Return the literals of a creator by tag, or None if the module must decide."""
    text = _text(_PRIVATE)
    start = text.find(f"\n    {creator!r}: {{\n".encode())
    lines = text[start : text.find(b"\n    },", start)].split(b"\n")[2:]
    if start < 0 or not all(line.startswith(b"        '") and line[17:20] == b"': " for line in lines):
        return None
    return {line[9:17].decode(): line[20:] for line in lines}


def _row(literal: bytes, columns: int) -> list[str] | None:
    """Return the texts of a literal, or None if it has another form.

    >>> _row(b"('PN', '1', 'Name', ''),", 4)
    ['PN', '1', 'Name', '']
    """
    pieces: list[str] = []
    for number, text in enumerate(literal.decode().split('"')):
        pieces += [text] if number % 2 else text.split("'")
    separators, row = pieces[::2], pieces[1::2]
    is_plain = separators == ["(", *[", "] * (columns - 1), "),"] and b"\\" not in literal
    return row if is_plain else None


@cache
def _text(name: str) -> bytes:
    path = _path(name)
    if not path:
        return b""
    with open(path, "rb") as file:
        return file.read()


# --- modules ---------------------------------------------------------------------------------------------------


def _is_imported(name: str) -> bool:
    return f"pydicom.{name}" in sys.modules


def _module(name: str = _PUBLIC) -> Any:
    return sys.modules.get(f"pydicom.{name}") or _own_module(name)


@cache
def _own_module(name: str = _PUBLIC) -> ModuleType:
    """Load a module of literals; import pydicom if its files are arranged otherwise."""
    path = _path(name)
    if path:
        from importlib.util import module_from_spec, spec_from_file_location

        spec = spec_from_file_location(f"streamdicom.{name}", path)
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            if all(hasattr(module, found) for found in _NAMES[name]):
                return module
    return import_module("pydicom.uid" if name == _UIDS else "pydicom.datadict")


@cache
def _path(name: str) -> str:
    """Return the path of a module of pydicom, or "" if it has no such file."""
    from importlib.util import find_spec  # which most runs do not need

    package = find_spec("pydicom")
    for folder in (package and package.submodule_search_locations) or ():
        path = os.path.join(folder, f"{name}.py")
        if os.path.isfile(path):
            return path
    return ""


@cache
def _own_keywords() -> dict[str, int]:
    return {entry[4]: tag for tag, entry in _own_module().DicomDictionary.items()}


@lru_cache(maxsize=2)  # pydicom's, and our own
def _masks(texts: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Return mask, value under the mask, and text of each repeating group."""
    return [(int(_bits(text), 16), int(text.replace("x", "0"), 16), text) for text in texts]


def _bits(text: str) -> str:
    return "".join("0" if digit == "x" else "F" for digit in text)
