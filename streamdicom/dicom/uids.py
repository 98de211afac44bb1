"""Syntax of UIDs (PS3.5 9.1)."""

from __future__ import annotations

from streamdicom._late import late_pattern

_MAX_LENGTH = 64  # characters
_UID = late_pattern(r"[0-9]+(?:\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """Return True for a UID.

    Its components may have leading zeros, as some systems write them.

    >>> is_uid("1.2.840.10008.1.2"), is_uid("1..2"), is_uid("../1")
    (True, False, False)
    """
    return len(text) <= _MAX_LENGTH and _UID.fullmatch(text) is not None
