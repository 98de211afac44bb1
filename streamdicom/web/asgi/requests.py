"""Data sets from the bodies of HTTP requests, as Starlette and FastAPI have them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import TYPE_CHECKING

from anyio import fail_after
from anyio.lowlevel import checkpoint
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from streamdicom.bulkdata import BulkDataStore
from streamdicom.errors import RequestError, TruncatedError
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, options_or_default
from streamdicom.web.asgi.bodies import BodyReader, DocumentReader, FilesReader
from streamdicom.web.asgi.stow_metadata import RelatedReader
from streamdicom.web.content import DICOM, PIECE_SIZE, Content, ContentDecoder

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# A server has many requests at once, so that less of each is in memory than a program would have.
_DEFAULTS = ReadOptions(spool_threshold=1024 * 1024)
_MANY = 64  # data sets of one piece; 16 KiB may have thousands of them, and making those takes some tenths of a second
_LITTLE = 512  # bytes at once of a body that has so many


async def iter_request_datasets(
    request: Request,
    *,
    options: ReadOptions | None = None,
    store: BulkDataStore | None = None,
    as_file: bool = False,
    timeout: float | None = 60,
) -> AsyncGenerator[Dataset, None]:
    """The data sets in the body of a request, in whichever form its Content-Type says.

    - ``application/dicom+json``, ``application/json``, ``application/x-ndjson``, ``application/dicom+xml``: each data
      set comes as soon as it is complete, and before the rest of the body is known to be right.
    - ``application/dicom``, and ``multipart/related; type="application/dicom"`` (PS3.18 10.5.1.4), one DICOM file in
      each part: each comes with its part, as a FileDataset.
    - ``multipart/related`` with ``type="application/dicom+json"``, one part with all metadata, or with
      ``type="application/dicom+xml"``, one for each instance; the other parts are bulk data, each the value that the
      BulkDataURI equal to its Content-Location stands for. Relative ones are so to the URL of the request, or the
      Content-Location of the metadata (RFC 2557); ``cid:`` means a Content-ID. The body waits in a temporary file, and
      nothing comes of it before all of it has come and the metadata is right.

    Bulk data is the value field in ``application/octet-stream``, or any other type for Encapsulated Document. A type
    of images or videos is for compressed pixel data, must have the parameter ``transfer-syntax``, and makes one
    fragment. What a reference means that no part is for, the options say. A part that no reference leads to is an
    error, because it would be lost.

    The body may be in a Content-Encoding: gzip, deflate or zstd. Memory is bounded, whatever the body is: a long value
    goes to a temporary file (``ReadOptions.spool_threshold``, here 1 MiB unless ``options`` are given), which is
    there as long as its data set.

    Args:
        request: The body must not have been read before, or as a whole by ``request.body()``.
        options: What is taken, what is chosen of it, and what becomes of bulk data. The format is told by the request.
        store: Where the bulk data in parts goes, when all of the body is there and right; the data sets have references
            to it. If it fails at one value it keeps those before. Without a store the values are in the data sets.
        as_file: Whether to make FileDataset objects of JSON and XML too.
        timeout: Seconds to wait for the next bytes of the body; None to wait for ever.

    Raises:
        RequestError: 415, the media type or an encoding of the body or of a part is not taken; 408, no bytes came in
            time; 400, a multipart body is malformed.
        TruncatedError: The body stopped, or the client has left.
        InputError: The body is at fault in another way; the location is that in its document.
        OSError: The store, or a temporary file, cannot be written.

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
    reader = _reader(content, request, options, store, as_file)
    try:
        async with aclosing(body_pieces(request, content.coding, options.limits, timeout)) as pieces:
            size = PIECE_SIZE
            async for piece in pieces:
                for start in range(0, len(piece), size):
                    datasets = reader.feed(piece[start : start + size])
                    for dataset in datasets:
                        yield dataset
                    await checkpoint()  # others get their turn
                    if len(datasets) > _MANY:
                        size = _LITTLE
        with closing(reader.close()) as batches:
            while (batch := await run_in_threadpool(_next, batches)) is not None:
                for dataset in batch:
                    yield dataset
    finally:
        reader.discard()


def _reader(
    content: Content, request: Request, options: ReadOptions, store: BulkDataStore | None, as_file: bool
) -> BodyReader:
    if content.boundary is None:
        return DocumentReader(content.kind, options, as_file=as_file)
    if content.kind == DICOM:
        return FilesReader(content, options)
    return RelatedReader(content, str(request.url), options, store, as_file=as_file)


def _next(batches: Iterator[list[Dataset]]) -> list[Dataset] | None:
    return next(batches, None)


async def body_pieces(
    request: Request, coding: str, limits: Limits, timeout: float | None
) -> AsyncGenerator[bytes, None]:
    """The body without its coding, in small pieces."""
    decoder = ContentDecoder(coding, limits)
    async with aclosing(request.stream()) as stream:
        while chunk := await _chunk(stream, timeout):
            for piece in decoder.feed(chunk):
                yield piece
    decoder.close()


async def _chunk(stream: AsyncIterator[bytes], timeout: float | None) -> bytes:
    """The next bytes of the body; none at its end."""
    try:
        with fail_after(timeout):
            return await anext(stream, b"")
    except TimeoutError:
        raise RequestError(f"no more of the body came in {timeout:g} seconds", 408) from None
    except ClientDisconnect:
        raise TruncatedError("the client left before the end of the body") from None
