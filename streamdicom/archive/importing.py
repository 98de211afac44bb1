"""One stream of DICOM JSON to many DICOM files.

While it is written, a file is ``.streamdicom/17.partial`` in the folder, with the number of its data set in the
stream. Beside it is the journal, ``.streamdicom/journal``:

    {"import": {...}}                                      what was asked for
    {"index": 0, "uid": "1.2.3", "path": "1/2/1.2.3.dcm"}  a data set and its path
    {"index": 1, "uid": "1.2.4", "skipped": "..."}         one that was skipped, and why

The order of writes makes it safe to be killed at any moment:

1. the data set is written to its partial file, whole;
2. its line is added to the journal;
3. the partial file gets its path.

A run that goes on reads the stream from its start, passes over the data sets that the journal has, and looks whether
they are the same. If the last of them still has its partial file, the kill came between 2 and 3, and the file gets
its path now; any other partial file is not whole and goes. When all is done the journal goes. A run that is to go on
and finds no journal, because the kill came at the very end, starts anew, but takes a file that is the same, byte for
byte, for its own. So a file under its path is always whole, and there is no second one of it. Files are not forced
onto the disk one by one: a kill loses nothing, a power failure may lose what the system had not written yet.

The SOP Instance UIDs of the run are kept in a temporary database, which is on the disk where it is large.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from filecmp import cmp
from io import BufferedRandom, BytesIO
from pathlib import Path
from typing import Any

from streamdicom.api import iter_events, write_events
from streamdicom.archive.journal import Entry, Journal, check_request
from streamdicom.archive.layout import (
    DEFAULT_LAYOUT,
    Layout,
    noted,
)
from streamdicom.archive.report import ProgressCallback, Report, Skipped, Ticker
from streamdicom.bulkdata import DirectoryStore
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import InputError, Location, OutputError, ResumeError, StreamDicomError
from streamdicom.events import END_DATASET, Event
from streamdicom.filters import load_bulk_data, sort_elements
from streamdicom.formats import expand
from streamdicom.formats.part10 import Part10Writer
from streamdicom.io import NamedFile, Source, chunks, is_special, naming, not_blank
from streamdicom.options import ReadOptions, WriteOptions

_WORK = ".streamdicom"
_LONGEST_MAGIC = 6


def import_archive(
    source: Source,
    directory: str | os.PathLike[str],
    *,
    layout: str = DEFAULT_LAYOUT,
    transfer_syntax: str | None = None,
    bulk_root: str | os.PathLike[str] | None = None,
    bulk_uri_prefix: str = "",
    on_error: str = "stop",
    on_duplicate: str = "error",
    resume: bool = False,
    progress: ProgressCallback | None = None,
) -> Report:
    """Write each data set of a stream of DICOM JSON (PS3.18 Annex F) to a DICOM file (PS3.10).

    The stream is an array, or any number of arrays and data sets one behind another, such as NDJSON. It may be
    compressed with gzip, zstd, bzip2 or xz, which shows in its first bytes.

    No value in the stream makes a path outside the folder, and no link in the folder is followed out of it. A file
    has its path only when it is complete. After an error or a kill a journal stays in ``.streamdicom`` in the folder,
    with which ``resume`` goes on; a run without it is refused then.

    Args:
        source: A path, a binary file, bytes, or an iterable of bytes.
        directory: The folder, which is made if it is not there.
        layout: The path of a file, with keywords or tags of attributes in braces; see ``Layout``.
        transfer_syntax: The UID of the transfer syntax. By default an encapsulated one is kept, and explicit VR
            little endian is taken for all others.
        bulk_root: The folder in which references to bulk data lead to a file. By default there is none, and a
            reference is an error.
        bulk_uri_prefix: What the references begin with, before the path in that folder.
        on_error: "stop" at a data set that fails, or "skip" it, which the report tells; an element whose value cannot
            be right is kept as UN then, see ``ReadOptions.on_error``. A fault of the JSON text always ends the run; the
            data sets before it are there.
        on_duplicate: What becomes of a data set with the SOP Instance UID of one before it, or whose path is taken:
            "error", "skip", "replace" the one before, or "keep-both" by a number in the name.
        resume: Whether to go on where another run has been stopped. It must be asked for the same and get the same
            stream; ``on_error`` and ``on_duplicate`` may be others.
        progress: Called with a ``Progress`` some times a second.

    Returns:
        How many data sets there are in files, and what was skipped.

    Raises:
        InputError: The stream is at fault, or empty; the location says where.
        OutputError: A data set cannot be written, or comes twice.
        ResumeError: The run was asked for something else, or gets another stream, or must be resumed.
        OSError: The stream cannot be read, or a file not written.
        ValueError: The layout leads out of the folder, or an argument is not one of its choices.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = import_archive(b'[{"00080018": {"vr": "UI", "Value": ["1.2"]}}]', folder, layout="{SOPInstanceUID}")
    ...     os.listdir(folder)
    ['1.2']
    """
    for value, allowed in (
        (on_error, ("stop", "skip")),
        (on_duplicate, ("error", "skip", "replace", "keep-both")),
    ):
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)} is needed, not {value}")
    paths = Layout(layout)
    root = Path(directory)
    described = _described(source)
    request = {
        "layout": layout,
        "transfer_syntax": transfer_syntax,
        "bulk_root": None if bulk_root is None else os.fspath(bulk_root),
        "bulk_uri_prefix": bulk_uri_prefix,
        "source": described,
    }
    options = WriteOptions(transfer_syntax=transfer_syntax)
    Part10Writer(BytesIO(), BytesIO, options=options)  # which says if it does not write this transfer syntax
    store = None if bulk_root is None else DirectoryStore(bulk_root, uri_prefix=bulk_uri_prefix)
    root.mkdir(parents=True, exist_ok=True)
    ticker = Ticker(progress)
    ticker.size_known = described[1] if described else None
    with closing(_Folder(root, paths, on_duplicate)) as folder, closing(_Log(root, resume)) as log:
        return _Import(folder, log, options, store, on_error == "skip", ticker).run(source, request)


def _described(source: Source) -> list[Any] | None:
    """What tells a file from another, or from what it was before."""
    if not isinstance(source, str | os.PathLike) or is_special(source):
        return None
    status = Path(source).stat()
    return [os.fspath(source), status.st_size, status.st_mtime_ns]


# --- the stream ------------------------------------------------------------------------------------------------


class _Stream:
    """The events of the stream, a data set at a time."""

    def __init__(self, source: Source, ticker: Ticker, options: ReadOptions) -> None:
        events = self._read(not_blank(expand(_counted(source, ticker), None)), options)
        self._events = sort_elements(events)
        self._in_dataset = False
        self.is_broken = False  # whether the JSON text is at fault

    def _read(self, data: Iterable[bytes], options: ReadOptions) -> Iterator[Event]:
        try:
            yield from iter_events(data, options=options)
        except InputError:
            self.is_broken = True
            raise

    def datasets(self) -> Iterator[tuple[int, Iterator[Event]]]:
        """The number of each data set and its events; what is not taken of them is passed over."""
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


def _counted(source: Source, ticker: Ticker) -> Iterator[bytes]:
    for chunk in chunks(source):
        yield chunk
        ticker.advance(0, len(chunk))


# --- the run ---------------------------------------------------------------------------------------------------


class _Import:
    """A run."""

    def __init__(
        self,
        folder: _Folder,
        log: _Log,
        options: WriteOptions,
        store: DirectoryStore | None,
        skip: bool,
        ticker: Ticker,
    ) -> None:
        self._folder = folder
        self._log = log
        self._options = options
        self._store = store
        self._skip = skip
        self._ticker = ticker
        self._report = Report()

    def run(self, source: Source, request: Entry) -> Report:
        before = self._log.replay(request)
        self._folder.adopts = self._log.is_lost
        reading = ReadOptions(on_error="keep" if self._skip else "raise")
        stream = _Stream(source, self._ticker, reading)
        for index, events in stream.datasets():
            entry = next(before, None)
            if entry is not None:
                self._pass_over(index, events, entry)
            else:
                self._take(index, events, stream)
            self._ticker.advance(1, 0)
        if next(before, None) is not None:
            raise ResumeError("the stream has fewer data sets than the one that is to be gone on with")
        self._log.finish()
        self._ticker.tell()
        return self._report

    def _pass_over(self, index: int, events: Iterator[Event], entry: Entry) -> None:
        """See that a data set is the one that an earlier run has done."""
        values: dict[int, str] = {}
        for _ in noted(events, frozenset({SOP_INSTANCE_UID}), values):
            pass
        if entry["index"] != index or entry["uid"] != values.get(SOP_INSTANCE_UID, ""):
            raise ResumeError("the stream is not the one that is to be gone on with", Location(dataset_index=index))
        self._count(entry)
        partial = self._log.partial(index)
        if "path" not in entry:
            partial.unlink(missing_ok=True)
        elif partial.exists():  # the kill came before it got its path
            self._folder.put(partial, entry)
        else:
            self._folder.enter(entry)

    def _count(self, entry: Entry) -> None:
        if "path" in entry:
            self._report.datasets += not entry["replaces_own"]
        else:
            self._report.skipped.append(Skipped(f"[{entry['index']}]", entry["skipped"]))

    def _take(self, index: int, events: Iterator[Event], stream: _Stream) -> None:
        partial = self._log.partial(index)
        try:
            entry = self._written(index, events, partial, stream)
            self._log.append(entry)
        except Exception:  # an interrupt may come when the line is there, and the file is needed
            with suppress(OSError):
                partial.unlink()
            raise
        if "path" in entry:
            self._folder.put(partial, entry)
        else:
            partial.unlink(missing_ok=True)
        self._count(entry)

    def _written(self, index: int, events: Iterator[Event], partial: Path, stream: _Stream) -> Entry:
        """Write a data set to its partial file; return its entry."""
        values: dict[int, str] = {}
        try:
            self._write(noted(events, self._folder.tags, values), partial)
            return self._folder.decide(index, values, partial)
        except StreamDicomError as error:
            _locate(error, index)
            if stream.is_broken or not self._skip:
                raise
            return {"index": index, "uid": self._uid(events, values), "skipped": str(error)}

    def _uid(self, events: Iterator[Event], values: dict[int, str]) -> str:
        """The SOP Instance UID of a data set, of which some events may still come."""
        for _ in noted(events, frozenset({SOP_INSTANCE_UID}), values):
            pass
        return values.get(SOP_INSTANCE_UID, "")

    def _write(self, events: Iterator[Event], partial: Path) -> None:
        if self._store is not None:
            events = load_bulk_data(events, self._store)
        with BufferedRandom(NamedFile(partial, "w+", partial.parents[1])) as file:
            write_events(events, file, format="dicom", options=self._options)


def _locate(error: StreamDicomError, index: int) -> None:
    """Add the number of the data set, where it is not known."""
    if error.location.dataset_index is None and error.location.byte_offset is None:
        error.within(index, error.location.tag_path)


class _Log:
    """The journal, and the partial files beside it."""

    def __init__(self, root: Path, resume: bool) -> None:
        self._folder = root / _WORK
        if self._folder.is_symlink():
            raise ResumeError(f"{self._folder} is a link, where a folder is due")
        with naming(root):
            self._folder.mkdir(exist_ok=True)
            self._journal = Journal(self._folder / "journal")
        self._resume = resume
        self.is_lost = False  # whether there is none to go on with, such as when the kill came at the very end
        self._is_empty = False  # whether this run has begun it, and no data set is in it

    def partial(self, index: int) -> Path:
        """Where a data set is written to."""
        return self._folder / f"{index}.partial"

    def replay(self, request: Entry) -> Iterator[Entry]:
        """What an earlier run has done, if there was one."""
        entries = self._journal.entries()
        first = next(entries, None)
        if first is None:
            self._journal.restart()
            self._journal.append({"import": request})
            self._is_empty = True
            self.is_lost = self._resume
            return iter(())
        if not self._resume:
            raise ResumeError(f"an import was interrupted here: resume it, or remove {self._folder}")
        check_request(first.get("import"), request)
        return entries

    def append(self, entry: Entry) -> None:
        self._is_empty = False
        self._journal.append(entry, sync=False)  # or each data set would wait for the disk

    def finish(self) -> None:
        self._is_empty = False
        self._journal.remove()

    def close(self) -> None:
        if self._is_empty:  # there is nothing to go on with
            self._journal.remove()
        self._journal.close()
        with suppress(OSError):  # where there is a journal
            self._folder.rmdir()


# --- the folder ------------------------------------------------------------------------------------------------


class _Folder:
    """The files, where they go, and which SOP Instance UIDs there are among those of the run."""

    def __init__(self, root: Path, layout: Layout, on_duplicate: str) -> None:
        self._root = Path(os.path.realpath(root))
        self._layout = layout
        self._on_duplicate = on_duplicate
        self.tags = layout.tags | {SOP_INSTANCE_UID}
        self.adopts = False  # whether a file that is the same is taken for one of this run
        self._last: Path | None = None  # the folder that is known to be there and to be within
        self._seen = sqlite3.connect("", isolation_level=None)  # temporary, on the disk where it is large
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute("CREATE TABLE seen (uid TEXT PRIMARY KEY, path TEXT UNIQUE) WITHOUT ROWID")
        self._seen.execute("CREATE TABLE numbers (path TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")

    def close(self) -> None:
        self._seen.close()

    def decide(self, index: int, values: dict[int, str], partial: Path) -> Entry:
        """The entry of a data set that is in its partial file: its path, or that it is skipped as a duplicate.

        Raises:
            OutputError: It is a duplicate, and that is an error, or it cannot have its path.
        """
        uid = values.get(SOP_INSTANCE_UID, "")
        path = self._layout.path(values, index)
        entry: Entry = {"index": index, "uid": uid, "path": path, "replaces": "", "replaces_own": False}
        self._make_room(path)
        before = self._one("SELECT path FROM seen WHERE uid = ?", uid) if uid else None
        owner = self._one("SELECT uid FROM seen WHERE path = ?", path)
        if before is None and owner is None and not self._is_taken(path, partial):
            return entry
        if not (self._root / path).is_symlink() and (self._root / path).is_dir():
            raise OutputError("a folder has the path that it would get")
        what = "its SOP Instance UID is that of a data set before it"
        if before is None:
            what = "there is a file already under the path that it would get"
        if self._on_duplicate == "skip":
            return {"index": index, "uid": uid, "skipped": what}
        if self._on_duplicate == "keep-both":
            return {**entry, "path": self._free(path, partial)}
        if self._on_duplicate == "error":
            raise OutputError(what)
        if owner is not None and owner != uid:
            raise OutputError("the layout gives it the path of another data set")
        return {**entry, "replaces": before or "", "replaces_own": before is not None}

    def _one(self, query: str, value: str) -> str | None:
        row = self._seen.execute(query, (value,)).fetchone()
        return None if row is None else row[0]

    def _make_room(self, path: str) -> None:
        """Make the folder of a path, and see that it is within, whatever links there are."""
        folder = (self._root / path).parent
        if folder == self._last:
            return
        if not Path(os.path.realpath(folder)).is_relative_to(self._root):
            raise OutputError("a link leads from its path out of the folder")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise OutputError("a file is where its path needs a folder") from None
        self._last = folder

    def _is_taken(self, path: str, partial: Path) -> bool:
        """Whether there is another file under a path."""
        found = self._root / path
        if not os.path.lexists(found):
            return False
        return not (self.adopts and found.is_file() and not found.is_symlink() and cmp(found, partial, shallow=False))

    def _free(self, path: str, partial: Path) -> str:
        """The path with the first number that makes it new."""
        stem, ending = os.path.splitext(path)  # noqa: PTH122 - a text stays one
        if ending[1:].isdigit():  # the end of a UID
            stem, ending = path, ""
        row = self._seen.execute("SELECT number FROM numbers WHERE path = ?", (path,)).fetchone()
        number = row[0] if row else 2
        while self._is_taken(f"{stem}-{number}{ending}", partial):
            number += 1
        self._seen.execute("REPLACE INTO numbers VALUES (?, ?)", (path, number + 1))
        return f"{stem}-{number}{ending}"

    def put(self, partial: Path, entry: Entry) -> None:
        """Give a whole file its path."""
        self._make_room(entry["path"])
        partial.replace(self._root / entry["path"])
        self.enter(entry)

    def enter(self, entry: Entry) -> None:
        """Note the data set of a file, and remove the one that it replaces."""
        path, replaced = entry["path"], entry["replaces"]
        if replaced and replaced != path:
            (self._root / replaced).unlink(missing_ok=True)
        if self._on_duplicate == "replace" or not self._has(entry["uid"]):
            self._seen.execute("REPLACE INTO seen VALUES (?, ?)", (entry["uid"] or f"no {entry['index']}", path))

    def _has(self, uid: str) -> bool:
        return bool(uid) and self._one("SELECT path FROM seen WHERE uid = ?", uid) is not None
