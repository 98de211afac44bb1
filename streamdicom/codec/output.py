"""Events on their way to a writer, and output of the engine in their place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain

from streamdicom._records import replace
from streamdicom.converters import converters_in_force
from streamdicom.events import Event
from streamdicom.filters import Pipeline
from streamdicom.formats import (
    FormatName,
    SelfEncoding,
    format_named,
)
from streamdicom.options import ReadOptions, WriteOptions

_EVENT_LENGTH = 4


def output_form(
    reading: ReadOptions,
    writing: WriteOptions,
    *,
    format: FormatName,
    array: bool,
    seen: Iterable[int] = (),
    sees_references: bool = False,
) -> object | None:
    """Return the form in which a parser may write elements itself.

    Args:
        reading: Options for reading.
        writing: Options for writing.
        format: The name of the format.
        array: As for ``EventEncoder``.
        seen: The tags of elements that Python must see.
        sees_references: Whether Python must see references to bulk data.

    Returns:
        The form for ``EventParser.encode_in``; None if Python must see the events.
    """
    form_of = format_named(format).output_form
    if form_of is None or any(
        one.deidentification or converters_in_force(one.converters) for one in (reading, writing)
    ):
        return None
    from streamdicom.formats import chosen_form

    form: object | None = form_of(writing, array)
    return None if form is None else chosen_form(form, reading, writing, seen, sees_references)


class EventStream(Iterator[Event]):
    """The events of a source, or the output of the engine in their place.

    Args:
        parser: The parser of the source.
        events: The events.
        options: Options for reading.
        seen: The tags of elements that Python must see, with the references to bulk data.

    >>> from streamdicom.codec import reading_pipeline
    >>> parser, pipeline = reading_pipeline(ReadOptions())
    >>> stream = EventStream(parser, pipeline.iter([(1, 0, "", 0)]), ReadOptions())
    >>> next(stream)
    (1, 0, '', 0)
    """

    def __init__(
        self, parser: SelfEncoding, events: Iterator[Event], options: ReadOptions, seen: Iterable[int] = ()
    ) -> None:
        self._parser = parser
        self._events = events
        self._options = options
        self._seen = seen
        self._is_begun = False

    def __iter__(self) -> Iterator[Event]:
        self._is_begun = True
        return self._events  # which takes less time than this object for each event

    def __next__(self) -> Event:
        self._is_begun = True
        return next(self._events)

    def encode_for(self, options: WriteOptions, format: FormatName, *, array: bool) -> None:
        """Let the engine write as much as it can, if nobody else has read an event.

        Args:
            options: Options for writing.
            format: The name of the format.
            array: As for ``EventEncoder``.
        """
        if self._is_begun:
            return
        form = output_form(
            self._options, options, format=format, array=array, seen=self._seen, sees_references=bool(self._seen)
        )
        if form is not None:
            self._parser.encode_in(form)


def file_options(options: WriteOptions) -> WriteOptions:
    """Return the options for a DICOM file, which cannot refer to bulk data."""
    return replace(options, file_meta=True, bulk_data_element_handler=None, bulk_data_store=None)


def has_bulk_data(options: WriteOptions) -> bool:
    from streamdicom.bulkdata import BulkDataPolicy

    return options.bulk_data_store is not None or options.bulk_data_policy != BulkDataPolicy()


def written_events(events: Iterable[Event], options: WriteOptions, pipeline: Pipeline) -> Iterator[Event]:
    """Yield the events that a writer gets.

    Args:
        events: The events of the caller.
        options: Options for writing.
        pipeline: The filters that the options ask for.
    """
    events = pipeline.iter(events)
    if has_bulk_data(options):
        from streamdicom.filters import store_bulk_data

        events = store_bulk_data(events, options.bulk_data_policy, options.bulk_data_store)
    return iter(events)


def check_list(events: Iterable[Event], cause: Exception) -> None:
    """Explain an error by an object in a list that is not an event.

    To check each event beforehand would take a twentieth of the time.

    Args:
        events: The events of the caller. Only a list or a tuple can be searched.
        cause: The error.

    Raises:
        TypeError: There is such an object.
    """
    if isinstance(events, list | tuple):
        for event in events:
            if not isinstance(event, tuple) or len(event) != _EVENT_LENGTH:
                raise _not_an_event(event) from cause


def checked_events(events: Iterable[Event]) -> Iterator[Event]:
    """Return the events, of which the first is checked to be one.

    Raises:
        TypeError: These are data sets, or something else.
    """
    if isinstance(events, str | bytes | os.PathLike):
        raise TypeError(f"expected events, found {type(events).__name__}; read them with iter_events()")
    if not isinstance(events, Iterable):
        raise TypeError(f"expected events, found {type(events).__name__}; read them with iter_events()")
    remaining = iter(events)
    for first in remaining:
        if not isinstance(first, tuple):
            raise _not_an_event(first)
        return chain((first,), remaining)
    return iter(())


def _not_an_event(found: object) -> TypeError:
    hint = "; write data sets with dump()" if type(found).__module__.startswith("pydicom.") else ""
    length = f" of {len(found)} values" if isinstance(found, tuple) else ""
    return TypeError(f"expected events, which are tuples of four values, found a {type(found).__name__}{length}{hint}")
