"""Peers that hold connections, on a uvicorn in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from streamdicom.server import ServerLimits
from streamdicom.server.connections import BoundedProtocol

_HEAD = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n"
_TIMEOUT = 0.4  # seconds


async def _answer(request: Request) -> StreamingResponse:
    size = request.path_params["size"]
    return StreamingResponse(bytes(65536) for _ in range(size // 65536 + 1))


@pytest.fixture
def port() -> Iterator[int]:
    with _serving(ServerLimits(head_timeout=_TIMEOUT, read_timeout=_TIMEOUT)) as port:
        yield port


@contextmanager
def _serving(limits: ServerLimits) -> Iterator[int]:
    app = Starlette(routes=[Route("/{size:int}", _answer)])
    config = uvicorn.Config(app, http=BoundedProtocol.within(limits), log_level="error")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=[[listener]])
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def _is_ended(connection: socket.socket) -> bool:
    """Read to the end of the connection; False if the peer is silent."""
    connection.settimeout(10 * _TIMEOUT)
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("start", [b"", _HEAD % 0])
@pytest.mark.slow
def test_incomplete_head_ends_the_connection(port: int, start: bytes) -> None:
    with _connected(port) as connection:
        connection.sendall(start)
        assert _is_ended(connection)


@pytest.mark.slow
def test_head_in_small_pieces_has_no_more_time(port: int) -> None:
    with _connected(port) as connection, pytest.raises(OSError, match=r"reset|pipe"):
        start = time.monotonic()
        while time.monotonic() - start < 20 * _TIMEOUT:
            connection.sendall(b"G")
            time.sleep(_TIMEOUT / 8)


@pytest.mark.slow
def test_second_head_has_its_own_time(port: int) -> None:
    with _connected(port) as connection:
        connection.sendall(_HEAD % 0 + b"\r\n")
        answer = b""
        while not answer.endswith(b"0\r\n\r\n"):
            answer += connection.recv(65536)
        connection.sendall(_HEAD % 0)
        assert _is_ended(connection)


@pytest.mark.slow
def test_client_that_does_not_read_ends_and_a_slow_one_gets_everything(port: int) -> None:
    size = 24 * 1024 * 1024  # more than the buffers of the system
    request = _HEAD % size + b"Connection: close\r\n\r\n"
    with _connected(port) as deaf, _connected(port) as slow:
        for connection in (deaf, slow):
            connection.sendall(request)
        received = 0
        while data := slow.recv(256 * 1024):
            received += len(data)
            time.sleep(_TIMEOUT / 100)
        assert received > size
        time.sleep(2 * _TIMEOUT)
        deaf.settimeout(30)
        left = 0
        while data := deaf.recv(256 * 1024):
            left += len(data)
        assert left < size  # which the system had buffered when the server gave up


def _status(connection: socket.socket) -> bytes:
    connection.settimeout(10)
    return connection.recv(12)


def test_connection_that_waits_longest_makes_room() -> None:
    with _serving(ServerLimits(connections=8)) as port:
        waiting = [_connected(port) for _ in range(8)]
        for connection in waiting[:4]:
            connection.sendall(_HEAD % 0)
        for number in range(4):  # each of them takes the place of the oldest
            with _connected(port) as connection:
                connection.sendall(_HEAD % 0 + b"Connection: close\r\n\r\n")
                assert _status(connection) == b"HTTP/1.1 200"
            if not number:
                assert _is_ended(waiting[0])
        waiting[-1].sendall(_HEAD % 0 + b"\r\n")
        assert _status(waiting[-1]) == b"HTTP/1.1 200"
        for connection in waiting:
            connection.close()


def test_connection_is_answered_503_if_all_have_requests() -> None:
    size = 24 * 1024 * 1024  # more than the buffers of the system
    with _serving(ServerLimits(connections=3)) as port:
        busy = [_connected(port) for _ in range(3)]
        for connection in busy:
            connection.sendall(_HEAD % size + b"\r\n")
            assert _status(connection) == b"HTTP/1.1 200"
        with _connected(port) as further:
            further.sendall(_HEAD % 0 + b"\r\n")
            assert _status(further) == b"HTTP/1.1 503"
        busy.pop().close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with _connected(port) as further:
                further.sendall(_HEAD % 0 + b"\r\n")
                if _status(further) == b"HTTP/1.1 200":
                    break
        else:
            pytest.fail("a closed connection leaves no room")
        for connection in busy:
            connection.close()
