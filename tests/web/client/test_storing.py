"""``store_files`` and ``retrieve`` against the origin server, Orthanc and scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copy

import httpx2
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from streamdicom import ReadOptions
from streamdicom.errors import ResponseError
from streamdicom.web.client import HttpStore, Stored, fetch_datasets, retrieve, store_files, storing
from tests.web.client.orthanc import PASSWORD, USER, is_installed, orthanc
from tests.web.client.scripted import Request, Reset, response, scripted
from tests.web.client.server import serving

NAMES = ("CT_small.dcm", "JPEG2000.dcm", "SC_rgb_rle_2frame.dcm", "MR_small.dcm")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving("tests.server.hosting:app", cwd=tmp_path_factory.mktemp("archive")) as running:
        yield running.url


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [Path(copy(get_testdata_file(name), tmp_path)) for name in NAMES]


def _path(file: Path) -> str:
    ds = dcmread(file)
    return f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"


def test_files_that_are_stored_can_be_retrieved_byte_for_byte(url: str, files: list[Path]) -> None:
    assert list(store_files(files, f"{url}/studies")) == [
        Stored(file, str(dcmread(file).SOPInstanceUID)) for file in files
    ]
    for file in files:
        [part] = list(_read(url + _path(file)))
        assert part == ("application/dicom", str(dcmread(file).file_meta.TransferSyntaxUID), file.read_bytes())


def test_all_instances_of_a_series_are_retrieved(url: str, files: list[Path]) -> None:
    list(store_files(files, f"{url}/studies"))
    series = _path(files[0]).partition("/instances")[0]
    assert [data for _, _, data in _read(url + series)] == [files[0].read_bytes()]


def _read(url: str) -> Iterator[tuple[str, str, bytes]]:
    for part in retrieve(url):
        yield part.media_type, part.transfer_syntax, b"".join(part.chunks)


def test_frames_and_bulk_data_are_retrieved_as_the_server_has_them(url: str, files: list[Path]) -> None:
    list(store_files(files, f"{url}/studies"))
    rle = dcmread(files[2])
    frames = list(generate_frames(rle.PixelData, number_of_frames=2))
    found = [data for _, _, data in _read(f"{url}{_path(files[2])}/frames/2,1")]
    assert found == frames[::-1]
    [(_, _, value)] = _read(f"{url}{_path(files[0])}/bulkdata/7FE00010")
    assert value == dcmread(files[0]).PixelData


def test_part_that_is_not_read_is_passed_over(url: str, files: list[Path]) -> None:
    list(store_files(files, f"{url}/studies"))
    kinds = [part.media_type for part in retrieve(f"{url}{_path(files[2])}/frames/1,2")]
    assert kinds == ["application/octet-stream"] * 2


def test_store_of_bulk_data_fetches_compressed_pixel_data(url: str, files: list[Path]) -> None:
    list(store_files(files, f"{url}/studies"))
    options = ReadOptions(bulk_data_store=HttpStore(url))
    for file in files[:3]:
        expected = dcmread(file)
        [ds] = fetch_datasets(f"{url}{_path(file)}/metadata", options=options)
        value = ds["PixelData"].value
        data = value.read() if hasattr(value, "read") else value
        if not expected.file_meta.TransferSyntaxUID.is_compressed:
            assert data == expected.PixelData
            continue
        count = int(expected.get("NumberOfFrames", 1))
        assert list(generate_frames(data, number_of_frames=count)) == list(
            generate_frames(expected.PixelData, number_of_frames=count)
        )


def test_file_that_is_no_instance_is_not_sent(url: str, tmp_path: Path, files: list[Path]) -> None:
    other = tmp_path / "other.dcm"
    other.write_bytes(b"no DICOM file")
    outcomes = list(store_files([other, files[0]], f"{url}/studies"))
    assert [outcome.path for outcome in outcomes] == [other, files[0]]
    assert (bool(outcomes[0].failure), outcomes[1].failure) == (True, "")


def test_conflict_is_the_failure_of_its_instance_alone(url: str, files: list[Path]) -> None:
    list(store_files(files, f"{url}/studies"))
    ds = dcmread(files[0])
    ds.PatientComments = "another"
    ds.save_as(files[0])
    first, *others = store_files(files, f"{url}/studies")
    assert first.failure == "the server has another instance with this UID (0111)"
    assert not any(outcome.failure for outcome in others)


@pytest.mark.parametrize(("name", "value", "count"), [("_MAX_FILES", 3, 2), ("_MAX_SIZE", 1, 4)])
def test_many_files_take_several_requests(
    files: list[Path], monkeypatch: pytest.MonkeyPatch, name: str, value: int, count: int
) -> None:
    monkeypatch.setattr(storing, name, value)
    uids = [str(dcmread(file).SOPInstanceUID) for file in files]
    with scripted(lambda _: response(_module(uids))) as server:
        assert [outcome.failure for outcome in store_files(files, f"{server.url}/studies")] == [""] * len(files)
    assert len(server.requests) == count
    lengths = [int(request.headers["content-length"]) for request in server.requests]
    assert sum(lengths) > sum(file.stat().st_size for file in files)


def _module(stored: list[str], failed: dict[str, int] | None = None) -> bytes:
    """Return the response of a server (PS3.18, table I.2-1)."""

    def item(uid: str, reason: int | None) -> dict[str, object]:
        known: dict[str, object] = {"00081155": {"vr": "UI", "Value": [uid]}}
        return known if reason is None else known | {"00081197": {"vr": "US", "Value": [reason]}}

    module: dict[str, object] = {"00081199": {"vr": "SQ", "Value": [item(uid, None) for uid in stored]}}
    if failed:
        module["00081198"] = {"vr": "SQ", "Value": [item(uid, reason) for uid, reason in failed.items()]}
    return json.dumps(module).encode()


def test_request_is_sent_again_after_a_lost_connection(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "PAUSES", (0.01, 0.01, 0.01))
    uid = str(dcmread(files[0]).SOPInstanceUID)
    attempts: list[Request] = []

    def script(request: Request) -> list[bytes]:
        attempts.append(request)
        if len(attempts) == 1:
            raise Reset
        return response(status=503) if len(attempts) == 2 else response(_module([uid]))

    with scripted(script) as server:
        assert list(store_files(files[:1], f"{server.url}/studies")) == [Stored(files[0], uid)]
    assert len(attempts) == 3


def test_server_that_stays_away_is_an_error(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "PAUSES", (0.01,))

    def script(_: Request) -> list[bytes]:
        raise Reset

    with scripted(script) as server, pytest.raises(ConnectionError):
        list(store_files(files, f"{server.url}/studies"))
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (_module([]), "the server did not acknowledge it"),
        (_module([], {"UID": 0xA700}), "the server is out of resources (A700)"),
        (_module([], {"UID": 0xC123}), "not understood (C123)"),
        (_module([], {"UID": 0x0122}), "the SOP Class is not supported (0122)"),
        (_module([], {"UID": 1}), "failed (0001)"),
    ],
)
def test_failure_has_a_reason(files: list[Path], answer: bytes, failure: str) -> None:
    uid = str(dcmread(files[0]).SOPInstanceUID).encode()
    with scripted(lambda _: response(answer.replace(b"UID", uid), status=409)) as server:
        [outcome] = store_files(files[:1], f"{server.url}/studies")
    assert outcome.failure == failure


@pytest.mark.parametrize(("status", "body"), [(401, b""), (413, b""), (200, b"<html>"), (302, b"")])
def test_other_answer_is_an_error(files: list[Path], status: int, body: bytes) -> None:
    location = [("Location", "/other")] if status == 302 else []
    with scripted(lambda _: response(body, status=status, headers=location)) as server, pytest.raises(ResponseError):
        list(store_files(files, f"{server.url}/studies"))


@pytest.mark.interop
@pytest.mark.slow
@pytest.mark.skipif(not is_installed(), reason="Debian's packages orthanc and orthanc-dicomweb are missing")
def test_orthanc_stores_and_returns_the_same_files(files: list[Path]) -> None:
    with orthanc([]) as url, httpx2.Client(auth=(USER, PASSWORD)) as client:
        assert [outcome.failure for outcome in store_files(files, f"{url}/studies", client=client)] == [""] * len(files)
        for file in files:
            [part] = [(part.media_type, b"".join(part.chunks)) for part in retrieve(url + _path(file), client=client)]
            assert part == ("application/dicom", file.read_bytes())
