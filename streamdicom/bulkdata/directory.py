"""A bulk data store in a directory.

Every entry that is read is inside the root: URIs are part of documents, so they may be hostile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path

from streamdicom._typing import Literal
from streamdicom.bulkdata.entries import (
    SEGMENT_SIZE,
    name_by_content,
    name_by_uid,
    relative_path,
    sha256,
    split_path,
)
from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.errors import BulkDataError, OutputError
from streamdicom.io import NamedFile

# An entry that does not exist or must not be read; other errors are failures of the machine.
_NO_ENTRY = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EACCES,
        errno.EPERM,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EINVAL,
        errno.ENXIO,
    }
)
_OUTSIDE = "expected a bulk data URI inside the root of the store, found one that leads out of it"
_NOT_A_FILE = "expected a regular file for a bulk data URI, found something else"

_READ = os.O_RDONLY
for _flag in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK"):  # not every system has all of them
    _READ |= getattr(os, _flag, 0)


class DirectoryStore:
    r"""Keep each value in a file of its own in a directory.

    An entry gets its name when it is complete. Any number of processes may store values at the same time.

    Args:
        root: The directory; created when the first value is stored.
        uri_prefix: Prepended to the path of an entry in its URI, such as ``https://host/bulk/``.
        naming: ``sha256`` names entries by content, so that equal values are kept once; ``uid`` by SOP Instance UID
            and tag path, with the digest added if another value has that name.
        owner: The start of the names of files that are not complete, by which ``remove_leftovers`` knows them.

    Raises:
        ValueError: ``naming`` is neither of the two.

    >>> import tempfile
    >>> info = BulkDataInfo(0, "7FE00010", 0x7FE00010, "OW", instance_uid="1.2.3")
    >>> with tempfile.TemporaryDirectory() as root:
    ...     store = DirectoryStore(root, uri_prefix="bulk/", naming="uid")
    ...     uri = store.put([b"\0\1", b"\2\3"], info)
    ...     print(uri, b"".join(store.open(uri)))
    bulk/1.2.3/7FE00010 b'\x00\x01\x02\x03'
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        uri_prefix: str = "",
        naming: Literal["sha256", "uid"] = "sha256",
        owner: str = "",
    ) -> None:
        if naming not in ("sha256", "uid"):
            raise ValueError(f"naming must be 'sha256' or 'uid', not {naming!r}")
        self._unresolved_root = Path(os.path.abspath(root))
        self._root = Path(os.path.realpath(root))
        self._prefix = uri_prefix
        self._naming = naming
        self._owner = owner

    def __repr__(self) -> str:
        return f"DirectoryStore({str(self._unresolved_root)!r}, uri_prefix={self._prefix!r})"

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        """Store a value and return its URI: the prefix and a relative path.

        Raises:
            OSError: The directory cannot be written.
            OutputError: A directory of the store is a link.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        partial = self._root / f".{self._owner}{os.urandom(8).hex()}.partial"
        try:
            digest, size = _write(partial, segments)
            name = name_by_content(digest) if self._naming == "sha256" else name_by_uid(info)
            path = self._make_path(name)
            if self._naming == "sha256":
                _settle(partial, path, size)
            elif not self._claim(partial, name, digest):
                name = f"{name}-{digest}"
                _settle(partial, self._make_path(name), size)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
        return self._prefix + name

    def remove_leftovers(self) -> None:
        """Remove the incomplete files of an owner whose processes were killed."""
        if self._owner and self._root.is_dir():
            from glob import escape  # which most stores do not need

            for partial in self._root.glob(f".{escape(self._owner)}*.partial"):
                partial.unlink(missing_ok=True)

    def _make_path(self, name: str) -> Path:
        path = self._root / name
        path.parent.mkdir(exist_ok=True)
        if Path(os.path.realpath(path.parent)) != path.parent:
            raise OutputError("expected a directory in the bulk data store, found a link")
        return path

    def _claim(self, partial: Path, name: str, digest: str) -> bool:
        """Give a complete file its name; return False if another value has it."""
        path = self._root / name
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        except OSError:  # the file system has no hard links
            if not os.path.lexists(path):
                partial.rename(path)
        else:
            return True
        existing = sha256()
        with suppress(BulkDataError):  # not a regular file
            for segment in _read(self._root, name.split("/")):
                existing.update(segment)
        return existing.hexdigest() == digest

    def open(self, uri: str) -> Iterator[bytes]:
        """Yield the segments of a value.

        Args:
            uri: A URI from ``put``, a path relative to the root, or a ``file:`` URI.

        Raises:
            BulkDataError: The URI leads nowhere, out of the root, or to something other than a regular file.
            OSError: The file cannot be read.
        """
        return _read(self._root, self._path(uri))

    def _path(self, uri: str) -> list[str]:
        if uri[:5].lower() == "file:" and not self._prefix.startswith(uri[:5]):
            return self._path_of_file_uri(uri)
        return split_path(relative_path(uri, self._prefix))

    def _path_of_file_uri(self, uri: str) -> list[str]:
        """Parse ``file:/path``, ``file:///path`` or ``file://localhost/path`` (RFC 8089)."""
        path = relative_path(uri, uri[:5])
        if path.startswith("//"):
            host, _, path = path[2:].partition("/")
            if host.lower() not in ("", "localhost"):
                raise BulkDataError("expected a file URI of this machine, found one of another host")
        names = split_path(path.lstrip("/"))
        for root in (self._unresolved_root, self._root):
            start = list(root.parts[1:])
            if names[: len(start)] == start and len(names) > len(start):
                return names[len(start) :]
        raise BulkDataError(_OUTSIDE)


def _write(partial: Path, segments: Iterable[bytes]) -> tuple[str, int]:
    """Write a new file; return the digest and the number of its bytes."""
    digest = sha256()
    size = 0
    with BufferedWriter(NamedFile(partial, "x", partial.parent)) as file:
        for segment in segments:
            digest.update(segment)
            size += file.write(segment)
    return digest.hexdigest(), size


def _settle(partial: Path, path: Path, size: int) -> None:
    """Move a complete file to its entry, unless the entry exists with the same size."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size == size:
            return
    partial.replace(path)


def _read(root: Path, names: list[str]) -> Iterator[bytes]:
    try:
        descriptor = _open(root, names)
    except OSError as error:
        if error.errno in _NO_ENTRY:
            raise BulkDataError("the store has no entry for a bulk data URI") from None
        raise
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BulkDataError(_NOT_A_FILE)
        while segment := file.read(SEGMENT_SIZE):
            yield segment


def _open(root: Path, names: list[str]) -> int:
    """Open a file for reading if it is inside the root once all links are followed.

    Links are followed first. Then each directory is opened relative to its parent without following links, so that a
    directory that another process replaces by a link in between is an error.
    """
    path = Path(os.path.realpath(root.joinpath(*names)))
    if not path.is_relative_to(root):
        raise BulkDataError(_OUTSIDE)
    # Opening a device may have side effects, and opening a pipe waits for the other end.
    if not stat.S_ISREG(path.lstat().st_mode):
        raise BulkDataError(_NOT_A_FILE)
    if os.open not in os.supports_dir_fd:
        return os.open(path, _READ)
    directory = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *folders, last = path.relative_to(root).parts
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            os.close(directory)
            directory = inner
        return os.open(last, _READ, dir_fd=directory)
    finally:
        os.close(directory)
