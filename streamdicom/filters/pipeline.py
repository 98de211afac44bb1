"""What events go through by the options, on the way from a source or to a target."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Protocol, Self

from streamdicom.bulkdata import BulkDataStore
from streamdicom.converters import converters_in_force
from streamdicom.events import Event
from streamdicom.filters.bulk_data import load_bulk_data
from streamdicom.filters.convert import ElementConverter
from streamdicom.filters.select import ElementFilter
from streamdicom.filters.where import DatasetFilter
from streamdicom.options import ReadOptions, WriteOptions
from streamdicom.patterns import DatasetConditions, selection


class _Stage(Protocol):
    def __call__(self, events: Iterable[Event]) -> Iterator[Event]:
        """What becomes of the next events; what is between two batches is kept."""


class Pipeline:
    """The filters that some options ask for, in their order; false if there are none.

    Args:
        stages: What each makes of the next events.

    >>> stages = Pipeline.for_reading(ReadOptions(exclude=["PatientName"]))
    >>> stages.batch([(1, 0, "", 0), (3, 0x00100010, "PN", ())])
    [(1, 0, '', 0)]
    """

    def __init__(self, stages: list[_Stage]) -> None:
        self._stages = stages
        self.error: Exception | None = None

    @classmethod
    def for_reading(
        cls, options: ReadOptions, store: BulkDataStore | None = None, wanted: DatasetConditions | None = None
    ) -> Self:
        """Those for reading: which data sets, which elements, the values from a store, what converters make of them.

        Args:
            options: The choices.
            store: Where values are that come for the references to them.
            wanted: The conditions on data sets, if a reader foresees what comes of them.
        """
        stages = _selecting(options)
        if options.where:
            stages.insert(0, DatasetFilter(wanted or DatasetConditions(options.where, options.limits)).run)
        if store is not None:
            stages.append(partial(load_bulk_data, store=store))
        converters = converters_in_force(options.converters)
        if converters:
            stages.append(ElementConverter.for_reading(converters, options).run)
        return cls(stages)

    @classmethod
    def for_writing(cls, options: WriteOptions) -> Self:
        """Those for writing: which elements, and what converters make of them."""
        stages = _selecting(options)
        converters = converters_in_force(options.converters)
        if converters:
            stages.append(ElementConverter.for_writing(converters, options).run)
        return cls(stages)

    def __bool__(self) -> bool:
        return bool(self._stages)

    def iter(self, events: Iterable[Event]) -> Iterator[Event]:
        """What becomes of the next events, one by one."""
        for stage in self._stages:
            events = stage(events)
        return iter(events)

    def batch(self, events: list[Event]) -> list[Event]:
        """What becomes of a batch of events.

        As with ``JsonParser.feed``, a fault raises at the next call if there are events before it; so does an
        exception of what the caller has put into the options.
        """
        if not self._stages:
            return events
        if self.error:
            raise self.error
        taken: list[Event] = []
        try:
            taken.extend(self.iter(events))
        except Exception as error:
            self.error = error
            if not taken:
                raise
        return taken


def _selecting(options: ReadOptions | WriteOptions) -> list[_Stage]:
    level = selection(options.include, options.exclude)
    return [] if level.is_whole else [ElementFilter(level, options.limits).run]
