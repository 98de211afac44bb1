"""Content items while they are de-identified: held until their concept is known."""

from __future__ import annotations

from collections.abc import Iterable

from streamdicom.events import Event

CONTENT_SEQUENCES = frozenset(
    {
        0x00400441,  # Content Item Modifier Sequence
        0x00400555,  # Acquisition Context Sequence
        0x00400612,  # Specimen Preparation Step Content Item Sequence
        0x0040A730,  # Content Sequence
        0x0040B020,  # Waveform Annotation Sequence
    }
)
"""Sequences whose items are content items (PS3.3 C.17.3, 10.2)."""

VALUE_TYPE = 0x0040A040
CONCEPT_NAME = 0x0040A043
CODE_VALUES = frozenset({0x00080100, 0x00080119, 0x00080120})
CODING_SCHEME = 0x00080102
CONTENT_UID = 0x0040A124
TEXT_VALUE = 0x0040A160
CONTENT_VALUES = frozenset({0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123, CONTENT_UID, TEXT_VALUE})

_MAX_HELD = 4096  # events


class ContentItem:
    """A content item.

    Attributes:
        value_type: Its Value Type.
        code: The code value of its concept.
        scheme: The coding scheme of its concept.
        action: The action of Table E.3.4-1 for its value; empty if the concept is unknown.
        is_held: True until its concept is known.
        is_too_long: True if it has too many events before its concept.
    """

    __slots__ = ("_held", "action", "code", "is_held", "is_too_long", "scheme", "value_type")

    def __init__(self) -> None:
        self.value_type = self.code = self.scheme = self.action = ""
        self.is_held = True
        self.is_too_long = False
        self._held: list[Event] = []

    def hold(self, events: Iterable[Event]) -> None:
        """Hold events, except events of an item that is too long."""
        if not self.is_too_long:
            self._held.extend(events)
            if len(self._held) > _MAX_HELD:
                self.is_too_long = True
                self._held = []

    def take(self) -> list[Event]:
        """Return the events that were held, and hold no more."""
        self.is_held = False
        held, self._held = self._held, []
        return held
