"""A DICOMweb origin server over a folder (PS3.18 10): search, retrieve and store, as an application of Starlette.

Everything is streamed: what is searched for comes from the index row by row, metadata from the files instance by
instance, files and values in pieces. Nothing of a client gets into a path or a header but UIDs that are ones.
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
from streamdicom.server.catalog import Entry, Index
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

_MOST_FRAMES = 1000  # in one request
_FRAMES = re.compile(r"[1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*")
_VALUE = re.compile(r"[0-9A-F]{8}(?:/[0-9]{1,6}/[0-9A-F]{8}){0,84}", re.IGNORECASE)
_PIXEL_DATA = format_tag(PIXEL_DATA)

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_SHORTEST_PAUSE = 10.0  # seconds between two looks at the folder
_SHARE = 20  # how many times longer than a look the pause behind it is


def server_app(index: Index, *, read_only: bool = False) -> Starlette:
    """A DICOMweb origin server (PS3.18 10): QIDO-RS, WADO-RS and STOW-RS.

    While it runs, it looks again and again whether files have come, changed or gone.

    - ``GET /studies``, ``/series``, ``/instances``, and those of a study or a series: search (10.6).
    - ``GET .../metadata`` of a study, a series, an instance (10.4.1.1.2), in DICOM JSON or XML.
    - ``GET`` of a study, a series, an instance: DICOM files, in their own transfer syntax or, unless they are
      compressed, in explicit VR little endian (10.4.1.1.1).
    - ``GET .../bulkdata/...``: the values that metadata refers to; ``.../frames/1,2``: frames (10.4.1.1.5, 10.4.1.1.6).
    - ``POST /studies``, ``/studies/{study}``: store (10.5).

    Args:
        index: The index of the folder. It is not closed.
        read_only: Whether nothing can be stored.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Index(folder) as index:
    ...     [route.path for route in server_app(index).routes][:2]
    ['/studies', '/studies/{study}/series']
    """
    server = _Server(index)
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
    """What is answered when the folder or its index cannot be read or written (PS3.18 8.5)."""
    what, why = ("folder", error.strerror) if isinstance(error, OSError) else ("index", error)
    _log.error("the %s cannot be read or written: %s", what, why)
    return PlainTextResponse(f"the {what} of the server cannot be read or written: {why}\n", 503)


def _checked(endpoint: Any) -> Any:
    """An endpoint, which is called in a thread, with the UIDs in its path."""

    def call(request: Request) -> Response:
        response: Response = endpoint(request, _uids(request))
        return response

    return call


def _uids(request: Request) -> dict[str, str]:
    """The UIDs in the path (PS3.5 9.1).

    Raises:
        RequestError: What stands there is none.
    """
    uids = {name: text for name, text in request.path_params.items() if name in ("study", "series", "instance")}
    for name, text in uids.items():
        if not is_uid(text):
            raise RequestError(f"the UID of the {name} in the path is none (PS3.5 9.1)", 400)
    return uids


def _base_url(request: Request) -> str:
    """What URLs of resources begin with: where the request came to."""
    url = request.base_url
    address, port = request.scope.get("server") or ("", None)
    # dicomweb-client sends its requests with a Host that lacks the port. A name on this machine is not that of a proxy.
    if url.port is None and port not in (None, 80, 443) and url.hostname in (*_LOOPBACK, address):
        url = url.replace(port=port)
    return str(url).rstrip("/")


class _Server:
    """What answers."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @asynccontextmanager
    async def refreshing(self, app: Starlette) -> AsyncIterator[None]:
        """Keep the index up to date while the server runs."""
        await run_in_threadpool(remove_leftovers, self._index)
        task = asyncio.create_task(self._refresh())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _refresh(self) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            await asyncio.sleep(pause)
            start = time.monotonic()
            with suppress(OSError, sqlite3.Error):  # which the next look may not have
                await run_in_threadpool(self._index.refresh)
            pause = max(_SHORTEST_PAUSE, _SHARE * (time.monotonic() - start))

    # --- search ------------------------------------------------------------------------------------------------

    def search(self, level: Level, request: Request, uids: dict[str, str]) -> Response:
        """What matches (PS3.18 10.6)."""
        query = parse_query(level, request.url.query)
        # RFC 7234 5.5: code, agent, text. The agent is no name that the client has sent.
        warnings = ", ".join(f'299 streamdicom "{text}"' for text in query.warnings)
        results = self._index.search(query, uids.get("study"), uids.get("series"), _base_url(request))
        return answer(request, results, RESULTS, {"Warning": warnings} if warnings else None)

    # --- retrieve ----------------------------------------------------------------------------------------------

    def _entries(self, uids: dict[str, str]) -> Iterator[Entry]:
        """Where the instances are.

        Raises:
            RequestError: There are none, when the first is asked for.
        """
        entries = self._index.entries(**uids)
        first = next(entries, None)
        if first is None:
            raise RequestError("there is nothing of that UID here", 404)
        return chain([first], entries)

    def _entry(self, request: Request, uids: dict[str, str]) -> Entry:
        return next(self._entries(uids))

    def metadata(self, request: Request, uids: dict[str, str]) -> Response:
        """All of instances but their bulk data (PS3.18 10.4.1.1.2)."""
        base_url = _base_url(request)

        def drawn() -> Iterator[Iterator[Event]]:
            for entry in self._entries(uids):
                yield metadata(entry, f"{base_url}/{resource_of(entry.study, entry.series, entry.instance)}")

        return answer(request, drawn(), METADATA)

    def instances(self, request: Request, uids: dict[str, str]) -> Response:
        """Instances as DICOM files (PS3.18 10.4.1.1.1)."""
        wanted = wanted_syntaxes(request)

        def drawn() -> Iterator[Iterator[bytes]]:
            if "*" not in wanted:  # so that the status tells it
                for entry in self._entries(uids):
                    _selected(entry, wanted)
            for entry in self._entries(uids):
                yield _followed(as_file(entry, _selected(entry, wanted)))

        return answer(request, drawn(), FILES)

    def value(self, request: Request, uids: dict[str, str]) -> Response:
        """A value that metadata refers to (PS3.18 10.4.1.1.5)."""
        value = self._value(request, uids, request.path_params["value"])
        return answer(request, _drawn(value.parts), formatters_of_value(request, value))

    def frames(self, request: Request, uids: dict[str, str]) -> Response:
        """Frames of pixel data, in the order in which they are asked for (PS3.18 10.4.1.1.6)."""
        text = request.path_params["numbers"]
        if not _FRAMES.fullmatch(text) or text.count(",") >= _MOST_FRAMES:
            raise RequestError(f"no list of up to {_MOST_FRAMES} frames, from 1 on", 400)
        numbers = [int(number) for number in text.split(",")]
        value = self._value(request, uids, _PIXEL_DATA)
        if max(numbers) > value.frames:
            raise RequestError("the instance has fewer frames", 404)
        if not value.transfer_syntax and not value.frame_size:
            raise RequestError("frames that are not of whole bytes, or of no known size, can only be had together", 406)

        def drawn() -> Iterator[Iterator[bytes]]:
            source = value
            for number, run in enumerate(_ascending(numbers)):
                if number:
                    source = self._value(request, uids, _PIXEL_DATA)
                yield from frames_of(source, run)

        return answer(request, _drawn(drawn()), formatters_of_value(request, value))

    def _value(self, request: Request, uids: dict[str, str], path: str) -> Value:
        if not _VALUE.fullmatch(path):
            raise RequestError("there is no such value", 404)
        entry = self._entry(request, uids)
        try:
            value = find_value(entry, path.upper())
        except BulkDataError:
            raise RequestError("the value is not where the data set says", 404) from None
        if value is None:
            raise RequestError("there is no such value", 404)
        return value

    # --- store -------------------------------------------------------------------------------------------------

    async def store(self, request: Request) -> Response:
        """Take instances (PS3.18 10.5)."""
        study = _uids(request).get("study")
        return await store_instances(request, self._index, study, _base_url(request))


def _drawn(parts: Iterable[Iterator[bytes]]) -> Iterator[Iterator[bytes]]:
    for part in parts:
        yield _followed(part)


def _followed(part: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from part
    except BulkDataError:
        raise RequestError("the value is not where the data set says", 404) from None


def _selected(entry: Entry, wanted: frozenset[str]) -> str:
    """The transfer syntax in which an instance is given (PS3.18 8.7.8.2).

    Raises:
        RequestError: There is none that is acceptable.
        InputError: The file is at fault.
        OSError: It cannot be read.
    """
    stored = stored_syntax(entry)
    if "*" in wanted or stored in wanted:
        return stored
    if NATIVE in wanted and not is_encapsulated(stored):
        return NATIVE
    available = stored if is_encapsulated(stored) or stored == NATIVE else f"{stored}, {NATIVE}"
    raise RequestError(f"the instances can only be had with the parameter transfer-syntax={available} or *", 406)


def _ascending(numbers: list[int]) -> Iterator[list[int]]:
    """The numbers in runs, in each of which they ascend."""
    run = numbers[:1]
    for number in numbers[1:]:
        if number > run[-1]:
            run.append(number)
        else:
            yield run
            run = [number]
    yield run
