"""STOW-RS bodies of metadata with bulk data (PS3.18 8.6.1.2, 10.5.1.4).

Parts may arrive in any order, and bulk data usually follows the metadata that refers to it. So all parts go to one
temporary file first. After the end of the body, the metadata is read twice: first to validate it and to find the part
of each reference, then, after the store has the bulk data, for the data sets.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from streamdicom.api import expanded_events
from streamdicom.bulkdata import (
    BulkDataInfo,
    BulkDataStore,
    write_fragments,
)
from streamdicom.codec import DatasetPipeline, reading_pipeline
from streamdicom.dicom import (
    ENCAPSULATED_DOCUMENT,
    MAX_FRAGMENT_LENGTH,
    PIXEL_DATA,
    TRANSFER_SYNTAX_UID,
    decode_value,
    is_uid,
)
from streamdicom.errors import InputError, LimitError, RequestError
from streamdicom.events import (
    BINARY_SEGMENT_SIZE,
    BULK_DATA,
    ELEMENT,
    END_DATASET,
    START_DATASET,
    Event,
)
from streamdicom.filters import Position, fragment_events
from streamdicom.io import CHUNK, Expansion, SpoolFile
from streamdicom.options import ReadOptions
from streamdicom.web.asgi.bodies import document_options
from streamdicom.web.content import JSON, Content, check_part, parse_media_type
from streamdicom.web.multipart import DATA, START, MultipartParser

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


_UNCOMPRESSED_TYPES = ("", "application/octet-stream")
_MAX_IN_MEMORY = 128 * 1024  # bytes of a body
_COMPRESSED_TYPES = ("image/", "video/")


@dataclass(slots=True)
class _Part:
    """A part in the temporary file.

    Attributes:
        number: The number of the part, from 0.
        address: The absolute Content-Location.
        name: The media type.
        syntax: The transfer syntax in the media type, or "".
        file: The temporary file.
        start: The offset of the part.
        end: The offset after the part.
        info: The element of the first reference; None without a reference.
        is_compressed: Whether the part holds compressed frames, not a value field.
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
        """Yield an empty Basic Offset Table and one padded fragment (PS3.5 A.4)."""
        length = self.end - self.start
        padding = length % 2
        yield 0, ()
        yield length + padding, chain(self.pieces(BINARY_SEGMENT_SIZE), [b"\0"] * padding)

    def events(self, tag: int, vr: str) -> Iterator[Event]:
        """Return the events of the element with this value."""
        if self.is_compressed:
            return fragment_events(tag, vr, self.fragments())
        return decode_value(tag, vr, self.pieces(BINARY_SEGMENT_SIZE))

    def put(self, store: BulkDataStore) -> str:
        """Put the part into a store; return its URI there."""
        assert self.info
        if self.is_compressed:
            return store.put(write_fragments(self.fragments()), self.info) + "#fragments"  # see filters.bulk_data
        return store.put(self.pieces(BINARY_SEGMENT_SIZE), self.info)


def _joined(base: str, reference: str) -> str:
    """Resolve a reference (RFC 3986 5.2); an invalid one stays as it is."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


# --- the body --------------------------------------------------------------------------------------------------


class SpooledDocument:
    """A body of JSON, NDJSON or XML in a temporary file.

    Args:
        kind: The kind of the body.
        options: Options for reading.
    """

    def __init__(self, kind: str, options: ReadOptions) -> None:
        self._options = document_options(options, kind)
        self._file = SpoolFile(_MAX_IN_MEMORY)
        self.discard = self._file.close

    def feed(self, data: bytes) -> None:
        """Append the next bytes of the body.

        Raises:
            LimitError: The body is too large.
        """
        _append(self._file, data, self._options)

    def events(self, form: object | None) -> Iterator[Event]:
        """Yield the events of the document; for the form see ``expanded_events``."""
        part = _Part(0, "", "", "", self._file, 0, self._file.size)
        return expanded_events(part.pieces(CHUNK), self._options, Expansion(self._options.limits), form)


def _append(file: SpoolFile, data: bytes, options: ReadOptions) -> None:
    limit = options.limits.spooled_size
    if file.size + len(data) > limit:
        raise LimitError(f"the body has more than {limit} bytes", "spooled_size")
    file.append(data)


class RelatedReader:
    """A push parser of metadata with bulk data.

    Nothing is delivered or stored before the whole body has arrived.

    Args:
        content: The content of the body.
        url: The URL of the request, the base of relative references (RFC 2557 5).
        options: Options for reading the metadata and references to no part.
        store: Receives the bulk data; None to put the values into the data sets.
        as_file: Whether to build FileDataset objects.

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
        self._as_file = as_file
        self._file = SpoolFile(_MAX_IN_MEMORY)
        self._count = 0
        self._part: _Part | None = None  # the open part
        self._metadata: list[_Part] = []
        self._bulk: dict[str, _Part] = {}  # by address
        self._syntaxes: dict[int, str] = {}  # of data sets that do not state it, by index

        self.discard = self._file.close

    def feed(self, data: bytes) -> tuple[()]:
        """Parse the next bytes of the body; return no data sets yet.

        Raises:
            RequestError: The body is malformed, or a part is not supported.
            LimitError: The body is too large.
        """
        for kind, value in self._multipart.feed(data):
            if kind == START:
                self._start(value)
            elif kind == DATA:
                self._append(value)
        return ()

    def _start(self, headers: dict[str, str]) -> None:
        kind = check_part(headers, self._count, self._options.limits)
        name, parameters = parse_media_type(headers.get("content-type", ""))
        address = _joined(self._url, headers.get("content-location", ""))
        syntax = parameters.get("transfer-syntax", "")
        size = self._file.size
        self._part = part = _Part(self._count, address, name, syntax, self._file, size, size)
        # The first part is the root and has the type of the whole (RFC 2387 3).
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
                raise RequestError(
                    f"expected a Content-Location or Content-ID in part {part.number} of the body, found neither", 400
                )
        if address in self._bulk:
            raise RequestError(f"part {part.number} of the body repeats the Content-Location of another part", 400)
        self._bulk[address] = part

    def _append(self, data: bytes) -> None:
        assert self._part
        _append(self._file, data, self._options)
        self._part.end = self._file.size

    # --- the data sets -----------------------------------------------------------------------------------------

    def close(self) -> Generator[list[Dataset], None, None]:
        """End the body; yield the data sets in batches.

        Raises:
            TruncatedError: The body ends before its closing boundary.
            InputError: The metadata is invalid, or does not match the bulk data.
            OSError: The store cannot be written.
        """
        self._check()
        uris: dict[int, str] = {}
        if self._store is not None:
            uris = {part.number: part.put(self._store) for part in self._bulk.values() if part.info}
        yield from self._read(self._options, partial(_placed, uris=uris))

    def events(self, form: object | None) -> Iterator[Event]:
        """End the body; yield the events of the data sets, with the values of the parts.

        Args:
            form: As for ``expanded_events``.

        Raises:
            InputError: As for ``close``.
        """
        self._check()
        placed = partial(_placed, uris={})
        for number, part in enumerate(self._metadata):
            linker = _Linker(self._bulk, (part.address, self._url), number, placed, self._syntaxes)
            events = expanded_events(part.pieces(CHUNK), self._options, Expansion(self._options.limits), form)
            yield from linker.run(events)

    def _check(self) -> None:
        """Validate the metadata, and find the reference to each part."""
        self._multipart.close()
        if not self._metadata:
            raise RequestError("expected a part with the type of the body, found none", 400)
        if self._kind == JSON and len(self._metadata) > 1:  # PS3.18 10.5.1.4: in a single message part
            raise RequestError("expected one part with metadata in JSON, found several", 400)
        # First pass: validate only. Deviations and external references are handled in the second pass.
        options = replace(self._options, on_deviation=_ignore, bulk_data_store=None, bulk_data_uri_handler=None)
        for _ in self._read(options, _checked):
            pass
        if options.include or options.exclude or options.where:
            return  # excluded elements may hold references
        for part in self._bulk.values():
            if not part.info:
                raise RequestError(f"part {part.number} of the body is bulk data without a reference", 400)

    def _read(self, options: ReadOptions, replaced: _Replaced) -> Iterator[list[Dataset]]:
        """Yield the data sets of the metadata, with references to parts replaced."""
        for number, part in enumerate(self._metadata):
            linker = _Linker(self._bulk, (part.address, self._url), number, replaced, self._syntaxes)
            parser, pipeline = reading_pipeline(options)
            datasets = DatasetPipeline(parser, pipeline, options, as_file=self._as_file, last=linker.run)
            try:
                for piece in part.pieces(CHUNK):
                    yield datasets.feed(piece)
                yield datasets.close()
            except InputError as error:
                # A part in XML is a document of its own, whose data sets count from 0.
                if number and not error.location.dataset_index:
                    error.within(number, error.location.tag_path)
                raise


def _ignore(_: object) -> None:
    pass


# --- references ------------------------------------------------------------------------------------------------

_Replaced = Callable[[_Part, Event, Position], Iterable[Event]]


def _checked(part: _Part, event: Event, position: Position) -> Iterable[Event]:
    """Record a reference to a part; yield an empty element in its place."""
    _, tag, vr, _ = event
    if part.name not in _UNCOMPRESSED_TYPES and tag != ENCAPSULATED_DOCUMENT:
        fault = _fault_of_compressed(part, tag, vr)
        if fault:
            raise RequestError(f"part {part.number} of the body {fault}", 415)
        part.is_compressed = True
    if not part.info:
        part.info = position.info(tag, vr)
    yield ELEMENT, tag, vr, ()


def _fault_of_compressed(part: _Part, tag: int, vr: str) -> str | None:
    """Return the reason why a part cannot be compressed pixel data, or None."""
    if tag != PIXEL_DATA or not part.name.startswith(_COMPRESSED_TYPES) or vr not in ("OB", "OW"):
        return "has a media type that its element cannot have"
    if not is_uid(part.syntax):
        return "has no valid transfer syntax in its media type"
    return "is too long for compressed pixel data" if part.end - part.start >= MAX_FRAGMENT_LENGTH else None


def _placed(part: _Part, event: Event, position: Position, *, uris: dict[int, str]) -> Iterable[Event]:
    """Return the events of the value, or of a reference to the store."""
    _, tag, vr, _ = event
    if part.number in uris:
        return ((BULK_DATA, tag, vr, uris[part.number]),)
    return part.events(tag, vr)


class _Linker:
    """A filter that replaces references to parts, batch by batch.

    Args:
        bulk: The parts, by address.
        bases: The bases of relative references.
        number: The number of the first data set.
        replaced: Returns the events in place of a reference.
        syntaxes: The transfer syntaxes that data sets lack, by index. The first pass fills it; the second has the
            transfer syntax before the other elements.
    """

    def __init__(
        self,
        bulk: dict[str, _Part],
        bases: tuple[str, ...],
        number: int,
        replaced: _Replaced,
        syntaxes: dict[int, str],
    ) -> None:
        self._bulk = bulk
        self._bases = bases
        self._number = number
        self._replaced = replaced
        self._syntaxes = syntaxes
        self._position = Position()
        self._syntax = ""  # transfer syntax of compressed pixel data in this data set

    def run(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the next events, with references replaced."""
        for event in events:
            kind, tag, _, value = event
            if kind == BULK_DATA and (part := self._find(value)) is not None:
                yield from self._linked(part, event)
                continue
            if kind == ELEMENT:
                self._position.learn(tag, value)
            elif kind == START_DATASET:
                self._syntax = ""
                self._position.move(kind, tag, self._number + value)
                yield event
                if self._number + value in self._syntaxes:
                    yield ELEMENT, TRANSFER_SYNTAX_UID, "UI", (self._syntaxes[self._number + value],)
                continue
            elif kind == END_DATASET:
                self._note_syntax()
            else:
                self._position.move(kind, tag, value)
            yield event

    def _find(self, uri: str) -> _Part | None:
        return next((part for base in self._bases if (part := self._bulk.get(_joined(base, uri)))), None)

    def _linked(self, part: _Part, event: Event) -> Iterator[Event]:
        try:
            yield from self._replaced(part, event, self._position)
            if part.is_compressed and self._syntax not in ("", part.syntax):
                raise RequestError("the parts of one data set are in different transfer syntaxes", 415)
        except InputError as error:
            error.within(self._position.index, self._position.tag_path(event[1]))
            raise
        self._syntax = part.syntax if part.is_compressed else self._syntax

    def _note_syntax(self) -> None:
        """Note the transfer syntax of the parts if the metadata lacks it (PS3.18 8.7.9)."""
        if self._syntax and "transfer_syntax" not in self._position.identifiers:
            self._syntaxes[self._position.index] = self._syntax
