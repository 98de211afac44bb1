"""Whether the bytes of a value field can have a VR that the file does not state.

UN may hold anything (PS3.5 6.2.2). The dictionary of private elements is made by observation, and devices differ.
"""

from __future__ import annotations

from struct import calcsize

from streamdicom.dicom.private_blocks import is_private
from streamdicom.dicom.tags import ITEM_TAG_BYTES
from streamdicom.dicom.transfer_syntax import UNDEFINED_LENGTH
from streamdicom.dicom.vr import VRS, Form

_DECIMAL = b"0123456789+-.eE\\ "
_MIN_DECIMAL_LENGTH = 4  # bytes; two digits may well be a number of 16 bits
_TEXT_CONTROLS = b"\t\n\f\r\x1b"
_CONTROLS = bytes(set(range(0x20)) - set(_TEXT_CONTROLS))
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"


def value_size(vr: str) -> int:
    """Return the bytes of one value of a VR of numbers.

    >>> value_size("AT"), value_size("FD")
    (4, 8)
    """
    return 4 if vr == "AT" else calcsize(f"={VRS[vr].code}")


def is_decimal(data: bytes) -> bool:
    r"""Return True for decimal digits, which are hardly binary numbers.

    >>> is_decimal(b"0.488281"), is_decimal(b"0.48828\0"), is_decimal(b"12"), is_decimal(b"123\0"), is_decimal(bytes(8))
    (True, True, False, False, False)
    """
    if len(data) >= 2 * _MIN_DECIMAL_LENGTH:  # three digits and a NUL may well be a number of 32 bits
        data = data.removesuffix(b"\0")
    return len(data) >= _MIN_DECIMAL_LENGTH and not data.strip(_DECIMAL)


def may_have_vr(tag: int, vr: str, data: bytes) -> bool:
    r"""Return False if a value field is evidently not of a VR.

    The length of numbers is a multiple of their size, and text has no control characters (PS3.5 6.1.3) but padding. In
    a private element, numbers are not made of decimal digits.

    Args:
        tag: The tag.
        vr: Any VR but SQ.
        data: The value field, not empty.

    >>> may_have_vr(0x00091001, "FD", b"0.488281"), may_have_vr(0x00091001, "FD", bytes(8))
    (False, True)
    >>> may_have_vr(0x00100020, "LO", b"\1\0")
    False
    """
    row = VRS[vr]
    if row.form is Form.BINARY:
        return True
    if row.code:
        return not (is_private(tag) and is_decimal(data)) and len(data) % value_size(vr) == 0
    text = data.rstrip(b"\0 ")
    return len(text.translate(None, _CONTROLS)) == len(text)


def may_be_items(data: bytes) -> bool:
    r"""Return False if bytes are no items in little endian, as far as lengths show.

    >>> may_be_items(b"\xfe\xff\x00\xe0\0\0\0\0"), may_be_items(b"hello wo")
    (True, False)
    """
    position = 0
    while data.startswith(ITEM_TAG_BYTES, position):
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if length == UNDEFINED_LENGTH:
            return True
        position += 8 + length
    return position == len(data) or data.startswith(_SEQUENCE_END, position)
