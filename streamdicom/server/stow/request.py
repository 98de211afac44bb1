"""The body of a STOW-RS request (PS3.18 10.5)."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from streamdicom.errors import RequestError
from streamdicom.io import Expansion
from streamdicom.limits import Limits
from streamdicom.server.catalog import Catalog
from streamdicom.server.stow.instances import Inbox, response_module
from streamdicom.web.asgi import (
    DATA,
    DEFAULT_FORMATTERS,
    DICOM,
    START,
    Content,
    MultipartParser,
    check_part,
    feed_body,
    negotiated_response,
    request_events,
)

_LIMITS = Limits()
_TIMEOUT = 60  # seconds without bytes of the body


async def store_instances(request: Request, catalog: Catalog, study: str | None, base_url: str) -> Response:
    """Store the instances of a request when its body is complete.

    Args:
        request: The request.
        catalog: The catalog of the archive.
        study: The study in the path, if any.
        base_url: The base URL of resources.

    Raises:
        InputError: The body is invalid or of another type; nothing was stored.
        OSError: The archive cannot be written.
    """
    content = Content.from_headers(request.headers)
    negotiated_response(request, [])  # refuse an unacceptable response format before storing
    expansion = Expansion(_LIMITS)
    inbox = await run_in_threadpool(Inbox, catalog, _LIMITS, expansion)
    try:
        if content.kind == DICOM:
            await _store_files(request, content, inbox, expansion)
        else:
            async with request_events(request, timeout=_TIMEOUT) as events:
                await run_in_threadpool(inbox.add, events)
        outcomes = await run_in_threadpool(inbox.store, study)
    finally:
        await run_in_threadpool(inbox.close)
    status, module = response_module(outcomes, base_url)
    return negotiated_response(request, module, status, formatters=DEFAULT_FORMATTERS)


async def _store_files(request: Request, content: Content, inbox: Inbox, expansion: Expansion) -> None:
    files = _Files(content, inbox)
    await feed_body(request, content.coding, expansion, _TIMEOUT, files.feed)
    await run_in_threadpool(files.close)


class _Files:
    """A body of one DICOM file, or of a file in each part, for the inbox."""

    def __init__(self, content: Content, inbox: Inbox) -> None:
        self._multipart = None if content.boundary is None else MultipartParser(content.boundary)
        self._inbox = inbox
        self._count = 0
        if self._multipart is None:
            inbox.start()

    def feed(self, pieces: list[bytes]) -> None:
        """Parse the next bytes of the body."""
        for piece in pieces:
            if self._multipart is None:
                self._inbox.append(piece)
                continue
            for kind, value in self._multipart.feed(piece):
                self._add(kind, value)

    def _add(self, kind: int, value: Any) -> None:
        if kind == DATA:
            self._inbox.append(value)
        elif kind != START:
            self._inbox.end()
        else:
            if check_part(value, self._count, _LIMITS) != DICOM and "content-type" in value:
                raise RequestError(
                    f"expected a DICOM file in part {self._count} of the body, found another media type", 415
                )
            self._count += 1
            self._inbox.start()

    def close(self) -> None:
        """End the body."""
        if self._multipart is None:
            self._inbox.end()
        else:
            self._multipart.close()
