"""Transfer syntaxes: encodings of data sets (PS3.5 10, Annex A)."""

from __future__ import annotations

from struct import Struct

from streamdicom._dictionary import uid_type_of
from streamdicom._records import NamedTuple

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPIP_REFERENCED = "1.2.840.10008.1.2.4.94"
JPIP_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.95"
JPIP_HTJ2K_REFERENCED = "1.2.840.10008.1.2.4.204"
JPIP_HTJ2K_REFERENCED_DEFLATE = "1.2.840.10008.1.2.4.205"

UNDEFINED_LENGTH = 0xFFFFFFFF
MAX_FRAGMENT_LENGTH = UNDEFINED_LENGTH - 1  # bytes of an item of defined length (PS3.5 7.5.1)

# VRs with a length of 16 bits in explicit VR (PS3.5 7.1.2); all others have 32 bits.
SHORT_VRS = frozenset(
    "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()  # noqa: SIM905 - easier to compare
)
MAX_SHORT_LENGTH = 0xFFFE  # bytes; lengths are even


class Encoding(NamedTuple):
    """Layout of data elements (PS3.5 7.1).

    Attributes:
        implicit: True for implicit VR.
        little_endian: The byte order.
        tag: Group and element number.
        short: A length of 16 bits.
        long: A length of 32 bits.
        item: The header of an item: group and element number, a length of 32 bits.
        pair: The same with the group and element number as one number, whose halves are swapped in little endian.
        head: The first eight bytes of an element: its tag, with the VR in explicit VR, as bytes; its length.
    """

    implicit: bool
    little_endian: bool
    tag: Struct
    short: Struct
    long: Struct
    item: Struct
    pair: Struct
    head: Struct


def _encoding(*, implicit: bool, little_endian: bool) -> Encoding:
    order = "<" if little_endian else ">"
    structs = [Struct(order + form) for form in ("HH", "H", "I", "HHI", "II", "4sI" if implicit else "6sH")]
    return Encoding(implicit, little_endian, *structs)


IMPLICIT_LITTLE_ENDIAN: Encoding = _encoding(implicit=True, little_endian=True)
EXPLICIT_LITTLE_ENDIAN: Encoding = _encoding(implicit=False, little_endian=True)
EXPLICIT_BIG_ENDIAN: Encoding = _encoding(implicit=False, little_endian=False)

_DEFLATED = frozenset({DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, JPIP_REFERENCED_DEFLATE, JPIP_HTJ2K_REFERENCED_DEFLATE})
_NOT_OF_FILES = frozenset(f"1.2.840.10008.1.{end}" for end in ("2.6.1", "2.6.2", "2.7.1", "2.7.2", "2.7.3", "20"))
_NATIVE = (
    _DEFLATED
    | _NOT_OF_FILES
    | {
        IMPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_LITTLE_ENDIAN,
        EXPLICIT_VR_BIG_ENDIAN,
        JPIP_REFERENCED,
        JPIP_HTJ2K_REFERENCED,
    }
)


def encoding_of(uid: str) -> Encoding:
    """Return the encoding of a transfer syntax.

    For an unknown one it is explicit VR little endian (PS3.5 A.4).

    >>> encoding_of("1.2.840.10008.1.2").implicit
    True
    """
    if uid == IMPLICIT_VR_LITTLE_ENDIAN:
        return IMPLICIT_LITTLE_ENDIAN
    return EXPLICIT_BIG_ENDIAN if uid == EXPLICIT_VR_BIG_ENDIAN else EXPLICIT_LITTLE_ENDIAN


def is_deflated(uid: str) -> bool:
    """Return True if the transfer syntax deflates the whole data set (PS3.5 A.5).

    >>> is_deflated("1.2.840.10008.1.2.1.99")
    True
    """
    return uid in _DEFLATED


def is_encapsulated(uid: str) -> bool:
    """Return True if the transfer syntax encapsulates pixel data (PS3.5 A.4).

    >>> is_encapsulated("1.2.840.10008.1.2.4.50")
    True
    """
    return uid not in _NATIVE


def is_transfer_syntax(uid: str) -> bool:
    """Return True for a transfer syntax of PS3.6 Table A-1, also a retired one.

    >>> is_transfer_syntax("1.2.840.10008.1.2.4.50"), is_transfer_syntax("1.2.840.10008.1.1")
    (True, False)
    """
    return uid_type_of(uid) == "Transfer Syntax"
