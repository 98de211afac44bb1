"""Headers of data elements and items (PS3.5 7.1, 7.5)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from streamdicom.dicom import MAX_SHORT_LENGTH, SHORT_VRS, UNDEFINED_LENGTH, VRS, Encoding
from streamdicom.errors import DicomFileError

# Layouts after the tag
SHORT = 0  # VR, 16 bits of length
LONG = 1  # VR, 16 bits reserved, 32 bits of length
IMPLICIT = 2  # 32 bits of length

TAG = Struct("<HH")
LENGTH_16 = Struct("<H")
LENGTH_32 = Struct("<I")
ITEM_TAG = TAG.pack(0xFFFE, 0xE000)
ITEM_START = ITEM_TAG + LENGTH_32.pack(UNDEFINED_LENGTH)
ITEM_END = TAG.pack(0xFFFE, 0xE00D) + LENGTH_32.pack(0)
SEQUENCE_END = TAG.pack(0xFFFE, 0xE0DD) + LENGTH_32.pack(0)

_DELIMITER_GROUP = 0xFFFE


class Header(NamedTuple):
    """The header of an element after its tag.

    Attributes:
        layout: The layout.
        vr: The VR; "" in implicit VR.
        size: Bytes of the header, with the tag.
        length: Bytes of the value field, or ``UNDEFINED_LENGTH``.
    """

    layout: int
    vr: str
    size: int
    length: int


def read_tag(buffer: bytes, pos: int, encoding: Encoding) -> int:
    """Return the tag at a position in a buffer."""
    group, element = encoding.tag.unpack_from(buffer, pos)
    return int(group << 16 | element)


def read_item_header(buffer: bytes, pos: int, encoding: Encoding) -> tuple[int, int]:
    """Return the tag and the length of an item or delimiter in a buffer."""
    group, element, length = encoding.item.unpack_from(buffer, pos)
    return group << 16 | element, length


def read_header(buffer: bytes, pos: int, encoding: Encoding) -> Header | int:
    r"""Return the header at a position, or the number of bytes that it needs.

    At least 8 bytes must be in the buffer from the position.

    Raises:
        DicomFileError: The VR is unknown.

    >>> from streamdicom.dicom import EXPLICIT_LITTLE_ENDIAN
    >>> read_header(b"\x10\0\x20\0LO\x02\0", 0, EXPLICIT_LITTLE_ENDIAN)
    Header(layout=0, vr='LO', size=8, length=2)
    """
    vr = ""
    if not encoding.implicit and encoding.tag.unpack_from(buffer, pos)[0] != _DELIMITER_GROUP:
        vr = _vr(buffer[pos + 4 : pos + 6])
        if vr in SHORT_VRS:
            return Header(SHORT, vr, 8, encoding.short.unpack_from(buffer, pos + 6)[0])
        if len(buffer) - pos < 12:
            return 12
        return Header(LONG, vr, 12, encoding.long.unpack_from(buffer, pos + 8)[0])
    return Header(IMPLICIT, vr, 8, encoding.long.unpack_from(buffer, pos + 4)[0])


def _vr(code: bytes) -> str:
    try:
        vr = code.decode("ascii")
    except UnicodeDecodeError:
        vr = ""
    if vr not in VRS:
        raise DicomFileError("expected a VR (PS3.5 6.2), found other bytes")
    return vr


def write_header(tag: int, vr: str, length: int, *, implicit: bool) -> bytes:
    r"""Return the header of an element in little endian.

    >>> write_header(0x00100020, "LO", 4, implicit=False)
    b'\x10\x00 \x00LO\x04\x00'
    """
    start = TAG.pack(tag >> 16, tag & 0xFFFF)
    if implicit:
        return start + LENGTH_32.pack(length)
    if vr in SHORT_VRS:
        if length <= MAX_SHORT_LENGTH:
            return start + vr.encode() + LENGTH_16.pack(length)
        vr = "UN"  # PS3.5 6.2.2, note 4
    return start + vr.encode() + b"\0\0" + LENGTH_32.pack(length)
