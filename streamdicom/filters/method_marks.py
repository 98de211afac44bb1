"""The elements that say how a data set was de-identified."""

from __future__ import annotations

from collections.abc import Iterator

from streamdicom._typing import Any
from streamdicom.deidentification import EDITION, METHOD_CODES, Deidentification, code_item
from streamdicom.deidentification import DeidentificationOption as Option
from streamdicom.events import ELEMENT, END_ITEM, END_SEQUENCE, START_ITEM, START_SEQUENCE, Event

PATIENT_IDENTITY_REMOVED = 0x00120062
DEIDENTIFICATION_METHOD = 0x00120063
DEIDENTIFICATION_METHOD_CODES = 0x00120064
LONGITUDINAL_INFORMATION_MODIFIED = 0x00280303
MARKS = frozenset(
    {
        PATIENT_IDENTITY_REMOVED,
        DEIDENTIFICATION_METHOD,
        DEIDENTIFICATION_METHOD_CODES,
        LONGITUDINAL_INFORMATION_MODIFIED,
    }
)

METHOD = f"streamdicom: PS3.15 {EDITION} Annex E"
BASIC_CODE = ("113100", "Basic Application Confidentiality Profile")


def item_events(tag: int, number: int, elements: list[tuple[int, str, Any]]) -> Iterator[Event]:
    """Yield the events of an item that consists of whole elements and sequences."""
    yield START_ITEM, tag, "", number
    for inner, vr, values in elements:
        yield from element_events(inner, vr, values)
    yield END_ITEM, tag, "", None


def element_events(tag: int, vr: str, values: Any) -> Iterator[Event]:
    """Yield the events of an element; a sequence has a list of items."""
    if vr != "SQ":
        yield ELEMENT, tag, vr, values
        return
    yield START_SEQUENCE, tag, vr, None
    for number, item in enumerate(values):
        yield from item_events(tag, number, item)
    yield END_SEQUENCE, tag, vr, None


class MethodMarks:
    """The marks of one data set that are not yet written.

    Args:
        deidentification: The options.
    """

    def __init__(self, deidentification: Deidentification) -> None:
        chosen = deidentification.options
        dates = "REMOVED"
        if Option.RETAIN_FULL_DATES in chosen:
            dates = "UNMODIFIED"
        elif Option.RETAIN_MODIFIED_DATES in chosen:
            dates = "MODIFIED"
        self.codes = [code_item(*BASIC_CODE), *(code_item(*METHOD_CODES[Option(option)]) for option in chosen)]
        self._pending: dict[int, tuple[str, Any]] = {
            PATIENT_IDENTITY_REMOVED: ("CS", ("YES",)),
            DEIDENTIFICATION_METHOD: ("LO", (METHOD,)),
            DEIDENTIFICATION_METHOD_CODES: ("SQ", self.codes),
            LONGITUDINAL_INFORMATION_MODIFIED: ("CS", (dates,)),
        }

    def before(self, tag: int) -> Iterator[Event]:
        """Yield the events of the marks before an element."""
        while self._pending:
            first = next(iter(self._pending))
            if first >= tag:
                return
            yield from element_events(first, *self._pending.pop(first))

    def has(self, tag: int) -> bool:
        """Return whether an element is a mark."""
        return tag in self._pending

    def add_methods(self, values: tuple[Any, ...]) -> None:
        """Put earlier methods before the one of this run."""
        earlier = [value for value in values if isinstance(value, str) and value != METHOD]
        self._pending[DEIDENTIFICATION_METHOD] = ("LO", (*earlier, METHOD))

    def take_codes(self) -> list[Any]:
        """Return the codes, which another writes."""
        del self._pending[DEIDENTIFICATION_METHOD_CODES]
        return self.codes
