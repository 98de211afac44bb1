"""A process of ``streamdicom listen`` on loopback."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from streamdicom.cli.network import parse_address
from tests.cli.running import COMMAND

PATIENCE = 60  # seconds after which a process that hangs is a failure


class Listener:
    """A process that listens."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.stdout = cast(BinaryIO, process.stdout)
        self.stderr = cast(BinaryIO, process.stderr)
        greeting = self.read_error()
        assert greeting.startswith("streamdicom: listening on "), greeting
        self.address = greeting.split()[-1]

    def connect(self) -> socket.socket:
        connection = socket.create_connection(parse_address(self.address), PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def read_error(self) -> str:
        """Return the next line of standard error."""
        return self.stderr.readline().decode()

    def end(self) -> int:
        """Wait for the end of the process; return its exit code."""
        return self.process.wait(PATIENCE)


@contextmanager
def listening(
    *arguments: object, host: str = "127.0.0.1", address: str = "", out: int = subprocess.PIPE
) -> Iterator[Listener]:
    """Run a listener at an address, by default on a free port."""
    command = [*COMMAND, "listen", address or f"{host}:0", *map(str, arguments)]
    with subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, bufsize=0) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            yield Listener(process)
        finally:
            watchdog.cancel()
            process.kill()


def is_acknowledged(connection: socket.socket) -> bool:
    """End a stream; return whether the listener acknowledges it."""
    try:
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(1) == b""
    except OSError:  # it has reset the connection
        return False
