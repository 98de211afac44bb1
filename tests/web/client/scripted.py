"""An HTTP server on loopback that sends the bytes of a script, however malformed."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

DICOM_JSON = "application/dicom+json"
GZIP = ("Content-Encoding", "gzip")
METADATA = "/studies/1.2/metadata"
SECRETS = {"authorization", "cookie", "x-api-key"}  # header fields


class Reset(Exception):
    """Raised by a script to reset the connection instead of closing it."""


@dataclass(frozen=True)
class Request:
    """A request of a client.

    Attributes:
        path: The path without the query.
        query: The last value of each parameter.
        headers: Header fields by lower-case name.
    """

    path: str
    query: dict[str, str]
    headers: dict[str, str]


Script = Callable[[Request], Iterable[bytes]]


@dataclass
class Scripted:
    """A running server, and the requests it received."""

    port: int
    requests: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def response(
    body: bytes = b"",
    *,
    status: int = 200,
    content_type: str = DICOM_JSON,
    headers: Iterable[tuple[str, str]] = (),
    length: int | None = None,
    chunked: bool = False,
) -> list[bytes]:
    """Return the head and the body of a response; ``length`` may be wrong."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[start : start + 50] for start in range(0, len(body), 50)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif status != 204:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ["\r\n".join([*lines, "", ""]).encode(), body]


def client_with_secrets(server: Scripted) -> httpx2.Client:
    """Return a client with every kind of credentials."""
    return httpx2.Client(
        auth=("user", "secret"),
        cookies={"session": "secret"},
        headers={"X-Api-Key": "secret"},
        params={"key": "secret"},
    )


def redirect(location: str, status: int = 302) -> list[bytes]:
    return response(status=status, headers=[("Location", location), ("Set-Cookie", "new=secret")])


def endless(head: list[bytes], *pieces: bytes) -> Iterator[bytes]:
    yield head[0]
    yield from pieces[:-1]
    yield from repeat(pieces[-1])


def dataset(uid: str, **more: Any) -> dict[str, Any]:
    return {
        "00080018": {"vr": "UI", "Value": [uid]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
        "0020000D": {"vr": "UI", "Value": [uid]},
        **more,
    }


@contextmanager
def scripted(script: Script) -> Iterator[Scripted]:
    """Run a server that closes each connection after one response."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Scripted(listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=_serve, args=(connection, server, script), daemon=True)
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in [acceptor, *threads]:
            thread.join(10)


def _serve(connection: socket.socket, server: Scripted, script: Script) -> None:
    with connection, suppress(OSError):
        request = _read(connection)
        if request is None:
            return
        server.requests.append(request)
        try:
            for piece in script(request):
                connection.sendall(piece)
        except Reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):  # wait for the client to close, so that the connection is not reset
            pass


def _read(connection: socket.socket) -> Request | None:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            return None
        head += piece
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    target = urlsplit(first.split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    query = {name: values[-1] for name, values in parse_qs(target.query, keep_blank_values=True).items()}
    return Request(target.path, query, headers)
