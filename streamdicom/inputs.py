"""Inputs: files, folders and glob patterns, recognized by their content.

Files are recognized by their content. A file that the caller names must be readable. In a folder, a ZIP or a tar file,
any other file is passed over, unless its name ends in ``.dcm``: such a file is damaged. JSON and XML files there count
only if they begin like a data set, because many other files are JSON and XML too.

Links are followed, because some archives consist of links. Each folder is searched once, so circles of links end.
Pipes and devices are never opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum

from streamdicom._late import late_pattern
from streamdicom._records import NamedTuple
from streamdicom._typing import IO, TypeAlias, cast
from streamdicom.dicom import tag_for_keyword_key
from streamdicom.errors import InputError
from streamdicom.formats import DICOM, EMPTY, JSON, NDJSON, UNKNOWN_MESSAGE, XML, detect, form_of_name
from streamdicom.io import (
    COMPRESSIONS,
    RemoteStatus,
    check_source,
    file_system,
    full_url,
    is_url,
    open_place,
    remote_files,
)

_CHUNK = 64 * 1024
HEAD_SIZE = 512
"""Bytes that recognize a tar file. The other formats need fewer."""


_URL = late_pattern(r"([A-Za-z][A-Za-z0-9+.-]+):/")  # ``Path`` drops the second slash; one letter is a drive
_JSON_ARRAY = late_pattern(r"\[\s*[{\]]")
_MAGIC = frozenset("*?[")  # of a glob pattern
_FIRST_KEY = late_pattern(rb'(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{\s*"([0-9A-Za-z]+)"\s*:')
_TAG = late_pattern(r"[0-9A-Fa-f]{8}")
_XML_ROOT = b"<NativeDicomModel"

_UNREADABLE = f"{UNKNOWN_MESSAGE}, nor a ZIP or tar file"
_EMPTY = "the file is empty"

FileId: TypeAlias = tuple[int, int] | str
"""Device and inode number, which identify an existing file; or a URL."""


class Kind(IntEnum):
    """The kind of an input."""

    OTHER = 0  # to be passed over
    FAULT = 1  # an error
    DICOM = 2  # a DICOM file
    TEXT = 3  # DICOM JSON or Native DICOM XML
    ZIP = 4
    TAR = 5
    COMPRESSED = 6  # a tar file or a file with data sets


CONTAINERS = frozenset({Kind.ZIP, Kind.TAR, Kind.COMPRESSED})


class Input(NamedTuple):
    """A file among the inputs.

    Attributes:
        path: Its path.
        size: Its size in bytes.
        mtime: The time of its last change, in nanoseconds.
        kind: A ``Kind``.
        fault: The reason of ``Kind.FAULT``.
        is_named: Whether the caller named the file, rather than a folder or pattern.
    """

    path: str
    size: int
    mtime: int
    kind: int
    fault: str = ""
    is_named: bool = False


def file_id(path: str | os.PathLike[str]) -> FileId | None:
    """Return the identity of a file, or None if it does not exist."""
    if is_url(path):
        return full_url(cast(str, path))
    with suppress(OSError):
        return _id(os.stat(path))
    return None


def check_place(name: str, place: object) -> None:
    """Check that a URL is of a known kind, and that a path is no URL without a slash.

    Raises:
        ValueError: It is not; the message names the argument.

    >>> from pathlib import Path
    >>> check_place("bulk_dir", Path("s3://bucket/bulk"))
    Traceback (most recent call last):
        ...
    ValueError: bulk_dir must be a local path or text with a URL, not a path that starts with s3:
    """
    if is_url(place):
        file_system(cast(str, place))
        return
    path = os.fsdecode(place) if isinstance(place, str | os.PathLike) else ""
    url = _URL.match(path) if ":/" in path else None  # the pattern takes long to make
    if url:
        raise ValueError(f"{name} must be a local path or text with a URL, not a path that starts with {url[1]}:")


def places(sources: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return the paths and URLs of sources.

    Raises:
        TypeError: A source is neither a path nor text.
        ValueError: A URL is given as a path.

    >>> from pathlib import Path
    >>> places([Path("a"), "memory://b"])
    ['a', 'memory://b']
    """
    found = []
    for source in sources:
        if not isinstance(source, str | os.PathLike):
            raise TypeError(
                f"expected the path or the URL of each source, found {type(source).__name__}; "
                "pass several sources as arguments of their own, as in iter_datasets(*sources)"
            )
        found.append(os.fspath(source))
    for place in found:
        check_place("a source", place)
    return found


# --- files and folders -----------------------------------------------------------------------------------------


def find(sources: Iterable[str], excluded: Collection[FileId] = (), *, force: bool = False) -> Iterator[Input]:
    """Yield the inputs in the order of the sources and of the names in each folder.

    Args:
        sources: Files, folders and glob patterns.
        excluded: Files and folders that are not inputs, wherever they are.
        force: Take files of unknown content for DICOM files, if the caller named them or their name ends in ``.dcm``.

    Raises:
        FileNotFoundError: A source does not exist, or nothing matches a pattern.
    """
    for found in walk(sources, excluded):
        yield recognized(*found, force=force)


def recognized(path: str, status: Status | str, is_named: bool, *, force: bool = False) -> Input:
    """Return a file that was found as an input.

    Args:
        path: Its path.
        status: Its status, or the reason why it has none.
        is_named: Whether the caller named it.
        force: As for ``find``.
    """
    if isinstance(status, str):
        return Input(path, 0, 0, Kind.FAULT, status, is_named)
    kind, fault = _recognize_file(path, is_named)
    if force and fault == _UNREADABLE:
        kind, fault = Kind.DICOM, ""
    return Input(path, status.st_size, status.st_mtime_ns, kind, fault, is_named)


def measure(sources: Iterable[str], excluded: Collection[FileId] = ()) -> tuple[int, int]:
    """Return the number of files that ``find`` yields, and their total size in bytes."""
    files = size = 0
    for _, status, _ in walk(sources, excluded):
        files += 1
        size += 0 if isinstance(status, str) else status.st_size
    return files, size


Status: TypeAlias = os.stat_result | RemoteStatus
"""The status of a file, of which size and time are used."""

_Found: TypeAlias = "tuple[str, Status | str, bool]"  # path; status or fault; whether the caller named it


def walk_within(folder: str, excluded: Collection[FileId] = ()) -> Iterator[tuple[str, os.stat_result | str]]:
    """Yield the files in a folder in a fixed order.

    Each file has its status, or the reason why it has none. Links are followed only within the folder.

    Raises:
        FileNotFoundError: The folder does not exist.
    """
    top = os.path.realpath(folder)
    for path, status, _ in _folder(folder, set(excluded), top):
        yield path, cast(os.stat_result | str, status)


def is_within(path: str, top: str) -> bool:
    """Return whether a path leads to a place within a folder, given by its real path."""
    return _is_below(os.path.realpath(path), top)


def is_open_within(file: int, path: str, top: str) -> bool:
    """Return whether an open file is in a folder.

    The path may lead elsewhere since the file was opened; the place of the file itself decides.

    Args:
        file: Its descriptor.
        path: The path by which it was opened.
        top: The real path of the folder.
    """
    with suppress(OSError):  # only Linux has these links, one call in place of one for each part of the path
        if _is_below(os.readlink(f"/proc/self/fd/{file}"), top):
            return True
    place = os.path.realpath(path)
    with suppress(OSError):
        return _is_below(place, top) and os.path.samestat(os.lstat(place), os.fstat(file))
    return False


def _is_below(place: str, top: str) -> bool:
    return place.startswith(top.rstrip(os.sep) + os.sep)


def walk(sources: Iterable[str], excluded: Collection[FileId] = ()) -> Iterator[_Found]:
    """Yield for each file its path, its status or a fault, and if the caller named it.

    Raises:
        FileNotFoundError: A source does not exist, or nothing matches a pattern.
    """
    seen = set(excluded)  # and the folders that were searched
    for source in sources:
        if is_url(source):
            yield from _remote(source, seen)
            continue
        if not source.startswith("[") or _JSON_ARRAY.match(source):  # a pattern may start with a set of characters
            check_source(source)  # errors about files would quote text
        if not _MAGIC.isdisjoint(source) and not os.path.lexists(source):
            yield from _matches(source, seen)
        else:
            yield from _source(source, os.stat(source), seen, is_named=True)


def _remote(url: str, seen: set[FileId]) -> Iterator[_Found]:
    named = full_url(url)
    for place, status in remote_files(url, seen):
        yield place, status, place == named


def _source(path: str, status: os.stat_result, seen: set[FileId], *, is_named: bool) -> Iterator[_Found]:
    if stat.S_ISDIR(status.st_mode):
        yield from _folder(path, seen)
    elif _id(status) not in seen:
        is_file = stat.S_ISREG(status.st_mode)
        if is_file or is_named:
            yield path, status if is_file else "expected a file or a folder, found a pipe or a device", is_named


def _matches(pattern: str, seen: set[FileId]) -> Iterator[_Found]:
    """Yield the files that match a pattern, and those in matching folders."""
    is_empty = True
    for path in glob_sorted(pattern):
        is_empty = False
        status = _status(path)
        if isinstance(status, str):
            yield path, status, False
        else:
            yield from _source(path, status, seen, is_named=False)
    if is_empty:
        raise FileNotFoundError(f"no file matches {pattern}")


def glob_sorted(pattern: str) -> Iterator[str]:
    """Yield the paths that match a glob pattern, sorted within each folder.

    As for ``glob.glob``, ``**`` stands for any number of folders, and names that start with a dot must be matched
    explicitly. After ``**``, only files match. Unlike ``glob.glob``, this function holds one folder at a time.
    """
    from pathlib import Path  # which takes long to import

    path = Path(pattern)
    parts = [part for part in path.parts if part != path.anchor]
    while parts[-1:] == ["**"]:  # searching the folder has the same result
        parts.pop()
    files_only = "**" in parts
    stack = [iter([(path.anchor, parts)])]
    while stack:
        base, rest = next(stack[-1], (None, parts))
        if base is None:
            stack.pop()
        elif rest:
            stack.append(_glob_step(base, rest))
        elif os.path.lexists(base) and not (files_only and os.path.isdir(base)):
            yield base


def _glob_step(base: str, parts: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the paths that match the first part, each with the remaining parts."""
    part, rest = parts[0], parts[1:]
    if _MAGIC.isdisjoint(part):
        yield os.path.join(base, part), rest
        return
    from fnmatch import fnmatchcase  # which takes long to import

    if part == "**":
        yield base, rest
    paths = _paths(base or os.curdir)
    for path in paths if isinstance(paths, list) else ():
        name = os.path.basename(path)
        path = path if base else name
        if part == "**":
            if not name.startswith(".") and os.path.isdir(path) and not os.path.islink(path):
                yield path, parts
        elif fnmatchcase(name, part) and (part.startswith(".") or not name.startswith(".")):
            yield path, rest


def _folder(source: str, seen: set[FileId], top: str | None = None) -> Iterator[_Found]:
    stack = [iter([source])]
    while stack:
        path = next(stack[-1], None)
        if path is None:
            stack.pop()
            continue
        status = _status(path)
        if isinstance(status, str):
            yield path, status, False
        elif _id(status) in seen:
            continue
        elif top and os.path.islink(path) and path != source and not is_within(path, top):
            yield path, "a link that leads out of the folder", False
        elif stat.S_ISREG(status.st_mode):
            yield path, status, False
        elif stat.S_ISDIR(status.st_mode):
            seen.add(_id(status))
            paths = _paths(path)
            if isinstance(paths, str):
                yield path, paths, False
            else:
                stack.append(iter(paths))


def _id(status: os.stat_result) -> FileId:
    return status.st_dev, status.st_ino


def _paths(folder: str) -> list[str] | str:
    """Return the sorted paths in a folder, or the reason it cannot be read."""
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    except OSError as error:
        return error.strerror or type(error).__name__


def _status(path: str) -> os.stat_result | str:
    try:
        return os.stat(path)
    except OSError as error:
        return error.strerror or type(error).__name__


# --- contents --------------------------------------------------------------------------------------------------


def _recognize_file(path: str, is_named: bool) -> tuple[Kind, str]:
    try:
        with open_input(path) as file:
            head = file.read(HEAD_SIZE) or b""
    except OSError as error:
        return Kind.FAULT, error.strerror or type(error).__name__
    return recognize(head, path, is_named=is_named)


def recognize(head: bytes, name: str, *, is_named: bool = False) -> tuple[Kind, str]:
    """Return the kind of a file by its first bytes, and the reason if it is a fault.

    Args:
        head: The first 512 bytes, or all bytes of a shorter file.
        name: Its name. A file that is named ``.dcm`` must be one.
        is_named: Whether the caller named the file, so that it must be readable.

    >>> recognize(bytes(128) + b"DICM", "x")[0].name, recognize(b"", "x.dcm")
    ('DICOM', (<Kind.FAULT: 1>, 'the file is empty'))
    """
    content = detect(head, is_all=len(head) < HEAD_SIZE)
    if content == DICOM.name:
        return Kind.DICOM, ""
    if head.startswith(b"PK\x03\x04"):  # APPNOTE 4.3.7
        return Kind.ZIP, ""
    if head[257:262] == b"ustar":  # POSIX.1-1988, and GNU tar
        return Kind.TAR, ""
    if content in COMPRESSIONS:
        return Kind.COMPRESSED, ""
    is_empty = content == EMPTY and form_of_name(name).format is NDJSON  # of which an empty file has no data sets
    is_text = is_empty or content in (JSON.name, XML.name, None)  # None: white space, so far
    if is_text and (is_named or _begins_dataset(head)):
        return Kind.TEXT, ""
    if is_named or form_of_name(name).format is DICOM:
        return Kind.FAULT, _EMPTY if content == EMPTY else _UNREADABLE
    return Kind.OTHER, ""


def _begins_dataset(head: bytes) -> bool:
    """Return whether a text is a data set, by its first key or root element."""
    if _XML_ROOT in head.replace(b"\0", b""):  # in UTF-16 too
        return True
    match = _FIRST_KEY.match(head)
    key = match[1].decode("ascii") if match else ""
    return bool(key) and (_TAG.fullmatch(key) is not None or tag_for_keyword_key(key) is not None)


def open_input(path: str) -> IO[bytes]:
    """Open a file or a URL without a buffer."""
    if is_url(path):
        return open_place(path)
    return cast(IO[bytes], open(path, "rb", buffering=0))


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of an input; an error is that of the input.

    Raises:
        InputError: The file cannot be read, or the ZIP or tar file that contains it is damaged.
    """
    with reading("the file that contains this file is damaged"):
        while data := file.read(_CHUNK):
            yield data


def damage_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of the standard library for unreadable files."""
    import struct  # imported late: only a damaged file needs them
    import tarfile
    import zipfile
    import zlib

    own = (zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error)
    return (*own, OSError, EOFError, ValueError, OverflowError, NotImplementedError, RecursionError)


@contextmanager
def reading(damage: str) -> Iterator[None]:
    """Turn exceptions of a file, and of ZIP and tar modules, into an InputError.

    Args:
        damage: The message about a damaged file.
    """
    try:
        yield
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}") from error
    except damage_errors() as error:
        raise InputError(damage) from error
