"""The vocabulary of JSON tokens."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeAlias

NUMBER_TEXT = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
"""The pattern of a number (RFC 8259, section 6)."""

MEMBER_DEPTH = 3
"""How many objects and arrays there may be within one another in a MEMBER."""


class TokenType(IntEnum):
    """What a token is; the names are those of RFC 8259 (object, array, string, number, literal names).

    A string of more than ``Limits.segment_size`` bytes comes as STRING_SEGMENT tokens, the last of them
    STRING_END, instead of one STRING. MEMBER is for those who ask for it, see ``JsonTokenizer``.

    >>> TokenType.START_OBJECT.name
    'START_OBJECT'
    """

    START_OBJECT = 1
    END_OBJECT = 2
    START_ARRAY = 3
    END_ARRAY = 4
    PROPERTY_NAME = 5
    STRING = 6
    STRING_SEGMENT = 7
    STRING_END = 8
    NUMBER = 9
    TRUE = 10
    FALSE = 11
    NULL = 12
    MEMBER = 13


# The text is Any because that of a MEMBER is a tuple, which no checker can see.
Token: TypeAlias = tuple[int, Any]
"""A type and its text: the characters of a name or a string with the escapes resolved, or the exact text of a
number. The other types have the empty string, but for MEMBER, which has a tuple of strings.

The type is a plain int, equal to the member of ``TokenType``: the garbage collector need not look after a tuple of an
int and a str, which makes reading a third faster than with the members themselves."""

DEPTHS = {
    int(TokenType.START_OBJECT): 1,
    int(TokenType.START_ARRAY): 1,
    int(TokenType.END_OBJECT): -1,
    int(TokenType.END_ARRAY): -1,
}
"""What a token adds to the number of objects and arrays that are open."""
