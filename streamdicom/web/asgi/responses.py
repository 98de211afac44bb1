"""Responses that stream data sets, for Starlette and FastAPI on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from functools import partialmethod
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from streamdicom.events import Event
from streamdicom.options import WriteOptions, options_or_default
from streamdicom.web.asgi.blocks import AsyncSource, Blocks, ThreadSource
from streamdicom.web.asgi.formatters import DEFAULT_FORMATTERS, DICOM_JSON, DICOM_XML, Formatter, new_body
from streamdicom.web.asgi.negotiation import negotiate

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from starlette.background import BackgroundTask
    from starlette.types import Message, Receive, Scope, Send

Datasets: TypeAlias = "Dataset | Iterable[Dataset] | AsyncIterable[Dataset] | Iterable[Event] | AsyncIterable[Event]"

_PATIENCE = 0.1  # seconds until an incomplete block is sent


class _LeftError(Exception):
    """The client has left; since version 2.4, ASGI servers raise OSError then."""


class DatasetResponse(Response):
    """A response that streams data sets.

    The iterable yields data sets, or events as ``iter_events`` does, which need no pydicom.

    Data sets are drawn and sent in blocks of about 64 KiB, as fast as the client reads.

    The first data set is drawn before the headers are sent. An error raised by then, such as an ``HTTPException``, is
    answered with its own status, and the status of an empty iterable is 204 in place of 200 (PS3.18 10.6.3.1). A later
    error breaks the connection without the end of the body, so no client mistakes the body for complete. An incomplete
    block is sent after a tenth of a second without new data.

    When the client leaves, an asynchronous iterable is cancelled, an ordinary iterable ends at its next data set, and
    generators are closed. While the request's body is unread, the client's departure goes unnoticed, because the
    iterable may be reading that body.

    Args:
        datasets: One data set, written without an array, or an iterable of data sets or events. An ordinary iterable
            runs in a thread.
        status_code: The status, unless the iterable is empty.
        headers: Headers besides Content-Type.
        background: A task that Starlette runs after the response.
        formatter: The format.
        options: Options for writing.

    >>> from streamdicom import loads
    >>> response = DatasetResponse([loads("{}")], formatter=DICOM_XML)
    >>> response.headers["Content-Type"][:58]
    'multipart/related; type="application/dicom+xml"; boundary='
    """

    def __init__(
        self,
        datasets: Datasets,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        *,
        formatter: Formatter = DICOM_JSON,
        options: WriteOptions | None = None,
    ) -> None:
        from pydicom.dataset import Dataset

        is_one = isinstance(datasets, Dataset)
        body = new_body(formatter, options_or_default(options, WriteOptions), array=not is_one)
        self.status_code = status_code
        self.media_type = body.content_type
        self.background = background
        self.init_headers(headers)
        self._request: Request | None = None
        self._is_complete = False
        self._body = body
        self._blocks = blocks = Blocks(body)
        self._source: AsyncSource | ThreadSource
        if isinstance(datasets, AsyncIterable):
            self._source = AsyncSource(datasets, blocks)
        else:
            self._source = ThreadSource([datasets] if isinstance(datasets, Dataset) else datasets, blocks)

    def set_length(self, encoded: Iterable[tuple[Any, int]]) -> None:
        """Set Content-Length, for a body of data sets whose encoded sizes are known.

        Args:
            encoded: Each data set, and the bytes that the encoder of the format will yield for it.
        """
        self.headers["Content-Length"] = str(self._body.size(encoded))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response (ASGI)."""
        sending = asyncio.ensure_future(self._send_all(scope, send))
        leaving = asyncio.ensure_future(self._left(scope, receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
            if self._is_complete:  # a server reports the end of the response as a departure too
                await asyncio.wait([sending])
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
        if sending.cancelled() or isinstance(sending.exception(), _LeftError):
            return
        sending.result()
        if self.background is not None:
            await self.background()

    async def _left(self, scope: Scope, receive: Receive) -> None:
        while not self._is_read(scope):
            await asyncio.sleep(_PATIENCE)
        while (await receive())["type"] != "http.disconnect":
            pass

    def _is_read(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
            return True
        return getattr(self._request, "_stream_consumed", False)

    async def _send_all(self, scope: Scope, send: Send) -> None:
        try:
            has_any = await self._source.draw()
            if not has_any:
                self.status_code = 204 if self.status_code == 200 else self.status_code
                del self.headers["content-type"]
            message = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await _send(send, message)
            if has_any and scope["method"] != "HEAD":
                await self._send_body(send)
            self._is_complete = True
            await _send(send, {"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._source.close()

    async def _send_body(self, send: Send) -> None:
        order = asyncio.Lock()
        flushing = asyncio.ensure_future(self._flush(send, order))
        try:
            while (block := await self._source.block()) is not None:
                async with order:
                    await _send_block(send, block)
                del block  # the next one is made in its memory
                await asyncio.sleep(0)  # let other tasks run, since neither end need have waited
        finally:
            flushing.cancel()
            await asyncio.gather(flushing, return_exceptions=True)

    async def _flush(self, send: Send, order: asyncio.Lock) -> None:
        """Flush whenever the source has been idle for ``_PATIENCE`` seconds."""
        while True:
            await asyncio.sleep(_PATIENCE)
            async with order:
                await _send_block(send, self._blocks.idle())


async def _send(send: Send, message: Message) -> None:
    try:
        await send(message)
    except OSError:
        raise _LeftError from None


async def _send_block(send: Send, block: bytes) -> None:
    if block:
        await _send(send, {"type": "http.response.body", "body": block, "more_body": True})


class DicomJSONResponse(DatasetResponse):
    """Data sets as ``application/dicom+json`` (PS3.18 Annex F).

    An iterable becomes an array, one Dataset an object. The arguments are as for ``DatasetResponse``.

    >>> from streamdicom import loads
    >>> DicomJSONResponse([loads("{}")]).headers["Content-Type"]
    'application/dicom+json'
    """

    __init__ = partialmethod(DatasetResponse.__init__, formatter=DICOM_JSON)


class DicomXMLResponse(DatasetResponse):
    """Data sets as multipart Native DICOM XML (PS3.19 Annex A).

    Each data set is a part. The arguments are as for ``DatasetResponse``.

    >>> from streamdicom import loads
    >>> DicomXMLResponse([loads("{}")]).headers["Content-Type"].split(";")[0]
    'multipart/related'
    """

    __init__ = partialmethod(DatasetResponse.__init__, formatter=DICOM_XML)


def negotiated_response(
    request: Request,
    datasets: Datasets,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
    background: BackgroundTask | None = None,
    *,
    formatters: Sequence[Formatter] = DEFAULT_FORMATTERS,
    options: WriteOptions | None = None,
) -> DatasetResponse:
    """Return a response in the format that a request accepts (PS3.18 8.7).

    The query parameter "accept" takes precedence over the header.

    Args:
        request: The request.
        datasets: See ``DatasetResponse``.
        status_code: The status, unless the iterable is empty.
        headers: Headers besides Content-Type and Vary.
        background: A task that Starlette runs after the response.
        formatters: The formats on offer, the default first.
        options: Options for writing.

    Raises:
        RequestError: No format is acceptable (406); the message lists the formats. ``exception_handlers`` answers it.

    >>> from starlette.requests import Request
    >>> from streamdicom import loads
    >>> scope = {"type": "http", "query_string": b"", "headers": [(b"accept", b"application/json, text/html")]}
    >>> negotiated_response(Request(scope), [loads("{}")]).headers.items()
    [('content-type', 'application/json'), ('vary', 'Accept')]
    """
    accept, query = (", ".join(values.getlist("accept")) for values in (request.headers, request.query_params))
    response = DatasetResponse(
        datasets, status_code, headers, background, formatter=negotiate(formatters, accept, query), options=options
    )
    response.headers.add_vary_header("Accept")
    response._request = request
    return response
