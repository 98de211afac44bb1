"""VR and VM of data elements in the dictionaries (PS3.6, and pydicom's)."""

from __future__ import annotations

from functools import lru_cache

from streamdicom._cache import MAX_KNOWN_TAGS
from streamdicom._dictionary import entry_of, private_entry_of, private_name_of
from streamdicom._records import NamedTuple
from streamdicom.dicom.private_blocks import is_private, is_private_creator
from streamdicom.dicom.tags import is_group_length

NO_MAXIMUM = 1 << 62
"""The maximum of a VM that ends with n."""


class Definition(NamedTuple):
    """The definition of a data element.

    Attributes:
        vrs: Its VRs; several if other elements decide.
        min_values: The least number of values. An element may also be empty.
        max_values: The greatest number of values, or ``NO_MAXIMUM``.
        step: The number of values is a multiple of this number.
    """

    vrs: tuple[str, ...]
    min_values: int = 1
    max_values: int = 1
    step: int = 1

    def allows(self, count: int) -> bool:
        """Return True for a possible number of values.

        >>> Definition(("DS",), 2, NO_MAXIMUM, 2).allows(4), Definition(("DS",), 2, 2).allows(3)
        (True, False)
        """
        return not count or (self.min_values <= count <= self.max_values and not count % self.step)

    @property
    def multiplicity(self) -> str:
        """The VM as the dictionary writes it.

        >>> Definition(("DS",), 3, NO_MAXIMUM, 3).multiplicity
        '3-3n'
        """
        if self.min_values == self.max_values:
            return str(self.min_values)
        last = str(self.max_values)
        if self.max_values == NO_MAXIMUM:
            last = "n" if self.step == 1 else f"{self.step}n"
        return f"{self.min_values}-{last}"


_MAX_KINDS = 1024  # pairs of a VR and a VM; the dictionaries have some hundreds
_GROUP_LENGTH = Definition(("UL",))
_CREATOR = Definition(("LO",))


def definition_of(tag: int) -> Definition | None:
    """Return the definition of a standard element, or None.

    Group lengths and Private Creators have one too.

    >>> definition_of(0x00280030)
    Definition(vrs=('DS',), min_values=2, max_values=2, step=1)
    >>> definition_of(0x60220010).vrs, definition_of(0x00020055)
    (('US',), None)
    """
    if is_group_length(tag):
        return _GROUP_LENGTH
    if is_private(tag):
        return _CREATOR if is_private_creator(tag) else None
    entry = entry_of(tag)
    return _definition(entry.vr, entry.vm) if entry else None


@lru_cache(maxsize=MAX_KNOWN_TAGS)
def private_definition(tag: int, creator: str) -> Definition | None:
    """Return the definition of a private element that pydicom knows, or None.

    >>> private_definition(0x00091027, "GEMS_IDEN_01").vrs
    ('SL',)
    """
    entry = private_entry_of(tag, creator)
    return _definition(*entry) if entry else None


def private_name(tag: int, creator: str) -> str:
    """Return the name of a private element that pydicom knows, or "".

    >>> private_name(0x00091027, "GEMS_IDEN_01")
    'Image actual date'
    """
    return private_name_of(tag, creator)


@lru_cache(maxsize=_MAX_KINDS)
def _definition(vr: str, multiplicity: str) -> Definition | None:
    """Return the definition of an entry; None for delimiters, which have no VR."""
    vrs = tuple(vr.split(" or "))
    if not all(len(one) == 2 and one.isupper() for one in vrs):
        return None
    ranges = [_range(text) for text in multiplicity.split(" or ")]
    least, most = min(first for first, _, _ in ranges), max(last for _, last, _ in ranges)
    return Definition(vrs, least, most, min(step for _, _, step in ranges))


def _range(multiplicity: str) -> tuple[int, int, int]:
    """Return minimum, maximum and step of a VM such as 1, 1-3, 1-n or 3-3n."""
    first, _, last = multiplicity.partition("-")
    if not first.isdigit():
        return 1, NO_MAXIMUM, 1
    least = int(first)
    if not last:
        return least, least, 1
    if last.isdigit():
        return least, int(last), 1
    step = last.removesuffix("n")
    return least, NO_MAXIMUM, int(step) if step.isdigit() else 1
