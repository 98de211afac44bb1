"""The work of an export, possibly in worker processes: inputs to JSON text.

An input that fails leaves nothing in the text. Long text goes to a temporary file, so memory never holds a data set.
Compressed text consists of complete gzip members or zstd frames, so that results can be concatenated.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom, BytesIO
from itertools import chain, pairwise

from streamdicom._records import NamedTuple, field, is_record, record, replace
from streamdicom._typing import IO, TYPE_CHECKING, Any, BinaryIO, cast
from streamdicom._warn import caught_warnings
from streamdicom.api import expanded_events, write_events
from streamdicom.archive.members import Member, member_name, members
from streamdicom.archive.reading import complete_files
from streamdicom.bulkdata import BulkDataAction, BulkDataPolicy
from streamdicom.codec import output_form
from streamdicom.errors import InputError, StreamDicomError
from streamdicom.events import Event, to_end
from streamdicom.filters import needed_file_meta, sort_elements
from streamdicom.inputs import CONTAINERS, Input, Kind, open_input, pieces
from streamdicom.io import Expansion, MemberPlace, NamedFile, is_url, new_compressor, read_range
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions

if TYPE_CHECKING:
    from _hashlib import HASH

    from streamdicom.bulkdata import DirectoryStore, FsspecStore
    from streamdicom.deidentification import DeidentificationReport

SEPARATOR = b",\n"  # between the data sets of an array

_LIMITS = Limits()
_MAX_IN_MEMORY = 1024 * 1024  # bytes of text; the parent process holds several results
_BATCH_SIZE = 1024 * 1024  # bytes of text after which members make a result
_BATCH_MEMBERS = 1024  # members after which they make a result
_COPY_SIZE = 64 * 1024
_MEMBER_SIZE = 256 * 1024  # bytes of compressed text after which a member ends, after a data set


@record(frozen=True, slots=True)
class Rendering:
    """The form of the output.

    Attributes:
        format: "json" or "ndjson".
        compress: "gzip", "zstd" or None.
        indent: As for ``dump``.
        options: Options for writing; ``file_meta`` is true for data sets that need group 0002.
        where: The data sets to write: keywords or tags, each with its accepted values.
        bulk_dir: The folder for large binary values, or None to keep them inline.
        bulk_threshold: The size in bytes above which a value is large.
        bulk_uri_prefix: The start of references to that folder.
        bulk: False to drop large values.
        index: Whether to collect the places of the data sets for an index.
        manifest: Whether to collect the digests of the inputs.
        folder: The folder for temporary files.
    """

    format: str = "json"
    compress: str | None = None
    indent: int | str | None = None
    options: WriteOptions = field(default_factory=WriteOptions)
    bulk_dir: str | None = None
    bulk_threshold: int = 0
    bulk_uri_prefix: str = ""
    bulk: bool = True
    force: bool = False
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    index: bool = False
    manifest: bool = False
    folder: str | None = None

    def store(self, bulk_dir: str) -> DirectoryStore | FsspecStore:
        """Return the store of large values; runs for the same output are the same owner."""
        if is_url(bulk_dir):
            from streamdicom.bulkdata import FsspecStore

            return FsspecStore(bulk_dir, uri_prefix=self.bulk_uri_prefix)
        from streamdicom._digests import blake2b
        from streamdicom.bulkdata import DirectoryStore

        owner = blake2b(str(self.folder).encode(errors="surrogateescape"), digest_size=8).hexdigest()
        return DirectoryStore(bulk_dir, uri_prefix=self.bulk_uri_prefix, owner=f"{owner}-")

    def request(self) -> dict[str, Any]:
        """Return all fields as JSON values, to compare requests."""
        own = {name: getattr(self, name) for name in self.__match_args__ if name not in ("options", "folder")}
        return own | {name: _described(getattr(self.options, name)) for name in WriteOptions.__match_args__}


def _described(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str | tuple):
        return value
    # Objects with behavior can be compared only by class.
    return repr(value) if is_record(value) else type(value).__qualname__


class Task(NamedTuple):
    """Some files, or one container of which some members may already be done."""

    inputs: tuple[Input, ...]
    members_done: int = 0


class Message(NamedTuple):
    """An error or a warning about an input."""

    name: str
    text: str


class InputFacts(NamedTuple):
    """A file for the manifest.

    Attributes:
        number: Its number among the inputs of the task.
        sha256: The digest of its content.
        datasets: The number of data sets in the text.
        skipped: The reason if it failed.
    """

    number: int
    sha256: str
    datasets: int
    skipped: str = ""


class Places(NamedTuple):
    """The places of the data sets in a text.

    Attributes:
        starts: The offset of each data set.
        hashes: The hash of its SOP Instance UID.
        members: Of compressed text.
        size: The size of the text before compression.
    """

    starts: array[int]
    hashes: array[int]
    members: list[MemberPlace]
    size: int


class Result(NamedTuple):
    """The text of some data sets.

    Attributes:
        datasets: The number of data sets in the text.
        passed_over: Names of the members whose content is not DICOM.
        not_selected: The number of inputs without a data set that is selected.
        failures: Inputs that failed.
        warnings: Warnings about inputs that are in the text.
        members_done: The number of members done so far.
        is_last: True for the last result of a task.
        deidentified: The numbers of the report of the de-identification; None without one.
        data: The text, if it is short.
        path: A file with the text otherwise; the receiver removes it.
        places: The places of the data sets; None without an index.
        facts: The inputs that are done, for a manifest. The data sets of a container are in its results together.
    """

    datasets: int
    passed_over: tuple[str, ...]
    not_selected: int
    failures: tuple[Message, ...]
    warnings: tuple[Message, ...]
    members_done: int
    is_last: bool
    deidentified: dict[str, Any] | None
    data: bytes
    path: str
    places: Places | None
    facts: tuple[InputFacts, ...] = ()


def render(task: Task, rendering: Rendering) -> Iterator[Result]:
    """Yield the text of the data sets of a task.

    Raises:
        OSError: A temporary file or bulk data cannot be written.
    """
    first = task.inputs[0]
    if first.kind in CONTAINERS:
        yield from _render_members(first, task.members_done, rendering)
        return
    with _Batch(rendering) as batch:
        for number, item in enumerate(task.inputs):
            with batch.noting(number):
                if item.kind == Kind.FAULT:
                    batch.fail(item.path, item.fault)
                else:
                    batch.add_file(item)
        yield batch.result(0, is_last=True)


def _render_members(container: Input, members_done: int, rendering: Rendering) -> Iterator[Result]:
    count = 0
    remaining = members(container, _LIMITS)
    is_last = False
    while not is_last:
        with _Batch(rendering) as batch:
            is_last = True
            try:
                for member in remaining:
                    count += 1
                    if count <= members_done:
                        continue
                    batch.add_member(container.path, member)
                    if batch.is_full:
                        is_last = False
                        break
            except InputError as error:
                batch.fail(container.path, str(error))
            if rendering.manifest and is_last:
                with batch.noting(0):
                    batch.digest_container(container.path)
            yield batch.result(count, is_last=is_last)


class _Batch:
    """The inputs of one result."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering
        self._options = _write_options(rendering)
        self._reading = complete_files(ReadOptions(where=dict(rendering.where), force=rendering.force))
        self._form = output_form(self._reading, self._options, format="json", array=False)
        self._spool = _Spool(rendering.folder)
        self._compressor = new_compressor(rendering.compress) if rendering.compress else None
        self._size = 0  # bytes of uncompressed text
        self._cuts = [0]  # offsets at which a member of the current input may end
        self._places = Places(array("Q"), array("Q"), [MemberPlace(0, 0)], 0)
        self._digest: HASH | None = None
        self._facts: list[InputFacts] = []
        self._members = 0
        self._datasets = 0
        self._passed_over: list[str] = []
        self._not_selected = 0
        self._failures: list[Message] = []
        self._warnings: list[Message] = []
        # Of the inputs in the text; that of the options has the numbers of the current input.
        deidentification = self._options.deidentification
        self._input_report = deidentification.report if deidentification else None
        self._deidentified = _new_report() if deidentification else None

    def __enter__(self) -> _Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.discard()

    @contextmanager
    def noting(self, number: int) -> Iterator[None]:
        """Note an input that is done, for the manifest."""
        self._digest = None
        datasets, failures = self._datasets, len(self._failures)
        yield
        skipped = self._failures[-1].text if len(self._failures) > failures else ""
        if self._rendering.manifest:
            digest = "" if skipped or self._digest is None else self._digest.hexdigest()
            self._facts.append(InputFacts(number, digest, self._datasets - datasets, skipped))

    def digest_container(self, path: str) -> None:
        """Read a whole file for its digest."""
        with open_input(path) as file:
            deque(self._pieces(file), 0)

    def _pieces(self, file: IO[bytes]) -> Iterator[bytes]:
        if not self._rendering.manifest:
            return pieces(file)
        from hashlib import sha256  # which takes long to import

        self._digest = sha256()
        return _digested(pieces(file), self._digest)

    @property
    def is_full(self) -> bool:
        """True if the members so far should make a result."""
        return self._size > _BATCH_SIZE or self._members >= _BATCH_MEMBERS

    def add_file(self, item: Input) -> None:
        """Add the data sets of a file."""
        try:
            with open_input(item.path) as data:
                read = self._pieces(data)
                if self._add(item.path, item.kind, self._events(read)):
                    deque(read, 0)  # the rest, for its digest
        except OSError as error:
            if error.filename != item.path:
                raise
            self.fail(item.path, f"the file cannot be read: {error.strerror}")

    def add_member(self, container: str, member: Member) -> None:
        """Add the data sets of a member."""
        self._members += 1
        name = member_name(container, member.name)
        if member.kind == Kind.OTHER:
            self._passed_over.append(name)
        elif member.kind == Kind.FAULT:
            self.fail(name, member.fault)
        else:
            self._add(name, member.kind, self._events(member.data, member.expansion))

    def fail(self, name: str, reason: str) -> None:
        """Record that an input failed."""
        self._failures.append(Message(name, reason))

    def _events(self, data: Iterable[bytes], expansion: Expansion | None = None) -> Iterator[Event]:
        return sort_elements(expanded_events(data, self._reading, expansion or Expansion(_LIMITS), self._form))

    def _add(self, name: str, kind: int, events: Iterator[Event]) -> bool:
        """Add the data sets of an input; if it fails, record that and return False."""
        if self._compressor is None:
            start = self._spool.tell()
            is_written = self._write(name, kind, events, self._spool)
            if is_written:
                self._size = self._spool.tell()
            else:
                self._spool.truncate(start)
            return is_written
        self._cuts = [0]
        from tempfile import SpooledTemporaryFile  # which takes long to import

        with SpooledTemporaryFile(_MAX_IN_MEMORY, dir=self._rendering.folder) as text:
            is_written = self._write(name, kind, events, text)
            if is_written:
                for start, end in pairwise([*self._cuts, text.tell()]):
                    self._end_long_member()
                    for block in read_range(cast(BinaryIO, text), start, end, _COPY_SIZE):
                        self._spool.write(self._compressor.compress(block))
                    self._size += end - start
            return is_written

    def _end_long_member(self) -> None:
        """Begin another member, so that a reader can start at the next data set."""
        assert self._compressor is not None
        assert self._rendering.compress is not None
        if self._spool.tell() - self._places.members[-1].start > _MEMBER_SIZE:
            self._spool.write(self._compressor.flush())
            self._compressor = new_compressor(self._rendering.compress)
            self._places.members.append(MemberPlace(self._spool.tell(), self._size))

    def _write(self, name: str, kind: int, events: Iterator[Event], target: _Spool | IO[bytes]) -> bool:
        """Write the data sets of an input; return False if the text must be dropped."""
        count = 0
        known = len(self._places.starts)
        try:
            with caught_warnings() as texts:
                for dataset in _datasets(kind, events):
                    self._write_dataset(dataset, target, is_first=not (self._datasets or count))
                    count += 1
        except StreamDicomError as error:
            failure = str(error)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # a bug must not end an export of many hours
            failure = f"an internal error of streamdicom; please report it: {type(error).__name__}"
        else:
            failure = ""
        report = self._take_report()
        if failure:
            del self._places.starts[known:], self._places.hashes[known:]
            self.fail(name, failure)
            return False
        if self._deidentified is not None:
            self._deidentified.add(report)
        self._datasets += count
        self._not_selected += bool(self._rendering.where) and not count
        self._warnings += [Message(name, text) for text in sorted(texts)]
        return True

    def _take_report(self) -> dict[str, Any]:
        """Return the numbers of the current input, if it is de-identified."""
        return self._input_report.take() if self._input_report is not None else {}

    def _write_dataset(self, dataset: Iterator[Event], target: _Spool | IO[bytes], *, is_first: bool) -> None:
        rendering = self._rendering
        is_array = rendering.format == "json"
        if is_array and not is_first:
            target.write(SEPARATOR)
        events = needed_file_meta(dataset, always=rendering.options.file_meta)
        file = cast(BinaryIO, target)
        start = target.tell()
        if self._compressor is not None and start - self._cuts[-1] > _MEMBER_SIZE:
            self._cuts.append(start)
        write_events(events, file, rendering.indent, format="json", options=self._options, array=False)
        if rendering.index:
            self._note(file, start)
        if not is_array:
            target.write(b"\n")

    def _note(self, file: BinaryIO, start: int) -> None:
        """Note the place of the data set at the end of a text."""
        end = file.tell()
        self._places.starts.append(start if self._compressor is None else self._size + start)
        from streamdicom.index import hash_of  # which needs the parser of JSON

        self._places.hashes.append(hash_of(file, start, end))
        file.seek(end)

    def result(self, members_done: int, *, is_last: bool) -> Result:
        """Return the result of all inputs so far."""
        if self._compressor is not None and self._datasets:
            self._spool.write(self._compressor.flush())
        data, path = self._spool.take()
        messages = tuple(self._failures), tuple(self._warnings)
        passed_over = tuple(self._passed_over)
        deidentified = self._deidentified.to_dict() if self._deidentified is not None else None
        counts = self._datasets, passed_over, self._not_selected
        places = self._places._replace(size=self._size) if self._rendering.index else None
        facts = tuple(self._facts)
        return Result(*counts, *messages, members_done, is_last, deidentified, data, path, places, facts)


def _digested(data: Iterator[bytes], digest: HASH) -> Iterator[bytes]:
    for piece in data:
        digest.update(piece)
        yield piece


def _datasets(kind: int, events: Iterator[Event]) -> Iterator[Iterator[Event]]:
    """Yield the events of each selected data set, to be read before the next."""
    for start in events:
        yield chain((start,), events if kind == Kind.DICOM else to_end(events))  # a DICOM file has one data set


class _Spool:
    """Bytes in memory, or in a file for another process if they are many."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._file: IO[bytes] = BytesIO()
        self._path = ""

    def write(self, data: bytes | memoryview) -> int:
        if not self._path and self._file.tell() + len(data) > _MAX_IN_MEMORY:
            from tempfile import mkstemp  # which takes long to import

            descriptor, self._path = mkstemp(dir=self._folder)
            text = self._file
            self._file = BufferedRandom(NamedFile(descriptor, "r+", os.path.dirname(self._path)))
            self._file.write(cast(BytesIO, text).getvalue())
        return self._file.write(data)

    def read(self, size: int) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int) -> None:
        self._file.seek(size)
        self._file.truncate()

    def take(self) -> tuple[bytes, str]:
        """Return the bytes, or the path of their file, which the caller must remove."""
        if not self._path:
            return cast(BytesIO, self._file).getvalue(), ""
        self._file.close()
        path, self._path = self._path, ""
        self._file = BytesIO()
        return b"", path

    def discard(self) -> None:
        if self._path:
            with suppress(OSError):  # such as a full disk, which was reported by the first failure
                self._file.close()
            with suppress(FileNotFoundError):
                os.unlink(self._path)


def _new_report() -> DeidentificationReport:
    from streamdicom.deidentification import DeidentificationReport  # which only some exports need

    return DeidentificationReport()


def _write_options(rendering: Rendering) -> WriteOptions:
    """Return the options of the writer; ``needed_file_meta`` filters group 0002."""
    options = replace(rendering.options, file_meta=True)
    if options.deidentification is not None:
        own = replace(options.deidentification, report=_new_report())
        options = replace(options, deidentification=own)
    if rendering.bulk_dir is not None:
        store = rendering.store(rendering.bulk_dir)
        policy = BulkDataPolicy(rendering.bulk_threshold)
        return replace(options, bulk_data_store=store, bulk_data_policy=policy)
    if not rendering.bulk:
        policy = BulkDataPolicy(rendering.bulk_threshold, above=BulkDataAction.DROP)
        return replace(options, bulk_data_policy=policy)
    return options
