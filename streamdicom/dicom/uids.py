"""What a UID is."""

from __future__ import annotations

import re

_LONGEST = 64  # characters
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """Whether a text is a UID (PS3.5 9.1), but that a component may have leading zeros, as some have.

    >>> is_uid("1.2.840.10008.1.2"), is_uid("1..2"), is_uid("../1")
    (True, False, False)
    """
    return len(text) <= _LONGEST and _UID.fullmatch(text) is not None
