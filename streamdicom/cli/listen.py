"""``streamdicom listen``: receive data sets, and write them as NDJSON."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
import sys
from asyncio import StreamReader, StreamReaderProtocol, StreamWriter
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from time import monotonic

from streamdicom._records import NamedTuple, record
from streamdicom._tokens import WRITE, access_of
from streamdicom._typing import BinaryIO, cast
from streamdicom.aio import encoded_events
from streamdicom.cli import exchange
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.credentials import is_loopback, read_tokens, server_context
from streamdicom.cli.exit_codes import DONE, FAILED, UsageError
from streamdicom.cli.inputs import PIPE
from streamdicom.cli.network import (
    TLS,
    UNIX,
    format_address,
    listener_at,
    parse_address,
    unix_listener_at,
)
from streamdicom.cli.terminal import console
from streamdicom.codec import SOURCE_LOST, EventEncoder, output_form
from streamdicom.errors import StreamDicomError, TruncatedError
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import ElementSorter
from streamdicom.io import CHUNK, NamedFile, Output, temporary
from streamdicom.options import ReadOptions, WriteOptions

_MAX_PEERS = 64  # at once; each can take a few MiB
_QUIET = 2.0  # seconds without _PROGRESS after which a peer may lose its place to another
_PROGRESS = 1024  # bytes; the least rate of a peer that keeps its place is that of a body for ``serve``
_MAX_STREAMS = 4096  # that can be resumed; the oldest is forgotten
_READING, _WRITING = ReadOptions(), WriteOptions(file_meta=True)
_BATCH_SIZE = 32  # events that are written together; each event of a long value holds a block of it


class Access(NamedTuple):
    """Who may send.

    Attributes:
        tls: The listener's side of TLS, or None.
        tokens: The access by the SHA-256 of each token, or None.
    """

    tls: ssl.SSLContext | None = None
    tokens: Mapping[str, str] | None = None


def run(arguments: Arguments) -> int:
    """Run the command."""
    tls = server_context(arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca)
    access = Access(tls, read_tokens(arguments.tokens))
    is_closed = arguments.insecure or arguments.tls_client_ca or arguments.tokens
    if arguments.address.startswith(UNIX):
        if tls:
            raise UsageError("expected an address of the form HOST:PORT with --tls-cert")
        path = arguments.address.removeprefix(UNIX)
        if not os.path.basename(path):
            raise UsageError(f"expected a path after {UNIX}, found {arguments.address!r}")
        server = unix_listener_at(path)
    else:
        path = None
        host, port = parse_address(arguments.address)
        if not (is_loopback(host) or is_closed):
            raise UsageError(f"everyone who reaches {host} could send; use --tokens or --tls-client-ca, or --insecure")
        server = listener_at(host, port)
    try:
        is_complete = listen_at(server, arguments.output, access, once=arguments.once, timeout=arguments.timeout)
    finally:
        if path:
            with suppress(FileNotFoundError):
                os.unlink(path)
    return DONE if is_complete else FAILED


def listen_at(server: socket.socket, target: str, access: Access, *, once: bool, timeout: float) -> bool:
    """Receive data sets from all peers, and write each as a line when it is complete.

    Args:
        server: A socket that listens, which is closed at the end.
        target: A file to append to, or ``-`` for standard output.
        access: Who may send.
        once: Return after the first connection.
        timeout: Seconds without data after which a connection is given up.

    Returns:
        True if the stream of the first connection was complete; without ``once`` the function does not return.

    Raises:
        UsageError: The file ends within a line.
        OSError: The target cannot be written.
    """
    server.setblocking(False)
    loop = asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)  # _readable needs its add_reader
    with server, _Lines(target) as lines, loop:
        return loop.run(_Listener(server, lines, access, timeout).run(once))


class _Lines:
    """The target, from which a line that was written in part is removed again."""

    def __init__(self, target: str) -> None:
        self._file: BinaryIO = sys.stdout.buffer if target == PIPE else _appended(target)
        self._is_own = target != PIPE
        self._output = Output(self._file)

    def add(self, line: BinaryIO) -> None:
        """Append the content of a temporary file, which is empty afterwards.

        Raises:
            _TargetError: The target cannot be written.
        """
        start = os.fstat(self._file.fileno()).st_size
        line.seek(0)
        try:
            while piece := line.read(CHUNK):
                self._output.write(piece)
            self._output.flush()
        except OSError as error:
            if self._is_own:
                with suppress(OSError):  # not a regular file
                    self._file.truncate(start)
            raise _TargetError from error
        line.seek(0)
        line.truncate()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_own:
            self._file.close()


def _appended(path: str) -> BinaryIO:
    """Open a file to append lines to.

    Raises:
        UsageError: The file ends within a line.
    """
    with suppress(FileNotFoundError):
        status = os.stat(path)
        if stat.S_ISREG(status.st_mode) and status.st_size:
            with open(path, "rb") as file:
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    raise UsageError(f"{path}: expected a line feed at the end, so that lines can be appended")
    return cast(BinaryIO, NamedFile(path, "a", path))


class _TargetError(Exception):
    """The target cannot be written, which ends the listener; the cause says why."""


class _PeerError(Exception):
    """A peer is lost, or does not keep to the protocol."""


@contextmanager
def _naming_loss() -> Iterator[None]:
    """Turn errors of a connection into errors of the peer."""
    try:
        yield
    except ValueError as error:  # of the greeting
        raise _PeerError(str(error)) from error
    except ssl.SSLError as error:
        raise _PeerError(error.reason or "the handshake has failed") from error
    except (OSError, *SOURCE_LOST) as error:
        raise _PeerError(f"the connection is lost: {type(error).__name__}") from error


@record(slots=True)
class _Stream:
    """A stream of a sender, over any number of connections.

    Attributes:
        written: The number of its data sets that are written.
        has_failed: Whether it is not valid, so that it cannot be resumed.
        task: The task that receives it, or has received it.
    """

    written: int = 0
    has_failed: bool = False
    task: asyncio.Task[bool] | None = None


class _Place:
    """The place of a peer among those that are served at once."""

    def __init__(self, name: str, host: object) -> None:
        self.name = name
        self.host = host
        self.quiet_since = monotonic()
        self.task: asyncio.Task[bool] | None = None
        self._left = _PROGRESS

    def note(self, size: int) -> None:
        """Note the bytes that have arrived."""
        self._left -= size
        if self._left <= 0:
            self._left = _PROGRESS
            self.quiet_since = monotonic()


class _Peer(NamedTuple):
    place: _Place
    reader: StreamReader
    writer: StreamWriter

    @property
    def name(self) -> str:
        return self.place.name

    async def answer(self, text: str) -> None:
        """Send a line to a sender, which closing the connection does not discard."""
        exchange.acknowledge_on_close(self.writer.get_extra_info("socket"))
        self.writer.write(text.encode() + b"\n")
        await self.writer.drain()


class _Listener:
    def __init__(self, server: socket.socket, lines: _Lines, access: Access, timeout: float) -> None:
        self._server = server
        self._lines = lines
        self._access = access
        self._timeout = timeout
        self._places: dict[_Place, None] = {}
        self._left = asyncio.Event()  # a peer has
        self._streams: dict[str, _Stream] = {}
        self._is_unix = server.family not in (socket.AF_INET, socket.AF_INET6)
        # Closing a Unix socket or TLS cannot acknowledge, and a plain peer has no token.
        self._accepts_plain = not (self._is_unix or access.tls or access.tokens is not None)

    async def run(self, once: bool) -> bool:
        console.note(f"listening on {self._name(self._server.getsockname())}")
        try:
            async with asyncio.TaskGroup() as peers:
                while True:
                    connection, place = await self._accept()
                    await self._make_room()
                    self._places[place] = None
                    place.task = peers.create_task(self._serve(connection, place))
                    if once:
                        return await place.task
        except ExceptionGroup as group:  # an error of the target; _serve handles errors of peers
            raise group.exceptions[0].__cause__ or group.exceptions[0] from None

    def _name(self, address: str | tuple[str | int, ...]) -> str:
        if isinstance(address, str):
            return f"{UNIX}{address}" if address else "a process of this machine"
        return (TLS if self._access.tls else "") + format_address(address)

    async def _make_room(self) -> None:
        """Wait until a peer has left, or end the connection of a quiet one.

        The peer is of the host with most places, so that a host cannot take the places of others.
        """
        while len(self._places) >= _MAX_PEERS:
            self._left.clear()
            hosts = Counter(place.host for place in self._places)
            latest = monotonic() - _QUIET
            quiet = [place for place in self._places if place.quiet_since <= latest]
            if quiet:
                place = min(quiet, key=lambda place: (-hosts[place.host], place.quiet_since))
                console.error(f"{place.name}: the connection is given up for another, because it is silent")
                await _end(place.task)
                self._places.pop(place, None)  # also if its task had not begun
            else:
                wait = min(place.quiet_since for place in self._places) - latest
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._left.wait()

    async def _accept(self) -> tuple[socket.socket, _Place]:
        # loop.sock_accept would lose a connection that is accepted at the moment of Ctrl-C.
        while True:
            try:
                connection, address = self._server.accept()
                connection.setblocking(False)
                exchange.reset_on_close(connection)
            except BlockingIOError:
                await _readable(self._server)
            except ConnectionError:  # closed by the peer before it was accepted
                continue
            else:
                return connection, _Place(self._name(address), address[:1])

    async def _serve(self, connection: socket.socket, place: _Place) -> bool:
        """Receive the stream of a peer; return True if it is complete."""
        writer, name = None, place.name
        try:
            with _naming_loss():
                reader, writer = await _opened(connection, self._access.tls, self._timeout)
                async with asyncio.timeout(self._timeout):
                    greeting, start = await exchange.read_greeting(reader)
            peer = _Peer(place, reader, writer)
            return await (self._receive(peer, greeting) if greeting else self._receive_plain(peer, start))
        except (StreamDicomError, _PeerError) as error:
            console.error(f"{name}: {error}")
            return False
        except OSError as error:  # no room for its data set in the temporary folder
            console.error(f"{name}: the data set cannot be kept until it is complete: {error.strerror}")
            return False
        finally:
            if writer:
                writer.transport.abort()  # does nothing if it is closed
            connection.close()
            self._places.pop(place, None)
            self._left.set()

    async def _receive_plain(self, peer: _Peer, start: bytes) -> bool:
        if not self._accepts_plain:
            raise _PeerError("expected a line of streamdicom send")
        if not start:  # complete as NDJSON, but certainly a mistake of the peer
            raise TruncatedError("expected a data set, found no data")
        await self._take(_plain(peer.reader, start, self._timeout), _Stream(), peer.place)
        exchange.acknowledge_on_close(peer.writer.get_extra_info("socket"))
        await _close(peer.writer)
        return True

    async def _receive(self, peer: _Peer, greeting: exchange.Greeting) -> bool:
        """Receive a stream of a sender, or what is missing of it."""
        if self._access.tokens is not None and access_of(greeting.token, self._access.tokens) != WRITE:
            return await self._refuse(peer, exchange.REFUSED, "the token is not known, or allows reading only")
        stream = self._streams.pop(greeting.stream, None)
        if stream is None and greeting.is_resumed:
            return await self._refuse(peer, exchange.UNKNOWN, "expected a stream that this process has begun")
        stream = self._streams[greeting.stream] = stream or _Stream()
        if len(self._streams) > _MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        await _end(stream.task)  # which may not know yet that its connection is lost
        stream.task = asyncio.current_task()
        if stream.has_failed:
            return await self._refuse(peer, exchange.FAILED, "the stream has failed before")
        with _naming_loss():
            await peer.answer(f"{exchange.READY} {stream.written}")
        exchange.reset_on_close(peer.writer.get_extra_info("socket"))
        try:
            await self._take(_timed(exchange.read_chunks(peer.reader), self._timeout), stream, peer.place)
        except (StreamDicomError, OSError, _TargetError) as error:
            if isinstance(error, _TargetError) or not isinstance(error.__cause__, SOURCE_LOST):
                stream.has_failed = True
                await self._refuse(peer, exchange.FAILED)
            raise
        with _naming_loss():
            await peer.answer(exchange.WRITTEN)
        await _close(peer.writer)
        return True

    async def _refuse(self, peer: _Peer, answer: str, reason: str = "") -> bool:
        if reason:
            console.error(f"{peer.name}: {reason}")
        with suppress(OSError):
            await peer.answer(answer)
            await _close(peer.writer)
        return False

    async def _take(self, received: AsyncGenerator[bytes, None], stream: _Stream, place: _Place) -> None:
        with temporary() as line:
            render = _Renderer(line)
            batch: list[Event] = []
            received = _noted(received, place)
            async with aclosing(encoded_events(received, _READING, render.form)) as events:
                async for event in events:
                    batch.append(event)
                    is_end = event[0] == END_DATASET
                    if is_end or len(batch) == _BATCH_SIZE:
                        render.write(batch, is_end)
                        batch.clear()
                    if is_end:
                        self._lines.add(line)
                        stream.written += 1


class _Renderer:
    """Renders events as lines, each in a temporary file until it is complete.

    Attributes:
        form: The form of the lines for a parser.
    """

    def __init__(self, line: BinaryIO) -> None:
        self._line = line
        self.form = output_form(_READING, _WRITING, format="ndjson", array=True)
        self._encoder = EventEncoder(format="ndjson", options=_WRITING)
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


async def _opened(
    connection: socket.socket, tls: ssl.SSLContext | None, timeout: float
) -> tuple[StreamReader, StreamWriter]:
    """Return the streams of a connection, after the handshake of TLS."""
    loop = asyncio.get_running_loop()
    reader = StreamReader(limit=CHUNK)
    protocol = StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol, connection, ssl=tls, ssl_handshake_timeout=timeout if tls else None
    )
    return reader, StreamWriter(transport, protocol, reader, loop)


async def _close(writer: StreamWriter) -> None:
    """Close a connection, and wait until that is done."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _end(task: asyncio.Task[bool] | None) -> None:
    """End a task, and wait for it."""
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task])


async def _noted(pieces: AsyncGenerator[bytes, None], place: _Place) -> AsyncGenerator[bytes, None]:
    """Yield pieces, and note their bytes at the place of the peer."""
    async with aclosing(pieces):
        async for data in pieces:
            place.note(len(data))
            yield data


async def _plain(reader: StreamReader, start: bytes, timeout: float) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a peer until it shuts down its side."""
    data = start
    while data:
        yield data
        await asyncio.sleep(0)  # read does not yield to other peers while data is available
        async with asyncio.timeout(timeout):
            data = await reader.read(CHUNK)


async def _timed(pieces: AsyncGenerator[bytes, None], timeout: float) -> AsyncGenerator[bytes, None]:
    """Yield pieces, each of which arrives in time."""
    async with aclosing(pieces):
        while True:
            async with asyncio.timeout(timeout):
                data = await anext(pieces, b"")
            if not data:
                break
            yield data
            await asyncio.sleep(0)
