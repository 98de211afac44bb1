"""The File Meta Information (PS3.10 7.1) of a file that is written."""

from __future__ import annotations

from typing import Any, TypeAlias

from streamdicom.dicom import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    FILE_META_GROUP,
    FILE_META_INFORMATION_VERSION,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    IMPLICIT_VR_LITTLE_ENDIAN,
    JPIP_HTJ2K_REFERENCED,
    JPIP_HTJ2K_REFERENCED_DEFLATE,
    JPIP_REFERENCED,
    JPIP_REFERENCED_DEFLATE,
    MEDIA_STORAGE_SOP_CLASS_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    TRANSFER_SYNTAX_UID,
    is_encapsulated,
    is_group_length,
)
from streamdicom.errors import OutputError
from streamdicom.formats.part10.headers import LENGTH_32, write_header
from streamdicom.formats.part10.values import NotEncodableError, encode_field

# PS3.5 B.2: a UID made from a UUID.
_IMPLEMENTATION = "2.25.260166310113571921530013236316316233087"
_IMPLEMENTATION_NAME = "STREAMDICOM"
_MAX_ELEMENTS = 256
_TERMS = ("ISO_IR 100",)  # no character set applies; readers take text beyond ASCII for ISO 8859-1

# Files are not deflated, so the transfer syntax changes.
_NOT_DEFLATED = {
    JPIP_REFERENCED: JPIP_REFERENCED,
    JPIP_REFERENCED_DEFLATE: JPIP_REFERENCED,
    JPIP_HTJ2K_REFERENCED: JPIP_HTJ2K_REFERENCED,
    JPIP_HTJ2K_REFERENCED_DEFLATE: JPIP_HTJ2K_REFERENCED,
}

_Element: TypeAlias = tuple[str, tuple[Any, ...]]


def check_transfer_syntax(uid: str | None) -> None:
    """Check that files can be written in a transfer syntax.

    Raises:
        ValueError: It is not explicit or implicit VR little endian, nor one for encapsulated pixel data.
    """
    if uid and uid not in (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN) and not is_encapsulated(uid):
        raise ValueError(
            f"expected explicit or implicit VR little endian"
            f" or a transfer syntax with encapsulated pixel data, found {uid}"
        )


class FileMeta:
    """The elements of group 0002, from the events and from the writer.

    Args:
        transfer_syntax: The UID of the transfer syntax, or None for that of the events.

    Attributes:
        sop_class_uid: The values of SOP Class UID in the data set.
        sop_instance_uid: The values of SOP Instance UID in the data set.
    """

    def __init__(self, transfer_syntax: str | None) -> None:
        self._requested = transfer_syntax
        self._elements: dict[int, _Element] = {}
        self.sop_class_uid: tuple[Any, ...] = ()
        self.sop_instance_uid: tuple[Any, ...] = ()

    def add(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        """Add an element of group 0002.

        Raises:
            OutputError: There are too many elements.
        """
        if len(self._elements) >= _MAX_ELEMENTS:
            raise OutputError(f"expected at most {_MAX_ELEMENTS} elements in the File Meta Information, found more")
        self._elements[tag] = vr, values

    @property
    def transfer_syntax(self) -> str:
        """The UID of the transfer syntax in which the file is written."""
        if self._requested:
            return self._requested
        vr, values = self._elements.get(TRANSFER_SYNTAX_UID, ("UI", ()))
        is_uid = vr == "UI" and values and values[0] and isinstance(values[0], str)
        uid = values[0] if is_uid else EXPLICIT_VR_LITTLE_ENDIAN
        return uid if is_encapsulated(uid) else _NOT_DEFLATED.get(uid, EXPLICIT_VR_LITTLE_ENDIAN)

    def encode(self) -> bytes:
        """Return the preamble, the prefix and the File Meta Information.

        Raises:
            OutputError: A value does not fit its VR, or the default character set does not carry a text.
        """
        parts = [self._encode_element(tag, vr, values) for tag, (vr, values) in sorted(self._complete().items())]
        length = LENGTH_32.pack(sum(map(len, parts)))
        group_length = write_header(FILE_META_GROUP << 16, "UL", 4, implicit=False) + length
        return b"".join([bytes(128), b"DICM", group_length, *parts])

    def _encode_element(self, tag: int, vr: str, values: tuple[Any, ...]) -> bytes:
        try:
            data = encode_field(vr, values, _TERMS, in_utf_8=False)
        except NotEncodableError:
            raise OutputError(
                "expected text in the default character set in the File Meta Information, found other characters"
            ) from None
        return write_header(tag, vr, len(data), implicit=False) + data

    def _complete(self) -> dict[int, _Element]:
        elements: dict[int, _Element] = {
            FILE_META_INFORMATION_VERSION: ("OB", (b"\0\1",)),
            MEDIA_STORAGE_SOP_CLASS_UID: ("UI", self.sop_class_uid),
            MEDIA_STORAGE_SOP_INSTANCE_UID: ("UI", self.sop_instance_uid),
            IMPLEMENTATION_CLASS_UID: ("UI", (_IMPLEMENTATION,)),
        }
        if IMPLEMENTATION_CLASS_UID not in self._elements:
            elements[IMPLEMENTATION_VERSION_NAME] = "SH", (_IMPLEMENTATION_NAME,)
        elements |= {tag: element for tag, element in self._elements.items() if element[1]}
        elements[TRANSFER_SYNTAX_UID] = "UI", (self.transfer_syntax,)
        # A data set without a SOP class makes a file all the same, as complete as it can be.
        for tag in (MEDIA_STORAGE_SOP_CLASS_UID, MEDIA_STORAGE_SOP_INSTANCE_UID):
            if not any(elements[tag][1]):
                del elements[tag]
        return {tag: element for tag, element in elements.items() if not is_group_length(tag)}
