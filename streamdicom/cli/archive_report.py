"""Progress, report and messages of the commands ``export`` and ``import``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from streamdicom.archive import Report
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, SKIPPED
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import console
from streamdicom.io import Output
from streamdicom.progress import Progress


def progress_callback(line: ProgressLine, verb: str, unit: str) -> Callable[[Progress], None]:
    """Return a callback that shows the progress of an archive.

    Args:
        line: The line that is redrawn.
        verb: Such as "Exporting".
        unit: Such as "files".
    """

    def show(progress: Progress) -> None:
        known = "" if progress.files_known is None else f" of {progress.files_known:,}"
        line.update(f"{verb} {progress.files:,}{known} {unit}", progress.size, progress.size_known)

    return show


@contextmanager
def resumable(is_resumable: bool = True) -> Iterator[None]:
    """Say how to resume when Ctrl-C or SIGTERM stops the command."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if is_resumable:
            console.note("interrupted; run the same command again with --resume to continue")
        raise


def finish(report: Report, arguments: Arguments, summary: str) -> int:
    """Write the report with versions and options, and print a summary."""
    path: str | None = arguments.report
    if path is not None:
        import json  # which takes long to import

        from streamdicom.archive import versions

        facts = {"versions": versions(), "options": {name: _plain(value) for name, value in vars(arguments).items()}}
        with Output(path) as output:
            output.write(json.dumps(report.to_dict() | facts, indent=2).encode() + b"\n")
            output.commit()
    for name in report.passed_over:
        console.detail(f"passed over: {name}")
    for skipped in report.skipped:
        console.note(f"skipped: {skipped.name}: {skipped.reason}")
    console.note(f"{summary}, {len(report.skipped):,} skipped")
    return DONE if report.is_complete else SKIPPED


def _plain(value: object) -> object:
    """Return the value of an option as JSON has it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
