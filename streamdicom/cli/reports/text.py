"""Findings as lines of text."""

from __future__ import annotations

from streamdicom.cli.reports.base import CHECKS, Findings, Report, not_checked
from streamdicom.cli.terminal import counted, plain
from streamdicom.deviations import DEVIATIONS, Deviation, Severity
from streamdicom.errors import InputError

_NAMES = {severity: severity.name.lower() for severity in Severity}


class TextReport(Report):
    """A line for each deviation while the stream is read, and a table at the end."""

    def __init__(self, failing: Severity, checked: list[str]) -> None:
        super().__init__(failing, checked)
        self._name = ""
        self._printed = 0

    def start(self, name: str) -> None:
        self._name = name
        self._printed = 0

    def deviation(self, deviation: Deviation) -> None:
        self._printed += 1
        self._print(deviation.location, f"{_NAMES[deviation.severity]} {deviation.code}: {deviation.message}")

    def error(self, error: InputError) -> None:
        self._print(error.location, f"fatal: {error.message}")

    def _print(self, place: object, text: str) -> None:
        print(plain(": ".join(part for part in (self._name, str(place), text) if part)))

    def file(self, findings: Findings) -> None:
        more = findings.counts.total() - self._printed
        if more:
            self._print("", f"{more:,} more")

    def end(self, total: Findings) -> None:
        counts = [counted(total.datasets, "data set"), counted(total.counts.total(), "deviation")]
        if total.errors:
            counts.append(f"{counted(total.errors, 'stream')} not read to the end")
        print(f"{', '.join(counts)}: {self.verdict(total)}")
        for code, count in total.counts.most_common():
            row = DEVIATIONS[code]
            print(f"{count:>9,}  {row.severity.name.lower():<7}  {code:<18}  {row.meaning}")
        for name, clauses in CHECKS.items():
            if name in self.checked:
                print(f"checked {name}: {clauses}")
        print(f"not checked: {', '.join(not_checked(self.checked))}")
