"""JSON keys of Data Elements: tags, tags in other forms, and keywords."""

from __future__ import annotations

from streamdicom._cache import BoundedCache
from streamdicom.dicom import (
    DELIMITER_GROUP,
    FILE_META_GROUP,
    is_group_length,
    parse_tag,
    parse_tag_in_any_form,
    tag_for_keyword_key,
)
from streamdicom.formats.json.deviation_policy import JsonDeviationPolicy
from streamdicom.formats.json.habits import KEY_FORM

KEYS: BoundedCache[str, int] = BoundedCache()
"""Cache of keys in standard form, shared by all parsers.

It lacks group lengths, delimiters and File Meta Information.
"""

_NOT_CACHED = (FILE_META_GROUP, DELIMITER_GROUP)


def tag_of(text: str, policy: JsonDeviationPolicy) -> int | None:
    """Parse a JSON key into a tag, or return None.

    Raises:
        DicomJsonError: The policy rejects the form of the key.
    """
    try:
        tag = parse_tag(text)
    except ValueError:
        return _tag_in_other_form(text, policy)
    if not is_group_length(tag) and tag >> 16 not in _NOT_CACHED:
        KEYS.remember(text, tag)
    return tag


def _tag_in_other_form(text: str, policy: JsonDeviationPolicy) -> int | None:
    try:
        tag = parse_tag_in_any_form(text)
    except ValueError:
        known = tag_for_keyword_key(text)
        if known is not None:
            policy.report("keyword-key", "expected a tag for a key, found a keyword")
        return known
    policy.report(*KEY_FORM)
    return tag


def may_be_key(text: str) -> bool:
    """True if a name is a tag in any form, or a keyword."""
    try:
        parse_tag_in_any_form(text)
    except ValueError:
        return tag_for_keyword_key(text) is not None
    return True
