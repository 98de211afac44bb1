"""Inputs of ``validate`` in each format, of which some elements break a rule."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file

import streamdicom
from bench import multiframe
from bench.corpus import Array

SOURCES = (
    "JSON, a finding in each chunk",
    "JSON, a finding in each data set",
    ".dcm, items of 75 elements",
    ".dcm, multi-frame",
    "XML, multi-frame",
)

_CHUNK = 64 * 1024  # bytes that are read at once


def write_source(name: str, folder: Path, texts: list[str], count: int) -> Array:
    """Write an input.

    Args:
        name: One of ``SOURCES``.
        folder: Where to write.
        texts: Data sets as JSON.
        count: About the number of data sets, or of items that are as long.
    """
    if name.startswith("JSON"):
        return _write_findings(folder / "findings.json", texts, 1 if name.endswith("data set") else _CHUNK)
    if name.startswith(".dcm, items"):
        return _write_items(folder / "items.dcm", count)
    file = multiframe.write_files(folder, count * 2)["defined"]
    path = file.path
    if name.startswith("XML"):
        path = folder / "multiframe.xml"
        streamdicom.write_events(streamdicom.iter_events(file.path), path)
    return Array(path, 1, file.elements, path.stat().st_size)


def _write_findings(path: Path, texts: list[str], distance: int) -> Array:
    """Write data sets, one of them with a wrong value in each ``distance`` bytes."""
    written, size, elements = [], 0, 0
    for number, text in enumerate(texts):
        dataset = json.loads(text)
        if size // distance != (size + len(text)) // distance:
            dataset["00080060"] = {"vr": "CS", "Value": [f"ct {number}"]}
        written.append(json.dumps(dataset, separators=(",", ":")))
        size += len(text)
        elements += len(dataset)
    path.write_text(f"[{','.join(written)}]", encoding="utf-8")
    return Array(path, len(written), elements, path.stat().st_size)


def _write_items(path: Path, count: int) -> Array:
    source = dcmread(str(get_testdata_file("CT_small.dcm")))
    item = Dataset()
    for element in source:
        if not element.tag.is_private and element.tag.element and element.VR not in ("SQ", "OW"):
            item.add(element)
    dataset = Dataset()
    dataset.file_meta = source.file_meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    items = []
    for number in range(count):
        one = deepcopy(item)
        one.SOPInstanceUID, one.InstanceNumber = f"1.2.3.{number}", number
        items.append(one)
    dataset.ReferencedSeriesSequence = items
    dcmwrite(path, dataset, enforce_file_format=True)
    return Array(path, 1, len(item) * count, path.stat().st_size)
