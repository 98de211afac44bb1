"""Values as text on one line."""

from __future__ import annotations

from collections.abc import Sequence

from streamdicom._typing import Any
from streamdicom.dicom.person_name import join_name

MAX_WIDTH = 64
"""Characters of a value that are shown if nothing else is asked for."""


def values_text(values: Sequence[Any], width: int = MAX_WIDTH) -> str:
    """Return the values of an element on one line of bounded length.

    >>> values_text((b"abc",)), values_text((1, 2), 1)
    ('[3 bytes]', '1...')
    """
    if len(values) == 1 and isinstance(values[0], bytes):
        return f"[{len(values[0]):,} bytes]"
    shown = values[: width + 2]  # more are cut anyway
    return short("\\".join([value if type(value) is str else value_text(value) for value in shown]), width)


def value_text(value: Any) -> str:
    """Return the text of a value.

    >>> value_text(("Yamada^Tarou", "", "")), value_text(None)
    ('Yamada^Tarou', '')
    """
    if value is None:
        return ""
    if isinstance(value, tuple):
        return join_name(value)
    return str(value)


def short(text: str, width: int = MAX_WIDTH) -> str:
    """Return a text on one line, of bounded length and without control characters.

    >>> short("abcd", 3)
    'abc...'
    """
    return plain_text(text) if len(text) <= width else f"{plain_text(text[:width])}..."


def plain_text(text: str) -> str:
    r"""Return a text on one line, without control characters.

    >>> print(plain_text("a\x1bb"))
    a\x1bb
    """
    if text.isprintable():
        return text
    return "".join([character if character.isprintable() else ascii(character)[1:-1] for character in text])
