"""Storing: its bounds, and the state after a kill or a power cut."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from starlette.testclient import TestClient

from streamdicom.server import Catalog, server_app
from streamdicom.server.stow import instances
from tests.server import corpus
from tests.web.client.server import Server, serving

_MIB = 1024 * 1024
_JSON = {"Content-Type": "application/dicom+json"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(server_app(tmp_path), "http://localhost") as running:
        yield running


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving("tests.server.hosting:app", cwd=tmp_path_factory.mktemp("archive")) as running:
        yield running


def _instances(count: int) -> list[dict[str, Any]]:
    return [corpus.dataset(number).to_json_dict() for number in range(count)]


def _bytes_of(ds: Dataset, folder: Path) -> bytes:
    return corpus.write(folder / "made.dcm", ds).read_bytes()


def _post_files(client: TestClient, files: list[bytes]) -> Any:
    parts = b"".join(b"--x\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n" for data in files)
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'}
    return client.post("/studies", content=parts + b"--x--", headers=headers)


# --- bounds ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.memory
def test_long_values_in_json_are_stored_in_flat_memory(own: Server) -> None:
    [ds] = _instances(1)
    httpx2.post(f"{own.url}/studies", content=json.dumps(_instances(8)[4:]), headers=_JSON)  # imports
    before = own.forget_peak()
    value = os.urandom(48 * _MIB)
    ds["7FE00010"] = {"vr": "OW", "InlineBinary": base64.b64encode(value).decode()}
    response = httpx2.post(f"{own.url}/studies", content=json.dumps([ds]), headers=_JSON, timeout=60)
    assert response.status_code == 200
    assert own.peak - before < 24 * _MIB
    url = response.json()["00081199"]["Value"][0]["00081190"]["Value"][0]
    stored = httpx2.get(f"{url}/bulkdata/7FE00010", headers={"Accept": "application/octet-stream"}, timeout=60)
    assert stored.content == value


@pytest.mark.slow
@pytest.mark.memory
def test_many_short_values_in_json_are_stored_in_flat_memory(own: Server) -> None:
    [ds] = _instances(1)
    httpx2.post(f"{own.url}/studies", content=json.dumps(_instances(8)[4:]), headers=_JSON)  # imports
    before = own.forget_peak()
    ds["00080018"]["Value"] = ["1.2.3.77"]
    items = ",".join(['{"00080008":{"vr":"CS"}}'] * 200_000)
    text = json.dumps(ds)[:-1] + f',"52009229":{{"vr":"SQ","Value":[{items}]}}}}'
    response = httpx2.post(f"{own.url}/studies", content=text, headers=_JSON, timeout=60)
    assert response.status_code == 200
    assert own.peak - before < 12 * _MIB


@pytest.mark.slow
@pytest.mark.memory
def test_number_of_data_sets_in_json_is_bounded(own: Server) -> None:
    before = own.forget_peak()
    response = httpx2.post(f"{own.url}/studies", content=b"[" + b"{}," * 1_000_000 + b"{}]", headers=_JSON, timeout=60)
    assert response.status_code == 413
    assert "multipart_parts" in response.text
    assert own.peak - before < 24 * _MIB


def test_each_data_set_of_json_is_stored_or_reported(client: TestClient, tmp_path: Path) -> None:
    good, bad, unfit, last = _instances(4)
    del bad["0020000D"]
    unfit["00186020"] = {"vr": "FL", "BulkDataURI": "http://elsewhere.example/1"}
    response = client.post("/studies", content=json.dumps([good, bad, {}, unfit, last]), headers=_JSON)
    assert response.status_code == 202
    module = response.json()
    stored = [item["00081155"]["Value"][0] for item in module["00081199"]["Value"]]
    assert stored == [good["00080018"]["Value"][0], last["00080018"]["Value"][0]]
    failed = [item["00081155"]["Value"][0] for item in module["00081198"]["Value"]]
    assert failed == [bad["00080018"]["Value"][0], unfit["00080018"]["Value"][0]]
    assert len(module["0008119A"]["Value"]) == 1  # the one without UIDs
    for ds in (good, last):
        [path] = tmp_path.rglob(f"{ds['00080018']['Value'][0]}.dcm")
        assert dcmread(path) == Dataset.from_json(json.dumps(ds))


def test_members_of_json_in_any_order_are_stored(client: TestClient, tmp_path: Path) -> None:
    [ds] = _instances(1)
    content = json.dumps([dict(reversed(ds.items()))])
    assert client.post("/studies", content=content, headers=_JSON).status_code == 200
    [path] = tmp_path.rglob("*.dcm")
    assert dcmread(path) == Dataset.from_json(json.dumps(ds))


def test_compressed_pixel_data_beside_json_has_its_transfer_syntax(client: TestClient, tmp_path: Path) -> None:
    source = dcmread(get_testdata_file("JPEG2000.dcm"))
    frame = next(generate_frames(source.PixelData)) + bytes(2 * _MIB)  # more than sorting holds
    del source.PixelData
    metadata = source.to_json_dict()
    metadata["7FE00010"] = {"vr": "OB", "BulkDataURI": "frames"}
    syntax = source.file_meta.TransferSyntaxUID
    body = b"--x\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps([metadata]).encode()
    body += f"\r\n--x\r\nContent-Type: image/jp2; transfer-syntax={syntax}\r\nContent-Location: frames\r\n\r\n".encode()
    headers = {"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=x'}
    response = client.post("/studies", content=body + frame + b"\r\n--x--", headers=headers)
    assert response.status_code == 200, response.text
    [path] = tmp_path.rglob("*.dcm")
    stored = dcmread(path)
    assert stored.file_meta.TransferSyntaxUID == syntax
    assert next(generate_frames(stored.PixelData, number_of_frames=1)) == frame


@pytest.mark.slow
def test_data_sets_that_share_a_long_part_do_not_fill_the_disk(client: TestClient, tmp_path: Path) -> None:
    value = os.urandom(100_000)

    def post(count: int) -> Any:
        found = _instances(count)
        for ds in found:
            ds["7FE00010"] = {"vr": "OW", "BulkDataURI": "shared"}
        body = b"--x\r\nContent-Type: application/dicom+json\r\n\r\n" + json.dumps(found).encode()
        body += b"\r\n--x\r\nContent-Location: shared\r\n\r\n" + value + b"\r\n--x--"
        return client.post(
            "/studies",
            content=body,
            headers={"Content-Type": 'multipart/related; type="application/dicom+json"; boundary=x'},
        )

    assert post(3).status_code == 200
    assert {dcmread(path).PixelData for path in tmp_path.rglob("*.dcm")} == {value}
    refused = post(100)
    assert (refused.status_code, "the instances have more than" in refused.text) == (413, True)
    assert len(list(tmp_path.rglob("*.dcm"))) == 3
    assert [path.name for path in (tmp_path / ".streamdicom").iterdir() if path.is_dir()] == []


# --- searches --------------------------------------------------------------------------------------------------


def test_long_binary_values_are_not_in_search_results(client: TestClient, tmp_path: Path) -> None:
    ds = corpus.dataset(0)
    ds.add_new(0x7FE00010, "OW", bytes(100_000))
    ds.RedPaletteColorLookupTableData = b"\1\2"
    _post_files(client, [_bytes_of(ds, tmp_path.parent)])
    [found] = client.get("/instances?includefield=PixelData,RedPaletteColorLookupTableData").json()
    assert "7FE00010" not in found
    assert found["00281201"]["InlineBinary"] == base64.b64encode(b"\1\2").decode()


def test_unreadable_number_costs_its_element_only(tmp_path: Path) -> None:
    [ds] = _instances(1)
    text = json.dumps(ds)[:-1] + ', "00180050": {"vr": "DS", "Value": [1.0000]}'
    text += ', "00180088": {"vr": "DS", "Value": [1e400]}'
    text += ', "00189073": {"vr": "FD", "Value": [1e400]}, "00189074": {"vr": "DT", "Value": ["2024"]}}'
    (tmp_path / "a.json").write_text(text)
    client = TestClient(server_app(tmp_path), "http://localhost")
    fields = "SliceThickness,SpacingBetweenSlices,AcquisitionDuration,FrameAcquisitionDateTime"
    response = client.get(f"/instances?includefield={fields}")
    assert '"00180050":{"vr":"DS","Value":[1.0000]},"00180088":{"vr":"DS","Value":[1e400]}' in response.text
    [found] = response.json()
    assert found["00189074"]["Value"] == ["2024"]
    assert "00189073" not in found


# --- files that do not belong in the folder --------------------------------------------------------------------------


@contextmanager
def _unblocked(pipe: Path) -> Iterator[None]:
    """Fail if the block waits for a writer of a pipe, in place of waiting for ever."""
    released = []

    def release() -> None:
        os.close(os.open(pipe, os.O_RDWR))
        released.append(pipe)

    watch = threading.Timer(10, release)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
    assert not released


def test_pipes_are_skipped(tmp_path: Path) -> None:
    corpus.write(tmp_path / "a.dcm", corpus.dataset(0))
    os.mkfifo(tmp_path / "pipe.dcm")
    (tmp_path / "link.dcm").symlink_to("pipe.dcm")
    pipe = os.open(tmp_path / "pipe.dcm", os.O_RDWR | os.O_NONBLOCK)
    os.write(pipe, b"for another reader")
    client = TestClient(server_app(tmp_path), "http://localhost")
    assert len(client.get("/instances").json()) == 1
    assert os.read(pipe, 100) == b"for another reader"
    os.close(pipe)
    (tmp_path / "a.dcm").unlink()
    os.mkfifo(tmp_path / "a.dcm")  # after it was indexed
    with _unblocked(tmp_path / "a.dcm"), pytest.raises(Exception, match="changed"):
        client.get("/studies/1.2.1.0/metadata")


def test_reference_to_a_pipe_is_404(tmp_path: Path) -> None:
    [ds] = _instances(1)
    ds["7FE00010"] = {"vr": "OW", "BulkDataURI": "pipe"}
    (tmp_path / "a.json").write_text(json.dumps(ds))
    os.mkfifo(tmp_path / "pipe")
    client = TestClient(server_app(tmp_path), "http://localhost")
    uids = (ds[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    path = "/studies/{}/series/{}/instances/{}/bulkdata/7FE00010".format(*uids)
    assert client.get(path, headers={"Accept": "application/octet-stream"}).status_code == 404


def test_index_is_not_made_outside_through_a_link(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (tmp_path / ".streamdicom").symlink_to(outside)
    with Catalog(tmp_path) as catalog:
        catalog.refresh()
        client = TestClient(server_app(catalog), "http://localhost")
        assert _post_files(client, [_bytes_of(corpus.dataset(0), outside.parent)]).status_code == 503
    assert list(outside.iterdir()) == []


def test_link_out_of_the_folder_is_no_stored_instance(
    client: TestClient, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = _bytes_of(corpus.dataset(0), tmp_path_factory.mktemp("made"))
    outside = tmp_path_factory.mktemp("outside") / "same.dcm"
    outside.write_bytes(data)
    series = tmp_path / "1.2.1.0" / "1.2.2.0"
    series.mkdir(parents=True)
    (series / "1.2.3.0.dcm").symlink_to(outside)
    assert _post_files(client, [data]).status_code == 409  # no search would find it
    assert client.get("/instances").status_code == 204


# --- durability and privacy --------------------------------------------------------------------------------------


def test_files_and_each_folder_once_are_on_disk_before_the_answer(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = tmp_path_factory.mktemp("made")
    files = [_bytes_of(corpus.dataset(number), made) for number in range(2)]  # of one series
    synced: list[tuple[Path, int]] = []  # with the number of stored files at the time

    def sync(number: int) -> None:
        synced.append((Path(f"/proc/self/fd/{number}").readlink(), len(list(tmp_path.rglob("1.*.dcm")))))

    monkeypatch.setattr(os, "fsync", sync)
    assert _post_files(client, files).status_code == 200
    written = [path for path, stored in synced if path.suffix == ".partial" and not stored]
    assert len(written) == 2
    folders = [(path, stored) for path, stored in synced if path.suffix != ".partial"]
    series = tmp_path / "1.2.1.0" / "1.2.2.0"
    assert sorted(folders) == sorted((path, 2) for path in (tmp_path, series.parent, series))


def test_known_instance_is_on_disk_before_the_answer(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer may not have synced it: a server that was killed, or another program."""
    data = _bytes_of(corpus.dataset(0), tmp_path.parent)
    assert _post_files(client, [data]).status_code == 200
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").readlink()))
    assert _post_files(client, [data]).status_code == 200
    [path] = tmp_path.rglob("1.*.dcm")
    assert {path, *path.parents[:3]} <= set(synced)


def test_part_that_is_no_instance_of_the_study_costs_no_disk_access(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, synced = [], []
    create = instances._private
    monkeypatch.setattr(instances, "_private", lambda path, flags: made.append(path) or create(path, flags))
    monkeypatch.setattr(os, "fsync", synced.append)
    good = _bytes_of(corpus.dataset(0), tmp_path.parent)
    files = [b"A", good[:-4], b"", b"\0" * 60_000] * 50
    response = _post_files(client, files)
    assert response.status_code == 409
    assert [len(response.json()[tag]["Value"]) for tag in ("00081198", "0008119A")] == [
        50,
        150,
    ]  # with and without UIDs
    other = client.post("/studies/1.2.99", content=good, headers={"Content-Type": "application/dicom"})
    assert other.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0x0110]  # processing failure
    empty = client.post("/studies", content=b"[" + b"{}," * 99 + b"{}]", headers=_JSON)
    assert (empty.status_code, len(empty.json()["0008119A"]["Value"])) == (409, 100)
    assert (made, synced) == ([], [])
    assert _post_files(client, [b"A", good + bytes(70_000), good]).status_code == 202  # one is longer than memory


def test_failed_sync_is_not_acknowledged(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sync(number: int) -> None:
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", sync)
    response = _post_files(client, [_bytes_of(corpus.dataset(0), tmp_path.parent)])
    assert response.status_code == 409
    assert response.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]  # out of resources


def test_complete_instances_of_a_killed_server_are_taken_in(tmp_path: Path) -> None:
    left = tmp_path / ".streamdicom" / "incoming-killed"
    left.mkdir(parents=True)
    corpus.write(left / "0.complete", corpus.dataset(0))
    whole = corpus.write(left / "1.partial", corpus.dataset(1))
    whole.write_bytes(whole.read_bytes()[:-10])
    (left / "2.complete").write_bytes(b"not DICOM")
    with TestClient(server_app(tmp_path), "http://localhost") as client:
        [found] = client.get("/instances").json()
    assert found["00080018"]["Value"] == ["1.2.3.0"]
    assert not left.exists()


def test_pipes_and_links_are_not_taken_in(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    corpus.write(outside / "0.complete", corpus.dataset(0))
    left = tmp_path / ".streamdicom" / "incoming-killed"
    left.mkdir(parents=True)
    os.mkfifo(left / "0.complete")
    (left / "1.complete").symlink_to(outside / "0.complete")
    (left.parent / "incoming-link").symlink_to(outside)
    with _unblocked(left / "0.complete"), TestClient(server_app(tmp_path), "http://localhost") as client:
        assert client.get("/instances").status_code == 204
    assert list(outside.iterdir()) == [outside / "0.complete"]


def test_files_of_a_running_server_are_left_to_it(tmp_path: Path) -> None:
    busy = tmp_path / ".streamdicom" / "incoming-busy"
    busy.mkdir(parents=True)
    corpus.write(busy / "0.complete", corpus.dataset(0))
    lock = os.open(busy, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with TestClient(server_app(tmp_path), "http://localhost") as client:
            assert client.get("/instances").status_code == 204
    finally:
        os.close(lock)
    assert (busy / "0.complete").exists()


def test_only_the_owner_can_read_stored_files_and_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    modes: dict[Path, int] = {}
    note = lambda _: modes.update((path, path.stat().st_mode) for path in folder.rglob("*"))  # noqa: E731
    monkeypatch.setattr(os, "fsync", note)  # while the request has its files
    old = os.umask(0)
    try:
        with TestClient(server_app(folder), "http://localhost") as client:
            assert _post_files(client, [_bytes_of(corpus.dataset(0), tmp_path)]).status_code == 200
            note(0)
    finally:
        os.umask(old)
    assert {path.suffix for path in modes} >= {".dcm", ".partial", ".sqlite", ".sqlite-wal"}
    assert {oct(stat.S_IMODE(mode)) for mode in modes.values() if stat.S_ISDIR(mode)} == {"0o700"}
    assert {oct(stat.S_IMODE(mode)) for mode in modes.values() if stat.S_ISREG(mode)} == {"0o600"}


def test_index_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / ".streamdicom" / "index.sqlite"
    Catalog(tmp_path).close()
    with closing(sqlite3.connect(path)) as older:  # a server that was killed leaves its log
        older.execute("CREATE TABLE more (id)")
        for found in path.parent.iterdir():
            found.chmod(0o644)
        with Catalog(tmp_path):
            modes = {found.name: oct(found.stat().st_mode & 0o777) for found in path.parent.iterdir()}
    assert modes == dict.fromkeys(("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"), "0o600")
