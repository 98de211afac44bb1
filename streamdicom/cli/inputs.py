"""What a command reads: a file or a pipe, JSON, XML or DICOM; and the progress that it shows on stderr."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from streamdicom.errors import InputError, ResumeError, StreamDicomError
from streamdicom.events import Event
from streamdicom.formats import FORMATS, NDJSON, form_of_name
from streamdicom.io import chunks, is_special
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions

if TYPE_CHECKING:
    from rich.progress import Progress

PIPE = Path("-")
_PATIENCE = 1.0  # seconds before progress is shown


class Kind(StrEnum):
    """What a file is."""

    JSON = "json"
    XML = "xml"
    DCM = "dcm"


_KINDS = {"json": Kind.JSON, "ndjson": Kind.JSON, "xml": Kind.XML, "dicom": Kind.DCM}
"""The kind of each format."""


def plain(text: str) -> str:
    r"""A text on one line that cannot command a terminal.

    >>> plain("a\n\x1b[2J")
    'a \\x1b[2J'
    """
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


class CallError(Exception):
    """What was asked for does not fit together."""


@contextmanager
def calling() -> Iterator[None]:
    """What is wrong with the call, and not with the data.

    Raises:
        CallError: In place of what functions raise for arguments that do not fit together.
    """
    try:
        yield
    except ResumeError as error:
        raise CallError(str(error)) from error
    except StreamDicomError:
        raise
    except ValueError as error:
        raise CallError(str(error)) from error


class Meter:
    """Progress on stderr, for whatever takes more than a second, be it that nothing comes.

    A terminal gets a line that moves, unless the output goes to a terminal too: on one line they could not be told
    apart. Anything else gets nothing, so that logs stay readable.

    Args:
        what: What is going on, for the line.
        total: Bytes in all, if that is known.
        prints: Whether the output goes to stdout meanwhile.
    """

    def __init__(self, what: str, total: int | None = None, *, prints: bool = False) -> None:
        is_shown = sys.stderr.isatty() and not (prints and sys.stdout.isatty())
        self._progress = _progress() if is_shown else None
        if self._progress:
            self._task = self._progress.add_task(plain(what), total=total)
            self._timer = Timer(_PATIENCE, self._progress.start)
            self._timer.daemon = True

    def advance(self, count: int) -> None:
        """Say that so many bytes more have been done."""
        if self._progress:
            self._progress.advance(self._task, count)

    def move(self, what: str, done: int, total: int | None) -> None:
        """Say how far it is."""
        if self._progress:
            self._progress.update(self._task, description=plain(what), completed=done, total=total)

    def __enter__(self) -> Self:
        if self._progress:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._timer.cancel()
            self._timer.join()  # it may be about to start what is to be stopped
            if self._progress.live.is_started:
                self._progress.stop()


def _progress() -> Progress | None:
    """A line that moves, if the terminal is one that can move it."""
    from rich.console import Console
    from rich.progress import (
        DownloadColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    if not console.is_interactive:
        return None
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    # Rich would take what is printed to stdout away from there, and send it to the terminal.
    return Progress(*columns, console=console, transient=True, redirect_stdout=False)


def read(source: Path, meter: Meter) -> Iterator[bytes]:
    """The bytes of a file or a pipe, some at a time."""
    file: Path | BinaryIO = sys.stdin.buffer if source == PIPE else source
    for chunk in chunks(file):
        meter.advance(len(chunk))
        yield chunk


def size_of(source: Path) -> int | None:
    """The bytes of a file; None for a pipe, of which nobody knows.

    Raises:
        OSError: It is not there.
    """
    return None if is_pipe(source) else source.stat().st_size


def is_pipe(path: Path) -> bool:
    """Whether a path stands for a pipe, or is one or something like it."""
    return path == PIPE or is_special(path)


def event_batches(source: Path, meter: Meter, options: ReadOptions | None = None) -> Iterator[list[Event]]:
    """Yield the events of a file or a pipe in batches; it is recognised by its content, and may be compressed.

    Raises:
        InputError: The input is at fault; the events before have been delivered.
        CallError: The input is compressed, and the package for that is not installed.
        OSError: The file cannot be read.
    """
    from streamdicom.api import batches
    from streamdicom.formats import EventParser

    options = options or ReadOptions()
    with calling():
        yield from batches(EventParser(options=options), read(source, meter), options.limits, name_of(source))


def name_of(source: Path) -> str | None:
    """Return the name of an input for messages; None for standard input."""
    return None if source == PIPE else str(source)


@contextmanager
def naming_input(source: Path) -> Iterator[None]:
    """Make errors of an input name it."""
    try:
        yield
    except InputError as error:
        error.filename = error.filename or name_of(source)
        raise


def opened(data: Iterable[bytes], limits: Limits) -> tuple[Kind | None, bytes, Iterable[bytes]]:
    """Recognise an input; return its kind, its first bytes and all of its bytes, decompressed.

    No more is read than it takes to recognise it. The kind is None if it is not recognised.
    """
    from streamdicom.formats import expand, recognise

    content, head, whole = recognise(expand(data, limits))
    return _KINDS.get(content), head, whole


def kind_by_name(path: Path) -> Kind | None:
    """Return the kind that the name of a file tells, if it does."""
    row = form_of_name(path).format
    return None if row is None else _KINDS[row.name]


def is_lines(path: Path) -> bool:
    """Return whether a file is NDJSON by its name."""
    return form_of_name(path).format is NDJSON


def check_suffix(path: Path) -> None:
    """Check that the suffix of a name is known, or missing: DICOM files often have no suffix, or a UID as a name.

    Raises:
        CallError: It is not.

    >>> check_suffix(Path("IM00001")), check_suffix(Path("1.2.840.1"))
    (None, None)
    """
    suffix = path.suffix
    if suffix and kind_by_name(path) is None and not suffix[1:].isdigit():
        suffixes = ", ".join(one for row in FORMATS.values() for one in row.suffixes)
        raise CallError(f"{path} ends in none of {suffixes}; --to says what it is")


def is_array(start: bytes) -> bool:
    """Return whether JSON text has its data sets in an array, and is not one data set."""
    return not start.removeprefix(BOM_UTF8).lstrip(b" \t\r\n").startswith(b"{")
