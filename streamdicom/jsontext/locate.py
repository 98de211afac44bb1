"""Where in the stream a token starts.

It is found by going through the text once more: errors are rare, and tokens carry nothing for them.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import TypeAlias

from streamdicom.jsontext.strings import length_in_bytes
from streamdicom.jsontext.tokens import Token, TokenType

_MEMBER = int(TokenType.MEMBER)
_TOKEN = re.compile(r'"[^"]*"|[\[\]{}]|[^ \t\r\n\[\]{}:,"]+')
Origin: TypeAlias = tuple[int, str, int]
"""What some tokens come from: the index of the first of them; their text, with escapes masked, or none if the only
token is a segment of a string; and the byte offset of the text."""

Position: TypeAlias = tuple[int, int]
"""The index of a token, and which of the tokens that it stands for is meant if it is a MEMBER."""

_END: Origin = (sys.maxsize, "", 0)


def locate(
    origins: Sequence[Origin], tokens: Sequence[Token], places: Sequence[Position], members: re.Pattern[str] | None
) -> list[int]:
    """The byte offsets of the tokens at these places, which do not descend; in one go."""
    offsets: list[int] = []
    waiting = 0
    for origin, following in pairwise([*origins, _END]):
        done, waiting = waiting, bisect_left(places, (following[0], 0), waiting)
        offsets += _within(origin, tokens, places[done:waiting], members)
    return offsets


def _within(
    origin: Origin, tokens: Sequence[Token], places: Iterable[Position], members: re.Pattern[str] | None
) -> Iterator[int]:
    following, text, offset = origin
    start = 0  # where in the text the offset is
    remaining = _TOKEN.finditer(text)  # from the token that follows
    whole = members.finditer(text) if members else iter(())
    member: re.Match[str] | None = None  # if one is the token before that
    for index, inner in places:
        numbers = [number for number in range(following, index + 1) if members and tokens[number][0] == _MEMBER]
        if numbers:
            member = _skip(whole, len(numbers) - 1)
            remaining = _TOKEN.finditer(text, member.end() if member else 0)
            following = numbers[-1] + 1
        if index >= following:
            found = _skip(remaining, index - following)
            following, member = index + 1, None
        else:
            found = _skip(_TOKEN.finditer(text, member.start()), inner) if member else None
        if found:
            offset += length_in_bytes(text[start : found.start()])
            start = found.start()
        yield offset


def _skip(matches: Iterator[re.Match[str]], number: int) -> re.Match[str] | None:
    return next(islice(matches, number, None), None)
