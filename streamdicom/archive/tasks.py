"""The JSON text of the inputs of an export, some at a time: what a worker process does.

A data set that fails leaves nothing in the text. What is long goes to a temporary file, so that no data set is ever
whole in memory, and what is compressed is whole members of its own, so that results can follow one another.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, cast

from streamdicom.api import iter_events, write_events
from streamdicom.archive.sources import CONTAINERS, Input, Kind, Member, members, pieces
from streamdicom.bulkdata import BulkDataAction, BulkDataPolicy, DirectoryStore
from streamdicom.errors import InputError, StreamDicomError
from streamdicom.filters import needed_file_meta
from streamdicom.io import new_compressor
from streamdicom.options import ReadOptions, WriteOptions

SEPARATOR = b",\n"  # between the data sets of an array

_IN_MEMORY = 1024 * 1024  # bytes of text, for each of which there are several in the parent at a time
_ENOUGH = 1024 * 1024  # bytes of text after which members make a result
_COPY = 64 * 1024
_MOST_WARNINGS = 20  # of one file


@dataclass(frozen=True, slots=True)
class Rendering:
    """How data sets become text.

    Attributes:
        lines: Whether each stands on a line, as NDJSON has it, or they are parts of an array.
        compress: What the text is compressed with, if it is.
        indent: As for ``dump``.
        options: Which elements come, and in which form; group 0002 comes where it is needed, too.
        where: Which data sets come: keywords or tags, each with the values of which one is enough.
        bulk_dir: Where large values go; None if they stay.
        bulk_threshold: Bytes up to which a value is not large.
        bulk_uri_prefix: What the references to them begin with.
        bulk: Whether they come at all.
        folder: Where temporary files go.
    """

    lines: bool = False
    compress: str | None = None
    indent: int | str | None = None
    options: WriteOptions = field(default_factory=WriteOptions)
    bulk_dir: str | None = None
    bulk_threshold: int = 0
    bulk_uri_prefix: str = ""
    bulk: bool = True
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    folder: str | None = None

    def request(self) -> dict[str, Any]:
        """All of it in values that JSON has, so that a run that goes on can be asked for the same."""
        members = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("options", "folder")}
        return members | {one.name: _described(getattr(self.options, one.name)) for one in fields(WriteOptions)}


def _described(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str | tuple):
        return value
    # Of an object with behaviour only the class can be told again.
    return repr(value) if is_dataclass(value) else type(value).__qualname__


class Task(NamedTuple):
    """Some files, or one that holds others, of which some members may have been done before."""

    inputs: tuple[Input, ...]
    members_done: int = 0


class Failure(NamedTuple):
    """What there is to say of an input."""

    name: str
    reason: str


class Result(NamedTuple):
    """The text of some data sets.

    It is in ``data``, or in the file ``path``, which is for the receiver to remove. A warning comes with the name of
    the input that it is about.
    """

    datasets: int
    passed_over: int
    failures: tuple[Failure, ...]
    warnings: tuple[Failure, ...]
    members_done: int
    is_last: bool  # of its task
    data: bytes
    path: str


def render(task: Task, rendering: Rendering) -> Iterator[Result]:
    """The text of the data sets of a task.

    Raises:
        OSError: A temporary file or the bulk data cannot be written.
    """
    first = task.inputs[0]
    if first.kind in CONTAINERS:
        yield from _render_members(first, task.members_done, rendering)
        return
    batch = _Batch(rendering)
    with batch:
        for item in task.inputs:
            if item.kind == Kind.DICOM:
                batch.add_file(item.path)
            else:
                batch.fail(item.path, item.fault)
        yield batch.result(0, is_last=True)


def _render_members(container: Input, members_done: int, rendering: Rendering) -> Iterator[Result]:
    count = 0
    found = members(container.path, container.kind)
    is_last = False
    while not is_last:
        with _Batch(rendering) as batch:
            is_last = True
            try:
                for member in found:
                    count += 1
                    if count > members_done and batch.add_member(container.path, member) > _ENOUGH:
                        is_last = False
                        break
            except InputError as error:
                batch.fail(container.path, str(error))
            yield batch.result(count, is_last=is_last)


class _Batch:
    """What becomes a result."""

    def __init__(self, rendering: Rendering) -> None:
        self._rendering = rendering
        self._options = _options(rendering)
        self._reading = ReadOptions(where=dict(rendering.where))
        self._spool = _Spool(rendering.folder)
        self._compressor = new_compressor(rendering.compress) if rendering.compress else None
        self._size = 0
        self._datasets = 0
        self._passed_over = 0
        self._failures: list[Failure] = []
        self._warnings: list[Failure] = []

    def __enter__(self) -> _Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.discard()

    def add_file(self, path: str) -> None:
        """Add the data set of a file."""
        try:
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - there may be a million
                self._add(path, pieces(cast(IO[bytes], file)))
        except OSError as error:
            if error.filename != path:
                raise
            self.fail(path, f"the file cannot be read: {error.strerror}")

    def add_member(self, container: str, member: Member | None) -> int:
        """Add the data set of a member; return how many bytes of text there are."""
        if member is None:
            self._passed_over += 1
        else:
            name = f"{container}!{member.name}" if member.name else container
            if member.fault:
                self.fail(name, member.fault)
            else:
                self._add(name, member.data)
        return self._size

    def fail(self, name: str, reason: str) -> None:
        """Say that there is no text for an input."""
        self._failures.append(Failure(name, reason))

    def _add(self, name: str, data: Iterable[bytes]) -> None:
        if self._compressor is None:
            start = self._spool.tell()
            if self._write(name, data, self._spool):
                self._size = self._spool.tell()
            else:
                self._spool.truncate(start)
            return
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=self._rendering.folder) as text:
            if self._write(name, data, text):
                self._size += text.tell()
                text.seek(0)
                while block := text.read(_COPY):
                    self._spool.write(self._compressor.compress(block))

    def _write(self, name: str, data: Iterable[bytes], target: _Spool | IO[bytes]) -> bool:
        """Whether the text of a data set could be written whole."""
        lines = self._rendering.lines
        if self._datasets and not lines:
            target.write(SEPARATOR)
        try:
            with _collected() as texts:
                if not _write_dataset(data, target, self._rendering, self._reading, self._options):
                    self._passed_over += 1
                    return False
        except StreamDicomError as error:
            self.fail(name, str(error))
            return False
        except (OSError, MemoryError):
            raise
        except Exception as error:  # a fault in the program must not end an export of many hours
            self.fail(name, f"a fault in streamdicom, which its developers want to know of: {type(error).__name__}")
            return False
        if lines:
            target.write(b"\n")
        self._datasets += 1
        self._warnings += [Failure(name, text) for text in sorted(texts)]
        return True

    def result(self, members_done: int, *, is_last: bool) -> Result:
        """All that there is."""
        if self._compressor is not None and self._datasets:
            self._spool.write(self._compressor.flush())
        data, path = self._spool.take()
        found = tuple(self._failures), tuple(self._warnings)
        return Result(self._datasets, self._passed_over, *found, members_done, is_last, data, path)


class _Spool:
    """Bytes in memory, or in a file with a name if they are many, because another process will read it."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._file: IO[bytes] = BytesIO()
        self._path = ""

    def write(self, data: bytes | memoryview) -> int:
        if not self._path and self._file.tell() + len(data) > _IN_MEMORY:
            descriptor, self._path = tempfile.mkstemp(dir=self._folder)
            text = self._file
            self._file = os.fdopen(descriptor, "w+b")
            self._file.write(cast(BytesIO, text).getvalue())
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int) -> None:
        self._file.seek(size)
        self._file.truncate()

    def take(self) -> tuple[bytes, str]:
        """The bytes, or the path of the file that has them and that is no longer this object's."""
        if not self._path:
            return cast(BytesIO, self._file).getvalue(), ""
        self._file.close()
        path, self._path = self._path, ""
        self._file = BytesIO()
        return b"", path

    def discard(self) -> None:
        if self._path:
            with suppress(OSError):  # such as a full disk, which has been told already
                self._file.close()
            Path(self._path).unlink(missing_ok=True)


# --- one data set ----------------------------------------------------------------------------------------------


def _options(rendering: Rendering) -> WriteOptions:
    """How a data set is written, of which ``needed_file_meta`` has taken what is not wanted of group 0002."""
    options = replace(rendering.options, file_meta=True)
    if rendering.bulk_dir is not None:
        store = DirectoryStore(rendering.bulk_dir, uri_prefix=rendering.bulk_uri_prefix)
        policy = BulkDataPolicy(rendering.bulk_threshold)
        return replace(options, bulk_data_store=store, bulk_data_policy=policy)
    if not rendering.bulk:
        policy = BulkDataPolicy(rendering.bulk_threshold, above=BulkDataAction.DROP)
        return replace(options, bulk_data_policy=policy)
    return options


def _write_dataset(
    data: Iterable[bytes],
    target: _Spool | IO[bytes],
    rendering: Rendering,
    reading: ReadOptions,
    options: WriteOptions,
) -> bool:
    """Write the text of a DICOM file, unless its data set is not selected.

    Raises:
        StreamDicomError: The file is at fault.
    """
    selected = iter_events(data, options=reading)
    events = iter(needed_file_meta(selected, always=rendering.options.file_meta))
    start = next(events, None)
    if start is None:
        return False
    write_events(chain([start], events), cast(BinaryIO, target), rendering.indent, options=options, array=False)
    return True


@contextmanager
def _collected() -> Iterator[set[str]]:
    """The texts of the warnings that are given meanwhile, of bounded number."""
    texts: set[str] = set()

    def collect(message: Warning | str, *_: object, **__: object) -> None:
        if len(texts) < _MOST_WARNINGS:
            texts.add(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = collect
        yield texts
