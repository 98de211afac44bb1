"""Build the index of a stream of data sets, or of files."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from functools import partial

from streamdicom._typing import BinaryIO, cast
from streamdicom.errors import InputError
from streamdicom.formats import DICOM, HEAD_SIZE, JSON, detect
from streamdicom.index.access import StreamIndex
from streamdicom.index.files import FilesIndex, build_files
from streamdicom.index.parallel import parallel_hashes, parallel_starts
from streamdicom.index.places import sidecar_of
from streamdicom.index.scanning import hash_of, starts_and_hashes
from streamdicom.index.sidecar import PACKINGS, Packing, fingerprint
from streamdicom.index.writing import IndexWriter
from streamdicom.io import Place, UnpackedFile, absolute, is_folder, open_place, read_range
from streamdicom.jsontext import CommentError
from streamdicom.options import ReadOptions
from streamdicom.progress import ProgressCallback, Ticker

_MAX_MEMBER = 1024 * 1024  # bytes of a content in one member
_MIN_SIZE = 256 * 1024 * 1024  # bytes of a source for each process; the start of one takes as long


def build_index(
    source: Place,
    *,
    jobs: int = 1,
    progress: ProgressCallback | None = None,
    on_fault: Callable[[InputError], object] | None = None,
) -> StreamIndex | FilesIndex:
    """Build the index of a stream or of a folder, and write it beside the source.

    The index is the file ``NAME.sdx``. A stream is DICOM JSON: an array, NDJSON or concatenated documents, plain or
    compressed with gzip or zstd in several members, as exports are. It is scanned for the places at which data sets
    start, and not parsed, so faults in it are found when a data set is read. Memory does not depend on the number of
    data sets.

    In a folder, DICOM files are read up to their SOP Instance UID, and JSON is scanned. XML, and JSON that cannot be
    scanned, are read, here and at each access to a data set of theirs. Other files are passed over.

    Args:
        source: A path, or a URL for fsspec.
        jobs: The number of processes for a stream. A program that uses several must protect its main module with
            ``if __name__ == "__main__"``. A short source is scanned by one.
        progress: Called with a ``Progress`` a few times a second, such as a ``ProgressBar``.
        on_fault: Takes the error of each file of a folder that cannot be read, and that is left out. By default the
            error is raised.

    Returns:
        The index, which must be closed.

    Raises:
        InputError: A stream is not JSON, is compressed as a whole, has comments, or has an object around the array; or
            a file in a folder cannot be read, or is a ZIP or tar file.
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
    ticker = Ticker(progress)
    if _is_of_files(place):
        with closing(IndexWriter()) as writer:
            build_files(place, writer, ticker, on_fault)
        ticker.finish()
        return FilesIndex(place)
    with open_place(place) as file, closing(IndexWriter()) as writer:
        before = fingerprint(file)
        ticker.size_known = before.size
        kind = _kind(file)
        unpacked = UnpackedFile(file, kind) if kind in PACKINGS and kind else None
        text = file if unpacked is None else cast(BinaryIO, unpacked)
        jobs = min(jobs, 1 + before.size // _MIN_SIZE) if unpacked is None else 1
        try:
            if _kind(text) != JSON.name:
                raise InputError(f"expected DICOM JSON, found {_kind(text)}")
            is_split = jobs > 1 and _scan_in_parallel(place, text, writer, jobs, ticker)
            if not is_split:
                _scan(text, file, writer, ticker)
            packing = None if unpacked is None else _packing(unpacked)
            end = packing.size if packing else before.size
            if is_split:
                writer.add_hashes(parallel_hashes(place, writer.starts(), end, jobs))
            else:
                writer.add_missing(partial(hash_of, text), end)
        except (CommentError, InputError) as cause:
            error = InputError(
                f"{cause}; only JSON without comments, without an object around, and not compressed as a whole can be "
                "indexed"
            )
            error.filename = place
            raise error from cause
        writer.write(sidecar_of(place), before, packing)
        ticker.reach(len(writer), before.size)
    ticker.finish()
    return StreamIndex(place)


def _is_of_files(place: str) -> bool:
    """Return whether a source is a folder or a DICOM file."""
    if is_folder(place):
        return True
    with open_place(place) as file:
        return _kind(file) == DICOM.name


def open_index(source: Place, *, options: ReadOptions | None = None, verify: bool = False) -> StreamIndex | FilesIndex:
    """Open the index beside a source; see ``StreamIndex`` and ``FilesIndex``.

    >>> open_index("/none.json")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] No such file or directory: '/none.json'
    """
    kind = FilesIndex if _is_of_files(absolute(source)) else StreamIndex
    return kind(source, options=options, verify=verify)


def _kind(file: BinaryIO) -> str | None:
    return detect(b"".join(read_range(file, 0, HEAD_SIZE)), is_all=True)


def _packing(file: UnpackedFile) -> Packing:
    """Return the compression of a file that has been read.

    Raises:
        InputError: A long content is in one member.
    """
    size = file.seek(0, os.SEEK_END)
    if len(file.places) == 1 and size > _MAX_MEMBER:
        raise InputError(f"expected {file.kind} in members that end at data sets, found one member")
    return Packing(file.kind, size, file.places)


def _scan_in_parallel(place: str, file: BinaryIO, writer: IndexWriter, jobs: int, ticker: Ticker) -> bool:
    """Write the offsets of the data sets.

    Returns:
        False if a part of the text does not tell its structure.
    """
    try:
        for starts in parallel_starts(place, file, jobs):
            writer.add_starts(starts)
            ticker.reach(len(writer), starts[-1])
    except ValueError:  # a range that is not JSON does not tell where its strings are
        writer.clear_starts()
        return False
    return True


def _scan(text: BinaryIO, file: BinaryIO, writer: IndexWriter, ticker: Ticker) -> None:
    """Write the offsets of data sets, and the hashes of the UIDs at their start.

    Args:
        text: The text.
        file: The file, which has it compressed or is the same.
        writer: Takes them.
        ticker: Counts the bytes of the file.
    """
    for found in starts_and_hashes(text):
        writer.add(*found)
        ticker.reach(len(writer), file.tell())
