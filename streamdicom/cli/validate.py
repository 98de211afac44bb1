"""``streamdicom validate``: report deviations from the standard."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from streamdicom.cli.exit_codes import DONE, FAILED, UsageError
from streamdicom.cli.inputs import name_of, size_of
from streamdicom.cli.places import Batch, PlacedParser, placed_batches
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import counted, plain
from streamdicom.deviations import DEVIATIONS, Deviation, DeviationLog, Severity
from streamdicom.errors import InputError, Location
from streamdicom.events import START_DATASET
from streamdicom.filters import ModuleCheck, ValueCheck
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
        values=arguments.values,
        modules=arguments.iod,
        force=arguments.force,
    )
    return DONE if is_conformant else FAILED


_TYPE = itemgetter(0)  # of an event
_LEARNED = 8  # streams after which the engine has the rules of most elements

_CHECKS = {
    "form": "the encoding of JSON, XML or DICOM files (PS3.18 F, PS3.19 A, PS3.5 7, PS3.10 7)",
    "values": "VR, VM, private blocks and values (PS3.5 6.2, 7.8, PS3.6, and pydicom's private dictionary)",
    "modules": "attributes of types 1 and 2, and values of types 1 and 1C (PS3.3, by the tables of highdicom)",
}
_NOT_CHECKED = {
    "values": "values",
    "modules": "modules (PS3.3; --iod)",
    "": "values in UN and by reference, pixel data",
}


def _not_checked(checked: list[str]) -> list[str]:
    titles = [title for name, title in _NOT_CHECKED.items() if name not in checked]
    return [*titles, "conditions of types 1C and 2C, defined terms"] if "modules" in checked else titles


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
    sources: list[Path],
    *,
    strict: bool = False,
    as_json: bool = False,
    max_printed: int = 1000,
    values: bool = True,
    modules: bool = False,
    force: bool = False,
) -> bool:
    """Print every deviation from the standard, and a summary by code.

    Args:
        sources: Files of any format, or ``-`` for standard input.
        strict: Count notes as failures.
        as_json: Print one JSON object.
        max_printed: Deviations of each stream that are printed; all are counted.
        values: Check values, and not only the form.
        modules: Check the modules of each data set's IOD.
        force: Read DICOM files that have no preamble.

    Returns:
        True if all streams conform to the standard.

    Raises:
        OSError: A file cannot be read.
    """
    sizes = [size_of(source) for source in sources]  # a missing file is reported before the work starts
    failing = Severity.NOTE if strict else Severity.SLIGHT
    pending = _Pending()
    checks = _Checks(pending.checked, values=values, modules=modules)
    # An invalid value must not hide the deviations after it.
    options = ReadOptions(on_deviation=pending.parsed, on_error="skip", force=force)
    report = _JsonReport(failing, checks.names) if as_json else _TextReport(failing, checks.names)
    total = _Findings()
    for source, size in zip(sources, sizes, strict=True):
        log = _Log(max_printed, report.deviation)
        pending.start(log)
        report.start(name_of(source))
        findings = _validate(source, size, options, checks, pending, report)
        findings.counts = log.counts
        report.file(findings)
        total.add(findings)
    report.end(total)
    return total.is_conformant(failing)


def _validate(
    source: Path,
    size: int | None,
    options: ReadOptions,
    checks: _Checks,
    pending: _Pending,
    report: _TextReport | _JsonReport,
) -> _Findings:
    """Validate a stream; return the number of its data sets and errors."""
    findings = _Findings()
    parser = PlacedParser(options, checks_padding=checks.has_values, rules=checks.engine_rules)
    try:
        with ProgressLine(f"Reading {source}", size, prints=True) as progress:
            checks.start()
            for batch in placed_batches(parser, source, progress, learns=checks.learns):
                findings.datasets += checks.check(batch, parser)
                pending.flush(parser)
    except InputError as error:
        findings.errors = 1
        pending.flush(parser)
        report.error(error)
    return findings


class _Checks:
    """The checks beyond the form.

    Args:
        report: Takes each deviation.
        values: Check values.
        modules: Check modules.
    """

    def __init__(self, report: Callable[[Deviation], object], *, values: bool, modules: bool) -> None:
        self.names = ["form"]
        self._values: ValueCheck | None = None
        self._modules: ModuleCheck | None = None
        self._is_started = False
        self._left_to_learn = _LEARNED  # streams
        if values:
            self.names.append("values")
            self._values = ValueCheck(report)
        if modules:
            from streamdicom.cli.module_tables import HighdicomTables

            self.names.append("modules")
            self._modules = ModuleCheck(report, HighdicomTables())

    @property
    def has_values(self) -> bool:
        """True if values are checked."""
        return self._values is not None

    @property
    def engine_rules(self) -> Any:
        """The rules by which the compiled engine leaves out elements, or None."""
        return self._values.engine_rules if self._values and not self._modules else None

    @property
    def learns(self) -> bool:
        """True until a stream has taught the engine its rules."""
        return self._left_to_learn > 0 and self.engine_rules is not None

    def start(self) -> None:
        """Start a stream."""
        self._is_started = False
        self._left_to_learn -= 1

    def check(self, batch: Batch, parser: PlacedParser) -> int:
        """Check the next events of the stream; return the number of new data sets."""
        if not batch.events:
            return 0
        if not self._is_started:
            self._is_started = True
            if self._values:
                self._values.start(in_binary=not parser.is_text)
            if self._modules:
                self._modules.start()
        if self._values:
            before = self._values.datasets
            self._values.check(batch.events, batch.offset_of)
            count = self._values.datasets - before
        else:
            count = list(map(_TYPE, batch.events)).count(START_DATASET)
        if self._modules:
            self._modules.check(batch.events, batch.offset_of)
        return count


class _Pending:
    """The deviations of a chunk, until they can be put in the order of the stream."""

    def __init__(self) -> None:
        self._report: Callable[[Deviation], object] = print
        self._parsed: list[Deviation] = []
        self._checked: list[Deviation] = []

    def start(self, report: Callable[[Deviation], object]) -> None:
        """Start a stream."""
        self._report = report

    def parsed(self, deviation: Deviation) -> None:
        """Take a deviation from the parser."""
        self._parsed.append(deviation)

    def checked(self, deviation: Deviation) -> None:
        """Take a deviation from a check."""
        self._checked.append(deviation)

    def flush(self, parser: PlacedParser) -> None:
        """Report the deviations of the chunk, each once and with its line and column."""
        if not (self._parsed or self._checked):
            return
        known = {_kind(deviation) for deviation in self._parsed} if self._checked else set()
        found = self._parsed + [deviation for deviation in self._checked if _kind(deviation) not in known]
        for deviation in sorted(found, key=lambda deviation: deviation.location.byte_offset or 0):
            location = parser.located(deviation.location)
            self._report(deviation if location is deviation.location else replace(deviation, location=location))
        self._parsed.clear()
        self._checked.clear()


def _kind(deviation: Deviation) -> tuple[str, int | None, str]:
    return deviation.code, deviation.location.dataset_index, deviation.location.tag_path


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

    def __init__(self, failing: Severity, checked: list[str]) -> None:
        self._failing = failing
        self._checked = checked
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
        *names, last = self._checked
        verdict = f"conformant in {' and '.join([*filter(None, [', '.join(names)]), last])}"
        verdict += " but for notes" if total.counts else ""
        if not total.is_conformant(self._failing):
            verdict = "not conformant"
        counts = [counted(total.datasets, "data set"), counted(total.counts.total(), "deviation")]
        if total.errors:
            counts.append(f"{counted(total.errors, 'stream')} not read to the end")
        print(f"{', '.join(counts)}: {verdict}")
        for code, count in total.counts.most_common():
            row = DEVIATIONS[code]
            print(f"{count:>9,}  {row.severity.name.lower():<7}  {code:<18}  {row.meaning}")
        for name, clauses in _CHECKS.items():
            if name in self._checked:
                print(f"checked {name}: {clauses}")
        print(f"not checked: {', '.join(_not_checked(self._checked))}")


class _JsonReport:
    """One JSON object, written while the streams are read."""

    def __init__(self, failing: Severity, checked: list[str]) -> None:
        self._failing = failing
        self._checked = checked
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

    def file(self, findings: _Findings) -> None:
        print(f'], "fatal": {json.dumps(self._error)}, {self._summary(findings)}}}', end="")

    def end(self, total: _Findings) -> None:
        print(f'], "checked": {json.dumps(self._checked)}, {self._summary(total)}}}')

    def _summary(self, findings: _Findings) -> str:
        is_conformant = findings.is_conformant(self._failing)
        summary = {"datasets": findings.datasets, "counts": findings.counts, "conformant": is_conformant}
        return json.dumps(summary)[1:-1]


def _place(location: Location) -> dict[str, Any]:
    return {**asdict(location), "keyword": location.keyword}


# --- the codes -------------------------------------------------------------------------------------------------


def print_codes() -> None:
    """Print the severity, the meaning and an example of every code.

    Meanings are wrapped at the width of the terminal. Examples are not, so that they can be copied.
    """
    from shutil import get_terminal_size  # only this needs them, and they take long to import
    from textwrap import fill

    width = get_terminal_size().columns
    for code, row in DEVIATIONS.items():
        text = f"{row.severity.name.lower()} {code}: {row.meaning}"
        print(fill(text, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False))
        print(f"        {row.example.encode('ascii', 'backslashreplace').decode()}")
