"""The tags of a data set that have come: their order, and which come again."""

from __future__ import annotations

from bisect import bisect_left

_MOST_SEEN = 4096  # elements of a data set that one which comes again is compared with


_NO_TAGS: set[int] = set()  # stands for the sets of data sets whose tags ascend, and is never filled


class SeenTags:
    """What has come of a data set or an item.

    Attributes:
        last: Its highest tag so far.
        seen: Those that were above all before them; the innermost loop adds to them.

    >>> elements = SeenTags()
    >>> elements.see(0x00100010)
    >>> elements.has(0x00100010), elements.has(0x00100000)
    (True, False)
    """

    __slots__ = ("_disordered", "last", "seen")

    def __init__(self) -> None:
        self.last = -1
        self.seen: list[int] = []
        self._disordered = _NO_TAGS  # those that were not

    def see(self, tag: int) -> None:
        """Take a tag that has not come yet."""
        if tag > self.last:
            self.last = tag
            self.seen.append(tag)
            return
        if self._disordered is _NO_TAGS or len(self._disordered) >= _MOST_SEEN:
            self._disordered = set()
        self._disordered.add(tag)

    def has(self, tag: int) -> bool:
        """Whether a tag has come before, as far as that is remembered."""
        seen = self.seen
        place = bisect_left(seen, tag, lo=max(0, len(seen) - _MOST_SEEN))
        return tag in self._disordered or (place < len(seen) and seen[place] == tag)

    def forget(self) -> None:
        """Remember no more than is bounded."""
        if len(self.seen) > 2 * _MOST_SEEN:
            del self.seen[:-_MOST_SEEN]
