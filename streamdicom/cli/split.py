"""``streamdicom split``: split a file of DICOM JSON into several files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from streamdicom.api import write_events
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, UsageError, usage_errors
from streamdicom.cli.inputs import is_pipe
from streamdicom.cli.outputs import check_folder
from streamdicom.cli.terminal import console, counted
from streamdicom.filters import sort_elements
from streamdicom.index import plan_splits

_MAX_STEM = 180  # characters of the names of parts


def run(arguments: Arguments) -> int:
    """Run the command."""
    source: str = arguments.source
    if is_pipe(source):
        raise UsageError("expected a file, found a pipe; only files can be split")
    parts = plan_splits(source, parts=arguments.number)
    name = os.path.basename(source).partition(".")[0][:_MAX_STEM]
    width = len(str(len(parts) - 1))
    check_folder(arguments.output)
    os.makedirs(arguments.output, exist_ok=True)
    stem = os.path.join(arguments.output, name)
    targets = [f"{stem}-{number:0{width}}{arguments.suffix}" for number in range(len(parts))]
    for target in targets:
        if os.path.exists(target):
            raise UsageError(f"{target}: expected a new file, found one")
    with _all_or_nothing(targets), usage_errors():
        for target, part in zip(targets, parts, strict=True):
            write_events(sort_elements(part.iter_events()), target)
    console.note(f"{counted(len(parts), 'file')} in {arguments.output}")
    return DONE


@contextmanager
def _all_or_nothing(targets: list[str]) -> Iterator[None]:
    """Remove the files of a run that fails, of which some are complete."""
    try:
        yield
    except BaseException:
        for target in targets:
            with suppress(FileNotFoundError):
                os.unlink(target)
        raise
