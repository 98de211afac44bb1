"""A dict of bounded size, for answers that repeat: tags, keys, headers."""

from __future__ import annotations

from streamdicom._typing import TypeVar

MAX_KNOWN_TAGS = 16 * 1024
"""Entries of a cache with one entry for each tag. An archive uses some thousands; the bound is for hostile input."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class BoundedCache(dict[_Key, _Value]):
    """A dict that empties itself before it would exceed its maximum size.

    Looking up costs the same as in a dict. Entries are added with ``remember`` only, which checks the bound.

    Args:
        max_size: Maximum number of entries.

    >>> cache = BoundedCache(2)
    >>> cache.remember("a", 1)
    1
    >>> cache.remember("b", 2), cache.remember("c", 3)
    (2, 3)
    >>> cache
    {'c': 3}
    """

    __slots__ = ("max_size",)

    def __init__(self, max_size: int = MAX_KNOWN_TAGS) -> None:
        super().__init__()
        self.max_size = max_size

    def remember(self, key: _Key, value: _Value) -> _Value:
        """Add an entry and return its value."""
        if len(self) >= self.max_size:
            self.clear()
        self[key] = value
        return value
