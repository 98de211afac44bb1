"""The protocol of ``send`` and ``listen``.

The sender starts with a line that names the stream, and the listener answers with the number of data sets of this
stream that it has written. The sender sends the other data sets as an array, in chunks, each after its length; a chunk
of length 0 is the end. The listener answers with a line when everything is written. So a stream survives its
connection, and each data set is written once.

A plain peer sends any format without these lines, over TCP without TLS and tokens. Its stream ends when it shuts down
its side, and the listener acknowledges it by closing the connection in an orderly way. In every other case the
connection is reset.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import AsyncGenerator

from streamdicom._records import NamedTuple
from streamdicom._typing import TYPE_CHECKING
from streamdicom.io import CHUNK

if TYPE_CHECKING:
    from asyncio import StreamReader

GREETING = b"streamdicom-send 1 "
"""The start of the first line of a sender."""

READY, WRITTEN, FAILED, REFUSED, UNKNOWN = "ready", "written", "failed", "refused", "unknown"
"""The first word of each answer; ``READY`` has a number."""

_LINE = re.compile(rb"(new|resume) ([0-9a-f]{32}) ?([^\n]*)\n")
_LENGTH = struct.Struct(">I")
_MAX_LENGTH = 1024  # of an answer
_LINGER = struct.Struct("hh" if os.name == "nt" else "ii")  # of SO_LINGER
_RESET = _LINGER.pack(1, 0)
_ORDERLY = _LINGER.pack(0, 0)


class LinkLostError(ConnectionError):
    """The connection is lost, or the peer is silent."""


class Greeting(NamedTuple):
    """The first line of a sender.

    Attributes:
        stream: The name of the stream.
        is_resumed: Whether an earlier connection of this stream was lost.
        token: The token, or nothing.
    """

    stream: str
    is_resumed: bool
    token: bytes


# --- the sender ------------------------------------------------------------------------------------------------


class Link:
    """A connection of a sender, to which data is written in chunks."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def greet(self, greeting: Greeting) -> tuple[str, int]:
        """Send the first line; return the first word of the answer, and its number.

        Raises:
            LinkLostError: There is no answer.
        """
        start = b"resume" if greeting.is_resumed else b"new"
        self._send(GREETING + b" ".join((start, greeting.stream.encode(), greeting.token)) + b"\n")
        word, _, number = self.answer().partition(" ")
        return word, int(number) if number.isdecimal() else 0

    def sendall(self, data: bytes, /) -> None:
        """Send a chunk."""
        if data:
            self._send(_LENGTH.pack(len(data)) + data)

    def recv(self, size: int, /) -> bytes:
        """Return nothing: the answers are lines."""
        return b""

    def end(self) -> str:
        """Send the end, and return the answer."""
        self._send(_LENGTH.pack(0))
        return self.answer()

    def answer(self) -> str:
        """Return the next line of the listener."""
        line = b""
        while not line.endswith(b"\n") and len(line) < _MAX_LENGTH:
            try:
                data = self._connection.recv(1)
            except OSError as error:
                raise LinkLostError(error.strerror or str(error)) from error
            if not data:
                raise LinkLostError("the connection has ended")
            line += data
        return line.decode("ascii", "replace").rstrip("\n")

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise LinkLostError(error.strerror or str(error)) from error


# --- the listener ----------------------------------------------------------------------------------------------


async def read_greeting(reader: StreamReader) -> tuple[Greeting | None, bytes]:
    """Return the first line of a sender; or None, and the start of a plain stream.

    Raises:
        ValueError: The line has another form.
        ConnectionError: The connection is lost within the line.
    """
    from asyncio import IncompleteReadError, LimitOverrunError

    first = await reader.read(1)
    if first != GREETING[:1]:
        return None, first
    try:
        line = first + await reader.readuntil(b"\n")
    except IncompleteReadError as error:
        raise ConnectionResetError from error
    except LimitOverrunError as error:
        raise ValueError("expected a line of streamdicom send") from error
    match = _LINE.fullmatch(line, len(GREETING)) if line.startswith(GREETING) else None
    if match is None:
        raise ValueError("expected a line of streamdicom send")
    return Greeting(match[2].decode(), match[1] == b"resume", match[3]), b""


async def read_chunks(reader: StreamReader) -> AsyncGenerator[bytes, None]:
    """Yield the data of a sender until its end.

    Raises:
        EOFError: The connection has ended before.
    """
    while left := _LENGTH.unpack(await reader.readexactly(_LENGTH.size))[0]:
        while left:
            data = await reader.read(min(left, CHUNK))
            if not data:
                raise EOFError
            left -= len(data)
            yield data


def reset_on_close(connection: socket.socket) -> None:
    """Let closing a connection reset it, so that its peer sees an error."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def acknowledge_on_close(connection: socket.socket) -> None:
    """Let closing a connection be orderly, so that its peer sees success."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ORDERLY)
