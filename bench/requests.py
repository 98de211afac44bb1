"""Long request bodies, each to a new uvicorn process on loopback."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from time import perf_counter

from tests.web.asgi.bodies import BODIES, send
from tests.web.client.server import serving

_APPLICATION = "tests.web.asgi.receiving:app"


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        body: The kind of body.
        size: Bytes of the body.
        seconds: Elapsed time until the response.
        peak: Highest resident size of the server, in bytes above the size after its start.
    """

    body: str
    size: int
    seconds: float
    peak: int


def measure(size: int) -> list[Request]:
    """Send each kind of body, of about a size in bytes."""
    return [_measure(name, size) for name in BODIES]


def _measure(name: str, size: int) -> Request:
    print(f"request: {name}, {size >> 20} MiB", file=sys.stderr)
    content_type, make = BODIES[name]
    with serving(_APPLICATION) as server:
        base = server.resident
        start = perf_counter()
        status, _ = send(server, "/count", content_type, make(size))
        seconds = perf_counter() - start
        if status != 200:
            raise RuntimeError(f"the server answered with {status}")
        return Request(name, size, seconds, server.peak - base)
