"""Connections on loopback."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydicom import Dataset

import streamdicom

__all__ = ["connected", "dataset", "open_descriptors", "reset"]

_PATIENCE = 30  # seconds until a hanging test fails


def dataset(number: int, size: int = 0) -> Dataset:
    """A small data set, or one with a value of some length."""
    one = streamdicom.loads(f'{{"00100020": {{"vr": "LO", "Value": ["{number}"]}}}}')
    if size:
        one.add_new("PixelData", "OB", bytes(size))
    return one


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Open both ends of a TCP connection, with timeouts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname(), _PATIENCE)
        far, _ = server.accept()
    with near, far:
        far.settimeout(_PATIENCE)
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield near, far


def reset(connection: socket.socket) -> None:
    """Reset a connection, so that the peer gets an error."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def open_descriptors() -> set[str]:
    """List the open files of this process."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(f"{path.name} {os.readlink(path)}")  # noqa: PTH115 - it is no path
    return found
