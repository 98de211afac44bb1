"""Rules for the elements to write, shared by JSON and XML."""

from __future__ import annotations

from functools import lru_cache

from streamdicom.dicom import (
    FILE_META_GROUP,
    MAX_TAG,
    SPECIFIC_CHARACTER_SET,
    is_group_length,
)
from streamdicom.errors import OutputError
from streamdicom.options import WriteOptions

_MAX_CACHED_RULES = 8  # a program uses one or two sets of options


class ElementRules:
    """Decides which elements are written.

    Equal options share one object; see ``element_rules``.

    Args:
        file_meta: Write the elements of group 0002.
        include_retired: Write elements that the data dictionary calls retired.
        utf8_charset: Write Specific Character Set as UTF-8.
    """

    def __init__(self, file_meta: bool, include_retired: bool, utf8_charset: bool) -> None:
        self._file_meta = file_meta
        self._include_retired = include_retired
        self._utf8_charset = utf8_charset

    def is_written(self, tag: int) -> bool:
        """Return whether an element is written.

        Raises:
            OutputError: The tag does not fit into 32 bits.
        """
        if not 0 <= tag <= MAX_TAG:
            raise OutputError("expected a tag of 32 bits")
        # PS3.18 F.2.2: group length is prohibited. Annex F does not mention group 0002.
        if is_group_length(tag) or (tag >> 16 == FILE_META_GROUP and not self._file_meta):
            return False
        return self._include_retired or not _is_retired(tag)

    def sets_character_set(self, tag: int) -> bool:
        """Return whether the value of this element is replaced by the term for UTF-8."""
        return self._utf8_charset and tag == SPECIFIC_CHARACTER_SET


_cached_rules = lru_cache(maxsize=_MAX_CACHED_RULES)(ElementRules)


def element_rules(options: WriteOptions) -> ElementRules:
    """Return the rules for these options."""
    return _cached_rules(options.file_meta, options.include_retired, options.character_set == "utf-8")


def _is_retired(tag: int) -> bool:
    from pydicom.datadict import dictionary_is_retired

    try:
        return dictionary_is_retired(tag)
    except KeyError:
        return False
