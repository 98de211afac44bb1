"""Data sets to the blocks of a response body."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.concurrency import run_in_threadpool

from streamdicom.web.asgi.batches import abatched, batched
from streamdicom.web.asgi.formatters import Body

if TYPE_CHECKING:
    pass

BLOCK_SIZE = 64 * 1024
"""Bytes that complete a block."""

_END: Any = object()  # marks the end of an asynchronous iterable
_Result = TypeVar("_Result")


class Blocks:
    """A response body in blocks of about 64 KiB.

    Any thread may call ``idle`` at any time. All other methods belong to the producer.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._pieces: list[bytes] = []
        self._size = 0
        self._busy = Lock()  # held while a data set is incomplete, and after the end

    def add(self, dataset: Any) -> Iterator[bytes]:
        """Yield the blocks that a data set completes."""
        with self._busy:
            for piece in self._body.encode(dataset):
                self._pieces.append(piece)
                self._size += len(piece)
                if self._size >= BLOCK_SIZE:
                    yield self._take()

    def idle(self) -> bytes:
        """Return the pending bytes if they end with a data set, otherwise nothing."""
        if not self._busy.acquire(blocking=False):
            return b""
        try:
            self._pieces.append(self._body.flush())
            return self._take()
        finally:
            self._busy.release()

    def end(self) -> bytes:
        """Return the rest of the body."""
        self._busy.acquire()
        self._pieces.append(self._body.close())
        return self._take()

    def _take(self) -> bytes:
        block = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return block


class ThreadSource:
    """Blocks of an ordinary iterable, drawn in a thread because it may block."""

    def __init__(self, datasets: Iterable[Any], blocks: Blocks) -> None:
        self._datasets = datasets
        self._blocks = blocks
        self._made: Iterator[bytes] = iter(())
        self._is_stopped = False

    async def draw(self) -> bool:
        """Draw the first data set; return False if the iterable is empty."""
        return await self._in_thread(self._draw)

    async def block(self) -> bytes | None:
        """Return the next block, or None at the end."""
        return await self._in_thread(lambda: next(self._made, None))

    async def close(self) -> None:
        """Close the iterable, if it is a generator."""
        self._made = iter(())
        close = getattr(self._datasets, "close", None)
        self._datasets = ()
        if close:
            await run_in_threadpool(close)

    def _draw(self) -> bool:
        self._datasets = datasets = batched(self._datasets)
        for first in datasets:
            begun = self._blocks.add(first)
            self._made = chain([next(begun, b"")], begun, self._rest(datasets))
            return True
        return False

    def _rest(self, datasets: Iterator[Any]) -> Iterator[bytes]:
        for dataset in datasets:
            if self._is_stopped:
                return
            yield from self._blocks.add(dataset)
        yield self._blocks.end()

    async def _in_thread(self, function: Callable[[], _Result]) -> _Result:
        running = asyncio.ensure_future(run_in_threadpool(function))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._is_stopped = True  # a thread cannot be cancelled; it ends at the next data set
            await asyncio.wait([running])
            raise


class AsyncSource:
    """Blocks of an asynchronous iterable, with the methods of ``ThreadSource``."""

    def __init__(self, datasets: AsyncIterable[Any], blocks: Blocks) -> None:
        self._datasets = abatched(datasets)
        self._blocks = blocks
        self._made: Iterator[bytes] = iter(())
        self._is_ended = False

    async def draw(self) -> bool:
        await self._draw()
        return not self._is_ended

    async def block(self) -> bytes | None:
        while (block := next(self._made, None)) is None and not self._is_ended:
            await self._draw()
            if self._is_ended:
                return self._blocks.end()
        return block

    async def close(self) -> None:
        self._made = iter(())
        close: Callable[[], Awaitable[None]] | None = getattr(self._datasets, "aclose", None)
        if close:
            await close()

    async def _draw(self) -> None:
        dataset = await anext(self._datasets, _END)
        if dataset is _END:
            self._is_ended = True
        else:
            begun = self._blocks.add(dataset)
            self._made = chain([next(begun, b"")], begun)
