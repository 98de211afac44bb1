"""The ASGI application of the origin server (PS3.18 10).

All responses are streamed: search results row by row, metadata instance by instance, files and values in pieces. Of a
request, only validated UIDs reach a path or a header.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import chain
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from streamdicom.dicom import (
    PIXEL_DATA,
    format_tag,
    is_encapsulated,
    is_uid,
)
from streamdicom.errors import BulkDataError, RequestError
from streamdicom.events import Event
from streamdicom.server.catalog import Catalog, Entry
from streamdicom.server.qido import Level, parse_query
from streamdicom.server.stow import remove_leftovers, store_instances
from streamdicom.server.wado import (
    FILES,
    METADATA,
    NATIVE,
    RESULTS,
    Value,
    answer,
    as_file,
    find_value,
    formatters_of_value,
    frames_of,
    metadata,
    resource_of,
    stored_syntax,
    wanted_syntaxes,
)
from streamdicom.web.asgi import exception_handlers

_log = logging.getLogger(__name__)

_MAX_FRAMES = 1000  # of one request
_FRAMES = re.compile(r"[1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*")
_VALUE = re.compile(r"[0-9A-F]{8}(?:/[0-9]{1,6}/[0-9A-F]{8}){0,84}", re.IGNORECASE)
_PIXEL_DATA = format_tag(PIXEL_DATA)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_MIN_PAUSE = 10.0  # seconds between two refreshes
_PAUSE_RATIO = 20  # the pause after a refresh, in multiples of its duration


def server_app(catalog: Catalog, *, read_only: bool = False) -> Starlette:
    """Return the ASGI application of a DICOMweb origin server (PS3.18 10).

    The application refreshes the catalog while it runs.

    - ``GET /studies``, ``/series``, ``/instances``, also of a study or a series: search (10.6).
    - ``GET .../metadata`` of a study, a series, an instance: metadata in DICOM JSON or XML (10.4.1.1.2).
    - ``GET`` of a study, a series, an instance: DICOM files in their own transfer syntax, or in explicit VR little
      endian unless they are compressed (10.4.1.1.1).
    - ``GET .../bulkdata/...``: values to which metadata refers (10.4.1.1.5).
    - ``GET .../frames/1,2``: frames (10.4.1.1.6).
    - ``POST /studies``, ``/studies/{study}``: store (10.5).

    Args:
        catalog: The catalog of the folder. The caller closes it.
        read_only: Whether to refuse to store.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Catalog(folder) as catalog:
    ...     [route.path for route in server_app(catalog).routes][:2]
    ['/studies', '/studies/{study}/series']
    """
    server = _Server(catalog)
    study, series, instance = (
        "/studies/{study}",
        "/studies/{study}/series/{series}",
        "/studies/{study}/series/{series}/instances/{instance}",
    )
    searches = {
        "/studies": Level.STUDY,
        f"{study}/series": Level.SERIES,
        "/series": Level.SERIES,
        f"{study}/instances": Level.INSTANCE,
        f"{series}/instances": Level.INSTANCE,
        "/instances": Level.INSTANCE,
    }
    routes = [Route(path, _checked(partial(server.search, level))) for path, level in searches.items()]
    for path in (study, series, instance):
        routes += [
            Route(path, _checked(server.instances)),
            Route(f"{path}/metadata", _checked(server.metadata)),
        ]
    routes += [
        Route(f"{instance}/bulkdata/{{value:path}}", _checked(server.value)),
        Route(f"{instance}/frames/{{numbers}}", _checked(server.frames)),
    ]
    if not read_only:
        routes += [Route(path, server.store, methods=["POST"]) for path in ("/studies", study)]
    handlers = exception_handlers | dict.fromkeys((OSError, sqlite3.Error), _unavailable)
    return Starlette(routes=routes, exception_handlers=handlers, lifespan=server.refreshing)


async def _unavailable(request: Request, error: Exception) -> Response:
    """Answer 503 if the folder or its index cannot be read or written (PS3.18 8.5)."""
    name, reason = ("folder", error.strerror) if isinstance(error, OSError) else ("index", error)
    _log.error("the %s cannot be read or written: %s", name, reason)
    return PlainTextResponse(f"the {name} of the server cannot be read or written: {reason}\n", 503)


def _checked(endpoint: Any) -> Any:
    """Wrap an endpoint, which runs in a thread, to pass the UIDs of its path."""

    def call(request: Request) -> Response:
        response: Response = endpoint(request, _uids(request))
        return response

    return call


def _uids(request: Request) -> dict[str, str]:
    """Return the UIDs in the path (PS3.5 9.1).

    Raises:
        RequestError: A path parameter is not a valid UID.
    """
    uids = {name: text for name, text in request.path_params.items() if name in ("study", "series", "instance")}
    for name, text in uids.items():
        if not is_uid(text):
            raise RequestError(f"expected a UID of the {name} in the path (PS3.5 9.1)", 400)
    return uids


def _base_url(request: Request) -> str:
    """Return the base URL of resources: the address of the request."""
    url = request.base_url
    address, port = request.scope.get("server") or ("", None)
    # dicomweb-client sends a Host without the port. A local name is not the name of a proxy.
    if url.port is None and port not in (None, 80, 443) and url.hostname in (*_LOOPBACK, address):
        url = url.replace(port=port)
    return str(url).rstrip("/")


class _Server:
    """The endpoints."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @asynccontextmanager
    async def refreshing(self, app: Starlette) -> AsyncIterator[None]:
        """Keep the index up to date while the server runs."""
        await run_in_threadpool(remove_leftovers, self._catalog)
        task = asyncio.create_task(self._refresh())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _refresh(self) -> None:
        pause = _MIN_PAUSE
        while True:
            await asyncio.sleep(pause)
            start = time.monotonic()
            with suppress(OSError, sqlite3.Error):  # the next refresh may succeed
                await run_in_threadpool(self._catalog.refresh)
            pause = max(_MIN_PAUSE, _PAUSE_RATIO * (time.monotonic() - start))

    # --- search ------------------------------------------------------------------------------------------------

    def search(self, level: Level, request: Request, uids: dict[str, str]) -> Response:
        """Search (PS3.18 10.6)."""
        query = parse_query(level, request.url.query)
        # RFC 7234 5.5: code, agent, text. The agent must not be a name from the request.
        warnings = ", ".join(f'299 streamdicom "{text}"' for text in query.warnings)
        results = self._catalog.search(query, uids.get("study"), uids.get("series"), _base_url(request))
        return answer(request, results, RESULTS, {"Warning": warnings} if warnings else None)

    # --- retrieve ----------------------------------------------------------------------------------------------

    def _entries(self, uids: dict[str, str]) -> Iterator[Entry]:
        """Yield the entries of instances.

        Raises:
            RequestError: The catalog has no such instance.
        """
        entries = self._catalog.entries(**uids)
        first = next(entries, None)
        if first is None:
            raise RequestError("no instance has this UID", 404)
        return chain([first], entries)

    def _entry(self, request: Request, uids: dict[str, str]) -> Entry:
        return next(self._entries(uids))

    def metadata(self, request: Request, uids: dict[str, str]) -> Response:
        """Retrieve metadata: instances without their bulk data (PS3.18 10.4.1.1.2)."""
        base_url = _base_url(request)

        def drawn() -> Iterator[Iterator[Event]]:
            for entry in self._entries(uids):
                yield metadata(entry, f"{base_url}/{resource_of(entry.study, entry.series, entry.instance)}")

        return answer(request, drawn(), METADATA)

    def instances(self, request: Request, uids: dict[str, str]) -> Response:
        """Retrieve DICOM files (PS3.18 10.4.1.1.1)."""
        wanted = wanted_syntaxes(request)

        def drawn() -> Iterator[Iterator[bytes]]:
            if "*" not in wanted:  # refuse before the headers are sent
                for entry in self._entries(uids):
                    _selected(entry, wanted)
            for entry in self._entries(uids):
                yield _followed(as_file(entry, _selected(entry, wanted)))

        return answer(request, drawn(), FILES)

    def value(self, request: Request, uids: dict[str, str]) -> Response:
        """Retrieve the value of a reference in metadata (PS3.18 10.4.1.1.5)."""
        value = self._value(request, uids, request.path_params["value"])
        return answer(request, _drawn(value.parts), formatters_of_value(request, value))

    def frames(self, request: Request, uids: dict[str, str]) -> Response:
        """Retrieve frames of pixel data, in the order of the request (PS3.18 10.4.1.1.6)."""
        text = request.path_params["numbers"]
        if not _FRAMES.fullmatch(text) or text.count(",") >= _MAX_FRAMES:
            raise RequestError(f"expected a list of at most {_MAX_FRAMES} frame numbers, counted from 1", 400)
        numbers = [int(number) for number in text.split(",")]
        value = self._value(request, uids, _PIXEL_DATA)
        if max(numbers) > value.frames:
            raise RequestError("the instance has fewer frames", 404)
        if not value.transfer_syntax and not value.frame_size:
            raise RequestError(
                "frames of unknown size, or not of whole bytes, can only be retrieved together, as bulk data", 406
            )

        def drawn() -> Iterator[Iterator[bytes]]:
            source = value
            for number, run in enumerate(_ascending(numbers)):
                if number:
                    source = self._value(request, uids, _PIXEL_DATA)
                yield from frames_of(source, run)

        return answer(request, _drawn(drawn()), formatters_of_value(request, value))

    def _value(self, request: Request, uids: dict[str, str], path: str) -> Value:
        if not _VALUE.fullmatch(path):
            raise RequestError("no bulk data has this path", 404)
        entry = self._entry(request, uids)
        try:
            value = find_value(entry, path.upper())
        except BulkDataError:
            raise RequestError("the bulk data to which the data set refers is missing", 404) from None
        if value is None:
            raise RequestError("no bulk data has this path", 404)
        return value

    # --- store -------------------------------------------------------------------------------------------------

    async def store(self, request: Request) -> Response:
        """Store instances (PS3.18 10.5)."""
        study = _uids(request).get("study")
        return await store_instances(request, self._catalog, study, _base_url(request))


def _drawn(parts: Iterable[Iterator[bytes]]) -> Iterator[Iterator[bytes]]:
    for part in parts:
        yield _followed(part)


def _followed(part: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from part
    except BulkDataError:
        raise RequestError("the bulk data to which the data set refers is missing", 404) from None


def _selected(entry: Entry, wanted: frozenset[str]) -> str:
    """Choose the transfer syntax of an instance (PS3.18 8.7.8.2).

    Raises:
        RequestError: No available transfer syntax is acceptable.
        InputError: The file is invalid.
        OSError: The file cannot be read.
    """
    stored = stored_syntax(entry)
    if "*" in wanted or stored in wanted:
        return stored
    if NATIVE in wanted and not is_encapsulated(stored):
        return NATIVE
    available = stored if is_encapsulated(stored) or stored == NATIVE else f"{stored}, {NATIVE}"
    raise RequestError(f"expected the parameter transfer-syntax={available} or * for these instances", 406)


def _ascending(numbers: list[int]) -> Iterator[list[int]]:
    """Split numbers into ascending runs."""
    run = numbers[:1]
    for number in numbers[1:]:
        if number > run[-1]:
            run.append(number)
        else:
            yield run
            run = [number]
    yield run
