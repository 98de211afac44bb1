"""Warnings that point at the caller's code, and warnings of tasks."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from streamdicom._typing import Protocol


class Warner(Protocol):
    """A function that warns of a code."""

    def __call__(self, code: str, text: str = "") -> None:
        """Warn, with the meaning of the code if there is no other text."""


_PACKAGE = os.path.dirname(__file__) + os.sep
_MAX_CAUGHT = 20


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the line that called this package.

    A fixed ``stacklevel`` would point into a parser, and at another line for each way of reading.

    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("an odd value")
    >>> str(caught[0].message)
    'an odd value'
    """
    frame, level = sys._getframe(1), 2
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def caught_warnings() -> Iterator[set[str]]:
    """Catch Python warnings; yield the set of their texts, which is bounded."""
    texts: set[str] = set()

    def collect(message: Warning | str, *_: object, **__: object) -> None:
        if len(texts) < _MAX_CAUGHT:
            texts.add(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = collect
        yield texts
