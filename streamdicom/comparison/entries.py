"""Elements as entries that can be compared.

An entry has the position of an element, its VR and a digest of its value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from streamdicom._digests import blake2b
from streamdicom._typing import Any, TypeAlias
from streamdicom.comparison.windows import Path, Place
from streamdicom.dicom import FILE_META_GROUP, ITEM_TAG_BYTES, as_single, is_group_length, short, values_text
from streamdicom.events import (
    BULK_DATA,
    ELEMENT,
    END_ELEMENT,
    END_FRAGMENTS,
    END_ITEM,
    END_SEQUENCE,
    JSON_ELEMENT,
    LAST_SEGMENT,
    START_ELEMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    START_ITEM,
    START_SEQUENCE,
    VALUES,
    Event,
)

Key: TypeAlias = tuple[int, ...]
"""Alternating tags and item numbers: the key of an element has an odd length, that of an item an even length."""

Entry: TypeAlias = tuple[Key, str, bytes, str, Place]
"""The key, the VR, the content that differs if the value differs, the value as printed, and the place."""

_MAX_PLAIN = 64  # bytes; a longer value is compared by its hash
_HASH_LENGTH = 16
_END = b"\xff"  # after each value; no byte of UTF-8

_PADDING = " \0"  # of text (PS3.5 6.2), which JSON may have too
_SPACES = " \0\t\n\v\f\r"
_WORDS = frozenset({"AE", "DS", "IS", "UI"})  # VRs from whose values readers strip spaces at both ends

_EMPTY_NAME = "\0\0"
_EMPTY_VALUES = (None, "", b"", ("", "", ""))
_EMPTY_CONTENTS = (_END, b"b" + _END, b"s" + _END)

_UP = frozenset({END_SEQUENCE, END_ITEM})
_PARTS = frozenset({START_ELEMENT, START_FRAGMENTS})
_END_OF_PARTS = frozenset({END_ELEMENT, END_FRAGMENTS})
_TEXTS = {BULK_DATA: b"u", JSON_ELEMENT: b"j"}


def entries_of(
    events: Iterator[Event], path: Path, place_of: Callable[[], Place], *, file_meta: bool, shown: bool
) -> Iterator[Entry]:
    r"""Yield the entries of a data set, in the order of the stream.

    Group lengths are left out, because DICOM JSON has none (PS3.18 F.2.2).

    Args:
        events: The events of the data set, or the last ones, without its start.
        path: The sequence or item around the first of them.
        place_of: Returns the place of the last event that was taken.
        file_meta: Include group 0002.
        shown: Include values as printed.

    >>> list(entries_of(iter([(3, 0x00100020, "LO", ("17",))]), (), tuple, file_meta=False, shown=True))
    [((1048608,), 'LO', b's17\xff', '17', ())]
    """
    for kind, tag, vr, value in events:
        if kind == ELEMENT:
            if is_compared(tag, file_meta):
                content = _content(b"".join(map(_ENCODERS.get(vr, _encoded), value)))
                yield (*path, tag), vr, content, values_text(value) if shown else "", place_of()
        elif kind == START_SEQUENCE:
            path = (*path, tag)
            yield path, "SQ", b"", "", place_of()
        elif kind == START_ITEM:
            path = (*path, value)
            yield path, "", b"", "", place_of()
        elif kind in _UP:
            path = path[:-1]
        elif kind in _PARTS:
            place = place_of()
            vr, content, text = _parts(events, kind, vr)
            if is_compared(tag, file_meta):
                yield (*path, tag), vr, content, text if shown else "", place
        elif kind in _TEXTS and is_compared(tag, file_meta):
            content = _content(_TEXTS[kind] + _utf8(value) + _END)
            yield (*path, tag), vr, content, short(value) if shown else "", place_of()


def is_compared(tag: int, file_meta: bool) -> bool:
    """Return whether an element that is no sequence is compared.

    >>> is_compared(0x00080000, True), is_compared(0x00020010, False)
    (False, False)
    """
    return not is_group_length(tag) and (file_meta or tag >> 16 != FILE_META_GROUP)


# --- values ----------------------------------------------------------------------------------------------------


def _parts(events: Iterator[Event], kind: int, vr: str) -> tuple[str, bytes, str]:
    """Return the VR, the content and the text of an element in parts."""
    parts = _LongContent(b"b" if kind == START_FRAGMENTS else b"")
    for kind, _, last_vr, value in events:
        if kind in _END_OF_PARTS:
            return last_vr or vr, parts.content(), parts.text()
        parts.add(kind, last_vr, value)
    return vr, parts.content(), parts.text()  # the data set breaks off in it


class _LongContent:
    """The content of a long value, which does not depend on the sizes of its parts.

    That of encapsulated pixel data is the content of its Value Field (PS3.5 A.4).
    """

    def __init__(self, start: bytes) -> None:
        self._hash = blake2b(digest_size=_HASH_LENGTH)
        self._head = b""
        self._length = 0
        self._value_length = 0  # of the current binary value
        self._text = ""
        self._is_open = bool(start)  # within a value in segments
        self._is_fragments = bool(start)
        self._put(start)

    def add(self, kind: int, vr: str, value: Any) -> None:
        if kind == VALUES:
            self._put(b"".join(map(_encoded_single if vr == "FL" else _encoded, value)))
            self._text = self._text or values_text(value)
        elif kind == START_FRAGMENT:
            self._put(ITEM_TAG_BYTES + (value + value % 2).to_bytes(4, "little"))
        else:
            self._segment(value, is_last=kind == LAST_SEGMENT)

    def _segment(self, value: str | bytes, *, is_last: bool) -> None:
        if not self._is_open:
            self._is_open = True
            self._put(b"s" if isinstance(value, str) else b"b")
        if isinstance(value, str):
            self._text = self._text or short(value)
            self._put(_utf8(value.rstrip(_PADDING) if is_last else value))
        else:
            self._value_length += len(value)
            self._put(value + (_padding(self._value_length) if is_last else b""))
        if is_last:
            self._value_length = 0
            self._is_open = self._is_fragments
            self._put(b"" if self._is_fragments else _END)

    def _put(self, data: bytes) -> None:
        self._hash.update(data)
        self._length += len(data)
        if len(self._head) <= _MAX_PLAIN:
            self._head += data[: _MAX_PLAIN + 1]

    def content(self) -> bytes:
        if self._is_fragments:
            self._put(_padding(self._value_length) + _END)  # of a fragment that is cut off
        if self._head in _EMPTY_CONTENTS:
            return b""
        return self._head if self._length <= _MAX_PLAIN else b"#" + self._hash.digest()

    def text(self) -> str:
        return self._text or f"[{self._length - 1 - len(_END):,} bytes]"


def _content(data: bytes) -> bytes:
    if len(data) <= _MAX_PLAIN:
        return b"" if data == _END else data
    return b"#" + blake2b(data, digest_size=_HASH_LENGTH).digest()


def _encoded(value: Any) -> bytes:
    """Encode a value so that no other value has the same bytes.

    A value in segments has the same bytes as the whole value. An empty text of a file is null in JSON (PS3.18 F.2.5).
    """
    if value in _EMPTY_VALUES:
        return _END
    if isinstance(value, str):
        return _encoded_text(value.rstrip(_PADDING))
    if isinstance(value, bytes):
        return b"b" + value + _padding(len(value)) + _END
    if isinstance(value, tuple):
        name = "\0".join([group.rstrip(_PADDING) for group in value])
        return b"p" + _utf8(name) + _END if name != _EMPTY_NAME else _END
    return b"n" + repr(value).encode() + _END


def _encoded_word(value: Any) -> bytes:
    """Encode a value of a VR that has no spaces at its start either."""
    return _encoded_text(value.strip(_SPACES)) if isinstance(value, str) else _encoded(value)


def _encoded_single(value: Any) -> bytes:
    """Encode a value of FL, which in text may have fewer digits than the number."""
    return _encoded(as_single(value) if isinstance(value, float) else value)


_ENCODERS: dict[str, Callable[[Any], bytes]] = {**dict.fromkeys(_WORDS, _encoded_word), "FL": _encoded_single}


def _encoded_text(text: str) -> bytes:
    return b"s" + _utf8(text) + _END if text else _END


def _padding(length: int) -> bytes:
    """Return the padding of a binary value (PS3.5 6.2), which JSON may lack."""
    return b"\0" * (length & 1)


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
