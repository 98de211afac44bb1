"""``streamdicom listen`` and ``streamdicom send``: data sets over TCP, without anything around them.

What is sent is one array, whose closing bracket proves that nothing is missing. The listener acknowledges by closing
the connection in an orderly way when it has written all of it. Whatever else happens to it, the connection is reset:
the system is told at the very beginning that closing means that.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from streamdicom.aio import aiter_events
from streamdicom.api import write_events
from streamdicom.cli.inputs import PIPE, CallError, Meter, event_batches, plain, size_of
from streamdicom.codec import SOURCE_LOST, DatasetEncoder
from streamdicom.errors import StreamDicomError, TruncatedError
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import ElementSorter, sort_elements
from streamdicom.io import CHUNK, NamedFile, Output, temporary
from streamdicom.options import WriteOptions

_MOST_PEERS = 64  # at once; each may take some MiB, and others wait until there is a place
_FEW = 32  # events that are written at once: each of a long value has a block in it
_LINGER = struct.Struct("hh" if os.name == "nt" else "ii")
_RESET = _LINGER.pack(1, 0)  # of SO_LINGER: closing discards what is on its way, and resets the connection
_ORDERLY = _LINGER.pack(0, 0)


def address_of(text: str) -> tuple[str, int]:
    """The host and the port of ``HOST:PORT``; an IPv6 address stands in brackets.

    Raises:
        CallError: It is no such text.

    >>> address_of("localhost:4711"), address_of("[::1]:0")
    (('localhost', 4711), ('::1', 0))
    """
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or (":" in bare and bare == host) or not port.isdecimal() or int(port) > 0xFFFF:
        raise CallError(f"an address is HOST:PORT, not {text!r}")
    return bare, int(port)


def _text_of(address: tuple[str | int, ...]) -> str:
    host, port, *_ = address
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


# --- send ------------------------------------------------------------------------------------------------------


def send_file(source: Path, address: str, timeout: float) -> None:
    """Send the data sets of a file or a pipe, each as soon as it was read, and wait until they are taken.

    Args:
        source: JSON, NDJSON or a DICOM file, compressed or not.
        address: Where to.
        timeout: Seconds for each step: until the listener is there, until it takes a block, until it is done.

    Raises:
        CallError: The address is none, or somebody else listens there.
        InputError: What was read is at fault; the data sets before it were sent, and the array is open.
        OSError: The file cannot be read, or the listener has not taken everything.
    """
    target = address_of(address)
    with Meter(f"Sending {source}", size_of(source)) as meter:
        events = sort_elements(chain.from_iterable(event_batches(source, meter)))
        try:
            with socket.create_connection(target, timeout) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                write_events(events, connection, options=WriteOptions(file_meta=True))
                connection.shutdown(socket.SHUT_WR)
                answer = connection.recv(1)
        except (ConnectionError, TimeoutError, socket.gaierror) as error:
            raise OSError(f"{address} has not taken everything: {error.strerror or error}") from error
    if answer:
        raise CallError(f"{address} is no streamdicom listen: it answers")


# --- listen ----------------------------------------------------------------------------------------------------


def listen_at(address: str, target: Path, *, once: bool, timeout: float) -> bool:
    """Take data sets from whoever connects, and write each as a line of NDJSON when it is complete.

    Args:
        address: Where peers connect to; port 0 is any that is free.
        target: A file, which the lines are added to, or a pipe.
        once: Whether the first connection is the only one.
        timeout: Seconds after which a peer that says nothing is given up.

    Returns:
        Whether the only connection has brought all that it should; without ``once`` this does not return.

    Raises:
        CallError: The address is none, or the file ends within a line.
        OSError: The address cannot be had, or the target cannot be written.
    """
    loop = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)  # the one that waits for sockets
    with _bound(address) as server, _Lines(target) as lines, loop:
        return loop.run(_Listener(server, lines, timeout).run(once))


def _bound(address: str) -> socket.socket:
    host, port = address_of(address)
    try:
        (family, _, _, _, place), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise CallError(f"{address}: {error.strerror}") from error
    server = socket.create_server(place[:2], family=family)
    server.setblocking(False)
    return server


class _Lines:
    """What the lines are added to. A line that could not be written whole is taken away again, if that is possible."""

    def __init__(self, target: Path) -> None:
        self._file: BinaryIO = sys.stdout.buffer if target == PIPE else _appended(target)
        self._is_own = target != PIPE
        self._output = Output(self._file)

    def add(self, line: BinaryIO) -> None:
        """Write a line that a temporary file has from its start on, and empty that."""
        start = os.fstat(self._file.fileno()).st_size
        line.seek(0)
        try:
            while piece := line.read(CHUNK):
                self._output.write(piece)
            self._output.flush()
        except OSError:
            if self._is_own:
                with suppress(OSError):  # it is no regular file
                    self._file.truncate(start)
            raise
        line.seek(0)
        line.truncate()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_own:
            self._file.close()


def _appended(path: Path) -> BinaryIO:
    """A file to add lines to.

    Raises:
        CallError: It ends within a line.
    """
    with suppress(FileNotFoundError):
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size:
            with path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    raise CallError(f"{path} ends within a line, and so nothing can be added")
    return cast(BinaryIO, NamedFile(path, "a", path))


class _Listener:
    def __init__(self, server: socket.socket, lines: _Lines, timeout: float) -> None:
        self._server = server
        self._lines = lines
        self._timeout = timeout
        self._places = asyncio.Semaphore(_MOST_PEERS)

    async def run(self, once: bool) -> bool:
        print(f"streamdicom: listening on {_text_of(self._server.getsockname())}", file=sys.stderr, flush=True)
        try:
            async with asyncio.TaskGroup() as peers:
                while True:
                    await self._places.acquire()
                    task = peers.create_task(self._serve(*await self._accept()))
                    if once:
                        return await task
        except ExceptionGroup as group:  # what is wrong here, and not with a peer
            raise group.exceptions[0] from None

    async def _accept(self) -> tuple[socket.socket, str]:
        # The loop's own way would accept a connection that comes together with Ctrl-C, and forget it.
        while True:
            try:
                connection, address = self._server.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            except BlockingIOError:
                await _readable(self._server)
            except ConnectionError:  # it has gone already
                continue
            else:
                return connection, _text_of(address)

    async def _serve(self, connection: socket.socket, peer: str) -> bool:
        """Take what a peer sends, and say whether that was all."""
        try:
            with connection:
                await self._take(connection)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ORDERLY)
        except StreamDicomError as error:
            print(plain(f"streamdicom: {peer}: {error}"), file=sys.stderr, flush=True)
            return False
        finally:
            self._places.release()
        return True

    async def _take(self, connection: socket.socket) -> None:
        received = aiter_events(_received(connection, self._timeout))
        with temporary() as line:
            render = _Renderer(line)
            batch: list[Event] = []
            async with aclosing(received) as events:
                async for event in events:
                    batch.append(event)
                    is_end = event[0] == END_DATASET
                    if is_end or len(batch) == _FEW:
                        render.write(batch, is_end)
                        batch.clear()
                    if is_end:
                        self._lines.add(line)


class _Renderer:
    """Makes lines of events, each in a temporary file until it is complete."""

    def __init__(self, line: BinaryIO) -> None:
        self._line = line
        self._encoder = DatasetEncoder(format="ndjson", options=WriteOptions(file_meta=True))
        self._sorter = ElementSorter()

    def write(self, events: list[Event], is_end: bool) -> None:
        """Write the next events, which may be the last ones of a data set."""
        self._line.writelines(self._encoder.encode_events(self._sorter.run(events)))
        if is_end:
            self._line.write(self._encoder.flush())


async def _readable(server: socket.socket) -> None:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(server, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(server)


async def _received(connection: socket.socket, timeout: float) -> AsyncGenerator[bytes, None]:
    loop = asyncio.get_running_loop()
    is_empty = True
    while True:
        try:
            async with asyncio.timeout(timeout):
                data = await loop.sock_recv(connection, CHUNK)
        except SOURCE_LOST:
            raise
        except OSError as error:  # such as a network that is gone
            raise ConnectionError from error
        if not data:
            break
        is_empty = False
        yield data
        await asyncio.sleep(0)  # what has come already is had without waiting; others have their turn too
    if is_empty:  # as NDJSON it would be complete, but nobody connects for that
        raise TruncatedError("nothing was sent")
