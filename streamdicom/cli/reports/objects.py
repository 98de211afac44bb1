"""Findings as one JSON object."""

from __future__ import annotations

import json
from dataclasses import asdict

from streamdicom._typing import Any
from streamdicom.cli.reports.base import Findings, Report
from streamdicom.deviations import Deviation, Severity
from streamdicom.errors import InputError, Location


class JsonReport(Report):
    """One JSON object, written while the streams are read."""

    def __init__(self, failing: Severity, checked: list[str]) -> None:
        super().__init__(failing, checked)
        self._is_first = True
        self._error: dict[str, Any] | None = None
        self._comma = ""
        print('{"files": [', end="")

    def start(self, name: str) -> None:
        self._error = None
        self._comma = ""
        print(f'{"" if self._is_first else ", "}{{"name": {json.dumps(name)}, "deviations": [', end="")
        self._is_first = False

    def deviation(self, deviation: Deviation) -> None:
        row = {"code": deviation.code, "severity": deviation.severity.name.lower()}
        print(self._comma + json.dumps({**row, **_place(deviation.location), "message": deviation.message}), end="")
        self._comma = ", "

    def error(self, error: InputError) -> None:
        self._error = {**_place(error.location), "message": error.message}

    def file(self, findings: Findings) -> None:
        print(f'], "fatal": {json.dumps(self._error)}, {self._summary(findings)}}}', end="")

    def end(self, total: Findings) -> None:
        print(f'], "checked": {json.dumps(self.checked)}, {self._summary(total)}}}')

    def _summary(self, findings: Findings) -> str:
        is_conformant = findings.is_conformant(self.failing)
        summary = {"datasets": findings.datasets, "counts": findings.counts, "conformant": is_conformant}
        return json.dumps(summary)[1:-1]


def _place(location: Location) -> dict[str, Any]:
    return {**asdict(location), "keyword": location.keyword}
