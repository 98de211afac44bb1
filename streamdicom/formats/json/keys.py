"""The keys of elements: which tag a key is."""

from __future__ import annotations

from streamdicom.dicom import (
    FILE_META_GROUP,
    is_group_length,
    parse_tag,
    parse_tag_in_any_form,
    tag_for_keyword_key,
)
from streamdicom.formats.json.deviation_policy import DeviationPolicy

_MOST_KEYS = 16 * 1024  # that are known by heart; an archive uses some thousands

KEYS: dict[str, int] = {}
"""The keys of elements that have nothing odd about them, as they were met; the same for every parser."""


def tag_of(text: str, policy: DeviationPolicy) -> int | None:
    """The tag that a key is; None if it is none.

    Raises:
        DicomJsonError: It has a form that is an error.
    """
    try:
        tag = parse_tag(text)
    except ValueError:
        return _tag_in_other_form(text, policy)
    if not is_group_length(tag) and tag >> 16 != FILE_META_GROUP:
        if len(KEYS) >= _MOST_KEYS:
            KEYS.clear()
        KEYS[text] = tag
    return tag


def _tag_in_other_form(text: str, policy: DeviationPolicy) -> int | None:
    try:
        tag = parse_tag_in_any_form(text)
    except ValueError:
        known = tag_for_keyword_key(text)
        if known is not None:
            policy.report("keyword-key", "a keyword for a key")
        return known
    policy.report("key-form", "a key that is not a tag of eight upper-case hexadecimal digits")
    return tag


def may_be_key(text: str) -> bool:
    """Whether a name is a tag, in whatever form, or a keyword."""
    try:
        parse_tag_in_any_form(text)
    except ValueError:
        return tag_for_keyword_key(text) is not None
    return True
