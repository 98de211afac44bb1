"""Peers that hold connections, on a uvicorn in a thread of this process."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from streamdicom.server import ServerLimits
from streamdicom.server.connections import BoundedProtocol
from tests.cli.certificates import certificate, needs_openssl

_HEAD = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n"
_TIMEOUT = 0.4  # seconds
_BUFFER = 4096  # bytes; the system doubles it


async def _answer(request: Request) -> StreamingResponse:
    size = request.path_params["size"]
    return StreamingResponse(bytes(65536) for _ in range(size // 65536 + 1))


async def _answer_at_once(request: Request) -> Response:
    return Response(bytes(request.path_params["size"]))


@pytest.fixture
def port() -> Iterator[int]:
    with _serving(ServerLimits(head_timeout=_TIMEOUT, read_timeout=_TIMEOUT)) as port:
        yield port


@contextmanager
def _serving(limits: ServerLimits, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    app = Starlette(routes=[Route("/{size:int}", _answer), Route("/once/{size:int}", _answer_at_once)])
    config = uvicorn.Config(app, http=BoundedProtocol.within(limits, tls), log_level="error")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
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


@pytest.mark.slow
@pytest.mark.parametrize("rest", [b"", b"Connection: close\r\n"])
def test_client_that_does_not_read_the_rest_of_a_response_ends(port: int, rest: bytes) -> None:
    size = 60_000  # more than the buffers of the system, less than the server's own
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        deaf.connect(("127.0.0.1", port))
        deaf.settimeout(30)
        deaf.sendall(b"GET /once/%d HTTP/1.1\r\nHost: localhost\r\n%s\r\n" % (size, rest))
        time.sleep(3 * _TIMEOUT)
        received = 0
        with suppress(ConnectionResetError):
            while data := deaf.recv(65536):
                received += len(data)
        assert received < size


@pytest.mark.slow
def test_slow_reader_of_the_rest_of_a_response_gets_everything(port: int) -> None:
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        slow.connect(("127.0.0.1", port))
        slow.settimeout(30)
        for _ in range(3):
            slow.sendall(b"GET /once/60000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while len(answer.partition(b"\r\n\r\n")[2]) < 60_000:
                data = slow.recv(8192)
                assert data, "the server has ended the connection"
                answer += data
                time.sleep(_TIMEOUT / 20)


# --- TLS -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    own, key = certificate(tmp_path_factory.mktemp("keys"), "server")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(own, key)
    return server, ssl.create_default_context(cafile=own)


@needs_openssl
def test_connection_before_its_handshake_makes_room(secured: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = secured
    with _serving(ServerLimits(connections=8), server) as port:
        waiting = [_connected(port) for _ in range(8)]
        for _ in range(4):
            with client.wrap_socket(_connected(port), server_hostname="127.0.0.1") as connection:
                connection.sendall(_HEAD % 0 + b"Connection: close\r\n\r\n")
                assert _status(connection) == b"HTTP/1.1 200"
        assert _is_ended(waiting[0])
        for connection in waiting:
            connection.close()


@needs_openssl
@pytest.mark.slow
@pytest.mark.parametrize("start", [b"", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n"])
def test_incomplete_handshake_ends_the_connection(secured: tuple[ssl.SSLContext, ssl.SSLContext], start: bytes) -> None:
    with _serving(ServerLimits(head_timeout=_TIMEOUT), secured[0]) as port, _connected(port) as connection:
        connection.sendall(start)
        assert _is_ended(connection)


@needs_openssl
@pytest.mark.slow
def test_head_after_a_handshake_has_its_time(secured: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = secured
    with (
        _serving(ServerLimits(head_timeout=_TIMEOUT), server) as port,
        client.wrap_socket(_connected(port), server_hostname="127.0.0.1") as connection,
    ):
        for _ in range(2):
            connection.sendall(_HEAD % 0 + b"\r\n")
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):
                answer += connection.recv(65536)
        connection.sendall(_HEAD % 0)
        assert _is_ended(connection)


# --- room ------------------------------------------------------------------------------------------------------


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
