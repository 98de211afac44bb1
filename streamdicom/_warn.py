"""Warnings that point at the caller's code."""

from __future__ import annotations

import os
import sys
import warnings

_PACKAGE = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - pathlib takes long to import


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
