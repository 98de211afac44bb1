"""Parsers: bytes to events and data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from streamdicom._push import PushParser, finished
from streamdicom._typing import TYPE_CHECKING, Any, Protocol
from streamdicom.errors import Location, StreamDicomError, TruncatedError
from streamdicom.events import Event
from streamdicom.filters import Pipeline
from streamdicom.formats import (
    EventParser,
    MakesRaws,
    Parser,
)
from streamdicom.io import Expansion
from streamdicom.options import ReadOptions, options_or_default
from streamdicom.patterns import DatasetConditions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from streamdicom.bulkdata import BulkDataStore

SOURCE_LOST = (ConnectionError, TimeoutError, EOFError)
"""Exceptions of a source that ends too early: the peer is gone or silent, or the file is truncated."""


def reading_pipeline(
    options: ReadOptions,
    store: BulkDataStore | None = None,
    expansion: Expansion | None = None,
    form: object | None = None,
) -> tuple[EventParser, Pipeline]:
    """Return the parser and the filters that the options ask for.

    Args:
        options: The options.
        store: The store that references to bulk data are loaded from, if any.
        expansion: The bound of the compressed stream around the bytes, if any.
        form: The form of the writer that gets the events, as ``output_form`` returns it, if nothing else does.
    """
    conditions = DatasetConditions(options.where, options.limits)
    key_filter = None
    if options.include or options.exclude or options.where:
        from streamdicom.formats.json import KeyFilter

        key_filter = KeyFilter.of(options, conditions)
    parser = EventParser(options=options, key_filter=key_filter, expansion=expansion)
    pipeline = Pipeline.for_reading(options, store, conditions, key_filter.has_selected if key_filter else None)
    if form is not None:
        parser.encode_in(form)
    return parser, pipeline


class DatasetPipeline(PushParser["Dataset"]):
    """A push parser of data sets, on top of a parser of events.

    Args:
        parser: The parser of events.
        pipeline: The filters.
        options: The options for building data sets.
        as_file: Whether to make FileDataset objects.
        last: A filter after the others. It passes events on one by one, so that no long value is held.

    >>> pipeline = DatasetPipeline(*reading_pipeline(ReadOptions()), ReadOptions())
    >>> len(pipeline.feed(b"[{}, {}]"))
    2
    """

    _deferred = Exception

    def __init__(
        self,
        parser: Parser,
        pipeline: Pipeline,
        options: ReadOptions,
        *,
        as_file: bool = False,
        last: Callable[[Iterable[Event]], Iterable[Event]] | None = None,
    ) -> None:
        from streamdicom.datasets import DatasetBuilder

        super().__init__()
        self._parser = parser
        self._pipeline = pipeline
        self._last = last
        self._builder = DatasetBuilder(options, as_file=as_file)
        if not pipeline and last is None and isinstance(parser, MakesRaws):
            parser.make_raws(self._builder.raws)

    def _has_more(self) -> bool:
        return self._parser.has_more

    def _feed(self, data: bytes, datasets: list[Dataset]) -> None:
        self._build(self._parser.feed(data), datasets)

    def _close(self, datasets: list[Dataset]) -> None:
        for events in finished(self._parser):
            self._build(events, datasets)

    def _build(self, events: Iterable[Event], datasets: list[Dataset]) -> None:
        events = self._pipeline.iter(events)
        datasets.extend(self._builder.build(self._last(events) if self._last else events))
        if self._parser.error:
            raise self._parser.error


class DatasetParser(DatasetPipeline):
    """A push parser of data sets: bytes in, pydicom data sets out.

    The format is recognized by the first bytes, unless ``ReadOptions.format`` names it. Memory is bounded by one data
    set. An exception of a callable in the options is raised once as it is; from then on it is the ``__cause__`` of an
    InputError.

    Args:
        options: Options for reading.
        as_file: Whether to make FileDataset objects.

    >>> parser = DatasetParser()
    >>> parser.feed(b'[{"00100020": {"vr": "LO", "Va')
    []
    >>> [ds.PatientID for ds in parser.feed(b'lue": ["17"]}}, ')]
    ['17']
    >>> parser.feed(b"{}]") + parser.close()
    []
    """

    def __init__(self, *, options: ReadOptions | None = None, as_file: bool = False) -> None:
        options = options_or_default(options, ReadOptions)
        super().__init__(*reading_pipeline(options), options, as_file=as_file)


def dataset_parser(options: ReadOptions, expansion: Expansion, *, as_file: bool = False) -> DatasetPipeline:
    """Return a ``DatasetParser`` of a stream that may be within a compressed stream.

    Args:
        options: Options for reading.
        expansion: The bound of the compressed stream.
        as_file: Whether to make FileDataset objects.
    """
    return DatasetPipeline(*reading_pipeline(options, expansion=expansion), options, as_file=as_file)


class _Closable(Protocol):
    def close(self) -> list[Any]: ...


def truncated_by(parser: _Closable, cause: Exception, size: int) -> StreamDicomError:
    """Return the error of a stream whose source was lost before its end.

    Args:
        parser: The push parser of the stream. It is closed.
        cause: The exception of the source, one of ``SOURCE_LOST``.
        size: The number of bytes from the source.

    Returns:
        A TruncatedError, or an earlier error of the parser.

    >>> parser = DatasetParser()
    >>> len(parser.feed(b'[{}, {"00100020": '))
    1
    >>> print(truncated_by(parser, TimeoutError(), 18))
    the source broke off with TimeoutError (byte 18, [1].00100020 PatientID)
    """
    location = Location(size)
    try:
        parser.close()
    except TruncatedError as error:
        location = error.location
    except StreamDicomError as error:
        return error
    return TruncatedError(f"the source broke off with {type(cause).__name__}", location)
