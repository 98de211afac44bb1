"""The body of a STOW-RS request (PS3.18 10.5)."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from streamdicom.errors import LimitError, RequestError
from streamdicom.io import Expansion
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from streamdicom.server.catalog import Catalog
from streamdicom.server.limits import ServerLimits
from streamdicom.server.space import Space
from streamdicom.server.stow.instances import Inbox, response_module
from streamdicom.web.asgi import (
    DATA,
    DEFAULT_FORMATTERS,
    DICOM,
    START,
    Content,
    MultipartParser,
    Patience,
    check_part,
    feed_body,
    negotiated_response,
    request_events,
)

_SPOOL_THRESHOLD = 1024 * 1024  # bytes of a value in memory


async def store_instances(
    request: Request, catalog: Catalog, bounds: ServerLimits, study: str | None, base_url: str
) -> Response:
    """Store the instances of a request when its body is complete.

    Args:
        request: The request.
        catalog: The catalog of the archive.
        bounds: The size, the speed and the data sets of the body, and the free space of the disk.
        study: The study in the path, if any.
        base_url: The base URL of resources.

    Raises:
        InputError: The body is invalid or of another type; nothing was stored.
        OSError: The archive cannot be written.
    """
    content = Content.from_headers(request.headers)
    negotiated_response(request, [])  # refuse an unacceptable response format before storing
    limits = bounds.of_body()
    if int(request.headers.get("content-length", "0")) > bounds.request_size:
        raise LimitError(f"the body has more than {bounds.request_size} bytes", "spooled_size")
    expansion = Expansion(limits)
    patience = Patience(bounds.body_timeout, bounds.body_rate)
    inbox = await run_in_threadpool(Inbox, catalog, limits, expansion, bounds.free_space, study)
    try:
        if content.kind == DICOM:
            files = _Files(content, inbox, limits)
            await feed_body(request, content.coding, expansion, patience, files.feed)
            await run_in_threadpool(files.close)
        else:
            options = ReadOptions(limits=limits, spool_threshold=_SPOOL_THRESHOLD)
            space = Space(bounds.free_space)
            form = inbox.form(options)
            reading = request_events(request, options=options, patience=patience, on_bytes=space.take, form=form)
            async with reading as events:
                await run_in_threadpool(inbox.add, events, space.taken)
        outcomes = await run_in_threadpool(inbox.store)
    finally:
        await run_in_threadpool(inbox.close)
    status, module = response_module(outcomes, base_url)
    return negotiated_response(request, module, status, formatters=DEFAULT_FORMATTERS)


class _Files:
    """A body of one DICOM file, or of a file in each part, for the inbox."""

    def __init__(self, content: Content, inbox: Inbox, limits: Limits) -> None:
        self._limits = limits
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
            if check_part(value, self._count, self._limits) != DICOM and "content-type" in value:
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
