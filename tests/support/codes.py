"""Codes of deviations by the check that reports them."""

from __future__ import annotations

FILE_CODES = frozenset(
    {"broken-structure", "escape-sequence", "file-meta-length", "misplaced-end", "misplaced-file-meta"}
    | {"no-character-set", "odd-length", "trailing-padding", "truncated", "undecodable-text", "undefined-length"}
    | {"wrong-encoding"}
)
"""The codes that only DICOM files have; their examples are not JSON."""

VALUE_CODES = frozenset(
    {"character-set", "empty-number", "incomplete-word", "lower-case", "multiplicity", "name-components"}
    | {"name-groups", "not-a-date", "not-a-date-time", "not-a-time", "not-a-uid", "not-an-age", "private-block"}
    | {"native-pixel-data", "private-element", "private-transfer-syntax", "too-long", "unknown-element"}
    | {"unknown-transfer-syntax", "wrong-character", "wrong-vr"}
)
"""The codes that no parser of text reports: a check of values does, as in the command ``validate``."""

MODULE_CODES = frozenset(
    {"empty-attribute", "file-meta-differs", "missing-attribute", "shared-uid", "unknown-sop-class"}
)
"""The codes that only a check of modules reports."""
