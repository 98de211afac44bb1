"""``streamdicom count``: print the number of data sets."""

from __future__ import annotations

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE
from streamdicom.cli.inputs import event_batches, name_of, size_of
from streamdicom.cli.options import read_options
from streamdicom.cli.picking import index_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import naming_warnings
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.events import START_DATASET
from streamdicom.options import ReadOptions

_ELEMENTS = [SOP_INSTANCE_UID]  # the others need not be read


def run(arguments: Arguments) -> int:
    """Run the command."""
    options = read_options(arguments, include=_ELEMENTS)
    for source in arguments.sources:
        with naming_warnings(name_of(source)):
            number = _count(source, options)
        print(f"{number}\t{source}" if len(arguments.sources) > 1 else number)
    return DONE


def _count(source: str, options: ReadOptions) -> int:
    index = index_of(source)
    if index is not None:
        with index:
            return len(index)
    with ProgressLine(f"Counting {source}", size_of(source)) as progress:
        batches = event_batches(source, progress, options)
        return sum(1 for events in batches for event in events if event[0] == START_DATASET)
