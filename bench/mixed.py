"""Many clients at once, which search, retrieve and store.

They are measured without and with idle and slow connections beside them. ``python -m bench.mixed SECONDS`` prints the
numbers. The clients, the other connections and the server are processes of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from pydicom import dcmread
from pydicom.data import get_testdata_file

from bench.origin import serving_folder, write_images
from tests.web.client.server import Server

CLIENTS = 200
OTHERS = 2000

_INSTANCES = 200  # at the start
_DESCRIPTORS = 4096
_MIXTURE = ("search", "search", "metadata", "frames", "frames", "store")
_PAUSE = 2.0  # seconds between two bytes of a slow connection
_IMAGE = Path(str(get_testdata_file("CT_small.dcm")))
_UID = b"1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
_HEAD = b"GET /studies HTTP/1.1\r\nHost: localhost\r\n"


@dataclass
class Load:
    """Requests of all clients in one phase.

    Attributes:
        seconds: The latency of each request, by its kind.
        errors: Responses with another status than 200, and connections that were lost, by their text.
        stored: The UIDs that the server has acknowledged.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    stored: list[str] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median latency of all requests, in seconds."""
        return statistics.median(one for kind in self.seconds.values() for one in kind)

    def add(self, other: Load) -> None:
        """Add the requests of another phase."""
        for kind, seconds in other.seconds.items():
            self.seconds[kind] += seconds
        self.errors += other.errors
        self.stored += other.stored


@dataclass(frozen=True)
class Mixed:
    """A measurement.

    Attributes:
        alone: Requests of the clients without other connections.
        beside: Requests beside idle and slow connections.
        seconds: The time of both.
        lost: Acknowledged instances that the server does not find afterwards.
        peak: The peak of the server's resident memory, in bytes.
        load: The load of the machine at the end, over a minute.
    """

    alone: Load
    beside: Load
    seconds: float
    lost: int
    peak: int
    load: float

    @property
    def requests(self) -> int:
        """The number of requests that were answered."""
        return sum(len(one) for load in (self.alone, self.beside) for one in load.seconds.values())

    @property
    def errors(self) -> Counter[str]:
        """All errors."""
        return self.alone.errors + self.beside.errors

    @property
    def slowdown(self) -> float:
        """The median latency beside other connections, over the median alone."""
        return self.beside.median / self.alone.median

    def __str__(self) -> str:
        lines = [
            f"{kind}: {len(seconds)} requests, median {statistics.median(seconds) * 1000:.0f} ms"
            for kind, seconds in sorted(self.alone.seconds.items())
        ]
        return "\n".join(
            [
                *lines,
                f"stored: {len(self.alone.stored) + len(self.beside.stored)}, lost: {self.lost}",
                f"errors: {self.errors.total()} {dict(self.errors)}",
                f"median of all: {self.alone.median * 1000:.0f} ms; beside {OTHERS} connections "
                f"{self.beside.median * 1000:.0f} ms, a ratio of {self.slowdown:.2f}",
                f"peak of memory: {self.peak / 2**20:.0f} MiB; load of the machine: {self.load:.1f}",
            ]
        )


def measure(seconds: float) -> Mixed:
    """Send requests for some seconds; between the halves, beside other connections."""
    print(f"{CLIENTS} clients at once", file=sys.stderr)
    with TemporaryDirectory() as name:
        folder = Path(name, "archive")
        write_images(folder, _INSTANCES)
        with serving_folder(folder, "--keep-free", "0") as server:
            alone = _clients(server, seconds / 2)
            with _others(server):
                beside = _clients(server, seconds / 2)
            alone.add(_clients(server, seconds / 2))
            stored = set(alone.stored + beside.stored)
            return Mixed(alone, beside, 1.5 * seconds, len(stored - _found(server)), server.peak, os.getloadavg()[0])


# --- clients ---------------------------------------------------------------------------------------------------


def _clients(server: Server, seconds: float) -> Load:
    """Run the clients in a process of their own."""
    command = [sys.executable, "-m", "bench.mixed", "clients", server.url, str(seconds)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout)
    return Load(found["seconds"], Counter(found["errors"]), found["stored"])


async def _run_clients(url: str, seconds: float) -> Load:
    load = Load()
    end = time.monotonic() + seconds
    async with asyncio.TaskGroup() as tasks:
        for number in range(CLIENTS):
            tasks.create_task(_Client(url, number).run(load, end))
    return load


class _Client:
    def __init__(self, url: str, number: int) -> None:
        parts = urlsplit(url)
        self._place = parts.hostname or "", parts.port or 0
        self._random = random.Random(number)
        self._data = _IMAGE.read_bytes()
        ds = dcmread(_IMAGE, stop_before_pixels=True)
        self._patient = ds.PatientID
        self._series = f"/studies/{ds.StudyInstanceUID}/series/{ds.SeriesInstanceUID}"

    async def run(self, load: Load, end: float) -> None:
        reader, writer = await asyncio.open_connection(*self._place)
        while time.monotonic() < end:
            kind = self._random.choice(_MIXTURE)
            request, uid = self._request(kind)
            start = time.perf_counter()
            try:
                writer.write(request)
                status = await _response(reader)
            except (OSError, EOFError) as error:
                load.errors[f"{kind}: {type(error).__name__}"] += 1
                writer.close()
                reader, writer = await asyncio.open_connection(*self._place)
                continue
            load.seconds[kind].append(time.perf_counter() - start)
            if status != 200:
                load.errors[f"{kind}: {status}"] += 1
            elif uid:
                load.stored.append(uid)
        writer.close()

    def _request(self, kind: str) -> tuple[bytes, str]:
        """Return a request, and the UID of the instance that it stores."""
        instance = f"{self._series}/instances/{_uid(self._random.randrange(_INSTANCES)).decode()}"
        if kind == "store":
            uid = b"2.25.%d" % self._random.getrandbits(120)
            uid = uid.ljust(len(_UID), b"1")
            body = self._data.replace(_UID, uid)
            head = "POST /studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/dicom\r\nAccept: */*\r\n"
            return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body, uid.decode()
        path, accept = {
            "search": (f"/instances?PatientID={self._patient}&limit=20", "application/dicom+json"),
            "metadata": (f"{instance}/metadata", "application/dicom+json"),
            "frames": (f"{instance}/frames/1", 'multipart/related; type="application/octet-stream"; transfer-syntax=*'),
        }[kind]
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode(), ""


def _uid(number: int) -> bytes:
    """Return the UID of an image that ``write_images`` has written."""
    return (b"1.2.840.113619.2.55.3.%d" % (10**22 + number)).ljust(len(_UID), b"1")


async def _response(reader: asyncio.StreamReader) -> int:
    """Read a response, and return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        _, _, length = head.partition(b"content-length:")
        await reader.readexactly(int(length.split(None, 1)[0]) if length else 0)
    return int(head.split()[1])


def _found(server: Server) -> set[str]:
    """Return the UIDs of all instances of the server."""
    from urllib.request import Request, urlopen

    found: set[str] = set()
    while True:
        url = f"{server.url}/instances?limit=1000&offset={len(found)}"
        with urlopen(Request(url, headers={"Accept": "application/dicom+json"})) as response:
            datasets = json.loads(response.read() or b"[]")
        found |= {ds["00080018"]["Value"][0] for ds in datasets}
        if not datasets:
            return found


# --- idle and slow connections ---------------------------------------------------------------------------------


@contextmanager
def _others(server: Server) -> Iterator[None]:
    """Hold connections in a process of their own: idle ones, and ones with slow heads."""
    command = [sys.executable, "-m", "bench.mixed", "others", server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


async def _run_others(url: str) -> None:
    parts = urlsplit(url)
    connected: list[int] = []
    async with asyncio.TaskGroup() as tasks:
        for number in range(OTHERS):
            tasks.create_task(_hold(parts.hostname or "", parts.port or 0, number % 2 == 0, connected))


async def _hold(host: str, port: int, is_slow: bool, connected: list[int]) -> None:
    """Keep a connection open, and open it again when the server ends it."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            connected.append(1)
            if len(connected) == OTHERS:
                print("connected", flush=True)
            if is_slow:
                for byte in _HEAD:
                    if reader.at_eof():
                        break
                    writer.write(bytes([byte]))
                    await asyncio.sleep(_PAUSE)
            await reader.read()
            writer.close()


def main(arguments: list[str]) -> None:
    """Run one of the processes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, hard), hard))
    match arguments:
        case ["clients", url, seconds]:
            load = asyncio.run(_run_clients(url, float(seconds)))
            print(json.dumps({"seconds": load.seconds, "errors": load.errors, "stored": load.stored}))
        case ["others", url]:
            asyncio.run(_run_others(url))
        case [seconds]:
            print(measure(float(seconds)))


if __name__ == "__main__":
    main(sys.argv[1:])
