"""Store and load encapsulated pixel data (PS3.5 A.4).

The fragments are stored as one multipart body, see ``streamdicom.bulkdata.fragment_body``, whose URI ends in
``#fragments``; or as one entry for each frame and an index of them, whose URI ends in ``#frames``. A line of the index
has the lengths of the fragments of a frame, separated by ``+``, a space, and the URI of the frame. The first line is
for the Basic Offset Table.

If a source ends within a fragment, the body or the last frame ends there too. The URI then ends in ``#cut-fragments``
or ``#cut-frames``, so that an entry that has lost bytes later is not taken for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import iter_unpack

from streamdicom._late import late_pattern
from streamdicom._typing import TypeAlias
from streamdicom.bulkdata import BulkDataInfo, BulkDataStore, read_fragments, write_fragments
from streamdicom.dicom import ITEM_TAG_BYTES, MAX_FRAGMENT_LENGTH
from streamdicom.errors import BulkDataError, OutputError
from streamdicom.events import (
    ELEMENT,
    END_FRAGMENTS,
    LAST_SEGMENT,
    SEGMENT,
    START_FRAGMENT,
    START_FRAGMENTS,
    VALUES,
    Event,
)

_FRAGMENTS = "fragments"
_FRAMES = "frames"
_CUT = "cut-"
FRAGMENT_FORMS = (f"#{_FRAGMENTS}", f"#{_FRAMES}", f"#{_CUT}{_FRAGMENTS}", f"#{_CUT}{_FRAMES}")
"""The ends of the URIs of encapsulated pixel data."""

_URI = late_pattern(r"[!-~]{1,4096}")
_MAX_LINE = 4096 + 256 * 11  # bytes of a line of an index
ITEM_HEADER_LENGTH = 8  # bytes, before the value of each fragment (PS3.5 7.5)
_MAX_TABLE = 1024 * 1024  # bytes of a Basic Offset Table that is used, for 262,144 frames
_MAX_FRAGMENTS = 256  # in one entry

Fragment: TypeAlias = tuple[int, Iterable[bytes]]
"""The length of a fragment and its bytes, in segments."""


def value_field(events: Iterable[Event]) -> Iterator[bytes]:
    r"""Yield the Value Field of a binary element.

    Encapsulated pixel data lacks the Sequence Delimitation Item (PS3.5 A.4).

    Args:
        events: The events of the element.

    >>> b"".join(value_field([(14, 0x7FE00010, "OB", None), (15, 0x7FE00010, "OB", 2), (8, 0x7FE00010, "OB", b"ab")]))
    b'\xfe\xff\x00\xe0\x02\x00\x00\x00ab'
    """
    for kind, _, _, value in events:
        if kind == ELEMENT or kind == VALUES:
            yield from value
        elif kind == SEGMENT or kind == LAST_SEGMENT:
            yield value
        elif kind == START_FRAGMENT:
            yield ITEM_TAG_BYTES + value.to_bytes(4, "little")


def fragment_events(tag: int, vr: str, fragments: Iterable[Fragment]) -> Iterator[Event]:
    r"""Yield the events of encapsulated pixel data.

    Args:
        tag: The tag of the element.
        vr: Its VR.
        fragments: The Basic Offset Table and the fragments (PS3.5 A.4). Of the last one, bytes may be missing.

    >>> [kind for kind, *_ in fragment_events(0x7FE00010, "OB", [(0, []), (2, [b"ab"])])]
    [14, 15, 8, 15, 7, 8, 16]
    """
    yield START_FRAGMENTS, tag, vr, None
    for length, segments in fragments:
        yield START_FRAGMENT, tag, vr, length
        missing = length
        for segment in segments:
            yield SEGMENT, tag, vr, segment
            missing -= len(segment)
        if missing:
            yield END_FRAGMENTS, tag, vr, missing
            return
        yield LAST_SEGMENT, tag, vr, b""
    yield END_FRAGMENTS, tag, vr, None


class Frames:
    """Group fragments into frames by the Basic Offset Table (PS3.5 A.4).

    With an empty table each fragment is a frame.

    Args:
        fragments: The fragments after the table.
        table: The Basic Offset Table.
    """

    def __init__(self, fragments: Iterator[tuple[int, Iterator[bytes]]], table: bytes) -> None:
        self._fragments = fragments
        self._next = next(fragments, None)
        cut = len(table) // 4 * 4
        self._starts = {start for (start,) in iter_unpack("<I", table[:cut])}
        self._offset = 0  # of the next fragment, from the first one

    def __iter__(self) -> Iterator[tuple[list[int], Iterator[bytes]]]:
        """Yield the lengths of the fragments and the segments of each frame.

        The lengths are complete once the segments are consumed.
        """
        while self._next is not None:
            lengths: list[int] = []
            yield lengths, self._frame(lengths)

    def _frame(self, lengths: list[int]) -> Iterator[bytes]:
        while self._next is not None:
            length, segments = self._next
            lengths.append(length)
            yield from segments
            self._offset += ITEM_HEADER_LENGTH + length
            self._next = next(self._fragments, None)
            if not self._starts or self._offset in self._starts or len(lengths) >= _MAX_FRAGMENTS:
                return


# --- to a store ------------------------------------------------------------------------------------------------


def put_fragments(
    store: BulkDataStore, fragments: Iterator[tuple[int, Iterator[bytes]]], info: BulkDataInfo, *, by_frame: bool
) -> str:
    """Store encapsulated pixel data; return its URI.

    Args:
        store: The store.
        fragments: The Basic Offset Table and the fragments.
        info: The element.
        by_frame: Store each frame as an entry of its own, rather than one multipart body.

    Raises:
        OutputError: The store returned an invalid URI.
    """
    if by_frame:
        return f"{store.put(_put_frames(store, fragments, info), info)}#{_FRAMES}"
    return f"{store.put(write_fragments(fragments), info)}#{_FRAGMENTS}"


def cut_form(uri: str) -> str:
    """Return the URI of fragments of which the last lacks bytes.

    Args:
        uri: The URI from ``put_fragments``.

    >>> cut_form("a#fragments")
    'a#cut-fragments'
    """
    address, _, form = uri.rpartition("#")
    return f"{address}#{_CUT}{form}"


def _put_frames(
    store: BulkDataStore, fragments: Iterator[tuple[int, Iterator[bytes]]], info: BulkDataInfo
) -> Iterator[bytes]:
    """Store each frame; yield the lines of the index."""
    table = next(fragments, None)
    if table is None:
        return
    length, segments = table
    data = b"".join(segments) if length <= _MAX_TABLE else b""
    yield _put_frame(store, [length], (data,) if data else segments, info._replace(fragment=0))
    for number, (lengths, frame) in enumerate(Frames(fragments, data), 1):
        yield _put_frame(store, lengths, frame, info._replace(fragment=number))


def _put_frame(store: BulkDataStore, lengths: list[int], segments: Iterable[bytes], info: BulkDataInfo) -> bytes:
    uri = store.put(segments, info)
    for _ in segments:  # the store may have left some; ``lengths`` is complete after them
        pass
    if not _URI.fullmatch(uri):
        raise OutputError("expected a URI from the bulk data store (RFC 3986), found other text")
    return f"{'+'.join(map(str, lengths))} {uri}\n".encode()


# --- from a store ----------------------------------------------------------------------------------------------


def is_fragments(uri: str) -> bool:
    """Return True if a URI refers to encapsulated pixel data."""
    return f"#{uri.partition('#')[2]}" in FRAGMENT_FORMS


def open_fragments(store: BulkDataStore, uri: str) -> Iterator[tuple[int, Iterator[bytes]]]:
    """Yield the Basic Offset Table and the fragments that a URI refers to.

    Raises:
        BulkDataError: The store has no such entry, or the entry is not of the form in the URI.
    """
    address, _, form = uri.partition("#")
    may_be_cut = form.startswith(_CUT)
    if form.endswith(_FRAGMENTS):
        return read_fragments(store.open(address), may_be_cut=may_be_cut)
    return _open_frames(store, address, may_be_cut=may_be_cut)


def _open_frames(store: BulkDataStore, address: str, *, may_be_cut: bool) -> Iterator[tuple[int, Iterator[bytes]]]:
    for line in _lines(store.open(address)):
        text, _, uri = line.partition(b" ")
        lengths = text.split(b"+")
        if not all(map(_is_length, lengths)) or not uri.isascii():
            raise BulkDataError(_INVALID_INDEX)
        frame = _Pieces(store.open(uri.decode("ascii")), may_be_cut=may_be_cut)
        for length in map(int, lengths):
            yield length, frame.take(length)
        frame.finish()


def _is_length(text: bytes) -> bool:
    return text.isdigit() and len(text) <= 10 and int(text) <= MAX_FRAGMENT_LENGTH


class _Pieces:
    """Cut segments into pieces of known lengths."""

    def __init__(self, segments: Iterator[bytes], *, may_be_cut: bool) -> None:
        self._segments = segments
        self._may_be_cut = may_be_cut
        self._held = b""

    def take(self, length: int) -> Iterator[bytes]:
        """Yield the next piece, in segments."""
        while length:
            segment = self._held or next(self._segments, None)
            if segment is None:
                if self._may_be_cut:
                    return
                raise BulkDataError(_WRONG_LENGTH)
            self._held = segment[length:]
            length -= len(segment) - len(self._held)
            yield segment[: len(segment) - len(self._held)] if self._held else segment

    def finish(self) -> None:
        """Check that no bytes are left."""
        if self._held or any(self._segments):
            raise BulkDataError(_WRONG_LENGTH)


_WRONG_LENGTH = "expected a frame of the length in its index, found another length"
_INVALID_INDEX = "expected an index of frames, found other bulk data"


def _lines(segments: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for segment in segments:
        *lines, held = (held + segment).split(b"\n")
        yield from lines
        if len(held) > _MAX_LINE:
            break
    if held:
        raise BulkDataError(_INVALID_INDEX)
