"""The selections of elements for the compiled engine, which knows them by numbers."""

from __future__ import annotations

from _thread import allocate_lock  # threading takes a while to import
from collections.abc import Set as AbstractSet

from streamdicom._typing import TypeAlias
from streamdicom.patterns import Selection

_MAX_LEVELS = 256
_WHOLE = -1  # the level at which everything is wanted

Answer: TypeAlias = tuple[bool, bool, int]
"""Whether elements with a tag are unwanted at a level, whether they have a condition, and the level of their items."""


class Levels:
    """The selections of a data set, which is level 0, and of items.

    Args:
        top: The selection of a data set.
        condition_tags: The tags with a condition on the data set.

    >>> from streamdicom.patterns import selection
    >>> levels = Levels(selection(include=["ReferencedImageSequence.ReferencedSOPInstanceUID"]), frozenset())
    >>> levels.answer(0, 0x00100010), levels.answer(0, 0x00081140, "SQ"), levels.answer(1, 0x00081155, "UI")
    ((True, False, 0), (False, False, 1), (False, False, -1))
    """

    def __init__(self, top: Selection, condition_tags: AbstractSet[int]) -> None:
        self._condition_tags = condition_tags
        self._levels = [top]
        self._numbers = {top: 0}
        self._lock = allocate_lock()  # parsers in several threads may share the numbers

    def answer(self, number: int, tag: int, vr: str = "") -> Answer | None:
        """Decide about a tag at a level.

        Args:
            number: The number of the level.
            tag: The tag.
            vr: The VR; if it is empty, elements are unwanted that are so for every VR.

        Returns:
            None if the number of that level, or of the items of a sequence, is not known.
        """
        if number >= len(self._levels):
            return None
        level = self._levels[number]
        inner = level.inner(tag)
        if not vr:
            is_unwanted = level.skips(tag)
        elif vr == "SQ":
            is_unwanted = inner is None
        else:
            is_unwanted = not level.includes(tag, vr)
        found = self._number_of(inner or level)
        return None if found is None else (is_unwanted, tag in self._condition_tags, found)

    def _number_of(self, level: Selection) -> int | None:
        if level.is_whole:
            return _WHOLE
        with self._lock:
            number = self._numbers.get(level)
            if number is None and len(self._levels) < _MAX_LEVELS:
                number = self._numbers[level] = len(self._levels)
                self._levels.append(level)
        return number
