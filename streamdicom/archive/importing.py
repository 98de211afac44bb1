"""Import: a stream of data sets to one DICOM file each.

While a file is written, it is ``.streamdicom/17.partial`` in the folder, named by the index of its data set in the
stream. The journal is ``.streamdicom/journal``:

    {"import": {...}}                                      the request
    {"index": 0, "uid": "1.2.3", "path": "1/2/1.2.3.dcm", "offset": 1}  a data set, its path, its offset in the file
    {"index": 1, "uid": "1.2.4", "skipped": "...", "offset": 90}        a skipped data set and the reason

The order of writes makes a run safe to kill at any moment:

1. the data set is written completely to its partial file;
2. its line is appended to the journal;
3. the partial file is renamed to its path.

A resumed run skips the data sets in the journal. It reads a file of JSON from the last offset in the journal on, and
another stream from the start, and checks that the data sets are the same as in the journal. If the last of these
still has its partial file, the kill happened between steps 2 and 3, and the file is renamed now; any other partial file
is incomplete and removed. The journal is removed at the end. A run that should resume but finds no journal, because the
kill happened at the very end, starts again, but reuses files that are identical; its first line says so to the run that
resumes it. So a file under its path is always complete, and never written twice. Files are not forced onto the disk one
by one: a kill loses nothing, but a power failure may lose files that the system has not yet written.

The SOP Instance UIDs of the run are kept in a temporary database, which spills to disk.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from filecmp import cmp
from io import BufferedRandom, BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

from streamdicom.api import expanded_events, write_events
from streamdicom.archive.journal import Entry, Journal, check_request
from streamdicom.archive.layout import DEFAULT_LAYOUT, Layout, with_values
from streamdicom.archive.members import decompressed
from streamdicom.archive.report import ProgressCallback, Report, Skipped, Ticker
from streamdicom.archive.sources import check_local
from streamdicom.bulkdata import BulkDataInfo, BulkDataStore, DirectoryStore
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import BulkDataError, InputError, Location, OutputError, ResumeError, StreamDicomError
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import load_bulk_data, sort_elements
from streamdicom.formats.part10 import Part10Writer
from streamdicom.index import DatasetOffsets, split_at
from streamdicom.io import Expansion, NamedFile, Source, chunks, is_special, name_of, naming, not_blank
from streamdicom.options import ReadOptions, WriteOptions

_WORK_FOLDER = ".streamdicom"


def import_archive(
    source: Source,
    directory: str | os.PathLike[str],
    *,
    layout: str = DEFAULT_LAYOUT,
    transfer_syntax: str | None = None,
    bulk_root: str | os.PathLike[str] | None = None,
    bulk_uri_prefix: str = "",
    where: Mapping[str, str | Iterable[str]] | None = None,
    on_error: str = "stop",
    on_duplicate: str = "error",
    resume: bool = False,
    progress: ProgressCallback | None = None,
) -> Report:
    """Write each data set of a stream to a DICOM file (PS3.10).

    The stream is DICOM JSON (PS3.18 Annex F: an array, NDJSON or concatenated documents), Native DICOM XML or a DICOM
    file, plain or compressed with gzip, zstd, bzip2, xz or deflate. The format is recognized by content.

    No value in the stream leads to a path outside the folder, and no link in the folder is followed out of it. A file
    has its path only when it is complete. A run that is stopped, by an error or a kill, leaves a journal in the folder
    ``.streamdicom``, and can be continued with ``resume``. Without ``resume``, such a folder is an error.

    Args:
        source: A path, a binary file, bytes, or an iterable of bytes.
        directory: The folder for the files, created if necessary.
        layout: The path of each file, with keywords or tags of elements in braces; see ``Layout``.
        transfer_syntax: The UID of the transfer syntax. By default an encapsulated syntax is kept, and all other data
            sets are written in Explicit VR Little Endian.
        bulk_root: The folder of the bulk data that the stream refers to. By default a reference is an error.
        bulk_uri_prefix: The start of the references, before the path in that folder.
        where: Data sets to write, as in ``ReadOptions.where``, but with strings only. By default all are written.
        on_error: "stop" at a data set that fails, or "skip" it and add it to the report. With "skip", an element with
            an invalid value is kept; see ``ReadOptions.on_error``. A syntax error always stops the run; the data
            sets before it are written.
        on_duplicate: The action if the SOP Instance UID is that of an earlier data set, or a file exists at the path:
            "error", "skip", "replace" the earlier file, or "keep-both" with a number in the name.
        resume: Continue a stopped run. The stream and the arguments must be the same, except ``on_error`` and
            ``on_duplicate``.
        progress: Called with a ``Progress`` a few times a second.

    Returns:
        The number of data sets written, and the data sets that were skipped.

    Raises:
        InputError: The stream is malformed or empty; the location says where.
        OutputError: A data set cannot be written, or is a duplicate.
        ResumeError: A stopped run must be resumed, or differs from this one in its arguments or its stream.
        OSError: The stream cannot be read, or a file cannot be written.
        ValueError: The layout leads out of the folder, a folder is a URL, or a choice is unknown.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = import_archive(b'[{"00080018": {"vr": "UI", "Value": ["1.2"]}}]', folder, layout="{SOPInstanceUID}")
    ...     os.listdir(folder)
    ['1.2']
    """
    for name, value, choices in (
        ("on_error", on_error, ("stop", "skip")),
        ("on_duplicate", on_duplicate, ("error", "skip", "replace", "keep-both")),
    ):
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value}")
    for name, folder in (("directory", directory), ("bulk_root", bulk_root)):
        check_local(name, folder)
    paths = Layout(layout)
    root = Path(directory)
    description = _describe(source)
    request: Entry = {
        "layout": layout,
        "transfer_syntax": transfer_syntax,
        "bulk_root": None if bulk_root is None else os.fspath(bulk_root),
        "bulk_uri_prefix": bulk_uri_prefix,
        "where": {key: [value] if isinstance(value, str) else [*value] for key, value in (where or {}).items()},
        "source": description,
    }
    reading = ReadOptions(on_error="keep" if on_error == "skip" else None, where=request["where"])
    options = WriteOptions(transfer_syntax=transfer_syntax)
    Part10Writer(BytesIO(), BytesIO, options=options)  # raises if the transfer syntax is not supported
    store = _NoStore() if bulk_root is None else DirectoryStore(bulk_root, uri_prefix=bulk_uri_prefix)
    ticker = Ticker(progress)
    ticker.size_known = description[1] if description else None
    with (
        _made(root),
        closing(_Destination(root, paths, on_duplicate)) as destination,
        closing(_Log(root, resume)) as log,
    ):
        return _Import(destination, log, options, store, on_error == "skip", ticker).run(source, request, reading)


def _is_file(source: Source) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(source, str | os.PathLike) and not is_special(source)


def _describe(source: Source) -> list[Any] | None:
    """Return path, size and time of a file, by which a resumed run recognizes it."""
    if not _is_file(source):
        return None
    status = Path(source).stat()
    return [os.fspath(source), status.st_size, status.st_mtime_ns]


@contextmanager
def _made(root: Path) -> Iterator[None]:
    """Make a folder and its parents; if the run fails, remove those that are empty."""
    new = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):
            for folder in new:
                folder.rmdir()
        raise


class _NoStore:
    """The store of an import without ``bulk_root``: every reference is an error."""

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        raise AssertionError("an import stores no bulk data")

    def open(self, uri: str) -> Iterator[bytes]:
        raise BulkDataError(
            "a reference to bulk data, which a DICOM file cannot hold; name its folder with bulk_root (--bulk-dir)"
        )


# --- the stream ------------------------------------------------------------------------------------------------


class _Datasets:
    """The events of a stream, one data set at a time."""

    def __init__(self, events: Iterator[Event], offsets: DatasetOffsets) -> None:
        self._events = sort_elements(self._read(events))
        self.offsets = offsets
        self._in_dataset = False
        self.is_broken = False  # no data set can be read after the current one

    def _read(self, events: Iterator[Event]) -> Iterator[Event]:
        try:
            yield from events
        except InputError:
            self.is_broken = True
            raise

    def __iter__(self) -> Iterator[tuple[int, Iterator[Event]]]:
        """Yield the index of each data set and its events.

        Events that the caller leaves are skipped.
        """
        for start in self._events:
            self._in_dataset = True
            yield start[3], self._dataset(start)
            for _ in self._rest():
                pass

    def _dataset(self, start: Event) -> Iterator[Event]:
        yield start
        yield from self._rest()

    def _rest(self) -> Iterator[Event]:
        while self._in_dataset:
            event = next(self._events)
            self._in_dataset = event[0] != END_DATASET
            yield event


def _all_datasets(source: Source, ticker: Ticker, options: ReadOptions) -> _Datasets:
    """Return the data sets of a stream."""
    offsets = DatasetOffsets()
    expansion = Expansion(options.limits)
    blocks = _counted(source, ticker)
    if _is_file(source):
        blocks = offsets.watch(blocks)
    return _Datasets(expanded_events(not_blank(decompressed(blocks, expansion)), options, expansion), offsets)


def _counted(source: Source, ticker: Ticker) -> Iterator[bytes]:
    for chunk in chunks(source):
        yield chunk
        ticker.advance(0, len(chunk))


def _datasets_from(source: str | os.PathLike[str], place: Entry, ticker: Ticker, options: ReadOptions) -> _Datasets:
    """Return the data sets of a file of JSON from an entry of the journal on."""
    offsets = DatasetOffsets()
    part = split_at(os.fspath(source), place["index"], place["offset"])
    ticker.advance_before(place["index"], place["offset"])
    return _Datasets(part.iter_events(options=options, offsets=offsets), offsets)


# --- the run ---------------------------------------------------------------------------------------------------


class _Import:
    """One run."""

    def __init__(
        self,
        destination: _Destination,
        log: _Log,
        options: WriteOptions,
        store: BulkDataStore,
        skip: bool,
        ticker: Ticker,
    ) -> None:
        self._destination = destination
        self._log = log
        self._options = options
        self._store = store
        self._skip = skip
        self._ticker = ticker
        self._report = Report()

    def run(self, source: Source, request: Entry, options: ReadOptions) -> Report:
        self._log.begin(request)
        self._destination.reuses_identical_files = self._log.is_lost
        place = self._log.last_place()
        done = self._log.entries()
        try:
            if place is None or not _is_file(source):
                datasets = _all_datasets(source, self._ticker, options)
            else:
                datasets = _datasets_from(source, place, self._ticker, options)
                for known in islice(done, self._log.entries_before):
                    self._enter(known)
            for index, events in datasets:
                entry = next(done, None)
                if entry is not None:
                    self._replay(index, events, entry)
                else:
                    self._import(index, events, datasets)
                self._ticker.advance(1, 0)
        except StreamDicomError as error:
            error.filename = error.filename or name_of(source)
            raise
        if next(done, None) is not None:
            raise ResumeError("the stream has fewer data sets than the stopped run had written")
        self._log.finish()
        self._ticker.tick()
        return self._report

    def _replay(self, index: int, events: Iterator[Event], entry: Entry) -> None:
        """Check that the stopped run had this data set, and complete its file."""
        if entry["index"] != index or entry["uid"] != _read_uid(events, {}):
            raise ResumeError("the stream is not that of the stopped run", Location(dataset_index=index))
        partial = self._log.partial(index)
        if "path" not in entry:
            partial.unlink(missing_ok=True)
        elif partial.exists():  # the run was killed before the file was renamed
            self._destination.put(partial, entry)
            self._count(entry)
            return
        self._enter(entry)

    def _enter(self, entry: Entry) -> None:
        """Add a data set that the stopped run had written or skipped."""
        self._count(entry)
        if "path" in entry:
            self._destination.enter(entry)

    def _count(self, entry: Entry) -> None:
        if "path" in entry:
            self._report.datasets += not entry["replaces_own"]
        else:
            self._report.skipped.append(Skipped(f"[{entry['index']}]", entry["skipped"]))

    def _import(self, index: int, events: Iterator[Event], datasets: _Datasets) -> None:
        partial = self._log.partial(index)
        try:
            entry = self._write_partial(index, events, partial, datasets)
            self._log.append({**entry, "offset": datasets.offsets.get(index)})
        except Exception:  # not KeyboardInterrupt: the journal may already have the entry, which needs the file
            with suppress(OSError):
                partial.unlink()
            raise
        if "path" in entry:
            self._destination.put(partial, entry)
        else:
            partial.unlink(missing_ok=True)
        self._count(entry)

    def _write_partial(self, index: int, events: Iterator[Event], partial: Path, datasets: _Datasets) -> Entry:
        """Write a data set to its partial file; return its entry."""
        values: dict[int, str] = {}
        try:
            self._write(with_values(events, self._destination.tags, values), partial)
            return self._destination.decide(index, values, partial)
        except StreamDicomError as error:
            _locate(error, index)
            if datasets.is_broken or not self._skip:
                raise
            return {"index": index, "uid": _read_uid(events, values), "skipped": str(error)}

    def _write(self, events: Iterator[Event], partial: Path) -> None:
        with BufferedRandom(NamedFile(partial, "w+", partial.parents[1])) as file:
            write_events(load_bulk_data(events, self._store), file, format="dicom", options=self._options)


def _read_uid(events: Iterator[Event], values: dict[int, str]) -> str:
    """Read the rest of a data set; return its SOP Instance UID."""
    for _ in with_values(events, frozenset({SOP_INSTANCE_UID}), values):
        pass
    return values.get(SOP_INSTANCE_UID, "")


def _locate(error: StreamDicomError, index: int) -> None:
    """Add the index of the data set to an error without location."""
    if error.location.dataset_index is None and error.location.byte_offset is None:
        error.within(index, error.location.tag_path)


class _Log:
    """The journal, and the partial files beside it."""

    def __init__(self, root: Path, resume: bool) -> None:
        self._folder = root / _WORK_FOLDER
        if self._folder.is_symlink():
            raise ResumeError(f"expected a folder at {self._folder}, found a link")
        with naming(root):
            self._folder.mkdir(exist_ok=True)
            self._journal = Journal(self._folder / "journal")
        self._resume = resume
        self.is_lost = False  # no journal to resume, such as after a kill at the very end
        self.entries_before = 0  # the last one with an offset
        self._is_empty = False  # this run began the journal, and has no data set yet

    def partial(self, index: int) -> Path:
        """Return the path of the partial file of a data set."""
        return self._folder / f"{index}.partial"

    def begin(self, request: Entry) -> None:
        """Begin the journal, or check that the stopped run had the same request."""
        first = next(self._journal.entries(), None)
        if first is None:
            self._journal.restart()
            self.is_lost = self._resume
            self._journal.append({"import": request, "is_lost": self.is_lost})
            self._is_empty = True
            return
        if not self._resume:
            raise ResumeError(
                "an earlier import to this folder was stopped; resume it (resume=True, --resume), or remove "
                f"{self._folder} to start again"
            )
        check_request(first.get("import"), request)
        self.is_lost = bool(first.get("is_lost"))

    def entries(self) -> Iterator[Entry]:
        """Return the entries of the stopped run."""
        return islice(self._journal.entries(), 1, None)

    def last_place(self) -> Entry | None:
        """Return the last entry with the offset of its data set."""
        place = None
        for number, entry in enumerate(self.entries()):
            if entry.get("offset") is not None:
                place, self.entries_before = entry, number
        return place

    def append(self, entry: Entry) -> None:
        self._is_empty = False
        self._journal.append(entry, sync=False)  # each data set would wait for the disk otherwise

    def finish(self) -> None:
        self._is_empty = False
        self._journal.remove()

    def close(self) -> None:
        if self._is_empty:  # nothing to resume
            self._journal.remove()
        self._journal.close()
        with suppress(OSError):  # the folder still has the journal
            self._folder.rmdir()


# --- the folder ------------------------------------------------------------------------------------------------


class _Destination:
    """The folder of the files, and the SOP Instance UIDs and paths of this run."""

    def __init__(self, root: Path, layout: Layout, on_duplicate: str) -> None:
        self._root = Path(os.path.realpath(root))
        self._layout = layout
        self._on_duplicate = on_duplicate
        self.tags = layout.tags | {SOP_INSTANCE_UID}
        self.reuses_identical_files = False
        self._last_folder: Path | None = None  # exists, and is within the root
        self._seen = sqlite3.connect("", isolation_level=None)  # a temporary database, which spills to disk
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("CREATE TABLE seen (uid TEXT PRIMARY KEY, path TEXT UNIQUE) WITHOUT ROWID")
        self._seen.execute("CREATE TABLE numbers (path TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")

    def close(self) -> None:
        self._seen.close()

    def decide(self, index: int, values: dict[int, str], partial: Path) -> Entry:
        """Return the entry of a data set: its path, or that it is skipped as a duplicate.

        Raises:
            OutputError: The data set is a duplicate and duplicates are errors, or it cannot have its path.
        """
        uid = values.get(SOP_INSTANCE_UID, "")
        path = self._layout.path(values, index)
        entry: Entry = {"index": index, "uid": uid, "path": path, "replaces": "", "replaces_own": False}
        self._make_folder(path)
        earlier = self._query("SELECT path FROM seen WHERE uid = ?", uid) if uid else None
        owner = self._query("SELECT uid FROM seen WHERE path = ?", path)
        if earlier is None and owner is None and not self._is_taken(path, partial):
            return entry
        if not (self._root / path).is_symlink() and (self._root / path).is_dir():
            raise OutputError(f"expected a file at {path}, found a folder")
        reason = f"a file exists at {path}"
        if earlier is not None:
            reason = f"the SOP Instance UID is that of an earlier data set, at {earlier}"
        if self._on_duplicate == "skip":
            return {"index": index, "uid": uid, "skipped": reason}
        if self._on_duplicate == "keep-both":
            return {**entry, "path": self._free_path(path, partial)}
        if self._on_duplicate == "error":
            raise OutputError(f"{reason}; see on_duplicate (--on-duplicate)")
        if owner is not None and owner != uid:
            raise OutputError(f"the layout gives {path} to two data sets with different SOP Instance UIDs")
        return {**entry, "replaces": earlier or "", "replaces_own": earlier is not None}

    def _query(self, query: str, value: str) -> str | None:
        row = self._seen.execute(query, (value,)).fetchone()
        return None if row is None else row[0]

    def _make_folder(self, path: str) -> None:
        """Make the folder of a path, and check that no link leads out of the root."""
        folder = (self._root / path).parent
        if folder == self._last_folder:
            return
        if not Path(os.path.realpath(folder)).is_relative_to(self._root):
            raise OutputError(f"a link leads from {path} out of the folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise OutputError(f"expected a folder for {path}, found a file") from None
        self._last_folder = folder

    def _is_taken(self, path: str, partial: Path) -> bool:
        """Return whether another file exists at a path."""
        found = self._root / path
        if not os.path.lexists(found):
            return False
        if not self.reuses_identical_files or not found.is_file() or found.is_symlink():
            return True
        return not cmp(found, partial, shallow=False)

    def _free_path(self, path: str, partial: Path) -> str:
        """Return the path with the first number that is not taken."""
        stem, suffix = os.path.splitext(path)  # noqa: PTH122 - the path stays a str
        if suffix[1:].isdigit():  # the last component of a UID
            stem, suffix = path, ""
        row = self._seen.execute("SELECT number FROM numbers WHERE path = ?", (path,)).fetchone()
        number = row[0] if row else 2
        while self._is_taken(f"{stem}-{number}{suffix}", partial):
            number += 1
        self._seen.execute("REPLACE INTO numbers VALUES (?, ?)", (path, number + 1))
        return f"{stem}-{number}{suffix}"

    def put(self, partial: Path, entry: Entry) -> None:
        """Rename a complete partial file to its path."""
        self._make_folder(entry["path"])
        partial.replace(self._root / entry["path"])
        self.enter(entry)

    def enter(self, entry: Entry) -> None:
        """Record the UID and path of a data set, and remove the file that it replaces."""
        path, replaced = entry["path"], entry["replaces"]
        if replaced and replaced != path:
            (self._root / replaced).unlink(missing_ok=True)
        if self._on_duplicate == "replace" or not self._is_known(entry["uid"]):
            self._seen.execute("REPLACE INTO seen VALUES (?, ?)", (entry["uid"] or f"no {entry['index']}", path))

    def _is_known(self, uid: str) -> bool:
        return bool(uid) and self._query("SELECT path FROM seen WHERE uid = ?", uid) is not None
