"""asyncio: same results, backpressure, and nothing left open after a cancellation."""

from __future__ import annotations

import asyncio
import gc
import gzip
import io
import socket
import types
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import pytest
import zstandard
from pydicom import Dataset

import streamdicom
from streamdicom import (
    AsyncDatasetWriter,
    DirectoryStore,
    JsonSyntaxError,
    OutputError,
    ReadOptions,
    TruncatedError,
    WriteOptions,
    aiter_datasets,
    aiter_events,
)
from streamdicom.formats import FormatName
from tests.support.connections import connected, dataset, open_descriptors, reset
from tests.support.each import each
from tests.support.memory import peak

_T = TypeVar("_T")

_PATIENCE = 30
_TEXT = b'[{"00100020":{"vr":"LO","Value":["1"]}},{"00100020":{"vr":"LO","Value":["2"]},"7FE00010":{"vr":"OB"}}]'


def _run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine with a timeout."""
    return asyncio.run(asyncio.wait_for(main, _PATIENCE))


class _Source:
    """A source of pieces that counts requests and records whether it is open."""

    def __init__(self, pieces: Iterable[bytes], error: Exception | None = None) -> None:
        self._pieces = pieces
        self._error = error
        self.asked = 0
        self.is_open = False

    async def __call__(self) -> AsyncGenerator[bytes, None]:
        self.is_open = True
        try:
            for piece in self._pieces:
                self.asked += 1
                await asyncio.sleep(0)
                yield piece
            if self._error:
                raise self._error
        finally:
            self.is_open = False


def _cuts(text: bytes) -> Iterable[list[bytes]]:
    yield [text]
    yield [text[place : place + 1] for place in range(len(text))]
    for place in range(0, len(text), 7):
        yield [text[:place], b"", text[place:]]


async def _listed(found: AsyncIterator[_T]) -> list[_T]:
    return [one async for one in found]


# --- reading ---------------------------------------------------------------------------------------------------


def test_result_equals_synchronous_reading_for_any_cut() -> None:
    datasets, events = list(streamdicom.iter_datasets(_TEXT)), list(streamdicom.iter_events(_TEXT))

    async def main() -> None:
        for pieces in _cuts(_TEXT):
            assert await _listed(aiter_datasets(_Source(pieces)())) == datasets
            assert await _listed(aiter_events(_Source(pieces)())) == events

    _run(main())


@each("compress", [bytes, gzip.compress, zlib.compress, zstandard.compress])
@each("format", ["json", "ndjson", "xml", "dicom"])
def test_every_format_is_read_as_synchronously(format: FormatName, compress: Callable[[bytes], bytes]) -> None:
    file = io.BytesIO()
    streamdicom.dump([dataset(1)], file, format=format)
    data = compress(file.getvalue())
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        assert _run(_listed(aiter_events(_Source(pieces)()))) == list(streamdicom.iter_events(data))
        assert _run(_listed(aiter_datasets(_Source(pieces)()))) == [dataset(1)]


def test_truncated_compressed_stream_is_an_error() -> None:
    with pytest.raises(TruncatedError, match="gzip"):
        _run(_listed(aiter_events(_Source([gzip.compress(_TEXT)[:-1]])())))


def test_stream_reader_with_lines_of_any_length() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader(limit=64)
        line = streamdicom.dumps(dataset(1, 100_000)).encode() + b"\n"
        reader.feed_data(line * 2)
        reader.feed_eof()
        assert [len(ds.PixelData) async for ds in aiter_datasets(reader)] == [100_000] * 2

    _run(main())


class _File:
    """A file with the interface of aiofiles."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    async def read(self, size: int) -> bytes:
        await asyncio.sleep(0)
        return self._file.read(size)


def test_any_async_reader_is_a_source() -> None:
    async def pieces() -> AsyncIterator[bytearray]:
        yield bytearray(_TEXT)

    class Pieces:
        def __aiter__(self) -> AsyncIterator[Any]:
            return pieces()

    async def main() -> None:
        for source in (_File(_TEXT), Pieces(), pieces()):
            assert len(await _listed(aiter_datasets(source))) == 2  # type: ignore[arg-type]

    _run(main())


@each("source", [[b"[]"], b"[]", 17, io.BytesIO(b"[]")])
def test_synchronous_source_is_a_type_error(source: Any) -> None:
    with pytest.raises(TypeError, match=r"async iterable|asynchronous reader"):
        _run(_listed(aiter_datasets(source)))


def test_text_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="expected bytes"):
        _run(_listed(aiter_datasets(_Source(["[]"])())))  # type: ignore[list-item]


@pytest.mark.parametrize("read", [aiter_datasets, aiter_events])
def test_nothing_is_read_before_it_is_requested(read: Callable[[Any], AsyncGenerator[Any, None]]) -> None:
    async def main() -> None:
        source = _Source([b"[{}", b",{}", b",{}]"])
        found = read(source())
        await asyncio.sleep(0)
        assert source.asked == 0
        await anext(found)
        await asyncio.sleep(0)
        assert source.asked == 1
        await found.aclose()
        assert not source.is_open

    _run(main())


@pytest.mark.parametrize("start", [b"[", b""], ids=["array", "ndjson"])
def test_data_set_is_delivered_with_its_last_byte(start: bytes) -> None:
    async def main(near: socket.socket, far: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=far)
        near.sendall(start)
        async with aclosing(aiter_datasets(reader)) as datasets:
            for number in range(3):
                near.sendall(b"," if number and start else b"")
                near.sendall(streamdicom.dumps(dataset(number)).encode())
                assert (await anext(datasets)).PatientID == str(number)
        writer.close()
        await writer.wait_closed()

    with connected() as (near, far):
        _run(main(near, far))


def test_fault_raises_after_complete_data_sets_and_closes_the_source() -> None:
    async def main() -> None:
        source = _Source([_TEXT[:-1] + b",}", b"more"])
        datasets = aiter_datasets(source())
        assert [(await anext(datasets)).PatientID for _ in range(2)] == ["1", "2"]
        with pytest.raises(JsonSyntaxError):
            await anext(datasets)
        assert source.asked == 1
        assert not source.is_open

    _run(main())


@each("cause", [TimeoutError(), ConnectionResetError(), asyncio.IncompleteReadError(b"", 1), EOFError()])
@each("inside", [b"", b'{"00100020":{"vr":"LO","Value":["2'], ids=["between", "inside"])
def test_lost_source_is_a_truncated_stream(cause: Exception, inside: bytes) -> None:
    text = b'{"00100020":{"vr":"LO","Value":["1"]}}\n' + inside

    async def main() -> None:
        source = _Source([text], cause)
        datasets = aiter_datasets(source())
        assert (await anext(datasets)).PatientID == "1"
        with pytest.raises(TruncatedError) as caught:
            await anext(datasets)
        assert caught.value.__cause__ is cause
        assert caught.value.location.byte_offset == len(text)
        if inside:
            assert (caught.value.location.dataset_index, caught.value.location.tag_path) == (1, "00100020")
        assert not source.is_open

    _run(main())


def test_other_errors_of_the_source_are_unchanged() -> None:
    for error in (PermissionError(), ZeroDivisionError(), OutputError("x")):
        with pytest.raises(type(error)):
            _run(_listed(aiter_datasets(_Source([b"["], error)())))


def test_reset_connection_raises_after_complete_data_sets() -> None:
    async def main(near: socket.socket, far: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=far)
        near.sendall(_TEXT[:-1])
        datasets = aiter_datasets(reader)
        assert [(await anext(datasets)).PatientID for _ in range(2)] == ["1", "2"]
        reset(near)
        with pytest.raises(TruncatedError) as caught:
            await anext(datasets)
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    with connected() as (near, far):
        _run(main(near, far))


@pytest.mark.slow
def test_bulk_data_is_loaded_from_a_store_in_pieces(tmp_path: Any) -> None:
    store = DirectoryStore(tmp_path)
    ds = dataset(1, 8 * 1024 * 1024)
    text = streamdicom.dumps(ds, options=WriteOptions(bulk_data_store=store)).encode()
    size = 0

    async def main() -> None:
        nonlocal size
        async for *_, value in aiter_events(_Source([text])(), options=ReadOptions(bulk_data_store=store)):
            size += len(value) if isinstance(value, bytes) else 0

    assert peak(lambda: _run(main())) < 2 * 1024 * 1024
    assert size == 8 * 1024 * 1024


# --- writing ---------------------------------------------------------------------------------------------------


@each("format", ["json", "ndjson", "xml"])
def test_output_equals_synchronous_writing(format: FormatName) -> None:
    datasets = [dataset(1), dataset(2, 500_000), dataset(3)]
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        await asyncio.sleep(0)
        sent.append(data)

    async def main() -> None:
        async with AsyncDatasetWriter(send, format=format) as writer:
            for one in datasets:
                await writer.write(one)
        await writer.close()

    _run(main())
    assert b"".join(sent).decode() == streamdicom.dumps(datasets, format=format)
    assert all(sent)
    assert max(map(len, sent)) < 200_000


def test_long_dicom_file_is_sent_in_blocks() -> None:
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(data)

    async def main() -> None:
        async with AsyncDatasetWriter(send, format="dicom") as writer:
            await writer.write(dataset(1, 500_000))
            with pytest.raises(OutputError, match="one data set"):
                await writer.write(dataset(2))

    with pytest.raises(OutputError):
        _run(main())
    assert max(map(len, sent)) < 200_000
    assert streamdicom.load(b"".join(sent)) == dataset(1, 500_000)


@each("format", ["json", "ndjson", "xml"])
def test_nothing_is_written_after_the_end(format: FormatName) -> None:
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(data)

    async def main() -> None:
        writer = AsyncDatasetWriter(send, format=format)
        await writer.write(dataset(1))
        await writer.close()
        with pytest.raises(OutputError, match="closed"):
            await writer.write(dataset(2))
        await writer.close()

    _run(main())
    assert b"".join(sent).decode() == streamdicom.dumps([dataset(1)], format=format)


def test_callable_is_sent_blocks_and_the_rest_on_flush() -> None:
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(data)

    async def main() -> None:
        writer = AsyncDatasetWriter(send, 1)
        await writer.write(dataset(1))
        assert sent == []
        await writer.flush()
        assert len(list(streamdicom.iter_datasets(b"".join(sent) + b"]"))) == 1

    _run(main())


@each("target", [io.BytesIO(), 17, None])
def test_invalid_target_is_a_type_error(target: Any) -> None:
    with pytest.raises(TypeError, match="StreamWriter"):
        AsyncDatasetWriter(target)


def test_unwritable_data_set_ends_the_output() -> None:
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        sent.append(data)

    wrong = dataset(1)
    wrong.add_new(0x00100030, "XX", "a")

    async def main() -> None:
        writer = AsyncDatasetWriter(send)
        with pytest.raises(TypeError):
            await writer.write("no data set")  # type: ignore[arg-type]
        await writer.write(dataset(1))
        for _ in range(2):
            with pytest.raises(OutputError):
                await writer.write(wrong)
        with pytest.raises(OutputError):
            await writer.close()

    _run(main())


async def _served(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    call: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> None:
    """Run both ends of a connection, the handler and the caller."""
    done = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except BaseException as error:
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(None)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            await call(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        await done


def test_both_ends_together_on_loopback() -> None:
    received: list[Dataset] = []
    sent = [dataset(1), dataset(2, 300_000), dataset(3)]
    arrived = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        async for ds in aiter_datasets(reader):
            received.append(ds)
            arrived.set()

    async def call(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncDatasetWriter(writer) as datasets:
            for ds in sent:
                arrived.clear()
                await datasets.write(ds)
                await arrived.wait()  # it was sent without waiting for more

    _run(_served(handle, call))
    assert received == sent


class _Endless(io.BufferedIOBase):
    """A value of any length, generated while it is read."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def read(self, size: int | None = -1) -> bytes:
        length = self.size - self.position if size is None or size < 0 else min(size, self.size - self.position)
        self.position += length
        return bytes(length)


_LONG = 64 * 1024 * 1024


def _long() -> tuple[Dataset, _Endless]:
    value = _Endless(_LONG)
    ds = dataset(1)
    ds.add_new("PixelData", "OB", value)
    return ds, value


def test_long_value_is_built_as_fast_as_the_peer_reads() -> None:
    ds, value = _long()

    async def main(near: socket.socket, far: socket.socket) -> None:
        for one in (near, far):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        _, writer = await asyncio.open_connection(sock=near)
        task = asyncio.ensure_future(AsyncDatasetWriter(writer).write(ds))
        before = -1
        while value.position != before:  # until both ends are idle
            before = value.position
            await asyncio.sleep(0.05)
        assert 0 < value.position < 4 * 1024 * 1024
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        writer.transport.abort()

    with connected() as (near, far):
        _run(main(near, far))


@pytest.mark.slow
def test_long_value_takes_constant_memory_on_both_sides() -> None:
    ds, _ = _long()
    size = 0

    async def handle(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        nonlocal size
        async for *_, value in aiter_events(reader):
            size += len(value) if isinstance(value, bytes) else 0

    async def call(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with AsyncDatasetWriter(writer) as datasets:
            await datasets.write(ds)

    assert peak(lambda: _run(_served(handle, call))) < 4 * 1024 * 1024
    assert size == _LONG


def test_concurrent_write_is_refused_without_harm() -> None:
    sent: list[bytes] = []
    gate = asyncio.Event()

    async def send(data: bytes) -> None:
        await gate.wait()
        sent.append(data)

    async def main() -> None:
        writer = AsyncDatasetWriter(send)
        first = asyncio.ensure_future(writer.write(dataset(1, 100_000)))
        await asyncio.sleep(0)
        for other in (writer.flush, writer.close, partial(writer.write, dataset(2, 100_000))):
            with pytest.raises(OutputError):
                await other()
        gate.set()
        await first
        await writer.close()

    _run(main())
    assert len(list(streamdicom.iter_datasets(b"".join(sent)))) == 1


def test_departed_peer_raises_oserror_and_ends_the_output() -> None:
    async def main(near: socket.socket, far: socket.socket) -> None:
        _, stream = await asyncio.open_connection(sock=near)
        reset(far)
        writer = AsyncDatasetWriter(stream)
        with pytest.raises(ConnectionError):
            while True:
                await writer.write(dataset(1, 100_000))
        with pytest.raises(OutputError):
            await writer.close()
        stream.close()

    with connected() as (near, far):
        _run(main(near, far))


# --- cancellation ----------------------------------------------------------------------------------------------


class _Count:
    waits = 0


@types.coroutine
def _cancelled_at(main: Coroutine[Any, Any, _T], number: int, count: _Count) -> Generator[Any, Any, _T]:
    """Await a coroutine; cancel the current task at its n-th wait."""
    step: Callable[[], Any] = partial(main.send, None)
    while True:
        try:
            future = step()
        except StopIteration as end:
            result: _T = end.value
            return result
        count.waits += 1
        if count.waits == number:
            task = asyncio.current_task()
            assert task
            task.cancel()
        try:
            value = yield future
        except BaseException as error:
            step = partial(main.throw, error)
        else:
            step = partial(main.send, value)


def _at_every_wait(scenario: Callable[[], Coroutine[Any, Any, None]], check: Callable[[bool], None]) -> int:
    """Run a scenario repeatedly, cancelled at its first wait, its second, and so on.

    Args:
        scenario: Returns the coroutine.
        check: Checks the result; its argument is True if the scenario was not cancelled.

    Returns:
        The number of waits.
    """
    for number in range(1, 1000):
        before = open_descriptors()
        count = _Count()
        left: list[str] = []

        async def main(number: int = number, count: _Count = count, left: list[str] = left) -> bool:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: left.append(context["message"]))
            try:
                await asyncio.ensure_future(_step(scenario(), number, count))
            except asyncio.CancelledError:
                is_done = False
            else:
                is_done = True
            gc.collect()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            left.extend(str(task) for task in others if "wait_for" not in repr(task.get_coro()))
            return is_done

        is_done = asyncio.run(main())
        gc.collect()
        assert left == []
        assert open_descriptors() <= before
        check(is_done)
        if is_done:
            return number - 1
    raise AssertionError("it never comes to its end")


async def _step(main: Coroutine[Any, Any, None], number: int, count: _Count) -> None:
    await _cancelled_at(main, number, count)


# The second value goes to a temporary file.
_SPOOLED = ReadOptions(spool_threshold=1000)
_SPOOLED_TEXT = streamdicom.dumps([dataset(1), dataset(2, 200_000), dataset(3)]).encode()


@pytest.mark.parametrize("read", [aiter_datasets, aiter_events])
@pytest.mark.slow
def test_reader_cancelled_anywhere_leaves_nothing_open(
    read: Callable[..., AsyncGenerator[Any, None]],
) -> None:
    pieces = [_SPOOLED_TEXT[start : start + 16384] for start in range(0, len(_SPOOLED_TEXT), 16384)]
    source = _Source(pieces)

    async def scenario() -> None:
        async with aclosing(read(source(), options=_SPOOLED)) as found:
            async for _ in found:
                await asyncio.sleep(0)

    def check(is_done: bool) -> None:
        assert not source.is_open

    assert _at_every_wait(scenario, check) > len(pieces)


@pytest.mark.slow
def test_writer_cancelled_anywhere_leaves_the_array_open() -> None:
    sent: list[bytes] = []
    datasets = [dataset(1), dataset(2, 500_000), dataset(3)]

    async def send(data: bytes) -> None:
        await asyncio.sleep(0)
        sent.append(data)

    async def scenario() -> None:
        sent.clear()
        async with AsyncDatasetWriter(send) as writer:
            for one in datasets:
                await writer.write(one)
                await asyncio.sleep(0)

    def check(is_done: bool) -> None:
        text = b"".join(sent)
        if is_done:
            assert text.decode() == streamdicom.dumps(datasets)
        else:
            with pytest.raises(TruncatedError):
                list(streamdicom.iter_datasets(text))

    assert _at_every_wait(scenario, check) > 10


def test_cancelled_writer_writes_nothing_more() -> None:
    sent: list[bytes] = []

    async def send(data: bytes) -> None:
        await asyncio.sleep(0)
        sent.append(data)

    async def main() -> None:
        writer = AsyncDatasetWriter(send)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await writer.write(dataset(1, 500_000))
        for action in (writer.flush, writer.close, partial(writer.write, dataset(2))):
            with pytest.raises(OutputError):
                await action()

    _run(main())
    assert sent == []


@pytest.mark.slow
def test_connections_cancelled_anywhere_leave_nothing_open() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = aiter_datasets(reader, options=_SPOOLED)
        async with AsyncDatasetWriter(writer) as answer, aclosing(received) as datasets:
            async for ds in datasets:
                await answer.write(ds)
        writer.write_eof()

    async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send() -> None:
            async with AsyncDatasetWriter(writer) as datasets:
                for number in range(3):
                    await datasets.write(dataset(number, 100_000))
            writer.write_eof()

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            assert len(await _listed(aiter_datasets(reader))) == 3

    async def scenario() -> None:
        with connected() as (near, far):
            async with _streams(near) as one, _streams(far) as other, asyncio.TaskGroup() as group:
                group.create_task(handle(*one))
                await call(*other)

    assert _at_every_wait(scenario, lambda _: None) > 3


@asynccontextmanager
async def _streams(connection: socket.socket) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
