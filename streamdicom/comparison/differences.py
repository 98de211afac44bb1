"""The differences between two data sets.

Most elements are equal. They are found by their events, where these are equal too, before an entry is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from itertools import chain, zip_longest

from streamdicom._records import NamedTuple
from streamdicom._typing import Any
from streamdicom.comparison.entries import Entry, Key, is_compared
from streamdicom.comparison.reading import DataSet
from streamdicom.comparison.windows import Window
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    LAST_SEGMENT,
    SEGMENT,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)

_FLOATS = frozenset({"FL", "FD"})
_SINGLE = frozenset({ELEMENT, BULK_DATA, JSON_ELEMENT})
_PARTS = frozenset({VALUES, SEGMENT, LAST_SEGMENT, START_FRAGMENT})
_OPEN = _PARTS | {START_ELEMENT, START_FRAGMENTS}
_INNER = _PARTS | {END_ELEMENT, END_FRAGMENTS}


class DifferenceKind(IntEnum):
    """The kind of a difference."""

    ONLY_LEFT = 0
    ONLY_RIGHT = 1
    VR = 2
    VALUE = 3


class Difference(NamedTuple):
    """An element, or an item, that differs.

    Attributes:
        kind: The kind.
        key: Its position.
        left: Its entry in the first data set, or None.
        right: Its entry in the other, or None.
    """

    kind: DifferenceKind
    key: Key
    left: Entry | None
    right: Entry | None


def differences(one: Iterator[Entry], other: Iterator[Entry]) -> Iterator[Difference]:
    """Yield the differences between entries in ascending order of keys.

    A sequence that is missing on one side is one difference; its items are left out.

    >>> from streamdicom import iter_events
    >>> from streamdicom.comparison import Batch, datasets
    >>> texts = (b'{"00100020": {"vr": "LO", "Value": ["%d"]}}' % number for number in range(2))
    >>> one, other = [next(datasets([Batch(list(iter_events(text)))])) for text in texts]
    >>> [(found.kind.name, tag_path(found.key)) for found in differences(one.entries, other.entries)]
    [('VALUE', '00100020')]
    """
    left, right = next(one, None), next(other, None)
    while left or right:
        if right is None or (left and left[0] < right[0]):
            assert left
            yield Difference(DifferenceKind.ONLY_LEFT, left[0], left, None)
            left = _after(one, left[0])
        elif left is None or right[0] < left[0]:
            yield Difference(DifferenceKind.ONLY_RIGHT, right[0], None, right)
            right = _after(other, right[0])
        elif left[1] != right[1]:
            yield Difference(DifferenceKind.VR, left[0], left, right)
            left, right = _after(one, left[0]), _after(other, right[0])
        else:
            if left[2] != right[2]:
                yield Difference(DifferenceKind.VALUE, left[0], left, right)
            left, right = next(one, None), next(other, None)


def _after(entries: Iterator[Entry], key: Key) -> Entry | None:
    """Return the next entry that is not within a sequence or an item."""
    return next((entry for entry in entries if entry[0][: len(key)] != key), None)


def leave_out_equal(one: DataSet, other: DataSet) -> None:
    """Leave out events that are equal at the start and at the end of two data sets.

    It must be called before their entries are read. The differences stay the same; where a data set has an element
    more than once, fewer of them may differ.

    >>> from streamdicom import iter_events
    >>> from streamdicom.comparison import Batch, datasets
    >>> text = b'{"00100020": {"vr": "LO"}, "00100030": {"vr": "DA"}}'
    >>> one, other = [next(datasets([Batch(list(iter_events(text)))])) for _ in range(2)]
    >>> leave_out_equal(one, other)
    >>> list(one.entries), list(other.entries)
    ([], [])
    """
    left, right = one.window, other.window
    if left is None or right is None:
        return
    while _leave_out_start(left, right, one.file_meta):
        left.fill()
        right.fill()
    if left.is_last and right.is_last:
        count = _equal_at_end(left.events, right.events)
        left.drop_end(count)
        right.drop_end(count)


def _leave_out_start(left: Window, right: Window, file_meta: bool) -> bool:
    """Leave out what ``_equal_at_start`` counts; return whether it is anything."""
    counts = _equal_at_start(left.events, right.events, file_meta)
    left.drop(counts[0])
    right.drop(counts[1])
    return any(counts)


def _equal_at_start(left: list[Event], right: list[Event], file_meta: bool) -> tuple[int, int]:
    """Count the events of the elements at the start that are equal or not compared.

    Returns:
        The number on either side.
    """
    one = other = min(len(left), len(right))
    if not _all_equal(left[:one], right[:other]):
        one = other = 0
        while one < len(left) and other < len(right):
            if _is_equal(left[one], right[other]):
                one, other = one + 1, other + 1
            elif _is_passed_over(left[one], file_meta):
                one += 1
            elif _is_passed_over(right[other], file_meta):
                other += 1
            else:
                break
    parts = _open_parts(left, one)
    return one - parts, other - parts


def _all_equal(left: list[Event], right: list[Event]) -> bool:
    return left == right and repr(_floats(left)) == repr(_floats(right))


def _floats(events: list[Event]) -> list[Any]:
    """Return the values that may be 0.0 or -0.0, which are equal in Python."""
    return [value for kind, _, vr, value in events if vr in _FLOATS or kind == VALUES]


def _is_equal(one: Event, other: Event) -> bool:
    if one[2] in _FLOATS or one[0] == VALUES:
        return repr(one) == repr(other)
    return one == other


def _is_passed_over(event: Event, file_meta: bool) -> bool:
    return event[0] in _SINGLE and not is_compared(event[1], file_meta)


def _open_parts(events: list[Event], end: int) -> int:
    """Count the events before an index that begin an element without its end."""
    start = end
    while start and events[start - 1][0] in _OPEN:
        start -= 1
    return end - start


def _equal_at_end(left: list[Event], right: list[Event]) -> int:
    """Count the events of the equal elements at the end that are in no sequence."""
    count = depth = 0
    for number, (one, other) in enumerate(zip(reversed(left), reversed(right)), 1):  # noqa: B905 - the shorter counts
        if not _is_equal(one, other):
            break
        kind = one[0]
        if kind in (END_SEQUENCE, END_ITEM):
            depth += 1
        elif kind in (START_SEQUENCE, START_ITEM):
            depth -= 1
        if not depth and kind not in _INNER:
            count = number
    return count


def tag_path(key: Key) -> str:
    """Return the path of a position.

    >>> tag_path((0x00081140, 0, 0x00081155))
    '00081140[0].00081155'
    """
    steps = [f"{tag:08X}" for tag in key[::2]]
    items = [f"[{item}]." for item in key[1::2]]
    return "".join(chain.from_iterable(zip_longest(steps, items, fillvalue=""))).rstrip(".")
