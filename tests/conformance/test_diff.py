"""The data sets of pydicom's files equal the files, on every way to make them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset, dcmread

import streamdicom
from streamdicom import ReadOptions, WriteOptions
from streamdicom.cli.diff import diff_files
from tests.conformance.bundled import files
from tests.support.each import each

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # many test files have defects on purpose

_QUIET = ReadOptions(on_deviation=lambda _: None)


def _accessed(path: Path) -> Dataset:
    dataset = dcmread(path)
    for _ in dataset.iterall():  # pydicom converts each element
        pass
    return dataset


def _without_encoding(path: Path) -> Dataset:
    read = dcmread(path)
    dataset = pydicom.Dataset(read)
    dataset.file_meta = read.file_meta
    return dataset


_WAYS: dict[str, Callable[[Path], Dataset]] = {
    "load": lambda path: streamdicom.load(path, options=_QUIET),
    "dcmread": dcmread,
    "dcmread with access": _accessed,
    "copy without its encoding": _without_encoding,
}
_TRUNCATED = {"MR_truncated.dcm", "DICOMDIR-nooffset", "rtplan_truncated.dcm"}
# pydicom chooses OB for 8 bits, as the copy has lost the implicit VR of the file.
_OTHER_VR = {("SC_rgb_jpeg_dcmd.dcm", "copy without its encoding")}


@pytest.mark.parametrize("way", _WAYS)
@each("path", files(), ids=lambda path: path.name)
def test_data_set_equals_its_file(path: Path, way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    if (path.name, way) in _OTHER_VR:
        pytest.skip("pydicom chooses another VR")
    if path.name in _TRUNCATED:
        pytest.skip("the file is truncated")
    streamdicom.dump(_WAYS[way](path), tmp_path / "written.json", options=WriteOptions(file_meta=True))
    assert diff_files(path, tmp_path / "written.json", by_position=True, ignore=(), values=False, file_meta=True)
