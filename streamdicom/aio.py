"""Reading and writing with asyncio.

This module waits; the parsers and encoders of ``codec`` do the work. Nothing is read before the caller asks for more,
and nothing is written before the target has accepted the bytes before. Between two waits, the event loop is busy with
one piece: 16 KiB to read, a block of about 64 KiB to write, or a value of a bulk data store, which may wait for a disk.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from types import TracebackType

from streamdicom._push import PIECE_SIZE, drained, finished
from streamdicom._typing import TYPE_CHECKING, Protocol, Self, TypeAlias, TypeVar
from streamdicom.codec import SOURCE_LOST, DatasetEncoder, dataset_parser, reading_pipeline, truncated_by
from streamdicom.errors import OutputError, StreamDicomError
from streamdicom.events import Event
from streamdicom.formats import Expander, FormatName
from streamdicom.io import CHUNK, Expansion, as_bytes
from streamdicom.options import ReadOptions, WriteOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_T = TypeVar("_T")


class AsyncReader(Protocol):
    """An asynchronous reader, such as ``asyncio.StreamReader``."""

    async def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes; none at the end."""


class AsyncWriter(Protocol):
    """A writer with a buffer to drain, such as ``asyncio.StreamWriter``."""

    def write(self, data: bytes, /) -> object:
        """Buffer bytes."""

    async def drain(self) -> object:
        """Wait until the buffer accepts more."""


AsyncSource: TypeAlias = AsyncReader | AsyncIterable[bytes]
"""An ``asyncio.StreamReader``, an object with the same ``read``, or an async iterable of bytes."""

AsyncTarget: TypeAlias = AsyncWriter | Callable[[bytes], Awaitable[object]]
"""An ``asyncio.StreamWriter``, or an async callable that sends all bytes of its argument."""


# --- reading ---------------------------------------------------------------------------------------------------


class _Parser(Protocol[_T]):
    @property
    def error(self) -> StreamDicomError | None: ...

    @property
    def has_more(self) -> bool: ...

    def feed(self, data: bytes) -> list[_T]: ...

    def finish(self) -> list[_T]: ...

    def close(self) -> list[_T]: ...


def aiter_datasets(
    source: AsyncSource, *, options: ReadOptions | None = None, as_file: bool = False
) -> AsyncGenerator[Dataset, None]:
    """Yield the data sets of an asynchronous source; see ``iter_datasets``.

    The source is read only when all data sets so far have been consumed. If the source is an async generator, it is
    closed at the end, after an error, on cancellation, and when the returned generator is closed. To leave the loop
    early, use ``contextlib.aclosing``. All other sources stay open.

    Args:
        source: An ``asyncio.StreamReader``, an object with the same ``read``, or an async iterable of bytes.
        options: Options for reading.
        as_file: Whether to build FileDataset objects.

    Raises:
        TruncatedError: The source ended inside a document, or with a ConnectionError, a TimeoutError or an EOFError
            such as asyncio.IncompleteReadError, which is the cause. The data sets before have been delivered.
        InputError: The input is invalid; the location names the place.

    >>> import asyncio
    >>> async def source():
    ...     yield b'[{"00100020": {"vr": "LO", "Va'
    ...     yield b'lue": ["17"]}}]'
    >>> async def main():
    ...     return [ds.PatientID async for ds in aiter_datasets(source())]
    >>> asyncio.run(main())
    ['17']
    """
    # Built now, because registered converters may change before the first data set is requested.
    options = options_or_default(options, ReadOptions)
    expansion = Expansion(options.limits)
    return _fed(dataset_parser(options, expansion, as_file=as_file), source, expansion, iter)


def aiter_events(source: AsyncSource, *, options: ReadOptions | None = None) -> AsyncGenerator[Event, None]:
    """Yield the events of an asynchronous source; see ``iter_events``.

    Args:
        source: An ``asyncio.StreamReader``, an object with the same ``read``, or an async iterable of bytes.
        options: Options for reading. With a store, values replace references, and the event loop waits for the store.

    Raises:
        TruncatedError: As in ``aiter_datasets``.
        InputError: The input is invalid; the events before have been delivered.
        OSError: The store cannot be read.

    >>> import asyncio
    >>> async def source():
    ...     yield b'{"00100020": {"vr": "LO", "Value": ["17"]}}'
    >>> async def main():
    ...     return [value async for *_, value in aiter_events(source())]
    >>> asyncio.run(main())
    [0, ('17',), None]
    """
    return encoded_events(source, options_or_default(options, ReadOptions), None)


def encoded_events(source: AsyncSource, options: ReadOptions, form: object | None) -> AsyncGenerator[Event, None]:
    """Yield events as ``aiter_events`` does, for a writer.

    Args:
        source: As for ``aiter_events``.
        options: Options for reading.
        form: The form of the writer, as for ``expanded_events``.
    """
    expansion = Expansion(options.limits)
    parser, pipeline = reading_pipeline(options, options.bulk_data_store, expansion, form)
    return _fed(parser, source, expansion, pipeline.iter)


async def _fed(
    parser: _Parser[_T], source: AsyncSource, expansion: Expansion, process: Callable[[Iterable[_T]], Iterable[_T]]
) -> AsyncGenerator[_T, None]:
    async with aclosing(_read(parser, source, expansion)) as chunks:
        async for chunk in chunks:
            for batch in drained(parser, chunk):
                for item in process(batch):
                    yield item
            if parser.error:
                break  # do not wait for more
    for batch in finished(parser):
        for item in process(batch):
            yield item


async def _read(parser: _Parser[_T], source: AsyncSource, expansion: Expansion) -> AsyncGenerator[bytes, None]:
    """Yield decompressed chunks; raise a TruncatedError if the source is lost."""
    expander = Expander(expansion)
    size = 0
    try:
        async with aclosing(_chunks(source)) as chunks:
            async for chunk in chunks:
                for piece in expander.feed(chunk):
                    size += len(piece)
                    yield piece
        for piece in expander.close():
            yield piece
    except StreamDicomError:  # the source is a stream of this package
        raise
    except SOURCE_LOST as error:
        raise truncated_by(parser, error, size) from error


async def _chunks(source: AsyncSource) -> AsyncGenerator[bytes, None]:
    """Yield the bytes of a source, few at once, so that other tasks can run."""
    pieces = _pieces(source)
    try:
        async for piece in pieces:
            data = as_bytes(piece)
            for start in range(0, len(data), PIECE_SIZE):
                yield data[start : start + PIECE_SIZE]
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


def _pieces(source: AsyncSource) -> AsyncIterator[bytes]:
    # An asyncio.StreamReader is also an iterable, but of whole lines.
    read = getattr(source, "read", None)
    if read is not None:
        return _reads(read)
    if isinstance(source, AsyncIterable):
        return aiter(source)
    raise TypeError(
        f"expected an asyncio.StreamReader or an async iterable of bytes, found {type(source).__name__}; "
        "streamdicom.iter_datasets reads paths, files and bytes"
    )


async def _reads(read: Callable[[int], Awaitable[bytes]]) -> AsyncGenerator[bytes, None]:
    while True:
        data = read(CHUNK)
        if not isinstance(data, Awaitable):
            raise TypeError(
                "expected an asynchronous reader, found an ordinary file; streamdicom.iter_datasets reads it"
            )
        piece = await data
        if not piece:
            return
        yield piece


# --- writing ---------------------------------------------------------------------------------------------------


class AsyncDatasetWriter:
    """Writes data sets to an asynchronous target; see ``DatasetWriter``.

    A block of about 64 KiB is built when the target has accepted the block before, and a ``StreamWriter`` is drained.
    A ``StreamWriter`` is sent each data set at once; a callable is sent full blocks, and the rest by ``flush``.

    An async context manager, which closes the array at its end. After an error or a cancellation, the array stays
    open, so that a reader notices that the stream is incomplete. The target stays open.

    Args:
        target: An ``asyncio.StreamWriter``, or an async callable that sends all bytes of its argument.
        indent: Spaces, or a string, for each level; None for no white space.
        format: "json", "ndjson", "xml" or "dicom", which is a single data set.
        options: Options for writing.

    Raises:
        TypeError: The target is of another kind.
        ValueError: An indent for NDJSON or a DICOM file, or an unknown format.

    >>> import asyncio
    >>> from pydicom import Dataset
    >>> sent = []
    >>> async def send(data):
    ...     sent.append(data)
    >>> async def main():
    ...     async with AsyncDatasetWriter(send) as writer:
    ...         await writer.write(Dataset())
    >>> asyncio.run(main())
    >>> b"".join(sent)
    b'[{}]'
    """

    def __init__(
        self,
        target: AsyncTarget,
        indent: int | str | None = None,
        *,
        format: FormatName = "json",
        options: WriteOptions | None = None,
    ) -> None:
        self._is_connection = hasattr(target, "write") and hasattr(target, "drain")
        self._send = _sending(target)
        self._encoder = DatasetEncoder(indent, format=format, options=options)
        self._is_whole = True  # False while a block is being sent, and after a failure
        self._is_closed = False

    async def write(self, obj: Dataset) -> None:
        """Write one data set.

        Raises:
            OutputError: An element cannot be written (the location has its tag path), an earlier call failed, was
                cancelled or is still running, or the array is closed. Nothing can be written afterwards.
            OSError: The target or the store of bulk data cannot be written.
            TypeError: The object is not a data set.
        """
        self._check()
        for block in self._encoder.encode(obj):
            await self._put(block)
        if self._is_connection:
            await self.flush()

    async def flush(self) -> None:
        """Send all pending bytes.

        Raises:
            OutputError, OSError: As in ``write``.
        """
        self._check()
        await self._put(self._encoder.flush())

    async def close(self) -> None:
        """Close the array. Closing twice does nothing.

        Raises:
            OutputError, OSError: As in ``write``.
        """
        if not self._is_closed:
            self._check()
            await self._put(self._encoder.close())
            self._is_closed = True

    def _check(self) -> None:
        if not self._is_whole:
            raise OutputError("expected an idle writer; an earlier call failed, was cancelled or is still running")

    async def _put(self, block: bytes) -> None:
        if block:
            self._is_whole = False
            await self._send(block)
            self._is_whole = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()


def _sending(target: AsyncTarget) -> Callable[[bytes], Awaitable[object]]:
    if callable(target):
        return target
    if hasattr(target, "write") and hasattr(target, "drain"):
        return partial(_write, target)
    raise TypeError(
        f"expected an asyncio.StreamWriter or an async callable, found {type(target).__name__}; "
        "streamdicom.DatasetWriter writes paths, files and sockets"
    )


async def _write(target: AsyncWriter, data: bytes) -> None:
    target.write(data)
    await target.drain()
