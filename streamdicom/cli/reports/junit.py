"""Findings as JUnit XML, which servers for continuous integration show."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from streamdicom.cli.reports.base import Findings, Report
from streamdicom.cli.terminal import plain
from streamdicom.deviations import DEVIATIONS, Deviation, Severity
from streamdicom.errors import InputError


class JUnitReport(Report):
    """A test suite for each stream, and a test case for each code found in it.

    A code below the least severity of a failure is a test that passes, with its places as output. A stream without
    deviations has one test case, ``conformant``.
    """

    def __init__(self, failing: Severity, checked: list[str]) -> None:
        super().__init__(failing, checked)
        self._name = ""
        self._lines: dict[str, list[str]] = {}  # of each code
        self._error = ""
        print('<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="streamdicom validate">')

    def start(self, name: str) -> None:
        self._name = name
        self._lines = {}
        self._error = ""

    def deviation(self, deviation: Deviation) -> None:
        line = f"{deviation.location}: {deviation.message}"
        self._lines.setdefault(deviation.code, []).append(plain(line))

    def error(self, error: InputError) -> None:
        self._error = plain(f"{error.location}: {error.message}".removeprefix(": "))

    def file(self, findings: Findings) -> None:
        cases = [self._case(code, count) for code, count in findings.counts.most_common()]
        if self._error:
            cases.append(self._test("readable", f'<error message={quoteattr(self._error)} type="fatal"/>'))
        failures = sum(DEVIATIONS[code].severity >= self.failing for code in findings.counts)
        numbers = f'tests="{max(1, len(cases))}" failures="{failures}" errors="{findings.errors}"'
        print(f"<testsuite name={quoteattr(plain(self._name))} {numbers}>")
        print("\n".join(cases or [self._test("conformant", "")]))
        print("</testsuite>")

    def _case(self, code: str, count: int) -> str:
        row = DEVIATIONS[code]
        lines = self._lines.get(code, [])
        if count > len(lines):
            lines = [*lines, f"{count - len(lines):,} more"]
        text = escape("\n".join(lines))
        if row.severity < self.failing:
            return self._test(code, f"<system-out>{text}</system-out>")
        message = quoteattr(plain(f"{count:,} times: {row.meaning}"))
        return self._test(code, f'<failure message={message} type="{row.severity.name.lower()}">{text}</failure>')

    def _test(self, name: str, content: str) -> str:
        return f"<testcase classname={quoteattr(plain(self._name))} name={quoteattr(name)}>{content}</testcase>"

    def end(self, total: Findings) -> None:
        print("</testsuites>")
