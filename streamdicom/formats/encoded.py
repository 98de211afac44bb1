"""Output that a parser of the compiled engine writes itself.

It stands for events that nobody but a writer sees. A parser that is given an ``OutputForm`` of the engine replaces the
events of canonical elements, sequences and items by an event of the kind ``ENCODED``, whose value is an ``Encoded``.
Between two of them are ordinary events, of all that the engine does not know. The order is that of the stream, so the
writer appends one after another.

These events never leave the library.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from streamdicom.events import Event

ENCODED = 32
"""The type of the event."""

UNCHANGED = -2
"""The last tag of a data set or item to which nothing was added."""


class Encoded(NamedTuple):
    """A part of a data set in the form of a writer.

    Attributes:
        data: The text or the bytes.
        last: The last tag in the innermost data set or item, -1, or ``UNCHANGED``.
        in_sequence: Whether an item of a sequence, or its end, is due.
        changed: The number of sequences around the start that have ended, or of which another item has begun.
        opened: The tag and the number of items of each sequence that is open instead, outermost first.
        starts: For each sequence that has begun and not ended, the length of ``data`` and the last tag before it.
        ended_items: The number of items around the start that have ended.
        open_items: The number of items that have begun and not ended.
        blocks: In XML, the private group and its reserved blocks as far as this part has them, of the data set or item
            around it and of each open item; see ``BlocksState``.
    """

    data: bytes
    last: int
    in_sequence: bool
    changed: int
    opened: list[tuple[int, int]]
    starts: list[tuple[int, int]]
    ended_items: int
    open_items: int
    blocks: list[tuple[int, list[tuple[int, str]]]]


class SelfEncoding(ABC):
    """A parser that can write a part of its events itself."""

    @abstractmethod
    def encode_in(self, form: Any) -> None:
        """Append ``Encoded`` events; call it before ``feed``.

        Args:
            form: An ``OutputForm`` of the engine.
        """


def take_back(event: Event, count: int) -> tuple[Event | None, int]:
    """Take sequences back that have begun in an event and have not ended.

    Args:
        event: The event.
        count: The number of sequences to take back, of those that are open after the event.

    Returns:
        The event without them, and 0; or None and the number to take back before the event.

    >>> begun = ENCODED, 0, "", (b',"00081140":{"vr":"SQ"', -2, True, 0, [(0x00081140, 0)], [(0, -2)], 0, 0, [])
    >>> take_back(begun, 1)
    ((32, 0, '', Encoded(data=b'', last=-2, in_sequence=False, changed=0, opened=[], starts=[], ended_items=0, \
open_items=0, blocks=[])), 0)
    >>> take_back(begun, 2)
    (None, 1)
    """
    kind, tag, vr, value = event
    encoded = Encoded(*value)
    begun = len(encoded.starts)
    if count > begun:
        ended = encoded.changed + begun - len(encoded.opened)
        return None, count - begun + ended
    start, last = encoded.starts[-count]
    opened, starts = encoded.opened[:-count], encoded.starts[:-count]
    open_items = encoded.open_items - (count - encoded.in_sequence)
    blocks = encoded.blocks[: open_items + 1]
    rest = Encoded(
        encoded.data[:start], last, False, encoded.changed, opened, starts, encoded.ended_items, open_items, blocks
    )
    return (kind, tag, vr, rest), 0
