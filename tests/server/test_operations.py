"""Running the server: the log of requests, its health, and bounds on all clients."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from shutil import copy, disk_usage, rmtree
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamdicom.server import Catalog, ServerLimits, operations, server_app, space
from streamdicom.server.operations import Bounded
from tests.server import corpus
from tests.support.each import each

_BASE = "http://localhost"
_JSON = {"Content-Type": "application/dicom+json"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    copy(get_testdata_file("CT_small.dcm"), folder)
    return folder


@pytest.fixture
def ct(folder: Path) -> Dataset:
    return dcmread(folder / "CT_small.dcm")


def _path(ds: Dataset) -> str:
    return f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}/instances/{ds.SOPInstanceUID}"


# --- the log ---------------------------------------------------------------------------------------------------


def test_log_has_a_line_for_each_request_and_no_data_of_patients(
    folder: Path, ct: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "streamdicom.access")
    requests = [
        ("/studies?PatientName=Doe*", "/studies", 204),
        (f"{_path(ct)}/metadata", "/studies/{study}/series/{series}/instances/{instance}/metadata", 200),
        (
            f"{_path(ct)}/bulkdata/7FE00010",
            "/studies/{study}/series/{series}/instances/{instance}/bulkdata/{value}",
            200,
        ),
        (f"{_path(ct)}/frames/1", "/studies/{study}/series/{series}/instances/{instance}/frames/{numbers}", 200),
        ("/Doe^Jane", None, 404),
        ("/health", "/health", 200),
    ]
    with TestClient(server_app(folder), _BASE) as client:
        bodies = [client.get(url) for url, _, _ in requests]
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "streamdicom.access"]
    assert [(line["path"], line["status"]) for line in lines] == [(path, status) for _, path, status in requests]
    assert [line["method"] for line in lines] == ["GET"] * len(requests)
    for line, response in zip(lines, bodies, strict=True):
        if "Content-Encoding" not in response.headers:
            assert line["bytes"] == len(response.content)
        assert line["seconds"] >= 0
        assert line["client"] == "testclient"
    text = "".join(record.getMessage() for record in caplog.records)
    for secret in ("Doe", ct.StudyInstanceUID, ct.SOPInstanceUID):
        assert secret not in text


def test_request_that_fails_is_logged_too(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "streamdicom.access")
    client = TestClient(server_app(folder, access={}), _BASE)
    assert client.get("/studies").status_code == 401
    [record] = [record for record in caplog.records if record.name == "streamdicom.access"]
    assert json.loads(record.getMessage())["status"] == 401


# --- health and the page ---------------------------------------------------------------------------------------


def test_health_needs_no_token_and_tells_whether_the_folder_can_be_read(folder: Path, tmp_path: Path) -> None:
    with Catalog(folder, path=tmp_path / "index.sqlite") as catalog:
        client = TestClient(server_app(catalog, access={}), _BASE)
        well = client.get("/health")
        assert (well.status_code, well.text) == (200, "ok\n")
        assert client.head("/health").status_code == 200
        rmtree(folder)
        assert client.get("/health").status_code == 503


def test_page_has_counts_and_links_that_work(folder: Path) -> None:
    copy(get_testdata_file("MR_small.dcm"), folder)
    (folder / "broken.dcm").write_bytes(Path(get_testdata_file("CT_small.dcm")).read_bytes()[:400])
    client = TestClient(server_app(folder), _BASE)
    page = client.get("/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Studies: 2. Series: 2. Instances: 2. Files not served: 1." in page.text
    links = [part.partition('"')[0] for part in page.text.split('href="')[1:]]
    assert len(links) == 4
    for link in links:
        assert client.get(link).status_code == 200, link


def test_page_needs_access_and_escapes_its_address(folder: Path) -> None:
    assert TestClient(server_app(folder, access={}), _BASE).get("/").status_code == 401
    client = TestClient(server_app(folder), _BASE, root_path="/<script>")
    assert "<script>" not in client.get("/<script>/").text


# --- access by a check of the application ----------------------------------------------------------------------


def test_application_checks_requests_itself(folder: Path) -> None:
    async def verify(request: Request) -> str | None:
        await asyncio.sleep(0)
        return {"Bearer reader": "read", "Bearer writer": "write"}.get(request.headers.get("authorization", ""))

    client = TestClient(server_app(folder, access=verify), _BASE)

    def status(method: str, token: str | None) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return client.request(method, "/studies", headers=headers, content=b"").status_code

    assert [status("GET", token) for token in (None, "other", "reader", "writer")] == [401, 401, 200, 200]
    assert [status("POST", token) for token in (None, "reader", "writer")] == [401, 403, 415]


# --- bounds ----------------------------------------------------------------------------------------------------


async def _status(app: ASGIApp, pieces: AsyncIterator[bytes]) -> int:
    status: int = (await _start(app, pieces))["status"]
    return status


async def _start(app: ASGIApp, pieces: AsyncIterator[bytes]) -> Message:
    """Send a request with a body in pieces; return the start of the answer."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/studies",
        "raw_path": b"/studies",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/dicom+json"),
            (b"origin", b"http://localhost"),
        ],
    }
    sent: list[Message] = []
    is_complete = False

    async def receive() -> Message:
        nonlocal is_complete
        if is_complete:
            await asyncio.Event().wait()  # the client stays
        piece = await anext(pieces, None)
        is_complete = piece is None
        return {"type": "http.request", "body": piece or b"", "more_body": not is_complete}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]


@pytest.mark.slow
def test_slow_body_is_given_up_however_often_it_sends_a_byte(folder: Path) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(1000):
            await asyncio.sleep(0.05)
            yield b" "

    app = server_app(folder, limits=ServerLimits(body_timeout=0.5))
    assert asyncio.run(_status(app, trickle())) == 408


@pytest.mark.slow
def test_body_at_the_least_rate_is_read(folder: Path) -> None:
    async def steady() -> AsyncIterator[bytes]:
        for _ in range(20):  # longer than the time of waiting for a body alone
            await asyncio.sleep(0.05)
            yield b" " * 1024
        yield b"[{}]"

    app = server_app(folder, limits=ServerLimits(body_timeout=0.5, body_rate=1024))
    assert asyncio.run(_status(app, steady())) == 409  # the data set has no UIDs


def test_further_requests_are_answered_503_and_room_is_made_again(folder: Path) -> None:
    app = server_app(folder, limits=ServerLimits(requests=2), cors=["http://localhost"])

    async def run() -> list[int]:
        release = asyncio.Event()
        have_begun = asyncio.Semaphore(0)

        async def held() -> AsyncIterator[bytes]:
            have_begun.release()
            await release.wait()
            yield b"{}"

        async def at_once() -> AsyncIterator[bytes]:
            yield b"{}"

        tasks = [asyncio.create_task(_status(app, held())) for _ in range(2)]
        for _ in tasks:
            await have_begun.acquire()
        refused = await _start(app, at_once())
        assert (b"access-control-allow-origin", b"http://localhost") in refused["headers"]  # so that a page sees it
        release.set()
        return [refused["status"], *await asyncio.gather(*tasks), await _status(app, at_once())]

    assert asyncio.run(run()) == [503, 409, 409, 409]


def test_answered_request_makes_room_before_its_task_ends() -> None:
    async def run() -> list[int]:
        end = asyncio.Event()

        async def lingering(scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse("answered")(scope, receive, send)
            await end.wait()

        app = Bounded(lingering, requests=1)
        statuses = []
        for _ in range(3):
            answered = asyncio.Event()

            async def send(message: Message, answered: asyncio.Event = answered) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])
                else:
                    answered.set()

            tasks.append(asyncio.create_task(app({"type": "http"}, _no_body, send)))
            await answered.wait()
            await asyncio.sleep(0)
        end.set()
        await asyncio.gather(*tasks)
        return statuses

    tasks: list[asyncio.Task[None]] = []
    assert asyncio.run(run()) == [200, 200, 200]


def test_request_gets_the_place_of_a_silent_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends no body, or does not read; not a request that works."""
    now = 0.0
    monkeypatch.setattr(operations, "time", SimpleNamespace(monotonic=lambda: now))
    never = asyncio.Event()
    statuses: dict[str, list[int]] = {}
    cleaned: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["kind"]
        try:
            if kind == "works":
                await never.wait()
            while kind == "sends" and (await receive()).get("more_body"):
                pass
            await PlainTextResponse("ok")(scope, receive, send)
        finally:
            cleaned.append(kind)

    app = Bounded(application, requests=3)

    def start(kind: str) -> asyncio.Task[None]:
        async def receive() -> Message:
            return await never.wait() and {}  # type: ignore[return-value]

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.setdefault(kind, []).append(message["status"])
            elif kind == "reads":
                await never.wait()

        return asyncio.create_task(app({"type": "http", "kind": kind}, receive, send))

    async def run() -> None:
        nonlocal now
        tasks = []
        for kind in ("works", "sends", "reads"):
            tasks.append(start(kind))
            await asyncio.sleep(0.01)
            now += 0.5
        await start("early")
        assert statuses == {"reads": [200], "early": [503]}
        now += 1.1  # 2.1 seconds after "sends", and 1.6 after "reads"
        await start("second")
        await asyncio.sleep(0.01)
        assert sorted(cleaned) == ["second", "sends"]
        tasks.append(start("sends"))  # takes the place that is free again
        await asyncio.sleep(0.01)
        now += 0.5
        await start("third")
        await asyncio.sleep(0.01)
        assert sorted(cleaned) == ["reads", "second", "sends", "third"]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    assert statuses["sends"][0] == 408
    assert statuses["second"] == statuses["third"] == [200]


async def _no_body() -> Message:
    return {"type": "http.request"}


def test_request_and_its_data_sets_are_bounded(folder: Path) -> None:
    client = TestClient(server_app(folder, limits=ServerLimits(request_size=5000, datasets=3)), _BASE)
    assert client.post("/studies", content=b"[" + b" " * 5000 + b"]", headers=_JSON).status_code == 413
    further = client.post("/studies", content=b"[{},{},{},{}]", headers=_JSON)
    assert (further.status_code, "more than 3 instances" in further.text) == (413, True)
    assert client.post("/studies", content=b"[{},{},{}]", headers=_JSON).status_code == 409

    def pieces() -> Iterator[bytes]:  # of no known length
        yield b"["
        yield b" " * 5000
        yield b"]"

    assert client.post("/studies", content=pieces(), headers=_JSON).status_code == 413
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["CT_small.dcm"]


def test_space_of_the_disk_stays_free(folder: Path, ct: Dataset) -> None:
    ct.SOPInstanceUID = ct.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    ct.save_as(folder.parent / "other.dcm")
    data = (folder.parent / "other.dcm").read_bytes()
    headers = {"Content-Type": "application/dicom"}
    full = ServerLimits(free_space=disk_usage(folder).total)
    refused = TestClient(server_app(folder, limits=full), _BASE).post("/studies", content=data, headers=headers)
    assert (refused.status_code, "bytes of the disk are free" in refused.text) == (503, True)
    client = TestClient(server_app(folder, limits=ServerLimits(free_space=0)), _BASE)
    assert client.post("/studies", content=data, headers=headers).status_code == 200


def test_space_of_temporary_files_stays_free(
    folder: Path, ct: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """JSON waits, and files and frames are converted, in temporary files."""
    free = {"archive": 2000, "temporary": 2000}
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(space, "gettempdir", lambda: str(temporary))

    def usage(path: str | Path) -> SimpleNamespace:
        return SimpleNamespace(free=free["temporary" if str(path) == str(temporary) else "archive"])

    monkeypatch.setattr(space, "disk_usage", usage)
    monkeypatch.setattr(space, "_CHECKED", 500)
    implicit = Path(copy(get_testdata_file("MR_small_implicit.dcm"), folder))
    other = dcmread(implicit)
    base = f"/studies/{other.StudyInstanceUID}/series/{other.SeriesInstanceUID}/instances/{other.SOPInstanceUID}"
    client = TestClient(server_app(folder, limits=ServerLimits(free_space=1000)), _BASE)
    requests: list[Callable[[], Any]] = [
        lambda: client.post("/studies", content=b"[{}" + b" " * 500 + b"]", headers=_JSON),
        lambda: client.get(base),  # in explicit VR
        lambda: client.get(f"{base}/frames/1,1"),
    ]
    assert [ask().status_code for ask in requests] == [409, 200, 200]
    free["temporary"] = 999
    assert [ask().status_code for ask in requests] == [503, 503, 503]
    free.update(archive=999, temporary=2000)
    assert [ask().status_code for ask in requests] == [503, 200, 200]


@pytest.mark.slow
def test_space_is_checked_while_a_value_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []

    def usage(path: str | Path) -> SimpleNamespace:
        found.append(len(found))
        return SimpleNamespace(free=10**9 if len(found) < 6 else 0)

    monkeypatch.setattr(space, "disk_usage", usage)
    ds = corpus.dataset(0).to_json_dict()
    ds["7FE00010"] = {"vr": "OW", "InlineBinary": "AAAA" * (10 * 1024 * 1024)}
    client = TestClient(server_app(folder, limits=ServerLimits(free_space=1)), _BASE)
    response = client.post("/studies", content=json.dumps(ds), headers=_JSON)
    assert (response.status_code, "bytes of the disk are free" in response.text) == (503, True)
    assert len(found) == 6  # the request ends at once


def test_memory_bounds_the_requests_at_once() -> None:
    limits = [ServerLimits(memory=memory, requests=8) for memory in (1, 3 * 1024 * 1024, 2**40)]
    assert [one.requests_at_once for one in limits] == [1, 3, 8]


@each("field", ["connections", "requests", "head_timeout", "body_rate", "datasets"])
def test_bounds_must_be_positive(field: str) -> None:
    with pytest.raises(ValueError, match=f"ServerLimits.{field} must be positive, not 0"):
        ServerLimits(**{field: 0})
    with pytest.raises(ValueError, match="free_space"):
        ServerLimits(free_space=-1)
