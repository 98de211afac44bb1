"""Syntax of UIDs (PS3.5 9.1)."""

from __future__ import annotations

_MAX_LENGTH = 64  # characters


def is_uid(text: str) -> bool:
    """Return True for a UID.

    Its components may have leading zeros, as some systems write them.

    >>> is_uid("1.2.840.10008.1.2"), is_uid("1..2"), is_uid("../1")
    (True, False, False)
    """
    return len(text) <= _MAX_LENGTH and text.isascii() and all(map(str.isdigit, text.split(".")))
