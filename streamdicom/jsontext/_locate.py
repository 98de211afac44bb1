"""Where in the stream a token starts.

It is found by going through the text once more: errors are rare, and tokens carry nothing for them.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from streamdicom.jsontext._strings import length_in_bytes

_TOKEN = re.compile(r'"[^"]*"|[\[\]{}]|[^ \t\r\n\[\]{}:,"]+')


class Origin(NamedTuple):
    """What some tokens come from."""

    first: int  # the index of the first of them
    text: str  # with escapes masked; none if the only token is a segment of a string
    offset: int  # in bytes


_END = Origin(sys.maxsize, "", 0)


def locate(origins: Sequence[Origin], indexes: Sequence[int]) -> list[int]:
    """The byte offsets of the tokens with these indexes, which are in ascending order; in one go."""
    offsets: list[int] = []
    waiting = 0
    for origin, following in pairwise([*origins, _END]):
        done, waiting = waiting, bisect_left(indexes, following.first, waiting)
        offsets += _within(origin, indexes[done:waiting])
    return offsets


def _within(origin: Origin, indexes: Iterable[int]) -> Iterator[int]:
    tokens = _TOKEN.finditer(origin.text)
    following, start, offset = origin.first, 0, origin.offset
    for index in indexes:
        match = next(islice(tokens, index - following, None), None)
        if match:
            offset += length_in_bytes(origin.text[start : match.start()])
            following, start = index + 1, match.start()
        yield offset
