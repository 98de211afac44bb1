"""What a command reads: a file or a pipe, JSON or DICOM; and the progress that it shows on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from streamdicom.files import chunks

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["PIPE", "CallError", "Meter", "is_json", "read"]

PIPE = Path("-")
_PATIENCE = 1.0  # seconds before progress is shown
_NAMES = {".json": True, ".dcm": False, ".dicom": False}


class CallError(Exception):
    """What was asked for does not fit together."""


class Meter:
    """Progress on stderr, for whatever takes more than a second.

    A terminal gets a line that moves; anything else gets nothing, so that logs stay readable.

    Args:
        what: What is going on, for the line.
        total: Bytes in all, if that is known.
    """

    def __init__(self, what: str, total: int | None = None) -> None:
        self._start = time.monotonic()
        self._progress = _progress() if sys.stderr.isatty() else None
        self._task = self._progress.add_task(what, total=total) if self._progress else None
        self._shown = False

    def advance(self, count: int) -> None:
        """Say that so many bytes more have been done."""
        if self._progress and self._task is not None:
            self._progress.advance(self._task, count)
            self._show(self._progress)

    def move(self, what: str, done: int, total: int | None) -> None:
        """Say how far it is."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, description=what, completed=done, total=total)
            self._show(self._progress)

    def _show(self, progress: Progress) -> None:
        if not self._shown and time.monotonic() - self._start > _PATIENCE:
            self._shown = True
            progress.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()


def _progress() -> Progress:
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

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def read(source: Path, meter: Meter) -> Iterator[bytes]:
    """The bytes of a file or a pipe, some at a time."""
    file: Path | BinaryIO = sys.stdin.buffer if source == PIPE else source
    for chunk in chunks(file):
        meter.advance(len(chunk))
        yield chunk


def is_json(path: Path, start: bytes | None) -> bool:
    """Whether a file is DICOM JSON and not a DICOM file: by its name, or by how it starts."""
    known = _NAMES.get(path.suffix.lower())
    if known is not None:
        return known
    return start is not None and start.lstrip(b" \t\r\n")[:1] in (b"{", b"[")
