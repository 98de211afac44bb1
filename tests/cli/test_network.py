"""Addresses of the commands that use TCP."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from streamdicom.cli.exit_codes import UsageError
from streamdicom.cli.network import format_address, listener_at, parse_address
from tests.cli.running import run
from tests.support.each import each


@each("text", ["localhost:4711", "[::1]:0", "127.0.0.1:65535"])
def test_address_survives_a_round_trip(text: str) -> None:
    assert format_address(parse_address(text)) == text


@each("text", ["", "localhost", ":17", "::1:17", "localhost:x", "localhost:65536", "[::1]"])
def test_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


def test_unix_socket_needs_a_path() -> None:
    result = run("listen", "unix:")
    assert (result.code, result.error) == (2, "expected a path after unix:, found 'unix:'")


@each("port", ["65536", "70000", "9" * 5000])
def test_port_that_does_not_exist_is_named(port: str) -> None:
    with pytest.raises(UsageError, match=f"expected a port from 0 to 65535, found {port[:20]}$"):
        parse_address(f"localhost:{port}")


@pytest.mark.parametrize("command", ["listen", "serve"])
def test_address_that_is_not_available_is_named(command: str, tmp_path: Path) -> None:
    if command == "serve":
        pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = [f"127.0.0.1:{port}"] if command == "listen" else [tmp_path, "--port", port]
        result = run(command, *arguments)
    assert (result.code, result.error) == (2, f"127.0.0.1:{port}: {os.strerror(errno.EADDRINUSE)}")


def test_no_answer_waits_for_an_acknowledgement() -> None:
    with listener_at("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
