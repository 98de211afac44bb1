"""The report of an export or an import."""

from __future__ import annotations

from collections.abc import Iterable

from streamdicom._records import field, record
from streamdicom._typing import TYPE_CHECKING, Any
from streamdicom._warn import warn

if TYPE_CHECKING:
    from streamdicom.deidentification import DeidentificationReport

_MAX_NAMES = 10_000  # inputs passed over that a report names


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
