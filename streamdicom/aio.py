"""Data sets from and to whatever one waits for: asyncio's streams, an async iterable of bytes, an async callable.

The parsers and the encoder are those of the other functions; what is here does the waiting. Nothing is read before
somebody asks for more, and nothing more is written before the target has taken what it was given. Between two waits
the loop belongs to the work on one piece: on 16 KiB that are read, on a block of about 64 KiB that is written, and
on a value that a store of bulk data gives or takes, which may wait for a disk.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, TypeVar

from streamdicom.codec import SOURCE_LOST, DatasetEncoder, DatasetParser, reading_pipeline, truncated_by
from streamdicom.errors import OutputError, StreamDicomError
from streamdicom.events import Event
from streamdicom.formats import Expander, FormatName
from streamdicom.io import CHUNK, as_bytes
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_T = TypeVar("_T")


class AsyncReader(Protocol):
    """What is read from by waiting, such as an ``asyncio.StreamReader``."""

    async def read(self, size: int, /) -> bytes:
        """Some bytes, at most so many; none at the end."""


class AsyncWriter(Protocol):
    """What is written to in two steps, such as an ``asyncio.StreamWriter``."""

    def write(self, data: bytes, /) -> object:
        """Take bytes."""

    async def drain(self) -> object:
        """Wait until more may come."""


AsyncSource: TypeAlias = AsyncReader | AsyncIterable[bytes]
"""An ``asyncio.StreamReader`` or another object with such a ``read``, or any async iterable of bytes."""

AsyncTarget: TypeAlias = AsyncWriter | Callable[[bytes], Awaitable[object]]
"""An ``asyncio.StreamWriter``, or an async callable that takes all of the bytes it is given."""


# --- reading ---------------------------------------------------------------------------------------------------


class _Parser(Protocol[_T]):
    @property
    def error(self) -> StreamDicomError | None: ...

    def feed(self, data: bytes) -> list[_T]: ...

    def close(self) -> list[_T]: ...


def aiter_datasets(
    source: AsyncSource, *, options: ReadOptions | None = None, as_file: bool = False
) -> AsyncGenerator[Dataset, None]:
    """As ``iter_datasets``, from a source that is waited for.

    The source is asked for more when all data sets that came are taken. An async generator as source is closed at the
    end, at an error, when the task is cancelled, and when what is returned here is closed; so whoever leaves the loop
    early does it within ``contextlib.aclosing``. Other sources stay open: they are the caller's.

    Args:
        source: An ``asyncio.StreamReader``, another object with such a ``read``, or an async iterable of bytes.
        options: What is taken, what is chosen of it, and what becomes of bulk data.
        as_file: Whether to make FileDataset objects.

    Raises:
        TruncatedError: The source ended within a document, or with a ConnectionError, a TimeoutError or an EOFError,
            such as asyncio.IncompleteReadError, which is the cause then. The data sets before were delivered.
        InputError: What was read is at fault; the location says where.

    >>> import asyncio
    >>> async def source():
    ...     yield b'[{"00100020": {"vr": "LO", "Va'
    ...     yield b'lue": ["17"]}}]'
    >>> async def main():
    ...     return [ds.PatientID async for ds in aiter_datasets(source())]
    >>> asyncio.run(main())
    ['17']
    """
    # Made at once, because what is in force here may not be when the first data set is asked for.
    options = options_or_default(options, ReadOptions)
    return _fed(DatasetParser(options=options, as_file=as_file), source, options.limits, iter)


def aiter_events(source: AsyncSource, *, options: ReadOptions | None = None) -> AsyncGenerator[Event, None]:
    """As ``iter_events``, from a source that is waited for; see ``aiter_datasets``.

    Args:
        source: An ``asyncio.StreamReader``, another object with such a ``read``, or an async iterable of bytes.
        options: What is taken, what is chosen of it, and where bulk data is. With a store, the values come in
            place of the references, and the loop waits for it.

    Raises:
        TruncatedError: As ``aiter_datasets``.
        InputError: What was read is at fault; the events before it have been delivered.
        OSError: The store cannot be read.

    >>> import asyncio
    >>> async def source():
    ...     yield b'{"00100020": {"vr": "LO", "Value": ["17"]}}'
    >>> async def main():
    ...     return [value async for *_, value in aiter_events(source())]
    >>> asyncio.run(main())
    [0, ('17',), None]
    """
    options = options_or_default(options, ReadOptions)
    parser, pipeline = reading_pipeline(options, options.bulk_data_store)
    return _fed(parser, source, options.limits, pipeline.iter)


async def _fed(
    parser: _Parser[_T], source: AsyncSource, limits: Limits, take: Callable[[Iterable[_T]], Iterable[_T]]
) -> AsyncGenerator[_T, None]:
    async with aclosing(_read(parser, source, limits)) as chunks:
        async for chunk in chunks:
            for one in take(parser.feed(chunk)):
                yield one
            if parser.error:
                break  # without waiting for what comes next
    for one in take(parser.close()):
        yield one


async def _read(parser: _Parser[_T], source: AsyncSource, limits: Limits) -> AsyncGenerator[bytes, None]:
    """The chunks of a source for a parser, which tells where it was if the source breaks off."""
    expander = Expander(limits)
    size = 0
    try:
        async with aclosing(_chunks(source)) as chunks:
            async for chunk in chunks:
                for piece in expander.feed(chunk):
                    size += len(piece)
                    yield piece
        for piece in expander.close():
            yield piece
    except StreamDicomError:  # of a source that is a stream of ours
        raise
    except SOURCE_LOST as error:
        raise truncated_by(parser, error, size) from error


async def _chunks(source: AsyncSource) -> AsyncGenerator[bytes, None]:
    """The bytes of a source, at most ``CHUNK`` at once."""
    pieces = _pieces(source)
    try:
        async for piece in pieces:
            data = as_bytes(piece)
            for start in range(0, len(data), CHUNK):
                yield data[start : start + CHUNK]
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


def _pieces(source: AsyncSource) -> AsyncIterator[bytes]:
    # An asyncio.StreamReader is an iterable too, of lines that it must hold.
    read = getattr(source, "read", None)
    if read is not None:
        return _reads(read)
    if isinstance(source, AsyncIterable):
        return aiter(source)
    raise TypeError(f"an asyncio.StreamReader or an async iterable of bytes is needed, not {type(source).__name__}")


async def _reads(read: Callable[[int], Awaitable[bytes]]) -> AsyncGenerator[bytes, None]:
    while True:
        data = read(CHUNK)
        if not isinstance(data, Awaitable):
            raise TypeError("what is read by waiting is needed; streamdicom.iter_datasets takes an ordinary file")
        piece = await data
        if not piece:
            return
        yield piece


# --- writing ---------------------------------------------------------------------------------------------------


class AsyncDatasetWriter:
    """As ``DatasetWriter``, to a target that is waited for: one array, or NDJSON, each data set as it is given.

    Each block of about 64 KiB is made when the target has taken the one before, and a ``StreamWriter`` has been
    drained. It gets each data set as soon as it is written; a callable gets blocks, and ``flush`` gives it what is
    pending.

    An async context manager: at its end the array is closed. After an error, or when the task was cancelled, it stays
    open, so that a reader sees that the stream is not complete. The target is the caller's, and is not closed.

    Args:
        target: An ``asyncio.StreamWriter``, or an async callable that takes all of the bytes it is given.
        indent: Spaces, or a string, for each level; None for no white space.
        options: The form of the text, what is left out, what becomes of bulk data, and how deep data sets may nest.

    Raises:
        TypeError: The target is neither.
        ValueError: An indent for NDJSON.

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
        self._is_whole = True  # whether all was sent of what there was to send
        self._is_closed = False

    async def write(self, obj: Dataset) -> None:
        """Write one data set.

        Raises:
            OutputError: An element cannot be written, and the location has its tag path; or a call before was
                cancelled or has failed, or is still going on; or the array is closed. It is at its end then.
            OSError: The target, or the store of bulk data, cannot be written.
            TypeError: This is no data set.
        """
        self._check()
        for block in self._encoder.encode(obj):
            await self._put(block)
        if self._is_connection:
            await self.flush()

    async def flush(self) -> None:
        """Send all that was written so far.

        Raises:
            OutputError, OSError: As ``write``.
        """
        self._check()
        await self._put(self._encoder.flush())

    async def close(self) -> None:
        """Close the array. Closing twice does nothing.

        Raises:
            OutputError, OSError: As ``write``.
        """
        if not self._is_closed:
            self._check()
            await self._put(self._encoder.close())
            self._is_closed = True

    def _check(self) -> None:
        if not self._is_whole:
            raise OutputError("what came before has not been sent")

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
    raise TypeError(f"an asyncio.StreamWriter or an async callable is needed, not {type(target).__name__}")


async def _write(target: AsyncWriter, data: bytes) -> None:
    target.write(data)
    await target.drain()
