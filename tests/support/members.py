"""A reader of stretches that passes over short members of objects."""

from __future__ import annotations

import re

from streamdicom.errors import InputError
from streamdicom.jsontext import JsonTokenizer, Stretch, Token

_SPACE = r"[ \t\r\n]*+"
_STRING = r'"[^"\\\x00-\x1f\ud800-\udfff]*+"'
_VALUE = rf"(?:{_STRING}|[0-9]|true|\[{_SPACE}(?:{_STRING}{_SPACE})?\]|\{{{_SPACE}{_STRING}{_SPACE}:{_SPACE}null\}})"
MEMBER = re.compile(rf"{_STRING}{_SPACE}:{_SPACE}{_VALUE}(?={_SPACE}[,}}])")
"""A member of any name with a short value."""


def feed(tokenizer: JsonTokenizer, data: bytes | None, *, members: bool) -> list[Token]:
    """Return the tokens of ``data``, or of ``close`` if it is None.

    Args:
        members: Pass over members that are short, and make their tokens from their text.
    """
    if not members or tokenizer.error is not None:
        return tokenizer.close() if data is None else tokenizer.feed(data)
    tokens: list[Token] = []
    try:
        for stretch in tokenizer.stretches(data):
            read(stretch, tokens)
    except InputError:
        if not tokens or data is None:
            raise
    return tokens


def read(stretch: Stretch, tokens: list[Token]) -> None:
    """Read a stretch to its end or to its fault."""
    for match in MEMBER.finditer(stretch.text):
        if stretch.text.count('"', stretch.position, match.start()) & 1:
            break  # the match is within a string
        tokens += stretch.tokens(match.start())
        if stretch.fault:
            return
        if stretch.pass_over(match.end(), '"":{"":0}'):
            tokens += JsonTokenizer().feed(f"{{{match[0]}}}".encode())[1:-1]
    tokens += stretch.tokens()
