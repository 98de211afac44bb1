"""Canonical attributes, most of DICOM JSON, to events without tokens.

An attribute (PS3.18 F.2.2) is canonical if it has a ``vr``, before ``Value``, after it or alone, and if its values are
strings or numbers, none of them empty, or one person name with the alphabetic group only. Everything else is read as
tokens: bulk data, strings with escapes, and anything that is not standard. A form without a pattern only takes longer.

The functions keep no state, raise nothing and report nothing. Each takes as much canonical text as there is, and
returns where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from functools import cache

from streamdicom._cache import BoundedCache
from streamdicom._late import late_pattern
from streamdicom._typing import TYPE_CHECKING, TypeAlias, cast
from streamdicom.events import ELEMENT, Event, Value
from streamdicom.formats.json.values import NAME, PARSERS
from streamdicom.formats.value_forms import SINGLE_VRS
from streamdicom.jsontext import TokenType
from streamdicom.limits import Limits

if TYPE_CHECKING:
    import re

_STRING = int(TokenType.STRING)
_NUMBER = int(TokenType.NUMBER)

_MAX_DIGITS = 32  # of the integer part of a number, and of its fraction
_NUMBER_LENGTH = 2 * _MAX_DIGITS + len("-.e+0000")

# RFC 8259, sections 2 and 6; ``jsontext.strings`` explains (?!), and why an escaped quotation mark is not one here.
_FRAGMENTS = {
    "WS": r"[ \t\r\n]*+",
    "NUMBER": (
        rf"-?(?:0|[1-9][0-9]{{0,{_MAX_DIGITS - 1}}}+)(?:\.[0-9]{{1,{_MAX_DIGITS}}}+)?(?:[eE][+-]?[0-9]{{1,4}}+)?"
    ),
    "KEY": "[0-9A-F]{8}",
}
_ATTRIBUTE = r"""
    ("(KEY)" WS:WS \{ WS (?=")
        (?: "vr"WS:WS"((?!SQ)[A-Z]{2})" WS (?: ,WS (?="Value") | (?=\}) ) )?
        (?: "Value"WS:WS \[ WS
                (?: "(CHARACTERS)"
                  | ( "CHARACTERS" (?: WS,WS "CHARACTERS" | (?!)){1,MAX}+ )
                  | ( NUMBER (?: WS,WS NUMBER | (?!)){0,MAX}+ )
                  | \{ WS "Alphabetic"WS:WS"(CHARACTERS)" WS \}
                ) WS
            \] WS
            (?(3) | ,WS "vr"WS:WS"((?!SQ)[A-Z]{2})" WS )
        )?
    \} (?: ,WS | WS,WS | (?!WS") ) )"""
_STRINGS = late_pattern('"([^"]*)"')
_STRING_PARSERS = {vr: parsers[_STRING] for vr, parsers in PARSERS.items() if _STRING in parsers}
_STRINGS_PARSERS = {vr: parser for vr, parser in _STRING_PARSERS.items() if vr not in SINGLE_VRS}
_NUMBER_PARSERS = {vr: parsers[_NUMBER] for vr, parsers in PARSERS.items() if _NUMBER in parsers}
_EMPTY: dict[str, tuple[Value, ...]] = dict.fromkeys(PARSERS, ())


def _compile(pattern: str, **fragments: str) -> re.Pattern[str]:
    """Return a verbose pattern in which the names of fragments stand for their text."""
    for name, text in (*fragments.items(), *_FRAGMENTS.items()):
        pattern = pattern.replace(name, text)
    return late_pattern(f"(?x){pattern}")


def canonical_pattern(limits: Limits, *, is_odd: bool = True) -> re.Pattern[str] | None:
    """Return the pattern of canonical attributes, or None if the limits exclude it.

    The groups are the attribute with the comma after it, the key, the VR before the values, one string, several
    strings, numbers, a person name, and the VR after the values.

    Args:
        limits: The limits.
        is_odd: The text may hold escapes or control characters.
    """
    is_wide = limits.number_length >= _NUMBER_LENGTH and limits.values_per_event > 1
    return _attribute_pattern(limits.values_per_event, is_odd) if is_wide else None


@cache
def _attribute_pattern(values_per_event: int, is_odd: bool) -> re.Pattern[str]:
    characters = r'[^"\x00-\x1f]++' if is_odd else '[^"]++'
    return _compile(_ATTRIBUTE, MAX=str(values_per_event - 1), CHARACTERS=characters)


CanonicalAttribute: TypeAlias = tuple[
    str, str, str, str | None, str | None, str | None, str | None, str | None, str | None
]
"""The text before a canonical attribute, its own text, and the other groups of the pattern."""


def canonical_attributes(pattern: re.Pattern[str], text: str) -> tuple[Iterator[CanonicalAttribute], str]:
    """Find all canonical attributes.

    Args:
        pattern: From ``canonical_pattern``.
        text: JSON text with escapes masked.

    Returns:
        The attributes, and the text after the last of them. An attribute may be within a string, in which case the text
        before it has an odd number of quotation marks.
    """
    parts = pattern.split(text)
    return cast(Iterator[CanonicalAttribute], zip(*[iter(parts)] * (pattern.groups + 1), strict=False)), parts[-1]


ATTRIBUTE = '"":{"":[{"":""}]}'
"""Structure of an attribute, as deep as any, see ``Stretch.pass_over``."""

ATTRIBUTE_AND_COMMA = ATTRIBUTE + ","


def attribute_structure(text: str) -> str:
    """Return the structure of canonical attributes and the comma after them."""
    return ATTRIBUTE if text[-1] == "}" else ATTRIBUTE_AND_COMMA


class Piece(IntEnum):
    """A piece of structure around attributes, by its group in the pattern."""

    SEQUENCE = 1  # up to its first item
    SEQUENCE_WITHOUT_VR = 2
    NEXT_ITEM = 3  # or the next data set
    END_SEQUENCE = 4
    END_SEQUENCE_WITH_VR = 5
    COMMA = 6


_PIECE = _compile(
    r"""WS (?:
        "(KEY)"WS:WS\{ WS "vr"WS:WS"SQ" WS, WS "Value"WS:WS\[ WS \{ WS
      | "(KEY)"WS:WS\{ WS "Value"WS:WS\[ WS \{ WS (?="KEY" | \Z)
      | (\}) WS, WS \{ WS
      | (\}) WS \] WS \}
      | (\}) WS \] WS, WS "vr"WS:WS"SQ" WS \}
      | (,) WS
    )"""
)
_STRUCTURES: dict[int, str] = {
    Piece.SEQUENCE: '"":{"":"","":[{',
    Piece.SEQUENCE_WITHOUT_VR: '"":{"":[{',
    Piece.NEXT_ITEM: "},{",
    Piece.END_SEQUENCE: "}]}",
    Piece.END_SEQUENCE_WITH_VR: '}],"":""}',
    Piece.COMMA: ",",
}

DEPTH_CHANGES: dict[int, tuple[int, int]] = {
    Piece.SEQUENCE: (0, 3),
    Piece.SEQUENCE_WITHOUT_VR: (0, 3),
    Piece.NEXT_ITEM: (-1, 0),
    Piece.END_SEQUENCE: (-3, -3),
    Piece.END_SEQUENCE_WITH_VR: (-3, -3),
    Piece.COMMA: (0, 0),
}
"""Lowest and final change in the number of open objects and arrays, by piece."""

GapPiece: TypeAlias = tuple[int, str, int, str]
"""A piece, the key of a sequence, the end of the piece in the gap, and the structure of the gap up to there."""

Gap: TypeAlias = tuple[tuple[GapPiece, ...], bool, int, int]
"""The pieces at the start of a gap between attributes, whether there is nothing else in it, and their lowest and final
change in the number of open objects and arrays."""

_MAX_PIECES = 12  # of a gap, as each is kept with the structure up to it
_MAX_GAP = 512  # characters of a gap that is remembered, with its indent
_GAPS: BoundedCache[str, Gap] = BoundedCache(1024)


def read_gap(gap: str) -> Gap:
    """Split the text before a canonical attribute into pieces of structure."""
    known = _GAPS.get(gap)
    if known is not None:
        return known
    pieces: list[GapPiece] = []
    position = lowest = change = 0
    structure = ""
    while len(pieces) < _MAX_PIECES and (match := _PIECE.match(gap, position)):
        kind = match.lastindex or 0
        position = match.end()
        structure += _STRUCTURES[kind]
        pieces.append((kind, match[kind], position, structure))
        lowest = min(lowest, change + DEPTH_CHANGES[kind][0])
        change += DEPTH_CHANGES[kind][1]
    found = tuple(pieces), position == len(gap), lowest, change
    return _GAPS.remember(gap, found) if len(gap) <= _MAX_GAP else found


def read_last_gap(gap: str) -> tuple[GapPiece, ...]:
    """Return the pieces at the start of the text after the last attribute."""
    pieces, is_whole, _, _ = read_gap(gap)
    if is_whole and pieces and pieces[-1][0] == Piece.SEQUENCE_WITHOUT_VR:
        return pieces[:-1]  # the first object may be a person name
    return pieces


Unescape: TypeAlias = Callable[[str], str]


def json_run(
    attributes: Iterable[CanonicalAttribute],
    position: int,
    last: int,
    tags: dict[str, int],
    seen: list[int],
    events: list[Event],
    unescape: Unescape | None = None,
) -> tuple[CanonicalAttribute | None, int, int]:
    """Convert ascending canonical attributes to events, up to the first other form.

    Args:
        attributes: Canonical attributes, which are consumed. The text before the first has been read.
        position: The position of the first of them, where a member of a data set or an item may start.
        last: The last tag of the data set or the item, or -1.
        tags: The tag of each key of which an event is made; ``~tag`` of each key that is passed over.
        seen: Receives the tags.
        events: Receives the events.
        unescape: Resolves the escapes of a string; None without escapes.

    Returns:
        The first attribute that was not taken, if any; the position after the last one, and after the comma if there
        is one; and the last tag.
    """
    values: tuple[Value, ...]
    start = position
    for attribute in attributes:
        gap, text, key, vr_before, one, several, numbers, name, vr_after = attribute
        if gap and position != start:
            return attribute, position, last
        try:
            tag = tags[key]
            if tag > last:
                vr = vr_before or vr_after or ""
                if one:
                    if unescape and ("\\" in one or not one.isprintable()):
                        one = _resolved(one, unescape)
                    parse = _STRING_PARSERS[vr]
                    values = (one,) if parse is str else (parse(one),)
                elif numbers:
                    parse = _NUMBER_PARSERS[vr]
                    values = (parse(numbers),) if "," not in numbers else _numbers(parse, numbers)
                elif several:
                    texts = _STRINGS.findall(several)
                    if unescape:
                        texts = [_resolved(text, unescape) for text in texts]
                    values = tuple(map(_STRINGS_PARSERS[vr], texts))
                elif name:
                    if unescape:
                        name = _resolved(name, unescape)
                    values = (PARSERS[vr][NAME]((name, "", "")),)
                else:
                    values = _EMPTY[vr]
                events.append((ELEMENT, tag, vr, values))
            elif ~tag <= last or (unescape and "\\" in text):  # an escape may be wrong
                return attribute, position, last
            else:
                tag = ~tag
        except (KeyError, ValueError, ArithmeticError):  # an unknown key, or not a standard value of the VR
            return attribute, position, last
        last = tag
        seen.append(tag)
        position += len(text)
    return None, position, last


def _resolved(string: str, unescape: Unescape) -> str:
    """Return the characters of a string.

    Raises:
        ValueError: The string is not valid, or a backslash in it may separate values, or it ends in NUL.
    """
    if string.isprintable() and "\\" not in string:  # an escape that is masked is not printable
        return string
    text = unescape(string)
    if "\\" in text or text[-1] == "\0":
        raise ValueError
    return text


def _numbers(parse: Callable[[str], Value], numbers: str) -> tuple[Value, ...]:
    return tuple([parse(text.strip()) for text in numbers.split(",")])
