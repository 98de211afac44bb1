"""The corpus: pydicom's DICOM files, as data sets and as one DICOM JSON array."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pydicom
from pydicom import Dataset

import streamdicom

_LONG = 1000  # characters of base64
_FOLDERS = ("test_files", "charset_files")


@dataclass(frozen=True)
class Entry:
    """One DICOM file.

    Attributes:
        part10: The bytes of the file.
        dropped: The attributes left out.
        text: The JSON of ``Dataset.to_json``.
        elements: The number of elements, in sequences too.
    """

    part10: bytes
    dropped: tuple[int, ...]
    text: str
    elements: int

    def read(self) -> Dataset:
        """Return a new data set with raw elements."""
        dataset = pydicom.dcmread(BytesIO(self.part10), force=True)
        for tag in self.dropped:
            del dataset[tag]
        return dataset


@dataclass(frozen=True)
class Array:
    """A DICOM JSON array in a file, with its counts."""

    path: Path
    datasets: int
    elements: int
    size: int


@contextmanager
def silence() -> Iterator[None]:
    """Silence warnings and logs: some files are invalid on purpose."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@cache
def entries(corpus: str) -> list[Entry]:
    """Return every file that pydicom reads and both sides write.

    The corpus "files" has them as they are; "headers" has them without attributes that hold a long binary value.
    """
    with silence():
        found = (_entry(path, corpus) for path in _paths())
        return [entry for entry in found if entry is not None]


def write_array(corpus: str, datasets: int, path: Path) -> Array:
    """Write the corpus as one array, and as NDJSON beside it.

    The corpus is repeated up to a number of data sets.
    """
    repeated = list(islice(cycle(entries(corpus)), datasets))
    path.write_text("[" + ",".join([entry.text for entry in repeated]) + "]", encoding="utf-8")
    path.with_suffix(".ndjson").write_text("\n".join([entry.text for entry in repeated]), encoding="utf-8")
    return Array(path, datasets, sum(entry.elements for entry in repeated), path.stat().st_size)


def _paths() -> list[Path]:
    data = Path(pydicom.__file__).parent / "data"
    return sorted(path for folder in _FOLDERS for path in (data / folder).rglob("*") if path.is_file())


def _entry(path: Path, corpus: str) -> Entry | None:
    part10 = path.read_bytes()
    try:
        text = pydicom.dcmread(BytesIO(part10), force=True).to_json()
        streamdicom.dumps(pydicom.dcmread(BytesIO(part10), force=True))
    except Exception:  # either side may raise anything for a broken file
        return None
    attributes = json.loads(text)
    dropped = [name for name, attribute in attributes.items() if corpus == "headers" and _is_long(attribute)]
    for name in dropped:
        del attributes[name]
    if not attributes:
        return None
    tags = tuple([int(name, 16) for name in dropped])
    return Entry(part10, tags, json.dumps(attributes) if dropped else text, _count(attributes))


def _items(attribute: dict[str, Any]) -> list[dict[str, Any]]:
    return attribute.get("Value", []) if attribute["vr"] == "SQ" else []


def _is_long(attribute: dict[str, Any]) -> bool:
    if len(attribute.get("InlineBinary", "")) > _LONG:
        return True
    return any(_is_long(inner) for item in _items(attribute) for inner in item.values())


def _count(attributes: dict[str, Any]) -> int:
    inner = sum(_count(item) for attribute in attributes.values() for item in _items(attribute))
    return len(attributes) + inner
