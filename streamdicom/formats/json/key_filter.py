"""Which attributes a parser need not look into, and which rest of a data set."""

from __future__ import annotations

from typing import Any, Self

from streamdicom._cache import BoundedCache
from streamdicom.options import ReadOptions
from streamdicom.patterns import DatasetConditions, Selection, selection

_MOST_LEVELS = 256

_Known = tuple[BoundedCache[str, int], BoundedCache[str, int]]


class KeyFilter:
    """What is wanted of the innermost data set or item, as far as a key tells it.

    What it does not skip may still be unwanted, by its VR or because it is no sequence: that is for ``select``.

    Args:
        top: What is wanted of a data set.
        wanted: The conditions on data sets. What they ask for is not skipped, because somebody has to see it; what
            comes behind an element that does not fit need not be looked into.

    Attributes:
        wanted: The tags of those keys of the level that are known not to be skipped.
        unwanted: The tags of those that are known to be.

    >>> keys = KeyFilter(selection(include=["PatientName"]))
    >>> keys.skips("00100020", 0x00100020), keys.unwanted
    (True, {'00100020': 1048608})
    """

    def __init__(self, top: Selection, wanted: DatasetConditions | None = None) -> None:
        self._top = top
        self._conditions = wanted
        self._asked = wanted.tags if wanted else frozenset()
        self._outer: list[Selection] = []
        self._known: BoundedCache[Selection, _Known] = BoundedCache(_MOST_LEVELS)
        self._go_to(top)

    @classmethod
    def of(cls, options: ReadOptions, wanted: DatasetConditions) -> Self | None:
        """The one that options ask for, if they do.

        Args:
            options: Which elements come.
            wanted: Which data sets come, for the filter behind the parser too.
        """
        top = selection(options.include, options.exclude)
        return None if top.is_whole and not wanted.tags else cls(top, wanted if wanted.tags else None)

    def _go_to(self, level: Selection) -> None:
        self._level = level
        caches = self._known.get(level)
        if caches is None:
            caches = self._known.remember(level, (BoundedCache(), BoundedCache()))
        self.wanted, self.unwanted = caches

    def start(self) -> None:
        """Go to a new data set."""
        self._outer = []
        self._go_to(self._top)
        if self._conditions:
            self._conditions.begin()

    def enter_item(self, tag: int) -> None:
        """Go into an item of a sequence."""
        self._outer.append(self._level)
        self._go_to(self._level.inner(tag) or self._level)

    def leave_item(self) -> None:
        """Go to what is around the item."""
        self._go_to(self._outer.pop())

    def has_condition(self, tag: int) -> bool:
        """Whether a condition on the data set is on this element of the innermost data set or item.

        Such an element is never known by its key.
        """
        return not self._outer and tag in self._asked

    def satisfies(self, tag: int, values: Any) -> bool:
        """Whether an element that is asked for is such as is wanted; if not, its data set does not come."""
        return self._conditions is None or self._conditions.foresee(tag, values)

    def skips(self, key: str, tag: int) -> bool:
        """Whether nothing of an element comes; the answer is remembered by its key.

        Args:
            key: One that is a tag and nothing odd, or an empty text.
            tag: Its tag.
        """
        if self.has_condition(tag):
            return False
        skips = self._level.skips(tag)
        if key:
            known = self.unwanted if skips else self.wanted
            known.remember(key, tag)
        return skips
