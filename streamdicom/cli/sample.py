"""``streamdicom sample``: write a random sample of the data sets of a stream."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE
from streamdicom.cli.inputs import event_batches, size_of
from streamdicom.cli.options import read_options
from streamdicom.cli.picking import index_of, write_picked
from streamdicom.cli.progress import ProgressLine
from streamdicom.events import START_DATASET, Event
from streamdicom.options import ReadOptions


def run(arguments: Arguments) -> int:
    """Run the command."""
    reservoir = _Reservoir(arguments.number, arguments.seed)
    write_picked(arguments, _sampled(arguments.source, reservoir, read_options(arguments)))
    return DONE


class _Reservoir:
    """Choose some of an unknown number of data sets, all with one probability."""

    def __init__(self, number: int, seed: int | None) -> None:
        self._number = number
        self._generator = random.Random(seed)  # noqa: S311

    def slot(self, ordinal: int) -> int | None:
        """Return the slot that the next data set gets, or None."""
        if ordinal < self._number:
            return ordinal
        slot = self._generator.randrange(ordinal + 1)
        return slot if slot < self._number else None


def _sampled(source: str, reservoir: _Reservoir, options: ReadOptions) -> Iterator[Event]:
    index = index_of(source)
    if index is not None:
        with index:
            slots = {reservoir.slot(ordinal): ordinal for ordinal in range(len(index))}
            slots.pop(None, None)
            for ordinal in sorted(slots.values()):
                yield from index.iter_events(ordinal, ordinal + 1)
        return
    kept: dict[int, list[Event]] = {}  # by slot
    slot: int | None = None
    with ProgressLine(f"Reading {source}", size_of(source)) as progress:
        for event in chain.from_iterable(event_batches(source, progress, options)):
            if event[0] == START_DATASET:
                slot = reservoir.slot(event[3])
                if slot is not None:
                    kept[slot] = []
            if slot is not None:
                kept[slot].append(event)
    for events in sorted(kept.values()):  # by their first events, whose numbers differ
        yield from events
