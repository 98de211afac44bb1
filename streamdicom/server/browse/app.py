"""The ASGI application of the page: its files, and a JSON API.

Every request of the API needs the token in the header ``Authorization: Bearer TOKEN``. A request with a parameter that
is not valid is answered 400, and one for a data set that does not exist 404. If the source has changed, the answer is
409 with the reason in ``error``, and ``changed`` is true.

- ``GET /api/status``: ``count`` of data sets so far, ``done`` and ``total`` bytes, ``complete``, ``seconds``,
  ``sources``, ``problems``.
- ``GET /api/rows?start=0&count=50&columns=PatientID,Modality``: ``rows``, each with ``number`` and ``cells``, or
  ``error``. ``numbers=3,17`` in place of ``start`` and ``count`` names the data sets.
- ``GET /api/columns?names=PatientID``: checks the names of columns.
- ``GET /api/tree?number=0&path=00081140[0]&start=0``: ``rows`` of the elements of a data set or an item, or of the
  items of a sequence; ``total``; ``error`` if the data set could not be read to its end.
- ``GET /api/value?number=0&path=00100010``: the ``values`` of an element, or ``hex`` digits of its first bytes.
- ``GET /api/find?uid=1.2.3``: the ``number`` of the first data set with a SOP Instance UID, or null, and the
  ``numbers`` of all.
- ``GET /api/deviations?number=0``: ``deviations`` with code, clause, path and byte offset.
- ``GET /api/json?number=0&path=00100010``: ``text`` of an element, and whether it is that of the ``source``.
- ``GET /api/search?select=Modality=CT&word=text``: lines of JSON, with the ``numbers`` of the data sets found, and the
  progress in ``done`` and ``count``; the last one is ``complete``. Closing the connection stops the search.
- ``GET /api/statistics?column=Modality``, with ``select`` and ``word`` as above: lines of progress, and at last
  ``statistics``.
- ``GET /api/sort?column=StudyDate&descending=1``, with ``select`` and ``word``: lines of progress, and then ``numbers``
  in the order of the column.
- ``GET /api/compare?left=0&right=1``: ``differences`` of two data sets, each with ``kind``, ``path`` and both sides;
  ``faults`` of data sets that could not be read to their end.
- ``GET /api/frame?number=0&frame=0&center=40&width=400``: the bytes of the pixels of a frame, and its facts in the
  field ``X-Picture``.
- ``GET /api/waveform?number=0&group=0``: the curves of ``channels``.
- ``POST /api/export`` with ``format``, ``numbers`` or null, ``select``, ``word`` and ``columns`` in JSON: a ``ticket``,
  with which ``GET /download/TICKET`` sends the file once.
- ``POST /api/reload``: opens the sources again.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from hmac import compare_digest
from importlib.resources import files
from importlib.util import find_spec
from threading import Lock
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamdicom.errors import StreamDicomError
from streamdicom.patterns import Pattern
from streamdicom.server.browse.checks import deviations, json_text
from streamdicom.server.browse.compare import compare
from streamdicom.server.browse.decoding import Decoding
from streamdicom.server.browse.exports import FORMATS, TABLES, Export, check_columns
from streamdicom.server.browse.library import Library
from streamdicom.server.browse.pictures import CannotShowError
from streamdicom.server.browse.rows import MAX_ROWS, Columns, rows
from streamdicom.server.browse.search import Query, find_uid
from streamdicom.server.browse.streams import found_lines, sorted_lines, statistics_lines
from streamdicom.server.browse.tables import Tables
from streamdicom.server.browse.tree import MAX_ROWS as MAX_TREE_ROWS
from streamdicom.server.browse.tree import children, parse_path
from streamdicom.server.browse.units import SourceChangedError
from streamdicom.server.browse.values import value_of
from streamdicom.server.guard import Guard

_STATIC = files("streamdicom.server.browse") / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_API = "/api/"
_MAX_BODY = 1024 * 1024  # bytes of a request
_MAX_TICKETS = 16
_GETS = (
    *("status", "rows", "columns", "tree", "value", "find", "deviations", "json"),
    *("search", "statistics", "sort", "compare", "frame", "waveform"),
)


class Opened:
    """The library of a server, which can be opened again.

    Args:
        library: The data sets.

    Attributes:
        library: The data sets.
        tables: Columns that were read.
        decoding: Pictures and curves.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        self.tables = Tables()
        self.decoding = Decoding()
        self._lock = Lock()

    def reload(self) -> None:
        """Open the sources again.

        Raises:
            SourceChangedError: A source is gone.
        """
        with self._lock:
            before = self.library
            try:
                self.library = Library(before.sources, force=before.force)
            except OSError as error:
                raise SourceChangedError(f"{error.filename}: {error.strerror}") from error
            before.close()
            self.tables.close()

    def close(self) -> None:
        """Close the library."""
        self.decoding.close()
        with self._lock:
            self.library.close()
            self.tables.close()


def browse_app(opened: Opened, token: str) -> Starlette:
    """Return the ASGI application of a page to look through data sets.

    Args:
        opened: The data sets; the caller closes them.
        token: The token that requests need.
    """
    endpoints = _Endpoints(opened)
    routes = [Route("/", _page)]
    routes += [Route(f"/{path.name}", _file) for path in _STATIC.iterdir() if path.name != "index.html"]
    routes += [Route(f"{_API}{name}", _answering(getattr(endpoints, name))) for name in _GETS]
    routes.append(Route(f"{_API}reload", _answering(endpoints.reload), methods=["POST"]))
    routes.append(Route(f"{_API}export", endpoints.export, methods=["POST"]))
    routes.append(Route("/download/{ticket}", endpoints.download))
    middleware = [
        Middleware(_Headers),
        Middleware(Guard, hosts=(), origins=()),
        Middleware(_Token, token=token),
    ]
    return Starlette(routes=routes, middleware=middleware)


class _Headers:
    """Middleware that adds the headers that keep other pages and scripts out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class _Token:
    """Middleware that refuses requests of the API without the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["path"].startswith(_API):
            found = dict(scope["headers"]).get(b"authorization", b"")
            if not compare_digest(found, self._expected):
                app = _answer({"error": "the token of the address that the command printed is required"}, 401)
        await app(scope, receive, send)


def _page(_: Request) -> Response:
    return Response((_STATIC / "index.html").read_bytes(), media_type=_TYPES[".html"])


def _file(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    suffix = name[name.rfind(".") :]
    return Response((_STATIC / name).read_bytes(), media_type=_TYPES[suffix])


def _answer(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")


def _answering(endpoint: Callable[[Request], Any]) -> Callable[[Request], Response]:
    """Wrap an endpoint, which runs in a thread, to answer in JSON."""

    def call(request: Request) -> Response:
        try:
            found = endpoint(request)
        except SourceChangedError as error:
            return _answer({"error": str(error), "changed": True}, 409)
        except IndexError as error:
            return _answer({"error": str(error)}, 404)
        except (StreamDicomError, CannotShowError) as error:
            return _answer({"error": str(error)}, 422)
        except ValueError as error:
            return _answer({"error": str(error)}, 400)
        return found if isinstance(found, Response) else _answer(found)

    return call


def _integer(request: Request, name: str, default: int = 0, most: int = 1 << 53) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or int(text) > most:
        raise ValueError(f"expected an integer from 0 to {most} as {name}")
    return int(text)


def _names(request: Request, name: str) -> list[str]:
    return [one for one in request.query_params.get(name, "").split(",") if one]


def _query(request: Request) -> Query:
    return _query_of(request.query_params.getlist("select"), request.query_params.getlist("word"))


def _query_of(select: Iterable[str], words: Sequence[str]) -> Query:
    where: dict[Pattern, list[str]] = {}
    for text in select:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError("expected KEYWORD=VALUE as select")
        where.setdefault(name, []).append(value)
    return Query(where, words)


def _stream(lines: Iterator[bytes]) -> Response:
    return StreamingResponse(lines, media_type="application/x-ndjson")


class _Wish(NamedTuple):
    """An export that was asked for."""

    format: str
    numbers: list[int] | None
    query: Query
    columns: list[str]

    @classmethod
    def of(cls, body: dict[str, Any]) -> _Wish:
        """Return the export that a request describes.

        Raises:
            ValueError: It describes none.
        """
        numbers = body.get("numbers")
        if body["format"] not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}")
        if numbers is not None and not all(isinstance(number, int) and number >= 0 for number in numbers):
            raise ValueError("numbers must be integers")
        columns = [str(name) for name in body.get("columns", ())]
        Columns(columns)
        return cls(body["format"], numbers, _query_of(body.get("select", ()), body.get("word", ())), columns)


async def _body(request: Request) -> dict[str, Any]:
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > _MAX_BODY:
            raise ValueError("the request is too long")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise TypeError("found another value than an object")
    return found


class _Endpoints:
    """The endpoints of the API; see the module."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._wishes: dict[str, _Wish] = {}

    @property
    def _library(self) -> Library:
        return self._opened.library

    def status(self, _: Request) -> dict[str, Any]:
        library, progress = self._library, self._library.progress
        return {
            "count": progress.count,
            "done": progress.done,
            "total": progress.total,
            "complete": progress.is_complete,
            "seconds": round(progress.seconds, 3),
            "units": progress.units,
            "sources": library.sources,
            "problems": progress.problems,
            "more_problems": progress.more_problems,
        }

    def rows(self, request: Request) -> dict[str, Any]:
        library = self._library
        columns = Columns(_names(request, "columns"))
        numbers: Any
        if "numbers" in request.query_params:
            numbers = [int(text) for text in _names(request, "numbers")[:MAX_ROWS]]
        else:
            start = _integer(request, "start")
            numbers = range(start, min(len(library), start + _integer(request, "count", 50, MAX_ROWS)))
        return {"rows": list(rows(library, numbers, columns)), "count": len(library)}

    def columns(self, request: Request) -> dict[str, Any]:
        return {"names": Columns(_names(request, "names")).names}

    def tree(self, request: Request) -> dict[str, Any]:
        number = _integer(request, "number")
        path = parse_path(request.query_params.get("path", ""))
        count = _integer(request, "count", MAX_TREE_ROWS, MAX_TREE_ROWS)
        found = children(self._library, number, path, _integer(request, "start"), count)
        error = None
        if found.error:
            error = {"message": found.error.message, "offset": found.error.location.byte_offset}
        located = self._library.locate(number)
        source = {"name": located.unit.name, "format": located.unit.format, "number": located.number}
        return {"rows": found.rows, "total": found.total, "error": error, "source": source, "start": located.start}

    def value(self, request: Request) -> dict[str, Any]:
        path = parse_path(request.query_params.get("path", ""))
        return value_of(self._library, _integer(request, "number"), path)

    def find(self, request: Request) -> dict[str, Any]:
        found = list(find_uid(self._library, request.query_params.get("uid", "")))
        return {"number": found[0] if found else None, "numbers": found}

    def deviations(self, request: Request) -> dict[str, Any]:
        return deviations(self._library, _integer(request, "number"))

    def json(self, request: Request) -> dict[str, Any]:
        path = parse_path(request.query_params.get("path", ""))
        return json_text(self._library, _integer(request, "number"), path)

    def search(self, request: Request) -> Response:
        return _stream(found_lines(self._library, _query(request)))

    def statistics(self, request: Request) -> Response:
        column = request.query_params.get("column", "")
        Columns([column])
        return _stream(statistics_lines(self._library, self._opened.tables, _query(request), column))

    def sort(self, request: Request) -> Response:
        column = request.query_params.get("column", "")
        Columns([column])
        descending = "descending" in request.query_params
        return _stream(sorted_lines(self._library, self._opened.tables, _query(request), column, descending=descending))

    def compare(self, request: Request) -> dict[str, Any]:
        return compare(self._library, _integer(request, "left"), _integer(request, "right"))

    def frame(self, request: Request) -> Response:
        center, width = (request.query_params.get(name) for name in ("center", "width"))
        window = (float(center), float(width)) if center and width else None
        number, frame = _integer(request, "number"), _integer(request, "frame")
        found = self._opened.decoding.picture(self._library, number, frame, window)
        headers = {"X-Picture": json.dumps(found.facts)}
        return StreamingResponse(iter(found.blocks), media_type="application/octet-stream", headers=headers)

    def waveform(self, request: Request) -> dict[str, Any]:
        number, group = _integer(request, "number"), _integer(request, "group")
        return self._opened.decoding.waveform(self._library, number, group)

    async def export(self, request: Request) -> Response:
        try:
            wish = _Wish.of(await _body(request))
        except (ValueError, TypeError, KeyError) as error:
            return _answer({"error": f"expected an export: {error}"}, 400)
        if wish.format in TABLES and find_spec("pyarrow") is None:
            return _answer({"error": 'pyarrow is not installed; install "streamdicom[arrow]"'}, 501)
        try:
            if wish.format in TABLES:
                check_columns(wish.columns)
        except ValueError as error:
            return _answer({"error": str(error)}, 400)
        if max(wish.numbers or [0]) >= max(1, len(self._library)):
            return _answer({"error": "expected the numbers of data sets"}, 404)
        ticket = secrets.token_urlsafe()
        self._wishes[ticket] = wish
        while len(self._wishes) > _MAX_TICKETS:
            self._wishes.pop(next(iter(self._wishes)))
        return _answer({"ticket": ticket})

    def download(self, request: Request) -> Response:
        wish = self._wishes.pop(request.path_params["ticket"], None)
        if wish is None:
            return _answer({"error": "there is no such download; it can be used once"}, 404)
        row = FORMATS[wish.format]
        export = Export(self._library, wish.numbers, wish.query, wish.columns)
        headers = {"Content-Disposition": f'attachment; filename="datasets{row.suffix}"'}
        return StreamingResponse(row.write(export), media_type=row.media_type, headers=headers)

    def reload(self, _: Request) -> dict[str, Any]:
        self._opened.reload()
        return {}
