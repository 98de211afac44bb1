"""The converters in force: of the options, and of the enclosing ``active`` blocks.

Every parser and writer asks for them, and few programs have any. So the registry is imported when there are some.
"""

from __future__ import annotations

from collections.abc import Callable

from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.converters.registry import Converters

find_active: Callable[[], Converters | None] = lambda: None  # noqa: E731 - the registry replaces it
"""Returns the converters of the enclosing ``active`` blocks."""


def converters_in_force(own: Converters | None) -> Converters | None:
    """Return the converters of the options and of the enclosing ``active`` blocks.

    >>> converters_in_force(None)
    """
    active = find_active()
    if active is None or own is None:
        return own or active
    return active | own
