"""Connections as sources and targets: whatever has ``recv`` and ``sendall``, as a socket has, plain or with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeGuard


class Connection(Protocol):
    """What of ``socket.socket`` is used."""

    def recv(self, size: int, /) -> bytes:
        """Wait for some bytes, at most so many; none at the end."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of the bytes."""


def is_connection(thing: object) -> TypeGuard[Connection]:
    """Whether something is a connection.

    >>> is_connection(b"")
    False
    """
    return hasattr(thing, "recv") and hasattr(thing, "sendall")


def receive(connection: Connection, size: int) -> Iterator[bytes]:
    """What comes, as soon as it does, in pieces of at most so many bytes, until the peer has said that it is all.

    Raises:
        OSError: There is nothing more to be had, or the socket is in non-blocking mode.
    """
    _check_blocking(connection)
    while data := connection.recv(size):
        yield data


class SendingFile:
    """A connection as a binary file to write to.

    Args:
        connection: Where to; it stays open.

    Raises:
        BlockingIOError: The socket is in non-blocking mode, and could take a part of what it is given and no more.
    """

    def __init__(self, connection: Connection) -> None:
        _check_blocking(connection)
        self._sendall = connection.sendall

    def write(self, data: bytes) -> int:
        """Send all of the bytes."""
        self._sendall(data)
        return len(data)


def _check_blocking(connection: Connection) -> None:
    timeout = getattr(connection, "gettimeout", None)
    if timeout is not None and timeout() == 0:
        raise BlockingIOError("the socket is in non-blocking mode; give it a time-out, or use streamdicom.aio")
