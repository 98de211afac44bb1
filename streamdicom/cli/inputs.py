"""What a command reads: a file or a pipe, JSON, XML or DICOM; and the progress that it shows on stderr."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from streamdicom.errors import ResumeError, StreamDicomError
from streamdicom.events import Event
from streamdicom.io import chunks, is_special
from streamdicom.options import ReadOptions

if TYPE_CHECKING:
    from rich.progress import Progress

    from streamdicom.formats import EventParser
    from streamdicom.formats.part10 import Part10Parser

PIPE = Path("-")
_PATIENCE = 1.0  # seconds before progress is shown
_MAGIC = b"DICM"  # behind a preamble of 128 bytes (PS3.10 7.1)
_HEAD = 132


class Kind(StrEnum):
    """What a file is."""

    JSON = "json"
    XML = "xml"
    DCM = "dcm"


_LINES = (".ndjson", ".jsonl")
_NAMES = {
    ".json": Kind.JSON,
    **dict.fromkeys(_LINES, Kind.JSON),
    ".xml": Kind.XML,
    ".dcm": Kind.DCM,
    ".dicom": Kind.DCM,
}
# A lenient reader takes a byte order mark and a comment before JSON text.
_FIRST = {b"{": Kind.JSON, b"[": Kind.JSON, b"/": Kind.JSON, b"<": Kind.XML}
_UTF_16 = (BOM_UTF16_LE, BOM_UTF16_BE)  # which JSON text never has


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
    """The events of a file or a pipe, told by its content: DICOM JSON, NDJSON, XML or a DICOM file.

    It may be compressed.

    Raises:
        InputError: What was read is at fault; the events before it have been delivered.
        CallError: It is compressed, and what that needs is not installed.
        OSError: The file cannot be read.
    """
    from streamdicom.io import compression_of, decompress

    with calling():
        start, data = opened(read(source, meter))
        kind = compression_of(start)
        if kind is not None:
            start, data = opened(decompress(data, kind))
        parser = _parser(source, start, options or ReadOptions())
        for chunk in data:
            yield parser.feed(chunk)
        yield parser.close()


def _parser(source: Path, start: bytes, options: ReadOptions) -> EventParser | Part10Parser:
    from streamdicom.formats import EventParser
    from streamdicom.formats.part10 import Part10Parser

    if kind_of(source, start) is Kind.DCM:
        return Part10Parser(options=options)
    # Behind an array there is nothing; an object may be a line of NDJSON.
    return EventParser(options=replace(options, multiple_documents=not is_array(start)))


def opened(data: Iterator[bytes]) -> tuple[bytes, Iterable[bytes]]:
    """The first bytes of a stream, and all of it. It does not wait for more than it takes to know what it is."""
    start = b""
    while len(start) < _HEAD and _kind_by_content(start) is None and (piece := next(data, b"")):
        start += piece
    return start[:_HEAD], chain([start], data)


def kind_by_name(path: Path) -> Kind | None:
    """What a file is by its name, if that tells."""
    return _NAMES.get(_suffix(path))


def is_lines(path: Path) -> bool:
    """Whether a file is NDJSON by its name."""
    return _suffix(path) in _LINES


def check_suffix(path: Path) -> None:
    """See that a name does not end in what tells nothing. DICOM files often have no suffix, or a UID for a name.

    Raises:
        CallError: It does.

    >>> check_suffix(Path("IM00001")), check_suffix(Path("1.2.840.1"))
    (None, None)
    """
    suffix = _suffix(path)
    if suffix and suffix not in _NAMES and not suffix[1:].isdigit():
        raise CallError(f"{path} ends in none of {', '.join(_NAMES)}; --to says what it is")


def _suffix(path: Path) -> str:
    return path.suffix.lower()


def kind_of(path: Path, start: bytes) -> Kind:
    """What a file is by its first bytes, or else by its name; JSON if neither tells."""
    return _kind_by_content(start) or kind_by_name(path) or Kind.JSON


def _kind_by_content(start: bytes) -> Kind | None:
    if start[_HEAD - len(_MAGIC) :].startswith(_MAGIC):
        return Kind.DCM
    if start.startswith(_UTF_16):
        return Kind.XML
    return _FIRST.get(_text(start)[:1])


def is_array(start: bytes) -> bool:
    """Whether JSON text has data sets in an array, or else one by itself."""
    return not _text(start).startswith(b"{")


def _text(start: bytes) -> bytes:
    return start.removeprefix(BOM_UTF8).lstrip(b" \t\r\n")
