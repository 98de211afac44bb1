"""Rules for values by VR: repertoire, length, form and range (PS3.5 6.2, 9.1).

``VALUE_RULES`` has a predicate for each VR that is as fast as a pattern can make it, and that may be wrong only in one
direction: values for which it is True follow the rules. ``value_faults`` finds the faults of the others.

Values are as in events: text without padding, numbers, person names of three component groups. Rules about bytes
(padding, even lengths) are rules of a file, and not here.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from math import isfinite

from streamdicom._late import late_pattern
from streamdicom._records import NamedTuple
from streamdicom._typing import Any, TypeAlias
from streamdicom.dicom.number_text import INTEGER_RANGES, is_in_range, is_integer_string, whole_number
from streamdicom.dicom.person_name import NAME_GROUPS
from streamdicom.dicom.value_field import MAX_SINGLE, is_single
from streamdicom.dicom.vr import VRS, Form


class Fault(NamedTuple):
    """A rule that a value breaks.

    Attributes:
        code: A key of ``DEVIATIONS``.
        message: The rule and the fault. It never quotes the value.
    """

    code: str
    message: str


Values: TypeAlias = tuple[Any, ...]
Predicate: TypeAlias = Callable[[Values], bool]
GroupPredicate: TypeAlias = Callable[[Sequence[Values]], bool]

# Characters. Decoded text has no escape sequences, so that ESC is a fault everywhere.
_GRAPHIC = r"[ -\[\]-~]"  # the default repertoire without the backslash (PS3.5 6.1.2.1)
_TEXT = r"[^\x00-\x1f\x7f-\x9f\\]"  # any character set, no control characters (PS3.5 6.1.3)
_LONG_TEXT = r"[^\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]"  # with TAB, LF, FF and CR
_URI = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]"  # RFC 3986

_MONTH_AND_DAY = (
    r"(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)|02(?:0[1-9]|1[0-9]|2[0-9]))"
)
_HOUR, _MINUTE, _SECOND = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]", r"(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?"
_DATE = f"[0-9]{{4}}{_MONTH_AND_DAY}"
_TIME = f"{_HOUR}(?:{_MINUTE}(?:{_SECOND})?)?"
_OFFSET = r"(?:\+(?:0[0-9]|1[0-3])[0-5][0-9]|\+1400|-(?!0000)(?:0[0-9]|1[01])[0-5][0-9]|-1200)"
_DATE_TIME = f"[0-9]{{4}}(?:(?:0[1-9]|1[0-2])|{_MONTH_AND_DAY}(?:{_TIME})?)?(?:{_OFFSET})?"

# The first two components as in ISO/IEC 9834-1, which PS3.5 9.1 refers to.
_UID = r"(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]*+))(?![0-9])(?:\.(?:0|[1-9][0-9]*+))*+"

_FORMS: dict[str, tuple[str, str, str]] = {
    "AS": ("not-an-age", "three digits and D, W, M or Y", "[0-9]{3}[DWMY]"),
    "DA": ("not-a-date", "a date YYYYMMDD", _DATE),
    "DS": ("not-a-number", "a decimal number", r" *[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)? *"),
    "DT": ("not-a-date-time", "a date and time YYYYMMDDHHMMSS.FFFFFF&ZZXX", f"{_DATE_TIME} *"),
    "IS": ("not-a-number", "an integer", r" *[+-]?[0-9]++ *"),
    "TM": ("not-a-time", "a time HHMMSS.FFFFFF", f"{_TIME} *"),
    "UI": ("not-a-uid", "a UID of components without leading zeros (PS3.5 9.1)", _UID),
}
"""By VR: the code, the expected form, and its pattern."""

_CHARACTERS: dict[str, str] = {
    "AE": _GRAPHIC,
    "CS": "[A-Z0-9_ ]",
    "LO": _TEXT,
    "LT": _LONG_TEXT,
    "PN": _TEXT,
    "SH": _TEXT,
    "ST": _LONG_TEXT,
    "UC": _TEXT,
    "UR": _URI,
    "UT": _LONG_TEXT,
}
"""By VR, the pattern of a character that is allowed."""

MAX_LENGTHS: dict[str, int] = {
    "AE": 16,
    "AS": 4,
    "CS": 16,
    "DA": 8,
    "DS": 16,
    "DT": 26,
    "IS": 12,
    "LO": 64,
    "LT": 10240,
    "PN": 64,  # of each component group (PS3.5 6.2.1.2)
    "SH": 16,
    "ST": 1024,
    "TM": 14,
    "UI": 64,
}
"""By VR, the characters of a value. In the default repertoire, to which the limits in bytes apply, these are bytes."""

_MAX_SAFE_INTEGER = 9  # digits and a sign that are surely in the range of IS
_MAX_IS_DIGITS = 10  # of the numbers in the range of IS (PS3.5 6.2)
_MAX_COMPONENTS = 5  # of a component group of a person name (PS3.5 6.2.1.2)
_ALLOWED = {vr: late_pattern(f"{characters}*+ *") for vr, characters in _CHARACTERS.items()}  # UR may end in spaces
_LEAP_DAY = "[0-9]{4}0229"
_AT_LEAP_DAY = late_pattern(_LEAP_DAY)
_UPPER_CASE = dict(zip(range(ord("a"), ord("z") + 1), range(ord("A"), ord("Z") + 1), strict=True))
_CLAUSES = {"UI": "PS3.5 9.1", "PN": "PS3.5 6.2.1"}


# --- predicates ------------------------------------------------------------------------------------------------


def _predicate(vr: str) -> Predicate:
    form = VRS[vr].form
    if vr == "PN":
        return _are_right_names
    if form is Form.BINARY:
        word = VRS[vr].word
        return lambda values: len(values) == 1 and not len(values[0]) % word
    if vr in INTEGER_RANGES and form is not Form.DECIMAL:
        return _range_predicate(*INTEGER_RANGES[vr])
    if form in (Form.TEXT, Form.DECIMAL):
        return _text_predicate(vr)
    return _are_singles if vr == "FL" else lambda values: True


def _are_singles(values: Values) -> bool:
    try:
        return array("f", values).tolist() == list(values)
    except (TypeError, OverflowError):
        return False


def _text_pattern(vr: str) -> str:
    if vr in _FORMS:
        pattern = f"(?!.{{{MAX_LENGTHS[vr] + 1}}})(?:{_FORMS[vr][2]})"
        if vr == "IS":
            pattern = f"[+-]?[0-9]{{1,{_MAX_SAFE_INTEGER}}}"
        elif vr in ("DA", "DT"):
            pattern = f"(?!{_LEAP_DAY}){pattern}"  # which needs a look at the year
    else:
        pattern = _CHARACTERS[vr] + (f"{{0,{MAX_LENGTHS[vr]}}}+" if vr in MAX_LENGTHS else "*+ *")
    return pattern


def _text_predicate(vr: str) -> Predicate:
    pattern = late_pattern(_text_pattern(vr))
    if not VRS[vr].multiple:
        return lambda values: (
            not values or (len(values) == 1 and (not values[0] or pattern.fullmatch(values[0]) is not None))
        )

    def are_right(values: Values) -> bool:
        is_right = pattern.fullmatch
        for value in values:  # noqa: SIM110 - a generator takes three times as long
            if value and not is_right(value):
                return False
        return True

    return are_right


def _range_predicate(least: int, most: int) -> Predicate:
    def are_right(values: Values) -> bool:
        if len(values) == 1:
            return values[0] is not None and least <= values[0] <= most
        return not values or (None not in values and least <= min(values) and max(values) <= most)

    return are_right


_RIGHT_GROUP = late_pattern(
    rf"(?=.{{0,{MAX_LENGTHS['PN']}}}\Z)(?:(?![\^=]){_TEXT})*+(?:\^(?:(?![\^=]){_TEXT})*+){{0,{_MAX_COMPONENTS - 1}}}+"
)


def _are_right_names(values: Values) -> bool:
    is_right_group = _RIGHT_GROUP.fullmatch
    for name in values:
        if name:
            for group in name:
                if group and not is_right_group(group):
                    return False
    return True


VALUE_RULES: dict[str, Predicate] = {vr: _predicate(vr) for vr in VRS if vr != "SQ"}
"""By VR, a function that returns True for values that follow the rules of the VR.

It may return False for such values too; ``value_faults`` then finds no fault.

>>> VALUE_RULES["UI"](("1.2.840",)), VALUE_RULES["UI"](("1.02.840",))
(True, False)
"""


def _group_predicate(vr: str) -> GroupPredicate:
    row, is_right = VRS[vr], VALUE_RULES[vr]
    if row.form in (Form.TEXT, Form.DECIMAL) and row.multiple:
        return _text_group_predicate(vr)
    if row.form in (Form.TEXT, Form.BINARY):
        return lambda group: all(map(is_right, group))
    return lambda group: is_right(tuple(chain.from_iterable(group)))


def _text_group_predicate(vr: str) -> GroupPredicate:
    # No value may have a line feed, so that one pattern can match many values.
    right_lines = late_pattern(rf"(?:(?:{_text_pattern(vr)})?\n)*+")

    def predicate(group: Sequence[Values]) -> bool:
        texts = list(chain.from_iterable(group))
        if not texts:
            return True
        try:
            lines = "\n".join(texts)
        except TypeError:  # an empty value is None
            lines = "\n".join([text or "" for text in texts])
        return lines.count("\n") == len(texts) - 1 and right_lines.fullmatch(f"{lines}\n") is not None

    return predicate


GROUP_RULES: dict[str, GroupPredicate] = {vr: _group_predicate(vr) for vr in VALUE_RULES}
"""By VR, a function that returns True if the values of each of several elements follow the rules of the VR.

It takes a fraction of the time of ``VALUE_RULES`` for each. It may return False for right values too.

>>> GROUP_RULES["UI"]([("1.2.840",), ("1.2", "1.3")]), GROUP_RULES["UI"]([("1.2.840",), ("1.02.840",)])
(True, False)
"""


# --- faults ----------------------------------------------------------------------------------------------------


_TEXTS = Form.TEXT, Form.DECIMAL


def value_faults(vr: str, values: Values) -> list[Fault]:
    """Return the faults of the values of an element, each kind once.

    Args:
        vr: Any VR but SQ.
        values: The values, as in events.

    >>> [fault.code for fault in value_faults("CS", ("ct", "MR"))]
    ['lower-case']
    >>> value_faults("TM", ("235960", "", None))
    []
    """
    if VALUE_RULES[vr](values):
        return []
    if len(values) == 1 and isinstance(values[0], str) and VRS[vr].form in _TEXTS:  # the usual case, in half the time
        return _text_faults(vr, values[0])
    found: dict[str, Fault] = {}
    for fault in _faults(vr, values):
        found.setdefault(fault.code, fault)
    return list(found.values())


def segment_faults(vr: str, text: str) -> list[Fault]:
    r"""Return the faults in the characters of a part of a long text.

    >>> [fault.code for fault in segment_faults("LT", "a\0b")]
    ['wrong-character']
    """
    allowed = _ALLOWED.get(vr)
    return [] if allowed is None or allowed.fullmatch(text) else _character_faults(vr, text)


def too_long(vr: str, length: int) -> Fault | None:
    """Return the fault of a text of so many characters, if it is one.

    >>> too_long("ST", 1025).code, too_long("UT", 1025)
    ('too-long', None)
    """
    most = MAX_LENGTHS.get(vr)
    if most is None or length <= most:
        return None
    return Fault("too-long", f"expected at most {most:,} characters for VR {vr} (PS3.5 6.2), found {length:,}")


def _faults(vr: str, values: Values) -> Iterator[Fault]:
    form = VRS[vr].form
    if form is Form.BINARY:
        yield from _binary_faults(vr, values)
        return
    if form is Form.TEXT and not VRS[vr].multiple and len(values) > 1:
        yield Fault("multiplicity", f"expected one value for VR {vr} (PS3.5 6.4), found {len(values):,}")
    if form in _TEXTS:
        texts: Iterable[str] = (value for value in values if value and isinstance(value, str))
        for text in texts:
            yield from _text_faults(vr, text)
    elif form is Form.PERSON_NAME:
        for name in values:
            for title, group in zip(NAME_GROUPS, name or (), strict=False):
                yield from _name_faults(title, group)
    elif vr in INTEGER_RANGES:
        yield from _number_faults(vr, values)
    elif vr == "FL":
        yield from _single_faults(values)


def _binary_faults(vr: str, values: Values) -> Iterator[Fault]:
    word = VRS[vr].word
    if len(values) > 1:
        yield Fault("multiplicity", f"expected one value for VR {vr} (PS3.5 6.4), found {len(values):,}")
    if any(len(value) % word for value in values):
        yield Fault(
            "incomplete-word", f"expected a multiple of {word} bytes for VR {vr} (PS3.5 6.2), found another length"
        )


def _number_faults(vr: str, values: Values) -> Iterator[Fault]:
    least, most = INTEGER_RANGES[vr]
    if not all(value is None or least <= value <= most for value in values):
        yield _out_of_range(vr)
    if None in values:
        yield Fault("empty-number", f"expected a number for each value of VR {vr} (PS3.5 6.2), found an empty value")


def _single_faults(values: Values) -> Iterator[Fault]:
    for value in values:
        if value is None or not isfinite(value) or is_single(value):
            continue
        if abs(value) >= MAX_SINGLE:
            yield _out_of_range("FL")
        else:
            message = "expected a number that 32 bits hold for VR FL (PS3.5 6.2), found one of more digits"
            yield Fault("inexact-number", message)


def _out_of_range(vr: str) -> Fault:
    return Fault("out-of-range", f"expected a number in the range of VR {vr} (PS3.5 6.2), found another one")


def _text_faults(vr: str, text: str) -> list[Fault]:
    found = []
    if text.endswith("\0"):
        found.append(Fault("padding", f"expected a value of VR {vr} without padding, found a NULL at its end"))
        text = text.rstrip("\0")
    if vr in _FORMS:
        fault = _form_fault(vr, text) or too_long(vr, len(text))
    else:
        found += _character_faults(vr, text)
        fault = too_long(vr, len(text))
    if fault:
        found.append(fault)
    return found


def _form_fault(vr: str, text: str) -> Fault | None:
    if vr == "IS" and _is_whole(text):
        message = "expected an integer for VR IS (PS3.5 6.2), found a fraction or an exponent"
        return Fault("integer-fraction", message)
    if not _has_form(vr, text):
        code, expected, _ = _FORMS[vr]
        clause = "" if vr in _CLAUSES else " (PS3.5 6.2)"
        return Fault(code, f"expected {expected} for VR {vr}{clause}, found other text")
    return _out_of_range(vr) if vr == "IS" and not _is_in_is_range(text) else None


def _is_in_is_range(text: str) -> bool:
    """Return whether an integer of any number of digits is in the range of IS."""
    digits = text.strip().lstrip("+-0") or "0"
    return len(digits) <= _MAX_IS_DIGITS and is_in_range("IS", -int(digits) if "-" in text else int(digits))


def _is_whole(text: str) -> bool:
    """Return whether a number that is no IS by its form is an integer."""
    try:
        whole_number(text)
    except (ValueError, ArithmeticError):
        return False
    return not is_integer_string(text)


def _has_form(vr: str, text: str) -> bool:
    if not _VALID_FORM[vr].fullmatch(text):
        return False
    if vr in ("DA", "DT") and _AT_LEAP_DAY.match(text):
        return _is_leap_year(int(text[:4]))
    return True


def _is_leap_year(year: int) -> bool:
    """Return whether a year has a leap day; ``calendar`` takes long to import."""
    return not year % 4 and (bool(year % 100) or not year % 400)


_VALID_FORM = {vr: late_pattern(pattern) for vr, (_, _, pattern) in _FORMS.items()}


def _character_faults(vr: str, text: str) -> list[Fault]:
    if _ALLOWED[vr].fullmatch(text):
        return []
    found = []
    if vr == "CS":
        upper = text.translate(_UPPER_CASE)
        if upper != text:
            found.append(Fault("lower-case", "expected upper case for VR CS (PS3.5 6.2), found a letter in lower case"))
            if _ALLOWED[vr].fullmatch(upper):
                return found
    found.append(Fault("wrong-character", f"expected the characters of VR {vr} (PS3.5 6.1, 6.2), found another one"))
    return found


def _name_faults(title: str, group: str) -> Iterator[Fault]:
    place, clause = f"the {title.lower()} group of a person name", "(PS3.5 6.2.1)"
    if not group or _RIGHT_GROUP.fullmatch(group):
        return
    if group.endswith("\0"):
        yield Fault("padding", "expected a value of VR PN without padding, found a NULL at its end")
        group = group.rstrip("\0")
    if "=" in group:
        yield Fault("name-groups", f"expected at most three component groups in a person name {clause}, found more")
        group = group.partition("=")[0]
    if group.count("^") >= _MAX_COMPONENTS:
        yield Fault("name-components", f"expected at most five components in {place} {clause}, found more")
    if len(group) > MAX_LENGTHS["PN"]:
        message = f"expected at most {MAX_LENGTHS['PN']} characters in {place} {clause}, found {len(group):,}"
        yield Fault("too-long", message)
    if not _ALLOWED["PN"].fullmatch(group):
        yield Fault(
            "wrong-character", f"expected the characters of VR PN in {place} (PS3.5 6.1, 6.2), found another one"
        )
