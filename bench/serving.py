"""Responses of a uvicorn process to clients on loopback.

It serves ``app``.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice, repeat

from pydicom import Dataset
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import streamdicom
from bench.memory import DATASET
from streamdicom.web.asgi.responses import negotiated_response
from tests.web.client.server import Server, serving

XML = 'multipart/related; type="application/dicom+xml"'
FORMS = {"JSON": "application/dicom+json", "XML": XML}
CLIENTS = 50

_PIECE = 64 * 1024
_SLOW = 4096  # bytes that a slow client takes at once, and has room for
_ROUNDS = 20


@dataclass(frozen=True)
class Served:
    """A measurement of a server.

    Attributes:
        form: The format of the responses.
        datasets: The number of data sets; None for endless responses.
        size: Bytes received, with the framing of HTTP chunks.
        seconds: Elapsed time from the request to the last byte.
        growth: Highest resident size of the server, in bytes above the size after its start; of several clients
            above that after a first response, for each.
    """

    form: str
    datasets: int | None
    size: int
    seconds: float
    growth: int


def measure(datasets: int) -> list[Served]:
    """Request data sets in each format, and endless data sets with slow clients."""
    return [_measure_long(form, datasets) for form in FORMS] + [_measure_slow(form) for form in FORMS]


def _measure_long(form: str, datasets: int) -> Served:
    print(f"a response of {datasets} data sets, {form}", file=sys.stderr)
    with serving("bench.serving:app") as server:
        base = server.resident
        start = time.perf_counter()
        size = _fetch(server, form, datasets)
        return Served(form, datasets, size, time.perf_counter() - start, server.peak - base)


def _measure_slow(form: str) -> Served:
    print(f"{CLIENTS} slow clients, {form}", file=sys.stderr)
    with serving("bench.serving:app") as server, ExitStack() as stack:
        _fetch(server, form, 1000)
        base = server.forget_peak()
        start = time.perf_counter()
        clients = [stack.enter_context(_ask(server, form, "endless", _SLOW)) for _ in range(CLIENTS)]
        size = sum(len(client.recv(_SLOW)) for _ in range(_ROUNDS) for client in clients)
        return Served(form, None, size, time.perf_counter() - start, (server.peak - base) // CLIENTS)


def _fetch(server: Server, form: str, datasets: int) -> int:
    """Return the length of a whole response."""
    size, end = 0, b""
    with _ask(server, form, str(datasets), _PIECE) as client:
        while received := client.recv(_PIECE):
            size += len(received)
            end = (end + received)[-5:]
    if end != b"0\r\n\r\n":
        raise ValueError("the response has no end")
    return size


def _ask(server: Server, form: str, path: str, buffer: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    client.connect(("127.0.0.1", server.port))
    lines = [f"GET /{path} HTTP/1.1", "Host: localhost", f"Accept: {FORMS[form]}", "Connection: close", "", ""]
    client.sendall("\r\n".join(lines).encode())
    return client


# --- the server ------------------------------------------------------------------------------------------------


def _datasets() -> Iterator[Dataset]:
    """Yield data sets without end."""
    return streamdicom.iter_datasets(chain([b"[" + DATASET], repeat((b"," + DATASET) * 8)))


async def _some(request: Request) -> Response:
    return negotiated_response(request, islice(_datasets(), request.path_params["count"]))


async def _endless(request: Request) -> Response:
    return negotiated_response(request, _datasets())


app = Starlette(routes=[Route("/endless", _endless), Route("/{count:int}", _some)])
