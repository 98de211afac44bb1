"""Store Instances (PS3.18 10.5): from the body of a request to the archive."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from streamdicom.errors import RequestError
from streamdicom.limits import Limits
from streamdicom.server.catalog import Index
from streamdicom.server.stow.instances import Inbox, response_module
from streamdicom.web.asgi import (
    DATA,
    DEFAULT_FORMATTERS,
    DICOM,
    START,
    Content,
    MultipartParser,
    body_pieces,
    check_part,
    iter_request_datasets,
    negotiated_response,
)

_LIMITS = Limits()
_SECONDS = 60  # to wait for more of a body
_ENOUGH = 256 * 1024  # bytes that are worth a turn of a thread


async def store_instances(request: Request, index: Index, study: str | None, base_url: str) -> Response:
    """Put what is in the body into the archive, all that can be, when the body is complete.

    Args:
        request: The request.
        index: The index of the archive.
        study: The study that the request names.
        base_url: What the URLs in the answer begin with.

    Raises:
        InputError: The body is at fault, or of another type; nothing was stored.
        OSError: The archive cannot be written.
    """
    content = Content.from_headers(request.headers)
    negotiated_response(request, [])  # so that what has no answer is not stored
    inbox = await run_in_threadpool(Inbox, index, _LIMITS)
    try:
        if content.kind == DICOM:
            await _take_files(request, content, inbox)
        else:
            async with aclosing(iter_request_datasets(request, as_file=True, timeout=_SECONDS)) as datasets:
                async for dataset in datasets:
                    await run_in_threadpool(inbox.add, dataset)
        outcomes = await run_in_threadpool(lambda: list(inbox.store(study)))
    finally:
        await run_in_threadpool(inbox.close)
    status, told = response_module(outcomes, base_url)
    return negotiated_response(request, told, status, formatters=DEFAULT_FORMATTERS)


async def _take_files(request: Request, content: Content, inbox: Inbox) -> None:
    files = _Files(content, inbox)
    held: list[bytes] = []
    size = 0
    async with aclosing(body_pieces(request, content.coding, _LIMITS, _SECONDS)) as pieces:
        async for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= _ENOUGH:
                await run_in_threadpool(files.feed, held)
                held, size = [], 0
    await run_in_threadpool(files.feed, held)
    await run_in_threadpool(files.close)


class _Files:
    """A body that is a DICOM file, or has one in each part; the files go to the inbox as they are."""

    def __init__(self, content: Content, inbox: Inbox) -> None:
        self._multipart = None if content.boundary is None else MultipartParser(content.boundary)
        self._inbox = inbox
        self._count = 0
        if self._multipart is None:
            inbox.start()

    def feed(self, pieces: list[bytes]) -> None:
        """The next bytes of the body."""
        for piece in pieces:
            if self._multipart is None:
                self._inbox.append(piece)
                continue
            for kind, value in self._multipart.feed(piece):
                self._take(kind, value)

    def _take(self, kind: int, value: Any) -> None:
        if kind == DATA:
            self._inbox.append(value)
        elif kind != START:
            self._inbox.end()
        else:
            if check_part(value, self._count, _LIMITS) != DICOM and "content-type" in value:
                raise RequestError(
                    f"part {self._count} of the body is no DICOM file, as the type of the body says", 415
                )
            self._count += 1
            self._inbox.start()

    def close(self) -> None:
        """The body has ended."""
        if self._multipart is None:
            self._inbox.end()
        else:
            self._multipart.close()
