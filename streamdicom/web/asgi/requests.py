"""Data sets from the bodies of Starlette and FastAPI requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, closing
from typing import TYPE_CHECKING

from anyio import current_time, fail_after
from anyio.lowlevel import checkpoint
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from streamdicom.bulkdata import BulkDataStore
from streamdicom.errors import RequestError, TruncatedError
from streamdicom.events import Event
from streamdicom.io import Expansion
from streamdicom.options import ReadOptions, options_or_default
from streamdicom.web.asgi.bodies import BodyReader, FilesReader, document_reader
from streamdicom.web.asgi.stow_metadata import RelatedReader, SpooledDocument
from streamdicom.web.content import DICOM, PIECE_SIZE, Content, ContentDecoder

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_RATE = 1024  # bytes a second, far below the slowest network

# A server handles many requests at once, so each holds less in memory than a program would.
_DEFAULTS = ReadOptions(spool_threshold=1024 * 1024)
# A piece of 16 KiB may hold thousands of data sets, which would block the event loop for tenths of a second.
_MAX_PER_PIECE = 64  # data sets
_SMALL_PIECE = 512  # bytes
_BATCH_SIZE = 256 * 1024  # bytes that are worth a call in a thread


class Patience:
    """How long to wait for a body; only the time of waiting counts.

    Args:
        seconds: Seconds to wait for the next bytes, and in all; None to wait forever.
        rate: Bytes for which to wait one more second in all.
    """

    def __init__(self, seconds: float | None, rate: int = _RATE) -> None:
        self._seconds = self._left = seconds
        self._rate = rate

    async def next_bytes(self, stream: AsyncIterator[bytes]) -> bytes:
        """Return the next bytes of a body; none at its end.

        Raises:
            RequestError: The client is too slow (408).
            TruncatedError: The client has left.
        """
        start = current_time()
        try:
            with fail_after(None if self._left is None or self._seconds is None else min(self._left, self._seconds)):
                chunk = await anext(stream, b"")
        except TimeoutError:
            message = (
                f"received no bytes of the body for {self._seconds:g} seconds, or fewer than {self._rate} a second"
            )
            raise RequestError(message, 408) from None
        except ClientDisconnect:
            raise TruncatedError("the client left before the end of the body") from None
        if self._left is not None:
            self._left += len(chunk) / self._rate - (current_time() - start)
        return chunk


async def iter_request_datasets(
    request: Request,
    *,
    options: ReadOptions | None = None,
    store: BulkDataStore | None = None,
    as_file: bool = False,
    timeout: float | None = 60,
) -> AsyncGenerator[Dataset, None]:
    """Yield the data sets in the body of a request, in the format of its Content-Type.

    - ``application/dicom+json``, ``application/json``, ``application/x-ndjson``, ``application/dicom+xml``: each data
      set is yielded when it is complete, before the rest of the body has been checked.
    - ``application/dicom``, and ``multipart/related; type="application/dicom"`` (PS3.18 10.5.1.4) with a DICOM file in
      each part: each is yielded with its part, as a FileDataset.
    - ``multipart/related`` with ``type="application/dicom+json"`` (one part with all metadata) or
      ``type="application/dicom+xml"`` (a part for each instance). Every other part is bulk data: the value of the
      BulkDataURI that equals its Content-Location. Relative references are resolved against the URL of the request or
      the Content-Location of the metadata (RFC 2557); ``cid:`` refers to a Content-ID. The body waits in a temporary
      file, and nothing is yielded before the whole body has arrived and the metadata is valid.

    Bulk data is the value field in ``application/octet-stream``, or any media type for Encapsulated Document. An image
    or video type is for compressed pixel data, needs the parameter ``transfer-syntax``, and becomes one fragment. The
    options decide about references to no part. A part without a reference is an error, because it would be lost.

    The body may have a Content-Encoding: gzip, deflate or zstd. Memory is bounded: a long value goes to a temporary
    file (``ReadOptions.spool_threshold``, by default 1 MiB here), which lives as long as its data set.

    Args:
        request: The request. Its body must be unread, or read as a whole by ``request.body()``.
        options: Options for reading. The request decides the format.
        store: Receives the bulk data of the parts when the whole body is valid; the data sets refer to the store. If
            the store fails, it keeps the values before the failure. Without a store, the data sets hold the values.
        as_file: Whether JSON and XML become FileDataset objects too.
        timeout: Seconds to wait for the next bytes of the body, and for all of it beyond one second for each KiB; None
            to wait forever.

    Raises:
        RequestError: An unsupported media type or encoding (415), too slow a body (408), or a malformed multipart
            body (400).
        TruncatedError: The body is incomplete, or the client has left.
        InputError: The body is invalid otherwise; the location is relative to its document.
        OSError: The store or a temporary file cannot be written.

    >>> import asyncio
    >>> async def receive():
    ...     return {"type": "http.request", "body": b'[{"00100020": {"vr": "LO", "Value": ["17"]}}]'}
    >>> async def patient_ids(request):
    ...     return [dataset.PatientID async for dataset in iter_request_datasets(request)]
    >>> headers = [(b"content-type", b"application/dicom+json")]
    >>> scope = {"type": "http", "method": "POST", "path": "/studies", "query_string": b"", "headers": headers}
    >>> asyncio.run(patient_ids(Request(scope, receive)))
    ['17']
    """
    options = _DEFAULTS if options is None else options_or_default(options, ReadOptions)
    content = Content.from_headers(request.headers)
    expansion = Expansion(options.limits)
    reader = _reader(content, request, options, store, as_file, expansion)
    try:
        async with aclosing(body_pieces(request, content.coding, expansion, Patience(timeout))) as pieces:
            size = PIECE_SIZE
            async for piece in pieces:
                for start in range(0, len(piece), size):
                    for datasets in reader.feed(piece[start : start + size]):
                        for dataset in datasets:
                            yield dataset
                        await checkpoint()  # let other tasks run
                        if len(datasets) > _MAX_PER_PIECE:
                            size = _SMALL_PIECE
        with closing(reader.close()) as batches:
            while (batch := await run_in_threadpool(_next, batches)) is not None:
                for dataset in batch:
                    yield dataset
    finally:
        reader.discard()


def _reader(
    content: Content,
    request: Request,
    options: ReadOptions,
    store: BulkDataStore | None,
    as_file: bool,
    expansion: Expansion,
) -> BodyReader:
    if content.boundary is None:
        return document_reader(content.kind, options, expansion, as_file=as_file)
    if content.kind == DICOM:
        return FilesReader(content, options, expansion)
    return RelatedReader(content, str(request.url), options, store, as_file=as_file)


def _next(batches: Iterator[list[Dataset]]) -> list[Dataset] | None:
    return next(batches, None)


@asynccontextmanager
async def request_events(
    request: Request,
    *,
    options: ReadOptions | None = None,
    patience: Patience | None = None,
    on_bytes: Callable[[int], None] | None = None,
    form: object | None = None,
) -> AsyncIterator[Iterator[Event]]:
    """Receive the body of a request as events, in flat memory.

    The body waits in a temporary file until it is complete, so the iterator is an ordinary one, for use in a thread.
    Long values are in segments, and references to parts of the body are replaced by their values. The types are those
    of ``iter_request_datasets``, except for DICOM files.

    Args:
        request: The request. Its body must be unread.
        options: Options for reading. The request decides the format.
        patience: How long to wait for the body; by default a minute, and a second for each KiB.
        on_bytes: Called in a thread with the number of bytes that go to the temporary file next. Its errors end the
            request.
        form: The form of the writer that gets all events, if nothing else does; see ``output_form``.

    Raises:
        InputError: As for ``iter_request_datasets``; the iterator raises it if the content is invalid.
    """
    options = _DEFAULTS if options is None else options_or_default(options, ReadOptions)
    content = Content.from_headers(request.headers)
    if content.kind == DICOM:
        raise RequestError("expected JSON or XML in the body, found DICOM files", 415)
    expansion = Expansion(options.limits)
    reader: RelatedReader | SpooledDocument
    if content.boundary is None:
        reader = SpooledDocument(content.kind, options)
    else:
        reader = RelatedReader(content, str(request.url), options, None, as_file=True)

    def feed(pieces: list[bytes]) -> None:
        if on_bytes is not None:
            on_bytes(sum(map(len, pieces)))
        for piece in pieces:
            reader.feed(piece)

    try:
        await feed_body(request, content.coding, expansion, patience or Patience(60), feed)
        yield reader.events(form)
    finally:
        reader.discard()


async def feed_body(
    request: Request,
    coding: str,
    expansion: Expansion,
    patience: Patience,
    feed: Callable[[list[bytes]], None],
) -> None:
    """Call a function, in threads, with batches of the pieces of a body."""
    held: list[bytes] = []
    size = 0
    async with aclosing(body_pieces(request, coding, expansion, patience)) as pieces:
        async for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= _BATCH_SIZE:
                await run_in_threadpool(feed, held)
                held, size = [], 0
    await run_in_threadpool(feed, held)


async def body_pieces(
    request: Request, coding: str, expansion: Expansion, patience: Patience
) -> AsyncGenerator[bytes, None]:
    """Yield the decoded body in small pieces."""
    decoder = ContentDecoder(coding, expansion)
    async with aclosing(request.stream()) as stream:
        while chunk := await patience.next_bytes(stream):
            for piece in decoder.feed(chunk):
                yield piece
    decoder.close()
