"""Attribute matching (PS3.4 C.2.2.2): a key as a predicate of values.

The standard leaves some choices to the implementation:

- An empty key, and a key of asterisks only, matches everything, for any VR.
- Surrounding spaces are ignored. Case matters, except in person names.
- A person name matches if any component group does. If the key has groups, separated by ``=``, each non-empty group
  must match its own. Trailing carets are ignored.
- IS, DS, US and UL are compared as numbers.
- An imprecise date or time in a key is a range: 10:15 ends with the last second of its minute. An imprecise value is
  its first moment. A date-time without an offset is UTC.
- An attribute with several values matches if any value does.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

from streamdicom.dicom import is_uid

Matcher: TypeAlias = Callable[[str | None], bool]
"""Return whether an attribute matches, given its values separated by backslashes, or None for no value."""

_Test: TypeAlias = Callable[[str], bool]

_MAX_KEY_LENGTH = 1024  # characters, 16 times the longest value of the matched VRs
_MAX_VALUES = 1024  # of a list of UIDs, or of a key

_WILD = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))  # PS3.4 C.2.2.2.4
_SINGLE_VALUED = frozenset(("LT", "ST", "UR", "UT"))  # a backslash is an ordinary character (PS3.5 6.2)
_NUMBERS = frozenset(("IS", "DS", "US", "UL"))
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_EMPTY = '""'


def column_text(vr: str, values: tuple[object, ...]) -> str | None:
    r"""Join the values of an attribute for a matcher, or return None.

    >>> column_text("TM", ("10:15",)), column_text("PN", (("Doe^Jane", "", ""),)), column_text("CS", ("A ", "B"))
    ('1015', 'Doe^Jane', 'A\\B')
    """
    return "\\".join(_value_text(vr, value) for value in values) or None


def _value_text(vr: str, value: object) -> str:
    if vr == "PN" and isinstance(value, tuple):
        return "=".join(group.strip(" ^") for group in value).rstrip("=")
    text = "" if value is None else str(value).strip(" ")
    # PS3.5 6.2 recommends to accept the forms of ACR-NEMA.
    return text.replace(":", "") if vr == "TM" else text.replace(".", "") if vr == "DA" else text


def is_universal(key: str) -> bool:
    """Return whether a key matches everything, even no value (PS3.4 C.2.2.2.3).

    >>> is_universal("*"), is_universal(" "), is_universal("?")
    (True, True, False)
    """
    return not key.strip(" *")


def uid_list(key: str) -> list[str]:
    r"""Parse a list of UIDs (PS3.4 C.2.2.2.2) separated by commas or backslashes.

    PS3.18 8.3.4.1 has the separators.

    Raises:
        ValueError: The list is invalid or too long.

    >>> uid_list("1.2,1.3\\1.4")
    ['1.2', '1.3', '1.4']
    """
    uids = [uid.strip() for uid in re.split(r"[,\\]", key)]
    if len(uids) > _MAX_VALUES:
        raise ValueError(f"more than {_MAX_VALUES} UIDs")
    if not all(map(is_uid, uids)):
        raise ValueError("expected a UID or a list of UIDs")
    return uids


def matcher(vr: str, key: str, *, empty: bool = False, multiple: bool = False) -> Matcher | None:
    r"""Return the predicate of a key, or None if the key matches everything.

    Args:
        vr: The VR of the attribute, which decides the kind of matching.
        key: The key.
        empty: Whether two quotation marks match an empty attribute (PS3.4 C.2.2.2.7).
        multiple: Whether the key may have several values, all of which must match (PS3.4 C.2.2.2.8).

    Raises:
        ValueError: The key is invalid for the VR, or too long.

    >>> matches = matcher("PN", "doe^*")
    >>> matches("Doe^Jane"), matches("Roe^Jane"), matches(None)
    (True, False, False)
    >>> matcher("DA", "20240101-")("20240229")
    True
    """
    if is_universal(key):
        return None
    if empty and key.strip() == _EMPTY:
        return _is_empty
    if vr == "UI":
        return partial(_matches, vr, (frozenset(uid_list(key)).__contains__,))
    if len(key) > _MAX_KEY_LENGTH:
        raise ValueError(f"more than {_MAX_KEY_LENGTH} characters")
    keys = [key] if vr in _SINGLE_VALUED else key.split("\\")
    if len(keys) > 1 and not multiple:
        raise ValueError("expected one value, found several; set multiplevaluematching=true to match them")
    return partial(_matches, vr, tuple(_test(vr, part.strip()) for part in keys))


def _is_empty(text: str | None) -> bool:
    return not text


def _matches(vr: str, tests: tuple[_Test, ...], text: str | None) -> bool:
    if not text:
        return False
    values = (text,) if vr in _SINGLE_VALUED else text.split("\\")
    return all(any(map(test, values)) for test in tests)


def _test(vr: str, key: str) -> _Test:
    if vr == "PN":
        return _name(key)
    if vr in _PARTS:
        return _range(vr, key)
    if vr in _NUMBERS:
        return partial(_is_number, _number(key))
    return _text(key) if vr in _WILD else key.__eq__


# --- text and names --------------------------------------------------------------------------------------------


def _text(key: str) -> _Test:
    if "*" not in key and "?" not in key:
        return key.__eq__
    first, *others = [_literal(part) for part in re.split(r"\*+", key)]
    if others:
        # Atomic groups never backtrack, so matching is linear in the value for each part.
        first += "".join(f"(?>.*?{part})" for part in others[:-1]) + f".*{others[-1]}"
    return _full(re.compile(first, re.DOTALL))


def _literal(part: str) -> str:
    return re.escape(part).replace(r"\?", ".")


def _full(pattern: re.Pattern[str]) -> _Test:
    return lambda value: pattern.fullmatch(value) is not None


def _name(key: str) -> _Test:
    groups = [_text(group.strip(" ^")) if group.strip() else None for group in key.casefold().split("=")]
    [first, *others] = groups
    if not others and first:
        return lambda value: any(map(first, value.casefold().split("=")))
    return lambda value: _groups_match(groups, value.casefold().split("="))


def _groups_match(tests: list[_Test | None], groups: list[str]) -> bool:
    groups += [""] * (len(tests) - len(groups))
    return all(test is None or test(group) for test, group in zip(tests, groups, strict=False))


# --- numbers ---------------------------------------------------------------------------------------------------


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError("expected a number")
    return float(text)


def _is_number(key: float, value: str) -> bool:
    return bool(_NUMBER.fullmatch(value)) and float(value) == key


# --- dates and times -------------------------------------------------------------------------------------------

_DATE = r"\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?"
# A hyphen before four digits up to 1200 starts an offset, any other a range (PS3.5 6.2, note on DT).
_OFFSET = r"(?:\+(?:0\d|1[0-4])[0-5]\d|-(?:0\d[0-5]\d|1[01][0-5]\d|1200)(?!\d))"
_DATE_TIME = rf"\d{{4}}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])(?:{_TIME})?)?)?(?:{_OFFSET})?"
_FORMS = {"DA": _DATE, "TM": _TIME, "DT": _DATE_TIME}
_SINGLE = {vr: re.compile(form, re.ASCII) for vr, form in _FORMS.items()}
_PARTS = {vr: re.compile(rf"({form})?(?:\s*(-)\s*({form})?)?", re.ASCII) for vr, form in _FORMS.items()}
_DIGITS = re.compile(rf"(\d+)(?:\.(\d+))?({_OFFSET})?", re.ASCII)
_FIRST, _LAST = "00000101000000000000", "99991231235959999999"  # fill imprecise values


def _parts(vr: str, key: str) -> tuple[str, str, str]:
    """Split a range into start, hyphen and end; a single value has no hyphen."""
    found = _PARTS[vr].fullmatch(key)
    if not found or not (found[1] or found[3]):
        raise ValueError(f"expected a value or a range of VR {vr}")
    return found[1] or "", found[2] or "", found[3] or ""


def _range(vr: str, key: str) -> _Test:
    start, hyphen, end = _parts(vr, key)
    least = _moment(vr, start, _FIRST) if start else None
    most = _moment(vr, end if hyphen else start, _LAST) if end or not hyphen else None
    if least and most and least > most:
        raise ValueError("the range ends before it starts")
    single = _SINGLE[vr]

    def test(value: str) -> bool:
        if not single.fullmatch(value):
            return False
        moment = _moment(vr, value, _FIRST)
        return (not least or least <= moment) and (not most or moment <= most)

    return test


def _moment(vr: str, text: str, rest: str) -> str:
    """Return a value as 20 comparable digits, filled from ``rest``."""
    if vr == "DA":
        return text
    found = _DIGITS.fullmatch(text)
    assert found
    fraction, offset = found[2] or "", found[3]
    digits = (_FIRST[:8] if vr == "TM" else "") + found[1] + fraction
    digits += rest[len(digits) :]
    return _in_utc(digits, offset) if offset else digits


def _in_utc(digits: str, offset: str) -> str:
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    try:
        year, month, day, hour, minute = int(digits[:4]), *(int(digits[at : at + 2]) for at in range(4, 12, 2))
        day = min(day, monthrange(year, month)[1])  # an imprecise date has been filled with day 31
        moment = datetime(year, month, day, hour, minute, tzinfo=UTC) - (-shift if offset[0] == "-" else shift)
    except (ValueError, OverflowError):  # the years 0 and 9999
        return digits
    return f"{moment.year:04}{moment:%m%d%H%M}{digits[12:]}"


def combined_range(date: str, time: str) -> str | None:
    """Combine ranges of a date and a time into a key of VR DT, or return None.

    PS3.4 C.2.2.2.5.

    Raises:
        ValueError: A key is invalid for its VR.

    >>> combined_range("20060705-20060707", "1000-1800")
    '200607051000-200607071800'
    >>> combined_range("20060705", "1000-1800")
    """
    dates, times = _parts("DA", date.strip()), _parts("TM", time.strip())
    if not dates[1] or [not part for part in dates] != [not part for part in times]:
        return None
    return f"{dates[0]}{times[0]}-{dates[2]}{times[2]}"
