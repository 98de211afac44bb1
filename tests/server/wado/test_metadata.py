"""Metadata with references, as the compiled engine and as Python write it."""

from __future__ import annotations

import json
import os
import struct
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from streamdicom import _native
from streamdicom.codec import EventEncoder
from streamdicom.errors import StreamDicomError
from streamdicom.events import BULK_DATA
from streamdicom.formats import FormatName
from streamdicom.options import WriteOptions
from streamdicom.server.catalog import Entry
from streamdicom.server.wado import metadata
from streamdicom.server.wado.instances import metadata_form
from tests.support.each import each

pytestmark = pytest.mark.skipif(_native.functions is None, reason="the compiled engine was not built")

_URL = 'http://a.example/studies/1.2/"&<ä'
_FORMATS: tuple[FormatName, ...] = ("json", "xml")
_NAMES = [
    "CT_small.dcm",  # pixel data shorter than a chunk
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "SC_rgb_jpeg.dcm",  # encapsulated
    "image_dfl.dcm",  # deflated
    "reportsi.dcm",
    "badVR.dcm",
    "liver_1frame.dcm",
    "waveform_ecg.dcm",  # bulk data in items
]


def _entry(path: Path, *, is_json: bool = False) -> Entry:
    status = path.stat()
    size = status.st_size
    return Entry(str(path), 0, size, is_json, "1.2", "1.3", "1.4", size, status.st_mtime_ns, os.path.realpath("/"))


def _written(entry: Entry, format: FormatName, *, is_encoded: bool) -> tuple[bytes, str]:
    options = WriteOptions()
    encoder = EventEncoder(format=format, options=options, array=format == "json")
    form = metadata_form(options, format, format == "json") if is_encoded else None
    assert (form is not None) is is_encoded
    text = b""
    try:
        text = b"".join(encoder.encode(metadata(entry, _URL, form))) + encoder.close()
    except StreamDicomError as error:
        return b"", f"{type(error).__name__}: {error}"
    return text, ""


def _check(path: Path, *, is_json: bool = False) -> bytes:
    """Compare both ways to write a file; return its JSON."""
    entry = _entry(path, is_json=is_json)
    for format in _FORMATS:
        assert _written(entry, format, is_encoded=True) == _written(entry, format, is_encoded=False)
    return _written(entry, "json", is_encoded=True)[0]


def _hard() -> Dataset:
    """Return a data set with values of all sizes at all levels."""
    ds = dcmread(str(get_testdata_file("CT_small.dcm")))
    for number, size in enumerate((0, 1022, 1024, 1026, 40_000, 65_534, 65_536, 70_000)):
        ds.add_new(0x00910010, "LO", "ACME")
        ds.add_new(0x00911000 + number, "OB", bytes(size))
        ds.add_new(0x00911100 + number, "UN", b"\1" * size)
        ds.add_new(0x00911200 + number, "OW", b"\2" * size)
    ds.add_new(0x00911300, "LT", "x" * 3000)
    ds.add_new(0x00911301, "FD", [1.5] * 400)
    inner = Dataset()
    inner.add_new(0x00420011, "OB", bytes(2000))
    inner.add_new(0x7FE00010, "OB", b"ab")
    outer = Dataset()
    outer.IconImageSequence = [inner]
    outer.add_new(0x00420011, "OB", bytes(1500))
    ds.ReferencedImageSequence = [Dataset(), outer, inner]
    ds[0x7FE00010].value = ds[0x7FE00010].value[:2048]
    return ds


@each("name", _NAMES)
def test_engine_writes_the_metadata_of_files(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _check(Path(str(get_testdata_file(name))))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_engine_writes_references_by_size_and_tag(tmp_path: Path, syntax: str) -> None:
    ds, path = _hard(), tmp_path / "a.dcm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds.file_meta.TransferSyntaxUID = syntax
        dcmwrite(path, ds, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian)
    [found] = json.loads(_check(path))
    found = Dataset.from_json(found, bulk_data_uri_handler=lambda _, __, uri: uri.encode())
    assert found[0x00911002].value == bytes(1024)
    icon = found.ReferencedImageSequence[1].IconImageSequence[0]
    assert icon[0x00420011].value == f"{_URL}/bulkdata/00081140/1/00880200/0/00420011".encode()
    assert icon[0x7FE00010].value == f"{_URL}/bulkdata/00081140/1/00880200/0/7FE00010".encode()


def test_engine_writes_the_metadata_of_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(_hard().to_json())
    assert _check(path, is_json=True).count(b'"BulkDataURI"') > 15


def test_empty_pixel_data_in_json_is_no_reference(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"00080018":{"vr":"UI","Value":["1.2"]},"7FE00010":{"vr":"OW","InlineBinary":""}}')
    assert b"BulkDataURI" not in _check(path, is_json=True)


def test_elements_out_of_order_are_referred_to(tmp_path: Path) -> None:
    data = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    path = tmp_path / "a.dcm"
    path.write_bytes(data[:-1] + b"\0" + b"\x42\0\x11\0OB\0\0" + struct.pack("<I", 3000) + bytes(3000))
    assert b'"00420011":{"vr":"OB","BulkDataURI":' in _check(path)


def test_python_sees_no_value_of_a_usual_file() -> None:
    form = metadata_form(WriteOptions(), "json", True)
    kinds = [kind for kind, *_ in metadata(_entry(Path(str(get_testdata_file("CT_small.dcm")))), _URL, form)]
    assert BULK_DATA not in kinds


@given(st.data())
def test_damaged_files_give_the_same_metadata(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.dcm"
    whole = bytearray(Path(str(get_testdata_file("waveform_ecg.dcm"))).read_bytes()[:9000])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(
            st.sampled_from([0, 1, 2, 8, 0x20, 0x5C, 0xFE, 0xFF])
        )
    path.write_bytes(whole[: data.draw(st.integers(200, len(whole)))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _check(path)
