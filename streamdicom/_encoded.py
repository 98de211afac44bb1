"""Output that a parser of the compiled engine writes itself.

It stands for events whose values nobody but a writer needs. A parser that is given an ``OutputForm`` of the engine
replaces the events of canonical elements, sequences and items by an event of the kind ``ENCODED``, whose value is an
``Encoded``. Between two of them are ordinary events, of all that the engine does not know or must leave to a filter.
The order is that of the stream, so the writer appends one after another. Filters pass these events on, and find their
place in ``Path``.

These events never leave the library.
"""

from __future__ import annotations

from typing import Any

from streamdicom._records import NamedTuple
from streamdicom.events import Event

ENCODED = 32
"""The type of the event."""

UNCHANGED = -2
"""The last tag of a data set or item to which nothing was added."""


class Path(NamedTuple):
    """The place where an ``Encoded`` event ends, with elements left out.

    Attributes:
        sequences: The tag of each open sequence, and the index of its open or last item, outermost first.
        in_sequence: Whether an item of a sequence, or its end, is due.
        left_out: The number of open sequences that are left out; they are the innermost.
        outside: The number of sequences around the start.
        kept: The number of those that have not ended.
        ended_items: The number of items around the start that have ended.
        open_items: The number of items that have begun and not ended.
    """

    sequences: list[tuple[int, int]]
    in_sequence: bool
    left_out: int
    outside: int
    kept: int
    ended_items: int
    open_items: int


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
        path: The fields of ``Path``, if some elements are left out or a stage must know the place.
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
    path: tuple[Any, ...] | None = None


def path_of(value: tuple[Any, ...]) -> Path:
    """Return the path in the value of an ``Encoded`` event.

    >>> path_of((b"", -2, False, 0, [], [], 0, 0, [], ([(0x00081140, 2)], True, 0, 1, 1, 0, 0))).sequences
    [(528704, 2)]
    """
    return Path(*value[-1])


def take_back(event: Event, count: int) -> tuple[Event | None, int]:
    """Take sequences back that have begun in an event and have not ended.

    Args:
        event: The event.
        count: The number of sequences to take back, of those that are open after the event.

    Returns:
        The event without them, and 0; or None and the number to take back before the event.

    >>> begun = ENCODED, 0, "", (b',"00081140":{"vr":"SQ"', -2, True, 0, [(0x00081140, 0)], [(0, -2)], 0, 0, [], None)
    >>> take_back(begun, 1)
    ((32, 0, '', Encoded(data=b'', last=-2, in_sequence=False, changed=0, opened=[], starts=[], ended_items=0, \
open_items=0, blocks=[], path=None)), 0)
    >>> take_back(begun, 2)
    (None, 1)
    """
    kind, tag, vr, value = event
    encoded = Encoded(*value)
    if encoded.path is not None:
        path = Path(*encoded.path)
        begun = len(path.sequences) - path.kept
        if count > begun:
            return None, count - begun + path.outside - path.kept
        left_out = min(count, path.left_out)
        rest = path._replace(
            sequences=path.sequences[:-count],
            in_sequence=False,
            left_out=path.left_out - left_out,
            open_items=path.open_items - (count - path.in_sequence),
        )
        encoded = encoded._replace(path=tuple(rest))
        if count == left_out:
            return (kind, tag, vr, encoded), 0
        count -= left_out
    begun = len(encoded.starts)
    if count > begun:
        ended = encoded.changed + begun - len(encoded.opened)
        return None, count - begun + ended
    start, last = encoded.starts[-count]
    open_items = encoded.open_items - (count - encoded.in_sequence)
    before = encoded._replace(
        data=encoded.data[:start],
        last=last,
        in_sequence=False,
        opened=encoded.opened[:-count],
        starts=encoded.starts[:-count],
        open_items=open_items,
        blocks=encoded.blocks[: open_items + 1],
    )
    return (kind, tag, vr, before), 0
