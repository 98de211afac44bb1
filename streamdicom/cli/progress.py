"""Progress of a command, on a line of standard error that is redrawn."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

from streamdicom._typing import TYPE_CHECKING, Self
from streamdicom.cli.terminal import console, plain
from streamdicom.progress import duration_text, size_text

if TYPE_CHECKING:
    from threading import Event, Thread

_PATIENCE = 1.0  # seconds before the line is shown
_INTERVAL = 0.2  # seconds between redraws


class ProgressLine:
    """A line that shows the progress of work that takes more than a second.

    It is redrawn even while no data arrives. It is shown on a terminal only, so that logs stay readable, and not
    while the output goes to a terminal too.

    Args:
        text: The work, at the start of the line.
        total: Bytes in all, if known.
        prints: True if the command writes to standard output meanwhile.
    """

    def __init__(self, text: str, total: int | None = None, *, prints: bool = False) -> None:
        self._text = text
        self._total = total
        self._done = 0
        self._start = 0.0
        self._is_ended: Event | None = None
        self._thread: Thread | None = None
        if _is_shown(prints):
            from threading import Event, Thread  # which take a while to import

            self._is_ended = Event()
            self._thread = Thread(target=self._run, args=(self._is_ended,), daemon=True)

    def advance(self, size: int) -> None:
        """Add bytes that are done."""
        self._done += size

    def update(self, text: str, done: int, total: int | None) -> None:
        """Replace the text and the sizes."""
        self._text, self._done, self._total = text, done, total

    def __enter__(self) -> Self:
        if self._thread:
            self._start = time.monotonic()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread and self._is_ended:
            self._is_ended.set()
            self._thread.join()

    def _run(self, is_ended: Event) -> None:
        delay = _PATIENCE
        while not is_ended.wait(delay):
            console.draw(self._line(time.monotonic() - self._start))
            delay = _INTERVAL
        console.draw("")

    def _line(self, elapsed: float) -> str:
        from shutil import get_terminal_size  # which takes long to import

        rate = size_text(int(self._done / elapsed))
        parts = [plain(self._text), size_text(self._done), f"{rate}/s", duration_text(elapsed)]
        if self._total is not None:
            parts[1] += f" of {size_text(self._total)}"
            if self._done:
                parts.append(f"{duration_text(elapsed * max(0, self._total - self._done) / self._done)} left")
        return "  ".join(parts)[: get_terminal_size().columns - 1]


def _is_shown(prints: bool) -> bool:
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    return is_terminal and console.verbosity >= 0 and not (prints and sys.stdout.isatty())
