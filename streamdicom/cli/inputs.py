"""The inputs of a command: files, pipes and standard input, of any format."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from streamdicom.api import batches
from streamdicom.cli.exit_codes import usage_errors
from streamdicom.cli.progress import ProgressLine
from streamdicom.codec import reading_pipeline
from streamdicom.errors import StreamDicomError
from streamdicom.events import Event
from streamdicom.io import Expansion, chunks, is_special
from streamdicom.options import ReadOptions

PIPE = Path("-")
"""The argument that stands for standard input or output."""


def event_batches(source: Path, progress: ProgressLine, options: ReadOptions | None = None) -> Iterator[list[Event]]:
    """Yield the events of an input in batches, each as soon as a chunk is read.

    Raises:
        InputError: The input is not valid; the events before the error were yielded.
        UsageError: The package for its compression is not installed.
        OSError: The input cannot be read.
    """
    options = options or ReadOptions()
    with usage_errors():
        expansion = Expansion(options.limits)
        parser, pipeline = reading_pipeline(options, options.bulk_data_store, expansion)
        for events in batches(parser, read(source, progress), expansion, name_of(source)):
            yield list(pipeline.iter(events)) if pipeline else events


def read(source: Path, progress: ProgressLine) -> Iterator[bytes]:
    """Yield the bytes of an input in chunks; a pipe is not read ahead."""
    file: Path | BinaryIO = sys.stdin.buffer if source == PIPE else source
    for chunk in chunks(file):
        progress.advance(len(chunk))
        yield chunk


def size_of(source: Path) -> int | None:
    """Return the size of a file in bytes; None for a pipe.

    Raises:
        OSError: The file does not exist.
    """
    return None if is_pipe(source) else source.stat().st_size


def is_pipe(path: Path) -> bool:
    """Return whether a path stands for a standard stream, or is a pipe or a device."""
    return path == PIPE or is_special(path)


def name_of(source: Path) -> str:
    """Return the name of an input for messages."""
    return "standard input" if source == PIPE else str(source)


@contextmanager
def naming_input(source: Path) -> Iterator[None]:
    """Add the name of an input to the errors that it causes."""
    try:
        yield
    except StreamDicomError as error:
        is_unnamed = not error.filename or (source == PIPE and error.filename == getattr(sys.stdin, "name", None))
        if is_unnamed:
            error.filename = name_of(source)
        raise
