"""A part of a stream of data sets, which is read as the whole stream is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from streamdicom._push import PIECE_SIZE
from streamdicom._records import NamedTuple, record, replace
from streamdicom._typing import TYPE_CHECKING
from streamdicom.api import batches, iter_datasets, iter_events
from streamdicom.bulkdata import BulkDataStore
from streamdicom.codec import DatasetPipeline, reading_pipeline
from streamdicom.errors import Location, SplitError, StreamDicomError
from streamdicom.events import Event
from streamdicom.filters import Pipeline
from streamdicom.formats import Parser
from streamdicom.formats.json import KeyFilter
from streamdicom.index.offsets import DatasetOffsets
from streamdicom.index.scanning import origin_of
from streamdicom.io import Expansion, MemberPlace, content_from, is_url, open_place, read_range
from streamdicom.jsontext import Origin
from streamdicom.options import ReadOptions, options_or_default
from streamdicom.patterns import DatasetConditions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


class Member(NamedTuple):
    """A member of a compressed source, at which reading starts."""

    kind: str
    place: MemberPlace


@record(frozen=True, slots=True)
class Split:
    """A part of a source that starts at a data set and ends before another one.

    It can be pickled, and read in any process, in any order. Indices, byte offsets, errors and deviations are those
    of the whole source.

    Attributes:
        source: An absolute path, or a URL for fsspec.
        origin: The place at which the part starts; None for a source that is read as a whole.
        end: The place before which it ends; None for the end of the source.
        first: The index of its first data set.
        count: The number of its data sets, or None if it is not known.
        member: The member of a compressed source at which reading starts. Offsets count bytes of the content.
        others: Further files, which are read after it. Each counts its data sets from 0.

    >>> import tempfile
    >>> from streamdicom import plan_splits
    >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
    ...     _ = file.write(b"[{}, {}]")
    ...     file.flush()
    ...     [(split.first, split.count) for split in plan_splits(file.name, parts=2)]
    [(0, 1), (1, 1)]
    """

    source: str
    origin: Origin | None = None
    end: Origin | None = None
    first: int = 0
    count: int | None = None
    member: Member | None = None
    others: tuple[str, ...] = ()

    def files(self) -> Iterator[Split]:
        """Yield the parts of single files."""
        if not self.others:
            yield self
            return
        yield replace(self, others=())
        yield from map(Split, self.others)

    def iter_events(
        self,
        *,
        options: ReadOptions | None = None,
        offsets: DatasetOffsets | None = None,
        form: object | None = None,
    ) -> Iterator[Event]:
        """Iterate over the events of the part; see ``streamdicom.iter_events``.

        Args:
            options: Options for reading.
            offsets: Learns the places of the data sets.
            form: As for ``expanded_events``, for a part that starts at a place.

        Raises:
            SplitError: The part does not end where a data set starts.
            InputError: The source is at fault.
        """
        options = options_or_default(options, ReadOptions)
        if self.others:
            return chain.from_iterable(part.iter_events(options=options, offsets=offsets) for part in self.files())
        if self.origin is None and not is_url(self.source):
            return iter_events(self.source, options=options)
        expansion = Expansion(options.limits)
        parser, pipeline = self._reading(options, options.bulk_data_store, expansion, form)
        blocks = self._blocks()
        if offsets is not None:
            blocks = offsets.watch(blocks, self.first, self.origin.offset if self.origin else 0)
        lists = batches(parser, blocks, expansion, self.source)
        return pipeline.iter(chain.from_iterable(lists))

    def iter_datasets(self, *, options: ReadOptions | None = None) -> Iterator[Dataset]:
        """Iterate over the data sets of the part; see ``streamdicom.iter_datasets``.

        Raises:
            SplitError: The part does not end where a data set starts.
            InputError: The source is at fault.
        """
        options = options_or_default(options, ReadOptions)
        if self.others:
            return chain.from_iterable(part.iter_datasets(options=options) for part in self.files())
        if self.origin is None and not is_url(self.source):
            return iter_datasets(self.source, options=options)
        expansion = Expansion(options.limits)
        parser = DatasetPipeline(*self._reading(options, None, expansion), options)
        return chain.from_iterable(batches(parser, self._blocks(), expansion, self.source, size=PIECE_SIZE))

    def _reading(
        self, options: ReadOptions, store: BulkDataStore | None, expansion: Expansion, form: object | None = None
    ) -> tuple[Parser, Pipeline]:
        """Return the parser and the filters, as for a whole source."""
        if self.origin is None:
            return reading_pipeline(options, store, expansion, form)
        if options.path is not None:
            raise ValueError("a document with a path cannot be split, because its data sets are within another value")
        conditions = DatasetConditions(options.where, options.limits)
        key_filter = KeyFilter.of(options, conditions)
        has_selected = key_filter.has_selected if key_filter else None
        pipeline = Pipeline.for_reading(options, store, conditions, has_selected)
        parser = _PartParser(self, options, key_filter)
        if form is not None:
            parser.encode_in(form)
        return parser, pipeline

    def _blocks(self) -> Iterator[bytes]:
        start = self.origin.offset if self.origin else 0
        end = None if self.end is None else self.end.offset
        with open_place(self.source) as file:
            if self.member is None:
                yield from read_range(file, start, end)
            else:
                yield from _between(content_from(file, *self.member), self.member.place.content, start, end)


def split_at(source: str, first: int, offset: int) -> Split:
    """Return the part of a JSON text from a data set to the end.

    Args:
        source: A path, or a URL for fsspec.
        first: The index of the data set.
        offset: Its offset.
    """
    with open_place(source) as file:
        return Split(source, origin_of(file, offset), None, first)


def _between(pieces: Iterator[bytes], offset: int, start: int, end: int | None) -> Iterator[bytes]:
    """Yield the bytes of a range, of pieces that follow one another from an offset on."""
    for piece in pieces:
        if end is not None and offset >= end:
            return
        found = piece[max(0, start - offset) : None if end is None else end - offset]
        offset += len(piece)
        if found:
            yield found


class _PartParser:
    """A parser of JSON whose ``close`` checks the end of a part."""

    has_more = False

    def __init__(self, part: Split, options: ReadOptions, key_filter: KeyFilter | None) -> None:
        from streamdicom.formats.json import JsonParser  # which an index does not need

        self._part = part
        self._parser = JsonParser(options=options, skip=key_filter, origin=part.origin, first=part.first)
        self._error: SplitError | None = None
        self.feed, self.encode_in = self._parser.feed, self._parser.encode_in

    @property
    def error(self) -> StreamDicomError | None:
        return self._parser.error or self._error

    def finish(self) -> list[Event]:
        return self._parser.finish() if self._part.end is None else []

    def close(self) -> list[Event]:
        part, parser = self._part, self._parser
        if parser.error:
            raise parser.error
        events = parser.close() if part.end is None else []
        found = parser.dataset_count - part.first
        if (part.end is not None and parser.origin != part.end) or part.count not in (None, found):
            self._error = SplitError(
                "expected the start of a data set at the end of the split, found another place; "
                "the source has changed, or is not JSON",
                Location(parser.bytes_consumed, part.first + found),
            )
            raise self._error
        return events
