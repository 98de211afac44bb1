"""Context of elements: missing VRs and character sets, by the elements before."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from streamdicom._cache import MAX_KNOWN_TAGS, BoundedCache
from streamdicom._dictionary import entry_of, private_entry_of
from streamdicom._typing import Any
from streamdicom.dicom import (
    LUT_DATA,
    LUT_DESCRIPTOR,
    PIXEL_DATA,
    PIXEL_REPRESENTATION,
    SPECIFIC_CHARACTER_SET,
    UNDEFINED_LENGTH,
    VRS,
    CharacterSets,
    Encoding,
    PrivateBlocks,
    character_sets,
    is_private_creator,
)
from streamdicom.events import Event
from streamdicom.formats.seen_tags import SeenTags

NO_END = 1 << 63
"""The offset of an end that only a delimiter marks; greater than every other offset."""

# Kinds of sequences
PUBLIC = "public"  # of VR SQ, by the file or the standard
PRIVATE = "private"  # of VR SQ
IMPLIED = "implied"  # private in implicit VR
UN = "UN"  # of this VR

CONTEXT_TAGS = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, LUT_DESCRIPTOR})
"""The public elements that the context learns from."""


class ElementContext:
    """Values of earlier elements that later elements depend on.

    Items share a context, so it is replaced. Only private creators are added to a context that has some.
    """

    __slots__ = (
        "_blocks",
        "_inherited",
        "_pixel_representation",
        "_sets",
        "_single_entry",
        "_terms",
    )

    def __init__(self, terms: tuple[str, ...] = (), pixel_representation: int = 0) -> None:
        # PS3.5 7.5.3: an item without Specific Character Set has that of the data set around it.
        self._terms = terms
        self._sets: CharacterSets | None = None  # made when the first text beyond ASCII needs them
        self._pixel_representation = pixel_representation
        self._single_entry = False
        self._blocks: PrivateBlocks | None = None
        self._inherited: ElementContext | None = None

    @property
    def inherited(self) -> ElementContext:
        """The part that applies to the items of sequences."""
        # Avoid a self-reference: it would create one garbage collector cycle per file.
        return self._inherited or self

    @property
    def sets(self) -> CharacterSets:
        """The character sets in force."""
        if self._sets is None:
            self._sets = character_sets(self._terms)
        return self._sets

    def learn(self, tag: int, values: tuple[Any, ...]) -> ElementContext:
        """Return the context after an element for which ``affects_context`` is True."""
        if is_private_creator(tag):
            return self._reserve(tag, values)
        context = ElementContext(self._terms, self._pixel_representation)
        context._single_entry, context._blocks = self._single_entry, self._blocks
        if tag == SPECIFIC_CHARACTER_SET:
            context._terms = tuple([value for value in values if isinstance(value, str)])
        elif tag == PIXEL_REPRESENTATION:
            context._pixel_representation = values[0] if values and isinstance(values[0], int) else 0
        else:
            # PS3.3 C.11.1.1.1: the first value is the number of entries in the table.
            context._single_entry = bool(values) and values[0] == 1
        context._inherited = ElementContext(context._terms, context._pixel_representation)
        return context

    def _reserve(self, tag: int, values: tuple[Any, ...]) -> ElementContext:
        context = self
        if self._blocks is None:
            context = ElementContext(self._terms, self._pixel_representation)
            context._single_entry, context._blocks = self._single_entry, PrivateBlocks()
            context._sets, context._inherited = self._sets, self.inherited
        assert context._blocks
        context._blocks.reserve(tag, values)
        return context

    def effective_vr(self, tag: int, vr: str, length: int) -> str:
        """Return the VR of an element, by the VR in its header and its length.

        Args:
            tag: The tag.
            vr: The VR in the header; "" in implicit VR.
            length: The length in the header.
        """
        if vr and vr != "UN":
            return vr
        known = self._known_vr(tag, length)
        if length != UNDEFINED_LENGTH:
            return known
        # PS3.5 6.2.2: UN of undefined length is a sequence in implicit VR.
        return "SQ" if vr == "UN" or known == "UN" or tag >> 16 & 1 else known

    def _known_vr(self, tag: int, length: int) -> str:
        """Return the VR by the data dictionary and this context (PS3.5 6.2.2, A.1)."""
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
        if is_private_creator(tag):
            return "LO"
        creator = self._blocks.creator(tag) if self._blocks else ""
        return _private_vr(tag, creator) if creator else "UN"


class Context(SeenTags):
    """A data set or an item that is being read.

    Attributes:
        encoding: The layout of its elements.
        known: The table of known elements in this encoding.
        start: The offset of its first element.
        end: The offset after its last byte, or ``NO_END`` if a delimiter marks the end.
        limit: The offset that its elements must not pass: its end, or that of the structure around it.
        reach: The least of that limit and the ends of the sequences around it. The innermost loop stops before elements
            that pass it.
        facts: The values of its elements that later ones depend on.
        tag: The tag of its open sequence.
        sequence_start: The offset of the first byte of the value of that sequence if the buffer holds it whole, or -1.
        sequence_end: The offset after that sequence, or ``NO_END``.
        sequence_kind: The source of its VR.
        items: The number of items begun in that sequence.
    """

    tag: int
    sequence_start: int
    sequence_end: int
    sequence_kind: str
    items: int

    __slots__ = (
        "encoding",
        "end",
        "facts",
        "items",
        "known",
        "limit",
        "reach",
        "sequence_end",
        "sequence_kind",
        "sequence_start",
        "start",
        "tag",
    )

    def __init__(
        self,
        encoding: Encoding,
        known: BoundedCache[bytes, Any],
        start: int,
        end: int,
        limit: int,
        reach: int,
        facts: ElementContext,
    ) -> None:
        super().__init__()
        self.encoding = encoding
        self.known = known
        self.start = start
        self.end = end
        self.limit = limit
        self.reach = reach
        self.facts = facts

    def bound(self, limit: int) -> None:
        """Set the offset that no element may pass."""
        self.limit = self.reach = limit

    def learn_all(self, events: Iterable[Event]) -> None:
        """Learn from elements that have been read, and that may affect later ones."""
        for _, tag, _, values in events:
            if affects_context(tag):
                self.facts = self.facts.learn(tag, values)

    def open_sequence(self, tag: int, kind: str, start: int, end: int) -> None:
        """Start a sequence."""
        self.tag = tag
        self.items = 0
        self.sequence_start = start
        self.sequence_end = end
        self.sequence_kind = kind


def affects_context(tag: int) -> bool:
    """Return True if elements of this tag change the ``ElementContext``."""
    return tag in CONTEXT_TAGS or is_private_creator(tag)


def certain_vr(tag: int) -> str:
    """Return the VR of a public element, or "" if its tag is not enough.

    >>> certain_vr(0x00100010), certain_vr(0x00280106), certain_vr(0x00100000)
    ('PN', '', 'UL')
    """
    if not tag or tag >> 16 & 1 or is_ambiguous(tag):
        return ""
    return _public_vr(tag) or ("UN" if tag & 0xFFFF else "UL")


def is_read_alone(tag: int, vr: str) -> bool:
    """Return whether readers of implicit VR take this VR, or UN, in every data set.

    The values affect no other element either.

    >>> is_read_alone(0x00100010, "PN"), is_read_alone(0x00280106, "US"), is_read_alone(0x00280103, "US")
    (True, False, False)
    """
    return certain_vr(tag) in (vr, "UN") and not affects_context(tag)


def is_ambiguous(tag: int) -> bool:
    """Return True if the VR of a public element depends on more than its tag."""
    vr = _public_vr(tag)
    return bool(vr) and vr not in VRS


@lru_cache(maxsize=MAX_KNOWN_TAGS)
def _public_vr(tag: int) -> str:
    entry = entry_of(tag)
    return entry.vr if entry else ""


@lru_cache(maxsize=MAX_KNOWN_TAGS)
def _private_vr(tag: int, creator: str) -> str:
    entry = private_entry_of(tag, creator)
    return entry[0] if entry and entry[0] in VRS else "UN"
