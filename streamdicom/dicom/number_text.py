"""Numbers as text: DS and IS, and the ranges of integers (PS3.5 6.2)."""

from __future__ import annotations

from streamdicom._late import late_pattern

INTEGER_RANGES: dict[str, tuple[int, int]] = {
    "IS": (-(2**31), 2**31 - 1),
    "SL": (-(2**31), 2**31 - 1),
    "SS": (-(2**15), 2**15 - 1),
    "SV": (-(2**63), 2**63 - 1),
    "UL": (0, 2**32 - 1),
    "US": (0, 2**16 - 1),
    "UV": (0, 2**64 - 1),
}
"""The lowest and the highest integer, by VR."""

_DECIMAL_STRING = late_pattern(r" *[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? *")
_INTEGER_STRING = late_pattern(r" *[+-]?[0-9]+ *")
_MAX_DIGITS = 20  # of 64 bits
_SAFE_DIGITS = 9  # of an integer that is surely in the range of IS


def is_in_range(vr: str, number: int) -> bool:
    """Return whether an integer is in the range of a VR.

    >>> is_in_range("US", 65536), is_in_range("IS", -5)
    (False, True)
    """
    least, greatest = INTEGER_RANGES[vr]
    return least <= number <= greatest


def decimal_string(text: str) -> str:
    """Return the text of a DS, of any length.

    Raises:
        ValueError: It has another form.

    >>> decimal_string(" 1.50")
    ' 1.50'
    """
    digits = text.removeprefix("-").replace(".", "", 1)
    if not (digits.isdigit() and digits.isascii()) and not _DECIMAL_STRING.fullmatch(text):
        raise ValueError
    return text


def integer_string(text: str) -> str:
    """Return the text of an IS.

    Raises:
        ValueError: It has another form, or is out of range.

    >>> integer_string("-5 ")
    '-5 '
    """
    if len(text) <= _SAFE_DIGITS and text.isascii() and text.isdigit():
        return text
    if not is_integer_string(text) or not is_in_range("IS", int(text)):
        raise ValueError
    return text


def is_integer_string(text: str) -> bool:
    """Return whether a text has the form of an IS, of any length.

    >>> is_integer_string("99999999999"), is_integer_string("1.0")
    (True, False)
    """
    return _INTEGER_STRING.fullmatch(text) is not None


def whole_number(text: str) -> int:
    """Return an integer, also with an exponent or with a fraction of zero.

    Raises:
        ValueError: It is another number, or not one.
        ArithmeticError: The exponent is too large.

    >>> whole_number("1.0"), whole_number(" 15e2")
    (1, 1500)
    """
    text = decimal_string(text).strip(" ")
    try:
        return int(text)
    except ValueError:
        from decimal import Decimal  # rarely needed, and slow to import

        number = Decimal(text)
        if number == 0:
            return 0
        if number.adjusted() > _MAX_DIGITS or number != number.to_integral_value():
            raise
        return int(number)
