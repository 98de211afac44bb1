"""Stored instances after a power cut, and after kill -9 at many moments."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import pytest

from tests.cli.serving import serving
from tests.server import corpus

pytestmark = pytest.mark.slow

_MOMENTS = 100
_CLIENTS = 4
_DELAY = 0.004  # seconds from one moment to the next
_HEADERS = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'}

_Instances = dict[str, bytes]  # by UID


def _instances(numbers: range, folder: Path) -> _Instances:
    """Return files that differ in their UID."""
    uid = "1.2.3.1000000"
    path = folder / f"{numbers.start}.dcm"
    data = corpus.write(path, corpus.dataset(0, SOPInstanceUID=uid)).read_bytes()
    uids = [f"1.2.3.{1_000_000 + number}" for number in numbers]
    return {other: data.replace(uid.encode(), other.encode()) for other in uids}


def _store(connection: HTTPConnection, instances: _Instances) -> set[str]:
    """Store instances with one request; return the UIDs that are acknowledged."""
    body = b"".join(b"--x\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n" for data in instances.values())
    connection.request("POST", "/studies", body + b"--x--", _HEADERS)
    response = connection.getresponse()
    answer = json.loads(response.read())
    assert response.status == 200
    return {item["00081155"]["Value"][0] for item in answer["00081199"]["Value"]}


def _connect(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=60)


def _stored(folder: Path) -> _Instances:
    """Return the files of the instances in a folder."""
    return {path.stem: path.read_bytes() for path in folder.glob("*/*/*.dcm")}


def _served(url: str) -> set[str]:
    """Return the UIDs of the instances that a server finds."""
    connection = _connect(url)
    connection.request("GET", "/instances?limit=100000", headers={"Accept": "application/dicom+json"})
    found = json.loads(connection.getresponse().read())
    connection.close()
    return {ds["00080018"]["Value"][0] for ds in found}


# --- a power cut -----------------------------------------------------------------------------------------------


@contextmanager
def _mounted(image: Path, folder: Path) -> Iterator[None]:
    """Mount an image of ext4, which writes by itself after five minutes only."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "ext4", "-o", "loop,commit=300", image, folder], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"images cannot be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(
    not (which("mkfs.ext4") and which("mount")) or os.geteuid() != 0, reason="needs root, mount and mkfs.ext4"
)
def test_acknowledged_instances_survive_a_power_cut(tmp_path: Path) -> None:
    image, copy = tmp_path / "image", tmp_path / "copy"
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    instances = _instances(range(400), tmp_path)
    acknowledged: set[str] = set()
    with _mounted(image, tmp_path / "disk"):
        archive = tmp_path / "disk" / "archive"
        archive.mkdir()
        os.sync()  # the folder is not of the server
        with serving(archive, "--keep-free", 0) as (process, url):
            connection = _connect(url)
            uids = list(instances)
            for start in range(0, len(uids), 20):
                acknowledged |= _store(connection, {uid: instances[uid] for uid in uids[start : start + 20]})
            process.send_signal(signal.SIGSTOP)
            shutil.copyfile(image, copy)  # the disk as the power cut finds it
            process.send_signal(signal.SIGCONT)
            connection.close()
    assert acknowledged == set(instances)
    with _mounted(copy, tmp_path / "after"):
        assert _stored(tmp_path / "after" / "archive") == instances
        with serving(tmp_path / "after" / "archive") as (_, url):
            assert _served(url) == acknowledged


# --- kill -9 ---------------------------------------------------------------------------------------------------


class _Client(threading.Thread):
    """Stores instances, one to three with each request, until the server is gone."""

    def __init__(self, url: str, number: int, folder: Path) -> None:
        super().__init__()
        self._url = url
        self._instances = _instances(range(number * 100, number * 100 + 100), folder)
        self.acknowledged: _Instances = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        left = list(self._instances)
        try:
            with closing(_connect(self._url)) as connection:
                while left:
                    size = len(left) % 3 + 1
                    uids, left = left[:size], left[size:]
                    for uid in _store(connection, {uid: self._instances[uid] for uid in uids}):
                        self.acknowledged[uid] = self._instances[uid]
        except (OSError, HTTPException):
            pass  # the server was killed
        except BaseException as error:
            self.error = error


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_at_any_moment_loses_no_acknowledged_instance(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    acknowledged: _Instances = {}
    with _servers(archive) as start:
        for moment in range(_MOMENTS):
            child, url = start()
            clients = [_Client(url, moment * _CLIENTS + number, tmp_path) for number in range(_CLIENTS)]
            for client in clients:
                client.start()
            while any(client.is_alive() for client in clients) and not any(client.acknowledged for client in clients):
                time.sleep(0.001)
            time.sleep(moment * _DELAY)
            os.kill(child, signal.SIGKILL)
            for client in clients:
                client.join()
                assert client.error is None
                acknowledged |= client.acknowledged
        _, url = start()
        served, stored = _served(url), _stored(archive)
    assert len(acknowledged) >= _MOMENTS
    assert {uid for uid in acknowledged if uid not in served} == set()
    assert {uid for uid, data in acknowledged.items() if stored.get(uid) != data} == set()
    print(f"{len(acknowledged)} acknowledged in {_MOMENTS} moments, {len(stored)} stored")


@contextmanager
def _servers(folder: Path) -> Iterator[Callable[[], tuple[int, str]]]:
    """Yield a function that starts a server, and returns its process and its URL."""
    command = [sys.executable, "-m", "tests.server.forking", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin
        assert stdout
        children = []

        def start() -> tuple[int, str]:
            stdin.write("\n")
            children.append(int(stdout.readline()))
            return children[-1], stdout.readline().strip()

        try:
            yield start
        finally:
            process.kill()
            with suppress(ProcessLookupError):
                os.kill(children[-1], signal.SIGKILL)
