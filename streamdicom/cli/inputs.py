"""The inputs of a command: files, pipes and standard input, of any format."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from streamdicom._typing import BinaryIO
from streamdicom.api import batches
from streamdicom.cli.exit_codes import usage_errors
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import console
from streamdicom.codec import reading_pipeline
from streamdicom.errors import StreamDicomError
from streamdicom.events import START_DATASET, Event
from streamdicom.io import Expansion, chunks, is_special
from streamdicom.options import ReadOptions

PIPE = "-"
"""The argument that stands for standard input or output."""

_BATCH = 1024  # events of a folder


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
        for events in batches(parser, read(source, progress), expansion, name_of(source)):
            yield list(pipeline.iter(events)) if pipeline else events


def _batches_of_folder(source: str, options: ReadOptions) -> Iterator[list[Event]]:
    from streamdicom.archive import iter_events  # takes long to import

    events = _numbered(iter_events(source, options=options))
    is_empty = True
    while batch := list(islice(events, _BATCH)):
        is_empty = False
        yield batch
    if is_empty and not options.where:
        note_empty(source)


def _numbered(events: Iterator[Event]) -> Iterator[Event]:
    """Number the data sets of all files from 0."""
    count = 0
    for event in events:
        if event[0] == START_DATASET:
            yield (*event[:3], count)
            count += 1
        else:
            yield event


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


@contextmanager
def naming_input(source: str) -> Iterator[None]:
    """Add the name of an input to the errors that it causes."""
    try:
        yield
    except StreamDicomError as error:
        is_unnamed = not error.filename or (source == PIPE and error.filename == getattr(sys.stdin, "name", None))
        if is_unnamed:
            error.filename = name_of(source)
        raise
