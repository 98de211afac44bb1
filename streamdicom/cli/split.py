"""``streamdicom split``: split a file of DICOM JSON into several files."""

from __future__ import annotations

from pathlib import Path

from streamdicom.api import write_events
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, UsageError, usage_errors
from streamdicom.cli.inputs import is_pipe
from streamdicom.cli.outputs import check_folder
from streamdicom.cli.terminal import console, counted
from streamdicom.index import plan_splits

_MAX_STEM = 180  # characters of the names of parts


def run(arguments: Arguments) -> int:
    """Run the command."""
    source: Path = arguments.source
    if is_pipe(source):
        raise UsageError("expected a file, found a pipe; only files can be split")
    parts = plan_splits(source, parts=arguments.number)
    name = source.name.partition(".")[0][:_MAX_STEM]
    width = len(str(len(parts) - 1))
    check_folder(arguments.output)
    arguments.output.mkdir(parents=True, exist_ok=True)
    targets = [arguments.output / f"{name}-{number:0{width}}{arguments.suffix}" for number in range(len(parts))]
    for target in targets:
        if target.exists():
            raise UsageError(f"{target}: expected a new file, found one")
    for target, part in zip(targets, parts, strict=True):
        with usage_errors():
            write_events(part.iter_events(), target)
    console.note(f"{counted(len(parts), 'file')} in {arguments.output}")
    return DONE
