"""``streamdicom serve`` as a process."""

from __future__ import annotations

import json
import logging
import resource
import select
import signal
import socket
import ssl
import sys
from contextlib import ExitStack, closing, suppress
from hashlib import sha256
from http.client import HTTPSConnection
from pathlib import Path
from shutil import copy

import httpx2
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from streamdicom.cli import repeated
from tests.cli.certificates import certificate, needs_openssl
from tests.cli.running import run
from tests.cli.serving import serving

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy(get_testdata_file("CT_small.dcm"), tmp_path)
    return tmp_path


def test_folder_is_served_until_ctrl_c(folder: Path) -> None:
    with serving(folder) as (process, url):
        assert [one["00080061"]["Value"] for one in httpx2.get(f"{url}/studies").json()] == [["CT"]]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
        assert process.stderr
        assert process.stderr.read() == ""


def test_client_that_reads_nothing_does_not_keep_the_server(folder: Path) -> None:
    ds = dcmread(folder / "CT_small.dcm")
    for number in range(200):
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
        ds.save_as(folder / f"{number}.dcm")
    with serving(folder) as (process, url), socket.socket() as client:
        client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        client.sendall(f"GET /studies/{ds.StudyInstanceUID} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)


def test_request_in_progress_is_answered_after_sigterm(folder: Path) -> None:
    data = (folder / "CT_small.dcm").read_bytes()
    lines = ["POST /studies HTTP/1.1", "Host: localhost", "Content-Type: application/dicom", "Expect: 100-continue"]
    head = "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""])
    with serving(folder) as (process, url), socket.socket() as client:
        address = "127.0.0.1", int(url.rpartition(":")[2])
        client.connect(address)
        client.sendall(head.encode())
        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"  # the server has the request
        client.sendall(data[:-1])
        process.send_signal(signal.SIGTERM)
        with suppress(ConnectionRefusedError):  # when the server takes no more connections
            while True:
                socket.create_connection(address).close()
        client.sendall(data[-1:])
        assert client.recv(12) == b"HTTP/1.1 200"
        assert process.wait(30) in (0, 143)


def test_only_loopback_is_served_by_default(folder: Path) -> None:
    with serving(folder) as (_, url):
        assert url.startswith("http://127.0.0.1:")
        port = int(url.rpartition(":")[2])
        # All of 127.0.0.0/8 is this machine.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)
    with serving(folder, "--host", "0.0.0.0", "--insecure") as (_, url):
        socket.create_connection(("127.0.0.2", int(url.rpartition(":")[2])), timeout=5).close()


def test_open_address_needs_consent(folder: Path) -> None:
    refused = run("serve", folder, "--host", "0.0.0.0", "--port", 0)
    assert refused.code == 2
    assert "--insecure" in refused.error


def test_options_for_viewers_reach_the_server(folder: Path) -> None:
    options = ("--cors", "https://viewer.example", "--allow-host", "pacs.example", "--root-path", "/dicom")
    with serving(folder, *options) as (_, url):
        headers = {"Origin": "https://viewer.example", "Host": "pacs.example"}
        response = httpx2.get(f"{url}/studies", headers=headers)
        assert response.headers["Access-Control-Allow-Origin"] == "https://viewer.example"
        assert response.json()[0]["00081190"]["Value"][0].startswith("http://pacs.example/dicom/studies/")
        assert httpx2.get(f"{url}/studies", headers={"Host": "other.example"}).status_code == 421


@pytest.mark.parametrize(
    "origin",
    [
        "nonsense",
        "viewer.example",
        "null",
        "",
        "https://",
        "https://viewer.example/",
        "https://viewer.example/page",
        "https://Viewer.example",
        "https://viewer.example:443",
        "https://viewer.example:x",
        "https://user@viewer.example",
        "https://*.example",
    ],
)
def test_origin_that_no_browser_sends_is_refused(folder: Path, origin: str) -> None:
    refused = run("serve", folder, "--port", 0, "--cors", "https://right.example:8443", "--cors", origin)
    assert refused.code == 2
    assert f"found {origin!r}" in refused.error


@needs_openssl
def test_fetch_and_store_present_a_certificate(folder: Path, tmp_path: Path) -> None:
    (server, server_key), (client, client_key) = (certificate(tmp_path, name) for name in ("server", "client"))
    file, output = folder / "CT_small.dcm", tmp_path / "out.json"
    (archive := tmp_path / "archive").mkdir()
    trust, identity = ("--tls-ca", server), ("--tls-cert", client, "--tls-key", client_key)
    options = ("--tls-cert", server, "--tls-key", server_key, "--tls-client-ca", client)
    with serving(archive, *options) as (_, url):
        assert run("store", file, url, *trust, *identity).code == 0
        assert run("fetch", f"{url}/studies", "-o", output, *trust, *identity).code == 0
        assert len(json.loads(output.read_text())) == 1
        for missing in (trust, identity):
            refused = run("fetch", f"{url}/studies", "-o", tmp_path / "none.json", *missing)
            assert refused.code == 1
            assert "the server cannot be reached" in refused.error
    refused = run("fetch", url.replace("https:", "http:"), "-o", output, *trust)
    assert refused.code == 2
    assert "https:" in refused.error


@needs_openssl
def test_only_clients_with_a_certificate_are_served(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    keys = tmp_path_factory.mktemp("keys")
    (server, server_key), client, stranger = (certificate(keys, name) for name in ("server", "client", "stranger"))
    options = ("--tls-cert", server, "--tls-key", server_key, "--tls-client-ca", client[0])
    with serving(folder, *options) as (_, url):
        assert url.startswith("https://")
        for identity in (client, stranger, None):
            context = ssl.create_default_context(cafile=server)
            if identity:
                context.load_cert_chain(*identity)
            connection = HTTPSConnection("127.0.0.1", int(url.rpartition(":")[2]), context=context, timeout=30)
            with closing(connection):
                if identity is client:
                    connection.request("GET", "/studies")
                    assert connection.getresponse().status == 200
                    continue
                with pytest.raises(OSError, match=r"(?i)alert|closed|reset|without response"):
                    connection.request("GET", "/studies")
                    connection.getresponse()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")
def test_many_connections_at_once_leave_file_descriptors(folder: Path) -> None:
    descriptors, count = 700, 900
    with serving(folder, "--max-connections", 50, "--max-requests", 8) as (process, url), ExitStack() as held:
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (descriptors, descriptors))
        assert httpx2.get(f"{url}/health").status_code == 200
        process.send_signal(signal.SIGSTOP)  # so that all wait to be accepted
        waiting = select.poll()
        for _ in range(count):
            connection = held.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", int(url.rpartition(":")[2])))
            waiting.register(connection, select.POLLIN)
        process.send_signal(signal.SIGCONT)
        while count > 50:  # until the server has ended the others; those beyond the backlog arrive seconds later
            ended = waiting.poll(30_000)
            assert ended
            for descriptor, _ in ended:
                waiting.unregister(descriptor)
            count -= len(ended)
        assert httpx2.get(f"{url}/health", timeout=30).status_code == 200
        process.terminate()
        assert "Too many open files" not in process.communicate()[1]


def test_half_sent_heads_for_all_file_descriptors_leave_service(folder: Path) -> None:
    descriptors = 700
    code = (
        f"import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors})); "
        "runpy.run_module('streamdicom', run_name='__main__')"
    )
    command = [sys.executable, "-c", code]
    with serving(folder, "--max-requests", 8, command=command) as (process, url), ExitStack() as held:
        for _ in range(descriptors):
            head = held.enter_context(socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=10))
            head.sendall(b"GET /studies HTTP/1.1\r\nHost: localhost\r\n")
        for path in ("/health", "/studies"):
            assert httpx2.get(url + path, timeout=10).status_code == 200
        process.terminate()
        assert "Too many open files" not in process.communicate()[1]


def test_requests_that_are_not_http_leave_one_line(folder: Path) -> None:
    with serving(folder) as (process, url):
        address = "127.0.0.1", int(url.rpartition(":")[2])
        for _ in range(50):
            with socket.create_connection(address) as client:
                client.sendall(b"no HTTP\r\n\r\n")
                assert client.recv(12) == b"HTTP/1.1 400"
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        for _ in range(50):
            httpx2.get(f"{url}/studies", headers=upgrade)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert process.stderr
        lines = process.stderr.read().splitlines()
    assert len([line for line in lines if "Invalid HTTP" in line]) == 1
    assert len(lines) < 5


def test_message_counts_those_that_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(repeated.time, "monotonic", lambda: now[0])
    messages = repeated.RepeatedMessages()

    def printed(text: str, *arguments: object) -> str | None:
        record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 1, text, arguments, None)
        return record.getMessage() if messages.filter(record) else None

    assert [printed("%s fails", name) for name in "abc"] == ["a fails", None, None]
    now[0] = 61.0
    assert [printed("%s fails", name) for name in "de"] == ["d fails (and 2 times before)", None]
    for number in range(98):
        assert printed(f"message {number}")
    assert [bool(printed(f"other {number}")) for number in range(1000)] == [True, True, *[False] * 998]


def test_tokens_of_a_file_are_required(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text(f"read {sha256(b'abc').hexdigest()}  -\n")
    with serving(folder, "--tokens", tokens, "--host", "0.0.0.0") as (_, url):
        url = url.replace("0.0.0.0", "127.0.0.1")
        assert httpx2.get(f"{url}/studies").status_code == 401
        assert httpx2.get(f"{url}/studies", headers={"Authorization": "Bearer abc"}).status_code == 200
    tokens.write_text("abc\n")
    assert "line 1" in run("serve", folder, "--port", 0, "--tokens", tokens).error


def test_files_that_are_no_certificate_are_a_usage_error(folder: Path) -> None:
    refused = run("serve", folder, "--port", 0, "--tls-cert", folder / "CT_small.dcm")
    assert refused.code == 2
    assert "certificate" in refused.error
    assert "None" not in refused.error
    missing = run("serve", folder, "--port", 0, "--tls-cert", folder / "none.pem")
    assert (missing.code, missing.error.count("certificate")) == (2, 1)
    assert "none.pem: No such file" in missing.error


def test_read_only_server_stores_nothing(folder: Path) -> None:
    with serving(folder, "--read-only") as (_, url):
        assert httpx2.post(f"{url}/studies", content=b"").status_code == 405


def test_files_that_are_not_served_are_named(folder: Path) -> None:
    data = (folder / "CT_small.dcm").read_bytes()
    (folder / "cut.dcm").write_bytes(data[:200])
    with serving(folder) as (process, _):
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert "cut.dcm" in errors


def test_missing_folder_is_reported(folder: Path) -> None:
    missing = run("serve", folder / "no-such", "--port", 0)
    assert missing.code in (1, 2)
    assert "no-such" in missing.error
