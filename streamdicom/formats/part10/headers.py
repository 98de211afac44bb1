"""Headers of data elements and items (PS3.5 7.1, 7.5)."""

from __future__ import annotations

from struct import Struct

from streamdicom.dicom import MAX_SHORT_LENGTH, SHORT_VRS, UNDEFINED_LENGTH, Encoding

# Layouts of headers
SHORT = 0  # 8 bytes: tag, VR, 16 bits of length; in implicit VR: tag, 32 bits of length
LONG = 1  # 12 bytes: tag, VR, 16 bits reserved, 32 bits of length

TAG = Struct("<HH")
LENGTH_16 = Struct("<H")
LENGTH_32 = Struct("<I")
ITEM_TAG = TAG.pack(0xFFFE, 0xE000)
ITEM_START = ITEM_TAG + LENGTH_32.pack(UNDEFINED_LENGTH)
ITEM_END = TAG.pack(0xFFFE, 0xE00D) + LENGTH_32.pack(0)
SEQUENCE_END = TAG.pack(0xFFFE, 0xE0DD) + LENGTH_32.pack(0)

DELIMITER_GROUP = 0xFFFE


def read_item_header(buffer: bytes, pos: int, encoding: Encoding) -> tuple[int, int]:
    """Return the tag and the length of an item or delimiter in a buffer."""
    group, element, length = encoding.item.unpack_from(buffer, pos)
    return group << 16 | element, length


def read_header(buffer: bytes, pos: int, encoding: Encoding) -> tuple[int, int, str, int, int]:
    r"""Return tag, layout, VR, size and length of the header at a position.

    The VR is "" in implicit VR and of a delimiter, otherwise any two characters. At least 8 bytes must be in the buffer
    from the position. If the size is not, the length is 0.

    >>> from streamdicom.dicom import EXPLICIT_LITTLE_ENDIAN
    >>> read_header(b"\x10\0\x20\0LO\x02\0", 0, EXPLICIT_LITTLE_ENDIAN)
    (1048608, 0, 'LO', 8, 2)
    """
    group, element, length = encoding.item.unpack_from(buffer, pos)
    tag = group << 16 | element
    if encoding.implicit or group == DELIMITER_GROUP:
        return tag, SHORT, "", 8, length
    vr = buffer[pos + 4 : pos + 6].decode("latin_1")
    if vr in SHORT_VRS:
        return tag, SHORT, vr, 8, encoding.short.unpack_from(buffer, pos + 6)[0]
    if len(buffer) - pos < 12:
        return tag, LONG, vr, 12, 0
    return tag, LONG, vr, 12, encoding.long.unpack_from(buffer, pos + 8)[0]


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
