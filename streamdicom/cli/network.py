"""Addresses of the commands that use the network."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress

from streamdicom.cli.exit_codes import UsageError

UNIX, TLS = "unix:", "tls:"
"""The starts of addresses of Unix sockets, and of listeners that speak TLS."""

_MAX_PORT = 0xFFFF
_MAX_DIGITS = 100
_BACKLOG = 128  # connections that wait to be accepted


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


# --- listening -------------------------------------------------------------------------------------------------


def listener_at(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        UsageError: The address is not known or not available.
    """
    try:
        (family, _, _, _, place), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        server = socket.create_server(place[:2], family=family, backlog=_BACKLOG)
        # Its connections inherit this. Without, each answer of a connection that is kept waits 40 ms for an
        # acknowledgement: asyncio sees only sockets whose protocol is given, which these lack.
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server
    except OSError as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise UsageError(f"{format_address((host, port))}: {reason}") from error


def unix_listener_at(path: str) -> socket.socket:
    """Return a Unix socket that listens, and that only the user can connect to.

    The socket of a listener that was killed is replaced.

    Raises:
        UsageError: The path is not available.
    """
    server = _unix_socket()
    mask = os.umask(0o177)
    try:
        _remove_abandoned(path)
        server.bind(os.fspath(path))
        server.listen(_BACKLOG)
    except OSError as error:
        server.close()
        raise UsageError(f"{path}: {os.strerror(error.errno) if error.errno else error}") from error
    finally:
        os.umask(mask)
    return server


def _remove_abandoned(path: str) -> None:
    """Remove a socket at which nobody listens."""
    if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
        with _unix_socket() as probe, suppress(ConnectionRefusedError):
            probe.connect(os.fspath(path))
            return
        os.unlink(path)


def _unix_socket() -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise UsageError("this system has no Unix sockets")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
