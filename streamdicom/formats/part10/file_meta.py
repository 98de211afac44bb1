"""The File Meta Information (PS3.10 7.1) of a file that is written."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

from streamdicom._typing import Any, TypeAlias
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
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    TRANSFER_SYNTAX_UID,
    is_encapsulated,
    is_group_length,
    is_transfer_syntax,
)
from streamdicom.errors import OutputError
from streamdicom.formats.kept_text import BYTES_VR, TEXT_VR, kept_bytes, kept_text
from streamdicom.formats.part10.headers import LENGTH_32, write_header
from streamdicom.formats.part10.values import NotEncodableError, encode_field

# PS3.5 B.2: a UID made from a UUID.
_IMPLEMENTATION = "2.25.260166310113571921530013236316316233087"
_IMPLEMENTATION_NAME = "STREAMDICOM"
_MAX_ELEMENTS = 256
_TERMS = ("ISO_IR 100",)  # no character set applies; readers take text beyond ASCII for ISO 8859-1

_WRITTEN = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
_EXPECTED = (
    f"expected explicit or implicit VR little endian ({' or '.join(_WRITTEN)}), or a transfer syntax of "
    "PS3.6 Table A-1 for encapsulated pixel data, such as 1.2.840.10008.1.2.4.50"
)

# Files are not deflated, so the transfer syntax changes.
_NOT_DEFLATED = {
    JPIP_REFERENCED: JPIP_REFERENCED,
    JPIP_REFERENCED_DEFLATE: JPIP_REFERENCED,
    JPIP_HTJ2K_REFERENCED: JPIP_HTJ2K_REFERENCED,
    JPIP_HTJ2K_REFERENCED_DEFLATE: JPIP_HTJ2K_REFERENCED,
}

_Element: TypeAlias = tuple[str, tuple[Any, ...], bytes]
"""The VR, the values and the value field."""


def check_transfer_syntax(uid: str | None) -> None:
    """Check that files can be written in a transfer syntax.

    Raises:
        ValueError: It is not explicit or implicit VR little endian, nor one for encapsulated pixel data.
    """
    if uid and uid not in _WRITTEN and not is_encapsulated(uid):
        raise ValueError(f"{_EXPECTED}, found {uid}")


class FileMeta:
    """The elements of group 0002, from the events and from the writer.

    Args:
        transfer_syntax: The UID of the transfer syntax, or None for that of the events.
    """

    def __init__(self, transfer_syntax: str | None) -> None:
        self._requested = transfer_syntax
        self._elements: dict[int, _Element] = {}
        self._uids: dict[int, _Element] = {}

    def add(self, tag: int, vr: str, values: tuple[Any, ...]) -> None:
        """Add an element of group 0002.

        Raises:
            OutputError: A value does not fit its VR, the default character set does not carry a text, or there are too
                many elements.
        """
        if len(self._elements) >= _MAX_ELEMENTS:
            raise OutputError(f"expected at most {_MAX_ELEMENTS} elements in the File Meta Information, found more")
        self._elements[tag] = _element(vr, values)

    def keep(self, tag: int, values: tuple[Any, ...]) -> None:
        """Add an element with values of another VR as text or as bytes.

        Raises:
            OutputError: There are too many elements.
        """
        text = kept_text(values)
        if text is not None:
            with suppress(OutputError):
                self.add(tag, TEXT_VR, (text,))
                return
        self.add(tag, BYTES_VR, (kept_bytes(values),))

    def repeat(self, tag: int, values: tuple[Any, ...]) -> None:
        """Repeat a UID of the data set, unless a UID has another form.

        Args:
            tag: The tag of SOP Class UID or SOP Instance UID.
            values: The values.
        """
        try:  # noqa: SIM105 - "suppress" takes as long as the encoding
            self._uids[_REPEATED[tag]] = _element("UI", values)
        except OutputError:  # which the element itself raises too
            pass

    @property
    def transfer_syntax(self) -> str:
        """The UID of the transfer syntax in which the file is written."""
        if self._requested:
            return self._requested
        uid = self._source_syntax()
        return uid if is_encapsulated(uid) else _NOT_DEFLATED.get(uid, EXPLICIT_VR_LITTLE_ENDIAN)

    def _source_syntax(self) -> str:
        vr, values, _ = self._elements.get(TRANSFER_SYNTAX_UID, _NO_UID)
        is_uid = vr == "UI" and values and values[0] and isinstance(values[0], str)
        return values[0] if is_uid else EXPLICIT_VR_LITTLE_ENDIAN

    def encode(self) -> bytes:
        """Return the preamble, the prefix and the File Meta Information.

        Raises:
            OutputError: The transfer syntax that was asked for is neither one of the standard nor that of the events.
        """
        uid = self._requested
        if uid and not is_transfer_syntax(uid) and uid != self._source_syntax():
            raise OutputError(f"{_EXPECTED}, or the transfer syntax of the source, found {uid}")
        parts = [
            write_header(tag, vr, len(data), implicit=False) + data
            for tag, (vr, _, data) in sorted(self._complete().items())
        ]
        length = LENGTH_32.pack(sum(map(len, parts)))
        group_length = write_header(FILE_META_GROUP << 16, "UL", 4, implicit=False) + length
        return b"".join([bytes(128), b"DICM", group_length, *parts])

    def _complete(self) -> dict[int, _Element]:
        own = _OWN | self._uids
        if IMPLEMENTATION_CLASS_UID in self._elements:
            del own[IMPLEMENTATION_VERSION_NAME]
        elements = own.copy()
        for tag, element in self._elements.items():
            # Readers depend on the elements of the writer, so that one with another VR does not replace them.
            if element[1] and (tag not in own or element[0] == own[tag][0]):
                elements[tag] = element
        elements[TRANSFER_SYNTAX_UID] = _uid(self.transfer_syntax)
        # A data set without a SOP class makes a file all the same, as complete as it can be.
        for tag in (MEDIA_STORAGE_SOP_CLASS_UID, MEDIA_STORAGE_SOP_INSTANCE_UID):
            if not any(elements[tag][1]):
                del elements[tag]
        return {tag: element for tag, element in elements.items() if not is_group_length(tag)}


_REPEATED = {SOP_CLASS_UID: MEDIA_STORAGE_SOP_CLASS_UID, SOP_INSTANCE_UID: MEDIA_STORAGE_SOP_INSTANCE_UID}
_NO_UID: _Element = ("UI", (), b"")


def _element(vr: str, values: tuple[Any, ...]) -> _Element:
    try:
        return vr, values, encode_field(vr, values, _TERMS, in_utf_8=False)
    except NotEncodableError:
        raise OutputError(
            "expected text in the default character set in the File Meta Information, found other characters"
        ) from None


@lru_cache(maxsize=16)
def _uid(uid: str) -> _Element:
    return _element("UI", (uid,))


_OWN: dict[int, _Element] = {
    FILE_META_INFORMATION_VERSION: _element("OB", (b"\0\1",)),
    MEDIA_STORAGE_SOP_CLASS_UID: _NO_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID: _NO_UID,
    IMPLEMENTATION_CLASS_UID: _uid(_IMPLEMENTATION),
    IMPLEMENTATION_VERSION_NAME: _element("SH", (_IMPLEMENTATION_NAME,)),
}
