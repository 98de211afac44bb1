"""Running the server: requests at once, its health, and the log of requests."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("streamdicom.access")

_HEALTH = "/health"
_QUIET = 2.0  # seconds of silence after which a client may lose its place to another
_PROGRESS = 1024  # bytes of a body that end a silence
_BUSY = PlainTextResponse("the server has too many requests; try again later\n", 503, {"Retry-After": "1"})
_SLOW = PlainTextResponse("the server has too many requests, and this client was silent\n", 408)
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


class _Running:
    """A request in progress, and how long its client has been silent.

    Attributes:
        is_waiting: Whether the server waits for the client: for bytes of the body, or for reading the response.
        quiet_since: The start of the silence.
        is_read: Whether the body has arrived.
        has_begun: Whether the response has begun.
        is_ended: Whether the request has made room for another.
    """

    def __init__(self) -> None:
        self.is_waiting = self.is_read = self.has_begun = self.is_ended = False
        self.quiet_since = time.monotonic()
        self._task = cast("asyncio.Task[None]", asyncio.current_task())
        self._left = _PROGRESS

    async def receive(self, receive: Receive) -> Message:
        """Receive a message, which is a part of the body or the departure of the client."""
        self.is_waiting = not self.is_read
        try:
            message = await receive()
        finally:
            self.is_waiting = False
        self.is_read = not message.get("more_body", False)
        self._left -= len(message.get("body", b""))
        if self._left <= 0:
            self._left = _PROGRESS
            self.quiet_since = time.monotonic()
        return message

    async def send(self, send: Send, message: Message) -> None:
        """Send a message when the client has read the messages before."""
        self.has_begun = True
        self.is_waiting, self.quiet_since = True, time.monotonic()
        try:
            await send(message)
        finally:
            self.is_waiting = False

    def end(self) -> None:
        """End the request."""
        self.is_ended = True
        self._task.cancel()

    def has_ended(self) -> bool:
        """Receive a message: a part of the body, or the client's departure."""
        return self.is_ended and not self._task.uncancel()


class Bounded:
    """Middleware that takes a number of requests at once, and answers 503 to others.

    If all places are taken, a request gets that of the client that has been silent longest, for two seconds at least.

    Args:
        app: The application.
        requests: The number.
    """

    def __init__(self, app: ASGIApp, requests: int) -> None:
        self._app = app
        self._most = requests
        self._running: dict[_Running, None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 503 (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not self._has_room():
            await _BUSY(scope, receive, send)
            return
        running = _Running()
        self._running[running] = None

        async def answer(message: Message) -> None:
            await running.send(send, message)
            # The client may send its next request before the application returns.
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._running.pop(running, None)

        try:
            await self._app(scope, partial(running.receive, receive), answer)
        except asyncio.CancelledError:
            if not running.has_ended():
                raise
        finally:
            self._running.pop(running, None)
        if running.is_ended and not running.has_begun:
            await _SLOW(scope, receive, send)

    def _has_room(self) -> bool:
        if len(self._running) < self._most:
            return True
        latest = time.monotonic() - _QUIET
        quiet = [running for running in self._running if running.is_waiting and running.quiet_since <= latest]
        if not quiet:
            return False
        longest = min(quiet, key=lambda running: running.quiet_since)
        del self._running[longest]
        longest.end()
        return True
