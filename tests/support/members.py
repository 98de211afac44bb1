"""Members that come whole, and what they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from streamdicom.jsontext import JsonTokenizer, Token, TokenType

_SPACE = r"[ \t\r\n]*+"
_STRING = r'"[^"\\\x00-\x1f\ud800-\udfff]*+"'
_VALUE = rf"(?:{_STRING}|[0-9]|true|\[{_SPACE}(?:{_STRING}{_SPACE})?\]|\{{{_SPACE}{_STRING}{_SPACE}:{_SPACE}null\}})"
MEMBERS = re.compile(rf"({_STRING}{_SPACE}:{_SPACE}{_VALUE})(?={_SPACE}[,}}])")
"""Members of any name with a short value."""


def stands_for(token: Token) -> list[Token]:
    """The tokens that a token stands for, as a reader that knows of no members has them."""
    kind, text = token
    if kind != TokenType.MEMBER:
        return [token]
    (member,) = text
    return JsonTokenizer().feed(f"{{{member}}}".encode())[1:-1]


def expanded(tokens: Iterable[Token]) -> list[Token]:
    """The tokens that all of them stand for."""
    return [inner for token in tokens for inner in stands_for(token)]
