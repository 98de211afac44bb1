"""A viewer in Chromium, on another origin than ``streamdicom serve``.

It uses dicomweb-client, dcmjs and the image loader of Cornerstone. Pixels are compared with the pixels of pydicom.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from shutil import copy, which
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import UID

from tests.browser.chromium import drive, needs_chromium, node, pages
from tests.cli.serving import serving

pytestmark = [pytest.mark.slow, pytest.mark.interop, needs_chromium]

_PAGE = "<!doctype html><title>Viewer</title><script type='module' src='viewer.js'></script>"

# A file, its transfer syntax, and the number of a frame. The loader does not decode JPEG of 12 bits, or RLE of 16 bits
# in color, correctly.
_FRAMES = [
    ("CT_small.dcm", "1.2.840.10008.1.2.1", 1),
    ("MR_small_implicit.dcm", "1.2.840.10008.1.2.1", 1),
    ("SC_rgb_small_odd.dcm", "1.2.840.10008.1.2.1", 1),
    ("SC_rgb_jpeg_dcmtk.dcm", "1.2.840.10008.1.2.4.50", 1),
    ("examples_ybr_color.dcm", "1.2.840.10008.1.2.4.50", 30),
    ("SC_rgb_jpeg_gdcm.dcm", "1.2.840.10008.1.2.4.70", 1),
    ("MR_small_jpeg_ls_lossless.dcm", "1.2.840.10008.1.2.4.80", 1),
    ("MR_small_jp2klossless.dcm", "1.2.840.10008.1.2.4.90", 1),
    ("JPEG2000.dcm", "1.2.840.10008.1.2.4.91", 1),
    ("MR_small_RLE.dcm", "1.2.840.10008.1.2.5", 1),
    ("SC_rgb_rle_2frame.dcm", "1.2.840.10008.1.2.5", 2),
]
_LOSSLESS = {  # and the file that they were made of
    "MR_small_jpeg_ls_lossless.dcm": "MR_small.dcm",
    "MR_small_jp2klossless.dcm": "MR_small.dcm",
}
_DCMTK = ("JPGExtended.dcm", "SC_rgb_jpeg_gdcm.dcm")  # that Pillow does not decode


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the page."""
    folder = tmp_path_factory.mktemp("viewer")
    node("bundle.mjs", folder)
    (folder / "index.html").write_text(_PAGE)
    return folder


@pytest.fixture(scope="module")
def page(viewer: Path) -> Iterator[str]:
    """The origin of the page."""
    with pages(viewer) as origin:
        yield origin


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder of one file of each name; some are the same instance at first."""
    folder = tmp_path_factory.mktemp("archive")
    found = {}
    for number, (name, _, _) in enumerate(_FRAMES):
        source = Path(str(get_testdata_file(name)))
        uid = str(dcmread(source, stop_before_pixels=True).SOPInstanceUID).encode()
        found[name] = folder / name
        found[name].write_bytes(source.read_bytes().replace(uid, uid[:-3] + b"9%02d" % number))
    return found


@pytest.fixture(scope="module")
def server(files: dict[str, Path], page: str) -> Iterator[str]:
    with serving(files["CT_small.dcm"].parent, "--cors", page, "--read-only") as (_, url):
        yield url


def _uids(ds: Dataset) -> dict[str, str]:
    return {
        "studyInstanceUID": ds.StudyInstanceUID,
        "seriesInstanceUID": ds.SeriesInstanceUID,
        "sopInstanceUID": ds.SOPInstanceUID,
    }


def _call(page: str, name: str, *arguments: object) -> Any:
    return drive("viewer.mjs", page=page, call=name, arguments=arguments)


# --- pixels ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decoded(files: dict[str, Path], server: str, page: str) -> dict[str, dict[str, Any]]:
    """Frames that the image loader of Cornerstone has retrieved and decoded."""
    wanted = [(_uids(dcmread(files[name], stop_before_pixels=True)), number) for name, _, number in _FRAMES]
    found = _call(page, "decode", server, wanted)
    return {name: frame for (name, _, _), frame in zip(_FRAMES, found, strict=True)}


@pytest.mark.parametrize(("name", "syntax", "number"), _FRAMES)
def test_viewer_decodes_the_pixels_of_pydicom(
    decoded: dict[str, dict[str, Any]], name: str, syntax: str, number: int, tmp_path: Path
) -> None:
    path = Path(str(get_testdata_file(_LOSSLESS.get(name, name))))
    if name in _DCMTK:
        if not which("dcmdjpeg"):
            pytest.skip("dcmdjpeg, which decodes the expected pixels, cannot be found")
        path = Path(copy(path, tmp_path / "compressed.dcm"))
        subprocess.run(["dcmdjpeg", "+cn", path, tmp_path / "plain.dcm"], check=True)
        path = tmp_path / "plain.dcm"
    ds = dcmread(path)
    expected = ds.pixel_array if int(ds.get("NumberOfFrames") or 1) == 1 else ds.pixel_array[number - 1]
    frame = decoded[name]
    assert frame["syntax"] == syntax
    assert (frame["height"], frame["width"]) == expected.shape[:2]
    kind = np.dtype(frame["type"].removesuffix("Array").replace("Clamped", "").lower())
    pixels = np.frombuffer(base64.b64decode(frame["pixels"]), kind)
    assert np.array_equal(pixels, expected.ravel())


# --- searches, metadata, instances -----------------------------------------------------------------------------


def test_viewer_searches_and_reads_metadata(files: dict[str, Path], server: str, page: str) -> None:
    ds = dcmread(files["CT_small.dcm"])
    found = _call(page, "search", server, ds.PatientID)
    assert [len(level) for level in found] == [1, 1, 1]
    for level in found:
        assert level[0]["StudyInstanceUID"] == ds.StudyInstanceUID
        assert level[0]["PatientName"] == [{"Alphabetic": "CompressedSamples^CT1"}]
    assert found[0][0]["ModalitiesInStudy"] in ("CT", ["CT"])
    assert found[1][0]["SeriesInstanceUID"] == ds.SeriesInstanceUID
    assert found[2][0]["SOPInstanceUID"] == ds.SOPInstanceUID
    for metadata in _call(page, "metadata", server, _uids(ds)):
        assert metadata["SOPInstanceUID"] == ds.SOPInstanceUID
        assert metadata["PatientName"] == [{"Alphabetic": str(ds.PatientName)}]
        assert metadata["ImageType"] == list(ds.ImageType)
        assert (metadata["Rows"], metadata["Columns"]) == (ds.Rows, ds.Columns)
        assert metadata["PixelSpacing"] == list(map(float, ds.PixelSpacing))
        assert metadata["ImagePositionPatient"] == list(map(float, ds.ImagePositionPatient))
        assert metadata["RescaleIntercept"] == float(ds.RescaleIntercept)
        assert metadata["OtherPatientIDsSequence"][0]["PatientID"] == ds.OtherPatientIDsSequence[0].PatientID


def test_search_without_matches_is_no_error(server: str, page: str) -> None:
    assert _call(page, "search", server, "nobody") == [[], [], []]


def test_viewer_retrieves_native_instances(files: dict[str, Path], server: str, page: str) -> None:
    ds = dcmread(files["CT_small.dcm"])
    found = _call(page, "retrieve", server, _uids(ds), [1])
    assert base64.b64decode(found["instance"]) == files["CT_small.dcm"].read_bytes()
    assert list(map(base64.b64decode, found["series"])) == [files["CT_small.dcm"].read_bytes()]
    assert list(map(base64.b64decode, found["frames"])) == [ds.PixelData]
    assert list(map(base64.b64decode, found["value"])) == [ds.PixelData]


def test_lenient_server_sends_a_viewer_compressed_instances(files: dict[str, Path], server: str, page: str) -> None:
    path = files["SC_rgb_rle_2frame.dcm"]
    ds = dcmread(path)
    assert UID(ds.file_meta.TransferSyntaxUID).is_compressed
    refused = _call(page, "retrieve", server, _uids(ds), [2, 1])
    assert {name: found for name, found in refused.items() if name != "value"} == {
        name: {"status": 406} for name in ("instance", "series", "frames")
    }
    with serving(path.parent, "--cors", page, "--read-only", "--lenient-accept") as (_, lenient):
        found = _call(page, "retrieve", lenient, _uids(ds), [2, 1])
    first, second = generate_frames(ds.PixelData, number_of_frames=2)
    assert base64.b64decode(found["instance"]) == path.read_bytes()
    assert list(map(base64.b64decode, found["frames"])) == [second, first]


# --- storing and access ----------------------------------------------------------------------------------------


def test_viewer_stores_an_instance(page: str, tmp_path: Path) -> None:
    source = Path(str(get_testdata_file("CT_small.dcm")))
    file = base64.b64encode(source.read_bytes()).decode()
    original = dcmread(source)
    with serving(tmp_path, "--cors", page) as (_, url):
        answer = _call(page, "store", url, file, "1.2.3.4", "stored by dcmjs")
        assert "1.2.3.4" in str(answer)
        [[study], _, _] = _call(page, "search", url, original.PatientID)
        assert study["StudyInstanceUID"] == original.StudyInstanceUID
    [path] = tmp_path.rglob("*.dcm")
    stored = dcmread(path)
    assert (stored.SOPInstanceUID, stored.PatientComments) == ("1.2.3.4", "stored by dcmjs")
    assert stored.PixelData == original.PixelData


def test_viewer_with_a_token_reads_and_one_without_does_not(page: str, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"write {sha256(b'abc').hexdigest()}\nread {sha256(b'def').hexdigest()}\n")
    folder = tmp_path / "archive"
    folder.mkdir()
    source = Path(copy(get_testdata_file("CT_small.dcm"), folder))
    patient = dcmread(source).PatientID
    file = base64.b64encode(source.read_bytes()).decode()
    with serving(folder, "--cors", page, "--tokens", tokens) as (_, url):
        store = partial(_call, page, "store", url, file)
        assert store("1.2.3.5", "", {"Authorization": "Bearer def"}) == {"status": 403}
        assert store("1.2.3.5", "", {}) == {"status": 401}
        assert "1.2.3.5" in str(store("1.2.3.5", "", {"Authorization": "Bearer abc"}))
        assert len(_call(page, "search", url, patient, {"Authorization": "Bearer def"})[2]) == 2


def test_page_of_another_origin_neither_reads_nor_stores(viewer: Path, page: str, tmp_path: Path) -> None:
    source = Path(str(get_testdata_file("CT_small.dcm")))
    file = base64.b64encode(source.read_bytes()).decode()
    with pages(viewer) as stranger:
        for options in (["--cors", page], []):
            with serving(tmp_path, *options) as (_, url):
                learned = _call(stranger, "attack", url, file)
            assert learned == {"search": "TypeError", "store": "TypeError", "blind": "opaque"}
    assert not list(tmp_path.rglob("*.dcm"))
