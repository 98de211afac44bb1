"""The interface of reports of ``streamdicom validate``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter

from streamdicom._records import field, record
from streamdicom.deviations import DEVIATIONS, Deviation, Severity
from streamdicom.errors import InputError

CHECKS = {
    "form": "the encoding of JSON, XML or DICOM files (PS3.18 F, PS3.19 A, PS3.5 7, PS3.10 7)",
    "values": "VR, VM, private blocks and values (PS3.5 6.2, 7.8, PS3.6, and pydicom's private dictionary)",
    "modules": "attributes of types 1 and 2, and values of types 1 and 1C (PS3.3, by the tables of highdicom)",
}
_NOT_CHECKED = {
    "values": "values",
    "modules": "modules (PS3.3; --iod)",
    "": "values in UN and by reference, pixel data",
}


def not_checked(checked: list[str]) -> list[str]:
    """Return what was not checked, in words."""
    titles = [title for name, title in _NOT_CHECKED.items() if name not in checked]
    return [*titles, "conditions of types 1C and 2C, defined terms"] if "modules" in checked else titles


@record()
class Findings:
    """The findings in one stream, or in all."""

    datasets: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    errors: int = 0  # each ends a stream

    def add(self, other: Findings) -> None:
        """Add the findings in another stream."""
        self.datasets += other.datasets
        self.counts += other.counts
        self.errors += other.errors

    def is_conformant(self, failing: Severity) -> bool:
        """Return whether nothing of a severity, or above it, was found."""
        return not self.errors and all(DEVIATIONS[code].severity < failing for code in self.counts)


class Report(ABC):
    """A report that is printed while streams are read.

    Args:
        failing: The least severity of a failure.
        checked: The names of the checks.
    """

    def __init__(self, failing: Severity, checked: list[str]) -> None:
        self.failing = failing
        self.checked = checked

    @abstractmethod
    def start(self, name: str) -> None:
        """Start a stream."""

    @abstractmethod
    def deviation(self, deviation: Deviation) -> None:
        """Take a deviation in the stream."""

    @abstractmethod
    def error(self, error: InputError) -> None:
        """Take the error that ended the stream."""

    @abstractmethod
    def file(self, findings: Findings) -> None:
        """End the stream."""

    @abstractmethod
    def end(self, total: Findings) -> None:
        """End the report."""

    def verdict(self, total: Findings) -> str:
        """Return the verdict in words."""
        if not total.is_conformant(self.failing):
            return "not conformant"
        *names, last = self.checked
        verdict = f"conformant in {' and '.join([*filter(None, [', '.join(names)]), last])}"
        return verdict + (" but for notes" if total.counts else "")
