"""Parsers that write some of their events themselves; see ``_encoded``."""

from __future__ import annotations

from abc import ABC, abstractmethod

from streamdicom._typing import Any


class SelfEncoding(ABC):
    """A parser that can write a part of its events itself."""

    @abstractmethod
    def encode_in(self, form: Any) -> None:
        """Append ``Encoded`` events; call it before ``feed``.

        Args:
            form: An ``OutputForm`` of the engine.
        """
