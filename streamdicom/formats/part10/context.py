"""What the elements before it say of an element: its VR, where the file has none, and its character set."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from streamdicom.dicom import (
    LUT_DATA,
    LUT_DESCRIPTOR,
    PIXEL_DATA,
    PIXEL_REPRESENTATION,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    VRS,
    Encoding,
)

NO_END = 1 << 63
"""Offset of an end that only a delimiter marks: after every other offset."""

_MOST_CREATOR = 64  # characters of an LO (PS3.5 6.2); a longer one is nobody's
_TELLING = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, LUT_DESCRIPTOR})


class ElementContext:
    """What elements have told of those behind them. It is not changed, but made anew: items share it."""

    __slots__ = (
        "_blocks",
        "_encodings",
        "_group",
        "_inherited",
        "_pixel_representation",
        "_single_entry",
        "_terms",
    )

    def __init__(self, terms: tuple[str, ...] | None = None, pixel_representation: int = 0) -> None:
        # PS3.5 7.5.3: an item without Specific Character Set has that of the data set around it.
        self._terms = terms
        self._encodings: list[str] | None = None
        self._pixel_representation = pixel_representation
        self._single_entry = False
        self._group = 0  # of the private creators
        self._blocks: dict[int, str] = {}  # their values, by the block that they reserve
        self._inherited: ElementContext | None = None

    @property
    def inherited(self) -> ElementContext:
        """What of it holds in the items of sequences."""
        # What refers to itself would wait for the garbage collector, with each file that is read.
        return self._inherited or self

    @property
    def encodings(self) -> list[str] | None:
        """Python's names of the character sets in force; None for the default.

        Only text that is not ASCII needs them, and importing pydicom takes longer than reading a small file.
        """
        if self._encodings is None and self._terms is not None:
            from streamdicom.dicom import python_encodings

            self._encodings = python_encodings(self._terms)
        return self._encodings

    def learn(self, tag: int, values: tuple[Any, ...]) -> ElementContext:
        """What is known behind an element of which ``affects_context`` says so."""
        facts = ElementContext(self._terms, self._pixel_representation)
        facts._single_entry, facts._group, facts._blocks = self._single_entry, self._group, self._blocks
        if tag == SPECIFIC_CHARACTER_SET:
            facts._terms = tuple([value for value in values if isinstance(value, str)])
        elif tag == PIXEL_REPRESENTATION:
            facts._pixel_representation = values[0] if values and isinstance(values[0], int) else 0
        elif tag == LUT_DESCRIPTOR:
            # PS3.3 C.11.1.1.1: the first value is the number of entries in the table.
            facts._single_entry = bool(values) and values[0] == 1
        else:
            # No more than one group's creators are ever held.
            facts._group = tag >> 16
            blocks = self._blocks if facts._group == self._group else {}
            creator = values[0] if values and isinstance(values[0], str) and len(values[0]) <= _MOST_CREATOR else ""
            facts._blocks = {**blocks, tag & 0xFF: creator}
        facts._inherited = ElementContext(facts._terms, facts._pixel_representation)
        return facts

    def vr(self, tag: int, length: int) -> str:
        """The VR of an element that has none in the file, or has UN (PS3.5 6.2.2, A.1)."""
        if tag >> 16 & 1:
            return self._private_vr(tag)
        vr = _public_vr(tag)
        if vr in VRS:
            return vr
        if not vr:
            return "UN" if tag & 0xFFFF else "UL"
        if tag == PIXEL_DATA and length == UNDEFINED_LENGTH:
            return "OB"
        if vr == "US or SS":
            return "SS" if self._pixel_representation else "US"
        # PS3.5 A.1: in implicit VR overlays, waveforms and pixel data are OW.
        return "US" if tag == LUT_DATA and self._single_entry else "OW"

    def _private_vr(self, tag: int) -> str:
        element = tag & 0xFFFF
        if 0x10 <= element <= 0xFF:  # PS3.5 7.8.1
            return "LO"
        creator = self._blocks.get(element >> 8) if tag >> 16 == self._group else None
        return _private_vr(tag, creator) if creator else "UN"


class Context:
    """A data set or an item that is being read.

    Attributes:
        encoding: How its elements are laid out.
        known: What the parser knows of elements in this encoding.
        start: The offset of its first element.
        end: The offset behind its last byte, or ``NO_END`` if a delimiter tells.
        facts: What its elements have told.
        tag: That of the sequence in it that is open,
        sequence_end: its end,
        sequence_is_un: whether it has the VR UN,
        items: and how many items of it have begun.
    """

    tag: int
    sequence_end: int
    sequence_is_un: bool
    items: int

    __slots__ = ("encoding", "end", "facts", "items", "known", "sequence_end", "sequence_is_un", "start", "tag")

    def __init__(
        self, encoding: Encoding, known: dict[bytes, Any], start: int, end: int, facts: ElementContext
    ) -> None:
        self.encoding = encoding
        self.known = known
        self.start = start
        self.end = end
        self.facts = facts


def affects_context(tag: int) -> bool:
    """Whether elements of this tag must be shown to ``Facts.learn``."""
    return tag in _TELLING or (tag >> 16 & 1 == 1 and 0x10 <= tag & 0xFFFF <= 0xFF)


def is_ambiguous(tag: int) -> bool:
    """Whether the VR of a public element depends on more than its tag."""
    vr = _public_vr(tag)
    return bool(vr) and vr not in VRS


@lru_cache(maxsize=16384)
def _public_vr(tag: int) -> str:
    from pydicom.datadict import dictionary_VR

    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return ""


@lru_cache(maxsize=16384)
def _private_vr(tag: int, creator: str) -> str:
    from pydicom.datadict import private_dictionary_VR

    try:
        vr = str(private_dictionary_VR(tag, creator))
    except KeyError:
        return "UN"
    return vr if vr in VRS else "UN"
