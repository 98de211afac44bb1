"""``streamdicom index``: build the index of a stream of data sets."""

from __future__ import annotations

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.skipping import SkippedInputs
from streamdicom.cli.terminal import console, counted
from streamdicom.index import build_index, sidecar_of
from streamdicom.progress import Progress


def run(arguments: Arguments) -> int:
    """Run the command."""
    skipped = SkippedInputs(arguments.on_error)
    for source in arguments.sources:
        with skipped.caught():
            _build(source, arguments.jobs, skipped)
    return skipped.code


def _build(source: str, jobs: int, skipped: SkippedInputs) -> None:
    with ProgressLine(f"Indexing {source}") as line:

        def show(progress: Progress) -> None:
            line.update(f"Indexing {source}", progress.size, progress.size_known)

        on_fault = skipped.add if skipped.skips else None
        try:
            with build_index(source, jobs=jobs, progress=show, on_fault=on_fault) as index:
                count = len(index)
        except OSError as error:
            error.filename = error.filename or source  # which an error of a read lacks
            raise
    console.note(f"{sidecar_of(source)}: {counted(count, 'data set')}")
