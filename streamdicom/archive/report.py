"""The report of an export or an import, and its progress while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from streamdicom._records import field, record
from streamdicom._typing import TYPE_CHECKING, Any, TypeAlias
from streamdicom._warn import warn

if TYPE_CHECKING:
    from streamdicom.deidentification import DeidentificationReport

_MAX_NAMES = 10_000  # inputs passed over that a report names
_INTERVAL = 0.1  # seconds between two calls of the callback


@record(frozen=True, slots=True)
class Skipped:
    """An input that is not in the output because of an error.

    Attributes:
        name: The path of a file; the path of a ZIP or tar file, ``!`` and the name of a member; or the index of a data
            set in a stream, such as ``[17]``.
        reason: The error and its location.

    >>> Skipped("a.dcm", "the file stops within an element").name
    'a.dcm'
    """

    name: str
    reason: str


@record(slots=True)
class Report:
    """The result of an export or an import.

    Attributes:
        datasets: Data sets in the output.
        passed_over: Names of the inputs whose content is not DICOM, up to 10,000. Only an export passes inputs over.
        passed_over_count: The number of those inputs.
        not_selected: Inputs of an export that hold no data set that ``where`` selects.
        skipped: Inputs that are not in the output because of an error.
        warnings: Messages about inputs that are in the output, each with the number of inputs that it concerns. The
            first input of each message is named by a Python warning.
        unchanged: Inputs of an export that are as in the manifest of an earlier run, and not in the output.
        deidentification: The report of the de-identification, if the options of an export ask for one.

    >>> Report(datasets=3).is_complete
    True
    """

    datasets: int = 0
    passed_over: list[str] = field(default_factory=list)
    passed_over_count: int = 0
    not_selected: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)
    deidentification: DeidentificationReport | None = field(default=None, repr=False)
    unchanged: int = field(default=0, repr=False)

    @property
    def is_complete(self) -> bool:
        """True if no input was skipped."""
        return not self.skipped

    def pass_over(self, names: Iterable[str]) -> None:
        """Add inputs whose content is not DICOM."""
        for name in names:
            self.passed_over_count += 1
            if self.passed_over_count <= _MAX_NAMES:
                self.passed_over.append(name)

    def warn(self, name: str, text: str) -> None:
        """Count a message, and issue a Python warning the first time."""
        if text not in self.warnings:
            warn(f"{name}: {text}")
        self.warnings[text] = self.warnings.get(text, 0) + 1

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dict that can be written as JSON."""
        from dataclasses import asdict  # which takes long to import

        return asdict(self)


@record(frozen=True, slots=True)
class Progress:
    """The progress of an export or an import.

    Attributes:
        files: Files or data sets done.
        files_known: Their total number, or None if unknown.
        size: Bytes of input done.
        size_known: The total size of the input in bytes, or None if unknown.
        elapsed: Seconds since the start of this run.
        size_before: Bytes of ``size`` that an earlier run did.

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
            self.tick()

    def tick(self) -> None:
        """Call the callback now."""
        if self._callback is not None:
            self._last = time.monotonic()
            known = self.files_known, self._size, self.size_known
            self._callback(Progress(self._files, *known, self._last - self._start, self._size_before))
