"""Transfer syntaxes: how the data set of a file is encoded (PS3.5 10, Annex A)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPIP_REFERENCED = "1.2.840.10008.1.2.4.94"
JPIP_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.95"
JPIP_HTJ2K_REFERENCED = "1.2.840.10008.1.2.4.204"
JPIP_HTJ2K_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.205"

UNDEFINED_LENGTH = 0xFFFFFFFF
FAR = 1 << 63  # what is behind everything
ITEM = 0xFFFEE000
ITEM_DELIMITATION = 0xFFFEE00D
SEQUENCE_DELIMITATION = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010

# The VRs whose length has 16 bits in explicit VR (PS3.5 7.1.2); all others have 32.
SHORT_VRS = frozenset(
    "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()  # noqa: SIM905 - easier to compare
)
MOST_IN_SHORT = 0xFFFE  # bytes, as lengths are even


class Encoding(NamedTuple):
    """How data elements are laid out (PS3.5 7.1).

    Attributes:
        implicit: Whether elements have no VR of their own.
        little_endian: The byte order.
        tag: Two halves of a tag.
        short: A length of 16 bits.
        long: A length of 32 bits.
        item: A tag and a length of 32 bits, as an item has them.
    """

    implicit: bool
    little_endian: bool
    tag: Struct
    short: Struct
    long: Struct
    item: Struct


def _encoding(*, implicit: bool, little_endian: bool) -> Encoding:
    order = "<" if little_endian else ">"
    structs = [Struct(order + form) for form in ("HH", "H", "I", "HHI")]
    return Encoding(implicit, little_endian, *structs)


IMPLICIT_LITTLE_ENDIAN = _encoding(implicit=True, little_endian=True)
EXPLICIT_LITTLE_ENDIAN = _encoding(implicit=False, little_endian=True)
EXPLICIT_BIG_ENDIAN = _encoding(implicit=False, little_endian=False)

_DEFLATED = frozenset({DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, JPIP_REFERENCED_DEFLATE, JPIP_HTJ2K_REFERENCED_DEFLATE})
_NATIVE = _DEFLATED | {
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    JPIP_REFERENCED,
    JPIP_HTJ2K_REFERENCED,
}


def of_uid(uid: str) -> Encoding:
    """The encoding of a transfer syntax; what is not known is explicit VR little endian (PS3.5 A.4).

    >>> of_uid("1.2.840.10008.1.2").implicit
    True
    """
    if uid == IMPLICIT_VR_LITTLE_ENDIAN:
        return IMPLICIT_LITTLE_ENDIAN
    return EXPLICIT_BIG_ENDIAN if uid == EXPLICIT_VR_BIG_ENDIAN else EXPLICIT_LITTLE_ENDIAN


def is_deflated(uid: str) -> bool:
    """Whether the data set is deflated as a whole (PS3.5 A.5).

    >>> is_deflated("1.2.840.10008.1.2.1.99")
    True
    """
    return uid in _DEFLATED


def is_encapsulated(uid: str) -> bool:
    """Whether pixel data comes in fragments (PS3.5 A.4).

    >>> is_encapsulated("1.2.840.10008.1.2.4.50")
    True
    """
    return uid not in _NATIVE
