"""Client-side paging and resuming, without I/O.

A search (PS3.18 10.6) is requested page by page. After a lost connection it continues at the offset that it has
reached. Any other resource is one response, which is requested again: the data sets that were already delivered are
skipped, after a check that they are the same.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from urllib.parse import urljoin

from streamdicom._encoded import ENCODED, path_of
from streamdicom._push import PushParser, finished
from streamdicom.codec import DatasetPipeline
from streamdicom.converters import converters_in_force
from streamdicom.deviations import Deviation
from streamdicom.dicom import SERIES_INSTANCE_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID
from streamdicom.errors import RequestError, ResponseError, StreamDicomError, TruncatedError, TruncatedResult
from streamdicom.events import BULK_DATA, ELEMENT, END_DATASET, END_SEQUENCE, START_DATASET, START_SEQUENCE, Event
from streamdicom.filters import Pipeline
from streamdicom.formats import EventParser, SelfEncoding
from streamdicom.options import ReadOptions
from streamdicom.patterns import selection
from streamdicom.web.content import JSON, content_kind, parse_media_type

if TYPE_CHECKING:
    pass

_T = TypeVar("_T")

# The UID that identifies a result, by the last segment of the path of a search (PS3.18 table 10.6.1-1).
_UID_TAGS = {"studies": STUDY_INSTANCE_UID, "series": SERIES_INSTANCE_UID, "instances": SOP_INSTANCE_UID}
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each attempt after a lost connection
_STATUSES = frozenset(HTTPStatus)
GATEWAY_ERRORS = frozenset({502, 503, 504})  # the server may be back soon

# Without UIDs, a server that ignores the offset and repeats its first page cannot be recognized.
_MAX_PAGES_WITHOUT_UID = 100

# A valid response yields an event at least every few ``Limits.segment_size``, unless it holds only white space.
_MAX_IDLE_SIZE = 16 * 1024 * 1024  # bytes
_MAX_IDLE_SECONDS = 60.0

_WARNING_SEPARATOR = re.compile(r",\s*(?=[0-9]{3}\s)")  # between warnings in one header field

_MORE_RESULTS = "the server has more results than it returns"


def status_text(head: ResponseHead) -> str:
    """Return the status of a response, with its phrase and its reason."""
    reason = head.reason()
    phrase = f" {HTTPStatus(head.status).phrase}" if head.status in _STATUSES else ""
    return f"{head.status}{phrase}{f': {reason}' if reason else ''}"


class ResponseHead(Protocol):
    """Status and header fields of a response."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def url(self) -> str:
        """The URL of the response, the base of relative references in it."""

    @property
    def media_type(self) -> str:
        """The header field Content-Type, or ""."""

    @property
    def warnings(self) -> list[str]:
        """The header fields Warning."""

    def reason(self) -> str:
        """Return the explanation of an error status in the body, or nothing."""


# --- one response ----------------------------------------------------------------------------------------------


class ResponseParser:
    """A push parser of one response, which skips data sets already delivered.

    References to bulk data are made absolute, because they are relative to the response (RFC 3986 5.1.3).

    Args:
        options: Options of the JSON parser.
        url: The URL of the response.
        uid_tag: The tag of the UID that identifies a data set.
        skip_count: Data sets to skip at the start.
        skip_digest: The digest of the UIDs of the data sets to skip.
        max_datasets: Data sets to deliver, including those skipped.
        first: The number of data sets in the responses before this one.
        form: The form in which the engine may write elements; see ``EventParser.encode_in``.
        previous_uid: The first UID of the previous page. A page that starts with the same UID is not delivered.
    """

    def __init__(
        self,
        options: ReadOptions,
        url: str,
        uid_tag: int,
        *,
        skip_count: int = 0,
        skip_digest: bytes = b"",
        max_datasets: int = sys.maxsize,
        previous_uid: bytes = b"",
        first: int = 0,
        form: object | None = None,
    ) -> None:
        if skip_count and options.on_deviation:
            options = replace(options, on_deviation=_report_from(skip_count, options.on_deviation))
        self._parser = EventParser(options=options)
        if form is not None:
            self._parser.encode_in(form)
        self._url = url
        self._uid_tag = uid_tag
        self._skip_count = skip_count
        self._skip_digest = skip_digest
        self._max_datasets = max_datasets
        self._previous_uid = previous_uid
        self._first = first
        self.count = 0  # complete data sets, including those skipped
        self.first_uid = b""
        self.has_all_wanted = False  # max_datasets reached; the rest of the response is not needed
        self.is_repeated_page = False  # the first UID is that of the previous page
        self.has_events = False  # the last feed completed an event
        self._is_delivered = False  # the current data set
        self._depth = 0
        self._uid = b""  # of the current data set
        self._digest = blake2b(digest_size=16)  # of the UIDs so far

    @property
    def error(self) -> StreamDicomError | None:
        """As for ``EventParser``."""
        return self._parser.error

    @property
    def has_more(self) -> bool:
        """As for ``EventParser``."""
        return self._parser.has_more

    def feed(self, data: bytes) -> list[Event]:
        """Parse the next bytes; return the events that they complete."""
        events = self._parser.feed(data)
        self.has_events = bool(events)
        return list(self._delivered(events))

    def finish(self) -> list[Event]:
        """End the response; return the last events. ``close`` raises a fault after them."""
        return list(self._delivered(self._parser.finish()))

    def close(self) -> list[Event]:
        """End the response; return the last events, unless a fault follows them."""
        return list(self._delivered(self._parser.close()))

    def digest(self) -> bytes:
        """Return the digest of the UIDs of the data sets so far."""
        return self._digest.digest()

    def _delivered(self, events: list[Event]) -> Iterator[Event]:
        for event in events:
            kind, tag, vr, value = event
            if kind == START_DATASET:
                self._is_delivered = self._skip_count <= self.count < self._max_datasets and not self.is_repeated_page
                self._uid = b""
                event = (kind, tag, vr, self._first + self.count)
            elif kind == ENCODED:
                self._depth = len(path_of(value).sequences)
            elif kind == ELEMENT:
                if tag == self._uid_tag and not self._depth:
                    self._uid = repr(value).encode(errors="surrogatepass") if value else b""
            elif kind == BULK_DATA:
                event = (kind, tag, vr, self._absolute(value))
            elif kind == START_SEQUENCE:
                self._depth += 1
            elif kind == END_SEQUENCE:
                self._depth -= 1
            elif kind == END_DATASET:
                self._end_dataset()
            if self._is_delivered:
                yield event

    def _end_dataset(self) -> None:
        self._digest.update(self._uid + b"\n")
        if not self.count:
            self.first_uid = self._uid
            self.is_repeated_page = bool(self._uid) and self._uid == self._previous_uid
            self._is_delivered = self._is_delivered and not self.is_repeated_page
        self.count += 1
        self.has_all_wanted = self.count >= self._max_datasets
        if self.count == self._skip_count and self.digest() != self._skip_digest:
            raise _changed()

    def _absolute(self, uri: str) -> str:
        try:
            return urljoin(self._url, uri)
        except ValueError:  # an invalid URI is reported by the store that opens it
            return uri


def _report_from(index: int, report: Callable[[Deviation], object]) -> Callable[[Deviation], object]:
    """Drop the deviations of data sets before an index, which were already reported."""
    return lambda deviation: (deviation.location.dataset_index or 0) < index or report(deviation)


def _changed() -> ResponseError:
    return ResponseError("the connection was lost, and the repeated response has other data sets than the first", 200)


# --- data sets of a response -----------------------------------------------------------------------------------


class _EventsOfDatasets(PushParser[list[Event]]):
    """A push parser of the events of complete data sets.

    Args:
        parser: The parser of the response.
        pipeline: The filters.
        max_held: Bytes of a data set to hold. The events of a longer one are delivered before it is complete.

    Attributes:
        is_within: A part of a data set was delivered.
    """

    _deferred = Exception

    def __init__(self, parser: ResponseParser, pipeline: Pipeline, max_held: int) -> None:
        super().__init__()
        self._parser = parser
        self._pipeline = pipeline
        self._max_held = max_held
        self._held: list[Event] = []
        self._size = 0
        self.is_within = False

    def _has_more(self) -> bool:
        return self._parser.has_more

    def _feed(self, data: bytes, results: list[list[Event]]) -> None:
        self._size += len(data)
        self._add(self._parser.feed(data), results)

    def _close(self, results: list[list[Event]]) -> None:
        for events in finished(self._parser):
            self._add(events, results)

    def _add(self, events: Iterable[Event], results: list[list[Event]]) -> None:
        for event in self._pipeline.iter(events):
            self._held.append(event)
            if event[0] == END_DATASET:
                self._release(results, is_within=False)
        if self._size > self._max_held and self._held:
            self._release(results, is_within=True)
        if self._parser.error:
            raise self._parser.error

    def _release(self, results: list[list[Event]], *, is_within: bool) -> None:
        results.append(self._held)
        self._held, self._size, self.is_within = [], 0, is_within


def dataset_parser(parser: ResponseParser, options: ReadOptions, *, as_file: bool = False) -> DatasetPipeline:
    """Return a push parser of the data sets of a response.

    Args:
        parser: The parser of the response.
        options: Options for reading.
        as_file: Return ``FileDataset`` objects.
    """
    return DatasetPipeline(parser, Pipeline.for_reading(options), options, as_file=as_file)


def event_parser(parser: ResponseParser, options: ReadOptions) -> _EventsOfDatasets:
    """Return a push parser of the events of a response, a list for each data set.

    Args:
        parser: The parser of the response.
        options: Options for reading.
    """
    pipeline = Pipeline.for_reading(options, options.bulk_data_store)
    return _EventsOfDatasets(parser, pipeline, options.spool_threshold)


# --- all responses ---------------------------------------------------------------------------------------------


class Fetch(SelfEncoding, ABC, Generic[_T]):
    """The requests of one fetch, and the data sets of their responses.

    While ``is_done`` is false, the caller sends a request with ``query``. For each response it calls
    ``start_response``, then ``feed`` with the body, then ``end_response``; or ``connection_lost`` at any point.

    Args:
        query: The query of the URL.
        options: Options for reading; the format is JSON.
        new: Makes the parser of what a response has, such as ``dataset_parser``.
    """

    def __init__(
        self, query: str, options: ReadOptions, new: Callable[[ResponseParser, ReadOptions], PushParser[_T]]
    ) -> None:
        self.query = query
        self.is_done = False
        self.has_begun = False  # the server has responded at least once
        # Resolve the converters now: they may be others when a later response is read.
        self._options = replace(options, format="json", converters=converters_in_force(options.converters))
        self._new = new
        self._form: object | None = None
        self._count = 0  # complete data sets so far, including those that the options filter out
        self._failures = 0  # lost connections since the last complete response
        self._server_has_more = False  # as the server says with the current response
        self._parser: ResponseParser | None = None
        self._results: PushParser[_T] | None = None
        self._idle_size = 0  # bytes since the last event
        self._idle_seconds = 0.0

    def encode_in(self, form: object) -> None:
        """Let the engine write as much as it can; see ``EventParser.encode_in``.

        Filters need all events, so nothing changes then.
        """
        if selection(self._options.include, self._options.exclude).is_whole and not self._options.where:
            self._form = form

    def start_response(self, head: ResponseHead) -> bool:
        """Process the head of a response; return whether its body must be read.

        Raises:
            ResponseError: The status is an error, or the media type is not JSON.
            TruncatedError: A gateway error after an earlier response.
        """
        if head.status in GATEWAY_ERRORS and self.has_begun:
            raise TruncatedError(f"the server returned {status_text(head)} after an incomplete response")
        if head.status not in (200, 204, 206):
            raise ResponseError(f"the server returned {status_text(head)}", head.status)
        self.has_begun = True
        self._server_has_more = head.status == 206 or any(map(_announces_more, head.warnings))
        parser = self._new_parser(head.url)
        if head.status == 204:  # PS3.18 10.6.3.1: no results
            self._complete(parser)
            return False
        _check_type(head)
        self._parser = parser
        self._results = self._new(parser, self._options)
        self._idle_size, self._idle_seconds = 0, 0.0
        return True

    def feed(self, data: bytes, seconds: float = 0.0) -> list[_T]:
        """Parse the next bytes of the body; return the results that they complete.

        Args:
            data: Any number of bytes.
            seconds: The time it took to receive them.

        Raises:
            InputError: The body is not DICOM JSON, or exceeds a limit.
            ResponseError: A repeated response differs from the first, or the body holds no data for too long.
            TruncatedResult: The server repeats a page.
        """
        assert self._parser
        assert self._results
        results = self._results.feed(data)
        if self._parser.has_events:
            self._idle_size, self._idle_seconds = 0, 0.0
        else:
            self._idle_size += len(data)
            self._idle_seconds += seconds
            if self._idle_size > _MAX_IDLE_SIZE or self._idle_seconds > _MAX_IDLE_SECONDS:
                raise ResponseError("no data in the response for too long, only white space", 200)
        if self._parser.is_repeated_page:
            self._repeated_page()
        if self._parser.has_all_wanted:
            self.is_done = True
        return results

    def end_response(self) -> list[_T]:
        """End the body; return the last data sets or events.

        Raises:
            TruncatedError: The JSON text is incomplete.
            TruncatedResult: The server has more results than it returns.
            InputError: As for ``feed``.
        """
        assert self._parser
        assert self._results
        results = self._results.close()
        parser, self._parser = self._parser, None
        self._complete(parser)
        self._failures = 0
        return results

    def connection_lost(self) -> float | None:
        """Record a lost connection.

        Returns:
            Seconds until the next attempt, or None to give up.
        """
        is_within = isinstance(self._results, _EventsOfDatasets) and self._results.is_within
        if not self.has_begun or self._failures == len(PAUSES) or is_within:
            return None
        parser, self._parser = self._parser, None
        if parser:
            self._keep(parser)
        self._failures += 1
        return PAUSES[self._failures - 1]

    @abstractmethod
    def _new_parser(self, url: str) -> ResponseParser:
        """Return a parser of the response to the current request."""

    @abstractmethod
    def _keep(self, parser: ResponseParser) -> None:
        """Record the data sets of a complete or interrupted response."""

    @abstractmethod
    def _complete(self, parser: ResponseParser) -> None:
        """Record a complete response, and set the next request or ``is_done``."""

    @abstractmethod
    def _repeated_page(self) -> None:
        """Handle a page that starts with the same UID as the previous page."""


def _check_type(head: ResponseHead) -> None:
    try:
        kind = content_kind(*parse_media_type(head.media_type))
    except RequestError as error:
        raise ResponseError(error.message, head.status) from None
    if kind != JSON:
        raise ResponseError("expected a response of type application/dicom+json, got another media type", head.status)


def _announces_more(warning: str) -> bool:
    """Return whether a Warning field announces more results (PS3.18 8.3.4.4).

    The code 299 is also that of fuzzy matching that is not supported (8.3.4.2).
    """
    return any(
        text.split()[:1] == ["299"] and "fuzzymatching" not in text.lower()
        for text in _WARNING_SEPARATOR.split(warning)
    )


class Retrieval(Fetch[_T]):
    """Metadata, or any other resource that is one response."""

    _digest = b""  # of the UIDs of the data sets so far

    def _new_parser(self, url: str) -> ResponseParser:
        return ResponseParser(
            self._options,
            url,
            SOP_INSTANCE_UID,
            skip_count=self._count,
            skip_digest=self._digest,
            form=self._form,
        )

    def _keep(self, parser: ResponseParser) -> None:
        if parser.count > self._count:
            self._count, self._digest = parser.count, parser.digest()

    def _complete(self, parser: ResponseParser) -> None:
        if parser.count < self._count:
            raise _changed()
        self.is_done = True
        if self._server_has_more:
            raise TruncatedResult(_MORE_RESULTS, 200)

    def _repeated_page(self) -> None:
        raise AssertionError("a retrieval has no pages")


def search_uid_tag(path: str) -> int | None:
    """Return the tag of the UID of each search result; None for other paths.

    >>> search_uid_tag("/dicom-web/studies/1.2/series") == 0x0020000E, search_uid_tag("/dicom-web/studies/1.2/metadata")
    (True, None)
    """
    return _UID_TAGS.get(path.rstrip("/").rpartition("/")[2])


class Search(Fetch[_T]):
    """The results of a search, page by page.

    The search ends with an empty page, or at the ``limit`` of the URL. It does not end with a short page, because a
    server may return fewer results than requested without saying so.

    Args:
        query: The query of the URL; its ``offset`` and ``limit`` bound the whole search.
        options: As for ``Fetch``.
        uid_tag: See ``search_uid_tag``.
        page_size: Results to request at once.
        new: As for ``Fetch``.

    Raises:
        ValueError: The limit, the offset or the page size is invalid.

    >>> Search("PatientID=17&limit=30&offset=10", ReadOptions(), 0x0020000D, 20, dataset_parser).query
    'PatientID=17&offset=10&limit=20'
    """

    def __init__(
        self,
        query: str,
        options: ReadOptions,
        uid_tag: int,
        page_size: int,
        new: Callable[[ResponseParser, ReadOptions], PushParser[_T]],
    ) -> None:
        super().__init__(query, options, new)
        if page_size < 1:
            raise ValueError(f"page_size must be at least 1, not {page_size}")
        items = [item for item in query.split("&") if item]
        self._items = [item for item in items if _paging_parameter(item) is None]
        bounds = {_paging_parameter(item): _parse_number(item) for item in items if _paging_parameter(item)}
        self._offset = bounds.get("offset", 0)
        self._max_results = bounds.get("limit", sys.maxsize)
        self._uid_tag = uid_tag
        self._page_size = page_size
        # About the previous page:
        self._previous_uid = b""  # of its first data set
        self._previous_may_be_last = False  # it was short, and the server did not announce more
        self._previous_announced_more = False
        self._pages_without_uid = 0  # in a row
        self._request_page()

    def _request_page(self) -> None:
        self._requested = min(self._page_size, self._max_results - self._count)
        self.is_done = not self._requested
        self.query = "&".join([*self._items, f"offset={self._offset + self._count}", f"limit={self._requested}"])

    def _new_parser(self, url: str) -> ResponseParser:
        max_datasets = self._max_results - self._count
        return ResponseParser(
            self._options,
            url,
            self._uid_tag,
            max_datasets=max_datasets,
            previous_uid=self._previous_uid,
            first=self._count,
            form=self._form,
        )

    def _keep(self, parser: ResponseParser) -> None:
        if parser.count:
            self._previous_uid = parser.first_uid
            self._previous_may_be_last = False
        self._count = min(self._count + parser.count, self._max_results)
        self._request_page()

    def _complete(self, parser: ResponseParser) -> None:
        if not parser.count:
            self.is_done = True
            if self._server_has_more or self._previous_announced_more:
                raise TruncatedResult(_MORE_RESULTS, 200)
            return
        is_full = parser.count == self._requested
        self._keep(parser)
        self._pages_without_uid = 0 if parser.first_uid else self._pages_without_uid + 1
        if self._pages_without_uid > _MAX_PAGES_WITHOUT_UID:
            raise ResponseError(
                f"{self._pages_without_uid} pages without UIDs, by which a repeated page is recognized", 200
            )
        self._previous_announced_more = self._server_has_more
        self._previous_may_be_last = not self._server_has_more and not is_full

    def _repeated_page(self) -> None:
        self.is_done = True
        if not self._previous_may_be_last:
            raise TruncatedResult("the server ignores the offset and repeats a page, so results may be missing", 200)


def _paging_parameter(item: str) -> str | None:
    name = item.partition("=")[0]
    return name if name in ("limit", "offset") else None


def _parse_number(item: str) -> int:
    name, _, text = item.partition("=")
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise ValueError(f"{name} must be an unsigned integer")
    return int(text)
