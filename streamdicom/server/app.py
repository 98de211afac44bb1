"""The ASGI application of the origin server (PS3.18 10).

All responses are streamed: search results row by row, metadata instance by instance, files and values in pieces. Of a
request, only validated UIDs reach a path or a header.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, cast

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
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
from streamdicom.server.access import Access, Verify, by_token
from streamdicom.server.catalog import Catalog, Entry
from streamdicom.server.guard import LOOPBACK, Guard, check_origins
from streamdicom.server.landing import landing_page
from streamdicom.server.lifetime import Lifetime, OnFirstUse
from streamdicom.server.limits import ServerLimits
from streamdicom.server.operations import AccessLog, Bounded, Health
from streamdicom.server.qido import Level, parse_query
from streamdicom.server.stow import store_instances
from streamdicom.server.wado import (
    FILES,
    METADATA,
    NATIVE,
    ONE_FILE,
    RESULTS,
    File,
    Value,
    answer,
    as_file,
    byte_range,
    cut,
    failed_precondition,
    file_part,
    file_size,
    find_value,
    formatters_of_value,
    frames_of,
    metadata,
    resource_of,
    stored_syntax,
    validators,
    wanted_syntaxes,
)
from streamdicom.web.asgi import DatasetResponse, Formatter, exception_handlers

try:
    from starlette_compress import CompressMiddleware, add_compress_type
except ModuleNotFoundError:  # the extra "web" does without
    _COMPRESSION = []
else:
    add_compress_type("application/dicom+json", streaming=True)
    # Level 1 of zstd takes a sixth of the memory of a response that the default takes.
    _COMPRESSION = [Middleware(CompressMiddleware, brotli=False, zstd_level=1)]

_log = logging.getLogger(__name__)

_MAX_FRAMES = 1000  # of one request
_FRAMES = re.compile(r"[1-9][0-9]{0,8}(?:,[1-9][0-9]{0,8})*")
_VALUE = re.compile(r"[0-9A-F]{8}(?:/[0-9]{1,6}/[0-9A-F]{8}){0,84}", re.IGNORECASE)
_PIXEL_DATA = format_tag(PIXEL_DATA)

# The fields that a page may read, besides those that every page may read (Fetch 3.3.3).
_EXPOSED = ("Accept-Ranges", "Content-Encoding", "Content-Range", "ETag", "Location", "Warning")


def server_app(
    catalog: Catalog | str | os.PathLike[str],
    *,
    read_only: bool = False,
    lenient_accept: bool = False,
    cors: Collection[str] = (),
    hosts: Collection[str] = (),
    access: Mapping[str, str] | Verify | None = None,
    limits: ServerLimits | None = None,
) -> Starlette:
    """Return the ASGI application of a DICOMweb origin server (PS3.18 10).

    The application indexes the folder when it starts, or with its first request if it is mounted in another
    application, and refreshes the index while it runs.

    - ``GET /studies``, ``/series``, ``/instances``, also of a study or a series: search (10.6).
    - ``GET .../metadata`` of a study, a series, an instance: metadata in DICOM JSON or XML (10.4.1.1.2).
    - ``GET`` of a study, a series, an instance: DICOM files in their own transfer syntax, or in explicit VR little
      endian unless they are compressed (10.4.1.1.1).
    - ``GET .../bulkdata/...``: values to which metadata refers (10.4.1.1.5).
    - ``GET .../frames/1,2``: frames (10.4.1.1.6).
    - ``POST /studies``, ``/studies/{study}``: store (10.5).
    - ``GET /``: a page with counts and links. ``GET /health``: 200 if the server works, 503 if not, without a token.

    ``HEAD`` works wherever ``GET`` does. Resources of one instance have validators for conditional requests; single
    parts of known size have byte ranges. JSON is compressed with gzip or zstd if ``starlette-compress`` is installed.

    Args:
        catalog: The folder, or its catalog, which the caller closes.
        read_only: Whether to refuse to store.
        lenient_accept: Whether to send compressed instances and frames to clients that do not name a transfer syntax,
            in place of 406.
        cors: Origins, such as ``https://viewer.example``, whose pages may use the server; ``*`` for any.
        hosts: Names of the server in the header field Host, besides the names of this machine and the address of the
            connection; ``*`` for any. Requests for other names are refused with 421.
        access: The access, ``read`` or ``write``, by the SHA-256 of each token; see ``parse_tokens``. Or a coroutine
            function that takes the request and returns its access, or None to refuse it. Without it, everyone who
            reaches the server has access.
        limits: Bounds on all clients together. Those on connections need ``BoundedProtocol`` too.

    Raises:
        OSError: The folder does not exist.
        ValueError: An origin has another form than browsers send.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Catalog(folder) as catalog:
    ...     [route.path for route in server_app(catalog).routes][:2]
    ['/studies', '/studies/{study}/series']
    """
    check_origins(cors)
    catalog = catalog if isinstance(catalog, Catalog) else Catalog(catalog)
    limits = limits or ServerLimits()
    server = _Server(catalog, limits, lenient_accept=lenient_accept)
    lifetime = Lifetime(catalog)
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
    routes.append(Route("/", server.landing))
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
    middleware = [
        Middleware(AccessLog),
        Middleware(Guard, hosts=hosts, origins=cors),
        Middleware(Health, check=catalog.check),
    ]
    if cors:
        methods = ("GET", "HEAD") if read_only else ("GET", "HEAD", "POST")
        middleware.append(
            Middleware(
                CORSMiddleware, allow_origins=cors, allow_methods=methods, allow_headers=["*"], expose_headers=_EXPOSED
            )
        )
    middleware.append(Middleware(Bounded, requests=limits.requests_at_once))  # after CORS: a page sees the 503
    if access is not None:  # after CORS, whose preflight requests have no token
        middleware.append(Middleware(Access, verify=access if callable(access) else by_token(access)))
    middleware += [Middleware(OnFirstUse, lifetime=lifetime, unavailable=_unavailable), *_COMPRESSION]
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers, lifespan=lifetime.lifespan)


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
    if url.port is None and port not in (None, 80, 443) and url.hostname in (*LOOPBACK, address):
        url = url.replace(port=port)
    return str(url.replace(path=request.scope.get("root_path", ""))).rstrip("/")  # below the mount


class _Server:
    """The endpoints."""

    def __init__(self, catalog: Catalog, limits: ServerLimits, *, lenient_accept: bool) -> None:
        self._catalog = catalog
        self._limits = limits
        self._lenient = lenient_accept

    def landing(self, request: Request) -> Response:
        """Return a page for people who open the address in a browser."""
        return landing_page(self._catalog.counts(), _base_url(request))

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

    def _entry(self, uids: dict[str, str]) -> Entry:
        return next(self._entries(uids))

    def metadata(self, request: Request, uids: dict[str, str]) -> Response:
        """Retrieve metadata: instances without their bulk data (PS3.18 10.4.1.1.2)."""
        base_url = _base_url(request)

        def drawn() -> Iterator[Callable[[object | None], Iterator[Event]]]:
            for entry in self._entries(uids):
                resource = resource_of(entry.study, entry.series, entry.instance)
                yield partial(metadata, entry, f"{base_url}/{resource}")

        response = answer(request, drawn(), METADATA)
        if "instance" not in uids:
            return response
        return _conditional(request, response, self._entry(uids), base_url)

    def instances(self, request: Request, uids: dict[str, str]) -> Response:
        """Retrieve DICOM files (PS3.18 10.4.1.1.1)."""
        wanted = wanted_syntaxes(request, lenient=self._lenient)

        def drawn() -> Iterator[File]:
            if "*" not in wanted:  # refuse before the headers are sent
                for entry in self._entries(uids):
                    _selected(entry, wanted)
            for entry in self._entries(uids):
                syntax = _selected(entry, wanted)
                yield File(syntax, _followed(as_file(entry, syntax, self._limits.free_space)))

        if "instance" not in uids:
            return answer(request, drawn(), (FILES,))
        entry = self._entry(uids)
        syntax = _selected(entry, wanted)
        file = File(syntax, _followed(as_file(entry, syntax, self._limits.free_space)))
        response = answer(request, [file], (FILES, ONE_FILE))
        size = file_size(entry, syntax)
        if response.media_type != ONE_FILE.media_type:
            return _conditional(request, response, entry, syntax, sized=_sized([file], size))
        return _ranged(request, response, entry, ONE_FILE, size, partial(file_part, entry), syntax)

    def value(self, request: Request, uids: dict[str, str]) -> Response:
        """Retrieve the value of a reference in metadata (PS3.18 10.4.1.1.5)."""
        path = request.path_params["value"]
        entry, value = self._value(uids, path)
        formatters = formatters_of_value(request, value, lenient=self._lenient)
        response = answer(request, _drawn(value.parts), formatters)
        if value.transfer_syntax or response.media_type != formatters[-1].media_type:
            return _conditional(request, response, entry, path, sized=_sized([value], value.size))

        def part(wanted: range) -> Iterator[bytes]:
            return _followed(cut(next(value.parts), wanted))

        return _ranged(request, response, entry, formatters[-1], value.size, part, path)

    def frames(self, request: Request, uids: dict[str, str]) -> Response:
        """Retrieve frames of pixel data, in the order of the request (PS3.18 10.4.1.1.6)."""
        text = request.path_params["numbers"]
        if not _FRAMES.fullmatch(text) or text.count(",") >= _MAX_FRAMES:
            raise RequestError(f"expected a list of at most {_MAX_FRAMES} frame numbers, counted from 1", 400)
        numbers = [int(number) for number in text.split(",")]
        entry, value = self._value(uids, _PIXEL_DATA)
        is_short = value.size is not None and max(numbers) * value.frame_size > value.size
        if max(numbers) > value.frames or is_short:
            raise RequestError("the instance has fewer frames", 404)
        if not value.transfer_syntax and not value.frame_size:
            raise RequestError(
                "frames of unknown size, or not of whole bytes, can only be retrieved together, as bulk data", 406
            )

        formatters = formatters_of_value(request, value, lenient=self._lenient)
        response = answer(request, _drawn(frames_of(value, numbers, self._limits.free_space)), formatters)
        sized = _sized(numbers, value.frame_size if value.size is not None else None)
        return _conditional(request, response, entry, text, sized=sized)

    def _value(self, uids: dict[str, str], path: str) -> tuple[Entry, Value]:
        if not _VALUE.fullmatch(path):
            raise RequestError("no bulk data has this path", 404)
        entry = self._entry(uids)
        try:
            value = find_value(entry, path.upper())
        except BulkDataError:
            raise RequestError("the bulk data to which the data set refers is missing", 404) from None
        if value is None:
            raise RequestError("no bulk data has this path", 404)
        return entry, value

    # --- store -------------------------------------------------------------------------------------------------

    async def store(self, request: Request) -> Response:
        """Store instances (PS3.18 10.5)."""
        study = _uids(request).get("study")
        return await store_instances(request, self._catalog, self._limits, study, _base_url(request))


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


# --- conditional requests and ranges -----------------------------------------------------------------------------


def _sized(parts: Collection[Any], size: int | None) -> list[tuple[Any, int]] | None:
    """Return parts of one size with that size, or None if it is not known."""
    return None if size is None else [(part, size) for part in parts]


def _conditional(
    request: Request,
    response: DatasetResponse,
    entry: Entry,
    *variant: str,
    sized: Iterable[tuple[Any, int]] | None = None,
) -> Response:
    """Add validators and a length to a response, or return 304 or 412.

    Args:
        request: The request.
        response: The response.
        entry: The place of the instance.
        variant: Everything else on which the bytes depend.
        sized: The parts of the body with their sizes, if these are known.
    """
    kind = (response.media_type or "").partition("; boundary=")[0]
    found = validators(entry, kind, *variant, is_exact=False)
    if refused := _refused(request, response, found):
        return refused
    response.headers.update(found)
    if sized is not None:
        response.set_length(sized)
    return response


def _refused(request: Request, response: Response, found: dict[str, str]) -> Response | None:
    """Return 304 or 412 if a precondition of the request fails."""
    status = failed_precondition(request.headers, found)
    if status is None:
        return None
    if status == 412:
        return PlainTextResponse("the resource has changed (RFC 9110 13.1)\n", 412)
    vary = response.headers["Vary"]
    is_compressed = bool(_COMPRESSION) and (response.media_type or "").endswith("json")
    return Response(status_code=304, headers={**found, "Vary": f"{vary}, Accept-Encoding" if is_compressed else vary})


def _ranged(
    request: Request,
    response: DatasetResponse,
    entry: Entry,
    formatter: Formatter,
    size: int | None,
    part: Callable[[range], Iterator[bytes]],
    *variant: str,
) -> Response:
    """Return a single part, or the range of its bytes that the client requests.

    Args:
        request: The request.
        response: The whole.
        entry: The place of the instance.
        formatter: The format of the response.
        size: The bytes of the whole; None if that is not known.
        part: Returns a range of the bytes.
        variant: Everything else on which the bytes depend.
    """
    found = validators(entry, formatter.media_type, *variant, is_exact=True)
    if refused := _refused(request, response, found):
        return refused
    response.headers.update(found)
    if size is None:
        return response
    response.headers.update({"Accept-Ranges": "bytes", "Content-Length": str(size)})
    wanted = byte_range(request.headers, found, size) if request.method == "GET" else None
    if wanted is None:
        return response
    if not wanted:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    headers = {
        **found,
        "Accept-Ranges": "bytes",
        "Content-Length": str(len(wanted)),
        "Content-Range": f"bytes {wanted.start}-{wanted.stop - 1}/{size}",
        "Vary": "Accept",
    }
    return DatasetResponse(cast(Any, [part(wanted)]), 206, headers, formatter=formatter)
