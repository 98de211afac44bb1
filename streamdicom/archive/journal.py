"""A file that says how far a run has come, so that another can go on after it, wherever the first was killed.

It is a line of JSON for each step. Lines are only ever added, each with one call to the system, so that a kill leaves
whole lines and perhaps a torn one at the end, which is taken for not written. The first line has what the run was
asked for. What a line means, and in which order it and the output are written, is for who keeps the journal.

While it is open the file is locked, where the system has such locks: two runs cannot write the same output.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

from streamdicom.errors import ResumeError
from streamdicom.io import NamedFile

try:
    import fcntl
except ImportError:  # on Windows
    _lock = None
else:
    _lock = fcntl

Entry: TypeAlias = dict[str, Any]


class Journal:
    """A journal, which is made if there is none.

    Args:
        path: Its path.

    Raises:
        ResumeError: Another run has it open.
        OSError: It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        self._end = 0  # of the lines that count

    def _open(self) -> NamedFile:
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            file = NamedFile(descriptor, "r+b", self._path)
            try:
                if self._is_locked(descriptor):
                    return file
            except BaseException:
                file.close()
                raise
            file.close()

    def _is_locked(self, descriptor: int) -> bool:
        """Lock the file; False if another run has removed it meanwhile, because it was done."""
        if _lock is None:
            return True
        try:
            _lock.flock(descriptor, _lock.LOCK_EX | _lock.LOCK_NB)
        except BlockingIOError:
            raise ResumeError(f"{self._path} is in use: another run writes the same output") from None
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        return False

    def entries(self) -> Iterator[Entry]:
        """The entries from the first on. One counts when the next one is asked for; those behind it are void."""
        self._end = 0
        self._file.seek(0)
        held = b""
        while data := self._file.read(1 << 16):
            *lines, held = (held + data).split(b"\n")
            for line in lines:
                entry = _parsed(line)
                if entry is None:
                    return
                yield entry
                self._end += len(line) + 1

    def restart(self) -> None:
        """Forget all entries."""
        self._end = 0

    def append(self, *entries: Entry, sync: bool = True) -> None:
        """Add entries behind those that count, and see to it that they are on the disk, if so asked."""
        data = b"".join(json.dumps(entry, separators=(",", ":")).encode("ascii") + b"\n" for entry in entries)
        self._file.truncate(self._end)
        self._file.seek(self._end)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        if sync:
            os.fsync(self._file.fileno())
        self._end += len(data)

    def remove(self) -> None:
        """The run is done, and needs none."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leave the journal for another run."""
        self._file.close()


def check_request(before: object, request: Entry) -> None:
    """See that a run is asked for what the one before it was.

    Raises:
        ResumeError: It is asked for something else; the error names it.
    """
    if not isinstance(before, dict):
        raise ResumeError("the journal is one of something else")
    wanted = json.loads(json.dumps(request))  # where a tuple is a list
    different = [name for name, value in wanted.items() if before.get(name) != value]
    if different:
        raise ResumeError(f"the run that is to be gone on with was asked for something else: {', '.join(different)}")


def _parsed(line: bytes) -> Entry | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None
