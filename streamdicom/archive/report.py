"""What came of an export or an import, and how far it is."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

_PAUSE = 0.1  # seconds between two calls of the callback


@dataclass(frozen=True, slots=True)
class Skipped:
    """An input that is not in the output, and why.

    Attributes:
        name: The path of a file, with ``!`` and the name of a member where it is one of a ZIP or tar file; or the
            place of a data set in a stream, such as ``[17]``.
        reason: What is wrong, and where.

    >>> Skipped("a.dcm", "the file stops within an element").name
    'a.dcm'
    """

    name: str
    reason: str


@dataclass(slots=True)
class Report:
    """What came of an export or an import.

    Attributes:
        datasets: How many data sets are in the output.
        passed_over: How many files are no DICOM files, by their content. Only an export has some.
        skipped: The inputs that are not in the output, each with its reason.
        warnings: What was not quite right in inputs that are in the output, and in how many; the first of them is
            named by a warning.

    >>> Report(datasets=3).is_complete
    True
    """

    datasets: int = 0
    passed_over: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether every input is in the output."""
        return not self.skipped

    def warn(self, name: str, text: str) -> None:
        """Count a warning, and give it if it is the first of its kind."""
        if text not in self.warnings:
            warnings.warn(f"{name}: {text}", UserWarning, stacklevel=2)
        self.warnings[text] = self.warnings.get(text, 0) + 1

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON can have it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an export or an import is.

    Attributes:
        files: Files, or the data sets of a stream, that are done.
        files_known: How many there are; None if nobody knows.
        size: Bytes of the input that are done.
        size_known: How many there are; None if nobody knows.
        elapsed: Seconds since the start.
        size_before: Bytes of those done that an earlier run has done, with which this one goes on.

    >>> Progress(files=10, files_known=40, size=1000, size_known=4000, elapsed=2.0).time_left
    6.0
    """

    files: int
    files_known: int | None
    size: int
    size_known: int | None
    elapsed: float
    size_before: int = 0

    @property
    def rate(self) -> float:
        """Bytes of the input a second."""
        return (self.size - self.size_before) / self.elapsed if self.elapsed else 0.0

    @property
    def time_left(self) -> float | None:
        """Seconds that the rest will take at this rate; None if nobody knows."""
        if self.size_known is None or not self.rate:
            return None
        return max(0, self.size_known - self.size) / self.rate


ProgressCallback: TypeAlias = Callable[[Progress], object]
"""What is told of the progress, ten times a second at most, and once more at the end."""


class Ticker:
    """Counts, and tells whoever wants to know."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self._start = self._last = time.monotonic()
        self.files_known: int | None = None
        self.size_known: int | None = None
        self._files = 0
        self._size = 0
        self._size_before = 0

    def advance_before(self, files: int, size: int) -> None:
        """So many more were done by an earlier run."""
        self._size_before += size
        self.advance(files, size)

    def advance(self, files: int, size: int) -> None:
        """So many more are done."""
        self._files += files
        self._size += size
        if self._callback is not None and time.monotonic() - self._last > _PAUSE:
            self.tell()

    def tell(self) -> None:
        """Call the callback now."""
        if self._callback is not None:
            self._last = time.monotonic()
            known = self.files_known, self._size, self.size_known
            self._callback(Progress(self._files, *known, self._last - self._start, self._size_before))
