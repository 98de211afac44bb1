"""The vocabulary of JSON tokens."""

from __future__ import annotations

from enum import IntEnum

from streamdicom._typing import TypeAlias

NUMBER_TEXT = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
"""Pattern of a number (RFC 8259, section 6)."""


class TokenType(IntEnum):
    """Type of a token, named after RFC 8259.

    A string longer than ``Limits.segment_size`` bytes is delivered as STRING_SEGMENT tokens followed by one
    STRING_END, instead of one STRING.

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


Token: TypeAlias = tuple[int, str]
"""A type and a text: the characters of a name or a string with escapes resolved, or the exact text of a number. The
text of all other tokens is empty.

The type is a plain int, equal to the member of ``TokenType``: the garbage collector does not track a tuple of an int
and a str, so reading takes a third less time than with the members themselves."""

DEPTHS = {
    int(TokenType.START_OBJECT): 1,
    int(TokenType.START_ARRAY): 1,
    int(TokenType.END_OBJECT): -1,
    int(TokenType.END_ARRAY): -1,
}
"""Change in the number of open objects and arrays, by token type."""
