"""Values from the content of ``Value`` and ``PersonName`` elements (PS3.19 A.1.5).

``PARSERS`` has the forms of the standard. ``values_of`` also accepts other forms, and reports each by its code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from sys import float_info

from streamdicom._typing import TypeAlias
from streamdicom.dicom import (
    INTEGER_RANGES,
    NAME_GROUPS,
    VRS,
    Form,
    decimal_string,
    integer_string,
    is_single,
    parse_tag,
    split_name,
    whole_number,
)
from streamdicom.errors import InputError, LimitError
from streamdicom.events import PersonName, Value
from streamdicom.formats.value_forms import (
    SINGLE_VRS,
    Report,
    WrongValueError,
    in_one_if_single,
    nonfinite,
    odd_decimal_string,
    odd_float,
    odd_tag,
    report_range,
    split_groups,
)
from streamdicom.formats.xml.documents import SPACE
from streamdicom.formats.xml.person_names import EMPTY_NAME

Held: TypeAlias = str | PersonName
"""The text of a ``Value``, or the component groups of a ``PersonName``."""

Reject: TypeAlias = Callable[[str, InputError | None], None]
"""Called with a message, and with an error that is not about the form of the value."""

_NONFINITE = frozenset({"NaN", "INF", "-INF"})  # as XML Schema spells them


def _integer_of(vr: str) -> Callable[[str], int]:
    least, greatest = INTEGER_RANGES[vr]

    def integer(text: str) -> int:
        if not text.isascii() or "_" in text:  # both of which Python accepts
            raise ValueError
        number = int(text)
        if not least <= number <= greatest:
            raise ValueError
        return number

    return integer


def _float(text: str) -> float:
    if not text.isascii() or "_" in text:
        raise ValueError
    number = float(text)
    if not -float_info.max < number < float_info.max and text.strip() not in _NONFINITE:
        raise ValueError
    return number


def _single(text: str) -> float:
    number = _float(text)
    if isfinite(number) and not is_single(number):
        raise ValueError
    return number


def _tag(text: str) -> int:
    return parse_tag(text.strip())


def _no_value(text: str) -> Value:
    raise ValueError


def _parser(vr: str) -> Callable[[str], Value] | None:
    form, _, multiple, *_ = VRS[vr]
    if form is Form.TEXT:
        return None if multiple else str
    if form is Form.DECIMAL:
        return integer_string if vr == "IS" else decimal_string
    if form in (Form.INTEGER, Form.LONG_INTEGER):
        return _integer_of(vr)
    if form is Form.FLOAT:
        return _single if vr == "FL" else _float
    return _tag if form is Form.TAG else _no_value


PARSERS: dict[str, Callable[[str], Value] | None] = {vr: _parser(vr) for vr in VRS}
"""The function that parses a text that is not empty, by VR. It raises ValueError for other forms.

It is None where any text is the value unless it contains a backslash."""

_WITHOUT_VALUES = frozenset(vr for vr, row in VRS.items() if row.form in (Form.BINARY, Form.SEQUENCE))
_NOT_SPLIT = SINGLE_VRS | _WITHOUT_VALUES
_NUMBERS = frozenset({Form.DECIMAL, Form.INTEGER, Form.LONG_INTEGER, Form.FLOAT, Form.TAG})
_EXPECTED: dict[Form, str] = {
    Form.TEXT: "a text",
    Form.DECIMAL: "a number",
    Form.INTEGER: "an integer",
    Form.LONG_INTEGER: "an integer",
    Form.FLOAT: "a number",
    Form.TAG: "a tag of eight hexadecimal digits",
    Form.PERSON_NAME: "a PersonName",
    Form.BINARY: "InlineBinary or BulkData",
    Form.SEQUENCE: "items",
}


def values_of(
    vr: str, held: list[Held], max_length: int, report: Report, reject: Reject | None = None
) -> tuple[Value, ...]:
    """Return the values of a data element, in any form; empty values become None.

    Args:
        vr: A VR.
        held: At least one value.
        max_length: The maximum number of characters in a number.
        report: Called for each deviation.
        reject: Called for a value that cannot be right, which becomes an empty value. Without it an error is raised.

    Raises:
        WrongValueError: A value cannot be a value of its VR.
        LimitError: A number is too long.

    >>> values_of("DS", ["1.50", ""], 9, print), values_of("FD", ["1.50", "-INF"], 9, print)
    (('1.50', None), (1.5, -inf))
    >>> values_of("US", ["65536"], 9, lambda code, message: print(code))
    out-of-range
    (65536,)
    """
    standard = standard_values(vr, held, max_length)
    if standard is not None:
        return standard
    values: list[Value] = []
    has_length = VRS[vr].form in _NUMBERS
    for one in held:
        for part in _parts(vr, one, report):
            try:
                if has_length and len(part) > max_length:
                    raise LimitError(f"a number of more than {max_length} characters", "number_length")
                is_empty = part == EMPTY_NAME if vr == "PN" and part else part == "" and vr not in _WITHOUT_VALUES
                values.append(None if is_empty else _value(vr, part, report))
            except (WrongValueError, LimitError) as error:
                if reject is None:
                    raise
                reject(str(error), error if isinstance(error, LimitError) else None)
                values.append(None)
    return in_one_if_single(vr, values, report)


def standard_values(vr: str, held: list[Held], max_length: int) -> tuple[Value, ...] | None:
    """Return the values if all of them have the standard form, else None.

    >>> standard_values("US", ["1", ""], 9), standard_values("US", ["a"], 9)
    ((1, None), None)
    """
    parse = PARSERS[vr]
    try:
        if vr == "PN":
            has_other_form = any(isinstance(name, str) or _has_delimiter(name) for name in held)
            return None if has_other_form else tuple([name if any(name) else None for name in held])
        if parse is None:
            return None if "\\" in "".join(held) else tuple([text or None for text in held])  # type: ignore[arg-type]
        if (
            vr in _WITHOUT_VALUES
            or max(map(len, held)) > max_length
            or (parse is str and (len(held) > 1 or type(held[0]) is not str))
        ):
            return None
        return tuple([parse(text) if text else None for text in held])  # type: ignore[arg-type]
    except (ValueError, TypeError, AttributeError):  # which a PersonName raises too
        return None


def _has_delimiter(name: PersonName) -> bool:
    text = "".join(name)
    return "=" in text or "\\" in text


def _parts(vr: str, one: Held, report: Report) -> Sequence[Held]:
    """Return the texts or names that a value consists of."""
    text = one if isinstance(one, str) else one[0]
    if "\\" not in text or vr in _NOT_SPLIT or any(one[1:] if isinstance(one, tuple) else ()):
        return (one,)
    report("backslash", "expected an XML element for each value, found a backslash between values")
    parts = text.split("\\")
    return parts if isinstance(one, str) else [(part, "", "") for part in parts]


def _value(vr: str, one: Held, report: Report) -> Value:
    form = VRS[vr].form
    if form is Form.PERSON_NAME:
        return _name(one, report)
    if isinstance(one, tuple) or form in (Form.BINARY, Form.SEQUENCE):
        found = "a PersonName" if isinstance(one, tuple) else "a Value"
        raise WrongValueError(f"expected {_EXPECTED[form]} for VR {vr}, found {found}")
    parse = PARSERS[vr]
    if parse is None or parse is str:
        return one
    try:
        return parse(one)
    except ValueError:
        pass
    other = _OTHER_FORMS[form]
    try:
        return other(vr, one, report)
    except (ValueError, ArithmeticError):
        raise WrongValueError(f"expected {_EXPECTED[form]} for VR {vr}, found other text") from None


def _other_integer(vr: str, text: str, report: Report) -> int:
    number = whole_number(text.strip(SPACE))
    report_range(vr, number, report)
    return number


def _other_float(vr: str, text: str, report: Report) -> float:
    text = text.strip(SPACE)
    number = nonfinite(text)
    if number is None:
        return odd_float(vr, text, report)
    report("nonfinite-spelling", "expected NaN, INF or -INF, found another spelling")
    return number


def _other_tag(vr: str, text: str, report: Report) -> int:
    return odd_tag(text.strip(SPACE), report)


_OTHER_FORMS: dict[Form, Callable[[str, str, Report], Value]] = {
    Form.INTEGER: _other_integer,
    Form.LONG_INTEGER: _other_integer,
    Form.FLOAT: _other_float,
    Form.DECIMAL: odd_decimal_string,
    Form.TAG: _other_tag,
}


def _name(one: Held, report: Report) -> PersonName | None:
    if isinstance(one, str):
        name = _split_name(one)
        report("name-as-string", "expected a PersonName for VR PN, found a Value")
        return name
    if not _has_delimiter(one):
        return one
    name = split_groups(one)
    report("name-groups-in-one", "expected one component group for each of a PersonName, found several in one")
    return name if any(name) else None


def _split_name(text: str) -> PersonName | None:
    if "\\" in text:
        raise WrongValueError("expected one name in a component group, found several")
    if text.count("=") >= len(NAME_GROUPS):
        raise WrongValueError("expected at most three component groups for VR PN, found more")
    name = split_name(text)
    return name if any(name) else None
