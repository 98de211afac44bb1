"""Addresses and acknowledgement of the commands that use TCP.

A stream is one array, whose closing bracket proves that nothing is missing. The listener acknowledges it by closing
the connection in an orderly way when everything is written. In every other case the connection is reset.
"""

from __future__ import annotations

import os
import socket
import struct

from streamdicom.cli.exit_codes import UsageError

_MAX_PORT = 0xFFFF
_MAX_DIGITS = 100
_BACKLOG = 128  # connections that wait to be accepted
_LINGER = struct.Struct("hh" if os.name == "nt" else "ii")  # of SO_LINGER
_RESET = _LINGER.pack(1, 0)
_ORDERLY = _LINGER.pack(0, 0)


def parse_address(text: str) -> tuple[str, int]:
    """Return the host and the port of an address, such as ``[::1]:4711``.

    Raises:
        UsageError: The text has another form, or there is no such port.

    >>> parse_address("localhost:4711"), parse_address("[::1]:0")
    (('localhost', 4711), ('::1', 0))
    """
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or (":" in bare and bare == host) or not (port.isdecimal() and port.isascii()):
        raise UsageError(f"expected an address of the form HOST:PORT, found {text!r}")
    if len(port) > _MAX_DIGITS or int(port) > _MAX_PORT:
        raise UsageError(f"expected a port from 0 to {_MAX_PORT}, found {port[:20]}")
    return bare, int(port)


def format_address(address: tuple[str | int, ...]) -> str:
    """Return the text of the address of a socket.

    >>> format_address(("::1", 4711, 0, 0))
    '[::1]:4711'
    """
    host, port, *_ = address
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def listener_at(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        UsageError: The address is not known or not available.
    """
    try:
        (family, _, _, _, place), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return socket.create_server(place[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise UsageError(f"{format_address((host, port))}: {reason}") from error


def reset_on_close(connection: socket.socket) -> None:
    """Let closing a connection reset it, so that its peer sees an error."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def acknowledge_on_close(connection: socket.socket) -> None:
    """Let closing a connection be orderly, so that its peer sees success."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ORDERLY)
