"""Build the index of a stream of data sets."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import BinaryIO

from streamdicom.errors import InputError
from streamdicom.formats import JSON, detect
from streamdicom.index.access import StreamIndex, sidecar_of
from streamdicom.index.parallel import parallel_hashes, parallel_starts
from streamdicom.index.scanning import starts, uid_hash, uid_of
from streamdicom.index.sidecar import fingerprint, write
from streamdicom.index.sorting import SortedPairs, numbers_of, words
from streamdicom.io import Place, absolute, open_place, read_range, temporary
from streamdicom.jsontext import CommentError

_HEAD = 2048  # bytes that recognize any stream
_BLOCK = 64 * 1024
_MIN_SIZE = 16 * 1024 * 1024  # bytes of a source for each process


def build_index(source: Place, *, jobs: int = 1, on_progress: Callable[[int], object] | None = None) -> StreamIndex:
    """Build the index of a stream of data sets, and write it beside the stream.

    The index is the file ``NAME.sdx``. The source is DICOM JSON: an array, NDJSON or concatenated documents, not
    compressed. It is scanned for the places at which data sets start, and not parsed, so faults in it are found when a
    data set is read. Memory does not depend on the number of data sets.

    Args:
        source: A path, or a URL for fsspec.
        jobs: The number of processes. A program that uses several must protect its main module with
            ``if __name__ == "__main__"``. A short source is scanned by one.
        on_progress: Called with the bytes that have been scanned.

    Returns:
        The index, which must be closed.

    Raises:
        InputError: The source is not JSON, is compressed, has comments, or has an object around the array.
        OSError: The source cannot be read, or the index not written.
        ValueError: There is less than one job.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/a.ndjson"
    ...     with open(path, "w") as file:
    ...         _ = file.write("{} {} {}")
    ...     with build_index(path) as index:
    ...         len(index)
    3
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    place = absolute(source)
    with open_place(place) as file, temporary() as offsets:
        _check(file, place)
        before = fingerprint(file)
        jobs = min(jobs, 1 + before.size // _MIN_SIZE)
        pairs = SortedPairs()
        try:
            _scan(place, file, offsets, jobs, on_progress)
            for ordinal, value in enumerate(_hashes(place, file, offsets, before.size, jobs)):
                pairs.add(value, ordinal)
            write(sidecar_of(place), before, read_range(offsets, 0, None), pairs)
        except (CommentError, InputError) as cause:
            error = InputError(f"{cause}; only JSON without comments, and without an object around, can be indexed")
            error.filename = place
            raise error from cause
        finally:
            pairs.close()
    return StreamIndex(place)


def _check(file: BinaryIO, name: str) -> None:
    content = detect(b"".join(read_range(file, 0, _HEAD)), is_all=True)
    if content != JSON.name:
        error = InputError(f"expected DICOM JSON that is not compressed, found {content}; only that can be indexed")
        error.filename = name
        raise error


def _scan(
    place: str, file: BinaryIO, offsets: BinaryIO, jobs: int, on_progress: Callable[[int], object] | None
) -> None:
    """Write the offsets of the data sets."""
    try:
        _keep(parallel_starts(place, file, jobs) if jobs > 1 else starts(file), offsets, on_progress)
    except ValueError:  # a range that is not JSON does not tell where its strings are
        if jobs == 1:
            raise
        offsets.seek(0)
        offsets.truncate()
        _keep(starts(file), offsets, on_progress)


def _keep(found: Iterable[array[int]], offsets: BinaryIO, on_progress: Callable[[int], object] | None) -> None:
    for some in found:
        offsets.write(words(iter(some)))
        if on_progress is not None:
            on_progress(some[-1])


def _hashes(place: str, file: BinaryIO, offsets: BinaryIO, end: int, jobs: int) -> Iterator[int]:
    """Yield the hash of the SOP Instance UID of each data set."""
    blocks = read_range(offsets, 0, None, _BLOCK)
    if jobs > 1:
        yield from parallel_hashes(place, blocks, end, jobs)
        return
    numbers = chain.from_iterable(map(numbers_of, blocks))
    for start, stop in pairwise(chain(numbers, [end])):
        yield uid_hash(uid_of(file, start, stop))
