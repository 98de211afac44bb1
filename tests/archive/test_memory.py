"""Memory of exports, imports and iteration."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from streamdicom.archive import export_archive, import_archive, iter_datasets, iter_events
from tests.archive.corpus import dataset, file_bytes, files
from tests.support.memory import peak

pytestmark = [pytest.mark.memory, pytest.mark.slow]

_MIB = 1024 * 1024


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    for number in range(15):
        files(tmp_path / "in" / f"{number:02}", 100, number * 100)
    few, many = tmp_path / "in" / "00", tmp_path / "in"
    export_archive(many, tmp_path / "warm.json")  # exclude imports, and caches that other tests have nearly filled
    import_archive(tmp_path / "warm.json", tmp_path / "warm")
    first = peak(lambda: export_archive(few, tmp_path / "few.json"))
    assert peak(lambda: export_archive(many, tmp_path / "many.json")) < first + _MIB
    first = peak(lambda: import_archive(tmp_path / "few.json", tmp_path / "a"))
    assert peak(lambda: import_archive(tmp_path / "many.json", tmp_path / "b")) < first + _MIB


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", ["out.json", "out.ndjson.gz"])
def test_memory_does_not_grow_with_the_size_of_a_file(tmp_path: Path, name: str, jobs: int) -> None:
    ds = dataset(1, PixelData=random.Random(1).randbytes(_MIB) * 12)
    ds["PixelData"].VR = "OB"
    (tmp_path / "in.dcm").write_bytes(file_bytes(ds))
    digest = hashlib.sha256(ds.PixelData).digest()
    del ds
    target = tmp_path / name
    files(tmp_path / "small", 1)
    export_archive(tmp_path / "small", tmp_path / f"small-{name}", jobs=jobs)  # exclude imports
    assert peak(lambda: export_archive(tmp_path / "in.dcm", target, jobs=jobs)) < 8 * _MIB
    assert peak(lambda: import_archive(target, tmp_path / "back", layout="x")) < 8 * _MIB
    assert hashlib.sha256(dcmread(tmp_path / "back" / "x").PixelData).digest() == digest


def test_memory_does_not_grow_with_the_size_of_members(tmp_path: Path) -> None:
    ds = dataset(1, PixelData=bytes(12 * _MIB))
    ds["PixelData"].VR = "OB"
    with zipfile.ZipFile(tmp_path / "in.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}", file_bytes(ds))
    del ds

    class Sink(io.RawIOBase):
        size = 0

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            length = len(memoryview(data))  # type: ignore[arg-type]
            self.size += length
            return length

    sink = Sink()
    assert peak(lambda: export_archive(tmp_path / "in.zip", sink)) < 8 * _MIB  # type: ignore[arg-type]
    assert sink.size > 3 * 16 * _MIB


def test_memory_of_iteration_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    for number in range(15):
        files(tmp_path / "in" / f"{number:02}", 100, number * 100)
    few, many = tmp_path / "in" / "00", tmp_path / "in"
    for read in (iter_datasets, iter_events):

        def count(folder: Path, read: Any = read) -> None:
            assert sum(1 for _ in read(folder)) >= 100

        count(many)  # exclude imports and caches
        first = peak(lambda count=count: count(few))
        assert peak(lambda count=count: count(many)) < first + _MIB
