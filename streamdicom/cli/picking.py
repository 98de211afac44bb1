"""Some of the data sets of a stream, found by the index beside it if there is one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain

from streamdicom._typing import TYPE_CHECKING
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import usage_errors
from streamdicom.cli.inputs import is_pipe
from streamdicom.cli.outputs import json_format, target_of
from streamdicom.events import END_DATASET, SEGMENT, Event
from streamdicom.index import sidecar_of

if TYPE_CHECKING:
    from streamdicom.index import DatasetIndex

_MAX_FIRST = 1024  # events of the first data set that are held
_ENDS = (END_DATASET, SEGMENT)  # the last event that is held; the value of a segment goes on


def index_of(source: str) -> DatasetIndex | None:
    """Open the index beside a source, or return None.

    Raises:
        IndexMismatchError: The source has changed since.
    """
    if is_pipe(source) or not os.path.exists(sidecar_of(source)):
        return None
    from streamdicom.index import open_index  # takes long to import

    return open_index(source)


def write_picked(arguments: Arguments, events: Iterable[Event]) -> None:
    """Write the events to the target of a command, with elements in ascending order."""
    from streamdicom.api import write_events  # which a count does not need
    from streamdicom.filters import sort_elements

    to = json_format(arguments.target, arguments.to)
    remaining, first = iter(sort_elements(events)), list[Event]()
    for event in remaining:  # nothing is written if the first data set is not valid
        first.append(event)
        if event[0] in _ENDS or len(first) == _MAX_FIRST:
            break
    with usage_errors():
        write_events(chain(first, remaining), target_of(arguments.target), arguments.indent, format=to)
