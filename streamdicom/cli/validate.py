"""``streamdicom validate``: report deviations from the standard."""

from __future__ import annotations

import json
import textwrap
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from streamdicom.cli.exit_codes import DONE, FAILED, UsageError
from streamdicom.cli.inputs import event_batches, size_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import plain
from streamdicom.deviations import DEVIATIONS, Deviation, DeviationLog, Severity
from streamdicom.errors import InputError
from streamdicom.events import START_DATASET
from streamdicom.options import ReadOptions


def run(arguments: Namespace) -> int:
    """Run the command."""
    if arguments.codes:
        print_codes()
        return DONE
    if not arguments.sources:
        raise UsageError("validate: the following arguments are required: FILE; see 'streamdicom validate --help'")
    is_conformant = validate_files(
        arguments.sources,
        strict=arguments.strict,
        as_json=arguments.report == "json",
        max_printed=arguments.max,
        force=arguments.force,
    )
    return DONE if is_conformant else FAILED


@dataclass
class _Findings:
    """The findings in one stream, or in all."""

    datasets: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    errors: int = 0  # each ends a stream

    def add(self, other: _Findings) -> None:
        self.datasets += other.datasets
        self.counts += other.counts
        self.errors += other.errors

    def is_conformant(self, failing: Severity) -> bool:
        return not self.errors and all(DEVIATIONS[code].severity < failing for code in self.counts)


def validate_files(
    sources: list[Path], *, strict: bool = False, as_json: bool = False, max_printed: int = 1000, force: bool = False
) -> bool:
    """Print every deviation from the standard, and a summary by code.

    Args:
        sources: Files of any format, or ``-`` for standard input.
        strict: Count notes as failures.
        as_json: Print one JSON object.
        max_printed: Deviations of each stream that are printed; all are counted.
        force: Read DICOM files that have no preamble.

    Returns:
        True if all streams conform to the standard.

    Raises:
        OSError: A file cannot be read.
    """
    for source in sources:
        size_of(source)  # so that a missing file is reported before the work starts
    failing = Severity.NOTE if strict else Severity.SLIGHT
    report = _JsonReport(failing) if as_json else _TextReport(failing)
    total = _Findings()
    for source in sources:
        total.add(_validate(source, report, max_printed, force))
    report.end(total)
    return total.is_conformant(failing)


def _validate(source: Path, report: _TextReport | _JsonReport, max_printed: int, force: bool) -> _Findings:
    log = _Log(max_printed, report.deviation)
    findings = _Findings(counts=log.counts)
    # An invalid value must not hide the deviations after it.
    options = ReadOptions(on_deviation=log, on_error="skip", force=force)
    report.start(str(source))
    try:
        with ProgressLine(f"Reading {source}", size_of(source), prints=True) as progress:
            for events in event_batches(source, progress, options):
                findings.datasets += sum([event[0] == START_DATASET for event in events])
    except InputError as error:
        findings.errors = 1
        report.error(error)
    report.file(findings)
    return findings


class _Log(DeviationLog):
    """Counts all deviations, and prints the first."""

    def __init__(self, max_printed: int, print_: Callable[[Deviation], None]) -> None:
        super().__init__(0)
        self._left = max_printed
        self._print = print_

    def __call__(self, deviation: Deviation) -> None:
        super().__call__(deviation)
        if self._left > 0:
            self._left -= 1
            self._print(deviation)


class _TextReport:
    """A line for each deviation while the stream is read, and a table at the end."""

    def __init__(self, failing: Severity) -> None:
        self._failing = failing
        self._name = ""
        self._printed = 0

    def start(self, name: str) -> None:
        self._name = name
        self._printed = 0

    def deviation(self, deviation: Deviation) -> None:
        self._printed += 1
        self._print(deviation.location, f"{deviation.severity.name.lower()} {deviation.code}: {deviation.message}")

    def error(self, error: InputError) -> None:
        self._print(error.location, f"fatal: {error.message}")

    def _print(self, place: object, text: str) -> None:
        print(plain(": ".join(part for part in (self._name, str(place), text) if part)))

    def file(self, findings: _Findings) -> None:
        more = findings.counts.total() - self._printed
        if more:
            self._print("", f"{more:,} more")

    def end(self, total: _Findings) -> None:
        verdict = "conformant but for notes" if total.counts else "conformant"
        if not total.is_conformant(self._failing):
            verdict = "not conformant"
        stopped = f", {total.errors:,} streams not read to their end" if total.errors else ""
        print(f"{total.datasets:,} data sets, {total.counts.total():,} deviations{stopped}: {verdict}")
        for code, count in total.counts.most_common():
            row = DEVIATIONS[code]
            print(f"{count:>9,}  {row.severity.name.lower():<7}  {code:<18}  {row.meaning}")


class _JsonReport:
    """One JSON object, written while the streams are read."""

    def __init__(self, failing: Severity) -> None:
        self._failing = failing
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
        print(self._comma + json.dumps({**row, **asdict(deviation.location), "message": deviation.message}), end="")
        self._comma = ", "

    def error(self, error: InputError) -> None:
        self._error = {**asdict(error.location), "message": error.message}

    def file(self, findings: _Findings) -> None:
        print(f'], "fatal": {json.dumps(self._error)}, {self._summary(findings)}}}', end="")

    def end(self, total: _Findings) -> None:
        print(f"], {self._summary(total)}}}")

    def _summary(self, findings: _Findings) -> str:
        is_conformant = findings.is_conformant(self._failing)
        summary = {"datasets": findings.datasets, "counts": findings.counts, "conformant": is_conformant}
        return json.dumps(summary)[1:-1]


# --- the codes -------------------------------------------------------------------------------------------------


def print_codes() -> None:
    """Print the severity, the meaning and an example of every code.

    Meanings are wrapped at the width of the terminal. Examples are not, so that they can be copied.
    """
    width = get_terminal_size().columns
    for code, row in DEVIATIONS.items():
        text = f"{row.severity.name.lower()} {code}: {row.meaning}"
        print(textwrap.fill(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False))
        print(f"        {row.example.encode('ascii', 'backslashreplace').decode()}")
