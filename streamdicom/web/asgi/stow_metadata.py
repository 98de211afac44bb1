"""Metadata with its bulk data, as STOW-RS stores it: multipart/related (PS3.18 8.6.1.2, 10.5.1.4).

The parts may come in any order, and bulk data comes behind the metadata that refers to it as a rule. So all of them go
to one temporary file first. When the body has been closed, the metadata is read twice: to see whether it is right, and
which part each reference means; and, when the store has the bulk data, for the data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from streamdicom.bulkdata import LONGEST_FRAGMENT, BulkDataInfo, BulkDataStore, write_parts
from streamdicom.codec import DatasetPipeline, reading_pipeline
from streamdicom.dicom import decode_value, is_uid
from streamdicom.errors import InputError, LimitError, RequestError
from streamdicom.events import BULK_DATA, ELEMENT, END_DATASET, START_DATASET, Event
from streamdicom.filters import Position, fragment_events
from streamdicom.io import CHUNK, SpoolFile
from streamdicom.options import ReadOptions
from streamdicom.web.asgi.bodies import document_options
from streamdicom.web.content import JSON, Content, check_part, parse_media_type
from streamdicom.web.multipart import DATA, START, MultipartParser

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


_TRANSFER_SYNTAX = 0x00020010
_ENCAPSULATED_DOCUMENT = 0x00420011
_PIXEL_DATA = 0x7FE00010

_SEGMENT = 48 * 1024  # which is 64 KiB of base64
_PLAIN = ("", "application/octet-stream")
_COMPRESSED = ("image/", "video/")


@dataclass(slots=True)
class _Part:
    """A part in the temporary file.

    Attributes:
        number: In the body, from 0.
        address: Where it says that it is from.
        name: Its media type.
        syntax: The transfer syntax that this tells, or nothing.
        file: The file.
        start: Where it is there.
        end: Where it ends.
        info: What the first reference to it tells; None if there is none.
        is_compressed: Whether it is a frame, or all of them, and not the value of the element.
    """

    number: int
    address: str
    name: str
    syntax: str
    file: SpoolFile
    start: int
    end: int
    info: BulkDataInfo | None = None
    is_compressed: bool = False

    def pieces(self, size: int) -> Iterator[bytes]:
        for start in range(self.start, self.end, size):
            yield self.file.read_at(start, min(size, self.end - start))

    def fragments(self) -> Iterator[tuple[int, Iterable[bytes]]]:
        """The Basic Offset Table, which is empty, and the one fragment (PS3.5 A.4), whose length is even."""
        length = self.end - self.start
        padding = length % 2
        yield 0, ()
        yield length + padding, chain(self.pieces(_SEGMENT), [b"\0"] * padding)

    def events(self, tag: int, vr: str) -> Iterator[Event]:
        """The element that it is the value of."""
        if self.is_compressed:
            return fragment_events(tag, vr, self.fragments())
        return decode_value(tag, vr, self.pieces(_SEGMENT))

    def put(self, store: BulkDataStore) -> str:
        """Give it to a store; return its URI there."""
        assert self.info
        if self.is_compressed:
            return store.put(write_parts(self.fragments()), self.info) + "#fragments"  # see ``filters``
        return store.put(self.pieces(_SEGMENT), self.info)


def _joined(base: str, reference: str) -> str:
    """An absolute reference (RFC 3986 5.2); one that is none stays as it is."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


# --- the body --------------------------------------------------------------------------------------------------


class RelatedReader:
    """A push parser of such a body. Nothing is delivered, and nothing stored, before all of it is there.

    Args:
        content: What the body is.
        url: That of the request, which what is relative is relative to (RFC 2557 5).
        options: What is taken of the metadata, and what becomes of references that no part is for.
        store: Where bulk data goes; None to have the values in the data sets.
        as_file: Whether to make FileDataset objects.

    Raises:
        RequestError: The media type has no boundary.
    """

    def __init__(
        self, content: Content, url: str, options: ReadOptions, store: BulkDataStore | None, *, as_file: bool
    ) -> None:
        self._multipart = MultipartParser(content.boundary or b"")
        self._kind = content.kind
        self._url = url
        self._options = document_options(options, content.kind)
        self._store = store
        self._file_dataset = as_file
        self._file = SpoolFile()
        self._count = 0
        self._part: _Part | None = None  # that is open
        self._metadata: list[_Part] = []
        self._bulk: dict[str, _Part] = {}  # by address

        self.discard = self._file.close

    def feed(self, data: bytes) -> list[Dataset]:
        """Take the next bytes of the body; there are no data sets yet.

        Raises:
            RequestError: The body is malformed, or a part is not one that is taken.
            LimitError: There is too much of it.
        """
        for kind, value in self._multipart.feed(data):
            if kind == START:
                self._start(value)
            elif kind == DATA:
                self._append(value)
        return []

    def _start(self, headers: dict[str, str]) -> None:
        kind = check_part(headers, self._count, self._options.limits)
        name, parameters = parse_media_type(headers.get("content-type", ""))
        address = _joined(self._url, headers.get("content-location", ""))
        syntax = parameters.get("transfer-syntax", "")
        size = self._file.size
        self._part = part = _Part(self._count, address, name, syntax, self._file, size, size)
        # The first part is the root, which is of the type of the whole (RFC 2387 3).
        if kind == self._kind or (not name and not self._count):
            self._metadata.append(part)
        else:
            self._add_bulk(part, headers)
        self._count += 1

    def _add_bulk(self, part: _Part, headers: dict[str, str]) -> None:
        address = part.address
        if "content-location" not in headers:
            address = f"cid:{headers.get('content-id', '').strip('<>')}"  # RFC 2392
            if address == "cid:":
                raise RequestError(f"part {part.number} of the body has no Content-Location", 400)
        if address in self._bulk:
            raise RequestError(f"part {part.number} of the body has the Content-Location of another", 400)
        self._bulk[address] = part

    def _append(self, data: bytes) -> None:
        assert self._part
        most = self._options.limits.spooled_size
        if self._file.size + len(data) > most:
            raise LimitError(f"a body of more than {most} bytes", "spooled_size")
        self._file.append(data)
        self._part.end = self._file.size

    # --- the data sets -----------------------------------------------------------------------------------------

    def close(self) -> Generator[list[Dataset], None, None]:
        """Say that the body has ended; give the data sets, some at a time.

        Raises:
            TruncatedError: The body stops before its closing boundary.
            InputError: The metadata is wrong, or does not fit the bulk data.
            OSError: The store cannot be written.
        """
        self._multipart.close()
        if not self._metadata:
            raise RequestError("the body has no part of the type that it says", 400)
        if self._kind == JSON and len(self._metadata) > 1:  # PS3.18 10.5.1.4: in a single message part
            raise RequestError("the body has more than one part with metadata in JSON", 400)
        self._check()
        uris: dict[int, str] = {}
        if self._store is not None:
            uris = {part.number: part.put(self._store) for part in self._bulk.values() if part.info}
        yield from self._read(self._options, partial(_placed, uris=uris))

    def _check(self) -> None:
        """See whether the metadata is right, and what becomes of each part."""
        # Who is told of deviations is told the second time, and what other references mean is found out then.
        options = replace(self._options, on_deviation=_ignore, bulk_data_store=None, bulk_data_uri_handler=None)
        for _ in self._read(options, _checked):
            pass
        if options.include or options.exclude or options.where:
            return  # what is left out may have references
        for part in self._bulk.values():
            if not part.info:
                raise RequestError(f"part {part.number} of the body is bulk data that no reference leads to", 400)

    def _read(self, options: ReadOptions, replaced: _Replaced) -> Iterator[list[Dataset]]:
        """The data sets of the metadata, with what stands there for the references to parts."""
        for number, part in enumerate(self._metadata):
            linker = _Linker(self._bulk, (part.address, self._url), number, replaced)
            parser, stages = reading_pipeline(options)
            assembler = DatasetPipeline(parser, stages, options, as_file=self._file_dataset, last=linker.run)
            try:
                for piece in part.pieces(CHUNK):
                    yield assembler.feed(piece)
                yield assembler.close()
            except InputError as error:
                # A part in XML is a document by itself, and its data set the first one there.
                if number and not error.location.dataset_index:
                    error.within(number, error.location.tag_path)
                raise


def _ignore(_: object) -> None:
    pass


# --- references ------------------------------------------------------------------------------------------------

_Replaced = Callable[[_Part, Event, Position], Iterable[Event]]


def _checked(part: _Part, event: Event, place: Position) -> Iterable[Event]:
    """Take note of a reference to a part; there is an empty element in its place."""
    _, tag, vr, _ = event
    if part.name not in _PLAIN and tag != _ENCAPSULATED_DOCUMENT:
        fault = _fault_of_compressed(part, tag, vr)
        if fault:
            raise RequestError(f"part {part.number} of the body {fault}", 415)
        part.is_compressed = True
    if not part.info:
        part.info = place.info(tag, vr)
    yield ELEMENT, tag, vr, ()


def _fault_of_compressed(part: _Part, tag: int, vr: str) -> str | None:
    """Why a part cannot be compressed pixel data; nothing else is in another media type (PS3.18 10.5.1.4)."""
    if tag != _PIXEL_DATA or not part.name.startswith(_COMPRESSED) or vr not in ("OB", "OW"):
        return "is in a media type that its element has not"
    if not is_uid(part.syntax):
        return "does not tell its transfer syntax"
    return "is too long for compressed pixel data" if part.end - part.start >= LONGEST_FRAGMENT else None


def _placed(part: _Part, event: Event, place: Position, *, uris: dict[int, str]) -> Iterable[Event]:
    """The value, or what refers to it where it is now."""
    _, tag, vr, _ = event
    if part.number in uris:
        return ((BULK_DATA, tag, vr, uris[part.number]),)
    return part.events(tag, vr)


class _Linker:
    """Finds the references to parts; events may come in batches.

    Args:
        bulk: The parts, by their addresses.
        bases: What a reference may be relative to.
        number: Of the first data set.
        replaced: What stands in the place of a reference.
    """

    def __init__(self, bulk: dict[str, _Part], bases: tuple[str, ...], number: int, replaced: _Replaced) -> None:
        self._bulk = bulk
        self._bases = bases
        self._number = number
        self._replaced = replaced
        self._place = Position()
        self._syntax = ""  # of the compressed pixel data in the data set

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """What becomes of the next events."""
        for event in events:
            kind, tag, _, value = event
            if kind == BULK_DATA and (part := self._find(value)) is not None:
                yield from self._linked(part, event)
                continue
            if kind == ELEMENT:
                self._place.learn(tag, value)
            elif kind == START_DATASET:
                self._syntax = ""
                self._place.move(kind, tag, self._number + value)
            elif kind == END_DATASET:
                yield from self._file_meta()
            else:
                self._place.move(kind, tag, value)
            yield event

    def _find(self, uri: str) -> _Part | None:
        return next((part for base in self._bases if (part := self._bulk.get(_joined(base, uri)))), None)

    def _linked(self, part: _Part, event: Event) -> Iterator[Event]:
        try:
            yield from self._replaced(part, event, self._place)
            if part.is_compressed and self._syntax not in ("", part.syntax):
                raise RequestError("the parts of one data set are in different transfer syntaxes", 415)
        except InputError as error:
            error.within(self._place.index, self._place.tag_path(event[1]))
            raise
        self._syntax = part.syntax if part.is_compressed else self._syntax

    def _file_meta(self) -> Iterable[Event]:
        """What compressed pixel data is read by, unless the metadata says it itself (PS3.18 8.7.9)."""
        if self._syntax and "syntax" not in self._place.context:
            yield ELEMENT, _TRANSFER_SYNTAX, "UI", (self._syntax,)
