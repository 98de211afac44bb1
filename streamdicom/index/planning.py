"""Plan the parts of a source that are read in parallel."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, pairwise

from streamdicom._late import late_pattern
from streamdicom._records import replace
from streamdicom._typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias, cast, get_args
from streamdicom.formats import HEAD_SIZE, JSON, detect
from streamdicom.index.offsets import has_wrapper
from streamdicom.index.parts import Split
from streamdicom.index.places import sidecar_of
from streamdicom.index.scanning import PIECE, origin_of, starts
from streamdicom.inputs import Input, Kind, find
from streamdicom.io import Place, absolute, exists, is_folder, open_place, read_range, size_of
from streamdicom.jsontext import CommentError, Origin

if TYPE_CHECKING:
    import re

    from streamdicom.index.access import StreamIndex
    from streamdicom.index.base import DatasetIndex
    from streamdicom.index.files import FilesIndex

IndexUse: TypeAlias = Literal["auto", "require", "build", "guess"]
"""How ``plan_splits`` finds the places at which data sets start."""

_FIRST_KEY = late_pattern(rb'\{\s*("[^"\\]*")')
_MAX_SEPARATOR = 1024  # bytes of a place that a guess recognizes
_TARGET = 64 * 1024 * 1024


def plan_splits(
    source: Place, *, target: int | str = _TARGET, parts: int | None = None, index: IndexUse = "auto"
) -> list[Split]:
    """Plan the parts of a source that are read in parallel.

    Read in any order, by any number of processes, the parts have the events of the whole, or a ``SplitError``. A
    source that cannot be split is one part: another format than JSON, a compressed stream without an index, JSON with
    comments, or an object around the array. A data set is never split. The short files of a folder are grouped; the
    events of each file count its data sets from 0, as in ``archive.iter_events``.

    Args:
        source: A path, also of a folder, or a URL for fsspec.
        target: The size of a part in bytes, or a text such as "64 MiB".
        parts: The number of parts instead; there are fewer if there are fewer data sets. For a folder, this is about
            the number.
        index: "auto" uses the index beside the source, or scans the source; "require" needs the index; "build" makes
            it first if it is missing; "guess" reads a few places of the source only, see below.

    With "guess", each part starts at a place that looks like the start of a data set. If all parts are read without an
    error, all guesses were right, because a part that does not end where a data set starts is an error. If one of the
    parts has an error, the others may have read items of a sequence as data sets: discard their results. The numbers of
    data sets are not known, so each part counts from 0; byte offsets are offsets in the whole source.

    Raises:
        IndexMismatchError: The source has changed since its index was built.
        InputError: With "build", a source that cannot be indexed.
        OSError: The source cannot be read, or an index that is required.
        ValueError: An unknown choice, or a target or number of parts below 1.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".json") as file:
    ...     _ = file.write(b"[{}, {}, {}]")
    ...     file.flush()
    ...     for split in plan_splits(file.name, parts=2):
    ...         print([value for kind, _, _, value in split.iter_events() if kind == 1])
    [0, 1]
    [2]
    """
    size = parse_size(target)
    if parts is not None and parts < 1:
        raise ValueError(f"expected at least one part, found {parts}")
    if index not in get_args(IndexUse):
        raise ValueError(f"index must be one of {', '.join(map(repr, get_args(IndexUse)))}, not {index!r}")
    place = absolute(source)
    if is_folder(place):
        return _planned_folder(place, size, parts, index)
    opened = _index_of(place, index)
    if opened is not None:
        with opened:
            splits = _planned(place, opened.content, opened.starts(), size, parts)
            return [replace(split, member=opened.member_of(cast(Origin, split.origin).offset)) for split in splits]
    with open_place(place) as file:
        head = b"".join(read_range(file, 0, PIECE))
        if detect(head[:HEAD_SIZE], is_all=True) != JSON.name or has_wrapper(head):
            return [Split(place)]
        if index == "guess":
            return _guessed(place, file, head, size if parts is None else max(1, -(-size_of(file) // parts)))
        try:
            return _planned(place, file, chain.from_iterable(starts(file)), size, parts)
        except CommentError:
            return [Split(place)]


def iter_splits(source: Place, first: int, offset: int, *, size: int, count: int) -> Iterator[tuple[Split, array[int]]]:
    """Yield the parts of a JSON text from a data set on, while the text is scanned.

    The parts stop before a comment, after which the text cannot be scanned.

    Args:
        source: A path, or a URL for fsspec.
        first: The index of the data set.
        offset: Its offset.
        size: The bytes after which a part ends, with the data set.
        count: The number of data sets after which a part ends.

    Yields:
        A part, and the offsets of its data sets. Only the last part of a text without comments has no end.
    """
    place = absolute(source)
    with open_place(place) as file, suppress(CommentError):
        begin = origin_of(file, offset)
        held = array("Q")
        for found in chain.from_iterable(starts(file, offset)):
            if held and (found - held[0] >= size or len(held) >= count):
                end = origin_of(file, found)
                yield Split(place, begin, end, first, len(held)), held
                begin, first, held = end, first + len(held), array("Q")
            held.append(found)
        yield Split(place, begin, None, first, len(held)), held


def _index_of(place: str, use: IndexUse) -> StreamIndex | None:
    """Return the index of a stream, or None; a DICOM file is one part."""
    if use == "guess" or (use == "auto" and not exists(sidecar_of(place))):
        return None
    # Indexes take long to import.
    from streamdicom.index.access import StreamIndex
    from streamdicom.index.build import build_index, open_index

    found: DatasetIndex
    try:
        found = open_index(place)
    except FileNotFoundError:
        if use == "require":
            raise
        if use != "build":
            return None  # the index was removed meanwhile
        found = build_index(place)
    if isinstance(found, StreamIndex):
        return found
    found.close()
    return None


def _planned_folder(place: str, size: int, parts: int | None, use: IndexUse) -> list[Split]:
    """Return the parts of the files of a folder."""
    opened: FilesIndex | None = None
    if use != "guess" and (use != "auto" or exists(sidecar_of(place))):
        from streamdicom.index.build import build_index
        from streamdicom.index.files import FilesIndex

        found_index = FilesIndex(place) if use != "build" or exists(sidecar_of(place)) else build_index(place)
        assert isinstance(found_index, FilesIndex)  # the source is a folder
        opened = found_index
    if opened is not None:
        with opened:
            if parts is not None:
                size = max(1, -(-sum(file.size for file in opened.files()) // parts))
            return list(_grouped(_indexed_units(opened, size), size))
    found = [one for one in find([place]) if one.kind != Kind.OTHER]
    if parts is not None:
        size = max(1, -(-sum(one.size for one in found) // parts))
    return list(_grouped(_units(found, size, use), size))


def _indexed_units(index: FilesIndex, size: int) -> Iterator[tuple[list[Split], int]]:
    """Yield the parts of each file, and its size."""
    for file in index.files():
        if file.is_text and file.size > size:
            with open_place(file.path) as text:
                yield _cut(file.path, text, index.starts_of(file), size, Origin(), None, 0), file.size
        else:
            yield [Split(file.path)], file.size


def _units(found: Iterable[Input], size: int, use: IndexUse) -> Iterator[tuple[list[Split], int]]:
    """Yield the parts of each file, and its size.

    Raises:
        InputError: A file cannot be read, or is a ZIP or tar file.
    """
    from streamdicom.index.files import check_is_stream

    for one in found:
        check_is_stream(one)
        if one.kind == Kind.TEXT and one.size > size:
            yield plan_splits(one.path, target=size, index="guess" if use == "guess" else "auto"), one.size
        else:
            yield [Split(one.path)], one.size


def _grouped(units: Iterable[tuple[list[Split], int]], size: int) -> Iterator[Split]:
    """Join short files to parts of about a size, cut at its multiples."""
    group: list[str] = []
    offset, least = 0, size
    for splits, length in units:
        if group and (len(splits) > 1 or offset >= least):
            yield Split(group[0], others=tuple(group[1:]))
            group = []
            least = (offset // size + 1) * size
        if len(splits) > 1:
            yield from splits
        else:
            group.append(splits[0].source)
        offset += length
    if group:
        yield Split(group[0], others=tuple(group[1:]))


def _planned(place: str, file: BinaryIO, found: Iterable[int], size: int, parts: int | None) -> list[Split]:
    """Cut where a data set starts, at least a number of bytes after the last cut."""
    if parts is not None:
        size = max(1, -(-size_of(file) // parts))
    return _cut(place, file, found, size, Origin(), None, 0)


def plan_lines(source: Place, start: int, end: int, first: int, *, target: int | str = _TARGET) -> list[Split]:
    r"""Plan the parts of a range of NDJSON, such as new lines of a growing file.

    Args:
        source: A path, or a URL for fsspec.
        start: The offset of a line.
        end: The offset after a line feed.
        first: The number of data sets before the range.
        target: See ``plan_splits``.

    Raises:
        CommentError: The range has a comment.
        OSError: The source cannot be read.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile(suffix=".ndjson") as file:
    ...     _ = file.write(b"{}\n{}\n{}\n{")
    ...     file.flush()
    ...     [(split.first, split.count) for split in plan_lines(file.name, 3, 9, 1)]
    [(1, 2)]
    """
    place = absolute(source)
    with open_place(place) as file:
        found = chain.from_iterable(starts(file, start, end))
        return _cut(place, file, found, parse_size(target), Origin(start), Origin(end), first)


def _cut(
    place: str, file: BinaryIO, found: Iterable[int], size: int, origin: Origin, end: Origin | None, first: int
) -> list[Split]:
    """Return the parts from an origin to an end.

    Args:
        place: The source.
        file: Its JSON text.
        found: The offsets of the data sets.
        size: The least size of a part but the last.
        origin: The place of the first data set.
        end: The place after the last one; None for the end of the source.
        first: The number of data sets before them.
    """
    cuts = [(origin, first)]
    count, least = first, origin.offset + size
    for count, start in enumerate(found, first + 1):
        if start >= least and count > first + 1:
            cuts.append((origin_of(file, start), count - 1))
            least = (start // size + 1) * size
    ends = [*cuts[1:], (end, count)]
    return [
        Split(place, start, stop, number, last - number)
        for (start, number), (stop, last) in zip(cuts, ends, strict=True)
    ]


def _guessed(place: str, file: BinaryIO, head: bytes, size: int) -> list[Split]:
    """Cut where an object starts with the same key as the first data set."""
    import re  # which takes long, and most files are not cut so

    first = _FIRST_KEY.search(head)
    pattern = re.compile(rb"\}\s*,?\s*(?=\{\s*" + (re.escape(first[1]) if first else b'"') + rb")")
    total = size_of(file)
    cuts = [Origin()]
    for offset in range(size, total, size):
        start = _found(file, pattern, max(offset - 1, cuts[-1].offset + 1), min(offset + size, total))
        if start is not None:
            cuts.append(origin_of(file, start))
    return [Split(place, origin, end) for origin, end in pairwise([*cuts, None]) if origin is not None]


def _found(file: BinaryIO, pattern: re.Pattern[bytes], start: int, end: int) -> int | None:
    """Return the end of the first match in a range, or None."""
    held = b""
    for block in read_range(file, start, end, PIECE):
        data = held + block
        match = pattern.search(data)
        if match:
            return start - len(held) + match.end()
        start += len(block)
        held = data[-_MAX_SEPARATOR:]
    return None


_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_size(size: int | str) -> int:
    """Return a number of bytes.

    Raises:
        ValueError: This is no size, or less than a byte.

    >>> parse_size("64 MiB")
    67108864
    """
    text = str(size).strip()
    digits = text.rstrip("abgikmBGIKM ")
    unit = text[len(digits) :].strip().upper() or "B"
    if not digits.isdecimal() or unit not in _UNITS or int(digits) < 1:
        raise ValueError(f"expected a size such as '64 MiB', found {size!r}")
    return int(digits) * _UNITS[unit]
