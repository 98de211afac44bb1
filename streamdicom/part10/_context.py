"""What the elements before it say of an element: its VR, where the file has none, and its character set."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from streamdicom.part10.syntax import PIXEL_DATA, UNDEFINED_LENGTH, Encoding
from streamdicom.tags import SPECIFIC_CHARACTER_SET
from streamdicom.vr import VRS

__all__ = ["FAR", "Context", "is_ambiguous", "is_telling"]

FAR = 1 << 63  # an end that is not known yet

_PIXEL_REPRESENTATION = 0x00280103
_LUT_DESCRIPTOR = 0x00283002
_LUT_DATA = 0x00283006
_TELLING = frozenset({SPECIFIC_CHARACTER_SET, _PIXEL_REPRESENTATION, _LUT_DESCRIPTOR})


class Context:
    """A data set or an item that is being read.

    Attributes:
        encoding: How its elements are laid out.
        end: The offset behind its last byte, or ``FAR`` if a delimiter tells.
        known: What the parser knows of elements in this encoding.
        encodings: Python's names of the character sets in force; None for the default.
        tag: That of the sequence in it that is open,
        sequence_end: its end,
        sequence_is_un: whether it has the VR UN,
        items: and how many items of it have begun.
    """

    tag: int
    sequence_end: int
    sequence_is_un: bool
    items: int

    __slots__ = (
        "_block_group",
        "_blocks",
        "_pixel_representation",
        "_single_entry",
        "encoding",
        "encodings",
        "end",
        "items",
        "known",
        "sequence_end",
        "sequence_is_un",
        "tag",
    )

    def __init__(self, encoding: Encoding, known: dict[bytes, Any], end: int, outer: Context | None = None) -> None:
        self.encoding = encoding
        self.known = known
        self.end = end
        # PS3.5 7.5.3: an item without Specific Character Set has that of the data set around it.
        self.encodings: list[str] | None = outer.encodings if outer else None
        self._pixel_representation: int = outer._pixel_representation if outer else 0
        self._single_entry = False
        self._blocks: dict[int, str] | None = None
        self._block_group = 0

    def learn(self, tag: int, values: tuple[Any, ...]) -> None:
        """Take note of what an element says of those behind it; see ``is_telling``."""
        if tag == SPECIFIC_CHARACTER_SET:
            from streamdicom.charset import encodings_of

            self.encodings = encodings_of(values)
        elif tag == _PIXEL_REPRESENTATION:
            self._pixel_representation = int(values[0]) if values and isinstance(values[0], int) else 0
        elif tag == _LUT_DESCRIPTOR:
            # PS3.3 C.11.1.1.1: the first value is the number of entries in the table.
            self._single_entry = bool(values) and values[0] == 1
        else:
            group = tag >> 16
            if self._blocks is None or group != self._block_group:  # no more than one group's creators are ever held
                self._blocks = {}
                self._block_group = group
            self._blocks[tag & 0xFF] = values[0] if values and isinstance(values[0], str) else ""

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
        return "US" if tag == _LUT_DATA and self._single_entry else "OW"

    def _private_vr(self, tag: int) -> str:
        element = tag & 0xFFFF
        if 0x10 <= element <= 0xFF:  # PS3.5 7.8.1
            return "LO"
        blocks = self._blocks if tag >> 16 == self._block_group else None
        creator = blocks.get(element >> 8) if blocks else None
        return _private_vr(tag, creator) if creator else "UN"


def is_telling(tag: int) -> bool:
    """Whether elements of this tag must be shown to ``Context.learn``."""
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
