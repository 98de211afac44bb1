"""Bounds on the time that a connection may hold the server, for uvicorn.

uvicorn bounds the time between requests only. A peer that sends half a head, or does not read the response, would hold
its connection and its file descriptors for ever.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIMEOUT = 20.0
"""Seconds for the head of a request, which has some hundred bytes. Precedents: 20 to 40 in Apache, 60 in nginx."""

READ_TIMEOUT = 60.0
"""Seconds for a client to read a full buffer, of about 64 KiB. Precedent: 60 in nginx."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn, which ends connections that hold the server.

    ``uvicorn.Config(app, http=BoundedProtocol)``
    """

    _head: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the first head."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Parse bytes; the time for a head runs until the head is complete."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()
        elif self._head:
            self._head.cancel()
            self._head = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        for timer in (self._head, self._reader):
            if timer:
                timer.cancel()
        self._head = self._reader = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the time for the client to read."""
        super().pause_writing()
        self._reader = self.loop.call_later(READ_TIMEOUT, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the time for the client to read."""
        super().resume_writing()
        if self._reader:
            self._reader.cancel()
            self._reader = None

    def _await_head(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(HEAD_TIMEOUT, self.transport.abort)
