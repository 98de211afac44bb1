"""A bulk data store on a file system of fsspec."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress

from streamdicom._typing import TYPE_CHECKING, Any
from streamdicom.bulkdata.directory import DirectoryStore
from streamdicom.bulkdata.entries import SEGMENT_SIZE, name_by_content, relative_path, sha256, split_path
from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.errors import BulkDataError
from streamdicom.io import remote_errors

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class FsspecStore:
    """Keep values on a file system of fsspec: object stores, archives, memory.

    Entries are named by the SHA-256 of their content. On a local file system this is a ``DirectoryStore``.

    Args:
        target: A URL for fsspec, or one of its file systems.
        root: The directory, relative to the URL or in the file system.
        uri_prefix: Prepended to the path of an entry in its URI.

    Raises:
        ImportError: fsspec is not installed: ``pip install 'streamdicom[fsspec]'``.

    >>> store = FsspecStore("memory://", "bulk")
    >>> b"".join(store.open(store.put([b"a", b"b"], BulkDataInfo(0, "7FE00010", 0x7FE00010, "OB"))))
    b'ab'
    """

    def __init__(self, target: str | AbstractFileSystem, root: str = "", *, uri_prefix: str = "") -> None:
        from fsspec.core import url_to_fs
        from fsspec.implementations.dirfs import DirFileSystem
        from fsspec.implementations.local import LocalFileSystem

        system, path = url_to_fs(target) if isinstance(target, str) else (target, "")
        self._root = f"{path.rstrip('/')}/{root.strip('/')}" if path and root else path or root
        while isinstance(system, DirFileSystem):
            self._root = f"{system.path}/{self._root}"
            system = system.fs
        self._system: Any = system
        self._url = target if isinstance(target, str) else str(system.unstrip_protocol(self._root))
        self._prefix = uri_prefix
        is_local = isinstance(system, LocalFileSystem)
        self._local = DirectoryStore(self._root, uri_prefix=uri_prefix) if is_local else None

    def __repr__(self) -> str:
        return f"FsspecStore({self._system.unstrip_protocol(self._root)!r}, uri_prefix={self._prefix!r})"

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        """Store a value and return its URI: the prefix and a relative path.

        Raises:
            OSError: The file system cannot be written.
        """
        if self._local:
            return self._local.put(segments, info)
        with remote_errors(self._url):
            return self._put(segments)

    def _put(self, segments: Iterable[bytes]) -> str:
        self._system.makedirs(self._root, exist_ok=True)
        partial = f"{self._root}/.{os.urandom(8).hex()}.partial"
        digest = sha256()
        size = 0
        try:
            with self._system.open(partial, "wb") as file:
                for segment in segments:
                    digest.update(segment)
                    file.write(segment)
                    size += len(segment)
            name = name_by_content(digest.hexdigest())
            self._settle(partial, f"{self._root}/{name}", size)
        finally:
            with suppress(FileNotFoundError):
                self._system.rm_file(partial)
        return self._prefix + name

    def _settle(self, partial: str, path: str, size: int) -> None:
        with suppress(FileNotFoundError):
            if self._system.info(path)["size"] == size:
                return
        self._system.makedirs(path.rpartition("/")[0], exist_ok=True)
        self._system.mv(partial, path)

    def open(self, uri: str) -> Iterator[bytes]:
        """Yield the segments of a value.

        Args:
            uri: A URI from ``put``, or a path relative to the root.

        Raises:
            BulkDataError: The URI leads nowhere, out of the root, or to something other than a regular file.
            OSError: The file cannot be read.
        """
        return self._local.open(uri) if self._local else self._remote(uri)

    def _remote(self, uri: str) -> Iterator[bytes]:
        with remote_errors(self._url):
            yield from self._segments(uri)

    def _segments(self, uri: str) -> Iterator[bytes]:
        path = "/".join([self._root, *split_path(relative_path(uri, self._prefix))])
        try:
            info = self._system.info(path)
            if info["type"] != "file" or info.get("islink"):
                raise BulkDataError("expected a regular file for a bulk data URI, found something else")
            file = self._system.open(path, "rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            raise BulkDataError("the store has no entry for a bulk data URI") from None
        with closing(file):
            while segment := file.read(SEGMENT_SIZE):
                yield segment
