"""Values in temporary files, against io.BytesIO and pydicom."""

from __future__ import annotations

import copy
import errno
import gc
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite

from streamdicom.errors import BulkDataError
from streamdicom.io.spool import LazyValue, SpooledValue, SpoolFile

DATA = bytes(range(256)) * 12_000  # more than stays in memory


def spooled(data: bytes, *, padded: bool = True) -> SpooledValue:
    file = SpoolFile()
    file.append(b"before")
    for start in range(0, len(data), 50_000):
        file.append(data[start : start + 50_000])
    value = SpooledValue(file, 6, padded=padded)
    file.append(b"after")
    return value


def lazy(data: bytes, *, padded: bool = True) -> SpooledValue:
    return LazyValue(lambda: iter([data[:5], data[5:]]), padded=padded)


@pytest.fixture(params=[spooled, lazy])
def new(request: pytest.FixtureRequest) -> Callable[..., SpooledValue]:
    function: Callable[..., SpooledValue] = request.param
    return function


@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 3), st.integers(-70, 70)), max_size=12))
def test_buffer_reads_like_bytesio(data: bytes, steps: list[tuple[int, int]]) -> None:
    for new in (spooled, lazy):
        value, model = new(data, padded=False), io.BytesIO(data)
        for whence, number in steps:
            if whence == 3:
                assert value.read(number) == model.read(number)
            elif whence == 0 and number < 0:
                with pytest.raises(ValueError, match="position"):
                    value.seek(number)
            elif {1: model.tell(), 2: len(data)}.get(whence, 0) + number >= 0:
                assert value.seek(number, whence) == model.seek(number, whence)
            assert value.tell() == model.tell()
        assert value.read1() == model.read1()
        assert value.seek(0) == 0
        target = bytearray(7)
        assert value.readinto(target) == min(7, len(data))
        assert bytes(target).startswith(data[:7])


def test_pydicom_writes_buffer(new: Callable[..., SpooledValue]) -> None:
    dataset = Dataset()
    dataset.PatientID = "17"
    dataset.add_new(0x7FE00010, "OW", new(DATA))
    target = io.BytesIO()
    dcmwrite(target, dataset, implicit_vr=False, little_endian=True)
    target.seek(0)
    assert dcmread(target, force=True).PixelData == DATA
    assert isinstance(dataset.PixelData, SpooledValue)
    assert dataset.PixelData.tell() == 0
    plain = Dataset()
    plain.PatientID = "17"
    plain.add_new(0x7FE00010, "OW", DATA)
    assert dataset == plain


@pytest.mark.parametrize("data", [b"", b"a", b"ab", DATA[:-1]])
@pytest.mark.slow
def test_odd_value_is_padded(new: Callable[..., SpooledValue], data: bytes) -> None:
    value = new(data)
    assert value.read() == data + b"\0" * (len(data) % 2)
    assert b"".join(value.segments(7)) == data
    assert new(data, padded=False).read() == data
    dataset = Dataset()
    dataset.PatientID = "17"
    dataset.add_new(0x00091001, "OB", new(data))
    dataset.add_new(0x00100030, "DA", "20240229")
    target = io.BytesIO()
    dcmwrite(target, dataset, implicit_vr=False, little_endian=True)
    target.seek(0)
    read = dcmread(target, force=True)
    assert read[0x00091001].value == data + b"\0" * (len(data) % 2) or not data
    assert read.PatientBirthDate == "20240229"


def test_copies_have_own_positions(new: Callable[..., SpooledValue]) -> None:
    value = new(DATA)
    value.seek(5)
    for other in (copy.copy(value), copy.deepcopy(value)):
        assert other.read(3) == DATA[5:8]
        other.close()
    assert value.tell() == 5
    assert value.read() == DATA[5:]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("data", [b"", b"abc", DATA])
def test_pickled_value_has_bytes(new: Callable[..., SpooledValue], data: bytes, padded: bool) -> None:
    value = new(data, padded=padded)
    value.seek(2)
    dataset = Dataset()
    dataset.add_new(0x7FE00010, "OB", value)
    other = pickle.loads(pickle.dumps(dataset)).PixelData
    assert other.tell() == value.tell()
    assert other.read() == value.read()
    assert b"".join(other.segments(1000)) == data


def test_closed_buffer_raises(new: Callable[..., SpooledValue]) -> None:
    value = new(b"abc")
    value.close()
    for action in (value.read, lambda: value.seek(0)):
        with pytest.raises(ValueError, match="closed"):
            action()


def test_buffer_is_read_only(new: Callable[..., SpooledValue]) -> None:
    with pytest.raises(io.UnsupportedOperation):
        new(b"abc").write(b"a")


def test_lazy_value_is_fetched_once_on_access() -> None:
    calls = []

    def fetch() -> Iterator[bytes]:
        calls.append(1)
        yield b"abcd"

    value = LazyValue(fetch)
    dataset = Dataset()
    dataset.add_new(0x7FE00010, "OB", value)
    assert (value.readable(), value.seekable(), value.tell(), calls) == (True, True, 0, [])
    assert (value.seek(0, os.SEEK_END), value.seek(0), value.read(), calls) == (4, 0, b"abcd", [1])


def test_failing_fetch_raises_at_each_access() -> None:
    def fetch() -> Iterator[bytes]:
        yield b"abc"
        raise BulkDataError("no more")

    value = LazyValue(fetch)
    for _ in range(2):
        with pytest.raises(BulkDataError):
            value.read()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
@pytest.mark.slow
def test_file_descriptors_are_released() -> None:
    gc.collect()
    before = len(list(Path("/proc/self/fd").iterdir()))
    values = [spooled(DATA) for _ in range(5)]
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 5
    kept = copy.copy(values[0])
    del values
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    assert kept.read(3) == DATA[:3]


_NO_DESCRIPTORS = """
import resource
from streamdicom.io.spool import SpoolFile
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
files = []
try:
    for _ in range(100):
        files.append(SpoolFile())
        files[-1].append(bytes(2 * 1024 * 1024))
except OSError as error:
    print(error.errno, len(files) > 5)
"""


def test_too_many_open_files_raises() -> None:
    pytest.importorskip("resource")
    command = [sys.executable, "-c", _NO_DESCRIPTORS]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.split() == [str(errno.EMFILE), "True"]
