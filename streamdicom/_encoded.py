"""Output that a parser of the compiled engine writes itself.

It stands for events whose values nobody but a writer needs. A parser that is given an ``OutputForm`` of the engine
replaces the events of canonical elements, sequences and items by an event of the kind ``ENCODED``, whose value is an
``Encoded``. Between two of them are ordinary events, of all that the engine does not know or must leave to a filter.
The order is that of the stream, so the writer appends one after another. Filters pass these events on, and find their
place in ``Path``.

These events never leave the library.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from streamdicom._records import NamedTuple
from streamdicom._typing import Any
from streamdicom.events import END_SEQUENCE, START_SEQUENCE, Event

ENCODED = 32
"""The type of the event."""

_PATH = 9  # the index of ``Encoded.path``

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
        sees_all: Whether filters see the events of elements that are left out, because the writer leaves them out.
    """

    sequences: list[tuple[int, int]]
    in_sequence: bool
    left_out: int
    outside: int
    kept: int
    ended_items: int
    open_items: int
    sees_all: bool

    @property
    def seen(self) -> list[tuple[int, int]]:
        """The open sequences that filters see."""
        return self.sequences if self.sees_all else self.sequences[: len(self.sequences) - self.left_out]


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
        events: Returns the events that this part stands for. The bytes that they were read from are kept for this.
        counts: The number of events at least, and of bytes that they were read from.
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
    path: tuple[Any, ...] | None
    events: Callable[[], list[Event]]
    counts: tuple[int, int]


def path_of(value: tuple[Any, ...]) -> Path:
    """Return the path in the value of an ``Encoded`` event.

    >>> path = [(0x00081140, 2)], True, 0, 1, 1, 0, 0, False
    >>> path_of((b"", -2, False, 0, [], [], 0, 0, [], path, list, (0, 0))).sequences
    [(528704, 2)]
    """
    return Path(*value[_PATH])


def levels_after(levels: list[int], in_sequence: bool, encoded: Encoded) -> list[int]:
    """Return the last tag of the data set and of each open item after an event.

    Left out are the items that filters do not see.

    Args:
        levels: The same before it, outermost first.
        in_sequence: Whether an item of a sequence, or its end, is due before it.
        encoded: The value of the event.

    >>> begun = Encoded(b"", -1, False, 0, [(0x00081140, 1)], [(0, -2)], 0, 1, [], None, list, (2, 30))
    >>> levels_after([0x00080018], False, begun)
    [528704, -1]
    """
    if encoded.path is None:
        levels = levels[: len(levels) + in_sequence - encoded.changed]
        for tag, _ in encoded.opened:
            levels[-1] = tag
            levels.append(-1)
        if encoded.in_sequence:
            levels.pop()
        elif encoded.last != UNCHANGED:
            levels[-1] = encoded.last
        return levels
    path = Path(*encoded.path)
    tags = [tag for tag, _ in path.seen]
    if path.in_sequence and (path.sees_all or not path.left_out):
        return tags
    last = encoded.last
    if path.left_out and path.sees_all:  # their order does not matter
        last = -1
    elif last == UNCHANGED:
        last = levels[len(tags)]
    return [*tags, last]


def take_back(event: Event, count: int) -> tuple[Event | None, int]:
    """Take sequences back that have begun in an event and have not ended.

    Args:
        event: The event.
        count: The number of sequences to take back, of those that are open after the event.

    Returns:
        The event without them, and 0; or None and the number to take back before the event.

    >>> text, sequence = b',"00081140":{"vr":"SQ"', [(0x00081140, 0)]
    >>> begun = ENCODED, 0, "", (text, -2, True, 0, sequence, [(0, -2)], 0, 0, [], None, list, (1, 12))
    >>> [rest, _] = take_back(begun, 1)
    >>> Encoded(*rest[3]).data
    b''
    >>> take_back(begun, 2)
    (None, 1)
    """
    kind, tag, vr, value = event
    encoded = Encoded(*value)
    encoded = encoded._replace(events=partial(_events_without, encoded, count), counts=(0, encoded.counts[1]))
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


def _events_without(encoded: Encoded, count: int) -> list[Event]:
    """Return the events of a part without the sequences to take back."""
    events = encoded.events()
    begun: list[int] = []
    for index, (kind, *_) in enumerate(events):
        if kind == START_SEQUENCE:
            begun.append(index)
        elif kind == END_SEQUENCE:
            del begun[-1:]
    path = None if encoded.path is None else Path(*encoded.path)
    kept = (len(encoded.starts) if path is None else len(path.sequences) - path.kept) - count
    return events[: begun[kept]] if kept < len(begun) else events
