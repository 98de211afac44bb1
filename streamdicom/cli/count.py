"""``streamdicom count``: print the number of data sets."""

from __future__ import annotations

import os

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.inputs import event_batches, naming_input, note_empty, size_of
from streamdicom.cli.options import read_options
from streamdicom.cli.picking import index_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.skipping import SkippedInputs
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.events import END_DATASET
from streamdicom.options import ReadOptions

_ELEMENTS = [SOP_INSTANCE_UID]  # the others need not be read


def run(arguments: Arguments) -> int:
    """Run the command."""
    options = read_options(arguments, include=_ELEMENTS)
    skipped = SkippedInputs(arguments.on_error)
    for source in arguments.sources:
        number = _count(source, options, skipped)
        print(f"{number}\t{source}" if len(arguments.sources) > 1 else number)
    return skipped.code


def _count(source: str, options: ReadOptions, skipped: SkippedInputs) -> int:
    index = index_of(source)
    if index is not None:
        with index:
            return len(index)
    if os.path.isdir(source):
        return _count_of_folder(source, options, skipped)
    count = 0
    with ProgressLine(f"Counting {source}", size_of(source)) as progress, skipped.caught():
        for events in event_batches(source, progress, options):
            count += sum(1 for event in events if event[0] == END_DATASET)
    return count


def _count_of_folder(source: str, options: ReadOptions, skipped: SkippedInputs) -> int:
    from streamdicom.archive import iter_named_events  # takes long to import

    count = 0
    for name, events in iter_named_events(source, options=options, on_fault=skipped.add):
        with skipped.caught(), naming_input(name):
            for event in events:
                count += event[0] == END_DATASET
    if not count:
        note_empty(source)
    return count
