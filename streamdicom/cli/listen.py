"""``streamdicom listen``: receive data sets over TCP, and write them as NDJSON."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
from argparse import Namespace
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import BinaryIO, cast

from streamdicom.aio import aiter_events
from streamdicom.cli.exit_codes import DONE, FAILED, UsageError
from streamdicom.cli.inputs import PIPE
from streamdicom.cli.network import acknowledge_on_close, format_address, listener_at, parse_address, reset_on_close
from streamdicom.cli.terminal import console
from streamdicom.codec import SOURCE_LOST, EventEncoder
from streamdicom.errors import StreamDicomError, TruncatedError
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import ElementSorter
from streamdicom.io import CHUNK, NamedFile, Output, temporary
from streamdicom.options import WriteOptions

_MAX_PEERS = 64  # at once; each can take a few MiB, and others wait for a place
_BATCH_SIZE = 32  # events that are written together; each event of a long value holds a block of it


def run(arguments: Namespace) -> int:
    """Run the command."""
    is_complete = listen_at(arguments.address, arguments.output, once=arguments.once, timeout=arguments.timeout)
    return DONE if is_complete else FAILED


def listen_at(address: str, target: Path, *, once: bool, timeout: float) -> bool:
    """Receive data sets from all peers, and write each as a line when it is complete.

    Args:
        address: The address to listen at, as ``HOST:PORT``; port 0 is a free one.
        target: A file to append to, or ``-`` for standard output.
        once: Return after the first connection.
        timeout: Seconds without data after which a connection is given up.

    Returns:
        True if the stream of the first connection was complete; without ``once`` the function does not return.

    Raises:
        UsageError: The address has another form or is not available, or the file ends within a line.
        OSError: The target cannot be written.
    """
    server = listener_at(*parse_address(address))
    server.setblocking(False)
    loop = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)  # _readable needs its add_reader
    with server, _Lines(target) as lines, loop:
        return loop.run(_Listener(server, lines, timeout).run(once))


class _Lines:
    """The target, from which a line that was written in part is removed again."""

    def __init__(self, target: Path) -> None:
        self._file: BinaryIO = sys.stdout.buffer if target == PIPE else _appended(target)
        self._is_own = target != PIPE
        self._output = Output(self._file)

    def add(self, line: BinaryIO) -> None:
        """Append the content of a temporary file, which is empty afterwards."""
        start = os.fstat(self._file.fileno()).st_size
        line.seek(0)
        try:
            while piece := line.read(CHUNK):
                self._output.write(piece)
            self._output.flush()
        except OSError:
            if self._is_own:
                with suppress(OSError):  # not a regular file
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
    """Open a file to append lines to.

    Raises:
        UsageError: The file ends within a line.
    """
    with suppress(FileNotFoundError):
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size:
            with path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    raise UsageError(f"{path}: expected a line feed at the end, so that lines can be appended")
    return cast(BinaryIO, NamedFile(path, "a", path))


class _Listener:
    def __init__(self, server: socket.socket, lines: _Lines, timeout: float) -> None:
        self._server = server
        self._lines = lines
        self._timeout = timeout
        self._places = asyncio.Semaphore(_MAX_PEERS)

    async def run(self, once: bool) -> bool:
        console.note(f"listening on {format_address(self._server.getsockname())}")
        try:
            async with asyncio.TaskGroup() as peers:
                while True:
                    await self._places.acquire()
                    task = peers.create_task(self._serve(*await self._accept()))
                    if once:
                        return await task
        except ExceptionGroup as group:  # an error of the target; _serve handles errors of peers
            raise group.exceptions[0] from None

    async def _accept(self) -> tuple[socket.socket, str]:
        # loop.sock_accept would lose a connection that is accepted at the moment of Ctrl-C.
        while True:
            try:
                connection, address = self._server.accept()
                connection.setblocking(False)
                reset_on_close(connection)
            except BlockingIOError:
                await _readable(self._server)
            except ConnectionError:  # closed by the peer before it was accepted
                continue
            else:
                return connection, format_address(address)

    async def _serve(self, connection: socket.socket, peer: str) -> bool:
        """Receive the stream of a peer; return True if it is complete."""
        try:
            with connection:
                await self._take(connection)
                acknowledge_on_close(connection)
        except StreamDicomError as error:
            console.error(f"{peer}: {error}")
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
                    if is_end or len(batch) == _BATCH_SIZE:
                        render.write(batch, is_end)
                        batch.clear()
                    if is_end:
                        self._lines.add(line)


class _Renderer:
    """Renders events as lines, each in a temporary file until it is complete."""

    def __init__(self, line: BinaryIO) -> None:
        self._line = line
        self._encoder = EventEncoder(format="ndjson", options=WriteOptions(file_meta=True))
        self._sorter = ElementSorter()

    def write(self, events: list[Event], is_end: bool) -> None:
        """Render the next events of a data set."""
        self._line.writelines(self._encoder.encode(self._sorter.run(events)))
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
        except OSError as error:  # such as an unreachable network
            raise ConnectionError from error
        if not data:
            break
        is_empty = False
        yield data
        await asyncio.sleep(0)  # sock_recv does not yield to other peers while data is available
    if is_empty:  # complete as NDJSON, but certainly a mistake of the peer
        raise TruncatedError("expected a data set, found no data")
