"""Where the text of an export goes: a path, with a journal beside it, or a stream that cannot be gone back in.

See ``export`` for what the journal has and for the order of writes.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from streamdicom.archive.journal import Entry, Journal, check_request
from streamdicom.archive.sources import FileId, file_id
from streamdicom.errors import ResumeError
from streamdicom.io import NamedFile, Output, Target, hidden, is_special, naming

_PAUSE = 0.25  # seconds between two times that the journal is written


class Sink(ABC):
    """Where the text goes.

    Attributes:
        folder: Where the workers put what they hand over. It goes at the end.
        left_out: What is no input, even if it is in a folder that is one.
    """

    folder: str
    left_out: set[FileId]

    @abstractmethod
    def replay(self, request: dict[str, Any], start: bytes) -> Iterator[Entry]:
        """What an earlier run has recorded; if there is none, write the start."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Write text."""

    def record(self, entry: Entry) -> None:  # noqa: B027 - a stream has nothing to record
        """Say what the text since the last time stands for."""

    @abstractmethod
    def finish(self, end: bytes) -> None:
        """Write the end; the output is complete."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @abstractmethod
    def close(self) -> None:
        """End the work, complete or not."""


def open_sink(target: Target, resume: bool) -> Sink:
    """Where the text goes for a target.

    Raises:
        ResumeError: Another run writes the same path.
        ValueError: A run that writes a stream cannot be resumed.
        OSError: The path cannot be written.
    """
    if isinstance(target, str | os.PathLike) and not is_special(target):
        with naming(target):
            return _File(target, resume)
    if resume:
        raise ValueError("only what is written to a regular file can be resumed")
    return _Stream(target)


class _Stream(Sink):
    """A pipe, or a file of the caller's."""

    def __init__(self, target: Target) -> None:
        self._output = Output(target)
        self.folder = tempfile.mkdtemp()
        self.left_out = set()
        with suppress(OSError, AttributeError, ValueError):  # it may be in memory
            status = os.fstat(target.fileno())  # type: ignore[union-attr]
            self.left_out.add((status.st_dev, status.st_ino))

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


class _File(Sink):
    """A path, that gets its name at the end."""

    def __init__(self, name: str | os.PathLike[str], resume: bool) -> None:
        path = Path(os.path.realpath(name))  # a link stays a link
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        stem = hidden(path.name)
        self._name = name
        self._path = path
        self._partial = path.with_name(f"{stem}.partial")
        self._journal = Journal(path.with_name(f"{stem}.journal"))
        self._entries = self._journal.entries() if resume else iter(())
        self._first = next(self._entries, {})
        # An earlier run may have been killed when nothing but its journal was left to be removed.
        self._is_named = bool(self._first) and not self._partial.exists() and path.exists() and self._was_completed()
        self._file = None if self._is_named else self._open(keep=bool(self._first))
        self._size = 0 if self._file is None else os.fstat(self._file.fileno()).st_size
        self._end = 0
        self._waiting: list[Entry] = []
        self._last = time.monotonic()
        folder = path.with_name(f"{stem}.spool")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        self.folder = str(folder)
        others = (path, self._partial, path.with_name(f"{stem}.journal"), folder)
        self.left_out = {found for found in map(file_id, others) if found}

    def replay(self, request: dict[str, Any], start: bytes) -> Iterator[Entry]:
        if not self._counts(self._first):
            self._begin(request, start)
            return
        check_request(self._first["export"], request)
        self._end = self._first["end"]
        for entry in self._entries:
            if "complete" in entry:
                continue
            if not self._counts(entry):
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

    def _counts(self, entry: Entry) -> bool:
        """Whether what an entry says is there."""
        end = entry.get("end")
        return isinstance(end, int) and (self._is_named or end <= self._size)

    def _open(self, *, keep: bool) -> NamedFile:
        mode = 0o666  # less the umask
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(self._path.stat().st_mode)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | (0 if keep else os.O_TRUNC)
        return NamedFile(os.open(self._partial, flags, mode), "r+b", self._name)

    def _begin(self, request: dict[str, Any], start: bytes) -> None:
        assert self._file is not None
        self._journal.restart()
        self._file.truncate(0)
        self.write(start)
        self._journal.append({"export": request, "end": self._end})

    def write(self, data: bytes) -> None:
        if self._file is None:
            raise ResumeError("there are more inputs than when the output was completed")
        view = memoryview(data)
        while view:
            written = self._file.write(view)
            self._end += written
            view = view[written:]

    def record(self, entry: Entry) -> None:
        self._waiting.append({**entry, "end": self._end})
        if time.monotonic() - self._last > _PAUSE:
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self._waiting and self._file is not None:
            waiting, self._waiting = self._waiting, []  # what an interrupt cuts off is not tried again
            with naming(self._name):
                os.fsync(self._file.fileno())
                self._journal.append(*waiting)
            self._last = time.monotonic()

    def finish(self, end: bytes) -> None:
        if self._file is not None:
            self._checkpoint()
            self.write(end)
            with naming(self._name):
                os.fsync(self._file.fileno())
                self._journal.append({"complete": self._end})
                self._file.close()
                self._file = None
                self._partial.replace(self._path)
        self._journal.remove()

    def close(self) -> None:
        with suppress(OSError):  # such as a full disk, which has been told already
            self._checkpoint()
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        self._journal.close()
