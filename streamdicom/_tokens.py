"""Tokens, of which only hashes are kept.

Tokens must be random, so a fast hash suffices: nobody can guess 256 bits, however fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256

READ, WRITE = "read", "write"

_LINE = re.compile(rf"({READ}|{WRITE})\s+([0-9A-Fa-f]{{64}})(?:\s.*)?")


def parse_tokens(lines: Iterable[str]) -> dict[str, str]:
    """Parse lines such as ``read 9f86d0... a comment`` into the access of each hash.

    Args:
        lines: ``read`` or ``write``, the SHA-256 of a token in hexadecimal digits, and any comment. Empty lines and
            lines that start with ``#`` are ignored.

    Raises:
        ValueError: A line has another form.

    >>> parse_tokens(["# viewers", "read " + "0a" * 32]) == {"0a" * 32: "read"}
    True
    """
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"expected read or write and a SHA-256 in line {number} of the tokens")
        found[match[2].lower()] = match[1]
    return found


def access_of(token: bytes, known: Mapping[str, str]) -> str | None:
    """Return the access of a token by its SHA-256, or None."""
    return known.get(sha256(token).hexdigest()) if token else None
