"""The origin server in its own process, judged by dicomweb-client."""

from __future__ import annotations

import json
import random
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from shutil import copy
from typing import Any

import httpx2
import pytest
from dicomweb_client import DICOMwebClient
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from requests import HTTPError
from starlette.testclient import TestClient

import streamdicom
from streamdicom import ReadOptions, WriteOptions
from streamdicom.server import Catalog, lifetime
from streamdicom.server.app import server_app
from streamdicom.web.client import HttpStore, fetch_datasets
from tests.server import corpus
from tests.web.client.server import Server, serving

_MIB = 1024 * 1024

# No two of them have the same SOP Instance UID.
_NAMES = (
    "CT_small.dcm",
    "JPEG2000.dcm",
    "MR_small.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_small_odd.dcm",
    "image_dfl.dcm",
    "rtdose.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
)
_ENCODED_OTHERWISE = ("MR_small_implicit.dcm", "MR_small_expb.dcm", "MR_small_bigendian.dcm")
_SERIES = 12  # instances of one series


def _fill(folder: Path) -> dict[Path, Dataset]:
    """Write a folder of pydicom's files, with unique UIDs, and a series."""
    for name in _NAMES:
        copy(get_testdata_file(name), folder)
    for number, name in enumerate(_ENCODED_OTHERWISE):
        ds = dcmread(get_testdata_file(name))
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.9.{number}"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.7", "1.2.8"
        ds.save_as(folder / name)
    for number in range(_SERIES):
        ds = corpus.dataset(0, SOPInstanceUID=f"1.2.5.{number}", StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.2")
        corpus.write(folder / "series" / f"{number}.dcm", ds)
    return {path: dcmread(path) for path in sorted(folder.rglob("*.dcm"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("archive")


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[Path, Dataset]:
    return _fill(folder)


def _hosting(folder: Path) -> AbstractContextManager[Server]:
    return serving("tests.server.hosting:app", cwd=folder)


@pytest.fixture(scope="module")
def server(folder: Path, files: dict[Path, Dataset]) -> Iterator[Server]:
    with _hosting(folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> DICOMwebClient:
    return DICOMwebClient(server.url)


@pytest.fixture(scope="module")
def lenient(folder: Path, files: dict[Path, Dataset]) -> Iterator[DICOMwebClient]:
    """A client of a server that sends compressed frames unasked."""
    with serving("tests.server.hosting:lenient", cwd=folder) as running:
        yield DICOMwebClient(running.url)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder that a test may change."""
    return tmp_path


@pytest.fixture
def own(archive: Path) -> Iterator[Server]:
    """A server of the test's own."""
    with _hosting(archive) as running:
        yield running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Server]]:
    """A folder without files and its server, for requests that store nothing."""
    folder = tmp_path_factory.mktemp("empty") / "archive"
    folder.mkdir()
    with _hosting(folder) as running:
        yield folder, running


def _uids(ds: Dataset) -> tuple[str, str, str]:
    return str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)


def _url(server: Server, ds: Dataset) -> str:
    study, series, instance = _uids(ds)
    return f"{server.url}/studies/{study}/series/{series}/instances/{instance}"


def _is_native(ds: Dataset) -> bool:
    return not ds.file_meta.TransferSyntaxUID.is_compressed or ds.file_meta.TransferSyntaxUID.is_deflated


# --- search ----------------------------------------------------------------------------------------------------


def _found(results: list[dict[str, Any]], keyword: str) -> list[str]:
    return sorted(str(Dataset.from_json(one).get(keyword)) for one in results)


def _known(files: dict[Path, Dataset], keyword: str) -> list[str]:
    return sorted({str(ds.get(keyword)) for ds in files.values()})


@pytest.mark.slow
def test_everything_is_found_at_each_level(client: DICOMwebClient, files: dict[Path, Dataset]) -> None:
    assert _found(client.search_for_studies(), "StudyInstanceUID") == _known(files, "StudyInstanceUID")
    assert _found(client.search_for_series(), "SeriesInstanceUID") == _known(files, "SeriesInstanceUID")
    assert _found(client.search_for_instances(), "SOPInstanceUID") == _known(files, "SOPInstanceUID")


@pytest.mark.slow
def test_results_have_the_values_of_the_files(client: DICOMwebClient, files: dict[Path, Dataset]) -> None:
    for ds in files.values():
        [found] = client.search_for_instances(
            search_filters={"SOPInstanceUID": ds.SOPInstanceUID}, fields=["PatientID"]
        )
        result = Dataset.from_json(found)
        for keyword in ("SOPClassUID", "SOPInstanceUID", "PatientID"):
            assert result[keyword].value == ds[keyword].value


def test_study_has_its_series_and_a_series_its_instances(client: DICOMwebClient) -> None:
    assert _found(client.search_for_series("1.2.1"), "SeriesInstanceUID") == ["1.2.2"]
    expected = sorted(f"1.2.5.{number}" for number in range(_SERIES))
    assert _found(client.search_for_instances("1.2.1"), "SOPInstanceUID") == expected
    assert _found(client.search_for_instances("1.2.1", "1.2.2"), "SOPInstanceUID") == expected


def test_filters_select_matching_instances(client: DICOMwebClient, files: dict[Path, Dataset]) -> None:
    found = client.search_for_series(search_filters={"Modality": "MR"})
    expected = {str(ds.SeriesInstanceUID) for ds in files.values() if ds.Modality == "MR"}
    assert expected
    assert set(_found(found, "SeriesInstanceUID")) == expected
    assert client.search_for_studies(search_filters={"PatientName": "no such*"}) == []


def test_pages_make_the_whole(client: DICOMwebClient, files: dict[Path, Dataset]) -> None:
    pages = [client.search_for_instances(limit=5, offset=offset) for offset in range(0, len(files) + 5, 5)]
    assert [len(page) for page in pages[:-2]] == [5] * (len(pages) - 2)
    assert [one for page in pages for one in page] == client.search_for_instances()
    assert client.search_for_instances(limit=5, get_remaining=True) == client.search_for_instances()


def test_search_without_results_is_204(server: Server) -> None:
    response = httpx2.get(f"{server.url}/studies", params={"PatientID": "nobody"})
    assert response.status_code == 204
    assert response.content == b""


def test_invalid_key_is_named_in_the_response(server: Server) -> None:
    for query in ("limit=-1", "StudyDate=yesterday", "NoSuchAttribute=1", "PatientName=%ff"):
        assert httpx2.get(f"{server.url}/studies?{query}").status_code == 400, query


def test_fuzzy_matching_returns_a_warning_header(server: Server) -> None:
    response = httpx2.get(f"{server.url}/studies?fuzzymatching=true")
    assert response.status_code == 200
    assert response.headers["Warning"].startswith("299 ")  # PS3.18 8.3.4.2
    assert "fuzzymatching" in response.headers["Warning"]


def test_results_in_xml(server: Server) -> None:
    response = httpx2.get(
        f"{server.url}/studies", headers={"Accept": 'multipart/related; type="application/dicom+xml"'}
    )
    assert response.headers["Content-Type"].startswith('multipart/related; type="application/dicom+xml"')
    assert response.content.count(b"<NativeDicomModel") == len(httpx2.get(f"{server.url}/studies").json())


def test_unacceptable_media_type_is_406(server: Server) -> None:
    for path in ("/studies", "/studies/1.2.1.0/metadata", "/studies/1.2.1.0"):
        assert httpx2.get(server.url + path, headers={"Accept": "text/html"}).status_code == 406


def test_type_of_parts_is_optional(server: Server) -> None:
    response = httpx2.get(f"{server.url}/studies/1.2.1", headers={"Accept": "multipart/related"})
    assert response.headers["Content-Type"].startswith('multipart/related; type="application/dicom"')
    assert response.content.count(b"DICM") == _SERIES


def test_available_transfer_syntax_is_named_once(server: Server) -> None:
    accept = 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50'
    response = httpx2.get(f"{server.url}/studies/1.2.1", headers={"Accept": accept})
    assert response.status_code == 406
    assert response.text.count("1.2.840.10008.1.2.1") == 1


# --- metadata and bulk data ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.slow
def test_metadata_and_its_bulk_data_are_the_file(lenient: DICOMwebClient, files: dict[Path, Dataset]) -> None:
    referred = 0
    for path, ds in files.items():

        def fetch(tag: str, vr: str, uri: str, ds: Dataset = ds) -> Any:
            nonlocal referred
            referred += 1
            parts = lenient.retrieve_bulkdata(uri)
            if int(tag, 16) == 0x7FE00010 and not _is_native(ds):
                count = int(ds.get("NumberOfFrames", 1))
                assert parts == list(generate_frames(ds.PixelData, number_of_frames=count))
                return ds.PixelData
            [value] = parts
            return bytes(value)

        metadata = lenient.retrieve_instance_metadata(*_uids(ds))
        expected = dcmread(path)
        found = Dataset.from_json(metadata, bulk_data_uri_handler=fetch)
        if not expected.original_encoding[1]:  # pydicom leaves words in the order of the file
            pixels = bytearray(expected.PixelData)
            pixels[::2], pixels[1::2] = pixels[1::2], pixels[::2]
            expected.PixelData = bytes(pixels)
        assert found == expected, path.name
    assert referred > 10


def test_metadata_of_a_series_and_of_a_study_has_all_instances(
    client: DICOMwebClient, files: dict[Path, Dataset]
) -> None:
    expected = sorted(f"1.2.5.{number}" for number in range(_SERIES))
    assert _found(client.retrieve_series_metadata("1.2.1", "1.2.2"), "SOPInstanceUID") == expected
    assert _found(client.retrieve_study_metadata("1.2.1"), "SOPInstanceUID") == expected


def test_metadata_in_xml(server: Server) -> None:
    response = httpx2.get(f"{server.url}/studies/1.2.1/metadata", headers={"Accept": "application/dicom+xml"})
    assert response.content.count(b"<NativeDicomModel") == _SERIES


def test_bulk_data_as_a_single_part(server: Server, files: dict[Path, Dataset], folder: Path) -> None:
    ds = files[folder / "CT_small.dcm"]
    url = f"{_url(server, ds)}/bulkdata/7FE00010"
    response = httpx2.get(url, headers={"Accept": "application/octet-stream"})
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.content == ds.PixelData
    assert DICOMwebClient(server.url).retrieve_bulkdata(url, (("application/octet-stream", "*"),)) == [ds.PixelData]
    assert list(DICOMwebClient(server.url).iter_bulkdata(url)) == [ds.PixelData]


def test_value_in_an_item_has_its_place_in_its_url(server: Server, files: dict[Path, Dataset], folder: Path) -> None:
    ds = files[folder / "waveform_ecg.dcm"]
    [found] = httpx2.get(f"{_url(server, ds)}/metadata").json()
    uri = found["54000100"]["Value"][0]["54001010"]["BulkDataURI"]
    assert httpx2.get(uri, headers={"Accept": "*/*;q=0.1, application/octet-stream"}).content == (
        ds.WaveformSequence[0].WaveformData
    )


@pytest.mark.parametrize(
    "value",
    [
        "00100010",
        "7FE00010/0/7FE00010",
        "00090010",
        "7fe0001",
        "7FE00010%0d%0aX: 1",
        "..%2f..%2f..%2fetc%2fpasswd",
        "x",
    ],
)
def test_value_that_is_not_bulk_data_is_404(
    server: Server, files: dict[Path, Dataset], folder: Path, value: str
) -> None:
    response = httpx2.get(f"{_url(server, files[folder / 'CT_small.dcm'])}/bulkdata/{value}")
    assert response.status_code == 404


def test_frames_have_the_order_of_the_request(
    lenient: DICOMwebClient, files: dict[Path, Dataset], folder: Path
) -> None:
    for name in ("rtdose.dcm", "SC_rgb_rle_2frame.dcm"):
        ds = files[folder / name]
        count = int(ds.NumberOfFrames)
        if _is_native(ds):
            size = ds.Rows * ds.Columns * ds.BitsAllocated // 8
            frames = [ds.PixelData[start : start + size] for start in range(0, size * count, size)]
        else:
            frames = list(generate_frames(ds.PixelData, number_of_frames=count))
        assert lenient.retrieve_instance_frames(*_uids(ds), frame_numbers=[1]) == frames[:1]
        assert lenient.retrieve_instance_frames(*_uids(ds), frame_numbers=[1, 2]) == frames[:2]
        assert list(lenient.iter_instance_frames(*_uids(ds), frame_numbers=[2, 1, 2])) == [
            frames[1],
            frames[0],
            frames[1],
        ]
        with pytest.raises(HTTPError, match="404"):
            lenient.retrieve_instance_frames(*_uids(ds), frame_numbers=[count + 1])


def test_strict_server_sends_a_client_with_defaults_native_frames_only(
    client: DICOMwebClient, files: dict[Path, Dataset], folder: Path
) -> None:
    native, compressed = files[folder / "rtdose.dcm"], files[folder / "SC_rgb_rle_2frame.dcm"]
    assert len(client.retrieve_instance_frames(*_uids(native), frame_numbers=[1, 2])) == 2
    with pytest.raises(HTTPError, match="406"):  # the client sends type="*/*"
        client.retrieve_instance_frames(*_uids(compressed), frame_numbers=[1])
    media_types = (("application/octet-stream", "*"),)
    found = client.retrieve_instance_frames(*_uids(compressed), frame_numbers=[1], media_types=media_types)
    assert found == list(generate_frames(compressed.PixelData, number_of_frames=2))[:1]


def test_invalid_list_of_frames_is_400(server: Server, files: dict[Path, Dataset], folder: Path) -> None:
    url = _url(server, files[folder / "CT_small.dcm"])
    for text in ("0", "a", "1,,2", "-1", "1" * 30, ",".join(["1"] * 1001)):
        assert httpx2.get(f"{url}/frames/{text}").status_code == 400, text


def test_compressed_frames_have_their_media_type(server: Server, files: dict[Path, Dataset], folder: Path) -> None:
    url = f"{_url(server, files[folder / 'JPEG2000.dcm'])}/frames/1"
    own = httpx2.get(url, headers={"Accept": 'multipart/related; type="image/jp2"; transfer-syntax=*'})
    assert own.headers["Content-Type"].startswith('multipart/related; type="image/jp2"; transfer-syntax=1.2.840')
    octets = 'multipart/related; type="application/octet-stream"'
    assert httpx2.get(url, headers={"Accept": octets}).status_code == 406  # they would be decompressed
    assert httpx2.get(url, headers={"Accept": f"{octets}; transfer-syntax=*"}).status_code == 200


# --- files -----------------------------------------------------------------------------------------------------


def _bytes_of(response: httpx2.Response) -> list[bytes]:
    boundary = response.headers["Content-Type"].partition("boundary=")[2].encode()
    parts = response.content.split(b"--" + boundary)[1:-1]
    return [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts]


_ANY_SYNTAX = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


@pytest.mark.slow
def test_files_are_returned_unchanged(server: Server, files: dict[Path, Dataset]) -> None:
    for path, ds in files.items():
        if ds.file_meta.TransferSyntaxUID not in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2"):
            assert _bytes_of(httpx2.get(_url(server, ds), headers=_ANY_SYNTAX)) == [path.read_bytes()]


def test_excluded_transfer_syntaxes_become_explicit_vr_little_endian(
    client: DICOMwebClient, files: dict[Path, Dataset], folder: Path
) -> None:
    for name in _ENCODED_OTHERWISE:  # PS3.18 8.7.3
        ds = files[folder / name]
        found = client.retrieve_instance(*_uids(ds))
        assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
        assert (found.pixel_array == ds.pixel_array).all()
        assert found.PatientName == ds.PatientName
        assert len(found) == len(ds)


def test_default_transfer_syntax_is_uncompressed(
    client: DICOMwebClient, server: Server, files: dict[Path, Dataset], folder: Path
) -> None:
    deflated = files[folder / "image_dfl.dcm"]
    [found] = client.retrieve_series(*_uids(deflated)[:2])
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert found == deflated
    compressed = files[folder / "JPEG2000.dcm"]
    with pytest.raises(HTTPError, match="406"):
        client.retrieve_series(*_uids(compressed)[:2])
    syntax = compressed.file_meta.TransferSyntaxUID
    [found] = client.retrieve_series(*_uids(compressed)[:2], media_types=(("application/dicom", syntax),))
    assert found == compressed


def test_study_and_series_return_all_files(client: DICOMwebClient) -> None:
    expected = sorted(f"1.2.5.{number}" for number in range(_SERIES))
    for found in (
        client.retrieve_study("1.2.1"),
        client.iter_study("1.2.1"),
        client.retrieve_series("1.2.1", "1.2.2"),
        client.iter_series("1.2.1", "1.2.2"),
    ):
        assert sorted(ds.SOPInstanceUID for ds in found) == expected


def test_unknown_resource_is_404(server: Server) -> None:
    for path in ("/studies/1.2.99", "/studies/1.2.99/metadata", "/studies/1.2.1/series/1.9", "/nothing"):
        assert httpx2.get(server.url + path).status_code == 404
    instance = "/studies/1.2.1/series/1.2.2/instances/1.9"
    for path in ("", "/metadata", "/bulkdata/7FE00010", "/frames/1"):
        assert httpx2.get(server.url + instance + path).status_code == 404


def test_instance_under_another_study_is_404(server: Server) -> None:
    assert httpx2.get(f"{server.url}/studies/1.2.7/series/1.2.2/instances/1.2.5.0/metadata").status_code == 404


def test_fetched_metadata_and_bulk_data_equal_the_file(
    server: Server, files: dict[Path, Dataset], folder: Path
) -> None:
    assert sum(1 for _ in fetch_datasets(f"{server.url}/instances", page_size=5)) == len(files)
    for name in ("CT_small.dcm", "SC_rgb_small_odd.dcm"):
        ds = files[folder / name]
        options = ReadOptions(bulk_data_store=HttpStore(server.url))
        [found] = fetch_datasets(f"{_url(server, ds)}/metadata", options=options)
        pixels = found.PixelData
        assert (pixels if isinstance(pixels, bytes) else pixels.read()) == ds.PixelData


# --- hostile requests ------------------------------------------------------------------------------------------


def _raw(server: Server, request: bytes, *, stops: bool = False) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request)
        if stops:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


@pytest.mark.parametrize(
    "path",
    [
        "/studies/../../../../etc/passwd",
        "/studies/..%2f..%2f..%2fetc%2fpasswd/metadata",
        "/studies/%2e%2e/metadata",
        "/studies/1.2%00/metadata",
        "/studies/1.2%0d%0aX-Injected:%201/metadata",
        "/studies/1.2'%20OR%20'1'='1/metadata",
        "/studies/1.2*/metadata",
        "/studies/%D9%A1.%D9%A2/metadata",
        f"/studies/{'1.' * 40}1/metadata",
        "/studies/1..2/metadata",
        "/studies/.streamdicom/metadata",
    ],
)
def test_invalid_uid_in_the_path_is_refused(server: Server, path: str) -> None:
    answer = _raw(server, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ", 2)[1] in (b"400", b"404")
    assert b"X-Injected" not in answer
    assert b"root:" not in answer
    assert httpx2.get(f"{server.url}/studies?limit=1").status_code == 200


def test_host_header_is_not_reflected(server: Server) -> None:
    request = b"GET /studies?limit=1&fuzzymatching=true HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n"
    for host in (b'evil"\x01', b"evil<script>", b"a b", b"[", b"evil:99999999", b"x" * 5000):
        head, _, body = _raw(server, request % host).partition(b"\r\n\r\n")
        assert b"evil" not in head
        if head.startswith(b"HTTP/1.1 200"):
            json.loads(body[body.index(b"[") : body.rindex(b"]") + 1])


def test_client_that_leaves_does_no_harm(server: Server) -> None:
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"GET /studies/1.2.1/metadata HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert httpx2.get(f"{server.url}/studies?limit=1").status_code == 200


@pytest.mark.slow
def test_damaged_file_is_a_server_error(archive: Path, own: Server) -> None:
    path = corpus.write(archive / "a.dcm", corpus.dataset(0, PatientComments="x" * 5000))
    ds = corpus.dataset(4)
    corpus.write(archive / "b.dcm", ds)
    with Catalog(archive) as index:
        index.refresh()
    path.write_bytes(path.read_bytes()[:400])
    assert httpx2.get(f"{own.url}/studies/1.2.1.0/metadata").status_code == 500
    assert httpx2.get(f"{own.url}/studies/1.2.1.0", headers=_ANY_SYNTAX).status_code == 500
    assert len(httpx2.get(f"{own.url}/studies/1.2.1.1/metadata").json()) == 1


def test_missing_folder_is_503_until_it_returns(archive: Path) -> None:
    folder = archive / "folder"
    corpus.write(folder / "a.dcm", corpus.dataset(0))
    body, headers = _file(_ct()), {"Content-Type": "application/dicom"}
    with Catalog(folder) as index, TestClient(server_app(index)) as client:
        index.refresh()
        folder.rename(archive / "away")
        with pytest.raises(NotADirectoryError):
            index.refresh()
        for response in (
            client.get("/studies/1.2.1.0/metadata"),
            client.post("/studies", content=body, headers=headers),
        ):
            assert response.status_code == 503
            assert "No such file or directory" in response.text
            assert str(archive) not in response.text
        (archive / "away").rename(folder)
        assert len(client.get("/studies/1.2.1.0/metadata").json()) == 1
        assert client.post("/studies", content=body, headers=headers).status_code == 200


def test_damaged_index_is_503_and_nothing_is_stored(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise sqlite3.DatabaseError("database disk image is malformed")

    headers = {"Content-Type": "application/dicom"}
    with Catalog(archive) as index, TestClient(server_app(index)) as client:
        monkeypatch.setattr(index, "add", fail)
        response = client.post("/studies", content=_file(_ct()), headers=headers)
        assert response.status_code == 409
        assert response.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]  # out of resources
        assert _stored(archive) == []
        monkeypatch.setattr(index, "search", fail)
        response = client.get("/studies")
        assert (response.status_code, response.text[:9]) == (503, "the index")


# --- store -----------------------------------------------------------------------------------------------------


def _stored(archive: Path) -> list[Path]:
    return sorted(path for path in archive.rglob("*") if path.is_file() and "index.sqlite" not in path.name)


@pytest.mark.slow
def test_stored_instance_is_found_at_once(archive: Path, own: Server) -> None:
    client = DICOMwebClient(own.url)
    datasets = [dcmread(get_testdata_file(name)) for name in ("CT_small.dcm", "JPEG2000.dcm")]
    told = client.store_instances(datasets)
    assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == [
        ds.SOPInstanceUID for ds in datasets
    ]
    assert "FailedSOPSequence" not in told
    for item, ds in zip(told.ReferencedSOPSequence, datasets, strict=True):
        assert item.ReferencedSOPClassUID == ds.SOPClassUID
        assert item.RetrieveURL == _url(own, ds)
        assert client.retrieve_instance(*_uids(ds)) == ds
        study, series, instance = _uids(ds)
        assert dcmread(archive / study / series / f"{instance}.dcm") == ds
    assert len(client.search_for_instances()) == 2
    assert len(_stored(archive)) == 2


def _post(
    server: Server, parts: list[bytes], kind: str = "application/dicom", path: str = "/studies"
) -> httpx2.Response:
    body = b"".join(b"--x\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + part + b"\r\n" for part in parts)
    headers = {"Content-Type": f'multipart/related; type="{kind}"; boundary=x', "Accept": "application/dicom+json"}
    return httpx2.post(server.url + path, content=body + b"--x--", headers=headers, timeout=60)


def _file(ds: Dataset) -> bytes:
    target = BytesIO()
    ds.save_as(target, enforce_file_format=True)
    return target.getvalue()


def _ct(**changes: Any) -> Dataset:
    ds = dcmread(get_testdata_file("CT_small.dcm"))
    for name, value in changes.items():
        setattr(ds, name, value)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


@pytest.mark.slow
def test_bytes_of_a_file_are_kept(archive: Path, own: Server) -> None:
    data = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    assert _post(own, [data]).status_code == 200
    [path] = _stored(archive)
    assert path.read_bytes() == data


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of text that is not an integer
def test_answers_keep_the_text_of_numbers(archive: Path, own: Server) -> None:
    texts = {
        "00200011": ("IS", "007"),
        "00200013": ("IS", "1.0"),
        "00280008": ("IS", "1e0"),
        "00101030": ("DS", "70.50"),
    }
    data = streamdicom.dumps(_ct(), options=WriteOptions(file_meta=True))
    members = json.loads(data) | {tag: {"vr": vr, "Value": [text]} for tag, (vr, text) in texts.items()}
    quiet = ReadOptions(on_deviation=lambda _: None)
    events = streamdicom.iter_events(json.dumps(members).encode(), options=quiet)
    streamdicom.write_events(streamdicom.sort_elements(events), target := BytesIO(), format="dicom")
    assert _post(own, [target.getvalue()]).status_code == 200
    urls = [f"/instances?includefield={','.join(texts)}", f"{_url(own, _ct())}/metadata".removeprefix(own.url)]
    for url in urls:
        [found] = httpx2.get(own.url + url, headers={"Accept": "application/dicom+json"}).json(parse_float=str)
        # A number is the text; a JSON string is needed for a text that is not a number in form (PS3.18 F.2.3.1).
        assert {tag: found[tag]["Value"] for tag in texts} == {tag: [text] for tag, (_, text) in texts.items()}


@pytest.mark.slow
def test_same_instance_again_is_accepted_and_a_different_one_refused(archive: Path, own: Server) -> None:
    first, other = _file(_ct()), _file(_ct(PatientID="other"))
    assert _post(own, [first]).status_code == 200
    assert _post(own, [first]).status_code == 200
    response = _post(own, [other])
    assert response.status_code == 409
    [failed] = Dataset.from_json(response.json()).FailedSOPSequence
    assert failed.ReferencedSOPInstanceUID == _ct().SOPInstanceUID
    assert failed.FailureReason == 0x0111
    [path] = _stored(archive)
    assert path.read_bytes() == first


@pytest.mark.slow
def test_valid_instances_are_stored_and_others_reported(archive: Path, own: Server) -> None:
    good = _file(_ct())
    response = _post(own, [good, b"no DICOM file", good[:-100]])
    assert response.status_code == 202
    told = Dataset.from_json(response.json())
    assert len(told.ReferencedSOPSequence) == 1
    [failed] = told.FailedSOPSequence  # its UIDs precede the cut
    assert failed.FailureReason == 0xC000
    assert [item.FailureReason for item in told.OtherFailuresSequence] == [0xC000]
    assert len(_stored(archive)) == 1


@pytest.mark.slow
def test_instance_of_another_study_is_refused(archive: Path, own: Server) -> None:
    assert _post(own, [_file(_ct())], path="/studies/1.2.3").status_code == 409
    assert _stored(archive) == []
    assert _post(own, [_file(_ct())], path=f"/studies/{_ct().StudyInstanceUID}").status_code == 200


@pytest.mark.parametrize("uid", ["../../../evil", "1.2/../../evil", "1.2\\evil", "1.2\\3", "", "1..2", "x"])
@pytest.mark.slow
def test_no_uid_of_an_instance_leads_out_of_the_folder(empty: tuple[Path, Server], uid: str) -> None:
    folder, server = empty
    data = _file(_ct())
    old = str(_ct().StudyInstanceUID).encode()
    assert data.count(old) == 1
    hostile = data.replace(old, uid.encode().ljust(len(old), b"\0"))
    response = _post(server, [hostile])
    assert response.status_code == 409
    assert response.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]  # cannot understand
    assert _stored(folder) == []
    assert not list(folder.parent.rglob("evil*"))


@pytest.mark.slow
def test_link_in_the_folder_does_not_lead_out(archive: Path, own: Server, tmp_path_factory: Any) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (archive / str(_ct().StudyInstanceUID)).symlink_to(outside)
    assert _post(own, [_file(_ct())]).status_code == 409
    assert list(outside.rglob("*")) == []


@pytest.mark.slow
def test_incomplete_body_stores_nothing(empty: tuple[Path, Server]) -> None:
    folder, server = empty
    data = _file(_ct())
    part = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n"
    head = (
        b"POST /studies HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n"
        b'Content-Type: multipart/related; type="application/dicom"; boundary=x\r\n\r\n'
    )
    whole = part + part + b"--x--"
    for end in (len(part), len(part) + 1000, len(whole) - 2):
        _raw(server, head % len(whole) + whole[:end], stops=True)
    answer = _raw(server, head % len(part) + part)  # the length is right, but the closing boundary is not there
    assert answer.startswith(b"HTTP/1.1 400")
    assert httpx2.get(f"{server.url}/studies").status_code == 204
    assert _stored(folder) == []


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("", 415), ("text/plain", 415), ("multipart/related", 415), ('multipart/related; type="application/dicom"', 400)],
)
@pytest.mark.slow
def test_body_of_another_kind_is_refused(empty: tuple[Path, Server], content_type: str, status: int) -> None:
    folder, server = empty
    response = httpx2.post(f"{server.url}/studies", content=b"abc", headers={"Content-Type": content_type})
    assert response.status_code == status
    assert _stored(folder) == []


@pytest.mark.slow
def test_metadata_in_json_is_stored_with_its_bulk_data(archive: Path, own: Server) -> None:
    ds = _ct()
    metadata = ds.to_json_dict(
        bulk_data_threshold=1024, bulk_data_element_handler=lambda element: f"bulk/{element.tag:08X}"
    )
    bulk = {f"bulk/{element.tag:08X}": element.value for element in ds if isinstance(element.value, bytes)}
    body = b"--x\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps([metadata]).encode() + b"\r\n"
    for uri, value in bulk.items():
        if f'"{uri}"' in json.dumps(metadata):
            body += b"--x\r\nContent-Type: application/octet-stream\r\nContent-Location: " + uri.encode()
            body += b"\r\n\r\n" + value + b"\r\n"
    headers = {"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=x'}
    response = httpx2.post(f"{own.url}/studies", content=body + b"--x--", headers=headers)
    assert response.status_code == 200, response.text
    assert DICOMwebClient(own.url).retrieve_instance(*_uids(ds)) == ds


@pytest.mark.slow
def test_metadata_whose_bulk_data_is_missing_is_not_stored(empty: tuple[Path, Server]) -> None:
    folder, server = empty
    metadata = _ct().to_json_dict(bulk_data_threshold=1024, bulk_data_element_handler=lambda _: "http://a/b")
    headers = {"Content-Type": "application/dicom+json"}
    response = httpx2.post(f"{server.url}/studies", content=json.dumps([metadata]), headers=headers)
    assert response.status_code == 409
    assert _stored(folder) == []


@pytest.mark.slow
def test_writers_at_once_store_each_instance_once(archive: Path, own: Server) -> None:
    instances = [_file(_ct(SOPInstanceUID=f"1.2.3.{number}")) for number in range(10)]
    other = _file(_ct(SOPInstanceUID="1.2.3.0", SeriesInstanceUID="1.2.77"))
    statuses: list[int] = []

    def write(parts: list[bytes]) -> None:
        statuses.append(_post(own, parts).status_code)

    writers = [threading.Thread(target=write, args=[instances]) for _ in range(4)]
    writers += [threading.Thread(target=write, args=[[other]]) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert set(statuses) <= {200, 202, 409}
    found = DICOMwebClient(own.url).search_for_instances()
    assert _found(found, "SOPInstanceUID") == sorted(f"1.2.3.{number}" for number in range(10))
    assert len(_stored(archive)) == 10


@pytest.mark.slow
def test_unacceptable_response_format_stores_nothing(empty: tuple[Path, Server]) -> None:
    folder, server = empty
    headers = {"Content-Type": "application/dicom", "Accept": "text/html"}
    assert httpx2.post(f"{server.url}/studies", content=_file(_ct()), headers=headers).status_code == 406
    assert _stored(folder) == []


def test_read_only_server_stores_nothing(archive: Path) -> None:
    with Catalog(archive) as index, TestClient(server_app(index, read_only=True)) as client:
        assert client.post("/studies", content=b"").status_code == 405


# --- DICOM JSON, and changes ------------------------------------------------------------------------------


@pytest.mark.slow
def test_folder_of_dicom_json_is_served_like_files(archive: Path) -> None:
    ds = _ct()
    (archive / "bulk").mkdir()
    (archive / "bulk" / "pixels").write_bytes(ds.PixelData)
    pixels = lambda element: "bulk/pixels" if element.keyword == "PixelData" else "http://other.example/x"  # noqa: E731
    other = _ct(SOPInstanceUID="1.2.3")
    del other.PixelData
    texts = [
        json.dumps(ds.to_json_dict(bulk_data_threshold=5000, bulk_data_element_handler=pixels)),
        json.dumps(other.to_json_dict()),
    ]
    (archive / "two.json").write_text(f"[{', '.join(texts)}]")
    with _hosting(archive) as server:
        client = DICOMwebClient(server.url)
        assert len(client.search_for_instances()) == 2
        metadata = client.retrieve_instance_metadata(*_uids(ds))
        assert client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"]) == [ds.PixelData]
        for expected in (ds, other):
            assert client.retrieve_instance(*_uids(expected)) == expected


def test_reference_in_dicom_json_stays_beside_its_file(archive: Path, tmp_path_factory: Any) -> None:
    secret = tmp_path_factory.mktemp("secret") / "x"
    secret.write_text("secret")
    for number, uri in enumerate(("../../etc/passwd", f"file://{secret}", str(secret), ".streamdicom/index.sqlite")):
        ds = _ct(SOPInstanceUID=f"1.2.3.{number}").to_json_dict()
        ds["7FE00010"] = {"vr": "OW", "BulkDataURI": uri}
        (archive / f"{number}.json").write_text(json.dumps(ds))
    with Catalog(archive) as index, TestClient(server_app(index)) as client:
        index.refresh()
        found = client.get("/studies/" + str(_ct().StudyInstanceUID) + "/metadata").json()
        assert len(found) == 4
        for ds in found:
            uri = ds["7FE00010"]["BulkDataURI"]
            for path in (uri, uri.partition("/bulkdata/")[0]):
                response = client.get(path)
                assert response.status_code == 404
                assert b"secret" not in response.content


@pytest.mark.slow
def test_unordered_elements_are_served_in_order(archive: Path) -> None:
    ds = _ct()
    (archive / "backwards.json").write_text(json.dumps(dict(reversed(ds.to_json_dict().items()))))
    other = _ct(SOPInstanceUID="1.2.3")
    data = _file(other)
    patient_id = b"\x10\0\x20\0LO\x04\x001CT1"
    assert data.count(patient_id) == 1  # the parser returns to this place
    (archive / "moved.dcm").write_bytes(data.replace(patient_id, b"") + patient_id)
    with _hosting(archive) as server:
        client = DICOMwebClient(server.url)
        for expected in (ds, other):
            metadata = client.retrieve_instance_metadata(*_uids(expected))
            assert list(metadata) == sorted(metadata)
            assert metadata["00100020"]["Value"] == ["1CT1"]
        assert client.retrieve_instance(*_uids(ds)) == ds


def test_new_files_are_found(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifetime, "MIN_PAUSE", 0.05)
    with Catalog(archive) as index, TestClient(server_app(index)) as client:
        assert client.get("/studies").status_code == 204
        path = corpus.write(archive / "a.dcm", corpus.dataset(0))
        _wait(lambda: client.get("/studies").status_code == 200)
        path.unlink()
        _wait(lambda: client.get("/studies").status_code == 204)


def _wait(condition: Any) -> None:
    for _ in range(200):
        if condition():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come about")


# --- memory ----------------------------------------------------------------------------------------------------


@pytest.mark.memory
@pytest.mark.slow
def test_deflated_instances_take_no_more_memory_than_uninflated_ones(archive: Path) -> None:
    """Eight requests at once read an instance of 200,000 events."""
    ds = corpus.dataset(0, SOPInstanceUID="1.2.3.1")
    numbers = random.Random(1)
    rows = [
        numbers.getrandbits(16) for _ in range(4000)
    ]  # which deflate to a fiftieth, as equal ones follow each other
    ds.ReferencedImageSequence = [Dataset() for _ in range(65_000)]
    for index, item in enumerate(ds.ReferencedImageSequence):
        item.Rows = rows[index // 17]
    ds.file_meta = FileMetaDataset()
    peaks = []
    for number, syntax in enumerate((ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(archive / f"{number}.dcm", enforce_file_format=True)
    with _hosting(archive) as server:
        found = httpx2.get(f"{server.url}/instances", headers={"Accept": "application/dicom+json"}).json()
        urls = {entry["00080018"]["Value"][0]: entry["00081190"]["Value"][0] for entry in found}
        for number in range(2):
            url = urls[f"1.2.3.{number}"] + "/metadata"
            httpx2.get(url, timeout=120)
            before = server.forget_peak()
            with ThreadPoolExecutor(8) as pool:
                texts = set(pool.map(lambda _, url=url: httpx2.get(url, timeout=300).text, range(8)))
            assert len(texts) == 1
            assert min(map(len, texts)) > 2 * _MIB
            peaks.append(server.peak - before)
    assert peaks[1] < peaks[0] + 8 * _MIB


@pytest.mark.memory
@pytest.mark.slow
def test_memory_does_not_depend_on_the_number_of_instances(archive: Path) -> None:
    text = corpus.dataset(0, SOPInstanceUID="1.2.3.4", PatientComments="x" * 5000).to_json()
    with (archive / "all.json").open("w") as file:
        for number in range(4000):
            file.write(text.replace("1.2.3.4", f"1.2.3.{number}") + "\n")
    with _hosting(archive) as server:
        httpx2.get(f"{server.url}/instances?limit=100")
        before = server.forget_peak()
        size = 0
        for path in ("/instances", "/studies/1.2.1.0/metadata", "/studies/1.2.1.0"):
            with httpx2.stream("GET", server.url + path, headers={"Accept": "*/*"}, timeout=120) as response:
                size += sum(map(len, response.iter_bytes()))
        assert size > 40 * _MIB
        assert server.peak - before < 8 * _MIB
