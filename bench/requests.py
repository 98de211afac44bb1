"""Long bodies of requests, each to a uvicorn process of its own on loopback."""

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
        what: Its body.
        size: Bytes of it.
        seconds: On the clock, until the answer is there.
        peak: Bytes of the highest resident size of the server, above that after it has started.
    """

    what: str
    size: int
    seconds: float
    peak: int


def measure(size: int) -> list[Request]:
    """Send each body, of about so many bytes."""
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
