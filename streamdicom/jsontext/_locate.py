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

from streamdicom.jsontext._strings import length_in_bytes

_TOKEN = re.compile(r'"[^"]*"|[\[\]{}]|[^ \t\r\n\[\]{}:,"]+')
Origin: TypeAlias = tuple[int, str, int]
"""What some tokens come from: the index of the first of them; their text, with escapes masked, or none if the only
token is a segment of a string; and the byte offset of the text."""

_END: Origin = (sys.maxsize, "", 0)


def locate(origins: Sequence[Origin], indexes: Sequence[int]) -> list[int]:
    """The byte offsets of the tokens with these indexes, which do not descend; in one go."""
    offsets: list[int] = []
    waiting = 0
    for origin, following in pairwise([*origins, _END]):
        done, waiting = waiting, bisect_left(indexes, following[0], waiting)
        offsets += _within(origin, indexes[done:waiting])
    return offsets


def _within(origin: Origin, indexes: Iterable[int]) -> Iterator[int]:
    following, text, offset = origin
    tokens = _TOKEN.finditer(text)
    start = 0
    for index in indexes:
        match = next(islice(tokens, index - following, None), None) if index >= following else None
        if match:
            offset += length_in_bytes(text[start : match.start()])
            following, start = index + 1, match.start()
        yield offset
