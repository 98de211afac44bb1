"""``streamdicom serve`` as a process."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy

import httpx2
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from tests.cli.running import COMMAND, run

pytestmark = pytest.mark.slow


@contextmanager
def _serving(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [*COMMAND, "serve", *map(str, arguments), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy(get_testdata_file("CT_small.dcm"), tmp_path)
    return tmp_path


def test_folder_is_served_until_ctrl_c(folder: Path) -> None:
    with _serving(folder) as (process, url):
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
    with _serving(folder) as (process, url), socket.socket() as client:
        client.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        client.sendall(f"GET /studies/{ds.StudyInstanceUID} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)


def test_only_loopback_is_served_by_default(folder: Path) -> None:
    with _serving(folder) as (_, url):
        assert url.startswith("http://127.0.0.1:")
        port = int(url.rpartition(":")[2])
        # All of 127.0.0.0/8 is this machine.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port), timeout=5)
    with _serving(folder, "--host", "0.0.0.0") as (_, url):
        socket.create_connection(("127.0.0.2", int(url.rpartition(":")[2])), timeout=5).close()


def test_read_only_server_stores_nothing(folder: Path) -> None:
    with _serving(folder, "--read-only") as (_, url):
        assert httpx2.post(f"{url}/studies", content=b"").status_code == 405


def test_files_that_are_not_served_are_named(folder: Path) -> None:
    data = (folder / "CT_small.dcm").read_bytes()
    (folder / "cut.dcm").write_bytes(data[:200])
    with _serving(folder) as (process, _):
        process.terminate()
        _, errors = process.communicate(timeout=30)
        assert "cut.dcm" in errors


def test_missing_folder_is_reported(folder: Path) -> None:
    missing = run("serve", folder / "no-such", "--port", 0)
    assert missing.code in (1, 2)
    assert "no-such" in missing.error
