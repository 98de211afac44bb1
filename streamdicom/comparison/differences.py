"""The differences between the entries of two data sets."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from itertools import chain, zip_longest

from streamdicom._records import NamedTuple
from streamdicom.comparison.entries import Entry, Key


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
    >>> from streamdicom.comparison import datasets
    >>> texts = (b'{"00100020": {"vr": "LO", "Value": ["%d"]}}' % number for number in range(2))
    >>> one, other = [next(datasets(iter_events(text))) for text in texts]
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


def tag_path(key: Key) -> str:
    """Return the path of a position.

    >>> tag_path((0x00081140, 0, 0x00081155))
    '00081140[0].00081155'
    """
    steps = [f"{tag:08X}" for tag in key[::2]]
    items = [f"[{item}]." for item in key[1::2]]
    return "".join(chain.from_iterable(zip_longest(steps, items, fillvalue=""))).rstrip(".")
