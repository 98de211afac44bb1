"""``streamdicom head``: write the first data sets of a stream."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE
from streamdicom.cli.inputs import event_batches, size_of
from streamdicom.cli.options import read_options
from streamdicom.cli.picking import write_picked
from streamdicom.cli.progress import ProgressLine
from streamdicom.events import END_DATASET, Event
from streamdicom.options import ReadOptions


def run(arguments: Arguments) -> int:
    """Run the command."""
    write_picked(arguments, _first(arguments.source, arguments.number, read_options(arguments)))
    return DONE


def _first(source: str, number: int, options: ReadOptions) -> Iterator[Event]:
    if number == 0:
        return
    with ProgressLine(f"Reading {source}", size_of(source), prints=True) as progress:
        for event in chain.from_iterable(event_batches(source, progress, options)):
            yield event
            if event[0] == END_DATASET:
                number -= 1
                if number == 0:
                    return
