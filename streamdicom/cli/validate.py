"""``streamdicom validate``: what in a stream is not as the standard has it, and where."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from streamdicom.cli.inputs import PIPE, Meter, event_batches, plain, size_of
from streamdicom.deviations import DEVIATIONS, Deviation, DeviationLog, Severity
from streamdicom.errors import InputError
from streamdicom.events import START_DATASET
from streamdicom.options import ReadOptions


@dataclass
class _Found:
    """What was found in one stream, or in all."""

    datasets: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    errors: int = 0  # that have ended a stream

    def add(self, other: _Found) -> None:
        self.datasets += other.datasets
        self.counts += other.counts
        self.errors += other.errors

    def is_conformant(self, least: Severity) -> bool:
        return not self.errors and all(DEVIATIONS[code].severity < least for code in self.counts)


def validate_files(sources: list[Path], *, strict: bool, as_json: bool, most: int) -> bool:
    """Print every deviation from the standard, and a summary by code.

    Args:
        sources: Files, or a pipe.
        strict: Whether notes count too.
        as_json: Whether what is printed is one JSON object.
        most: Of each stream, how many deviations are printed; all are counted.

    Returns:
        Whether all streams conform to the standard.

    Raises:
        OSError: A file cannot be read.
    """
    for source in sources:
        size_of(source)  # before the work starts it is said what is not there
    least = Severity.NOTE if strict else Severity.SLIGHT
    report = _JsonReport(least) if as_json else _TextReport(least)
    total = _Found()
    for source in sources:
        total.add(_validate(source, report, most))
    report.end(total)
    return total.is_conformant(least)


def _validate(source: Path, report: _TextReport | _JsonReport, most: int) -> _Found:
    log = _Log(most, report.deviation)
    found = _Found(counts=log.counts)
    # What is wrong with one value must not hide the next one.
    options = ReadOptions(on_deviation=log, on_error="skip")
    report.start(str(source) if source != PIPE else "-")
    try:
        with Meter(f"Reading {source}", size_of(source), prints=True) as meter:
            for events in event_batches(source, meter, options):
                found.datasets += sum([event[0] == START_DATASET for event in events])
    except InputError as error:
        found.errors = 1
        report.error(error)
    report.file(found)
    return found


class _Log(DeviationLog):
    """Tells the first deviations, and counts all."""

    def __init__(self, most: int, tell: Callable[[Deviation], None]) -> None:
        super().__init__(0)
        self._left = most
        self._tell = tell

    def __call__(self, deviation: Deviation) -> None:
        super().__call__(deviation)
        if self._left > 0:
            self._left -= 1
            self._tell(deviation)


class _TextReport:
    """A line for each deviation while the stream is read, and a table at the end."""

    def __init__(self, least: Severity) -> None:
        self._least = least
        self._name = ""
        self._told = 0

    def start(self, name: str) -> None:
        self._name = name
        self._told = 0

    def deviation(self, deviation: Deviation) -> None:
        self._told += 1
        self._print(deviation.location, f"{deviation.severity.name.lower()} {deviation.code}: {deviation.message}")

    def error(self, error: InputError) -> None:
        self._print(error.location, f"fatal: {error.message}")

    def _print(self, place: object, text: str) -> None:
        print(plain(": ".join(part for part in (self._name, str(place), text) if part)))

    def file(self, found: _Found) -> None:
        more = found.counts.total() - self._told
        if more:
            self._print("", f"{more:,} more")

    def end(self, total: _Found) -> None:
        verdict = "conformant but for notes" if total.counts else "conformant"
        if not total.is_conformant(self._least):
            verdict = "not conformant"
        stopped = f", {total.errors:,} streams not read to their end" if total.errors else ""
        print(f"{total.datasets:,} data sets, {total.counts.total():,} deviations{stopped}: {verdict}")
        for code, count in total.counts.most_common():
            row = DEVIATIONS[code]
            print(f"{count:>9,}  {row.severity.name.lower():<7}  {code:<18}  {row.meaning}")


class _JsonReport:
    """One JSON object, written while the streams are read."""

    def __init__(self, least: Severity) -> None:
        self._least = least
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

    def file(self, found: _Found) -> None:
        print(f'], "fatal": {json.dumps(self._error)}, {self._summary(found)}}}', end="")

    def end(self, total: _Found) -> None:
        print(f"], {self._summary(total)}}}")

    def _summary(self, found: _Found) -> str:
        summary = {"datasets": found.datasets, "counts": found.counts, "conformant": found.is_conformant(self._least)}
        return json.dumps(summary)[1:-1]


# --- the codes -------------------------------------------------------------------------------------------------


def print_codes() -> None:
    """Print the table of deviations: of each code the severity, the meaning, and an example on a line of its own.

    The meaning is wrapped for the terminal. An example never is, so that it can be copied.
    """
    width = get_terminal_size().columns
    for code, row in DEVIATIONS.items():
        text = f"{row.severity.name.lower()} {code}: {row.meaning}"
        print(textwrap.fill(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False))
        print(f"        {row.example.encode('ascii', 'backslashreplace').decode()}")
