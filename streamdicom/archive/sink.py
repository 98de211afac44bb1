"""The output of an export: a file with a journal, or a stream.

See ``exporting`` for the contents of the journal and the order of writes.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType

from streamdicom._typing import Any, Self, cast
from streamdicom.archive.journal import Entry, Journal, check_request
from streamdicom.archive.spools import SpoolFolder, remove_folder
from streamdicom.errors import ResumeError
from streamdicom.inputs import FileId, file_id
from streamdicom.io import NamedFile, Output, Target, full_url, hidden, is_special, is_url, naming

_INTERVAL = 0.25  # seconds between two writes of the journal


class Sink(ABC):
    """The output of an export.

    Attributes:
        spool_folder: A folder for the results of the workers, removed on exit.
        excluded: Files and folders that are not inputs, even if they are in a source folder.
    """

    spool_folder: str
    excluded: set[FileId]

    @abstractmethod
    def replay(self, request: dict[str, Any], start: bytes) -> Iterator[Entry]:
        """Yield the entries of a stopped run, or write the start of a new output."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write text."""

    def record(self, entry: Entry) -> None:  # noqa: B027 - a stream has no journal
        """Record the inputs of the text written since the last call."""

    @abstractmethod
    def finish(self, end: bytes) -> None:
        """Write the end of the output, and complete it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        remove_folder(self.spool_folder)

    @abstractmethod
    def close(self) -> None:
        """Release the output, complete or not."""


def open_sink(target: Target, resume: bool) -> Sink:
    """Open the output of an export.

    Raises:
        ResumeError: Another run writes the same path, or was stopped and ``resume`` is false.
        ValueError: The target is a stream, which cannot be resumed.
        OSError: The path cannot be written.
    """
    if isinstance(target, str | os.PathLike) and not is_url(target) and not is_special(target):
        with naming(target):
            return _FileSink(target, resume)
    if resume:
        raise ValueError("only an export to a regular file can be resumed")
    return _StreamSink(target)


class _StreamSink(Sink):
    """A pipe, a URL, or a file that the caller opened."""

    def __init__(self, target: Target) -> None:
        self._output = Output(target)
        self._spool = SpoolFolder()
        self.spool_folder = self._spool.path
        self.excluded = {full_url(cast(str, target))} if is_url(target) else set()
        with suppress(OSError, AttributeError, ValueError):  # a file in memory has no descriptor
            status = os.fstat(target.fileno())  # type: ignore[union-attr]
            self.excluded.add((status.st_dev, status.st_ino))

    def replay(self, request: dict[str, Any], start: bytes) -> Iterator[Entry]:
        self.write(start)
        return iter(())

    def write(self, data: bytes) -> None:
        self._output.write(data)

    def finish(self, end: bytes) -> None:
        self.write(end)
        self._output.commit()

    def close(self) -> None:
        self._output.discard()
        self._spool.close()


class _FileSink(Sink):
    """A path, which gets its name when the output is complete."""

    def __init__(self, name: str | os.PathLike[str], resume: bool) -> None:
        path = os.path.realpath(name)  # a link stays a link
        parent, own = os.path.split(path)
        if not os.path.isdir(parent):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        stem = os.path.join(parent, hidden(own))
        self._name = name
        self._path = path
        self._partial = f"{stem}.partial"
        journal = f"{stem}.journal"
        self._journal = Journal(journal)
        self._entries = self._journal.entries()
        self._first = next(self._entries, {})
        # A kill may have left nothing undone but the removal of the journal.
        self._is_named = (
            bool(self._first) and not os.path.exists(self._partial) and os.path.exists(path) and self._was_completed()
        )
        if not resume:
            self._check_not_stopped(journal)
        self._file = None if self._is_named else self._open(keep=bool(self._first))
        self._size = 0 if self._file is None else os.fstat(self._file.fileno()).st_size
        self._end = 0
        self._has_entries = bool(self._first)  # the journal is worth keeping if this run stops
        self._pending: list[Entry] = []
        self._last_checkpoint = time.monotonic()
        folder = f"{stem}.spool"
        remove_folder(folder)
        os.makedirs(folder, exist_ok=True)
        self.spool_folder = folder
        self.excluded = {found for found in map(file_id, (path, self._partial, journal, folder)) if found}

    def _check_not_stopped(self, journal: str) -> None:
        """Check that no stopped run would be lost, and prepare for a new run."""
        if self._first and not self._is_named:
            self._journal.close()
            raise ResumeError(
                "an earlier export to this output was stopped; resume it (resume=True, --resume), or remove "
                f"{journal} and {self._partial} to start again"
            )
        self._first, self._entries, self._is_named = {}, iter(()), False

    def replay(self, request: dict[str, Any], start: bytes) -> Iterator[Entry]:
        if not self._is_written(self._first):
            self._begin(request, start)
            return
        check_request(self._first["export"], request)
        self._end = self._first["end"]
        for entry in self._entries:
            if "complete" in entry:
                continue
            if not self._is_written(entry):
                break
            yield entry
            self._end = entry["end"]
        if self._file is not None:
            self._file.truncate(self._end)
            self._file.seek(self._end)

    def _was_completed(self) -> bool:
        was_completed = any("complete" in entry for entry in self._journal.entries())
        self._entries = self._journal.entries()
        self._first = next(self._entries, {})
        return was_completed

    def _is_written(self, entry: Entry) -> bool:
        """Return whether the partial output has the text of an entry."""
        end = entry.get("end")
        return isinstance(end, int) and (self._is_named or end <= self._size)

    def _open(self, *, keep: bool) -> NamedFile:
        mode = 0o666  # less the umask
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(os.stat(self._path).st_mode)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | (0 if keep else os.O_TRUNC)
        return NamedFile(os.open(self._partial, flags, mode), "r+b", self._name)

    def _begin(self, request: dict[str, Any], start: bytes) -> None:
        assert self._file is not None
        self._has_entries = False
        self._journal.restart()
        self._file.truncate(0)
        self.write(start)
        self._journal.append({"export": request, "end": self._end})

    def write(self, data: bytes) -> None:
        if self._file is None:
            raise ResumeError("new inputs were added after the output was completed")
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            self._end += written
            view = view[written:]

    def record(self, entry: Entry) -> None:
        self._has_entries = True
        self._pending.append({**entry, "end": self._end})
        if time.monotonic() - self._last_checkpoint > _INTERVAL:
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self._pending and self._file is not None:
            pending, self._pending = self._pending, []  # an interrupted write is not repeated
            with naming(self._name):
                os.fsync(self._file.fileno())
                self._journal.append(*pending)
            self._last_checkpoint = time.monotonic()

    def finish(self, end: bytes) -> None:
        if self._file is not None:
            self._checkpoint()
            self.write(end)
            with naming(self._name):
                os.fsync(self._file.fileno())
                self._journal.append({"complete": self._end})
                self._file.close()
                self._file = None
                os.replace(self._partial, self._path)
        self._journal.remove()

    def close(self) -> None:
        with suppress(OSError):  # such as a full disk, which was reported by the first failure
            self._checkpoint()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            if not self._has_entries:
                with suppress(FileNotFoundError):
                    os.unlink(self._partial)
                self._journal.remove()
        self._journal.close()
