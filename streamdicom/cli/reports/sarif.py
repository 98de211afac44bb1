"""Findings as SARIF 2.1.0, which editors and code hosts show at their places."""

from __future__ import annotations

import json
from urllib.parse import quote

from streamdicom import __version__
from streamdicom._typing import Any
from streamdicom.cli.reports.base import CHECKS, Findings, Report
from streamdicom.deviations import DEVIATIONS, Deviation, Severity
from streamdicom.errors import InputError, Location

_LEVELS = {Severity.NOTE: "note", Severity.SLIGHT: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}
_FATAL = "unreadable"  # the rule of an error that ends a stream


class SarifReport(Report):
    """One run, whose rules are the codes of deviations."""

    def __init__(self, failing: Severity, checked: list[str]) -> None:
        super().__init__(failing, checked)
        self._name = ""
        self._comma = ""
        self._left: list[dict[str, Any]] = []  # messages about deviations that were not listed
        self._listed = 0
        rules = [
            {
                "id": code,
                "shortDescription": {"text": row.meaning},
                "defaultConfiguration": {"level": _LEVELS[row.severity]},
                "properties": {"severity": row.severity.name.lower()},
            }
            for code, row in DEVIATIONS.items()
        ]
        rules.append(
            {
                "id": _FATAL,
                "shortDescription": {"text": "the stream cannot be read to its end"},
                "defaultConfiguration": {"level": "error"},
            }
        )
        driver = json.dumps({"name": "streamdicom", "version": __version__, "rules": rules})
        print(f'{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {driver}}}, "results": [', end="")

    def start(self, name: str) -> None:
        self._name = name
        self._listed = 0

    def deviation(self, deviation: Deviation) -> None:
        self._listed += 1
        level = _LEVELS[deviation.severity]
        kind = {"kind": "fail"} if deviation.severity >= self.failing else {"kind": "informational"}
        level = level if kind["kind"] == "fail" else "none"  # SARIF 3.27.9 allows no other level
        self._result({"ruleId": deviation.code, **kind, "level": level}, deviation.message, deviation.location)

    def error(self, error: InputError) -> None:
        self._result({"ruleId": _FATAL, "kind": "fail", "level": "error"}, error.message, error.location)

    def _result(self, result: dict[str, Any], message: str, place: Location) -> None:
        artifact: dict[str, Any] = {"artifactLocation": {"uri": quote(self._name.replace("\\", "/"))}}
        if place.line is not None:
            artifact["region"] = {"startLine": place.line, "startColumn": place.column}
        elif place.byte_offset is not None:
            artifact["region"] = {"byteOffset": place.byte_offset, "byteLength": 0}
        location: dict[str, Any] = {"physicalLocation": artifact}
        name = ".".join(part for part in (_index(place), place.tag_path) if part)
        if name:
            location["logicalLocations"] = [{"name": place.keyword or name, "fullyQualifiedName": name}]
        print(self._comma + json.dumps({**result, "message": {"text": message}, "locations": [location]}), end="")
        self._comma = ",\n"

    def file(self, findings: Findings) -> None:
        more = findings.counts.total() - self._listed
        if more:
            text = f"{self._name}: {more:,} more deviations are not listed"
            self._left.append({"level": "note", "message": {"text": text}})

    def end(self, total: Findings) -> None:
        names = [{"text": f"checked {name}: {CHECKS[name]}"} for name in self.checked]
        invocation = {
            "executionSuccessful": not total.errors,
            "toolExecutionNotifications": self._left + [{"level": "note", "message": name} for name in names],
        }
        facts = {"datasets": total.datasets, "conformant": total.is_conformant(self.failing)}
        print(f'], "invocations": [{json.dumps(invocation)}], "properties": {json.dumps(facts)}}}]}}')


def _index(place: Location) -> str:
    return "" if place.dataset_index is None else f"[{place.dataset_index}]"
