"""Random access to the content of a compressed file, by its members."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterator

from streamdicom._records import NamedTuple
from streamdicom._typing import BinaryIO
from streamdicom.io.compression import Decompressor
from streamdicom.io.expansion import Expansion
from streamdicom.io.ranges import read_range
from streamdicom.limits import Limits

_DISTANCE = 64 * 1024  # bytes of content between two places that are kept


class MemberPlace(NamedTuple):
    """The place of a member of a compressed file.

    Attributes:
        start: The bytes of the file before it.
        content: The bytes of the content before it.
    """

    start: int
    content: int


def content_from(
    file: BinaryIO, kind: str, place: MemberPlace, places: list[MemberPlace] | None = None
) -> Iterator[bytes]:
    """Yield the content of a compressed file from a member on.

    Args:
        file: The file.
        kind: The compression.
        place: The member.
        places: Gets the places of the members after the last of them, with a distance between them.

    Raises:
        InputError: The file is damaged, ends within a member, or expands too much.
    """

    def keep(start: int, content: int) -> None:
        found = MemberPlace(place.start + start, place.content + content)
        if places is not None and found.content >= places[-1].content + _DISTANCE:
            places.append(found)

    decompressor = Decompressor(kind, expansion=Expansion(Limits()), on_member=keep)
    for block in read_range(file, place.start, None):
        yield from decompressor.feed(block)
    decompressor.close()


class UnpackedFile(io.RawIOBase):
    """The content of a compressed file, for reading at any offset.

    A read starts at the member before its offset. Places that are not given are found while the file is read from its
    start.

    Args:
        file: The compressed file, which is not closed.
        kind: Its compression.
        places: Of its members, ascending, from the first on.
        size: The size of the content; by default it is found at the end of a read from the start.

    >>> import gzip
    >>> file = UnpackedFile(io.BytesIO(gzip.compress(b"[{}, ") + gzip.compress(b"{}]")), "gzip")
    >>> file.read(), file.seek(5), file.read()
    (b'[{}, {}]', 5, b'{}]')
    """

    def __init__(
        self, file: BinaryIO, kind: str, places: list[MemberPlace] | None = None, size: int | None = None
    ) -> None:
        self._file = file
        self.kind = kind
        self._learns = places is None
        self.places = places or [MemberPlace(0, 0)]
        self._size = size
        self._position = 0
        self._open(self.places[0])

    def _open(self, place: MemberPlace) -> None:
        self._content = content_from(self._file, self.kind, place, self.places if self._learns else None)
        self._held = b""
        self._reached = place.content

    def place_of(self, offset: int) -> MemberPlace:
        """Return the last place that is not after an offset of the content."""
        return self.places[max(0, bisect_right(self.places, offset, key=lambda place: place.content) - 1)]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END and self._size is None:
            while self._next():
                pass
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size or 0}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def _next(self) -> bool:
        """Hold the next piece; return False at the end."""
        self._reached += len(self._held)
        self._held = next(self._content, b"")
        if not self._held:
            self._size = self._reached
        return bool(self._held)

    def read(self, size: int | None = -1, /) -> bytes:
        if self._position < self._reached or self.place_of(self._position).content > self._reached:
            self._open(self.place_of(self._position))
        left = size if size is not None and size >= 0 else None
        parts: list[bytes] = []
        while left is None or left:
            start = self._position - self._reached
            found = self._held[start : None if left is None else start + left]
            if found:
                parts.append(found)
                self._position += len(found)
                left = None if left is None else left - len(found)
            elif not self._next():
                break
        return b"".join(parts)
