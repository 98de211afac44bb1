"""JSON values to the values of a data element, by VR (PS3.18 F.2.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import Any

from streamdicom.errors import DicomJsonError
from streamdicom.events import PersonName, Value
from streamdicom.jsontext import TokenType
from streamdicom.tags import parse_tag
from streamdicom.vr import VRS, Form

_STRING = int(TokenType.STRING)
_NUMBER = int(TokenType.NUMBER)
_NULL = int(TokenType.NULL)
NAME = int(TokenType.START_OBJECT)  # stands for a whole person name

_INTEGER = re.compile(r"[+-]?[0-9]+")
_NONFINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def convert(vr: str, held: list[tuple[int, Any]]) -> tuple[Value, ...]:
    """The values of a data element.

    Args:
        vr: A VR that is no sequence.
        held: The kind and the text of each value, as in a token. A person name has NAME and its groups.

    Raises:
        DicomJsonError: A value is not of the form that the VR has in JSON.
    """
    parsers = PARSERS[vr]
    try:
        if len(held) == 1:  # as most are
            [(kind, text)] = held
            parse = parsers[kind]
            return (text if parse is str else parse(text),)
        return tuple([text if (parse := parsers[kind]) is str else parse(text) for kind, text in held])
    except KeyError:
        wrong = next(kind for kind, _ in held if kind not in parsers)
        raise DicomJsonError(f"{_KINDS[wrong]} for VR {vr}") from None
    except (ValueError, ArithmeticError):
        raise DicomJsonError(f"not a value of VR {vr}") from None


def _integer(text: str) -> int:
    """An integer from the text of a JSON number, which may have a fraction of zero or an exponent."""
    try:
        return int(text)
    except ValueError:
        from decimal import Decimal  # which takes a tenth of this package's time to import, and is rarely needed

        number = Decimal(text)
        if number.adjusted() > _MOST_DIGITS or number != number.to_integral_value():
            raise
        return int(number)


_MOST_DIGITS = 20  # of 64 bits


def _integer_text(text: str) -> int:
    """An integer from a JSON string (CP-1889)."""
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError
    return number


def _nonfinite(text: str) -> float:
    """A float that JSON has no number for (CP-2352), by the name that JavaScript gives it."""
    if text not in _NONFINITE:
        raise ValueError
    return _NONFINITE[text]


def _name(groups: PersonName) -> PersonName | None:
    return groups if any(groups) else None


def _nothing(_: str) -> None:
    return None


# str: the text as it is.
_FORMS: dict[Form, dict[int, Callable[[Any], Value]]] = {
    Form.TEXT: {_STRING: str},
    Form.DECIMAL: {_STRING: str, _NUMBER: str},
    Form.INTEGER: {_NUMBER: _integer},
    Form.LONG_INTEGER: {_STRING: _integer_text, _NUMBER: _integer},
    Form.FLOAT: {_STRING: _nonfinite, _NUMBER: _float},
    Form.TAG: {_STRING: parse_tag},
    Form.PERSON_NAME: {NAME: _name},
    Form.BINARY: {},
    Form.SEQUENCE: {},
}

PARSERS: dict[str, dict[int, Callable[[Any], Value]]] = {
    vr: {**_FORMS[row.form], **({} if row.form in (Form.BINARY, Form.SEQUENCE) else {_NULL: _nothing})}
    for vr, row in VRS.items()
}
"""For each VR, how a value is made from each kind of JSON value that may stand for it."""

_KINDS = {_STRING: "a string", _NUMBER: "a number", _NULL: "null", NAME: "an object"}
