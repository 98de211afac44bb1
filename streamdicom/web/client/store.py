"""``HttpStore``: bulk data of a DICOMweb server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urljoin

from httpx2 import URL, Client, HTTPError

from streamdicom.bulkdata import BulkDataInfo
from streamdicom.errors import BulkDataError, LimitError, OutputError, RequestError, ResponseError, TruncatedError
from streamdicom.limits import Limits
from streamdicom.web.client.http import Exchange, Response, as_os_error, parse_url
from streamdicom.web.client.paging import status_text
from streamdicom.web.content import check_part, parse_media_type
from streamdicom.web.multipart import DATA, START, MultipartParser

_OCTETS = "application/octet-stream"
_ACCEPT = f'multipart/related; type="{_OCTETS}", {_OCTETS};q=0.9'  # PS3.18 8.7.3.3


class HttpStore:
    """A read-only ``BulkDataStore`` that fetches values from a DICOMweb server.

    References are untrusted input. They and the redirects are followed only to the origin of the server (scheme, host
    and port) and to the origins that the caller names. Credentials are sent only to the server. Memory holds 64 KiB of
    a value.

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

        The value is the body of the response, or its only part if it is multipart.

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
        raise ResponseError(f"expected status 200, got {status_text(response.status)}", response.status)
    name, parameters = parse_media_type(response.media_type)
    if name == "multipart/related":
        yield from _only_part(MultipartParser(parameters.get("boundary", "").encode("latin-1")), response.chunks)
    elif name == _OCTETS:
        yield from response.chunks
    else:
        raise ResponseError(f"expected a response of type {_OCTETS}, got another media type", response.status)


def _only_part(parser: MultipartParser, chunks: Iterator[bytes]) -> Iterator[bytes]:
    parts = 0
    for chunk in chunks:
        for kind, value in parser.feed(chunk):
            if kind == DATA:
                yield value
            elif kind == START:
                parts += 1
                _check_only(parts, value)
    parser.close()
    if not parts:
        raise ResponseError("expected a multipart response with one part, got none", 200)


def _check_only(number: int, headers: dict[str, str]) -> None:
    if number > 1:
        raise ResponseError("expected a multipart response with one part, got several", 200)
    check_part(headers, 0, Limits())  # raises if the part has an encoding of its own
    if parse_media_type(headers.get("content-type", _OCTETS))[0] != _OCTETS:
        raise ResponseError(f"expected a part of type {_OCTETS}, got another media type", 200)
