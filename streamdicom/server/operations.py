"""Running the server: requests at once, its health, and the log of requests."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("streamdicom.access")

_HEALTH = "/health"
_BUSY = PlainTextResponse("the server has too many requests; try again later\n", 503, {"Retry-After": "1"})
_WELL = PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})
_UNWELL = PlainTextResponse("the folder or its index cannot be read\n", 503, {"Cache-Control": "no-store"})


class AccessLog:
    """Middleware that logs each request as a line of JSON, without data of patients.

    The logger is ``streamdicom.access``, the level INFO. A path is logged with the names of its parameters in place of
    UIDs, an unknown path not at all, and a query never, because it can name a patient.

    Args:
        app: The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and log it when its response has been sent (ASGI)."""
        if scope["type"] != "http" or not _log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        start = time.monotonic()
        status, size = 500, 0

        async def counted(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            _log.info("%s", json.dumps(_record(scope, status, size, time.monotonic() - start)))


def _record(scope: Scope, status: int, size: int, seconds: float) -> dict[str, Any]:
    return {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "client": (scope.get("client") or (None,))[0],
        "method": scope["method"],
        "path": _template(scope),
        "status": status,
        "bytes": size,
        "seconds": round(seconds, 4),
    }


def _template(scope: Scope) -> str | None:
    """Return the path with names in place of its parameters; None if unknown."""
    if "endpoint" not in scope:
        return _HEALTH if _is_health(scope) else None
    names = {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    path: str = scope["path"]
    if "/" in (value := str(scope.get("path_params", {}).get("value", ""))):  # a path of its own
        path = path.removesuffix(value) + "{value}"
    return "/".join(names.get(part, part) for part in path.split("/"))


class Health:
    """Middleware that answers ``/health``: 200 if the server works, else 503.

    It needs no token and tells no more.

    Args:
        app: The application.
        check: Raises an error if the folder or its index cannot be read.
    """

    def __init__(self, app: ASGIApp, check: Callable[[], object]) -> None:
        self._app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on (ASGI)."""
        app = self._app
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and _is_health(scope):
            try:
                await run_in_threadpool(self._check)
            except Exception as error:
                logging.getLogger(__name__).error("the server does not work: %s", error)
                app = _UNWELL
            else:
                app = _WELL
        await app(scope, receive, send)


def _is_health(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) == _HEALTH


class Bounded:
    """Middleware that takes a number of requests at once, and answers 503 to others.

    Args:
        app: The application.
        requests: The number.
    """

    def __init__(self, app: ASGIApp, requests: int) -> None:
        self._app = app
        self._left = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 503 (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._left:
            await _BUSY(scope, receive, send)
            return
        self._left -= 1
        is_held = True

        async def answer(message: Message) -> None:
            nonlocal is_held
            await send(message)
            # The client may send its next request before the application returns.
            if is_held and message["type"] == "http.response.body" and not message.get("more_body", False):
                is_held = False
                self._left += 1

        try:
            await self._app(scope, receive, answer)
        finally:
            self._left += is_held
