"""Data sets as the body of a response, sent while they are drawn: for Starlette and FastAPI on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from streamdicom.options import WriteOptions, options_or_default
from streamdicom.web.asgi.blocks import AsyncSource, Blocks, ThreadSource
from streamdicom.web.asgi.formatters import DEFAULT_FORMATTERS, DICOM_JSON, DICOM_XML, Formatter, new_body
from streamdicom.web.asgi.negotiation import negotiate

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from starlette.background import BackgroundTask
    from starlette.types import Message, Receive, Scope, Send

Datasets: TypeAlias = "Dataset | Iterable[Dataset] | AsyncIterable[Dataset]"

_PATIENCE = 0.1  # seconds that less than a block waits for more


class _LeftError(Exception):
    """The client has left; an ASGI server from version 2.4 on raises OSError then."""


class DatasetResponse(Response):
    """Data sets in some form, drawn and sent in blocks of about 64 KiB, as fast as the client takes them.

    The first data set is drawn before the headers are sent. So an error that it raises, such as an ``HTTPException``,
    is answered with its own status; and if there are no data sets, the status 200 becomes 204 (PS3.18 10.6.3.1). An
    error behind that breaks the connection, without the end of the body, so that no client takes it for complete.
    What is less than a block is sent too when there was nothing more for a tenth of a second.

    When the client leaves, an asynchronous iterable is cancelled where it waits, an ordinary one ends with its next
    data set, and generators are closed. In a request with a body nobody looks for that before the body was read,
    because the iterable may be what reads it.

    Args:
        datasets: One data set, which is written without an array; or an iterable of them. An ordinary iterable runs in
            a thread.
        formatter: The form.
        status_code: The status, if there are data sets.
        headers: Headers besides Content-Type.
        background: What Starlette runs when all was sent.
        options: The form of the text, what is left out, and what becomes of bulk data.

    >>> from streamdicom import loads
    >>> response = DatasetResponse([loads("{}")], DICOM_XML)
    >>> response.headers["Content-Type"][:58]
    'multipart/related; type="application/dicom+xml"; boundary='
    """

    def __init__(
        self,
        datasets: Datasets,
        formatter: Formatter,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        *,
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
        self._blocks = blocks = Blocks(body)
        self._source: AsyncSource | ThreadSource
        if isinstance(datasets, AsyncIterable):
            self._source = AsyncSource(datasets, blocks)
        else:
            self._source = ThreadSource([datasets] if isinstance(datasets, Dataset) else datasets, blocks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as ASGI has it."""
        sending = asyncio.ensure_future(self._send_all(scope, send))
        leaving = asyncio.ensure_future(self._left(scope, receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
            if self._is_complete:  # what a server takes for the client's leave too
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
                await asyncio.sleep(0)  # neither the producer nor the client need have waited for anything
        finally:
            flushing.cancel()
            await asyncio.gather(flushing, return_exceptions=True)

    async def _flush(self, send: Send, order: asyncio.Lock) -> None:
        """Send what there is, as often as nothing more has come for a while."""
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
    """Data sets as ``application/dicom+json`` (PS3.18 Annex F): an array, or of one Dataset an object.

    The arguments are those of ``DatasetResponse`` without the form.

    >>> from streamdicom import loads
    >>> DicomJSONResponse([loads("{}")]).headers["Content-Type"]
    'application/dicom+json'
    """

    def __init__(
        self,
        datasets: Datasets,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        *,
        options: WriteOptions | None = None,
    ) -> None:
        super().__init__(datasets, DICOM_JSON, status_code, headers, background, options=options)


class DicomXMLResponse(DatasetResponse):
    """Data sets as ``multipart/related; type="application/dicom+xml"``: the Native DICOM Model, a part for each.

    The arguments are those of ``DatasetResponse`` without the form.

    >>> from streamdicom import loads
    >>> DicomXMLResponse([loads("{}")]).headers["Content-Type"].split(";")[0]
    'multipart/related'
    """

    def __init__(
        self,
        datasets: Datasets,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
        *,
        options: WriteOptions | None = None,
    ) -> None:
        super().__init__(datasets, DICOM_XML, status_code, headers, background, options=options)


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
    """Data sets in the form that a request asks for (PS3.18 8.7), by its query parameter or its header "accept".

    Args:
        request: The request.
        datasets: As for ``DatasetResponse``, which says how they are sent.
        status_code: The status, if there are data sets.
        headers: Headers besides Content-Type and Vary.
        background: What Starlette runs when all was sent.
        formatters: The forms that can be had, the default first.
        options: The form of the text, what is left out, and what becomes of bulk data.

    Raises:
        RequestError: With the status 406, nothing can be had that is acceptable; the message says what can. See
            ``errors.exception_handlers``.

    >>> from starlette.requests import Request
    >>> from streamdicom import loads
    >>> scope = {"type": "http", "query_string": b"", "headers": [(b"accept", b"application/json, text/html")]}
    >>> negotiated_response(Request(scope), [loads("{}")]).headers.items()
    [('content-type', 'application/json'), ('vary', 'Accept')]
    """
    accept, query = (", ".join(values.getlist("accept")) for values in (request.headers, request.query_params))
    response = DatasetResponse(
        datasets, negotiate(formatters, accept, query), status_code, headers, background, options=options
    )
    response.headers.add_vary_header("Accept")
    response._request = request
    return response
