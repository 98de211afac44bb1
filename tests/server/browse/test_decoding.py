"""Pictures and curves: what is decoded, and the process that decodes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from pydicom import DataElement, Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

import streamdicom
from streamdicom.server.browse import Library, decoding
from streamdicom.server.browse.decoding import Decoding
from streamdicom.server.browse.pictures import CannotShowError, picture
from streamdicom.server.browse.units import SourceChangedError
from tests.server.browse.sources import zipped

_CT = Path(get_testdata_file("CT_small.dcm"))
_MAX_SIDE = 2048


def _shown(path: Path, frame: int = 0, window: tuple[float, float] | None = None) -> tuple[dict[str, Any], Any]:
    facts, *blocks = picture(path, frame, window)
    assert isinstance(facts, dict)
    data = b"".join(block for block in blocks if isinstance(block, bytes))
    return facts, np.frombuffer(data, np.uint8).reshape(facts["height"], facts["width"], facts["samples"])


def _image(rows: int, columns: int, **elements: object) -> Dataset:
    """Return an image of 12 bits; its extremes are in a row that is left out."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = rows, columns, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    pixels = np.random.default_rng(1).integers(100, 4000, (rows, columns), dtype=np.uint16)
    pixels[1, :2] = 0, 4095
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OW"
    for name, value in elements.items():
        setattr(ds, name, value)
    return ds


def _table() -> Dataset:
    item = Dataset()
    item.add(DataElement(0x00283002, "US", [4096, 0, 16]))
    item.add(DataElement(0x00283006, "OW", ((np.arange(4096) * 7919) % 60000).astype("<u2").tobytes()))
    item.ModalityLUTType = "US"
    return item


def _saved(ds: Dataset, path: Path) -> Path:
    dcmwrite(path, ds, enforce_file_format=True)
    return path


def _grays(values: Any, low: float, high: float) -> Any:
    return ((values - low) / (high - low)).clip(0, 1) * 255


def test_large_frame_leaves_out_rows_and_has_the_range_of_all(tmp_path: Path) -> None:
    ds = _image(2 * _MAX_SIDE + 2, 300)
    facts, found = _shown(_saved(ds, tmp_path / "a.dcm"))
    assert (facts["height"], facts["width"], facts["rows"]) == (1366, 100, 4098)
    assert facts["window"] == [2048, 4096]
    expected = _grays(ds.pixel_array[::3, ::3].astype(float), 0, 4095)
    assert np.abs(found[..., 0] - expected).max() <= 0.5


@pytest.mark.parametrize("name", ["ModalityLUTSequence", "VOILUTSequence"])
def test_frame_with_a_table(tmp_path: Path, name: str) -> None:
    path = _saved(_image(70, 9000, **{name: [_table()]}), tmp_path / "a.dcm")
    ds = dcmread(path)
    values = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds).astype(float)
    _, found = _shown(path)
    expected = _grays(values, values.min(), values.max())[::5, ::5]
    assert np.abs(found[..., 0] - expected).max() <= 0.5


def test_dark_is_bright_in_monochrome1(tmp_path: Path) -> None:
    ds = _image(8, 8)
    _, bright = _shown(_saved(ds, tmp_path / "a.dcm"), window=(2000, 1000))
    ds.PhotometricInterpretation = "MONOCHROME1"
    _, dark = _shown(_saved(ds, tmp_path / "b.dcm"), window=(2000, 1000))
    assert np.abs(bright.astype(int) + dark - 255).max() <= 1
    assert (dark.min(), dark.max()) == (0, 255)


def test_floats_that_are_no_numbers_do_not_hide_the_others(tmp_path: Path) -> None:
    ds = _image(10, 10, BitsAllocated=32)
    values = np.linspace(1, 3, 100, dtype="<f4").reshape(10, 10)
    values[0, :5] = np.nan
    del ds.PixelData, ds.BitsStored, ds.HighBit, ds.PixelRepresentation
    ds.FloatPixelData = values.tobytes()
    facts, found = _shown(_saved(ds, tmp_path / "a.dcm"))
    low, high = np.nanmin(values), np.nanmax(values)
    assert facts["window"] == pytest.approx([(low + high + 1) / 2, high - low + 1])
    assert np.abs(found[..., 0] - np.nan_to_num(_grays(values, low, high))).max() <= 0.51


def test_palette_has_its_colors(tmp_path: Path) -> None:
    ds = _image(6, 6, PhotometricInterpretation="PALETTE COLOR", BitsAllocated=8, BitsStored=8, HighBit=7)
    ds.PixelData = bytes(range(36))
    for place, factor in enumerate((1, 2, 3)):
        ds.add(DataElement(0x00281101 + place, "US", [256, 0, 16]))
        ds.add(DataElement(0x00281201 + place, "OW", (np.arange(256) * 256 // factor).astype("<u2").tobytes()))
    facts, found = _shown(_saved(ds, tmp_path / "a.dcm"))
    assert (facts["samples"], facts["window"]) == (3, None)
    assert found.reshape(-1, 3)[30].tolist() == [30, 15, 10]


def test_deflated_file_has_its_frame(tmp_path: Path) -> None:
    ds = dcmread(_CT)
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    assert np.array_equal(_shown(_saved(ds, tmp_path / "a.dcm"))[1], _shown(_CT)[1])


# --- the process -----------------------------------------------------------------------------------------------


@pytest.fixture
def process() -> Iterator[Decoding]:
    process = Decoding()
    yield process
    process.close()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    streamdicom.dump(dcmread(_CT), tmp_path / "a.json")
    (tmp_path / "b.zip").write_bytes(zipped({"c.dcm": _CT.read_bytes()}))
    with Library([str(tmp_path / "a.json"), str(tmp_path / "b.zip"), str(_CT)]) as library:
        library.wait()
        yield library


@pytest.mark.slow
def test_frame_is_the_same_from_each_kind_of_source(process: Decoding, library: Library) -> None:
    expected = _shown(_CT)[1].tobytes()
    for number in range(3):
        assert b"".join(process.picture(library, number, 0, None).blocks) == expected


@pytest.mark.slow
def test_data_set_is_written_once_for_its_frames(
    process: Decoding, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    write = decoding.write_file
    monkeypatch.setattr(decoding, "write_file", lambda *given: (written.append(given[1]), write(*given)))
    for number in (0, 0, 1, 1, 0):
        process.picture(library, number, 0, (40, 400))
    assert written == [0, 1, 0]
    with (tmp_path / "a.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(SourceChangedError, match="has changed"):
        process.picture(library, 0, 0, None)


@pytest.mark.slow
@pytest.mark.parametrize("death", [partial(os._exit, 3), partial(signal.raise_signal, signal.SIGTERM)])
def test_decoder_that_crashes_ends_no_more_than_its_picture(process: Decoding, library: Library, death: Any) -> None:
    with pytest.raises(CannotShowError, match="crashed"):
        process._run(death)
    assert process.picture(library, 2, 0, None).facts["rows"] == 128


@pytest.mark.slow
def test_fault_of_a_picture_leaves_the_process(process: Decoding, library: Library) -> None:
    with pytest.raises(CannotShowError, match="one of 1 frames"):
        process.picture(library, 2, 1, None)
    pool = process._pool
    assert pool is not None
    assert process.picture(library, 2, 0, None).facts["rows"] == 128
    assert process._pool is pool


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no alarms")
def test_time_of_a_decoder_is_bounded(process: Decoding) -> None:
    left, _ = process._run(partial(signal.getitimer, signal.ITIMER_REAL))
    assert 0 < left <= 60


@pytest.mark.slow
def test_process_and_file_end_when_no_picture_is_asked_for(
    process: Decoding, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_IDLE", 0.05)
    process.picture(library, 0, 0, None)
    assert process._file is not None
    file = Path(process._file.name)
    for _ in range(200):
        if process._pool is None:
            break
        time.sleep(0.05)
    assert process._pool is None
    assert not file.exists()
    assert process.picture(library, 0, 0, None).facts["rows"] == 128


@pytest.mark.slow
def test_close_does_not_wait_for_a_decoder(process: Decoding, library: Library) -> None:
    process.picture(library, 2, 0, None)  # which starts it
    seen: list[str] = []

    def decode() -> None:
        try:
            with process._lock:  # as in a request
                process._run(partial(time.sleep, 60))
        except CannotShowError as error:
            seen.append(str(error))

    thread = Thread(target=decode)
    thread.start()
    time.sleep(0.2)
    start = time.monotonic()
    process.close()
    thread.join()
    assert time.monotonic() - start < 5
    assert len(seen) == 1
    with pytest.raises(CannotShowError, match="closed"):
        process.picture(library, 2, 0, None)
