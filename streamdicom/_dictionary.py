"""The data dictionary (PS3.6) as pydicom has it, without importing pydicom.

pydicom imports NumPy and much else, which takes longer than reading a small file. Its dictionary is a module of
literals, which is loaded on its own. After pydicom has been imported, its own dictionary counts: the program may have
added entries.
"""

from __future__ import annotations

import os
import sys
from functools import cache, lru_cache
from types import ModuleType

from streamdicom._records import NamedTuple
from streamdicom._typing import Any

_PUBLIC, _PRIVATE = "_dicom_dict", "_private_dict"
_NAMES = {_PUBLIC: ("DicomDictionary", "RepeatersDictionary"), _PRIVATE: ("private_dictionaries",)}


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
    return _own_keywords().get(keyword)


def private_entry_of(tag: int, creator: str) -> tuple[str, str] | None:
    """Return the VR and the VM of a private element, by its creator, or None.

    See PS3.5 7.8.1.

    >>> private_entry_of(0x00091027, "GEMS_IDEN_01"), private_entry_of(0x00091027, "")
    (('SL', '1'), None)
    """
    found = _private_row(tag, creator)
    return found[:2] if found else None


def private_name_of(tag: int, creator: str) -> str:
    """Return the name of a private element, by its creator, or "".

    >>> private_name_of(0x00091027, "GEMS_IDEN_01"), private_name_of(0x00091027, "")
    ('Image actual date', '')
    """
    found = _private_row(tag, creator)
    return found[2] if found else ""


def _private_row(tag: int, creator: str) -> tuple[str, str, str] | None:
    known = _module(_PRIVATE).private_dictionaries.get(creator, {})
    digits = f"{tag:08X}"
    for key in (digits, f"{digits[:4]}xx{digits[6:]}", f"{digits[:2]}xxxx{digits[6:]}"):  # blocks and groups are free
        if key in known:
            vr, multiplicity, name, *_ = known[key]
            return vr, multiplicity, name
    return None


def _module(name: str = _PUBLIC) -> Any:
    return sys.modules.get(f"pydicom.{name}") or _own_module(name)


@cache
def _own_module(name: str = _PUBLIC) -> ModuleType:
    """Load a module of literals; import pydicom if its files are arranged otherwise."""
    from importlib.util import find_spec, module_from_spec, spec_from_file_location  # which most runs do not need

    package = find_spec("pydicom")
    for folder in (package and package.submodule_search_locations) or ():
        path = os.path.join(folder, f"{name}.py")
        spec = spec_from_file_location(f"streamdicom.{name}", path)
        if spec is not None and spec.loader is not None and os.path.isfile(path):
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            if all(hasattr(module, found) for found in _NAMES[name]):
                return module
    import pydicom.datadict

    return pydicom.datadict


@cache
def _own_keywords() -> dict[str, int]:
    return {entry[4]: tag for tag, entry in _own_module().DicomDictionary.items()}


@lru_cache(maxsize=2)  # pydicom's, and our own
def _masks(texts: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Return mask, value under the mask, and text of each repeating group."""
    return [(int(_bits(text), 16), int(text.replace("x", "0"), 16), text) for text in texts]


def _bits(text: str) -> str:
    return "".join("0" if digit == "x" else "F" for digit in text)
