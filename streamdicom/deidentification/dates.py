"""Shift dates by whole days."""

from __future__ import annotations

import re
from datetime import date, timedelta

_DATE = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_DATE_TIME = re.compile(
    r"([0-9]{4})([0-9]{2})?([0-9]{2})?"
    r"([0-9]{2}(?:[0-9]{2}(?:[0-9]{2}(?:\.[0-9]{1,6})?)?)?)?([+-][0-9]{4})?",
)
_TIME = re.compile(r"[0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:\.[0-9]{1,6})?)?)?")
_MIDDLE_MONTH, _MIDDLE_DAY = 7, 1  # of a year
_MIDDLE_OF_MONTH = 15


def shifted(vr: str, text: str, days: int) -> str | None:
    """Return a date or time shifted by some days; None for text that is neither.

    A time stays as it is. A date without a day is shifted from the middle of its month, and one without a month from
    the middle of its year. The offset from UTC of a date and time is left out, because it reveals the region.

    Args:
        vr: DA, TM or DT.
        text: The value.
        days: The number of days.

    >>> shifted("DA", "20260131", -31), shifted("DT", "20260131093000.5+0100", 1), shifted("DT", "2026", -400)
    ('20251231', '20260201093000.5', '2025')
    >>> shifted("TM", "0930", -31), shifted("DA", "January", -31)
    ('0930', None)
    """
    text = text.strip("\0 ")
    if vr == "TM":
        return text if _TIME.fullmatch(text) else None
    match = (_DATE if vr == "DA" else _DATE_TIME).fullmatch(text)
    if match is None:
        return None
    year, month, day, *others = match.groups()
    if day is None and others[0]:
        return None
    try:
        whole = date(int(year), int(month or _MIDDLE_MONTH), int(day or (_MIDDLE_OF_MONTH if month else _MIDDLE_DAY)))
        moved = whole + timedelta(days)
    except (ValueError, OverflowError):  # no such day
        return None
    parts = f"{moved.year:04}", f"{moved.month:02}" if month else "", f"{moved.day:02}" if day else ""
    return "".join(parts) + ((others[0] or "") if others else "")
