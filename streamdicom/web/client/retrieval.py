"""Retrieving DICOM files and values from a server (WADO-RS, PS3.18 10.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from httpx2 import URL, Client, HTTPError

from streamdicom.errors import RequestError, ResponseError, TruncatedError
from streamdicom.limits import Limits
from streamdicom.web.client.fetch import CONNECTION_LOST
from streamdicom.web.client.http import Exchange, Response, as_os_error, parse_url
from streamdicom.web.client.paging import status_text
from streamdicom.web.content import parse_media_type
from streamdicom.web.multipart import DATA, START, MultipartParser, PartEvent

_FILES = "application/dicom"
_VALUES = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Part:
    """One file or value of a response.

    Attributes:
        media_type: The media type, without parameters.
        transfer_syntax: The UID of the transfer syntax; "" if the server does not name it.
        chunks: The bytes, which must be read before the next part.
    """

    media_type: str
    transfer_syntax: str
    chunks: Iterator[bytes]


def retrieve(url: str, *, client: Client | None = None, origins: Iterable[str] = ()) -> Iterator[Part]:
    """Yield the DICOM files of a resource, or values of an instance, as they arrive.

    Everything is retrieved in the transfer syntax in which the server has it.

    Args:
        url: An absolute URL of a study, a series or an instance, or below ``/bulkdata`` or ``/frames``.
        client: Sends the requests, and is not closed. By default a client without credentials is used.
        origins: Other origins that the server may redirect to, without credentials.

    Raises:
        ValueError: The URL or an origin is invalid.
        ResponseError: An error status, or a malformed response.
        TruncatedError: The connection was lost; complete parts are valid.
        OSError: The server cannot be reached.
    """
    target = parse_url(url)
    return _parts(target, Exchange(target, client, origins, Limits()))


def accepted(url: URL) -> str:
    """Return the value of Accept for a resource (PS3.18 8.7.3.4).

    >>> accepted(parse_url("http://localhost/studies/1.2"))
    'multipart/related; type="application/dicom"; transfer-syntax=*, application/dicom; transfer-syntax=*; q=0.9'
    """
    kind = _VALUES if {"bulkdata", "frames"} & set(url.path.split("/")) else _FILES
    return f'multipart/related; type="{kind}"; transfer-syntax=*, {kind}; transfer-syntax=*; q=0.9'


def _parts(url: URL, exchange: Exchange) -> Iterator[Part]:
    with _errors(), exchange, exchange.get(url, accepted(url)) as response:
        if response.status != 200:
            raise ResponseError(f"expected status 200, got {status_text(response)}", response.status)
        name, parameters = parse_media_type(response.media_type)
        if name == "multipart/related":
            yield from _related(parameters.get("boundary", ""), response)
        else:
            yield Part(name, parameters.get("transfer-syntax", ""), _guarded(response.chunks))


@contextmanager
def _errors() -> Iterator[None]:
    """Convert errors of the connection and of the body."""
    try:
        yield
    except RequestError as error:
        raise ResponseError(f"a malformed response: {error.message}", 200) from error
    except CONNECTION_LOST as error:
        raise TruncatedError(f"the connection was lost: {error}") from error
    except HTTPError as error:
        raise as_os_error(error) from error


def _guarded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    with _errors():
        yield from chunks


def _related(boundary: str, response: Response) -> Iterator[Part]:
    events = _events(MultipartParser(boundary.encode("latin-1")), response.chunks)
    for kind, value in events:
        if kind == START:
            name, parameters = parse_media_type(value.get("content-type", ""))
            data = _guarded(_data(events))
            yield Part(name, parameters.get("transfer-syntax", ""), data)
            for _ in data:  # the rest, if the caller has not read it
                pass


def _events(parser: MultipartParser, chunks: Iterator[bytes]) -> Iterator[PartEvent]:
    for chunk in chunks:
        yield from parser.feed(chunk)
    yield from parser.close()


def _data(events: Iterator[PartEvent]) -> Iterator[bytes]:
    for kind, value in events:
        if kind != DATA:
            return
        yield value
