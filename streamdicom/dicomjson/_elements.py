"""The elements of a data set or an item by their keys: which tag a key is, and whether it has come before."""

from __future__ import annotations

from bisect import bisect_left

from streamdicom.dicomjson._dialect import Dialect
from streamdicom.tags import FILE_META_GROUP, is_group_length, parse_tag, parse_tag_in_any_form, tag_for_keyword_key

__all__ = ["KEYS", "Elements", "may_be_key", "tag_of"]

_MOST_KEYS = 16 * 1024  # that are known by heart; an archive uses some thousands
_MOST_SEEN = 4096  # elements of a data set that one which comes again is compared with

KEYS: dict[str, int] = {}
"""The keys of elements that have nothing odd about them, as they were met; the same for every parser."""

_NO_TAGS: set[int] = set()  # stands for the sets of data sets whose tags ascend, and is never filled


class Elements:
    """What has come of a data set or an item.

    Attributes:
        last: Its highest tag so far.
        seen: Those that were above all before them; the innermost loop adds to them.

    >>> elements = Elements()
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


def tag_of(text: str, dialect: Dialect) -> int | None:
    """The tag that a key is; None if it is none.

    Raises:
        DicomJsonError: It has a form that is an error.
    """
    try:
        tag = parse_tag(text)
    except ValueError:
        return _tag_in_other_form(text, dialect)
    if not is_group_length(tag) and tag >> 16 != FILE_META_GROUP:
        if len(KEYS) >= _MOST_KEYS:
            KEYS.clear()
        KEYS[text] = tag
    return tag


def _tag_in_other_form(text: str, dialect: Dialect) -> int | None:
    try:
        tag = parse_tag_in_any_form(text)
    except ValueError:
        known = tag_for_keyword_key(text)
        if known is not None:
            dialect.deviate("keyword-key", "a keyword for a key")
        return known
    dialect.deviate("key-form", "a key that is not a tag of eight upper-case hexadecimal digits")
    return tag


def may_be_key(text: str) -> bool:
    """Whether a name is a tag, in whatever form, or a keyword."""
    try:
        parse_tag_in_any_form(text)
    except ValueError:
        return tag_for_keyword_key(text) is not None
    return True
