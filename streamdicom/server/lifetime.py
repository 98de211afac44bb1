"""The life of the server: the first index of the folder, and refreshing it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from streamdicom.server.catalog import Catalog
from streamdicom.server.stow import take_in_leftovers

MIN_PAUSE = 10.0  # seconds between two refreshes
_PAUSE_RATIO = 20  # the pause after a refresh, in multiples of its duration


class Lifetime:
    """Keeps an index up to date from the start, or from the first request.

    The lifespan of a mounted application does not run (``app.mount`` of Starlette and FastAPI).
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._task: asyncio.Task[None] | None = None
        self._lock = Lock()
        self._is_open = False

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Keep the index up to date until the application stops."""
        await self.start()
        try:
            yield
        finally:
            if self._task:
                self._task.cancel()
                with suppress(asyncio.CancelledError):
                    await self._task

    async def start(self) -> None:
        """Index the folder if need be, and refresh the index while the loop runs."""
        if not self._is_open:
            await run_in_threadpool(self._open)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._refresh())

    def _open(self) -> None:
        with self._lock:
            if not self._is_open:
                take_in_leftovers(self._catalog)
                if not self._catalog.is_refreshed:
                    self._catalog.refresh()
                self._is_open = True

    async def _refresh(self) -> None:
        pause = MIN_PAUSE
        while True:
            await asyncio.sleep(pause)
            start = time.monotonic()
            with suppress(OSError, sqlite3.Error):  # the next refresh may succeed
                await run_in_threadpool(self._catalog.refresh)
            pause = max(MIN_PAUSE, _PAUSE_RATIO * (time.monotonic() - start))


class OnFirstUse:
    """Middleware that starts the server with its first request.

    Args:
        app: The application.
        lifetime: The life of the server.
        unavailable: Returns the response if the folder cannot be indexed.
    """

    def __init__(
        self, app: ASGIApp, lifetime: Lifetime, unavailable: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        self._app = app
        self._lifetime = lifetime
        self._unavailable = unavailable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start the server if need be, and pass the request on (ASGI)."""
        if scope["type"] == "http":
            try:
                await self._lifetime.start()
            except (OSError, sqlite3.Error) as error:
                response = await self._unavailable(Request(scope), error)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
