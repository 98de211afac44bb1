"""Searches (QIDO-RS) and metadata (WADO-RS) of a DICOMweb server as data sets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NoReturn, TypeVar

from httpx2 import URL, Client, HTTPError, NetworkError, RemoteProtocolError, TimeoutException

from streamdicom._push import PushParser
from streamdicom.codec import EventStream
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import TruncatedError
from streamdicom.options import ReadOptions, options_or_default
from streamdicom.web.client.http import Exchange, Response, as_os_error, parse_url
from streamdicom.web.client.paging import (
    Fetch,
    ResponseParser,
    Retrieval,
    Search,
    dataset_parser,
    event_parser,
    search_uid_tag,
)

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_T = TypeVar("_T")

_ACCEPT = "application/dicom+json"

# Errors after which another request may succeed.
CONNECTION_LOST = (NetworkError, TimeoutException, RemoteProtocolError, TruncatedError)


def fetch_datasets(
    url: str,
    *,
    client: Client | None = None,
    options: ReadOptions | None = None,
    page_size: int = 1000,
    origins: Iterable[str] = (),
    as_file: bool = False,
) -> Iterator[Dataset]:
    """Yield data sets from a DICOMweb server, each as soon as it is complete.

    A URL that ends in ``/studies``, ``/series`` or ``/instances`` is a search (QIDO-RS, PS3.18 10.6). The search is
    requested in pages until a page is empty, because a server may return fewer results than requested without saying
    so. The parameters ``limit`` and ``offset`` of the URL bound the whole search. Any other URL, such as that of
    ``/metadata`` (WADO-RS, PS3.18 10.4.1.1.2), is requested once.

    After a lost connection the request is repeated, up to four times for each response, with pauses of 0.5, 1, 2 and 4
    seconds. A search continues at its offset, which requires that the server keeps the order of its results. Any other
    response is read again: data sets that were already delivered are skipped, and it is an error if their UIDs differ.

    Memory holds the data sets that 16 KiB of the response complete, however long the response is. The time-outs of the
    client apply, 30 seconds without a client. A response with no data for 60 seconds or 16 MiB is an error.

    References to bulk data are made absolute. Pass an ``HttpStore`` as ``ReadOptions.bulk_data_store`` to fetch the
    values.

    Args:
        url: An absolute http or https URL. User name and password in it are sent as credentials.
        client: Sends the requests, and is not closed. By default a client without credentials is used.
        options: Filters, limits and handling of bulk data. The format is JSON.
        page_size: Results of a search to request at once.
        origins: Other origins, such as ``https://host:8443``, that the server may redirect to. They receive neither
            credentials nor headers nor cookies of the client.
        as_file: Return ``FileDataset`` objects.

    Raises:
        ValueError: The URL, an origin or the page size is invalid.
        TruncatedResult: The server has more results than it returns (Warning 299, PS3.18 8.3.4.4; or status 206).
        ResponseError: An error status, another media type, or a redirect to another origin.
        TruncatedError: The connection was lost after the last attempt.
        InputError: The response is malformed; the location is that in the response.
        OSError: The server cannot be reached.

    >>> from httpx2 import MockTransport, Response
    >>> def respond(request):
    ...     headers = {"Content-Type": "application/dicom+json"}
    ...     return Response(200, headers=headers, content=iter([b'[{"00080060": {"vr": "CS"}}]']))
    >>> with Client(transport=MockTransport(respond)) as client:
    ...     for dataset in fetch_datasets("http://localhost/studies/1.2/metadata", client=client):
    ...         print("Modality" in dataset)
    True
    """
    options = options_or_default(options, ReadOptions)
    target = parse_url(url)
    fetch, _ = _fetch(target, options, page_size, partial(dataset_parser, as_file=as_file))
    return _results(fetch, target, Exchange(target, client, origins, options.limits))


def fetch_events(
    url: str,
    *,
    client: Client | None = None,
    options: ReadOptions | None = None,
    page_size: int = 1000,
    origins: Iterable[str] = (),
) -> EventStream:
    """Iterate over the events of data sets from a DICOMweb server.

    They are for filters and ``write_events``. It takes less time than ``fetch_datasets``. The events of a data set are
    delivered when it is complete, or when ``ReadOptions.spool_threshold`` bytes of it are received; it is an error if
    the connection is lost after that.

    Args:
        url: As for ``fetch_datasets``, as all others.
        client: Sends the requests.
        options: Filters, limits and handling of bulk data.
        page_size: Results of a search to request at once.
        origins: Other origins that the server may redirect to.

    Raises:
        ValueError: As ``fetch_datasets``, and when it is iterated also the others.

    >>> import io
    >>> from httpx2 import MockTransport, Response
    >>> from streamdicom import write_events
    >>> def respond(request):
    ...     headers = {"Content-Type": "application/dicom+json"}
    ...     return Response(200, headers=headers, content=iter([b'[{"00080060": {"vr": "CS"}}]']))
    >>> target = io.BytesIO()
    >>> with Client(transport=MockTransport(respond)) as client:
    ...     write_events(fetch_events("http://localhost/studies/1.2/metadata", client=client), target)
    >>> target.getvalue()
    b'[{"00080060":{"vr":"CS"}}]'
    """
    options = options_or_default(options, ReadOptions)
    target = parse_url(url)
    fetch, uid_tag = _fetch(target, options, page_size, event_parser)
    results = _results(fetch, target, Exchange(target, client, origins, options.limits))
    return EventStream(fetch, chain.from_iterable(results), options, seen=(uid_tag,))


def _fetch(
    url: URL, options: ReadOptions, page_size: int, new: Callable[[ResponseParser, ReadOptions], PushParser[_T]]
) -> tuple[Fetch[_T], int]:
    """Return the requests for a URL, and the tag of the UID of each data set."""
    query = url.query.decode("ascii")
    uid_tag = search_uid_tag(url.path)
    if uid_tag is None:
        return Retrieval(query, options, new), SOP_INSTANCE_UID
    return Search(query, options, uid_tag, page_size, new), uid_tag


def _results(fetch: Fetch[_T], url: URL, exchange: Exchange) -> Iterator[_T]:
    with exchange:
        while not fetch.is_done:
            try:
                with exchange.get(url.copy_with(query=fetch.query.encode("ascii")), _ACCEPT) as response:
                    yield from _read(fetch, response)
            except CONNECTION_LOST as error:
                pause = fetch.connection_lost()
                if pause is None:
                    _fail(error, has_begun=fetch.has_begun)
                time.sleep(pause)
            except HTTPError as error:
                raise as_os_error(error) from error


def _read(fetch: Fetch[_T], response: Response) -> Iterator[_T]:
    if not fetch.start_response(response):
        return
    start = time.monotonic()
    for data in response.chunks:
        yield from fetch.feed(data, time.monotonic() - start)
        if fetch.is_done:
            return
        start = time.monotonic()
    yield from fetch.end_response()


def _fail(error: HTTPError | TruncatedError, *, has_begun: bool) -> NoReturn:
    if isinstance(error, TruncatedError):
        raise error
    if has_begun:
        raise TruncatedError(f"the connection was lost again after the last attempt: {error}") from error
    raise as_os_error(error) from error
