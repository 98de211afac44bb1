"""The chain of filters that options ask for.

They are imported when options ask for them: most runs of a command need none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from streamdicom._typing import TYPE_CHECKING, Protocol, Self
from streamdicom.converters import converters_in_force
from streamdicom.events import Event
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from streamdicom.patterns import DatasetConditions, selection

if TYPE_CHECKING:
    from streamdicom.bulkdata import BulkDataStore
    from streamdicom.filters.convert import ElementConverter
    from streamdicom.filters.element_filter import ElementFilter


class _Stage(Protocol):
    def __call__(self, events: Iterable[Event]) -> Iterator[Event]:
        """Filter the next events; the state between two batches is kept."""


class Pipeline:
    """A chain of filters; false if it is empty.

    Args:
        stages: The filters, first to last.

    >>> pipeline = Pipeline.for_reading(ReadOptions(exclude=["PatientName"]))
    >>> list(pipeline.iter([(1, 0, "", 0), (3, 0x00100010, "PN", ())]))
    [(1, 0, '', 0)]
    """

    def __init__(self, stages: list[_Stage]) -> None:
        self._stages = stages

    @classmethod
    def for_reading(
        cls,
        options: ReadOptions,
        store: BulkDataStore | None = None,
        conditions: DatasetConditions | None = None,
        has_selected: Callable[[], bool] | None = None,
    ) -> Self:
        """Return the filters for reading, in the order in which events pass them.

        ``where``, ``include`` and ``exclude``, bulk data, de-identification, converters.

        Args:
            options: The options.
            store: The store that references to bulk data are loaded from, if any.
            conditions: The conditions of ``options.where``, if a parser shares them.
            has_selected: Returns True if the parser has left out all that ``include`` and ``exclude`` leave out.
        """
        stages: list[_Stage] = []
        if options.where:
            from streamdicom.filters.dataset_filter import DatasetFilter

            stages.append(DatasetFilter(conditions or DatasetConditions(options.where, options.limits)).run)
        element_filter = _element_filter(options, has_selected)
        converters = converters_in_force(options.converters)
        converter = _element_converter().for_reading(converters, options) if converters else None
        if options.deidentification:  # sees values, not references
            store = store or options.bulk_data_store
        loading: list[_Stage] = []
        if store is not None:
            from streamdicom.filters.bulk_data import load_bulk_data

            loading.append(partial(load_bulk_data, store=store))
        return cls(stages + _chain(options, element_filter, loading, converter))

    @classmethod
    def for_writing(cls, options: WriteOptions) -> Self:
        """Return the filters for writing: selection, de-identification, converters."""
        element_filter = _element_filter(options)
        converters = converters_in_force(options.converters)
        converter = _element_converter().for_writing(converters, options) if converters else None
        return cls(_chain(options, element_filter, [], converter))

    def __bool__(self) -> bool:
        return bool(self._stages)

    def iter(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the filtered events of the next events."""
        for stage in self._stages:
            events = stage(events)
        return iter(events)


def _element_filter(
    options: ReadOptions | WriteOptions, has_selected: Callable[[], bool] | None = None
) -> ElementFilter | None:
    selected = selection(options.include, options.exclude)
    if selected.is_whole:
        return None
    from streamdicom.filters.element_filter import ElementFilter

    return ElementFilter(selected, has_selected)


def _element_converter() -> type[ElementConverter]:
    from streamdicom.filters.convert import ElementConverter

    return ElementConverter


def _chain(
    options: ReadOptions | WriteOptions,
    element_filter: ElementFilter | None,
    loading: list[_Stage],
    converter: ElementConverter | None,
) -> list[_Stage]:
    deidentification = options.deidentification
    # A stage that de-identifies holds events, so VRs that a converter waits for must be found after it.
    together = None if deidentification else converter
    stages = _waiting(element_filter, together, options.limits)
    if element_filter:
        stages.append(element_filter.run)
    stages += loading
    if deidentification:
        from streamdicom.filters.deidentifier import Deidentifier

        stages.append(Deidentifier(deidentification).run)
        stages += _waiting(None, converter, options.limits)
    if converter:
        stages.append(converter.run)
    return stages


def _waiting(element_filter: ElementFilter | None, converter: ElementConverter | None, limits: Limits) -> list[_Stage]:
    """Return a ``VRFirst`` stage if a later stage needs VRs."""
    asking = [stage.needs_vr for stage in (element_filter, converter) if stage and stage.uses_vrs]
    if not asking:
        return []
    from streamdicom.filters.late_vr import VRFirst

    return [VRFirst(lambda tag: any(needs_vr(tag) for needs_vr in asking), limits.spooled_size).run]
