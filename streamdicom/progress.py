"""The progress of long work, and a bar that shows it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from streamdicom._records import record
from streamdicom._typing import Any, TypeAlias

_INTERVAL = 0.1  # seconds between two calls of the callback
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@record(frozen=True, slots=True)
class Progress:
    """The progress of long work.

    Attributes:
        files: Files or data sets done.
        files_known: Their total number, or None if unknown.
        size: Bytes of input done.
        size_known: The total size of the input in bytes, or None if unknown.
        elapsed: Seconds since the start of this run.
        size_before: Bytes of ``size`` that an earlier run did.
        is_complete: Whether this is the last call.

    >>> Progress(files=10, files_known=40, size=1000, size_known=4000, elapsed=2.0).time_left
    6.0
    """

    files: int
    files_known: int | None
    size: int
    size_known: int | None
    elapsed: float
    size_before: int = 0
    is_complete: bool = False

    @property
    def rate(self) -> float:
        """Bytes of input per second."""
        return (self.size - self.size_before) / self.elapsed if self.elapsed else 0.0

    @property
    def time_left(self) -> float | None:
        """Estimated seconds until the end, or None if unknown."""
        if self.size_known is None or not self.rate:
            return None
        return max(0, self.size_known - self.size) / self.rate


ProgressCallback: TypeAlias = Callable[[Progress], object]
"""Called with the progress at most ten times a second, and once at the end."""


class Ticker:
    """Counts the work done, and calls a progress callback now and then.

    Attributes:
        files_known: As in ``Progress``; set by the owner.
        size_known: As in ``Progress``; set by the owner.
    """

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self._start = self._last = time.monotonic()
        self.files_known: int | None = None
        self.size_known: int | None = None
        self._files = 0
        self._size = 0
        self._size_before = 0

    def advance_before(self, files: int, size: int) -> None:
        """Count work that an earlier run did."""
        self._size_before += size
        self.advance(files, size)

    def advance(self, files: int, size: int) -> None:
        """Count files and bytes, and call the callback if it is due."""
        self._files += files
        self._size += size
        if self._callback is not None and time.monotonic() - self._last > _INTERVAL:
            self._tick()

    def reach(self, files: int, size: int) -> None:
        """Set the files and bytes of the work in all; see ``advance``."""
        self.advance(files - self._files, size - self._size)

    def finish(self) -> None:
        """Call the callback for the last time."""
        self._tick(is_complete=True)

    def _tick(self, *, is_complete: bool = False) -> None:
        if self._callback is not None:
            self._last = time.monotonic()
            known = self.files_known, self._size, self.size_known
            self._callback(Progress(self._files, *known, self._last - self._start, self._size_before, is_complete))


class ProgressBar:
    """A bar for a notebook or a terminal, as ``progress`` of a function.

    In a notebook the bar is in the output of the cell, and needs no other package. On a terminal it is a line of
    standard error. Elsewhere nothing is shown, so that logs stay readable.

    Args:
        text: The work, before the numbers.

    >>> ProgressBar("Indexing")(Progress(files=10, files_known=40, size=1000, size_known=4000, elapsed=2.0))
    """

    def __init__(self, text: str = "") -> None:
        self._text = text
        self._handle: Any = None  # of the output of a notebook

    def __call__(self, progress: Progress) -> None:
        """Show a progress."""
        text = " ".join(filter(None, [self._text, _summary(progress)]))
        if self._handle is not None or _is_notebook():
            self._show({"text/html": _html(text, progress), "text/plain": text})
        elif sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="\n" if progress.is_complete else "", file=sys.stderr, flush=True)

    def _show(self, data: dict[str, str]) -> None:
        if self._handle is None:
            self._handle = _ipython("IPython.display").display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def _is_notebook() -> bool:
    return "IPython" in sys.modules and getattr(_ipython("IPython").get_ipython(), "kernel", None) is not None


def _ipython(module: str) -> Any:
    from importlib import import_module  # a name that type checkers need not know

    return import_module(module)


def _summary(progress: Progress) -> str:
    """Return the numbers of a progress as text.

    >>> _summary(Progress(files=10, files_known=None, size=1000, size_known=4000, elapsed=2.0))
    '25 %, 1.0 kB of 4.0 kB, 0:00:06 left'
    """
    total = progress.size_known
    if progress.is_complete:
        return f"100 %, {size_text(progress.size)} in {duration_text(progress.elapsed)}"
    if not total:
        return size_text(progress.size)
    parts = [f"{min(100, 100 * progress.size // total)} %", f"{size_text(progress.size)} of {size_text(total)}"]
    if progress.time_left is not None:
        parts.append(f"{duration_text(progress.time_left)} left")
    return ", ".join(parts)


def _html(text: str, progress: Progress) -> str:
    from html import escape  # only notebooks need it

    done, total = progress.size, progress.size_known
    value = 'value="1"' if progress.is_complete else f'value="{min(1, done / total):.3f}"' if total else ""
    return f'<div><progress max="1" {value}></progress> {escape(text)}</div>'


def size_text(size: int) -> str:
    """Format a number of bytes.

    >>> size_text(999), size_text(1_234_567)
    ('999 bytes', '1.2 MB')
    """
    return next((f"{size / unit:.1f} {name}" for unit, name in _UNITS if size >= unit), f"{size} bytes")


def duration_text(seconds: float) -> str:
    """Format a duration.

    >>> duration_text(3725)
    '1:02:05'
    """
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}"
