"""The DICOM files of pydicom, and a comparison of data sets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from math import isclose, nan
from pathlib import Path
from typing import Any

import pydicom
from pydicom import DataElement, Dataset, dcmread
from pydicom.errors import InvalidDicomError

_ROOT = Path(pydicom.__file__).parent / "data"
_FOLDERS = ("test_files", "charset_files")
_DOUBLE_TOLERANCE = 1e-15  # relative; DCMTK does not write the last digit


@cache
def files() -> list[Path]:
    """Return the files with a preamble, which every program accepts."""
    paths = [path for folder in _FOLDERS for path in (_ROOT / folder).rglob("*")]
    return sorted(path for path in paths if path.is_file() and path.read_bytes()[128:132] == b"DICM")


def read(path: Path) -> Dataset:
    try:
        return dcmread(path)
    except InvalidDicomError:
        return dcmread(path, force=True)


def differences(first: Dataset, second: Dataset, path: str = "") -> Iterator[str]:
    """Describe the differences of two data sets.

    Group lengths, which JSON does not have, and equivalent forms of a value are ignored.
    """
    for tag in sorted({*first.keys(), *second.keys()}):
        name = f"{path}{tag.group:04X}{tag.elem:04X}"
        if tag.elem == 0:  # PS3.18 F.2.2: no group length
            continue
        if tag not in first or tag not in second:
            yield f"{name} is missing in one data set"
        elif first[tag].VR != second[tag].VR:
            yield f"{name} is {first[tag].VR} and {second[tag].VR}"
        elif first[tag].VR == "SQ":
            yield from _item_differences(first[tag].value, second[tag].value, name)
        elif not _is_same(first[tag], second[tag]):
            yield f"{name} has other values"


def _item_differences(first: list[Dataset], second: list[Dataset], name: str) -> Iterator[str]:
    if len(first) != len(second):
        yield f"{name} has another number of items"
    for index, items in enumerate(zip(first, second, strict=False)):
        yield from differences(*items, f"{name}[{index}].")


def _is_same(first: DataElement, second: DataElement) -> bool:
    values, others = _values(first), _values(second)
    if first.VR == "FD":
        return len(values) == len(others) and all(map(_is_close, values, others))
    return values == others


def _is_close(first: Any, second: Any) -> bool:
    return first == second or isclose(float(first or nan), float(second or nan), rel_tol=_DOUBLE_TOLERANCE)


def _values(element: DataElement) -> list[Any]:
    if element.is_empty:
        return []
    values = [_value(element.VR, value) for value in (element.value if element.VM > 1 else [element.value])]
    return [] if values == [""] else values


def _value(vr: str, value: Any) -> Any:
    if vr == "PN":  # PS3.5 6.2.1.1: delimiters of empty components may be left out
        return "=".join(group.rstrip("^ ") for group in str(value).split("=")).rstrip("=")
    if vr == "FL" and value is not None:  # compare in single precision
        return struct.unpack("<f", struct.pack("<f", value))
    # Padding to an even length (PS3.5 6.2), which some programs keep in the value.
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ") if vr == "UN" else value
    return value.rstrip("\0 ") if isinstance(value, str) else value
