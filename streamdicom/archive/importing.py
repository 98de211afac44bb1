"""Import: a stream of data sets to one DICOM file each.

While a file is written, it is ``.streamdicom/17.1f2e3d4c.partial`` in the folder, named by the index of its data set in
the stream and a token of the run. The journal is ``.streamdicom/journal``:

    {"import": {...}}                                      the request
    {"index": 0, "uid": "1.2.3", "path": "1/2/1.2.3.dcm", "partial": "0.1f2e3d4c.partial", "offset": 1}
                                                                        a data set, and its offset in the stream
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

Several processes write the partial files of one file of JSON, each a part of it. This process alone decides about
paths, writes the journal and renames the files, in the order of the stream. Where a part cannot be written completely,
it goes on alone, so that files, reports and errors are as with one process.

The SOP Instance UIDs of a long run are kept in a temporary database, which spills to disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from io import BytesIO
from itertools import islice, starmap

from streamdicom._records import replace
from streamdicom._typing import TYPE_CHECKING, Any, TypeGuard, cast
from streamdicom._warn import warn
from streamdicom.api import expanded_events
from streamdicom.archive.destination import Destination, RemoteDestination
from streamdicom.archive.import_tasks import Datasets, FileWriter, Part, Written, locate, read_values, write_part
from streamdicom.archive.journal import Entry
from streamdicom.archive.layout import DEFAULT_LAYOUT, Layout
from streamdicom.archive.members import decompressed
from streamdicom.archive.report import Report, Skipped
from streamdicom.archive.work_folder import WorkFolder
from streamdicom.dicom import IMPLICIT_VR_LITTLE_ENDIAN, SOP_INSTANCE_UID
from streamdicom.errors import Location, ResumeError, StreamDicomError
from streamdicom.events import Event
from streamdicom.formats.part10 import Part10Writer
from streamdicom.index import DatasetOffsets
from streamdicom.inputs import check_place
from streamdicom.io import (
    Expansion,
    Place,
    Source,
    absolute,
    check_distinct,
    chunks,
    is_special,
    is_url,
    name_of,
    not_blank,
    remote_status,
)
from streamdicom.options import OnError, ReadOptions, WriteOptions, options_or_default
from streamdicom.progress import ProgressCallback, Ticker

if TYPE_CHECKING:
    from streamdicom.archive.spools import SpoolFolder

_PART_SIZE = 512 * 1024  # bytes of the stream for a task of a worker
_PART_COUNT = 64  # data sets


def import_archive(
    source: Source,
    directory: str | os.PathLike[str],
    *,
    layout: str = DEFAULT_LAYOUT,
    transfer_syntax: str | None = None,
    bulk_root: str | os.PathLike[str] | None = None,
    bulk_uri_prefix: str = "",
    options: WriteOptions | None = None,
    where: Mapping[str, str | Iterable[str]] | None = None,
    force: bool = False,
    jobs: int = 1,
    on_error: str = "stop",
    on_duplicate: str = "error",
    resume: bool = False,
    manifest: str | os.PathLike[str] | None = None,
    progress: ProgressCallback | None = None,
) -> Report:
    """Write each data set of a stream to a DICOM file (PS3.10).

    The stream is DICOM JSON (PS3.18 Annex F: an array, NDJSON or concatenated documents), Native DICOM XML or a DICOM
    file, plain or compressed with gzip, zstd, bzip2, xz or deflate. The format is recognized by content.

    No value in the stream leads to a path outside the folder, and no link in the folder is followed out of it. A file
    has its path only when it is complete. A run that is stopped, by an error or a kill, leaves a journal in the folder
    ``.streamdicom``, and can be continued with ``resume``. Without ``resume``, such a folder is an error.

    Args:
        source: A path, a URL for fsspec, a binary file, bytes, or an iterable of bytes.
        directory: The folder for the files, created if necessary; or a URL for fsspec. A run that writes to a URL
            cannot be resumed, but each file there is complete.
        layout: The path of each file, with keywords or tags of elements in braces; see ``Layout``.
        transfer_syntax: The UID of the transfer syntax. By default an encapsulated syntax is kept, and all other data
            sets are written in Explicit VR Little Endian.
        bulk_root: The folder, or the URL for fsspec, of the bulk data that the stream refers to. By default a
            reference is an error.
        bulk_uri_prefix: The start of the references, before the path in that folder.
        options: Elements to write, by ``include`` and ``exclude``; by default all. A path can have values of other
            elements too. No other options are allowed.
        where: Data sets to write, as in ``ReadOptions.where``, but with strings only. By default all are written.
        force: Read a DICOM file without a preamble, also if its content is not recognized.
        jobs: The number of processes, which share a file of DICOM JSON that is not compressed. Another stream is read
            by one process. The result is the same. The program must protect its main module, as for an export.
        on_error: "stop" at a data set that fails, or "skip" it and add it to the report. With "skip", an element with
            an invalid value is kept, as text if a file cannot hold the value; in Implicit VR Little Endian that element
            is left out. See ``on_error`` of ``ReadOptions`` and ``WriteOptions``. A syntax error always stops the run;
            the data sets before it are written.
        on_duplicate: The action if the SOP Instance UID is that of an earlier data set, or a file exists at the path:
            "error", "skip", "replace" the earlier file, or "keep-both" with a number in the name.
        resume: Continue a stopped run. The stream and the arguments must be the same, except ``jobs``, ``on_error`` and
            ``on_duplicate``.
        manifest: The file for the manifest: versions, options, and the digest of each file.
        progress: Called with a ``Progress`` a few times a second.

    Returns:
        The number of data sets written, and the data sets that were skipped.

    Raises:
        InputError: The stream is malformed or empty; the location says where.
        OutputError: A data set cannot be written, or is a duplicate.
        ResumeError: A stopped run must be resumed, or differs from this one in its arguments or its stream.
        OSError: The stream cannot be read, or a file cannot be written.
        ValueError: The layout leads out of the folder, a URL is of an unknown kind, or a choice is unknown.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = import_archive(b'[{"00080018": {"vr": "UI", "Value": ["1.2"]}}]', folder, layout="{SOPInstanceUID}")
    ...     os.listdir(folder)
    ['1.2']
    """
    _check_arguments(on_error, on_duplicate, jobs)
    for name, folder in (("directory", directory), ("bulk_root", bulk_root)):
        check_place(name, folder)
    check_distinct({"the manifest": manifest}, [source])
    paths = Layout(layout)
    if is_url(directory) and resume:
        raise ValueError("only an import to a local folder can be resumed; on_duplicate='skip' passes over files")
    description = _describe(source)
    request: Entry = {
        "layout": layout,
        "transfer_syntax": transfer_syntax,
        "bulk_root": None if bulk_root is None else os.fspath(bulk_root),
        "bulk_uri_prefix": bulk_uri_prefix,
        "where": {key: [value] if isinstance(value, str) else [*value] for key, value in (where or {}).items()},
        "source": description,
        "force": force,
    }
    skip = on_error == "skip"
    reading = ReadOptions(on_error="keep" if skip else None, where=request["where"], force=force)
    writing = _write_options(options_or_default(options, WriteOptions), transfer_syntax, skip)
    request |= {"include": list(map(str, writing.include)), "exclude": list(map(str, writing.exclude))}
    ticker = Ticker(progress)
    ticker.size_known = description[1] if description else None
    with (
        _spool() if is_url(directory) else _made(os.fspath(directory)) as spool,
        closing(_destination(directory, paths, on_duplicate)) as destination,
        closing(WorkFolder(spool.path if spool else os.fspath(directory), resume)) as work,
    ):
        bulk = request["bulk_root"], bulk_uri_prefix
        writer = FileWriter(work.path, work.token, destination.tags, reading, writing, *bulk, skip)
        return _Import(destination, work, writer, jobs, skip, ticker).run(source, request, manifest)


def _spool() -> AbstractContextManager[SpoolFolder]:
    from streamdicom.archive.spools import SpoolFolder  # which only a folder at a URL needs

    return closing(SpoolFolder())


def _check_arguments(on_error: str, on_duplicate: str, jobs: int) -> None:
    for name, value, choices in (
        ("on_error", on_error, ("stop", "skip")),
        ("on_duplicate", on_duplicate, ("error", "skip", "replace", "keep-both")),
    ):
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value}")
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")


def _destination(directory: str | os.PathLike[str], layout: Layout, on_duplicate: str) -> Destination:
    if is_url(directory):
        return RemoteDestination(cast(str, directory), layout, on_duplicate)
    return Destination(os.fspath(directory), layout, on_duplicate)


def _write_options(options: WriteOptions, transfer_syntax: str | None, skip: bool) -> WriteOptions:
    """Return the options of the files.

    Raises:
        ValueError: The caller has set an option that does not choose elements, or the transfer syntax is not supported.
    """
    own = WriteOptions(include=options.include, exclude=options.exclude)
    if options != own:
        raise ValueError("an import supports the options include and exclude only; use its own arguments")
    on_value: OnError = "raise"
    if skip:  # text in place of a value that no file can hold needs a VR in the file
        on_value = "skip" if transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN else "keep"
    writing = replace(options, transfer_syntax=transfer_syntax, on_error=on_value)
    Part10Writer(BytesIO(), BytesIO, options=writing)  # raises if the transfer syntax is not supported
    return writing


def _is_file(source: Source) -> TypeGuard[str | os.PathLike[str]]:
    return isinstance(source, str | os.PathLike) and (is_url(source) or not is_special(source))


def _describe(source: Source) -> list[Any] | None:
    """Return path, size and time of a file, by which a resumed run recognizes it."""
    if not _is_file(source):
        return None
    status = remote_status(cast(str, source)) if is_url(source) else os.stat(source)
    return [os.fspath(source), status.st_size, status.st_mtime_ns]


@contextmanager
def _made(root: str) -> Iterator[None]:
    """Make a folder and its parents; if the run fails, remove those that are empty."""
    new = []
    folder = os.path.abspath(root)
    while not os.path.exists(folder):
        new.append(folder)
        folder = os.path.dirname(folder)
    try:
        os.makedirs(root, exist_ok=True)
        yield
    except BaseException:
        with suppress(OSError):
            for folder in new:
                os.rmdir(folder)
        raise


# --- the stream ------------------------------------------------------------------------------------------------


def _all_datasets(source: Source, ticker: Ticker, writer: FileWriter) -> Datasets:
    """Return the data sets of a stream."""
    offsets = DatasetOffsets()
    options = writer.reading
    expansion = Expansion(options.limits)
    blocks = _counted(source, ticker)
    if _is_file(source):
        blocks = offsets.watch(blocks)
    content = not_blank(decompressed(blocks, expansion))
    return Datasets(expanded_events(content, options, expansion, writer.form), offsets.get)


def _counted(source: Source, ticker: Ticker) -> Iterator[bytes]:
    for chunk in chunks(source):
        yield chunk
        ticker.advance(0, len(chunk))


def _datasets_from(source: str | os.PathLike[str], index: int, offset: int, writer: FileWriter) -> Datasets:
    """Return the data sets of a file of JSON from one on."""
    from streamdicom.index import split_at  # only a resumed run and several processes need parts

    offsets = DatasetOffsets()
    part = split_at(os.fspath(source), index, offset)
    return Datasets(part.iter_events(options=writer.reading, offsets=offsets, form=writer.form), offsets.get)


# --- the run ---------------------------------------------------------------------------------------------------


class _Import:
    """One run."""

    def __init__(
        self, destination: Destination, work: WorkFolder, writer: FileWriter, jobs: int, skip: bool, ticker: Ticker
    ) -> None:
        self._destination = destination
        self._work = work
        self._writer = writer
        self._jobs = jobs
        self._skip = skip
        self._ticker = ticker
        self._report = Report()

    def run(self, source: Source, request: Entry, manifest: Place | None) -> Report:
        is_resumed = self._work.begin(request)
        self._destination.reuses_identical_files = self._work.is_lost
        place = self._work.last_place() if is_resumed else None
        done = self._work.entries() if is_resumed else iter(())
        try:
            if place is None or not _is_file(source):
                datasets = _all_datasets(source, self._ticker, self._writer)
            else:
                datasets = _datasets_from(source, place["index"], place["offset"], self._writer)
                self._ticker.advance_before(place["index"], place["offset"])
                for known in islice(done, self._work.entries_before):
                    self._enter(known)
            for index, events in datasets:
                entry = next(done, None)
                if entry is not None:
                    self._replay(index, events, entry)
                elif self._jobs > 1 and _is_file(source) and (offset := datasets.offset_of(index)) is not None:
                    self._import_parts(source, index, offset)
                    break
                else:
                    self._import(index, events, datasets)
                self._ticker.advance(1, 0)
        except StreamDicomError as error:
            error.filename = error.filename or name_of(source)
            raise
        if next(done, None) is not None:
            raise ResumeError("the stream has fewer data sets than the stopped run had written")
        if manifest is not None:
            self._write_manifest(manifest, request)
        self._work.finish()
        self._ticker.finish()
        return self._report

    def _write_manifest(self, place: Place, request: Entry) -> None:
        from streamdicom.archive.manifest import ManifestWriter, digest_of  # which few runs need

        with closing(ManifestWriter("import", request)) as manifest:
            for entry in self._work.entries():
                line: Entry = {name: entry[name] for name in ("index", "uid", "path", "skipped") if name in entry}
                if "path" in entry:
                    if not self._destination.is_current(entry):
                        continue  # replaced by a later data set
                    line["size"], line["sha256"] = digest_of(self._destination.place(entry["path"]))
                manifest.add(line)
            manifest.add({"output": absolute(self._destination.place("")), "datasets": self._report.datasets})
            manifest.write(place)

    def _replay(self, index: int, events: Iterator[Event], entry: Entry) -> None:
        """Check that the stopped run had this data set, and complete its file."""
        values: dict[int, str] = {}
        read_values(events, values)
        if entry["index"] != index or entry["uid"] != values.get(SOP_INSTANCE_UID, ""):
            raise ResumeError("the stream is not that of the stopped run", Location(dataset_index=index))
        if "path" in entry:
            partial = os.path.join(self._work.path, entry["partial"])
            if os.path.exists(partial):  # the run was killed before the file was renamed
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

    def _import_parts(self, source: str | os.PathLike[str], index: int, offset: int) -> None:
        """Import data sets by several processes, and the rest by this one."""
        from streamdicom._workers import in_order  # which only several processes need
        from streamdicom.index import iter_splits

        before = offset
        last = index - 1  # the data set that was imported last
        parts = starmap(Part, iter_splits(source, index, offset, size=_PART_SIZE, count=_PART_COUNT))
        function = partial(write_part, writer=self._writer)
        with closing(in_order(function, parts, self._jobs, is_ahead=True)) as results:
            for (split, _), (written, is_whole) in results:
                for one in written:
                    for text in one.warnings:
                        from streamdicom.deviations import DeviationWarning  # which takes long to import

                        warn(text, DeviationWarning)
                    self._finish(one)
                    last = one.index
                    if one.offset is not None:
                        self._ticker.advance(1, one.offset - before)
                        before = one.offset
                if not is_whole:
                    assert split.origin is not None
                    index, offset = split.first, split.origin.offset
                    break
                if split.end is None:
                    return
                index, offset = split.first + cast(int, split.count), split.end.offset
        for number, events in (datasets := _datasets_from(source, index, offset, self._writer)):
            if number > last:
                self._import(number, events, datasets)
                self._ticker.advance(1, 0)

    def _import(self, index: int, events: Iterator[Event], datasets: Datasets) -> None:
        self._finish(self._writer.write(index, events, datasets))

    def _finish(self, written: Written) -> None:
        """Give a complete partial file its path."""
        partial = os.path.join(self._work.path, written.partial)
        try:
            entry = self._decide(written, partial)
            self._work.append({**entry, "offset": written.offset})
        except Exception:  # not KeyboardInterrupt: the journal may already have the entry, which needs the file
            if written.partial:
                with suppress(OSError):
                    os.unlink(partial)
            raise
        if "path" in entry:
            self._destination.put(partial, entry)
        elif written.partial:
            with suppress(FileNotFoundError):
                os.unlink(partial)
        self._count(entry)

    def _decide(self, written: Written, partial: str) -> Entry:
        """Return the entry of a data set."""
        if written.skipped:
            return {"index": written.index, "uid": written.uid, "skipped": written.skipped}
        try:
            return self._destination.decide(written.index, written.values, partial)
        except StreamDicomError as error:
            locate(error, written.index)
            if not self._skip:
                raise
            return {"index": written.index, "uid": written.uid, "skipped": str(error)}
