"""``HttpStore``: bulk data of a DICOMweb server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import urljoin

from httpx2 import URL, Client, HTTPError

from streamdicom.bulkdata import BulkDataInfo
from streamdicom.dicom import is_encapsulated
from streamdicom.errors import BulkDataError, LimitError, OutputError, RequestError, ResponseError, TruncatedError
from streamdicom.io import CHUNK
from streamdicom.limits import Limits
from streamdicom.web.client.http import Exchange, Response, as_os_error, parse_url
from streamdicom.web.client.paging import status_text
from streamdicom.web.content import check_part, parse_media_type
from streamdicom.web.multipart import DATA, START, MultipartParser

_OCTETS = "application/octet-stream"
# PS3.18 8.7.3.4. Without the parameter, servers refuse pixel data that they have compressed only.
_ACCEPT = f'multipart/related; type="{_OCTETS}"; transfer-syntax=*, {_OCTETS}; transfer-syntax=*; q=0.9'
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_MEMORY = 1024 * 1024  # bytes of a frame, beyond which it waits in a temporary file
_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0" + bytes(4)  # PS3.5 A.4


class HttpStore:
    """A read-only ``BulkDataStore`` that fetches values from a DICOMweb server.

    References are untrusted input. They and the redirects are followed only to the origin of the server (scheme, host
    and port) and to the origins that the caller names. Credentials are sent only to the server. Memory holds 64 KiB of
    a value.

    Pixel data that the server has compressed is fetched as it is. Its value has each frame in a fragment (PS3.5 A.4).

    Args:
        url: An absolute URL of the server, the base of relative references.
        client: As for ``fetch_datasets``. Without a client, each value is fetched over a connection of its own.
        origins: As for ``fetch_datasets``.
        limits: ``spooled_size`` bounds the size of a value, and ``max_expansion_ratio`` that of a compressed response.

    Raises:
        ValueError: The URL or an origin is invalid.

    >>> from httpx2 import MockTransport, Response
    >>> def respond(request):
    ...     return Response(200, headers={"Content-Type": "application/octet-stream"}, content=iter([b"ab"]))
    >>> with Client(transport=MockTransport(respond)) as client:
    ...     b"".join(HttpStore("http://localhost/dicom-web/", client=client).open("bulk/1"))
    b'ab'
    """

    def __init__(
        self, url: str, *, client: Client | None = None, origins: Iterable[str] = (), limits: Limits | None = None
    ) -> None:
        self._url = url
        self._home = parse_url(url)
        self._client = client
        self._origins = tuple(origins)
        self._limits = limits or Limits()
        self._exchange()  # raises now if an origin is invalid

    def _exchange(self) -> Exchange:
        return Exchange(self._home, self._client, self._origins, self._limits)

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        """Raise ``OutputError``: a server stores whole instances only (PS3.18 10.5)."""
        raise OutputError("an HttpStore is read-only: a server stores bulk data only with its instance")

    def open(self, uri: str) -> Iterator[bytes]:
        """Yield the segments of a value.

        The value is the body of the response, or its only part if it is multipart, or its compressed frames.

        Raises:
            BulkDataError: The reference is not allowed, or does not lead to exactly one value.
            LimitError: The value is too long.
            OSError: The server cannot be reached, or the connection was lost.
        """
        max_size = self._limits.spooled_size
        size = 0
        for segment in self._segments(uri):
            size += len(segment)
            if size > max_size:
                raise LimitError(f"bulk data of more than {max_size} bytes", "spooled_size")
            yield segment

    def _segments(self, uri: str) -> Iterator[bytes]:
        try:
            with self._exchange() as exchange, exchange.get(self._resolve(uri), _ACCEPT) as response:
                yield from _value(response)
        except HTTPError as error:
            raise as_os_error(error) from error
        except (RequestError, ResponseError, TruncatedError) as error:
            raise BulkDataError(f"bulk data cannot be fetched: {error.message}") from error

    def _resolve(self, uri: str) -> URL:
        try:
            url = parse_url(urljoin(self._url, uri))
            self._exchange().check(url)
        except ValueError as error:
            raise BulkDataError(f"a reference to bulk data is not followed: {error}") from None
        return url


def _value(response: Response) -> Iterator[bytes]:
    if response.status != 200:
        raise ResponseError(f"expected status 200, got {status_text(response)}", response.status)
    name, parameters = parse_media_type(response.media_type)
    if name == "multipart/related":
        yield from _parts(MultipartParser(parameters.get("boundary", "").encode("latin-1")), response.chunks)
    elif name == _OCTETS:
        _check_order(parameters)
        yield from response.chunks
    else:
        raise ResponseError(f"expected a response of type {_OCTETS}, got another media type", response.status)


def _parts(parser: MultipartParser, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the value in the only part, or encapsulate compressed frames."""
    parts = 0
    is_compressed = False
    with SpooledTemporaryFile(_MEMORY) as frame:
        for kind, value in chain.from_iterable(map(parser.feed, chunks)):
            if kind == START:
                parts += 1
                was_compressed, is_compressed = is_compressed, _check_part(value)
                if parts > 1 and not (was_compressed and is_compressed):
                    raise ResponseError("expected a multipart response with one part, got several", 200)
                if is_compressed and parts == 1:
                    yield _ITEM + bytes(4)  # an empty Basic Offset Table
            elif not is_compressed:
                if kind == DATA:
                    yield value
            elif kind == DATA:
                frame.write(value)
            else:
                yield from _fragment(frame)
    parser.close()
    if not parts:
        raise ResponseError("expected a multipart response with one part, got none", 200)
    if is_compressed:
        yield _DELIMITER


def _fragment(frame: IO[bytes]) -> Iterator[bytes]:
    """Yield a fragment with the bytes of a file, which is empty then."""
    size = frame.tell()
    yield _ITEM + (size + size % 2).to_bytes(4, "little")
    frame.seek(0)
    while data := frame.read(CHUNK):
        yield data
    yield bytes(size % 2)
    frame.seek(0)
    frame.truncate()


def _check_part(headers: dict[str, str]) -> bool:
    """Check the header fields of a part; return whether it is a compressed frame."""
    check_part(headers, 0, Limits())  # raises if the part has an encoding of its own
    name, parameters = parse_media_type(headers.get("content-type", _OCTETS))
    if name != _OCTETS:
        raise ResponseError(f"expected a part of type {_OCTETS}, got another media type", 200)
    _check_order(parameters)
    syntax = parameters.get("transfer-syntax", "")
    return bool(syntax) and is_encapsulated(syntax)


def _check_order(parameters: dict[str, str]) -> None:
    if parameters.get("transfer-syntax") == _BIG_ENDIAN:
        raise ResponseError("bulk data in big endian is not supported", 200)
