"""Canonical attributes, most of DICOM JSON, to events without tokens.

An attribute is canonical if it has a ``vr``, before ``Value``, after it or alone, and if its values are strings or
numbers, none of them empty, or one person name with the alphabetic group only. Everything else is read as tokens:
bulk data, strings with escapes, and anything that is not standard. A form without a pattern only takes longer.

The functions keep no state, raise nothing and report nothing. Each takes as much canonical text as there is, and
returns where it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from functools import cache

from streamdicom.events import ELEMENT, Event, Value
from streamdicom.formats.json.values import NAME, PARSERS, TEXT_VRS
from streamdicom.jsontext import TokenType
from streamdicom.limits import Limits

_STRING = int(TokenType.STRING)
_NUMBER = int(TokenType.NUMBER)

_NO_TAG = -2  # lower than the last tag of any data set

_MAX_DIGITS = 32  # of the integer part of a number, and of its fraction
_NUMBER_LENGTH = 2 * _MAX_DIGITS + len("-.e+0000")

# RFC 8259, sections 2, 6 and 7; ``jsontext.strings`` explains (?!), and the surrogates in place of escapes.
_FRAGMENTS = {
    "WS": r"[ \t\r\n]*+",
    "CHARACTERS": r'[^"\\\x00-\x1f\ud800-\udfff]++',
    "NUMBER": (
        rf"-?(?:0|[1-9][0-9]{{0,{_MAX_DIGITS - 1}}}+)(?:\.[0-9]{{1,{_MAX_DIGITS}}}+)?(?:[eE][+-]?[0-9]{{1,4}}+)?"
    ),
    "KEY": "[0-9A-F]{8}",
}
_ATTRIBUTE = r"""
    "(KEY)" WS:WS \{ WS (?=")
        (?: "vr"WS:WS"((?!SQ)[A-Z]{2})" WS (?: ,WS (?="Value") | (?=\}) ) )?
        (?: "Value"WS:WS \[ WS
                (?: "(CHARACTERS)"
                  | ( "CHARACTERS" (?: WS,WS "CHARACTERS" | (?!)){1,MAX}+ )
                  | ( NUMBER (?: WS,WS NUMBER | (?!)){0,MAX}+ )
                  | \{ WS "Alphabetic"WS:WS"(CHARACTERS)" WS \}
                ) WS
            \] WS
            (?(2) | ,WS "vr"WS:WS"((?!SQ)[A-Z]{2})" WS )
        )?
    \} (?: WS,WS )?+"""
_MEMBER = r"""
    "KEY" WS:WS \{ WS
        (?: "vr"WS:WS"[A-Z]{2}" WS (?: ,WS VALUE )?+ | VALUE ,WS "vr"WS:WS"[A-Z]{2}" WS )
    \}"""
_VALUE = r"""
    "Value"WS:WS \[ WS
        (?: "CHARACTERS" (?: WS,WS "CHARACTERS" | (?!))*+
          | NUMBER (?: WS,WS NUMBER | (?!))*+
          | \{ WS "Alphabetic"WS:WS"CHARACTERS" WS \}
        ) WS
    \] WS"""
_STRINGS = re.compile('"([^"]*)"')


def _compile(pattern: str, **fragments: str) -> re.Pattern[str]:
    """Compile a verbose pattern in which the names of fragments stand for their text."""
    for name, text in (*fragments.items(), *_FRAGMENTS.items()):
        pattern = pattern.replace(name, text)
    return re.compile(pattern, re.VERBOSE)


def canonical_pattern(limits: Limits) -> re.Pattern[str] | None:
    """Return the pattern of canonical attributes, or None if the limits exclude it.

    A match includes the comma after the attribute. Its groups are the key, the VR before the values, one string,
    several strings, numbers, a person name, and the VR after the values.
    """
    is_wide = limits.number_length >= _NUMBER_LENGTH and limits.values_per_event > 1
    return _attribute_pattern(limits.values_per_event) if is_wide else None


@cache
def _attribute_pattern(values_per_event: int) -> re.Pattern[str]:
    return _compile(_ATTRIBUTE, MAX=str(values_per_event - 1))


_MEMBERS = _compile(f"(?: {_MEMBER} WS,WS | (?!) )*+ (?: {_MEMBER} )?+", VALUE=_VALUE)

ATTRIBUTE = '"":{"":[{"":""}]}'
"""Structure of an attribute, as deep as any, see ``Stretch.pass_over``."""

ATTRIBUTE_AND_COMMA = ATTRIBUTE + ","


class Piece(IntEnum):
    """A piece of structure around attributes, by its group in ``STRUCTURE``."""

    SEQUENCE = 1  # up to its first item
    SEQUENCE_WITHOUT_VR = 3
    NEXT_ITEM = 4  # or the next data set
    END_SEQUENCE = 5
    END_SEQUENCE_WITH_VR = 6
    COMMA = 7


STRUCTURE = _compile(
    r"""WS (?:
        "(KEY)"WS:WS\{ WS "vr"WS:WS"SQ" WS, WS "Value"WS:WS\[ WS \{ WS
      | "(KEY)"WS:WS\{ WS "Value"WS:WS\[ WS \{ WS (?="(KEY)")
      | (\}) WS, WS \{ WS
      | (\}) WS \] WS \}
      | (\}) WS \] WS, WS "vr"WS:WS"SQ" WS \}
      | (,) WS
    )"""
)
"""Pattern of a ``Piece``. The groups of a sequence are its key and, without VR, the first key of its first item."""

STRUCTURES: dict[int | None, str] = {
    Piece.SEQUENCE: '"":{"":"","":[{',
    Piece.SEQUENCE_WITHOUT_VR: '"":{"":[{',
    Piece.NEXT_ITEM: "},{",
    Piece.END_SEQUENCE: "}]}",
    Piece.END_SEQUENCE_WITH_VR: '}],"":""}',
    Piece.COMMA: ",",
}
"""Structure of each piece, see ``Stretch.pass_over``."""

DEPTH_CHANGES: dict[int, tuple[int, int]] = {
    Piece.SEQUENCE: (0, 3),
    Piece.SEQUENCE_WITHOUT_VR: (0, 3),
    Piece.NEXT_ITEM: (-1, 0),
    Piece.END_SEQUENCE: (-3, -3),
    Piece.END_SEQUENCE_WITH_VR: (-3, -3),
    Piece.COMMA: (0, 0),
}
"""Lowest and final change in the number of open objects and arrays, by piece."""


def json_run(
    pattern: re.Pattern[str],
    text: str,
    position: int,
    last: int,
    known: dict[str, int],
    unwanted: dict[str, int],
    seen: list[int],
    emit: Callable[[Event], None],
) -> tuple[int, int]:
    """Convert ascending canonical attributes to events, up to the first other form.

    Args:
        pattern: From ``canonical_pattern``.
        text: JSON text with escapes masked.
        position: Where a member of a data set or an item may start.
        last: The last tag of the data set or the item.
        known: Tags of the keys of which events are made.
        unwanted: Tags of the keys that are passed over.
        seen: Receives the tags.
        emit: Called with each event.

    Returns:
        The position after the last attribute, and after the comma if there is one; and the last tag.
    """
    match_at, tag_of, see = pattern.match, known.get, seen.append
    values: tuple[Value, ...] | None
    while match := match_at(text, position):
        key, vr_before, one, several, numbers, name, vr_after = match.groups()
        tag, vr = tag_of(key, _NO_TAG), vr_before or vr_after
        if tag > last:
            if one and vr in TEXT_VRS:
                values = (one,)
            else:
                values = _values(vr, one, several, numbers, name)
                if values is None:
                    break
            last = tag
            see(tag)
            emit((ELEMENT, tag, vr, values))
        elif key in unwanted and unwanted[key] > last:
            last = unwanted[key]
            see(last)
        else:
            break
        position = match.end()
    return position, last


def skip_run(text: str, position: int) -> int:
    """Skip canonical attributes; return the position after them and their comma."""
    match = _MEMBERS.match(text, position)
    return match.end() if match else position


def _values(
    vr: str, one: str | None, several: str | None, numbers: str | None, name: str | None
) -> tuple[Value, ...] | None:
    """Return the values of a canonical attribute, or None if they are not standard."""
    try:
        if one is not None:
            return (PARSERS[vr][_STRING](one),)
        if numbers is not None:
            parse = PARSERS[vr][_NUMBER]
            return tuple([parse(text.strip()) for text in numbers.split(",")]) if "," in numbers else (parse(numbers),)
        if several is not None:
            return tuple(map(PARSERS[vr][_STRING], _STRINGS.findall(several)))
        if name is not None:
            return (PARSERS[vr][NAME]((name, "", "")),)
    except (KeyError, ValueError, ArithmeticError):
        return None
    return () if vr in PARSERS else None
