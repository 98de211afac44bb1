"""Bulk data on disk: stores in a directory or on a file system of fsspec.

What a store reads comes from under its root, whatever a URI says: URIs come from documents, and documents from
anywhere.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.errors import BulkDataError, OutputError
from streamdicom.io import NamedFile

if TYPE_CHECKING:
    from _hashlib import HASH

    from fsspec import AbstractFileSystem

_SEGMENT = 64 * 1024

_LONGEST_URI = 4096
_LONGEST_NAME = 128

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")  # RFC 3986 3.1
_UNSAFE = re.compile(r"[^0-9A-Za-z.-]+")

# What says that there is nothing to be read there; other errors are those of the machine.
_NOWHERE = frozenset(
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


# --- URIs ------------------------------------------------------------------------------------------------------


def _sha256(data: bytes = b"") -> HASH:
    from hashlib import sha256  # which takes a tenth of this package's time to import

    return sha256(data)


def _segments(path: str) -> list[str]:
    """The names in the path of a URI, decoded once; each of them is one name, whatever the encoding hides."""
    from urllib.parse import unquote  # as in ``_sha256``

    names = []
    for part in path.split("/"):
        try:
            name = unquote(part, errors="strict")
        except UnicodeDecodeError:
            raise BulkDataError("a reference whose percent-encoding is not UTF-8") from None
        # A name with a point in front is "..", or an entry that is not complete, or nothing of a store.
        if not name or name.startswith(".") or not name.isprintable() or set(name) & _NOT_IN_NAMES:
            raise BulkDataError("a reference with a name in it that no entry of a store has")
        names.append(name)
    return names


_NOT_IN_NAMES = set("/\\:" if os.name == "nt" else "/\\")


def _relative(uri: str, prefix: str) -> str:
    """What a URI says behind the prefix of the store."""
    if len(uri) > _LONGEST_URI:
        raise BulkDataError("a reference that is too long")
    if not uri.startswith(prefix):
        raise BulkDataError("a reference to somewhere else than the store")
    path = uri[len(prefix) :]
    if _SCHEME.match(path):
        raise BulkDataError("a reference with a scheme that is not followed")
    if "?" in path or "#" in path:
        raise BulkDataError("a reference with a query or a fragment that means nothing")
    return path


# --- names -----------------------------------------------------------------------------------------------------


def _name_by_content(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _name_by_uid(info: BulkDataInfo) -> str:
    """Instance and tag path, with nothing in them that could mean anything in a path."""
    instance = _sanitised(info.instance_uid) if info.instance_uid else f"dataset-{info.dataset_index}"
    tags = _sanitised(info.tag_path.replace("[", "-").replace("]", ""))
    return f"{instance}/{tags}" + ("" if info.fragment is None else f"-fragment-{info.fragment}")


def _sanitised(text: str) -> str:
    name = _UNSAFE.sub("_", text).strip(".") or "_"
    if len(name) > _LONGEST_NAME:
        return _sha256(text.encode(errors="surrogatepass")).hexdigest()
    return name


# --- a directory -----------------------------------------------------------------------------------------------


class DirectoryStore:
    r"""Keeps each value in a file of its own under a directory.

    An entry appears under its name when it is complete. Any number of processes may put values at once.

    Args:
        root: The directory; it is made when the first value is put.
        uri_prefix: What stands before the path of an entry in its URI, such as ``https://host/bulk/``.
        naming: By ``sha256``, the content: equal values are kept once. Or by ``uid``, SOP Instance UID and tag
            path; where that name is taken by another value, the digest of the content is added.

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
    ) -> None:
        if naming not in ("sha256", "uid"):
            raise ValueError(f"naming is 'sha256' or 'uid', not {naming!r}")
        self._given = Path(os.path.abspath(root))  # noqa: PTH100 - without going through links
        self._root = Path(os.path.realpath(root))
        self._prefix = uri_prefix
        self._naming = naming

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        """Keep a value; return its URI, which is the prefix and a relative path.

        Raises:
            OSError: The directory cannot be written.
            OutputError: A link is where the store would have a directory.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        partial = self._root / f".{os.urandom(8).hex()}.partial"
        try:
            digest, size = _write(partial, segments)
            name = _name_by_content(digest) if self._naming == "sha256" else _name_by_uid(info)
            path = self._place(name)
            if self._naming == "sha256":
                _settle(partial, path, size)
            elif not self._claim(partial, name, digest):
                name = f"{name}-{digest}"
                _settle(partial, self._place(name), size)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()
        return self._prefix + name

    def _place(self, name: str) -> Path:
        path = self._root / name
        path.parent.mkdir(exist_ok=True)
        if Path(os.path.realpath(path.parent)) != path.parent:
            raise OutputError("a link is where the store has a directory")
        return path

    def _claim(self, partial: Path, name: str, digest: str) -> bool:
        """Give a complete file its name, unless another value has it."""
        path = self._root / name
        try:
            os.link(partial, path)
        except FileExistsError:
            pass
        except OSError:  # there are file systems without links
            if not os.path.lexists(path):
                partial.rename(path)
        else:
            return True
        held = _sha256()
        with suppress(BulkDataError):  # it is no file at all
            for segment in _read(self._root, name.split("/")):
                held.update(segment)
        return held.hexdigest() == digest

    def open(self, uri: str) -> Iterator[bytes]:
        """The segments of a value, by the URI that ``put`` gave, a path relative to the root or a ``file:`` URI.

        Raises:
            BulkDataError: The URI leads nowhere, out of the root, or to what is no regular file.
            OSError: The file cannot be read.
        """
        return _read(self._root, self._path(uri))

    def _path(self, uri: str) -> list[str]:
        if uri[:5].lower() == "file:" and not self._prefix.startswith(uri[:5]):
            return self._path_of_file(uri)
        return _segments(_relative(uri, self._prefix))

    def _path_of_file(self, uri: str) -> list[str]:
        """RFC 8089: ``file:/path``, ``file:///path`` and ``file://localhost/path``."""
        path = _relative(uri, uri[:5])
        if path.startswith("//"):
            host, _, path = path[2:].partition("/")
            if host.lower() not in ("", "localhost"):
                raise BulkDataError("a reference to a file of another machine")
        names = _segments(path.lstrip("/"))
        for root in (self._given, self._root):
            start = list(root.parts[1:])
            if names[: len(start)] == start and len(names) > len(start):
                return names[len(start) :]
        raise BulkDataError("a reference that leads out of the root")


def _write(partial: Path, segments: Iterable[bytes]) -> tuple[str, int]:
    """Write a new file; return the digest and the number of its bytes."""
    digest = _sha256()
    size = 0
    with BufferedWriter(NamedFile(partial, "x", partial.parent)) as file:
        for segment in segments:
            digest.update(segment)
            size += file.write(segment)
    return digest.hexdigest(), size


def _settle(partial: Path, path: Path, size: int) -> None:
    """Give a complete file a name that tells its content, unless it is there already."""
    with suppress(FileNotFoundError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size == size:
            return
    partial.replace(path)


def _read(root: Path, names: list[str]) -> Iterator[bytes]:
    """The segments of a file under a root."""
    try:
        descriptor = _open(root, names)
    except OSError as error:
        if error.errno in _NOWHERE:
            raise BulkDataError("a reference that leads nowhere") from None
        raise
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BulkDataError("a reference to what is no regular file")
        while segment := file.read(_SEGMENT):
            yield segment


def _open(root: Path, names: list[str]) -> int:
    """Open a file for reading, if it is under the root when all links are followed.

    Links are followed first; then each directory is opened within the one before, and nothing is a link any more.
    What is made one in between is not followed.
    """
    path = Path(os.path.realpath(root.joinpath(*names)))
    if not path.is_relative_to(root):
        raise BulkDataError("a reference that leads out of the root")
    # Opening a device may do something, and opening a pipe waits for its other end.
    if not stat.S_ISREG(path.lstat().st_mode):
        raise BulkDataError("a reference to what is no regular file")
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


_READ = os.O_RDONLY
for _flag in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK"):  # as far as the system has them
    _READ |= getattr(os, _flag, 0)


# --- fsspec ----------------------------------------------------------------------------------------------------


class FsspecStore:
    """Keeps each value by the SHA-256 of its content on a file system of fsspec: object stores, archives, memory.

    On a local file system it is a ``DirectoryStore``.

    Args:
        target: A URL that fsspec knows, or one of its file systems.
        root: The directory, relative to the URL or on the file system.
        uri_prefix: What stands before the path of an entry in its URI.

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
        self._prefix = uri_prefix
        is_local = isinstance(system, LocalFileSystem)
        self._local = DirectoryStore(self._root, uri_prefix=uri_prefix) if is_local else None

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        """Keep a value; return its URI, which is the prefix and a relative path.

        Raises:
            OSError: The file system cannot be written.
        """
        if self._local:
            return self._local.put(segments, info)
        self._system.makedirs(self._root, exist_ok=True)
        partial = f"{self._root}/.{os.urandom(8).hex()}.partial"
        digest = _sha256()
        size = 0
        try:
            with self._system.open(partial, "wb") as file:
                for segment in segments:
                    digest.update(segment)
                    file.write(segment)
                    size += len(segment)
            name = _name_by_content(digest.hexdigest())
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
        """The segments of a value, by the URI that ``put`` gave or a path relative to the root.

        Raises:
            BulkDataError: The URI leads nowhere, out of the root, or to what is no regular file.
            OSError: The file cannot be read.
        """
        return self._local.open(uri) if self._local else self._segments(uri)

    def _segments(self, uri: str) -> Iterator[bytes]:
        path = "/".join([self._root, *_segments(_relative(uri, self._prefix))])
        try:
            info = self._system.info(path)
            if info["type"] != "file" or info.get("islink"):
                raise BulkDataError("a reference to what is no regular file")
            file = self._system.open(path, "rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
            raise BulkDataError("a reference that leads nowhere") from None
        with closing(file):
            while segment := file.read(_SEGMENT):
                yield segment
