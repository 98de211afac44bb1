"""The inputs of a command: files, pipes and standard input, of any format."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice

from streamdicom._typing import BinaryIO, TypeVar
from streamdicom.api import batches
from streamdicom.cli.exit_codes import usage_errors
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import console, naming_warnings
from streamdicom.codec import reading_pipeline
from streamdicom.errors import StreamDicomError
from streamdicom.events import START_DATASET, Event
from streamdicom.io import Expansion, chunks, is_special
from streamdicom.options import ReadOptions

PIPE = "-"
"""The argument that stands for standard input or output."""

_BATCH = 1024  # events of a folder
_T = TypeVar("_T")


def event_batches(source: str, progress: ProgressLine, options: ReadOptions | None = None) -> Iterator[list[Event]]:
    """Yield the events of an input in batches, each as soon as a chunk is read.

    The files of a folder follow one another as one input.

    Raises:
        InputError: The input is not valid; the events before the error were yielded.
        UsageError: The package for its compression is not installed.
        OSError: The input cannot be read.
    """
    options = options or ReadOptions()
    if os.path.isdir(source):
        yield from _batches_of_folder(source, options)
        return
    with usage_errors():
        expansion = Expansion(options.limits)
        parser, pipeline = reading_pipeline(options, options.bulk_data_store, expansion)
        name = name_of(source)
        for events in naming_each(name, batches(parser, read(source, progress), expansion, name)):
            yield list(pipeline.iter(events)) if pipeline else events
            del events  # before the next are made


def _batches_of_folder(source: str, options: ReadOptions) -> Iterator[list[Event]]:
    from streamdicom.archive import iter_named_events  # takes long to import

    numbers, is_empty = count(), True
    for name, events in iter_named_events(source, options=options):
        for batch in naming_each(name, _batched(_numbered(events, numbers))):
            is_empty = False
            yield batch
    if is_empty and not options.where:
        note_empty(source)


def _batched(events: Iterator[Event]) -> Iterator[list[Event]]:
    while batch := list(islice(events, _BATCH)):
        yield batch


def _numbered(events: Iterator[Event], numbers: Iterator[int]) -> Iterator[Event]:
    """Give the data sets the next numbers."""
    for event in events:
        yield (*event[:3], next(numbers)) if event[0] == START_DATASET else event


def note_empty(folder: str) -> None:
    """Print that a folder has no data sets."""
    console.note(f"warning: {folder}: found no data sets in this folder")


def read(source: str, progress: ProgressLine) -> Iterator[bytes]:
    """Yield the bytes of an input in chunks; a pipe is not read ahead."""
    file: str | BinaryIO = sys.stdin.buffer if source == PIPE else source
    for chunk in chunks(file):
        progress.advance(len(chunk))
        yield chunk


def size_of(source: str) -> int | None:
    """Return the size of a file in bytes; None for a pipe or a folder.

    Raises:
        OSError: The file does not exist.
    """
    return None if is_pipe(source) or os.path.isdir(source) else os.stat(source).st_size


def is_pipe(path: str) -> bool:
    """Return whether a path stands for a standard stream, or is a pipe or a device."""
    return path == PIPE or (is_special(path) and not os.path.isdir(path))


def name_of(source: str) -> str:
    """Return the name of an input for messages."""
    return "standard input" if source == PIPE else os.fspath(source)


def naming_each(name: str, items: Iterator[_T]) -> Iterator[_T]:
    """Yield items, none of which is None; see ``naming_input``."""
    while True:
        with naming_input(name):
            item = next(items, None)
        if item is None:
            return
        yield item
        del item  # before the next is made


@contextmanager
def naming_input(source: str) -> Iterator[None]:
    """Add the name of an input to the errors and warnings that it causes."""
    try:
        with naming_warnings(name_of(source)):
            yield
    except StreamDicomError as error:
        is_unnamed = not error.filename or (source == PIPE and error.filename == getattr(sys.stdin, "name", None))
        if is_unnamed:
            error.filename = name_of(source)
        raise
