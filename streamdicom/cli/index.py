"""``streamdicom index``: build the index of a stream of data sets."""

from __future__ import annotations

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.inputs import size_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.skipping import SkippedInputs
from streamdicom.cli.terminal import console, counted
from streamdicom.index import build_index, sidecar_of


def run(arguments: Arguments) -> int:
    """Run the command."""
    skipped = SkippedInputs(arguments.on_error)
    for source in arguments.sources:
        with skipped.caught():
            _build(source, arguments.jobs, skipped)
    return skipped.code


def _build(source: str, jobs: int, skipped: SkippedInputs) -> None:
    with ProgressLine(f"Indexing {source}", size_of(source)) as progress:
        done = 0

        def advance(offset: int) -> None:
            nonlocal done
            progress.advance(offset - done)
            done = offset

        with build_index(
            source, jobs=jobs, on_progress=advance, on_fault=skipped.add if skipped.skips else None
        ) as index:
            count = len(index)
    console.note(f"{sidecar_of(source)}: {counted(count, 'data set')}")
