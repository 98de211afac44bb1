"""Dates and times in ISO 8601, or as objects of ``datetime``."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone

from streamdicom._typing import Any
from streamdicom.converters.registry import UNSEEN, Converter, Element

_MONTH, _DAY = "(0[1-9]|1[0-2])", "(0[1-9]|[12][0-9]|3[01])"
_HOUR, _MINUTE, _SECOND = "([01][0-9]|2[0-3])", "([0-5][0-9])", r"([0-5][0-9]|60)(\.[0-9]{1,6})?"
_OFFSET_HOURS = "([+-])(0[0-9]|1[0-4])"

# PS3.5 6.2. Other values stay as they are: queries have ranges and wildcards.
_DICOM = {
    "DA": re.compile(f"([0-9]{{4}}){_MONTH}{_DAY}"),
    "TM": re.compile(f"{_HOUR}{_MINUTE}(?:{_SECOND})?"),
    "DT": re.compile(
        f"([0-9]{{4}})(?:{_MONTH}(?:{_DAY}(?:{_HOUR}(?:{_MINUTE}(?:{_SECOND})?)?(?:{_OFFSET_HOURS}{_MINUTE})?)?)?)?",
    ),
}
_ISO = {
    "DA": re.compile(f"([0-9]{{4}})-{_MONTH}-{_DAY}"),
    "TM": re.compile(f"{_HOUR}:{_MINUTE}(?::{_SECOND})?"),
    "DT": re.compile(
        f"([0-9]{{4}})(?:-{_MONTH}(?:-{_DAY}(?:T{_HOUR}(?::{_MINUTE}(?::{_SECOND})?)?(?:{_OFFSET_HOURS}:{_MINUTE})?)?)?)?",
    ),
}
# Separators before each group in ISO 8601.
_SEPARATORS = {"DA": ("", "-", "-"), "TM": ("", ":", ":", ""), "DT": ("", "-", "-", "T", ":", ":", "", "", "", ":")}


class IsoDates(Converter):
    """Write dates and times in ISO 8601, and read them back.

    20260131093000.5+0100 becomes 2026-01-31T09:30:00.5+01:00. The precision is kept: 202601 becomes 2026-01. Values
    without a form in ISO 8601 stay as they are: an hour alone, a date with an offset but no time, a range, other text.

    >>> IsoDates().write(Element(0x00080020, "DA", ("20260131",))).values
    ('2026-01-31',)
    >>> IsoDates().read(Element(0x0008002A, "DT", ("2026-01-31T09:30-05:00", "2025-2026"))).values
    ('202601310930-0500', '2025-2026')
    """

    keys = ("DA", "TM", "DT")

    def write(self, element: Element) -> Element:
        """Return the element with its values in ISO 8601."""
        return _each(element, _to_iso)

    def read(self, element: Element) -> Element:
        """Return the element with its values in the form of PS3.5."""
        return _each(element, _from_iso)


class DatetimeObjects(Converter):
    """Read dates and times as ``datetime`` objects, and write them as text.

    DA becomes ``datetime.date``, TM ``datetime.time``, and DT ``datetime.datetime``. A value less precise than a second
    (a day, for DA), with a second of 60, or that is not a date stays text. Fractions of a second are written without
    trailing zeros.

    >>> DatetimeObjects().read(Element(0x00080020, "DA", ("20260131",))).values
    (datetime.date(2026, 1, 31),)
    >>> DatetimeObjects().write(Element(0x00080030, "TM", (time(9, 30, 0, 500000), "0930"))).values
    ('093000.5', '0930')
    """

    keys = ("DA", "TM", "DT")

    def read(self, element: Element) -> Element:
        """Return the element with its values as objects."""
        return _each(element, _to_object)

    def write(self, element: Element) -> Element:
        """Return the element with its values as text."""
        return _each(element, _from_object)


def dicom_text(value: date | time) -> str:
    """Return a date, a time, or a date and time as text (PS3.5 6.2).

    Raises:
        TypeError: The value is of another type.

    >>> dicom_text(datetime(2026, 1, 31, 9, 30, tzinfo=timezone.utc))
    '20260131093000+0000'
    """
    if not isinstance(value, date | time):
        raise TypeError(f"expected a date or a time, found {type(value).__name__}")
    text = f"{value.year:04}{value.month:02}{value.day:02}" if isinstance(value, date) else ""
    if isinstance(value, time | datetime):
        text += f"{value.hour:02}{value.minute:02}{value.second:02}"
        if value.microsecond:
            text += f".{value.microsecond:06}".rstrip("0")
    if isinstance(value, datetime):
        text += value.strftime("%z")[:5]
    return text


def _each(element: Element, change: Any) -> Element:
    if element.values == UNSEEN:
        return element
    values = [change(element.vr, value) for value in element.values]
    return element._replace(values=tuple(values))


def _to_iso(vr: str, value: Any) -> Any:
    match = _DICOM[vr].fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    groups = zip(_SEPARATORS[vr], match.groups(), strict=True)
    return "".join([separator + text for separator, text in groups if text])


def _from_iso(vr: str, value: Any) -> Any:
    match = _ISO[vr].fullmatch(value) if isinstance(value, str) else None
    return value if match is None else "".join(filter(None, match.groups()))


def _to_object(vr: str, value: Any) -> Any:
    match = _DICOM[vr].fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    groups = match.groups()
    try:
        if vr == "DA":
            return date(*map(int, groups))
        return _time(groups) if vr == "TM" else _datetime(groups)
    except (ValueError, TypeError):  # the 31st of April, or a missing part
        return value


def _time(groups: Any) -> time:
    hour, minute, second, fraction = groups
    return time(int(hour), int(minute), int(second), int((fraction or ".")[1:].ljust(6, "0")))


def _datetime(groups: Any) -> datetime:
    *day, hour, minute, second, fraction, sign, hours, minutes = groups
    offset = None
    if sign:
        offset = timezone(timedelta(hours=int(sign + hours), minutes=int(sign + minutes)))
    return datetime.combine(date(*map(int, day)), _time((hour, minute, second, fraction)), offset)


_TYPES = {"DA": date, "TM": time | datetime, "DT": date}
_EXPECTED = {"DA": "date", "TM": "time", "DT": "datetime"}


def _from_object(vr: str, value: Any) -> Any:
    if not isinstance(value, date | time):
        return value
    if not isinstance(value, _TYPES[vr]):
        raise TypeError(f"expected a {_EXPECTED[vr]} for VR {vr}, found a {type(value).__name__}")
    if isinstance(value, datetime) and vr != "DT":
        return dicom_text(value.date() if vr == "DA" else value.time())
    return dicom_text(value)
