"""The place in a stream at which a tokenizer starts."""

from __future__ import annotations

from streamdicom._records import NamedTuple

FIRST = "["
"""The structure before the first element of an array."""

NEXT = "[{},"
"""The structure before another element of an array."""


class Origin(NamedTuple):
    """A place between the outermost values of JSON text.

    Attributes:
        offset: Bytes before it.
        structure: The structure before it that matters: empty between documents, ``FIRST`` or ``NEXT``.

    >>> Origin(41, NEXT)
    Origin(offset=41, structure='[{},')
    """

    offset: int = 0
    structure: str = ""
