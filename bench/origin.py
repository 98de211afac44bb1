"""Metadata of a series, from the origin server and from Orthanc.

The clients are here. Orthanc is a rival only where its packages are installed.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from pydicom import dcmread
from pydicom.data import get_testdata_file

from bench.exporting import write_files
from tests.web.client.orthanc import PASSWORD, USER, is_installed, orthanc
from tests.web.client.server import Server

CLIENTS = 50

_DURATION = 3.0  # seconds of repeated requests
_PIECE = 64 * 1024
_INSTANCE_UID = b"1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
_IMAGE = "CT_small.dcm"
_SERVE = "import sys; from streamdicom.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Asked:
    """A measurement of a server that returns the metadata of a series.

    Attributes:
        name: The server.
        instances: The number of instances in the series.
        requests: The number of requests, one after another, or at once from several clients.
        size: Bytes of all responses.
        seconds: Elapsed time of all requests.
        first: The least seconds to the first byte of a body.
        growth: Highest resident size of the server, in bytes above the size before; None for Orthanc.
        clients: The number of clients at once.
    """

    name: str
    instances: int
    requests: int
    size: int
    seconds: float
    first: float
    growth: int | None
    clients: int = 1


def measure(instances: int, many: list[int]) -> list[Asked]:
    """Measure series of images, here and in Orthanc, and series of many small files."""
    with TemporaryDirectory() as name:
        print(f"the metadata of {instances} instances", file=sys.stderr)
        folder = Path(name, "series")
        write_images(folder, instances)
        path = _path()
        with serving_folder(folder) as server:
            found = [_ask("streamdicom", server.url, path, instances, server=server)]
            found.append(_ask("streamdicom", server.url, path, instances, server=server, clients=CLIENTS))
        if is_installed():
            with orthanc(sorted(folder.glob("*.dcm"))) as url:
                found.append(_ask("Orthanc", url, path, instances))
        return found + [_measure_many(Path(name, str(count)), count) for count in many]


def _measure_many(folder: Path, count: int) -> Asked:
    print(f"the metadata of {count} small files", file=sys.stderr)
    write_files(folder, count)
    with serving_folder(folder) as server:
        return _ask("streamdicom", server.url, _path(), count, server=server, least=0)


def write_images(folder: Path, count: int) -> None:
    """Write copies of an image, each a new instance."""
    folder.mkdir()
    data = Path(str(get_testdata_file(_IMAGE))).read_bytes()
    for number in range(count):
        uid = (b"1.2.840.113619.2.55.3.%d" % (10**22 + number)).ljust(len(_INSTANCE_UID), b"1")
        (folder / f"{number:06}.dcm").write_bytes(data.replace(_INSTANCE_UID, uid))


def _path() -> str:
    """Return the URL of the metadata of the series."""
    dataset = dcmread(str(get_testdata_file(_IMAGE)))
    return f"/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}/metadata"


@contextmanager
def serving_folder(folder: Path, *options: str) -> Iterator[Server]:
    """Serve a folder with the command ``serve``."""
    command = [sys.executable, "-c", _SERVE, "serve", str(folder), "--port", "0", *(options or ["--read-only"])]
    with Path(folder.parent, f"{folder.name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            yield Server(urlsplit(url).port or 0, process.pid, Path(log.name))
        finally:
            process.terminate()
            process.wait()


def _ask(
    name: str,
    url: str,
    path: str,
    instances: int,
    *,
    server: Server | None = None,
    clients: int = 1,
    least: float = _DURATION,
) -> Asked:
    """Send requests for some seconds; with several clients, one each."""
    base = None
    if server is not None:
        _fetch(url, "/instances?limit=1")
        base = server.forget_peak()
    start = time.perf_counter()
    answers = []
    if clients > 1:
        with ThreadPoolExecutor(clients) as pool:
            answers = list(pool.map(lambda _: _fetch(url, path), range(clients)))
    else:
        while not answers or time.perf_counter() - start < least:
            answers.append(_fetch(url, path))
    seconds = time.perf_counter() - start
    growth = None if server is None or base is None else server.peak - base
    size, first = sum(size for size, _ in answers), min(first for _, first in answers)
    return Asked(name, instances, len(answers), size, seconds, first, growth, clients)


def _fetch(url: str, path: str) -> tuple[int, float]:
    """Return the length of a response, and the seconds to its first byte."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    start = time.perf_counter()
    headers = {"Accept": "application/dicom+json", "Authorization": f"Basic {credentials}"}
    connection.request("GET", parts.path + path, headers=headers)
    response = connection.getresponse()
    if response.status != 200:
        raise ValueError(f"{url} has answered with {response.status}")
    size = len(response.read(1))
    first = time.perf_counter() - start
    while piece := response.read(_PIECE):
        size += len(piece)
    connection.close()
    return size, first


if __name__ == "__main__":
    for one in measure(int(sys.argv[1]), [int(count) for count in sys.argv[2:]]):
        print(one)
