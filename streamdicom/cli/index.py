"""``streamdicom index``: build the index of a stream of data sets."""

from __future__ import annotations

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE
from streamdicom.cli.inputs import size_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import console, counted
from streamdicom.index import build_index, sidecar_of


def run(arguments: Arguments) -> int:
    """Run the command."""
    for source in arguments.sources:
        _build(source, arguments.jobs)
    return DONE


def _build(source: str, jobs: int) -> None:
    with ProgressLine(f"Indexing {source}", size_of(source)) as progress:
        done = 0

        def advance(offset: int) -> None:
            nonlocal done
            progress.advance(offset - done)
            done = offset

        with build_index(source, jobs=jobs, on_progress=advance) as index:
            count = len(index)
    console.note(f"{sidecar_of(source)}: {counted(count, 'data set')}")
