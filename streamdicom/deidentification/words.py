"""Clean text by keeping known words."""

from __future__ import annotations

import re
from functools import cache

_TOKEN = re.compile(r"[^\W_]+(?:\.[0-9]+[^\W_]*)?")
_TECHNICAL = re.compile(
    r"t[12]w?|[clst][0-9]{1,2}|b(?:0|[0-9]{0,2}[05]0)|[23]d"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3})?(?:mm|cm|kvp?|mas?|ml|deg|hz)",
)


def known_words(text: str) -> str:
    """Return the words of a text that are known to be harmless, in the same order.

    They are words of the context groups of PS3.16 for anatomy, laterality, position, modality and contrast; common
    words of descriptions of series; and technical terms such as T1, L5 or 5mm. Everything else goes: names, dates,
    numbers, and words of other languages. A name that is also such a word stays, such as Hand or Short.

    >>> known_words("T1 AX HEAD 5mm, Mr. Smith, 12.3.1951")
    'T1 HEAD 5mm'
    """
    words = _words()
    tokens = _TOKEN.findall(text)
    return " ".join(token for token in tokens if token.lower() in words or _TECHNICAL.fullmatch(token.lower()))


@cache
def _words() -> frozenset[str]:
    from importlib.resources import files  # takes long to import

    return frozenset(files("streamdicom.deidentification").joinpath("words.txt").read_text().split())
