"""Bounds on the number of connections, and on their time, for uvicorn.

uvicorn bounds the time between requests only. A peer that sends half a head, or does not read the response, would hold
its connection and its file descriptors for ever, and enough of them would stop the server. asyncio tells uvicorn of a
connection after the handshake of TLS, so the protocol does the handshake itself, and counts the connection before it.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Any, ClassVar, Self
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.h11_impl import H11Protocol

from streamdicom.server.limits import ServerLimits

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

# The connections of each server that wait for a request, the oldest first.
_WAITING: WeakKeyDictionary[Any, dict[BoundedProtocol, None]] = WeakKeyDictionary()


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn, which ends connections that hold the server.

    ``uvicorn.Config(app, http=BoundedProtocol)``, or ``BoundedProtocol.within(limits)`` for bounds of your own.
    """

    limits: ClassVar[ServerLimits] = ServerLimits()
    tls: ClassVar[ssl.SSLContext | None] = None

    _handshake: asyncio.Task[None] | None = None
    _early: bytes | None = None  # received before the task of the handshake ends
    _head: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    @classmethod
    def within(cls, limits: ServerLimits, tls: ssl.SSLContext | None = None) -> type[Self]:
        """Return the protocol with bounds of its own.

        Args:
            limits: The bounds.
            tls: Speak TLS; in place of the options of ``uvicorn.Config``, with which handshakes are not bounded.
        """
        return type(cls.__name__, (cls,), {"limits": limits, "tls": tls})

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the first head, if there is room for the connection."""
        super().connection_made(transport)
        self._waiting = _WAITING.setdefault(self.server_state, {})
        if len(self.connections) > self.limits.connections:
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                if not self.tls:
                    transport.write(_BUSY)
                transport.close()
                return
            oldest.end()
        self._await_head()
        if self.tls:
            transport.pause_reading()
            self._early = b""
            self._handshake = self.loop.create_task(self._shake_hands(transport, self.tls))

    async def _shake_hands(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        if transport.is_closing():
            return
        secured = None
        with suppress(OSError):  # errors of TLS, and of the connection
            secured = await self.loop.start_tls(
                transport, self, tls, server_side=True, ssl_handshake_timeout=self.limits.head_timeout
            )
        if secured is None or secured.is_closing():
            transport.abort()
            self.connection_lost(None)  # which asyncio does not call before the end of the handshake
            return
        super().connection_made(secured)
        early, self._early = self._early, None
        if early:
            self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Parse bytes; the time for a head runs until the head is complete."""
        if self._early is not None:
            self._early += data
            return
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()
        else:
            self._stop_waiting()
            if not self.flow.write_paused:
                self._stop_reader()

    def on_response_complete(self) -> None:
        """Wait for the next request of the connection."""
        super().on_response_complete()
        if self.cycle is not None and self.cycle.response_complete and not self.transport.is_closing():
            self._waiting[self] = None
        self._await_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._stop_waiting()
        self._stop_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the time for the client to read."""
        super().pause_writing()
        self._stop_reader()
        self._reader = self.loop.call_later(self.limits.read_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the time for the client to read, unless this is the rest of a response."""
        super().resume_writing()
        self._stop_reader()
        self._await_reader()

    def end(self) -> None:
        """End the connection at once."""
        self._stop_waiting()
        self.connections.discard(self)  # which makes room before the loop closes the socket
        self.transport.abort()

    def _await_head(self) -> None:
        if self._head is None:
            self._waiting[self] = None
            self._head = self.loop.call_later(self.limits.head_timeout, self.transport.abort)

    def _stop_waiting(self) -> None:
        self._waiting.pop(self, None)
        if self._head:
            self._head.cancel()
            self._head = None

    def _await_reader(self) -> None:
        """Start the time for the client to read the rest of a complete response."""
        is_complete = self.cycle is not None and self.cycle.response_complete
        if is_complete and self._reader is None and self.transport.get_write_buffer_size():
            self._reader = self.loop.call_later(self.limits.read_timeout, self._end_deaf)

    def _end_deaf(self) -> None:
        self._reader = None
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _stop_reader(self) -> None:
        if self._reader:
            self._reader.cancel()
            self._reader = None
