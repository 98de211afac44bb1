"""The file so far, read back for the second pass of the writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from streamdicom._push import drained
from streamdicom._typing import BinaryIO
from streamdicom.deviations import DEVIATIONS
from streamdicom.events import Event
from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.formats.target import pieces, write_fully
from streamdicom.limits import Limits
from streamdicom.options import DeviationAction, ReadOptions

_SILENT: dict[str, DeviationAction] = dict.fromkeys(DEVIATIONS, "ignore")  # the file is our own


def events_taken_back(
    target: BinaryIO, origin: int, temporary: Callable[[], BinaryIO], limits: Limits, index: int
) -> Iterator[Event]:
    """Take the file that starts at an offset out of the target; yield its events.

    The file moves to a temporary file before the first event, so that the target is free for the second pass. It may
    end after any element or delimiter.

    Args:
        target: The target, flushed.
        origin: The offset of the file in the target.
        temporary: Makes an empty file.
        limits: The limits of the writer.
        index: The number of the data set in its stream.
    """
    with temporary() as copy:
        target.seek(origin)
        for piece in pieces(target):
            write_fully(copy, piece)
        target.seek(origin)
        target.truncate()
        copy.seek(0)
        parser = Part10Parser(options=ReadOptions(limits=limits, deviations=_SILENT), index=index)
        for piece in pieces(copy):
            for events in drained(parser, piece):
                yield from events
        yield from parser.held_events  # of private sequences that are open
