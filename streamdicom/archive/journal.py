"""The journal of a run, by which another run can resume it after a kill.

A journal has one line of JSON for each step. Lines are only appended, each with one system call, so a kill leaves
whole lines and at most one torn line at the end, which is ignored. The first line holds the request of the run. The
owner of the journal defines the meaning of the lines, and the order in which lines and output are written.

An open journal is locked where the system supports it: two runs cannot write the same output.
"""

from __future__ import annotations

import os
from _json import encode_basestring_ascii  # json takes long to import
from collections.abc import Iterator
from contextlib import suppress

from streamdicom._typing import Any, TypeAlias, cast
from streamdicom.errors import ResumeError
from streamdicom.io import NamedFile

try:
    import fcntl
except ImportError:  # on Windows
    _lock = None
else:
    _lock = fcntl

Entry: TypeAlias = dict[str, Any]

_LITERALS = {None: "null", True: "true", False: "false"}


class Journal:
    """A journal file, which is created if it does not exist.

    Args:
        path: The path of the file.

    Raises:
        ResumeError: Another run has the journal open.
        OSError: The file cannot be created.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._file = self._open()
        self._end = 0  # offset after the last valid entry

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
        """Lock the file; return False if another run has removed it meanwhile."""
        if not flock(descriptor, unknown=True):
            raise ResumeError(f"{self._path} is in use: another run is writing the same output")
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), os.stat(self._path))
        return False

    def entries(self) -> Iterator[Entry]:
        """Yield the entries from the first on.

        An entry becomes valid when the caller asks for the next one; entries after the last valid one are overwritten.
        """
        self._end = 0
        self._file.seek(0)
        held = b""
        while data := self._file.read(1 << 16):
            *lines, held = (held + data).split(b"\n")
            for line in lines:
                entry = _parse(line)
                if entry is None:
                    return
                yield entry
                self._end += len(line) + 1

    def restart(self) -> None:
        """Make all entries invalid."""
        self._end = 0

    def append(self, *entries: Entry, sync: bool = True) -> None:
        """Append entries after the valid ones; with ``sync``, force them onto the disk."""
        data = "".join([f"{_text(entry)}\n" for entry in entries]).encode("ascii")
        self._file.truncate(self._end)
        self._file.seek(self._end)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        if sync:
            os.fsync(self._file.fileno())
        self._end += len(data)

    def remove(self) -> None:
        """Remove the journal of a finished run."""
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        self.close()

    def close(self) -> None:
        """Close the file and release its lock."""
        self._file.close()


def flock(descriptor: int, *, unknown: bool = False) -> bool:
    """Lock an open file; return False if another run holds the lock.

    Args:
        descriptor: The file.
        unknown: The result on a system without such locks.
    """
    if _lock is None:
        return unknown
    try:
        _lock.flock(descriptor, _lock.LOCK_EX | _lock.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def check_request(before: object, request: Entry) -> None:
    """Check that a run has the same request as the run that it resumes.

    Raises:
        ResumeError: The requests differ; the message names the arguments.
    """
    if not isinstance(before, dict):
        raise ResumeError("the journal belongs to another kind of run")
    wanted = cast(Entry, _parse(_text(request).encode()))  # tuples become lists, as in the journal
    different = [name for name, value in wanted.items() if before.get(name) != value]
    if different:
        raise ResumeError(f"the stopped run had other arguments; differing: {', '.join(different)}")


def _text(value: Any) -> str:
    """Return JSON text, in ASCII.

    Names of files may have bytes that UTF-8 cannot carry.

    >>> _text({"import": {"where": ("a", "b"), "jobs": 2, "force": False, "source": None}})
    '{"import":{"where":["a","b"],"jobs":2,"force":false,"source":null}}'
    """
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{encode_basestring_ascii(name)}:{_text(one)}" for name, one in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    return _LITERALS[value] if value is None or isinstance(value, bool) else str(int(value))


def _parse(line: bytes) -> Entry | None:
    import json  # only a run that resumes another needs it

    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None
