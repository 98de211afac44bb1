"""Attributes and rests of data sets that the parser skips without parsing them."""

from __future__ import annotations

from typing import Any, Self

from streamdicom._cache import BoundedCache
from streamdicom.options import ReadOptions
from streamdicom.patterns import DatasetConditions, Selection, selection

_MAX_LEVELS = 256

_Known = tuple[BoundedCache[str, int], BoundedCache[str, int]]


class KeyFilter:
    """Decide by their keys which elements of a data set or item are skipped.

    An element that is not skipped may still be dropped by ``select``, for its VR or because it is not a sequence.

    Args:
        top: The selection of elements.
        conditions: Conditions on data sets. Elements with a condition are not skipped. If an element does not satisfy
            its condition, the rest of its data set may be skipped.

    Attributes:
        kept: Tags by key, for elements of the current level that are known to be kept.
        skipped: Tags by key, for elements that are known to be skipped.

    >>> keys = KeyFilter(selection(include=["PatientName"]))
    >>> keys.skips("00100020", 0x00100020), keys.skipped
    (True, {'00100020': 1048608})
    """

    def __init__(self, top: Selection, conditions: DatasetConditions | None = None) -> None:
        self._top = top
        self._conditions = conditions
        self._condition_tags = conditions.tags if conditions else frozenset()
        self._outer: list[Selection] = []
        self._known: BoundedCache[Selection, _Known] = BoundedCache(_MAX_LEVELS)
        self._go_to(top)

    @classmethod
    def of(cls, options: ReadOptions, conditions: DatasetConditions) -> Self | None:
        """Create a filter from options, or return None if nothing can be skipped.

        Args:
            options: ``include`` and ``exclude`` select the elements.
            conditions: Shared with the filter of data sets after the parser.
        """
        top = selection(options.include, options.exclude)
        return None if top.is_whole and not conditions.tags else cls(top, conditions if conditions.tags else None)

    def _go_to(self, level: Selection) -> None:
        self._level = level
        caches = self._known.get(level)
        if caches is None:
            caches = self._known.remember(level, (BoundedCache(), BoundedCache()))
        self.kept, self.skipped = caches

    def start(self) -> None:
        """Start a data set."""
        self._outer = []
        self._go_to(self._top)
        if self._conditions:
            self._conditions.begin()

    def enter_item(self, tag: int) -> None:
        """Enter an item of a sequence."""
        self._outer.append(self._level)
        self._go_to(self._level.inner(tag) or self._level)

    def leave_item(self) -> None:
        """Return to the enclosing data set or item."""
        self._go_to(self._outer.pop())

    def has_condition(self, tag: int) -> bool:
        """True if the current data set has a condition on this element.

        The keys of such elements are not cached.
        """
        return not self._outer and tag in self._condition_tags

    def satisfies(self, tag: int, values: Any) -> bool:
        """True if the element satisfies its condition. Otherwise its data set is dropped."""
        return self._conditions is None or self._conditions.foresee(tag, values)

    def skips(self, key: str, tag: int) -> bool:
        """True if an element is skipped.

        Args:
            key: Key in standard form, under which the answer is cached, or an empty string.
            tag: Tag of the element.
        """
        if self.has_condition(tag):
            return False
        skips = self._level.skips(tag)
        if key:
            known = self.skipped if skips else self.kept
            known.remember(key, tag)
        return skips
