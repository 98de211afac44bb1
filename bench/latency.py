"""The time from the last byte of a data set to its delivery, over loopback.

``python -m bench.latency FRONT`` measures once and prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from statistics import quantiles

import streamdicom
from bench.exporting import busy, used
from bench.memory import DATASET, printed_by

_COUNT = 2000  # data sets
_WARM = 100  # before those that count
_PAUSE = 0.001  # seconds for the reader to become idle
_TIME = struct.Struct("q")


@dataclass(frozen=True)
class Latency:
    """One run.

    Attributes:
        front: The reading function.
        median: Seconds from before the last byte is sent until the data set is there.
        slow: The 99th percentile, in seconds.
        others: Cores used by other programs; None if unknown.
    """

    front: str
    median: float
    slow: float
    others: float | None


def measure() -> list[Latency]:
    """Measure each front in its own processes."""
    return [Latency(**printed_by("bench.latency", front)) for front in FRONTS]


def _read_socket(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for _ in streamdicom.iter_datasets(connection):
            connection.sendall(_TIME.pack(time.perf_counter_ns()))


def _read_stream(port: int) -> None:
    async def read() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async for _ in streamdicom.aiter_datasets(reader):
            writer.write(_TIME.pack(time.perf_counter_ns()))
            await writer.drain()

    asyncio.run(read())


FRONTS: dict[str, Callable[[int], None]] = {
    "socket -> data sets": _read_socket,
    "asyncio.StreamReader -> data sets": _read_stream,
}


def _send(connection: socket.socket) -> list[float]:
    """Send an array; return the send time of each data set, in seconds."""
    found = []
    for number in range(_WARM + _COUNT):
        connection.sendall((b"," if number else b"[") + DATASET[:-1])
        time.sleep(_PAUSE)
        start = time.perf_counter_ns()
        connection.sendall(DATASET[-1:])
        [end] = _TIME.unpack(connection.recv(_TIME.size, socket.MSG_WAITALL))
        found.append((end - start) / 1e9)
    connection.sendall(b"]")
    return found[_WARM:]


def _main(front: str) -> None:
    worked, own, start = busy(), used(), time.perf_counter()
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = get_context("spawn").Process(target=FRONTS[front], args=[server.getsockname()[1]])
        reader.start()
        connection, _ = server.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hundredths = quantiles(_send(connection), n=100)
    reader.join()
    seconds = time.perf_counter() - start
    others = None if worked is None else max(0.0, (busy() or 0) - worked - used() + own) / seconds
    print(json.dumps(asdict(Latency(front, hundredths[49], hundredths[98], others))))


if __name__ == "__main__":
    _main(sys.argv[1])
