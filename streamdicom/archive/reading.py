"""Iteration over the data sets or events of whole archives."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from streamdicom._push import PIECE_SIZE
from streamdicom._records import replace
from streamdicom._typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from streamdicom.api import batches
from streamdicom.archive.heads import Heads
from streamdicom.archive.members import member_name, members
from streamdicom.codec import dataset_parser, reading_pipeline
from streamdicom.converters import converters_in_force
from streamdicom.errors import InputError, StreamDicomError
from streamdicom.events import Event
from streamdicom.inputs import CONTAINERS, Input, Kind, find, open_input, pieces, places, recognized, walk
from streamdicom.io import Expansion
from streamdicom.limits import Limits
from streamdicom.options import TRUNCATED, ReadOptions, options_or_default

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from streamdicom.index import DatasetOffsets

_T = TypeVar("_T")
_Reader: TypeAlias = Callable[[str, Iterable[bytes], Expansion], Iterator[_T]]
"""Reads an input: its name, its bytes and the bound on them."""
OnFault: TypeAlias = Callable[[InputError], object]
"""Takes the error of an input, so that the next one is read."""


def iter_datasets(
    *sources: str | os.PathLike[str], options: ReadOptions | None = None, as_file: bool = False
) -> Iterator[Dataset]:
    """Iterate over the data sets of files, folders, ZIP and tar files.

    Files are recognized by their content: DICOM files, DICOM JSON, NDJSON and Native DICOM XML, plain or compressed. A
    named file must be one of them. In folders, ZIP and tar files, other files are passed over. The order is that of
    ``export_archive``: the order of the sources, and of the names in each folder.

    Memory holds one data set and the names in the current folders.

    Args:
        sources: Paths and glob patterns such as ``studies/**/*.dcm``.
        options: As for ``streamdicom.iter_datasets``.
        as_file: Return ``FileDataset`` objects.

    Raises:
        InputError: An input is malformed; ``filename`` is its name, the location that in the input.
        OSError: A source does not exist, or a file cannot be read.
        ValueError: A source is a URL of an unknown kind.

    >>> from pydicom.data import get_testdata_file
    >>> [ds.Modality for ds in iter_datasets(get_testdata_file("CT_small.dcm"), get_testdata_file("MR_small.dcm"))]
    ['CT', 'MR']
    """
    options = _frozen(options)

    def read(name: str, data: Iterable[bytes], expansion: Expansion) -> Iterator[Dataset]:
        parser = dataset_parser(options, expansion, as_file=as_file)
        return chain.from_iterable(batches(parser, data, expansion, name, size=PIECE_SIZE))

    return _iterate(places(sources), read, options)


def iter_events(*sources: str | os.PathLike[str], options: ReadOptions | None = None) -> Iterator[Event]:
    """Iterate over the DICOM events of files, folders, ZIP and tar files.

    Sources, order and errors are as for ``iter_datasets``. The index in START_DATASET counts the data sets of one
    input. No data set and no long value is held in memory.

    Args:
        sources: Paths and glob patterns.
        options: As for ``streamdicom.iter_events``.

    >>> from pydicom.data import get_testdata_file
    >>> events = iter_events(get_testdata_file("CT_small.dcm"), get_testdata_file("MR_small.dcm"))
    >>> [value for _, tag, _, value in events if tag == 0x00080060]
    [('CT',), ('MR',)]
    """
    options = _frozen(options)

    def read(name: str, data: Iterable[bytes], expansion: Expansion) -> Iterator[Event]:
        parser, pipeline = reading_pipeline(options, options.bulk_data_store, expansion)
        return pipeline.iter(chain.from_iterable(batches(parser, data, expansion, name)))

    return _iterate(places(sources), read, options)


def iter_named_events(
    *sources: str | os.PathLike[str],
    options: ReadOptions | None = None,
    offsets: DatasetOffsets | None = None,
    on_fault: OnFault | None = None,
) -> Iterator[tuple[str, Iterator[Event]]]:
    """Iterate over the inputs of archives: the name of each, and its events.

    The events of an input must be consumed before the next one.

    Args:
        sources: As for ``iter_events``.
        options: As for ``iter_events``.
        offsets: Learns the places of the data sets of the current input.
        on_fault: Takes the error of an input that has no events, in place of raising it. A caller that catches the
            error of the events of an input can go on too.

    >>> from pydicom.data import get_testdata_file
    >>> path = get_testdata_file("CT_small.dcm")
    >>> [(name == path, sum(1 for _ in events)) for name, events in iter_named_events(path)]
    [(True, 277)]
    """
    options = _frozen(options)
    return _iterate(places(sources), _named_reader(options, offsets), options, on_fault)


def iter_heads(
    *sources: str | os.PathLike[str],
    heads: Heads,
    options: ReadOptions,
    offsets: DatasetOffsets | None = None,
    on_fault: OnFault | None = None,
) -> Iterator[tuple[str, list[Event] | None, Iterator[Event]]]:
    """Iterate over inputs: the name, a few elements of a DICOM file, and all events.

    The elements are at the start of a file of canonical form, which takes little time to read. Another input has None.
    No more of the file is read then, unless the caller asks for its events. Faults after the elements are not reported,
    except for a file that stops before its end.

    Args:
        sources: As for ``iter_events``.
        heads: The reader of the elements.
        options: As for ``iter_events``, and as ``heads`` was made for.
        offsets: Learns the places of the data sets of the current input, if its events are read.
        on_fault: As for ``iter_named_events``.
    """
    options = complete_files(options)
    read = _named_reader(options, offsets)
    for path, status, is_named in walk(places(sources)):
        head = None if isinstance(status, str) else heads.read(path, status.st_size)
        if head is not None:
            yield path, head, _events_of(path, read, options)
            continue
        item = recognized(path, status, is_named, force=options.force)
        for name, events in _read_input(item, read, options, on_fault):
            yield name, None, events


def _events_of(path: str, read: _Reader[tuple[str, Iterator[Event]]], options: ReadOptions) -> Iterator[Event]:
    for _, events in _read_input(Input(path, 0, 0, Kind.DICOM), read, options):
        yield from events


def _named_reader(options: ReadOptions, offsets: DatasetOffsets | None) -> _Reader[tuple[str, Iterator[Event]]]:
    def read(name: str, data: Iterable[bytes], expansion: Expansion) -> Iterator[tuple[str, Iterator[Event]]]:
        parser, pipeline = reading_pipeline(options, options.bulk_data_store, expansion)
        lists = batches(parser, data if offsets is None else offsets.watch(data), expansion, name)
        yield name, pipeline.iter(chain.from_iterable(lists))

    return read


def _frozen(options: ReadOptions | None) -> ReadOptions:
    """Resolve the converters at the call, as ``streamdicom.iter_datasets`` does."""
    options = complete_files(options_or_default(options, ReadOptions))
    return replace(options, converters=converters_in_force(options.converters))


def complete_files(options: ReadOptions) -> ReadOptions:
    """Return options by which no DICOM file may end early, unless ``on_error`` is set.

    Nobody looks at each of many files, and the rest of such a file may exist elsewhere.
    """
    if options.on_error is not None:
        return options
    return replace(options, deviations={TRUNCATED: "error", **options.deviations})


def _iterate(
    sources: list[str], read: _Reader[_T], options: ReadOptions, on_fault: OnFault | None = None
) -> Iterator[_T]:
    for item in find(sources, force=options.force):
        yield from _read_input(item, read, options, on_fault)


def _read_input(item: Input, read: _Reader[_T], options: ReadOptions, on_fault: OnFault | None = None) -> Iterator[_T]:
    if item.kind in CONTAINERS:
        try:
            yield from _iterate_members(item, read, options.limits, on_fault or _raise)
        except InputError as error:
            (on_fault or _raise)(error)
    elif item.kind == Kind.FAULT:
        (on_fault or _raise)(_error(item.path, item.fault))
    elif item.kind != Kind.OTHER:
        with open_input(item.path) as file:
            yield from _named(item.path, read(item.path, pieces(file), Expansion(options.limits)))


def _raise(error: InputError) -> None:
    raise error


def _iterate_members(container: Input, read: _Reader[_T], limits: Limits, on_fault: OnFault) -> Iterator[_T]:
    for member in _named(container.path, members(container, limits)):
        name = member_name(container.path, member.name)
        if member.kind == Kind.FAULT:
            on_fault(_error(name, member.fault))
        elif member.kind != Kind.OTHER:
            yield from _named(name, read(name, member.data, member.expansion or Expansion(limits)))


def _named(name: str, items: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from items
    except StreamDicomError as error:
        error.filename = error.filename or name
        raise


def _error(name: str, fault: str) -> InputError:
    error = InputError(fault)
    error.filename = name
    return error
