"""The events of one data set of a library, with their places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from streamdicom.archive import Heads
from streamdicom.deviations import Deviation
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import InputError, Location, TruncatedError
from streamdicom.events import ELEMENT, END_DATASET, Event
from streamdicom.filters import Pipeline
from streamdicom.formats import EventParser
from streamdicom.formats.json import JsonParser, KeyFilter
from streamdicom.index import origin_of
from streamdicom.io import read_range
from streamdicom.options import ReadOptions
from streamdicom.patterns import DatasetConditions
from streamdicom.server.browse.library import Library, Located
from streamdicom.server.browse.units import opened

_BLOCK = 64 * 1024


class Batch(NamedTuple):
    """Some events of a data set.

    Attributes:
        events: The events.
        offset_of: Returns the byte offset of an event in its unit, by its index, also after later batches.
    """

    events: list[Event]
    offset_of: Callable[[int], int]


def ignore(_: Deviation) -> None:
    """Take no notice of a deviation."""


def reading_options(library: Library, **options: object) -> ReadOptions:
    """Return options that keep what is wrong."""
    return ReadOptions(**{"on_error": "keep", "on_deviation": ignore, "force": library.force, **options})  # type: ignore[arg-type]


def batches(library: Library, number: int, options: ReadOptions, *, checks_padding: bool = False) -> Iterator[Batch]:
    """Yield the events of a data set in batches, with their places.

    No filter is applied, but elements of JSON that ``include`` leaves out may be skipped.

    Args:
        library: The data sets.
        number: The number of the data set.
        options: Options for reading.
        checks_padding: Report padding that PS3.5 6.2 does not allow.

    Raises:
        IndexError: There is no such data set.
        InputError: The data set is at fault; the events before it were yielded.
        SourceChangedError: The source has changed.
    """
    located = library.locate(number)
    with library.opened(located) as file:
        parser: JsonParser | EventParser
        base = 0
        if located.unit.format == "json":
            skip = KeyFilter.of(options, DatasetConditions({}, options.limits))
            origin = origin_of(file, located.start)
            parser = JsonParser(options=options, skip=skip, origin=origin, first=located.number)
        else:
            parser = EventParser(options=options)
            base = located.start
        parser.keep_places()
        if checks_padding:
            parser.check_padding()

        def placed(events: list[Event]) -> Batch:
            offset_of = parser.offset_of()
            return Batch(events, lambda index: offset_of(index) + base)

        for block in read_range(file, located.start, _end(located), _BLOCK):
            found = parser.feed(block)
            while True:
                end = _end_of_dataset(found)
                yield placed(found if end is None else found[:end])
                if end is not None:
                    return
                if not parser.has_more:
                    break
                found = parser.feed(b"")
        last = parser.finish()
        yield placed(last)
        if _end_of_dataset(last) is None:
            parser.close()
            raise TruncatedError("the data set is not complete", Location(None, located.number))


def _end(located: Located) -> int | None:
    """Return the offset at which reading stops at the latest."""
    return located.end if located.unit.format == "json" else None


def _end_of_dataset(events: list[Event]) -> int | None:
    """Return the index after the end of the first data set, or None."""
    if events and events[-1][0] == END_DATASET and sum(event[0] == END_DATASET for event in events) == 1:
        return len(events)
    return next((index for index, event in enumerate(events, 1) if event[0] == END_DATASET), None)


def events_of(library: Library, number: int, options: ReadOptions) -> Iterator[Event]:
    """Yield the events of a data set, filtered as the options say; see ``batches``."""
    pipeline = Pipeline.for_reading(options)
    for batch in batches(library, number, options):
        yield from pipeline.iter(batch.events) if pipeline else batch.events


def heads_of(tags: list[int] | None) -> Heads | None:
    """Return the reader of some elements at the start of DICOM files, or None."""
    return Heads.of(tags, ReadOptions(include=tags)) if tags else None


def head_of(library: Library, number: int, heads: Heads | None) -> list[Event] | None:
    """Return some elements of a DICOM file, or None if the parser is needed.

    Raises:
        IndexError: There is no such data set.
        SourceChangedError: The file has changed.
    """
    if heads is None:
        return None
    unit = library.locate(number).unit
    if unit.format != "dicom" or unit.container or unit.packing:
        return None
    with opened(unit):
        return heads.read(unit.path, unit.size)


def uid_of(library: Library, number: int) -> str:
    """Return the SOP Instance UID of a data set, or ""."""
    options = reading_options(library, include=[SOP_INSTANCE_UID])
    try:
        for batch in batches(library, number, options):
            for kind, tag, _, value in batch.events:
                if kind == ELEMENT and tag == SOP_INSTANCE_UID:
                    return str(value[0]) if value else ""
    except InputError:
        pass
    return ""
