"""Peers that hold connections, on a uvicorn in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from streamdicom.server.connections import protocol

_HEAD = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n"
_TIMEOUT = 0.4  # seconds


async def _answer(request: Request) -> StreamingResponse:
    size = request.path_params["size"]
    return StreamingResponse(bytes(65536) for _ in range(size // 65536 + 1))


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(protocol, "HEAD_TIMEOUT", _TIMEOUT)
    monkeypatch.setattr(protocol, "READ_TIMEOUT", _TIMEOUT)
    app = Starlette(routes=[Route("/{size:int}", _answer)])
    config = uvicorn.Config(app, http=protocol.BoundedProtocol, log_level="error")
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
def test_incomplete_head_ends_the_connection(port: int, start: bytes) -> None:
    with _connected(port) as connection:
        connection.sendall(start)
        assert _is_ended(connection)


def test_head_in_small_pieces_has_no_more_time(port: int) -> None:
    with _connected(port) as connection, pytest.raises(OSError, match=r"reset|pipe"):
        start = time.monotonic()
        while time.monotonic() - start < 20 * _TIMEOUT:
            connection.sendall(b"G")
            time.sleep(_TIMEOUT / 8)


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
        assert left < size  # what the system had buffered when the server gave up
