"""The tags that a parser has seen in a data set, to find duplicates and disorder."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

_MAX_SEEN = 4096  # tags of a data set that are remembered
_MAX_KNOWN = 256  # of them that are passed to the engine in each call

NO_TAGS: set[int] = set()
"""Shared by all data sets whose tags ascend; never filled."""


class SeenTags:
    """The tags seen so far in a data set or an item.

    Only the last few thousand tags are remembered, so a duplicate of an older one is not found.

    Attributes:
        last: The highest tag so far, or -1.
        disordered: The other tags; ``NO_TAGS`` in a data set without such tags.
        seen: The tags that were higher than all before them. An innermost loop may append to it.
        pixel_representation: The value of this element, if a parser has looked it up.

    >>> tags = SeenTags()
    >>> tags.see(0x00100010)
    >>> tags.has(0x00100010), tags.has(0x00100000)
    (True, False)
    """

    __slots__ = ("disordered", "last", "pixel_representation", "seen")

    def __init__(self) -> None:
        self.last = -1
        self.seen: list[int] = []
        self.disordered = NO_TAGS
        self.pixel_representation: int | None = None

    def see(self, tag: int) -> None:
        """Add a tag that is not a duplicate."""
        if tag > self.last:
            self.last = tag
            self.seen.append(tag)
            return
        if self.disordered is NO_TAGS or len(self.disordered) >= _MAX_SEEN:
            self.disordered = set()
        self.disordered.add(tag)

    def see_all(self, tags: Sequence[int], last: int) -> None:
        """Add ascending tags, and the highest tag so far."""
        self.seen += tags
        self.last = last

    def all_tags(self) -> list[int] | None:
        """Return the tags in order.

        Returns:
            None if the tags are too many to pass on.

        >>> tags = SeenTags()
        >>> tags.see(0x20500020), tags.see(0x00080005)
        (None, None)
        >>> tags.all_tags()
        [524293, 542113824]
        """
        disordered = self.disordered
        if len(self.seen) + len(disordered) > _MAX_KNOWN:
            return None
        return sorted([*self.seen, *disordered]) if disordered else self.seen

    def has(self, tag: int) -> bool:
        """Return True if the tag was seen before, as far as tags are remembered."""
        seen = self.seen
        index = bisect_left(seen, tag, lo=max(0, len(seen) - _MAX_SEEN))
        return tag in self.disordered or (index < len(seen) and seen[index] == tag)

    def forget(self) -> None:
        """Drop the oldest tags, to bound the memory."""
        if len(self.seen) > 2 * _MAX_SEEN:
            del self.seen[:-_MAX_SEEN]
