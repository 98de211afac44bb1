"""An application that receives data sets and describes them, for its own process."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from pydicom.dataset import Dataset
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from streamdicom import DirectoryStore, Limits, ReadOptions, TruncatedError
from streamdicom.web.asgi.errors import exception_handlers
from streamdicom.web.asgi.requests import iter_request_datasets

_SECONDS = 1  # until a request times out


async def datasets(request: Request) -> Response:
    """Describe each data set; the query names the store of bulk data."""
    query = request.query_params
    store = DirectoryStore(query["store"], uri_prefix="bulk/") if "store" in query else None
    limits = Limits(**{name: int(value) for name, value in query.items() if name in Limits.__slots__})
    options = None if limits == Limits() else ReadOptions(limits=limits)
    found = iter_request_datasets(request, options=options, store=store, timeout=_SECONDS)
    try:
        return JSONResponse([described(dataset) async for dataset in found])
    except TruncatedError as error:  # the client may have left
        print(error, flush=True)
        raise


def described(dataset: Dataset) -> dict[str, Any]:
    """Return enough of a data set to recognize it."""
    pixels = dataset.get("PixelData")
    meta = getattr(dataset, "file_meta", None)
    return {
        "type": type(dataset).__name__,
        "id": dataset.get("PatientID"),
        "digest": _digest(pixels),
        "uri": getattr(dataset["PixelData"], "bulk_data_uri", None) if "PixelData" in dataset else None,
        "syntax": str(meta.get("TransferSyntaxUID")) if meta else None,
    }


def _digest(value: Any) -> str | None:
    if value is None or isinstance(value, bytes):
        return value and sha256(value).hexdigest()
    digest = sha256()
    while piece := value.read(65536):
        digest.update(piece)
    return digest.hexdigest()


async def count(request: Request) -> Response:
    """Count data sets without keeping any."""
    number = 0
    async for _ in iter_request_datasets(request, timeout=_SECONDS):
        number += 1
    return PlainTextResponse(str(number))


async def instances(request: Request) -> Response:
    """A minimal Store transaction (PS3.18 10.5)."""
    found = [dataset async for dataset in iter_request_datasets(request, timeout=_SECONDS)]
    uids = [
        {
            "00081150": {"vr": "UI", "Value": [dataset.SOPClassUID]},
            "00081155": {"vr": "UI", "Value": [dataset.SOPInstanceUID]},
        }
        for dataset in found
    ]
    body = {"00081199": {"vr": "SQ", "Value": uids}}
    return JSONResponse(body, media_type="application/dicom+json")


app = Starlette(
    routes=[
        Route("/datasets", datasets, methods=["POST"]),
        Route("/count", count, methods=["POST"]),
        Route("/studies", instances, methods=["POST"]),
    ],
    exception_handlers=exception_handlers,
)
