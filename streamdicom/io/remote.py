"""Files at URLs, by fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO

from streamdicom._late import late_pattern
from streamdicom._records import NamedTuple
from streamdicom._typing import Any, BinaryIO, cast

_MAGIC = late_pattern(r"[*?\[]")  # of a glob pattern
_STATES = ("ETag", "etag", "LastModified", "mtime", "updated", "last_modified", "created")


class RemoteStatus(NamedTuple):
    """The state of a file at a URL, with the names of ``os.stat_result``.

    Attributes:
        st_size: Its size in bytes.
        st_mtime_ns: A number that is another one after a change, if the file system tells.
    """

    st_size: int
    st_mtime_ns: int


@contextmanager
def remote_errors(url: str) -> Iterator[None]:
    """Raise errors of the package that is the file system of a URL as ``OSError``.

    Such packages have errors of their own, for missing credentials as an example.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if type(error).__module__.partition(".")[0] in ("builtins", "streamdicom"):
            raise
        raise OSError(f"{url}: {type(error).__name__}: {error}") from error


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Raises:
        OSError: The file system cannot be used, such as without credentials.
        ValueError: fsspec or the package for the file system is not installed, or nothing knows the scheme.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ValueError('URLs need fsspec; install "streamdicom[fsspec]"') from error
    try:
        with remote_errors(url):
            system, path = url_to_fs(url)
    except ImportError as error:
        raise ValueError(f"the package of fsspec for these URLs is not installed: {error}") from error
    return system, path


def remote_status(url: str) -> RemoteStatus:
    """Return the state of a file at a URL.

    Raises:
        OSError: There is no such file, or the file system cannot be read.
    """
    system, path = file_system(url)
    with remote_errors(url):
        return _status(system.info(path))


def remote_files(url: str, excluded: set[Any]) -> Iterator[tuple[str, RemoteStatus]]:
    """Yield a file at a URL, or the files in a folder in the order of their names.

    Args:
        url: A URL, or a pattern as for ``fsspec``'s ``glob``.
        excluded: URLs of files and folders that are left out; searched folders are added.

    Raises:
        OSError: There is no such file, nothing matches, or the file system cannot be read.
    """
    with remote_errors(url):
        yield from _remote_files(url, excluded)


def _remote_files(url: str, excluded: set[Any]) -> Iterator[tuple[str, RemoteStatus]]:
    system, path = file_system(url)
    if _MAGIC.search(path):
        found = sorted(system.glob(path))
        if not found:
            raise FileNotFoundError(f"no file matches {url}")
        stack = [iter([system.info(one) for one in found])]
    else:
        stack = [iter([system.info(path)])]
    while stack:
        info = next(stack[-1], None)
        if info is None:
            stack.pop()
            continue
        place = system.unstrip_protocol(info["name"]).rstrip("/")
        if place in excluded:
            continue
        if info["type"] == "directory":
            excluded.add(place)
            inner = system.ls(info["name"], detail=True)
            own = info["name"].rstrip("/")
            stack.append(iter(sorted((one for one in inner if one["name"].rstrip("/") != own), key=_name)))
        else:
            yield place, _status(info)


def full_url(url: str) -> str:
    """Return the URL that ``remote_files`` has for a file or a folder.

    >>> full_url("memory://a/b/")
    'memory:///a/b'
    """
    system, path = file_system(url)
    return cast(str, system.unstrip_protocol(path)).rstrip("/")


def _name(info: dict[str, Any]) -> str:
    return cast(str, info["name"])


def _status(info: dict[str, Any]) -> RemoteStatus:
    from hashlib import blake2b  # a tenth of the time that importing this package takes

    state = next((info[name] for name in _STATES if info.get(name) is not None), "")
    digest = blake2b(str(state).encode(), digest_size=7).digest()
    return RemoteStatus(int(info.get("size") or 0), int.from_bytes(digest, "big"))


class RemoteOutput:
    """A file at a URL that is being written, and exists when it is complete.

    Args:
        url: The URL.

    Raises:
        OSError: The file cannot be written.
        ValueError: The file system is not known; see ``file_system``.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._system, self._path = file_system(url)
        # A file of the file system in memory exists from the start.
        self._is_held = "memory" in self._system.protocol
        with remote_errors(url):
            folder = self._path.rpartition("/")[0]
            if folder:
                with suppress(NotImplementedError):
                    self._system.makedirs(folder, exist_ok=True)
            self._file: Any = BytesIO() if self._is_held else self._system.open(self._path, "wb", autocommit=False)

    @property
    def file(self) -> BinaryIO:
        """The file to write to."""
        return cast(BinaryIO, self._file)

    def commit(self) -> None:
        """Complete the file."""
        with remote_errors(self._url):
            if self._is_held:
                self._system.pipe_file(self._path, self._file.getvalue())
                return
            self._file.close()
            self._file.commit()

    def discard(self) -> None:
        """Leave nothing."""
        if self._is_held:
            return
        with suppress(Exception):  # the error that is the reason is raised
            self._file.discard()
            self._file.closed = True  # else the end of the object would write the rest
