"""The data dictionary (PS3.6) as pydicom has it, without importing pydicom.

pydicom imports NumPy and much else, which takes longer than reading a small file. Its dictionary is a module of
literals, which is loaded on its own. After pydicom has been imported, its own dictionary counts: the program may have
added entries.
"""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_MODULE = "_dicom_dict"


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


def _module() -> Any:
    return sys.modules.get(f"pydicom.{_MODULE}") or _own_module()


@cache
def _own_module() -> ModuleType:
    """Load the module of literals; import pydicom if its files are arranged otherwise."""
    package = find_spec("pydicom")
    for folder in (package and package.submodule_search_locations) or ():
        spec = spec_from_file_location(f"streamdicom.{_MODULE}", Path(folder, f"{_MODULE}.py"))
        if spec is not None and spec.loader is not None and Path(folder, f"{_MODULE}.py").is_file():
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            if hasattr(module, "DicomDictionary") and hasattr(module, "RepeatersDictionary"):
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
