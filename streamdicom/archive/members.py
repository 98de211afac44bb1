"""Members of ZIP, tar and compressed files, read without extracting them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator
from itertools import chain

from streamdicom._records import NamedTuple
from streamdicom._typing import IO, TYPE_CHECKING, cast
from streamdicom.errors import DicomFileError, InputError, TruncatedError
from streamdicom.formats import STREAM_FREE_SIZE, expand, form_of_name
from streamdicom.inputs import CONTAINERS, HEAD_SIZE, Input, Kind, damage_errors, pieces, reading, recognize
from streamdicom.io import Expansion, open_place
from streamdicom.limits import Limits

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

_TAR_BLOCK = 512
_MAX_TAR_HEADER = 1024 * 1024  # bytes of the headers of a member, with its name, which tarfile holds in memory


class Member(NamedTuple):
    """A file in a ZIP, tar or compressed file.

    Attributes:
        name: Its name in the ZIP or tar file; "" for the content of a compressed file.
        kind: ``Kind.DICOM``, ``TEXT``, ``OTHER`` or ``FAULT``.
        data: Its bytes, decompressed.
        fault: The reason of ``Kind.FAULT``.
        expansion: The bound on its size.
    """

    name: str
    kind: Kind
    data: Iterable[bytes] = ()
    fault: str = ""
    expansion: Expansion | None = None


def member_name(container: str, name: str) -> str:
    """Return the name of a member in reports and errors.

    >>> member_name("a.zip", "1.dcm"), member_name("1.dcm.gz", "")
    ('a.zip!1.dcm', '1.dcm.gz')
    """
    return f"{container}!{name}" if name else container


def decompressed(data: Iterable[bytes], expansion: Expansion) -> Iterator[bytes]:
    """Yield a stream, decompressed if it is compressed.

    A whole archive may be of any size. Only streams within the stream are bounded.

    Args:
        data: The bytes of the stream.
        expansion: Counts them.

    Raises:
        InputError: The stream is damaged, or the package for the compression is not installed.
    """
    try:
        yield from expand(data, expansion, math.inf)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(str(error)) from None


def members(container: Input, limits: Limits) -> Iterator[Member]:
    """Yield the members of a ZIP, tar or compressed file in their order.

    Nothing is extracted to disk. The data of a member must be read before the next member. ZIP and tar files within
    others are passed over.

    Args:
        container: The file.
        limits: ``max_expansion_ratio`` bounds the size of compressed members.

    Raises:
        InputError: The file is damaged from here on.
    """
    with reading("the file is damaged"), open_place(container.path) as file:
        if container.kind == Kind.ZIP:
            yield from _zip_members(file, container.size, limits)
        elif container.kind == Kind.TAR:
            yield from _tar_members(pieces(file), limits)
        else:
            yield from _compressed_members(file, container, limits)


def _zip_members(file: IO[bytes], size: int, limits: Limits) -> Iterator[Member]:
    from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile  # which takes long to import

    with ZipFile(file) as archive:
        sizes = [info.compress_size for info in archive.infolist()]
        if sum(one for one in sizes if one <= size) > size:  # members that are the same bytes multiply them
            raise DicomFileError("the members of the ZIP file overlap")
        for info in archive.infolist():
            if info.filename.endswith("/"):  # a folder; ``is_dir`` fails for an empty name
                continue
            if info.flag_bits & 1:
                yield Member(info.filename, Kind.FAULT, fault="the member is encrypted")
            elif info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                # zipfile does not bound the output of other methods.
                fault = "the member is compressed with another method than deflate"
                yield Member(info.filename, Kind.FAULT, fault=fault)
            else:
                yield from _zip_member(archive, info, Expansion(limits))


def _zip_member(archive: ZipFile, info: ZipInfo, expansion: Expansion) -> Iterator[Member]:
    try:
        file = archive.open(info)
    except damage_errors():
        yield Member(info.filename, Kind.FAULT, fault="the member is damaged")
        return
    with file:
        data = pieces(file)
        if info.compress_type:  # not stored
            expansion.claim()
            expansion.count(info.compress_size)
            data = _bounded(data, expansion)
        yield _member(info.filename, data, expansion)


def _member(name: str, data: Iterator[bytes], expansion: Expansion) -> Member:
    """Recognize a member; an unreadable member is a fault."""
    try:
        head, whole = _head(data)
        kind, fault = recognize(head, name)
        if kind == Kind.COMPRESSED:
            head, whole = _head(_bounded(decompressed(whole, expansion), expansion))
            kind, fault = recognize(head, _without_compression_suffix(name))
    except InputError as error:
        return Member(name, Kind.FAULT, fault=error.message)
    if kind in CONTAINERS:
        kind = Kind.OTHER
    return Member(name, kind, whole, fault, expansion)


def _head(data: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes of a stream, and all of it."""
    head = b""
    while len(head) < HEAD_SIZE and (piece := next(data, b"")):
        head += piece
    return head, chain([head], data)


def _without_compression_suffix(name: str) -> str:
    return name if form_of_name(name).compression is None else os.path.splitext(name)[0]


def _bounded(data: Iterator[bytes], expansion: Expansion) -> Iterator[bytes]:
    return expansion.bounded(data, "the file", STREAM_FREE_SIZE)


def _tar_members(data: Iterator[bytes], limits: Limits, expansion: Expansion | None = None) -> Iterator[Member]:
    from tarfile import open as open_tar  # which takes long to import

    stream = _TarStream(data)
    file = cast(IO[bytes], stream)  # tarfile needs only ``read``, ``seek`` and ``tell``
    with open_tar(fileobj=file, mode="r:", errors="surrogateescape") as archive:
        for header in archive:
            archive.members = []  # type: ignore[attr-defined]  # tarfile would keep all headers
            if header.isreg() and not header.issparse():
                content = archive.extractfile(header)
                assert content is not None
                stream.allowance = sys.maxsize
                content_pieces = pieces(content)
                if expansion is None:
                    yield _member(header.name, content_pieces, Expansion(limits))
                else:
                    yield _member(header.name, _bounded(content_pieces, expansion), expansion)
            stream.allowance = _MAX_TAR_HEADER
    _check_end(stream.last)


def _check_end(block: bytes) -> None:
    """Check that tarfile stopped at the end marker, not at a damaged header."""
    if len(block) < _TAR_BLOCK:
        raise TruncatedError("the tar file is truncated")
    if any(block):
        raise DicomFileError("the header of a member is damaged")


def _compressed_members(file: IO[bytes], container: Input, limits: Limits) -> Iterator[Member]:
    """Yield the members of a compressed tar file, or the one compressed file."""
    expansion = Expansion(limits)
    data = decompressed(pieces(file), expansion)
    head, whole = _head(data)
    name = _without_compression_suffix(container.path)
    kind, fault = recognize(head, name, is_named=container.is_named)
    if kind == Kind.TAR:
        yield from _tar_members(whole, limits, expansion)
        for _ in data:  # the end shows whether the stream is complete
            pass
    else:
        kind = Kind.OTHER if kind in CONTAINERS else kind
        yield Member("", kind, _bounded(whole, expansion), fault, expansion)


class _TarStream:
    """A stream as a file for tarfile.

    Attributes:
        last: The bytes read last.
        allowance: Bytes that may be read before the next header, because tarfile reads names of any length.
    """

    def __init__(self, data: Iterator[bytes]) -> None:
        self._data = data
        self._held = memoryview(b"")
        self._position = 0
        self.last = b""
        self.allowance = _MAX_TAR_HEADER

    def read(self, size: int) -> bytes:
        self.allowance -= size
        if self.allowance < 0:
            raise DicomFileError(f"a member with a header or name of more than {_MAX_TAR_HEADER} bytes")
        self.last = b"".join(self._take(size))
        return self.last

    def seek(self, position: int) -> None:
        if position < self._position:
            raise ValueError("cannot seek backward in a stream")
        for _ in self._take(position - self._position):
            pass

    def tell(self) -> int:
        return self._position

    def _take(self, size: int) -> Iterator[memoryview]:
        while size > 0 and (held := self._held or memoryview(next(self._data, b""))):
            taken, self._held = held[:size], held[size:]
            self._position += len(taken)
            size -= len(taken)
            yield taken
