"""Parsers that may make raw elements of pydicom in the place of events."""

from __future__ import annotations

from streamdicom._typing import Any


class MakesRaws:
    """A parser for a builder of data sets.

    The events of whole elements are most of all events, and a builder would make a raw element of each. The compiled
    engine can make it at once. A parser without the engine has events only.
    """

    _raws: Any = None

    def make_raws(self, raws: Any) -> None:
        """Put raw elements in the place of some events.

        Call it before ``feed``.

        Args:
            raws: The maker of raw elements, of the builder that takes them.
        """
        self._raws = raws
