"""The DICOM files that pydicom ships, and how two data sets differ."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from math import isclose, nan
from pathlib import Path
from typing import Any

import pydicom
from pydicom import DataElement, Dataset, dcmread
from pydicom.errors import InvalidDicomError

_ROOT = Path(pydicom.__file__).parent / "data"
_FOLDERS = ("test_files", "charset_files")
_DOUBLE_DIGITS = 1e-15  # of DCMTK's last digit of a double


def files() -> list[Path]:
    """Those with a preamble, which every program takes."""
    paths = [path for folder in _FOLDERS for path in (_ROOT / folder).rglob("*")]
    return sorted(path for path in paths if path.is_file() and path.read_bytes()[128:132] == b"DICM")


def read(path: Path) -> Dataset:
    try:
        return dcmread(path)
    except InvalidDicomError:
        return dcmread(path, force=True)


def differences(one: Dataset, other: Dataset, path: str = "") -> Iterator[str]:
    """Where two data sets differ, apart from what JSON does not have or a program may write in another way."""
    for tag in sorted({*one.keys(), *other.keys()}):
        place = f"{path}{tag.group:04X}{tag.elem:04X}"
        if tag.elem == 0:  # PS3.18 F.2.2: no group length
            continue
        if tag not in one or tag not in other:
            yield f"{place} is in one of them"
        elif one[tag].VR != other[tag].VR:
            yield f"{place} is {one[tag].VR} and {other[tag].VR}"
        elif one[tag].VR == "SQ":
            yield from _of_items(one[tag].value, other[tag].value, place)
        elif not _are_same(one[tag], other[tag]):
            yield f"{place} has other values"


def _of_items(some: list[Dataset], others: list[Dataset], place: str) -> Iterator[str]:
    if len(some) != len(others):
        yield f"{place} has other items"
    for index, (one, other) in enumerate(zip(some, others, strict=False)):
        yield from differences(one, other, f"{place}[{index}].")


def _are_same(one: DataElement, other: DataElement) -> bool:
    values, others = (_values(element) for element in (one, other))
    if one.VR == "FD":
        return len(values) == len(others) and all(map(_is_close, values, others))
    return values == others


def _is_close(one: Any, other: Any) -> bool:
    return one == other or isclose(float(one or nan), float(other or nan), rel_tol=_DOUBLE_DIGITS)


def _values(element: DataElement) -> list[Any]:
    if element.is_empty:
        return []
    values = [_value(element.VR, value) for value in (element.value if element.VM > 1 else [element.value])]
    return [] if values == [""] else values


def _value(vr: str, value: Any) -> Any:
    if vr == "PN":  # components that are empty need no delimiters (PS3.5 6.2.1.1)
        return "=".join(group.rstrip("^ ") for group in str(value).split("=")).rstrip("=")
    if vr == "FL" and value is not None:  # of single precision, whatever the digits
        return struct.unpack("<f", struct.pack("<f", value))
    # Padding to an even length (PS3.5 6.2), which some take for a part of the value.
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ") if vr == "UN" else value
    return value.rstrip("\0 ") if isinstance(value, str) else value
