"""``streamdicom validate``: report deviations from the standard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from operator import attrgetter, itemgetter

from streamdicom._typing import Any
from streamdicom.cli import reports
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, FAILED, UsageError
from streamdicom.cli.inputs import name_of, size_of
from streamdicom.cli.places import Batch, PlacedParser, placed_batches
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.reports import Findings, Report
from streamdicom.deviations import DEVIATIONS, Deviation, DeviationLog, Severity
from streamdicom.errors import InputError
from streamdicom.events import START_DATASET
from streamdicom.filters import ModuleCheck, ValueCheck
from streamdicom.options import ReadOptions


def run(arguments: Arguments) -> int:
    """Run the command."""
    if arguments.codes:
        print_codes()
        return DONE
    if not arguments.sources:
        raise UsageError("validate: the following arguments are required: FILE; see 'streamdicom validate --help'")
    is_conformant = validate_files(
        arguments.sources,
        strict=arguments.strict,
        report=arguments.report,
        max_printed=arguments.max,
        values=arguments.values,
        modules=arguments.iod,
        force=arguments.force,
    )
    return DONE if is_conformant else FAILED


REPORTS = {
    "text": "TextReport",
    "json": "JsonReport",
    "junit": "JUnitReport",
    "sarif": "SarifReport",
    "html": "ValidationPage",
}
"""The class of each form of report."""

_TYPE = itemgetter(0)  # of an event
_CODE = attrgetter("code")  # of a deviation
_MAX_SURPLUS = 1000  # deviations that wait although they will not be printed
_LEARNED = 8  # streams after which the engine has the rules of most elements


def validate_files(
    sources: list[str],
    *,
    strict: bool = False,
    report: str = "text",
    max_printed: int = 1000,
    values: bool = True,
    modules: bool = False,
    force: bool = False,
) -> bool:
    """Print every deviation from the standard, and a summary by code.

    Args:
        sources: Files of any format, or ``-`` for standard input.
        strict: Count notes as failures.
        report: The form of the report, a key of ``REPORTS``.
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
    written: Report = getattr(reports, REPORTS[report])(failing, checks.names)
    total = Findings()
    for source, size in zip(sources, sizes, strict=True):
        log = _Log(max_printed, written.deviation)
        pending.start(log)
        written.start(name_of(source))
        findings = _validate(source, size, options, checks, pending, written)
        findings.counts = log.counts
        written.file(findings)
        total.add(findings)
    written.end(total)
    return total.is_conformant(failing)


def _validate(
    source: str,
    size: int | None,
    options: ReadOptions,
    checks: _Checks,
    pending: _Pending,
    report: Report,
) -> Findings:
    """Validate a stream; return the number of its data sets and errors."""
    findings = Findings()
    parser = PlacedParser(options, checks_padding=checks.has_values, rules=checks.engine_rules)
    try:
        with ProgressLine(f"Reading {source}", size, prints=True) as progress:
            checks.start()
            for batch in placed_batches(parser, source, progress, learns=checks.learns):
                findings.datasets += checks.check(batch, parser, pending.counts(parser))
                del batch
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

    def check(self, batch: Batch, parser: PlacedParser, counts: Counter[str] | None) -> int:
        """Check the next events of the stream; return the number of new data sets.

        Args:
            batch: The events.
            parser: Their parser.
            counts: Counts deviations of values, if their places are not needed.
        """
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
            self._values.check(batch.events, batch.offset_of, counts)
            count = self._values.datasets - before
        else:
            count = list(map(_TYPE, batch.events)).count(START_DATASET)
        if self._modules:
            self._modules.check(batch.events, batch.offset_of)
        return count


class _Pending:
    """The deviations of a chunk, until they can be put in the order of the stream."""

    def __init__(self) -> None:
        self._log = _Log(0, print)
        self._parsed: list[Deviation] = []
        self._checked: list[Deviation] = []

    def start(self, log: _Log) -> None:
        """Start a stream."""
        self._log = log

    def counts(self, parser: PlacedParser) -> Counter[str] | None:
        """Return the counts of deviations if the next check can add to them, or None.

        Its deviations need places until the last of them is printed, and beside deviations of the parser, which may
        be the same.
        """
        is_alone = not (self._parsed or self._checked or parser.is_holding)
        return self._log.counts if self._log.is_full and is_alone else None

    def parsed(self, deviation: Deviation) -> None:
        """Take a deviation from the parser."""
        self._parsed.append(deviation)

    def checked(self, deviation: Deviation) -> None:
        """Take a deviation from a check."""
        self._checked.append(deviation)

    def flush(self, parser: PlacedParser) -> None:
        """Report the deviations of the chunk, each once and with its line and column."""
        if parser.is_holding:  # events of bytes before these deviations may follow, and deviations with them
            self._count_surplus(self._parsed)
            self._count_surplus(self._checked)
            return
        found = self._parsed or self._checked
        if not found:
            return
        if self._parsed and self._checked:
            known = {_kind(deviation) for deviation in self._parsed}
            found = self._parsed + [deviation for deviation in self._checked if _kind(deviation) not in known]
        if self._log.is_full:
            self._log.counts.update(map(_CODE, found))
        else:
            self._print(found, parser)
        self._parsed.clear()
        self._checked.clear()

    def _count_surplus(self, found: list[Deviation]) -> None:
        """Count the deviations after those that can still be printed."""
        left = self._log.left
        if len(found) > left + _MAX_SURPLUS:
            found.sort(key=_byte_offset)
            self._log.counts.update(map(_CODE, found[left:]))
            del found[left:]

    def _print(self, found: list[Deviation], parser: PlacedParser) -> None:
        for deviation in sorted(found, key=_byte_offset):
            location = parser.located(deviation.location)
            if location is not deviation.location:  # "replace" takes three times as long
                deviation = Deviation(deviation.code, deviation.severity, location, deviation.message)
            self._log(deviation)


def _byte_offset(deviation: Deviation) -> int:
    return deviation.location.byte_offset or 0


def _kind(deviation: Deviation) -> tuple[str, int | None, str]:
    return deviation.code, deviation.location.dataset_index, deviation.location.tag_path


class _Log(DeviationLog):
    """Counts all deviations, and prints the first.

    Attributes:
        left: The number of deviations that may still be printed.
    """

    def __init__(self, max_printed: int, print_: Callable[[Deviation], None]) -> None:
        super().__init__(0)
        self.left = max_printed
        self._print = print_

    @property
    def is_full(self) -> bool:
        """True if no further deviation is printed."""
        return self.left <= 0

    def __call__(self, deviation: Deviation) -> None:
        super().__call__(deviation)
        if self.left > 0:
            self.left -= 1
            self._print(deviation)


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
