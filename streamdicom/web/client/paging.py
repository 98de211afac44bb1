"""What to ask a DICOMweb server for next, and what its answers hold. Nothing here sends or receives.

A search (PS3.18 10.6) is asked for page by page; after a broken connection it goes on at the offset that it has come
to. Anything else is one answer: it is asked for again, and what came before is passed over, if it is the same.
"""

from __future__ import annotations

import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin

from streamdicom.codec import DatasetPipeline
from streamdicom.converters import converters_in_force
from streamdicom.deviations import Deviation
from streamdicom.dicom import SERIES_INSTANCE_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID
from streamdicom.errors import RequestError, ResponseError, StreamDicomError, TruncatedError, TruncatedResult
from streamdicom.events import BULK_DATA, ELEMENT, END_DATASET, END_SEQUENCE, START_DATASET, START_SEQUENCE, Event
from streamdicom.filters import Pipeline
from streamdicom.formats import EventParser
from streamdicom.options import ReadOptions
from streamdicom.web.content import JSON, content_kind, parse_media_type

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# By the last name in the path of a search (PS3.18 table 10.6.1-1), the UID that no two of its results have in common.
_LEVELS = {"studies": STUDY_INSTANCE_UID, "series": SERIES_INSTANCE_UID, "instances": SOP_INSTANCE_UID}
_PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each attempt to go on after a broken connection
_MOST_UNNAMED = 100  # pages that cannot be told from the one before; a server may send the first one for ever
_GONE = frozenset({502, 503, 504})  # a gateway whose server has gone, perhaps to come back

# Events come at least every few times ``Limits.segment_size``, unless there is nothing but white space.
_MOST_WITHOUT_EVENTS = 16 * 1024 * 1024
_LONGEST_WITHOUT_EVENTS = 60.0  # seconds


_BETWEEN_WARNINGS = re.compile(r",\s*(?=[0-9]{3}\s)")  # where several are in one header field

_CUT = "the server says that there is more, and does not give it"


def status_text(status: int) -> str:
    """What a status code means.

    >>> status_text(404), status_text(499)
    ('404 Not Found', '499')
    """
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


class Head(Protocol):
    """The head of an answer."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def url(self) -> str:
        """Where it came from, which relative references in it are relative to."""

    @property
    def media_type(self) -> str:
        """The header field Content-Type, or nothing."""

    @property
    def warnings(self) -> list[str]:
        """The header fields Warning."""


# --- one answer ------------------------------------------------------------------------------------------------


class _Answer:
    """A push parser of one answer: bytes in, events out, those left out that have come before.

    References to bulk data become absolute, because they are relative to the answer (RFC 3986 5.1.3).

    Args:
        options: What is taken.
        url: Where the answer came from.
        uid: The tag of what a data set is called by.
        passed: Data sets to pass over at its start.
        digest: Of what those were called.
        most: Data sets to take notice of.
        other: What the first data set must not be called; what comes then is left out.
    """

    def __init__(
        self,
        options: ReadOptions,
        url: str,
        uid: int,
        *,
        passed: int = 0,
        digest: bytes = b"",
        most: int = sys.maxsize,
        other: bytes = b"",
    ) -> None:
        if passed and options.on_deviation:
            options = replace(options, on_deviation=_only_from(passed, options.on_deviation))
        self._parser = EventParser(options=options)
        self._url = url
        self._uid = uid
        self._passed = passed
        self._passed_digest = digest
        self._most = most
        self._other = other
        self.count = 0  # data sets so far
        self.is_enough = False  # whether nothing more is taken notice of
        self.first = b""  # what the first one is called
        self.is_repeated = False  # whether it is called what it must not be
        self.has_moved = False  # whether the last bytes made an event
        self._comes = False  # whether the events of the data set come
        self._depth = 0
        self._name = b""
        self._digest = blake2b(digest_size=16)

    @property
    def error(self) -> StreamDicomError | None:
        """As for ``EventParser``."""
        return self._parser.error

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes; return the events that they complete."""
        events = self._parser.feed(data)
        self.has_moved = bool(events)
        return list(self._kept(events))

    def close(self) -> list[Event]:
        """Say that the answer has ended."""
        return list(self._kept(self._parser.close()))

    def digest(self) -> bytes:
        """What tells what the data sets so far are called."""
        return self._digest.digest()

    def _kept(self, events: list[Event]) -> Iterator[Event]:
        for event in events:
            kind, tag, vr, value = event
            if kind == START_DATASET:
                self._comes = self._passed <= self.count < self._most and not self.is_repeated
                self._name = b""
            elif kind == ELEMENT:
                if tag == self._uid and not self._depth:
                    self._name = repr(value).encode(errors="surrogatepass") if value else b""
            elif kind == BULK_DATA:
                event = (kind, tag, vr, self._absolute(value))
            elif kind == START_SEQUENCE:
                self._depth += 1
            elif kind == END_SEQUENCE:
                self._depth -= 1
            elif kind == END_DATASET:
                self._end_dataset()
            if self._comes:
                yield event

    def _end_dataset(self) -> None:
        self._digest.update(self._name + b"\n")
        if not self.count:
            self.first = self._name
            self.is_repeated = bool(self._name) and self._name == self._other
            self._comes = self._comes and not self.is_repeated
        self.count += 1
        self.is_enough = self.count >= self._most
        if self.count == self._passed and self.digest() != self._passed_digest:
            raise changed()

    def _absolute(self, uri: str) -> str:
        try:
            return urljoin(self._url, uri)
        except ValueError:  # it is no URI, which is for those to say who follow it
            return uri


def _only_from(index: int, tell: Callable[[Deviation], object]) -> Callable[[Deviation], object]:
    """What tells of deviations that have not been told of before."""
    return lambda deviation: (deviation.location.dataset_index or 0) < index or tell(deviation)


def changed() -> ResponseError:
    """What is wrong if an answer cannot go on where one before it broke off."""
    return ResponseError("the connection broke, and what came before is not what comes now", 200)


# --- all of them -----------------------------------------------------------------------------------------------


class Fetch(ABC):
    """What there is to ask for, and the data sets of the answers.

    For each request ``begin`` is told the head of the answer, ``feed`` its body, and ``end`` that it is complete; or
    ``broken`` that the connection is. Then there is another request, until ``is_done``.

    Args:
        query: The query of the URL.
        options: What is taken, what is chosen of it, and what becomes of bulk data.
        as_file: Whether to make FileDataset objects.
    """

    def __init__(self, query: str, options: ReadOptions, *, as_file: bool = False) -> None:
        self.query = query
        self.is_done = False
        self.has_begun = False  # whether the server has answered at all
        # Chosen now, because what is in force here may not be when the next answer comes.
        self._options = replace(options, format="json", converters=converters_in_force(options.converters))
        self._file_dataset = as_file
        self._count = 0  # data sets that have come, whether or not the options choose them
        self._failures = 0
        self._is_cut = False  # whether the server says that it has more than is in the answer
        self._answer: _Answer | None = None
        self._assembler: DatasetPipeline | None = None
        self._idle_size = 0  # bytes since the last event
        self._idle_seconds = 0.0

    def begin(self, head: Head) -> bool:
        """Take the head of an answer; return whether it has a body that counts.

        Raises:
            ResponseError: It is an error, or of another media type.
            TruncatedError: A server that has answered before cannot do so now.
        """
        if head.status in _GONE and self.has_begun:
            raise TruncatedError(f"the server answers {status_text(head.status)} after it has begun")
        if head.status not in (200, 204, 206):
            raise ResponseError(f"the server answers {status_text(head.status)}", head.status)
        self.has_begun = True
        self._is_cut = head.status == 206 or any(map(_tells_more, head.warnings))
        answer = self._new_answer(head.url)
        if head.status == 204:  # PS3.18 10.6.3.1: there are no results
            self._complete(answer)
            return False
        _check_type(head)
        self._answer = answer
        self._assembler = DatasetPipeline(
            answer, Pipeline.for_reading(self._options), self._options, as_file=self._file_dataset
        )
        self._idle_size, self._idle_seconds = 0, 0.0
        return True

    def feed(self, data: bytes, seconds: float = 0.0) -> list[Dataset]:
        """Take the next bytes of the body; return the data sets that they complete.

        Args:
            data: Any number of bytes.
            seconds: How long they were waited for.

        Raises:
            InputError: They are not DICOM JSON, or there is too much of something.
            ResponseError: What came before a broken connection is not what comes now, or nothing comes.
            TruncatedResult: The server gives the same again where something else is due.
        """
        assert self._answer
        assert self._assembler
        datasets = self._assembler.feed(data)
        if self._answer.has_moved:
            self._idle_size, self._idle_seconds = 0, 0.0
        else:
            self._idle_size += len(data)
            self._idle_seconds += seconds
            if self._idle_size > _MOST_WITHOUT_EVENTS or self._idle_seconds > _LONGEST_WITHOUT_EVENTS:
                raise ResponseError("an answer that goes on and on, with nothing in it", 200)
        if self._answer.is_repeated:
            self._repeated()
        if self._answer.is_enough:
            self.is_done = True
        return datasets

    def end(self) -> list[Dataset]:
        """Say that the body is complete; return the data sets that are left.

        Raises:
            TruncatedError: The JSON in it is not.
            TruncatedResult: The server has said that there is more, and does not give it.
            InputError: As in ``feed``.
        """
        assert self._answer
        assert self._assembler
        datasets = self._assembler.close()
        answer, self._answer = self._answer, None
        self._complete(answer)
        self._failures = 0
        return datasets

    def broken(self) -> float | None:
        """Say that the connection is broken; return the seconds until the next request, None if there is to be none."""
        if not self.has_begun or self._failures == len(_PAUSES):
            return None
        answer, self._answer = self._answer, None
        if answer:
            self._keep(answer)
        self._failures += 1
        return _PAUSES[self._failures - 1]

    @abstractmethod
    def _new_answer(self, url: str) -> _Answer:
        """What reads the answer to the request."""

    @abstractmethod
    def _keep(self, answer: _Answer) -> None:
        """Keep what is to be known of an answer that is complete or broken."""

    @abstractmethod
    def _complete(self, answer: _Answer) -> None:
        """See what is to be done behind an answer that is complete."""

    @abstractmethod
    def _repeated(self) -> None:
        """See what is to be done about an answer that begins as the one before."""


def _check_type(head: Head) -> None:
    try:
        kind = content_kind(*parse_media_type(head.media_type))
    except RequestError as error:
        raise ResponseError(f"the server answers in {error.message}", head.status) from None
    if kind != JSON:
        raise ResponseError("the server answers in another media type than application/dicom+json", head.status)


def _tells_more(warning: str) -> bool:
    """Whether a header field tells of more results (PS3.18 8.3.4.4), as it may of fuzzy matching (8.3.4.2) instead."""
    return any(
        text.split()[:1] == ["299"] and "fuzzymatching" not in text.lower() for text in _BETWEEN_WARNINGS.split(warning)
    )


class Retrieval(Fetch):
    """Metadata, or whatever else comes in one answer."""

    _digest = b""  # of what the data sets are called that have come

    def _new_answer(self, url: str) -> _Answer:
        return _Answer(self._options, url, SOP_INSTANCE_UID, passed=self._count, digest=self._digest)

    def _keep(self, answer: _Answer) -> None:
        if answer.count > self._count:
            self._count, self._digest = answer.count, answer.digest()

    def _complete(self, answer: _Answer) -> None:
        if answer.count < self._count:
            raise changed()
        self.is_done = True
        if self._is_cut:
            raise TruncatedResult(_CUT, 200)

    def _repeated(self) -> None:
        raise AssertionError("nothing is asked of how it begins")


def level_of(path: str) -> int | None:
    """The tag of the UID that tells the results of a search apart, by the path of the URL; None if it is no search.

    >>> level_of("/dicom-web/studies/1.2/series") == 0x0020000E, level_of("/dicom-web/studies/1.2/metadata")
    (True, None)
    """
    return _LEVELS.get(path.rstrip("/").rpartition("/")[2])


class Search(Fetch):
    """The results of a search, page by page.

    An empty page ends it, or the ``limit`` of the URL. A short page does not: a server may give less than it is asked
    for, and not all say so.

    Args:
        query: The query of the URL; its ``offset`` and ``limit`` bound the whole search.
        options: As for ``Fetch``.
        uid: What ``level_of`` says of the path.
        page_size: Results to ask for at once.
        as_file: As for ``Fetch``.

    Raises:
        ValueError: The limit, the offset or the page size is none.

    >>> Search("PatientID=17&limit=30&offset=10", ReadOptions(), 0x0020000D, 20).query
    'PatientID=17&offset=10&limit=20'
    """

    def __init__(self, query: str, options: ReadOptions, uid: int, page_size: int, *, as_file: bool = False) -> None:
        super().__init__(query, options, as_file=as_file)
        if page_size < 1:
            raise ValueError(f"page_size must be at least 1, not {page_size}")
        items = [item for item in query.split("&") if item]
        self._items = [item for item in items if _paging_name(item) is None]
        bounds = {_paging_name(item): _number(item) for item in items if _paging_name(item)}
        self._start = bounds.get("offset", 0)
        self._most = bounds.get("limit", sys.maxsize)
        self._uid = uid
        self._page_size = page_size
        self._first = b""  # what the first data set of the page before is called
        self._may_be_all = False  # whether that may have been all there is
        self._was_cut = False  # whether the server has said then that there is more
        self._unnamed = 0  # pages since one whose first data set had a UID
        self._ask()

    def _ask(self) -> None:
        self._asked = min(self._page_size, self._most - self._count)
        self.is_done = not self._asked
        self.query = "&".join([*self._items, f"offset={self._start + self._count}", f"limit={self._asked}"])

    def _new_answer(self, url: str) -> _Answer:
        return _Answer(self._options, url, self._uid, most=self._most - self._count, other=self._first)

    def _keep(self, answer: _Answer) -> None:
        if answer.count:
            self._first = answer.first
            self._may_be_all = False
        self._count = min(self._count + answer.count, self._most)
        self._ask()

    def _complete(self, answer: _Answer) -> None:
        if not answer.count:
            self.is_done = True
            if self._is_cut or self._was_cut:
                raise TruncatedResult(_CUT, 200)
            return
        is_full = answer.count == self._asked
        self._keep(answer)
        self._unnamed = 0 if answer.first else self._unnamed + 1
        if self._unnamed > _MOST_UNNAMED:
            raise ResponseError("page after page without the UIDs that tell whether they are the same", 200)
        self._was_cut = self._is_cut
        self._may_be_all = not self._is_cut and not is_full

    def _repeated(self) -> None:
        self.is_done = True
        if not self._may_be_all:
            raise TruncatedResult("the server minds no offset, so that there may be more", 200)


def _paging_name(item: str) -> str | None:
    name = item.partition("=")[0]
    return name if name in ("limit", "offset") else None


def _number(item: str) -> int:
    name, _, text = item.partition("=")
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise ValueError(f"{name} must be an unsigned integer")
    return int(text)
