"""A DICOMweb client (PS3.18 10.4, 10.6): data sets while they come over HTTP, and the bulk data that they refer to.

It needs the extra ``http``, which is httpx2. A client of it brings what a server asks for: credentials, certificates,
proxies, time-outs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin

from httpx2 import URL, Client, HTTPError, NetworkError, RemoteProtocolError, TimeoutException

from streamdicom.bulkdata import BulkDataInfo
from streamdicom.errors import BulkDataError, LimitError, OutputError, RequestError, ResponseError, TruncatedError
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, options_or_default
from streamdicom.web.client.http import Exchange, Response, oserror, url_of
from streamdicom.web.client.paging import Fetch, Retrieval, Search, level_of, status_text
from streamdicom.web.content import check_part, parse_media_type
from streamdicom.web.multipart import DATA, START, MultipartParser

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_ACCEPT = "application/dicom+json"
_OCTETS = "application/octet-stream"
_ACCEPT_BULK_DATA = f'multipart/related; type="{_OCTETS}", {_OCTETS};q=0.9'  # PS3.18 8.7.3.3

# What asking again may help against.
_BROKEN = (NetworkError, TimeoutException, RemoteProtocolError, TruncatedError)


def fetch_datasets(
    url: str,
    *,
    client: Client | None = None,
    options: ReadOptions | None = None,
    page_size: int = 1000,
    origins: Iterable[str] = (),
    as_file: bool = False,
) -> Iterator[Dataset]:
    """The data sets that a DICOMweb server answers with, each as soon as it is complete.

    A URL that ends with ``/studies``, ``/series`` or ``/instances`` is a search (QIDO-RS, PS3.18 10.6). It is asked
    for in pages, until one is empty, which takes one request more than there are pages: servers may give less than
    they are asked for, and not all of them say so. The parameters ``limit`` and ``offset`` of the URL bound the search.
    Any other URL is asked for once, such as one that ends with ``/metadata`` (WADO-RS, PS3.18 10.4.1.1.2).

    If the connection breaks or stalls, it is made again, up to four times for each answer, after half a second, one,
    two and four. A search goes on at its offset; it is for the server to keep its order meanwhile. Another answer is
    passed over as far as it had come, and is an error if the UIDs in it are others than before.

    Memory holds what 16 KiB complete, however much the server sends. It is for the client to say how long to wait for
    the next bytes, 30 seconds without one; a minute or 16 MiB with nothing in them are an error.

    References to bulk data become absolute. Give an ``HttpStore`` as ``bulk_data_store`` of the options to have the
    values.

    Args:
        url: An absolute URL of http or https. User name and password in it are used as they would be by the client.
        client: What is sent with each request, and how; without it a client with no credentials. It is not closed.
        options: What is taken, what is chosen of it, and what becomes of bulk data. The format is JSON.
        page_size: Results of a search to ask for at once.
        origins: Which other origins, such as ``https://host:8443``, the server may redirect to. Nothing of the client
            but its time-outs is used for them, so that credentials go to the server alone.
        as_file: Whether to make FileDataset objects.

    Raises:
        ValueError: The URL, an origin or the size of a page is none.
        TruncatedResult: The server says that there is more (Warning 299, PS3.18 8.3.4.4; or 206) than can be had of it.
        ResponseError: An error status, another media type, or a redirect to another origin.
        TruncatedError: The connection broke once more than it is made again.
        InputError: What was read is at fault; the location is that in its answer.
        OSError: The server cannot be reached.

    >>> from httpx2 import MockTransport, Response
    >>> def answer(request):
    ...     headers = {"Content-Type": "application/dicom+json"}
    ...     return Response(200, headers=headers, content=iter([b'[{"00080060": {"vr": "CS"}}]']))
    >>> with Client(transport=MockTransport(answer)) as client:
    ...     for dataset in fetch_datasets("http://localhost/studies/1.2/metadata", client=client):
    ...         print("Modality" in dataset)
    True
    """
    target = url_of(url)
    options = options_or_default(options, ReadOptions)
    query = target.query.decode("ascii")
    level = level_of(target.path)
    fetch: Fetch
    if level is None:
        fetch = Retrieval(query, options, as_file=as_file)
    else:
        fetch = Search(query, options, level, page_size, as_file=as_file)
    return _datasets(fetch, target, Exchange(target, client, origins, options.limits))


def _datasets(fetch: Fetch, url: URL, exchange: Exchange) -> Iterator[Dataset]:
    with exchange:
        while not fetch.is_done:
            try:
                with exchange.get(url.copy_with(query=fetch.query.encode("ascii")), _ACCEPT) as response:
                    yield from _taken(fetch, response)
            except _BROKEN as error:
                pause = fetch.broken()
                if pause is None:
                    _fail(error, has_begun=fetch.has_begun)
                time.sleep(pause)
            except HTTPError as error:
                raise oserror(error) from error


def _taken(fetch: Fetch, response: Response) -> Iterator[Dataset]:
    if not fetch.begin(response):
        return
    start = time.monotonic()
    for data in response.chunks:
        yield from fetch.feed(data, time.monotonic() - start)
        if fetch.is_done:
            return
        start = time.monotonic()
    yield from fetch.end()


def _fail(error: HTTPError | TruncatedError, *, has_begun: bool) -> NoReturn:
    if isinstance(error, TruncatedError):
        raise error
    if has_begun:
        raise TruncatedError(f"the connection broke, and broke again: {error}") from error
    raise oserror(error) from error


# --- bulk data -------------------------------------------------------------------------------------------------


class HttpStore:
    """A ``BulkDataStore`` to read from: values that references in the answers of a server lead to.

    A reference comes from a document, and a document from anywhere: so it is followed to the origin of the server
    alone, which is scheme, host and port, and to origins that are named. Redirects too. Credentials go to the server
    alone. Memory holds 64 KiB of a value.

    Args:
        url: Any absolute URL of the server; what a relative reference is relative to.
        client: As for ``fetch_datasets``; without it each value has a connection of its own.
        origins: As for ``fetch_datasets``.
        limits: ``spooled_size`` bounds a value, and ``max_expansion_ratio`` what comes out of a compressed answer.

    Raises:
        ValueError: The URL or an origin is none.

    >>> from httpx2 import MockTransport, Response
    >>> def answer(request):
    ...     return Response(200, headers={"Content-Type": "application/octet-stream"}, content=iter([b"ab"]))
    >>> with Client(transport=MockTransport(answer)) as client:
    ...     b"".join(HttpStore("http://localhost/dicom-web/", client=client).open("bulk/1"))
    b'ab'
    """

    def __init__(
        self, url: str, *, client: Client | None = None, origins: Iterable[str] = (), limits: Limits | None = None
    ) -> None:
        self._url = url
        self._home = url_of(url)
        self._client = client
        self._origins = tuple(origins)
        self._limits = limits or Limits()
        self._exchange()  # which raises if there is anything wrong

    def _exchange(self) -> Exchange:
        return Exchange(self._home, self._client, self._origins, self._limits)

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        """Not to be had: a server takes values with their instances (PS3.18 10.5).

        Raises:
            OutputError: Always.
        """
        raise OutputError("a server takes no values by themselves")

    def open(self, uri: str) -> Iterator[bytes]:
        """The segments of a value: the body of an answer, or the one part of it if it is multipart.

        Raises:
            BulkDataError: The URI leads nowhere, may not be followed, or leads to something else than one value.
            LimitError: The value is too long.
            OSError: The server cannot be reached, or stopped to answer.
        """
        most = self._limits.spooled_size
        size = 0
        for segment in self._segments(uri):
            size += len(segment)
            if size > most:
                raise LimitError(f"bulk data of more than {most} bytes", "spooled_size")
            yield segment

    def _segments(self, uri: str) -> Iterator[bytes]:
        try:
            with self._exchange() as exchange, exchange.get(self._resolved(uri), _ACCEPT_BULK_DATA) as response:
                yield from _value(response)
        except HTTPError as error:
            raise oserror(error) from error
        except (RequestError, ResponseError, TruncatedError) as error:
            raise BulkDataError(f"bulk data that cannot be had: {error.message}") from error

    def _resolved(self, uri: str) -> URL:
        try:
            url = url_of(urljoin(self._url, uri))
            self._exchange().check(url)
        except ValueError as error:
            raise BulkDataError(f"a reference that is not followed: {error}") from None
        return url


def _value(response: Response) -> Iterator[bytes]:
    if response.status != 200:
        raise ResponseError(f"the server answers {status_text(response.status)}", response.status)
    name, parameters = parse_media_type(response.media_type)
    if name == "multipart/related":
        yield from _only_part(MultipartParser(parameters.get("boundary", "").encode("latin-1")), response.chunks)
    elif name == _OCTETS:
        yield from response.chunks
    else:
        raise ResponseError(f"the server answers in another media type than {_OCTETS}", response.status)


def _only_part(reader: MultipartParser, chunks: Iterator[bytes]) -> Iterator[bytes]:
    parts = 0
    for chunk in chunks:
        for kind, value in reader.feed(chunk):
            if kind == DATA:
                yield value
            elif kind == START:
                parts += 1
                _check_only(parts, value)
    reader.close()
    if not parts:
        raise ResponseError("the server answers with no part", 200)


def _check_only(number: int, headers: dict[str, str]) -> None:
    if number > 1:
        raise ResponseError("the server answers with several parts where one value is due", 200)
    check_part(headers, 0, Limits())  # whether there is an encoding
    if parse_media_type(headers.get("content-type", _OCTETS))[0] != _OCTETS:
        raise ResponseError(f"the server answers with a part of another media type than {_OCTETS}", 200)
