"""Connections: sockets, and other objects with ``recv`` and ``sendall``."""

from __future__ import annotations

from collections.abc import Iterator

from streamdicom._typing import Protocol, TypeGuard


class Connection(Protocol):
    """The part of ``socket.socket`` that is used."""

    def recv(self, size: int, /) -> bytes:
        """Wait for some bytes, at most ``size``; b"" at the end."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of the bytes."""


def is_connection(thing: object) -> TypeGuard[Connection]:
    """Return whether an object is a connection.

    >>> is_connection(b"")
    False
    """
    return hasattr(thing, "recv") and hasattr(thing, "sendall")


def receive(connection: Connection, size: int) -> Iterator[bytes]:
    """Yield the bytes of a connection as they arrive, at most ``size`` at once.

    The end is where the peer shuts down its side.

    Raises:
        OSError: The connection is lost, or the socket is in non-blocking mode.
    """
    _check_blocking(connection)
    while data := connection.recv(size):
        yield data


class SendingFile:
    """A connection as a binary file to write to.

    Args:
        connection: The connection, which stays open.

    Raises:
        BlockingIOError: The socket is in non-blocking mode, in which it may send only a part of the bytes.
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
        raise BlockingIOError("the socket is in non-blocking mode; give it a timeout, or use streamdicom.aio")
