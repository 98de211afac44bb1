"""The file meta information (PS3.10 7.1) of a file that is written: what came, and what is missing."""

from __future__ import annotations

from typing import Any

from streamdicom.dicom import (
    EXPLICIT_VR_LITTLE_ENDIAN,
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
)
from streamdicom.errors import OutputError

# PS3.5 B.2: a UUID makes a UID of its own.
_IMPLEMENTATION = "2.25.260166310113571921530013236316316233087"
_IMPLEMENTATION_NAME = "STREAMDICOM"

# What a file that is written has instead, see ``Part10Writer``.
_WRITTEN_AS = {
    JPIP_REFERENCED: JPIP_REFERENCED,
    JPIP_REFERENCED_DEFLATE: JPIP_REFERENCED,
    JPIP_HTJ2K_REFERENCED: JPIP_HTJ2K_REFERENCED,
    JPIP_HTJ2K_REFERENCED_DEFLATE: JPIP_HTJ2K_REFERENCED,
}


def check_transfer_syntax(uid: str | None) -> None:
    """Say whether a file can be written in a transfer syntax.

    Raises:
        ValueError: It is neither explicit or implicit VR little endian nor one for encapsulated pixel data.
    """
    if uid and uid not in (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN) and not is_encapsulated(uid):
        raise ValueError(f"files are not written in the transfer syntax {uid}")


class FileMeta:
    """The elements of group 0002, as they come and as they are written.

    Args:
        transfer_syntax: The UID of the one to write, or None to go by what came.
    """

    def __init__(self, transfer_syntax: str | None) -> None:
        self._wanted = transfer_syntax
        self._elements: dict[int, tuple[str, tuple[Any, ...]]] = {}
        self.sop_class_uid: tuple[Any, ...] = ()
        self.sop_instance_uid: tuple[Any, ...] = ()

    def add(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        """Take note of an element of group 0002.

        Raises:
            OutputError: There are so many that this is no file meta information.
        """
        if len(self._elements) >= _MOST_ELEMENTS:
            raise OutputError("too many elements in the file meta information")
        self._elements[tag] = vr, values

    @property
    def transfer_syntax(self) -> str:
        """The UID of the one that is written."""
        if self._wanted:
            return self._wanted
        _, values = self._elements.get(TRANSFER_SYNTAX_UID, ("UI", ()))
        came = values[0] if values and values[0] and isinstance(values[0], str) else EXPLICIT_VR_LITTLE_ENDIAN
        return came if is_encapsulated(came) else _WRITTEN_AS.get(came, EXPLICIT_VR_LITTLE_ENDIAN)

    def elements(self) -> list[tuple[int, str, tuple[Any, ...]]]:
        """The elements to write behind the group length, in ascending order."""
        made: dict[int, tuple[str, tuple[Any, ...]]] = {
            FILE_META_INFORMATION_VERSION: ("OB", (b"\0\1",)),
            MEDIA_STORAGE_SOP_CLASS_UID: ("UI", self.sop_class_uid),
            MEDIA_STORAGE_SOP_INSTANCE_UID: ("UI", self.sop_instance_uid),
            IMPLEMENTATION_CLASS_UID: ("UI", (_IMPLEMENTATION,)),
        }
        if IMPLEMENTATION_CLASS_UID not in self._elements:
            made[IMPLEMENTATION_VERSION_NAME] = "SH", (_IMPLEMENTATION_NAME,)
        came = {tag: element for tag, element in self._elements.items() if element[1]}
        written = {**made, **came, TRANSFER_SYNTAX_UID: ("UI", (self.transfer_syntax,))}
        # Data sets without a SOP class make a file all the same, as complete as it can be.
        missing = [
            tag for tag in (MEDIA_STORAGE_SOP_CLASS_UID, MEDIA_STORAGE_SOP_INSTANCE_UID) if not any(written[tag][1])
        ]
        return [(tag, *written[tag]) for tag in sorted(written) if tag not in missing and tag & 0xFFFF]


_MOST_ELEMENTS = 256
