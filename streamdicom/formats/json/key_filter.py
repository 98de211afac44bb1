"""Attributes and rests of data sets that the parser skips without parsing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from streamdicom._cache import BoundedCache
from streamdicom._typing import Any, Self
from streamdicom.formats.levels import Answer, Levels
from streamdicom.options import ReadOptions
from streamdicom.patterns import DatasetConditions, Selection, selection

_MAX_LEVELS = 256


class KeyFilter:
    """Decide by their keys which elements of a data set or item are skipped.

    An attribute that is not skipped may still be unwanted because of its VR, or because it is not a sequence, which
    the filter ``select`` checks.

    Args:
        top: The selection of elements in a data set.
        conditions: The conditions on data sets. An element with a condition is never skipped; the rest of the data set
            may be, once the condition fails.

    Attributes:
        is_used: True if a parser uses the filter.
        tags: Cache of the tags of keys at this level: the tag of a wanted element, and ``~tag`` of an unwanted one.

    >>> keys = KeyFilter(selection(include=["PatientName"]))
    >>> keys.skips("00100020", 0x00100020), keys.skips("00100010", 0x00100010), keys.tags
    (True, False, {'00100020': -1048609, '00100010': 1048592})
    """

    def __init__(self, top: Selection, conditions: DatasetConditions | None = None) -> None:
        self._top = top
        self._conditions = conditions
        self._condition_tags = conditions.tags if conditions else frozenset()
        self._is_exact = top.is_flat and not any(map(top.skips, self._condition_tags))
        self.is_used = False
        self._outer: list[Selection] = []
        self._caches: BoundedCache[Selection, BoundedCache[str, int]] = BoundedCache(_MAX_LEVELS)
        self._go_to(top)

    @classmethod
    def of(cls, options: ReadOptions, conditions: DatasetConditions) -> Self | None:
        """Return the filter for these options, or None if nothing can be skipped."""
        top = selection(options.include, options.exclude)
        return None if top.is_whole and not conditions.tags else cls(top, conditions if conditions.tags else None)

    def _go_to(self, level: Selection) -> None:
        self._level = level
        tags = self._caches.get(level)
        self.tags = self._caches.remember(level, BoundedCache()) if tags is None else tags

    def start(self) -> None:
        """Start a data set."""
        self._outer = []
        self._go_to(self._top)
        if self._conditions:
            self._conditions.begin()

    def enter_item(self, tag: int) -> None:
        """Start an item of the sequence with this tag."""
        self._outer.append(self._level)
        self._go_to(self._level.inner(tag) or self._level)

    def leave_item(self) -> None:
        """End an item."""
        self._go_to(self._outer.pop())

    def resume(self, datasets: int, path: Iterable[int]) -> None:
        """Go on after text that the compiled engine has read.

        Args:
            datasets: The number of data sets that started in the text.
            path: The tags of the sequences with an open item, outermost first.
        """
        if self._conditions:
            for _ in range(datasets):
                self._conditions.begin()
        self._outer = []
        self._go_to(self._top)
        for tag in path:
            self.enter_item(tag)

    def for_engine(self, new: Callable[[Callable[[int, int], Answer | None]], Any]) -> Any:
        """Return the same filter for the compiled engine.

        Args:
            new: Makes it from a function that decides about a tag at a level, which is 0 for a data set.
        """
        return _for_engine(new, self._top, self._condition_tags)

    def has_selected(self) -> bool:
        """Return True if the parser makes events of the selected elements only."""
        return self.is_used and self._is_exact

    def has_condition(self, tag: int) -> bool:
        """Return True if the data set has a condition on this element.

        The keys of such elements are not cached.
        """
        return not self._outer and tag in self._condition_tags

    def satisfies(self, tag: int, values: Any) -> bool:
        """Return True if the element satisfies its condition, or drop the data set."""
        return self._conditions is None or self._conditions.foresee(tag, values)

    def skips(self, key: str, tag: int) -> bool:
        """Return True if an element is unwanted, with all that is in it.

        Args:
            key: A key in the standard form, by which the answer is remembered, or an empty string.
            tag: The tag of the element.
        """
        if self.has_condition(tag):
            return False
        skips = self._level.skips(tag)
        if key and tag not in self._condition_tags:  # a data set may share the cache with its items
            self.tags.remember(key, ~tag if skips else tag)
        return skips


@lru_cache(maxsize=16)  # the answers are useful for the next file
def _for_engine(
    new: Callable[[Callable[[int, int], Answer | None]], Any], top: Selection, condition_tags: frozenset[int]
) -> Any:
    return new(Levels(top, condition_tags).answer)
