"""An HTTP server on loopback that answers with exactly the bytes that a test tells it to, and does what none should."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

__all__ = ["DICOM_JSON", "Answer", "Request", "Reset", "Scripted", "response", "scripted"]

DICOM_JSON = "application/dicom+json"


class Reset(Exception):
    """Raised by an answer: the connection is reset and not just closed."""


@dataclass(frozen=True)
class Request:
    """What a client has asked for.

    Attributes:
        path: Without the query.
        query: Of each parameter its last value.
        headers: By their names in lower case.
    """

    path: str
    query: dict[str, str]
    headers: dict[str, str]


Answer = Callable[[Request], Iterable[bytes]]


@dataclass
class Scripted:
    """A server that runs, and what it was asked for."""

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
    """The head and the body of an answer; the length may be a lie."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        pieces = [body[start : start + 50] for start in range(0, len(body), 50)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    elif status != 204:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return ["\r\n".join([*lines, "", ""]).encode(), body]


@contextmanager
def scripted(answer: Answer) -> Iterator[Scripted]:
    """Run a server that closes each connection behind one answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Scripted(listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=_serve, args=(connection, server, answer), daemon=True)
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


def _serve(connection: socket.socket, server: Scripted, answer: Answer) -> None:
    with connection, suppress(OSError):
        request = _read(connection)
        if request is None:
            return
        server.requests.append(request)
        try:
            for piece in answer(request):
                connection.sendall(piece)
        except Reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):  # until the client has closed, so that nothing is reset
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
