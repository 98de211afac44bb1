"""Build the index of a stream of data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from typing import BinaryIO

from streamdicom.errors import InputError
from streamdicom.formats import JSON, detect
from streamdicom.index.access import StreamIndex, sidecar_of
from streamdicom.index.scanning import starts, uid_hash, uid_of
from streamdicom.index.sidecar import fingerprint, write
from streamdicom.index.sorting import SortedPairs, numbers_of, words
from streamdicom.io import Place, absolute, open_place, read_range, temporary
from streamdicom.jsontext import CommentError

_HEAD = 2048  # bytes that recognize any stream
_BLOCK = 64 * 1024


def build_index(source: Place, *, on_progress: Callable[[int], object] | None = None) -> StreamIndex:
    """Build the index of a stream of data sets, and write it beside the stream.

    The index is the file ``NAME.sdx``. The source is DICOM JSON: an array, NDJSON or concatenated documents, not
    compressed. It is scanned for the places at which data sets start, and not parsed, so faults in it are found when a
    data set is read. Memory does not depend on the number of data sets.

    Args:
        source: A path, or a URL for fsspec.
        on_progress: Called with the bytes that have been scanned.

    Returns:
        The index, which must be closed.

    Raises:
        InputError: The source is not JSON, is compressed, or has comments.
        OSError: The source cannot be read, or the index not written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/a.ndjson"
    ...     with open(path, "w") as file:
    ...         _ = file.write("{} {} {}")
    ...     with build_index(path) as index:
    ...         len(index)
    3
    """
    place = absolute(source)
    with open_place(place) as file, temporary() as offsets:
        _check(file, place)
        before = fingerprint(file)
        count = _scan(file, offsets, place, on_progress)
        pairs = SortedPairs()
        try:
            bounds = pairwise(chain(_numbers(offsets, count), [before.size]))
            for ordinal, (start, end) in enumerate(bounds):
                pairs.add(uid_hash(uid_of(file, start, end)), ordinal)
            write(sidecar_of(place), before, read_range(offsets, 0, None), pairs)
        finally:
            pairs.close()
    return StreamIndex(place)


def _check(file: BinaryIO, name: str) -> None:
    content = detect(b"".join(read_range(file, 0, _HEAD)), is_all=True)
    if content != JSON.name:
        error = InputError(f"expected DICOM JSON that is not compressed, found {content}; only that can be indexed")
        error.filename = name
        raise error


def _scan(file: BinaryIO, offsets: BinaryIO, name: str, on_progress: Callable[[int], object] | None) -> int:
    count = 0
    try:
        for found in starts(file):
            offsets.write(words(iter(found)))
            count += len(found)
            if on_progress is not None:
                on_progress(found[-1])
    except CommentError as cause:
        error = InputError(f"{cause}; only JSON without comments can be indexed")
        error.filename = name
        raise error from cause
    return count


def _numbers(offsets: BinaryIO, count: int) -> Iterator[int]:
    for block in read_range(offsets, 0, count * 8, _BLOCK):
        yield from numbers_of(block)
