"""Values as texts of bounded length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamdicom.dicom import join_name

MAX_VALUES = 64  # of an element that are shown
MAX_TEXT = 256  # characters of them


def text_of(value: Any) -> str:
    """Return a value as text, as it stands in a DICOM file.

    >>> text_of(("Yamada^Tarou", "", "")), text_of(None), text_of(b"ab")
    ('Yamada^Tarou', '', '2 bytes')
    """
    if value is None:
        return ""
    if isinstance(value, tuple):
        return join_name(value)
    if isinstance(value, bytes):
        return f"{len(value):,} byte{'' if len(value) == 1 else 's'}"
    return str(value)


def texts_of(values: Sequence[Any], vr: str = "") -> str:
    r"""Return the start of the values of an element, separated by backslashes.

    >>> texts_of(("a", "b")), texts_of((0x00100010,), "AT")
    ('a\\b', '00100010')
    """
    shown = values[:MAX_VALUES]
    if vr == "AT":
        shown = [f"{value:08X}" if isinstance(value, int) else value for value in shown]
    text = "\\".join(map(text_of, shown))
    return f"{text[:MAX_TEXT]}…" if len(text) > MAX_TEXT or len(values) > MAX_VALUES else text
