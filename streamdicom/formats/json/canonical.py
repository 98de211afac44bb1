"""Attributes that come whole: what most of DICOM JSON looks like, in one pattern (PS3.18 F.2.2).

An attribute comes whole if it has a ``vr``, be it before ``Value``, behind it or alone, and if its values are strings
or are numbers, none of them empty, or one person name in the alphabetic group alone. All others come as tokens:
sequences, bulk data, what has escapes in it, and what is odd. So what is not in the pattern only takes longer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from streamdicom.events import Value
from streamdicom.formats.json.values import NAME, PARSERS
from streamdicom.jsontext import Token, TokenType
from streamdicom.limits import Limits

_PROPERTY_NAME = int(TokenType.PROPERTY_NAME)
_STRING = int(TokenType.STRING)
_NUMBER = int(TokenType.NUMBER)
_START_OBJECT: Token = (int(TokenType.START_OBJECT), "")
_END_OBJECT: Token = (int(TokenType.END_OBJECT), "")
_START_ARRAY: Token = (int(TokenType.START_ARRAY), "")
_END_ARRAY: Token = (int(TokenType.END_ARRAY), "")

_MOST_DIGITS = 32  # of the integer part of a number, and of its fraction
_NUMBER_LENGTH = 2 * _MOST_DIGITS + len("-.e+0000")

# RFC 8259, sections 2, 6 and 7. Of (?!), and of the surrogates in place of escapes, ``jsontext._strings`` tells.
_WHITE_SPACE = r"[ \t\r\n]*+"
_CHARACTERS = r'[^"\\\x00-\x1f\ud800-\udfff]++'
_NUMBER_TEXT = (
    rf"-?(?:0|[1-9][0-9]{{0,{_MOST_DIGITS - 1}}}+)(?:\.[0-9]{{1,{_MOST_DIGITS}}}+)?(?:[eE][+-]?[0-9]{{1,4}}+)?"
)
_ATTRIBUTE = r"""
    "([0-9A-F]{8})" WS:WS \{ WS (?=")
        (?: "vr"WS:WS"((?!SQ)[A-Z]{2})" WS (?: ,WS (?="Value") | (?=\}) ) )?
        (?: "Value"WS:WS \[ WS
                (?: "(CHARACTERS)"
                  | ( "CHARACTERS" (?: WS,WS "CHARACTERS" | (?!)){1,MOST}+ )
                  | ( NUMBER (?: WS,WS NUMBER | (?!)){0,MOST}+ )
                  | \{ WS "Alphabetic"WS:WS"(CHARACTERS)" WS \}
                ) WS
            \] WS
            (?(2) | ,WS "vr"WS:WS"((?!SQ)[A-Z]{2})" WS )
        )?
    \}"""
_STRINGS = re.compile('"([^"]*)"')
_STRING_PARSERS: dict[str, Callable[[Any], Value]] = {
    vr: parsers[_STRING] for vr, parsers in PARSERS.items() if _STRING in parsers
}

TEXT_VRS = frozenset(vr for vr, parse in _STRING_PARSERS.items() if parse is str)
"""Those of which a string that comes whole is a value as it is."""


def members(limits: Limits) -> re.Pattern[str] | None:
    """The pattern of the attributes that come whole, with their keys; None if the limits want each token looked at.

    Its groups are the key, the VR in front, one string, several strings, numbers, a person name, and the VR behind.
    """
    is_wide = limits.number_length >= _NUMBER_LENGTH and limits.values_per_event > 1
    return _pattern(limits.values_per_event) if is_wide else None


@cache
def _pattern(values_per_event: int) -> re.Pattern[str]:
    """The pattern with what its words in capitals stand for."""
    pattern = _ATTRIBUTE
    for name, text in (
        ("WS", _WHITE_SPACE),
        ("CHARACTERS", _CHARACTERS),
        ("NUMBER", _NUMBER_TEXT),
        ("MOST", str(values_per_event - 1)),
    ):
        pattern = pattern.replace(name, text)
    return re.compile(pattern, re.VERBOSE)


def whole_values(
    vr: str, one: str | None, several: str | None, numbers: str | None, name: str | None
) -> tuple[Value, ...] | None:
    """The values of an attribute that came whole; None if they are not of the form that the standard has.

    As ``convert`` makes them of values that are held, but without holding them, which would take a tenth of the time of
    reading events. They are never too long: what comes whole is shorter than ``Limits.segment_size``.

    Args:
        vr: What stands for a VR.
        one: A string that is the only value.
        several: Several strings, as JSON text.
        numbers: One number or more, as JSON text.
        name: The alphabetic group of a person name that is the only value.
    """
    try:
        if one is not None:
            parse = _STRING_PARSERS[vr]
            return (one,) if parse is str else (parse(one),)
        if numbers is not None:
            parse = PARSERS[vr][_NUMBER]
            if "," not in numbers:
                return (parse(numbers),)
            return tuple([parse(text) for text in _split(numbers)])
        if several is not None:
            parse = _STRING_PARSERS[vr]
            return tuple(map(parse, _STRINGS.findall(several)))
        if name is not None:
            return (PARSERS[vr][NAME]((name, "", "")),)
    except (KeyError, ValueError, ArithmeticError):
        return None
    return () if vr in PARSERS else None


def tokens_of(
    key: str,
    first_vr: str | None,
    one: str | None,
    several: str | None,
    numbers: str | None,
    name: str | None,
    last_vr: str | None,
) -> list[Token]:
    """The tokens of an attribute that came whole."""
    vr: list[Token] = [(_PROPERTY_NAME, "vr"), (_STRING, first_vr or last_vr)]
    value: list[Token] = []
    values = _value_tokens(one, several, numbers, name)
    if values:
        value = [(_PROPERTY_NAME, "Value"), _START_ARRAY, *values, _END_ARRAY]
    return [(_PROPERTY_NAME, key), _START_OBJECT, *(vr + value if first_vr else value + vr), _END_OBJECT]


def _value_tokens(one: str | None, several: str | None, numbers: str | None, name: str | None) -> list[Token]:
    if one is not None:
        return [(_STRING, one)]
    if several is not None:
        return [(_STRING, text) for text in _STRINGS.findall(several)]
    if numbers is not None:
        return [(_NUMBER, text) for text in _split(numbers)]
    return [_START_OBJECT, (_PROPERTY_NAME, "Alphabetic"), (_STRING, name), _END_OBJECT] if name is not None else []


def _split(numbers: str) -> list[str]:
    return [text.strip() for text in numbers.split(",")]
