"""Applications for ``server.serving``: data sets from producers of all kinds."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator

from fastapi import FastAPI
from pydicom import Dataset
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette_compress import CompressMiddleware, add_compress_type

from streamdicom import InputError, dumps, iter_events, loads
from streamdicom.events import Event
from streamdicom.web.asgi.errors import exception_handlers
from streamdicom.web.asgi.formatters import DEFAULT_FORMATTERS, Formatter
from streamdicom.web.asgi.requests import iter_request_datasets
from streamdicom.web.asgi.responses import DatasetResponse, DicomJSONResponse, DicomXMLResponse, negotiated_response
from tests.web.asgi.samples import dataset

# The fate of each producer, for /state.
seen: Counter[str] = Counter()


def counted(request: Request) -> Iterator[Dataset]:
    for number in range(int(request.query_params.get("count", "3"))):
        yield dataset(number, int(request.query_params.get("filling", "0")))


async def counted_async(request: Request) -> AsyncIterator[Dataset]:
    for one in counted(request):
        yield one


def datasets(request: Request) -> Iterator[Dataset] | AsyncIterator[Dataset]:
    return counted_async(request) if request.path_params.get("kind") == "async" else counted(request)


def events(request: Request) -> Iterator[Event] | AsyncIterator[Event]:
    text = dumps(list(counted(request))).encode()
    cut = int(request.query_params.get("cut", "0"))
    found = list(iter_events(text))[: -cut or None]

    async def later() -> AsyncIterator[Event]:
        for event in found:
            yield event

    return later() if "async" in request.query_params else iter(found)


def as_events(request: Request) -> Response:
    return negotiated_response(request, events(request))


def endless(pause: float, filling: int) -> Iterator[Dataset]:
    try:
        for number in range(1_000_000_000):
            seen["drawn"] += 1
            yield dataset(number, filling)
            time.sleep(pause)
    finally:
        seen["closed"] += 1


async def endless_async(pause: float, filling: int) -> AsyncIterator[Dataset]:
    try:
        for number in range(1_000_000_000):
            seen["drawn"] += 1
            yield dataset(number, filling)
            await asyncio.sleep(pause)
    finally:
        await asyncio.sleep(0.01)  # closing may need the event loop
        seen["closed"] += 1


def failing(after: int, error: Exception) -> Iterator[Dataset]:
    for number in range(after):
        yield dataset(number)
    raise error


async def search(request: Request) -> Response:
    return negotiated_response(request, datasets(request), headers={"X-Page": "1"})


async def plain(request: Request) -> Response:
    kinds = {"json": DicomJSONResponse, "xml": DicomXMLResponse}
    kind = kinds[request.path_params["form"]]
    if "one" in request.query_params:
        return kind(dataset(17), 202)
    return kind(list(counted(request)), int(request.query_params.get("status", "200")))


async def forever(request: Request) -> Response:
    pause, filling = (float(request.query_params.get(name, "0")) for name in ("pause", "filling"))
    maker = endless_async if request.path_params["kind"] == "async" else endless
    if request.method == "POST":
        await request.body()
    return negotiated_response(
        request, maker(pause, int(filling)), background=BackgroundTask(lambda: seen.update(["background"]))
    )


_ERRORS: dict[str, Exception] = {
    "found": HTTPException(404, "no such study"),
    "server": RuntimeError("broken"),
    "stored": InputError("what the server has stored is broken"),
}


async def failure(request: Request) -> Response:
    error = _ERRORS[request.path_params["error"]]
    made = failing(int(request.path_params["after"]), error)
    return (DicomXMLResponse if "form" in request.query_params else DicomJSONResponse)(made)


async def unwritable(request: Request) -> Response:
    bad = Dataset()
    bad.add_new(0x00280010, "US", 512)
    bad[0x00280010]._value = "many"
    return DicomJSONResponse([bad])


async def wrong(request: Request) -> Response:
    return DicomJSONResponse([loads((await request.body()) or b"{}")])


async def echo(request: Request) -> Response:
    return negotiated_response(request, iter_request_datasets(request))


async def ending(request: Request) -> Response:
    finished = BackgroundTask(lambda: seen.update(["background"]))
    return DicomJSONResponse(counted(request), background=finished)


async def custom(request: Request) -> Response:
    formatters = (Formatter("text/plain", lambda options, array: _Names()), *DEFAULT_FORMATTERS[2:])
    return negotiated_response(request, counted(request), formatters=formatters)


class _Names:
    def encode(self, dataset: Dataset) -> Iterator[bytes]:
        yield f"{dataset.PatientID}\n".encode()

    def flush(self) -> bytes:
        return b""

    def close(self) -> bytes:
        return b"end\n"


async def state(request: Request) -> Response:
    return JSONResponse(seen)


app = Starlette(
    routes=[
        Route("/studies", search),
        Route("/events", as_events),
        Route("/{kind}/studies", search),
        Route("/form/{form}", plain),
        Route("/forever/{kind}", forever, methods=["GET", "POST"]),
        Route("/failure/{error}/{after:int}", failure),
        Route("/unwritable", unwritable),
        Route("/wrong", wrong, methods=["POST"]),
        Route("/echo", echo, methods=["POST"]),
        Route("/ending", ending),
        Route("/custom", custom),
        Route("/state", state),
    ],
    exception_handlers=exception_handlers,
)

for media_type in ("application/dicom+json", "application/json", "multipart/related"):
    add_compress_type(media_type, streaming=True)

gzip = GZipMiddleware(app, minimum_size=0)
zstd = CompressMiddleware(app)

fast = FastAPI(exception_handlers=exception_handlers)


@fast.get("/studies")
def fast_search(request: Request, count: int = 3) -> DatasetResponse:
    return negotiated_response(request, (dataset(number) for number in range(count)))
