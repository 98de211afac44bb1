"""The first Data Element of a DICOM file without preamble."""

from __future__ import annotations

from streamdicom.dicom import VRS

PREFIX = b"DICM"  # PS3.10 7.1

_FIRST_GROUPS = frozenset({0x0002, 0x0004, 0x0008})
_MAX_IMPLICIT_LENGTH = 0xFFFF  # bytes of the first element in implicit VR


def starts_with_element(head: bytes) -> bool:
    r"""Return whether bytes look like a DICOM file without preamble.

    It starts with an element of group 0002, 0004 or 0008, in explicit VR with a known VR, or in implicit VR little
    endian with a short and even length. The prefix "DICM" may precede the element.

    >>> starts_with_element(b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100"), starts_with_element(b"8.0.5.CS")
    (True, False)
    """
    head = head.removeprefix(PREFIX)
    if len(head) < 8:
        return False
    has_vr = head[4:6].decode("latin-1") in VRS
    if int.from_bytes(head[:2], "little") not in _FIRST_GROUPS:
        return has_vr and int.from_bytes(head[:2], "big") in _FIRST_GROUPS
    length = int.from_bytes(head[4:8], "little")
    return has_vr or (length <= _MAX_IMPLICIT_LENGTH and length % 2 == 0)
