"""Rules for the elements to write, shared by all writers.

Every writer refuses elements that no reader could return: a tag that delimits items, a delimiter within a value. The
fast functions of a format recognize values that need no check, and leave the rest to the functions here.
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite

from streamdicom._dictionary import entry_of
from streamdicom._typing import Any
from streamdicom.dicom import (
    DELIMITER_GROUP,
    FILE_META_GROUP,
    MAX_TAG,
    SPECIFIC_CHARACTER_SET,
    VRS,
    Form,
    is_group_length,
    is_single,
)
from streamdicom.errors import OutputError
from streamdicom.options import WriteOptions

_MAX_CACHED_RULES = 8  # a program uses one or two sets of options

SEPARATED_VRS = frozenset(
    vr for vr, row in VRS.items() if row.form is Form.PERSON_NAME or (row.multiple and not row.code)
)
"""The VRs whose values a backslash separates (PS3.5 6.4)."""

ONE_VALUE_VRS = frozenset(vr for vr, row in VRS.items() if row.form is Form.TEXT and not row.multiple)
"""The VRs of text that have one value, in which a backslash is text (PS3.5 6.2)."""


class UnwritableTextError(OutputError):
    """A text with a character that XML 1.0 cannot represent."""


def check_tag(tag: int) -> None:
    """Check that a tag can be one of a data element.

    Raises:
        OutputError: The tag does not fit into 32 bits, or delimits items.
    """
    if not 0 <= tag <= MAX_TAG:
        raise OutputError("expected a tag of 32 bits, found another number")
    if tag >> 16 == DELIMITER_GROUP:
        raise OutputError("expected the tag of an element, found one of group FFFE, which delimits items (PS3.5 7.5)")


ROUNDED = "expected a number that 32 bits hold for VR FL, found one of more digits, which is rounded"


def are_rounded(numbers: tuple[float, ...]) -> bool:
    """Return whether FL holds one of the numbers with fewer decimal digits only.

    >>> are_rounded((0.1, float("inf"))), are_rounded((16777217.0,))
    (False, True)
    """
    return any(isfinite(number) and not is_single(number) for number in numbers)


def check_text(text: str) -> None:
    """Check one value of a VR whose values a backslash separates.

    Raises:
        OutputError: The text would be read as several values.
    """
    if "\\" in text:
        raise separator_error()


def check_name(groups: tuple[str, str, str]) -> None:
    """Check the component groups of a person name.

    The third one may hold further groups, as in a file that has too many.

    Raises:
        OutputError: The name would be read with other groups, or as several names.
    """
    alphabetic, ideographic, phonetic = groups
    if "=" in alphabetic or "=" in ideographic:
        raise OutputError("expected a component group, found '=', which separates component groups (PS3.5 6.2.1.1)")
    if "\\" in alphabetic or "\\" in ideographic or "\\" in phonetic:
        raise separator_error()
    if "=" in phonetic and phonetic.rstrip("\0 ").endswith("="):
        raise OutputError("expected a component group, found '=' at its end, which readers of files strip")


def check_values(vr: str, values: tuple[Any, ...]) -> None:
    """Check the values of an element that has text or person names.

    Raises:
        OutputError: A value would be read as another one.
    """
    check_count(vr, len(values))
    if vr in SEPARATED_VRS:
        check = check_name if VRS[vr].form is Form.PERSON_NAME else check_text
        for value in values:
            if value:
                check(value)


def check_count(vr: str, count: int) -> None:
    """Check the number of values of an element.

    Raises:
        OutputError: There are several, which would be read as one.
    """
    if count > 1 and vr in ONE_VALUE_VRS:
        raise OutputError(f"expected one value for VR {vr} (PS3.5 6.2), found {count}")


def separator_error() -> OutputError:
    """Return the error for a value that would be read as several ones."""
    return OutputError("expected one value, found a backslash, which separates values (PS3.5 6.4)")


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
            OutputError: The tag does not fit into 32 bits, or delimits items.
        """
        check_tag(tag)
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
    entry = entry_of(tag)
    return entry is not None and "retired" in entry.retired.lower()
