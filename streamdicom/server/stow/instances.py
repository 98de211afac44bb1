"""Instances that a client stores (PS3.18 10.5).

While the request is read, each instance is a file in ``.streamdicom/incoming-XXXX``. When the body is complete, a hard
link gives each its path, ``STUDY/SERIES/INSTANCE.dcm``. A link fails if the path exists, so no other writer's file is
replaced. Existing instances are kept; the same instance again, byte for byte, counts as stored.

Files and their folders are forced onto the disk before the response. A killed server leaves its folder, and the next
server stores the complete instances in it. Only the owner can read files and folders.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from filecmp import cmp
from io import BytesIO
from itertools import groupby
from pathlib import Path
from shutil import rmtree
from stat import S_ISREG
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO, cast

from streamdicom._encoded import ENCODED, path_of
from streamdicom.api import write_events
from streamdicom.codec import file_options, output_form
from streamdicom.dicom import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    is_uid,
)
from streamdicom.errors import InputError, LimitError, OutputError, RequestError
from streamdicom.events import ELEMENT, END_SEQUENCE, START_DATASET, START_SEQUENCE, Event
from streamdicom.filters import sort_elements
from streamdicom.inputs import is_within
from streamdicom.io import Expansion
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from streamdicom.server.catalog import FOLDER, Catalog, make_private
from streamdicom.server.space import Space
from streamdicom.server.wado import resource_of, short_events

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX = "incoming-"
_PARTIAL, _COMPLETE = ".partial", ".complete"  # suffixes
_DAY = 24 * 60 * 60  # seconds
_MAX_GROWTH = 10  # bytes of instances for a byte of JSON or XML
_HELD = 64 * 1024  # bytes of a file in memory until it is complete

_TAGS = (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)
_WRITING = WriteOptions(file_meta=True)


class Failure(IntEnum):
    """The reason why an instance was not stored (PS3.18, table I.2-2; PS3.7 C)."""

    NONE = 0
    PROCESSING = 0x0110  # the instance is not of the study in the path
    DUPLICATE = 0x0111  # another instance has the UID
    OUT_OF_RESOURCES = 0xA700
    CANNOT_UNDERSTAND = 0xC000


@dataclass(slots=True)
class Outcome:
    """The outcome for one instance.

    Attributes:
        uids: The known UIDs of SOP Class, instance, study and series, by tag.
        failure: Why the instance was not stored.
    """

    uids: dict[int, str] = field(default_factory=dict)
    failure: Failure = Failure.NONE


class _FailedError(Exception):
    """The instance cannot be stored."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure


class _Draft:
    """A new file of its owner, which is in memory until it is long or complete.

    So a part that is no instance costs no access to the disk.
    """

    def __init__(self, path: Path, take: Callable[[int], None]) -> None:
        self._path = path
        self._take = take
        self._held = BytesIO()
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> int:
        """Append bytes.

        Raises:
            LimitError: The request has no more bytes.
            OSError: The disk has no more space, or cannot be written.
        """
        self._take(len(data))
        if self._file is None and self._held.tell() + len(data) > _HELD:
            self._file = self._opened()
        return (self._file or self._held).write(data)

    def _opened(self) -> BinaryIO:
        file = cast(BinaryIO, open(self._path, "xb", opener=_private))  # noqa: SIM115 - ``close``
        file.write(self._held.getvalue())
        self._held = BytesIO()
        return file

    def reader(self) -> BinaryIO:
        """Return the bytes from the start."""
        if self._file is None:
            return BytesIO(self._held.getvalue())
        self._file.flush()
        return self._path.open("rb")

    def complete(self) -> None:
        """Force the file onto the disk; from here on, it survives a kill of the server."""
        self._file = self._file or self._opened()
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()
        self._path.rename(self._path.with_suffix(_COMPLETE))

    def discard(self) -> None:
        """Delete the file."""
        self.close()
        if self._file is not None:
            self._path.unlink()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class Inbox:
    """The instances of one request.

    Args:
        catalog: The catalog of the archive.
        limits: ``spooled_size`` bounds the size of all instances, ``multipart_parts`` their number.
        expansion: The bound of the compressed body, if it is compressed.
        free_space: Bytes of the disk that stay free.
        study: The study to which the instances must belong; None for any.

    Raises:
        OSError: The archive cannot be written, or its disk is full but for the free space.
    """

    def __init__(
        self, catalog: Catalog, limits: Limits, expansion: Expansion, free_space: int, study: str | None
    ) -> None:
        self._left = self._limit = limits.spooled_size
        self._max_count = limits.multipart_parts
        parent = Path(catalog.folder, FOLDER)
        make_private(parent)
        self._space = Space(free_space, parent)
        self._space.check()
        self._folder = TemporaryDirectory(prefix=_PREFIX, dir=parent)
        self._lock = _locked(self._folder.name)
        self._settler = _Settler(catalog, expansion, study)
        self._draft: _Draft | None = None
        self._outcomes: list[Outcome] = []

    def start(self) -> None:
        """Start a DICOM file.

        Raises:
            LimitError: There are too many instances.
        """
        number = len(self._outcomes)
        if number >= self._max_count:
            raise LimitError(f"the request has more than {self._max_count} instances", "multipart_parts")
        self._draft = _Draft(self._path(number, _PARTIAL), self._take)
        self._outcomes.append(Outcome())

    def append(self, data: bytes) -> None:
        """Append bytes to the file.

        Raises:
            LimitError: All instances together are too large.
            OSError: The bytes cannot be written.
        """
        assert self._draft
        self._draft.write(data)

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise LimitError(f"the instances have more than {self._limit} bytes", "spooled_size")
        self._space.take(size)

    def end(self) -> None:
        """End the file, which is kept if it is an instance of the study."""
        assert self._draft
        outcome = self._outcomes[-1]
        with self._draft.reader() as source:
            self._settler.check(source, outcome)
        if outcome.failure:
            self._draft.discard()
        else:
            self._draft.complete()  # before the response confirms it

    @staticmethod
    def form(options: ReadOptions) -> object | None:
        """Return the form of the events for ``add``, by the options for reading."""
        return output_form(options, file_options(_WRITING), format="dicom", array=False, seen=_TAGS)

    def add(self, events: Iterable[Event], received: int) -> None:
        """Add each data set in a stream of events as a DICOM file.

        Args:
            events: The events.
            received: The bytes of the body, which bound the instances, because any number of data sets may
                refer to one part.

        Raises:
            InputError: The stream is invalid.
            LimitError: There are too many data sets.
            OSError: A file cannot be written.
        """
        count = 0
        self._left = self._limit = min(self._limit, _MAX_GROWTH * received + _HELD)

        def number(event: Event) -> int:
            nonlocal count
            count += event[0] == START_DATASET
            return count

        for _, dataset in groupby(sort_elements(events), number):
            self.start()
            assert self._draft
            self._space.check()
            outcome = self._outcomes[-1]
            noted = _noting(dataset, outcome.uids)
            try:
                write_events(noted, cast(BinaryIO, self._draft), format="dicom", options=_WRITING)
            except OutputError:
                for _ in noted:  # the other UIDs
                    pass
                outcome.failure = Failure.CANNOT_UNDERSTAND
                self._draft.discard()
            else:
                self.end()

    def store(self) -> list[Outcome]:
        """Move all instances into the archive, and wait until the disk has them."""
        for number, outcome in enumerate(self._outcomes):
            if not outcome.failure:
                self._settler.settle(self._path(number, _COMPLETE), outcome)
        if not self._settler.sync():
            for outcome in self._outcomes:
                outcome.failure = outcome.failure or Failure.OUT_OF_RESOURCES
        return self._outcomes

    def close(self) -> None:
        """Delete the temporary files."""
        if self._draft:
            self._draft.close()
        self._folder.cleanup()
        if self._lock is not None:
            os.close(self._lock)

    def _path(self, number: int, suffix: str) -> Path:
        return Path(self._folder.name, f"{number}{suffix}")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _noting(events: Iterable[Event], uids: dict[int, str]) -> Iterator[Event]:
    """Yield the events of a data set, and note its UIDs."""
    depth = 0
    for event in events:
        kind, tag, _, value = event
        if kind == ENCODED:
            depth = len(path_of(value).seen)
        else:
            depth += (kind == START_SEQUENCE) - (kind == END_SEQUENCE)
        if kind == ELEMENT and tag in _TAGS and not depth and value:
            uids[tag] = "\\".join(map(str, value))
        yield event


class _Settler:
    """Gives complete files their paths in the archive.

    Args:
        catalog: The catalog of the archive.
        expansion: The bound of the compressed body around the files, if any.
        study: The study to which they must belong; None for any.
    """

    def __init__(self, catalog: Catalog, expansion: Expansion, study: str | None = None) -> None:
        self._catalog = catalog
        self._expansion = expansion
        self._study = study
        self._changed: set[Path] = set()  # folders, and files of other writers

    def check(self, source: BinaryIO, outcome: Outcome) -> None:
        """Check that a file is complete and of the study, and read its UIDs.

        Raises:
            OSError: The file cannot be read.
        """
        try:
            for _ in _noting(short_events(source, expansion=self._expansion), outcome.uids):
                pass
        except InputError:
            outcome.failure = Failure.CANNOT_UNDERSTAND
            return
        if not all(is_uid(outcome.uids.get(tag, "")) for tag in _TAGS):
            outcome.failure = Failure.CANNOT_UNDERSTAND
        elif self._study not in (None, outcome.uids[STUDY_INSTANCE_UID]):
            outcome.failure = Failure.PROCESSING

    def settle(self, file: Path, outcome: Outcome) -> None:
        """Give a file without a failure its path."""
        try:
            self._settle(file, outcome.uids)
        except _FailedError as error:
            outcome.failure = error.failure
        except (OSError, sqlite3.Error):
            outcome.failure = Failure.OUT_OF_RESOURCES

    def sync(self) -> bool:
        """Force all changes onto the disk, each once; return False on failure."""
        if os.name == "nt":  # folders cannot be synced
            return True
        try:
            for path in self._changed:
                number = os.open(path, os.O_RDONLY)
                try:
                    os.fsync(number)
                finally:
                    os.close(number)
        except OSError:
            return False
        return True

    def _settle(self, file: Path, uids: dict[int, str]) -> None:
        """Give a file its path, unless the archive has the instance."""
        instance = uids[SOP_INSTANCE_UID]
        known = next(self._catalog.entries(instance=instance), None)
        if known is None:
            path = self._made(uids[STUDY_INSTANCE_UID], uids[SERIES_INSTANCE_UID]) / f"{instance}.dcm"
            if _claim(file, path):
                self._add(path)
                self._note(path)
                return
            known_path = str(path) if is_within(str(path), self._catalog.folder) else ""
        else:
            known_path = "" if known.is_json else known.path
        with suppress(OSError):  # the file was deleted
            if known_path and cmp(known_path, file, shallow=False):
                self._note(Path(known_path))  # its writer may not have synced it
                self._changed.add(Path(known_path))
                return
        raise _FailedError(Failure.DUPLICATE)

    def _made(self, study: str, series: str) -> Path:
        """Make the folder of a series; no link leads out of the archive."""
        folder = Path(self._catalog.folder)
        for name in (study, series):
            folder /= name
            folder.mkdir(0o700, exist_ok=True)
            if not is_within(str(folder), self._catalog.folder):
                raise _FailedError(Failure.PROCESSING)
        return folder

    def _note(self, path: Path) -> None:
        top = Path(self._catalog.folder)
        self._changed |= {folder for folder in path.parents if folder == top or top in folder.parents}

    def _add(self, path: Path) -> None:
        try:
            self._catalog.add(path)
        except (OSError, sqlite3.Error):  # an instance that no search finds must not stay
            path.unlink()
            raise
        except InputError:  # another writer has stored the same instance meanwhile
            path.unlink()
            self._catalog.remove(path)
            raise _FailedError(Failure.DUPLICATE) from None


def _claim(file: Path, path: Path) -> bool:
    """Give a complete file its path; return False if the path exists."""
    try:
        os.link(file, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            return False
        file.rename(path)
    return True


# --- files of killed servers ----------------------------------------------------------------------------------------


def take_in_leftovers(catalog: Catalog) -> None:
    """Store the complete instances that killed servers have left, and delete the rest."""
    for folder in Path(catalog.folder, FOLDER).glob(f"{_PREFIX}*"):
        if folder.is_symlink():  # no server has made it
            continue
        with suppress(FileNotFoundError):  # another server takes them in too
            lock = _locked(folder)
            # Without a lock, another server may still receive a young request.
            if lock is None and time.time() - folder.stat().st_mtime < _DAY:
                continue
            try:
                _take_in(folder, _Settler(catalog, Expansion(Limits())))
            finally:
                if lock is not None:
                    os.close(lock)


def _take_in(folder: Path, settler: _Settler) -> None:
    files = (file for file in sorted(folder.glob(f"*{_COMPLETE}")) if S_ISREG(file.lstat().st_mode))
    is_kept = False
    for file in files:
        outcome = Outcome()
        try:
            with file.open("rb") as source:
                settler.check(source, outcome)
        except OSError:
            outcome.failure = Failure.OUT_OF_RESOURCES
        if not outcome.failure:
            settler.settle(file, outcome)
        is_kept |= outcome.failure == Failure.OUT_OF_RESOURCES
    if settler.sync() and not is_kept:
        rmtree(folder, ignore_errors=True)


def _locked(folder: str | Path) -> int | None:
    """Lock a folder until the file descriptor is closed, or return None."""
    if fcntl is None:
        return None
    number = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # in use, or a file system without locks
        os.close(number)
        return None
    return number


# --- the response -----------------------------------------------------------------------------------


def response_module(outcomes: list[Outcome], base_url: str) -> tuple[int, Dataset]:
    """Return the status and the Store Instances Response Module (PS3.18 10.5.3, I.2).

    Raises:
        RequestError: The request had no instance.

    >>> status, module = response_module([Outcome(failure=Failure.CANNOT_UNDERSTAND)], "http://localhost")
    >>> status, module.OtherFailuresSequence[0].FailureReason
    (409, 49152)
    """
    from pydicom.dataset import Dataset

    if not outcomes:
        raise RequestError("expected at least one instance in the body, found none", 400)
    stored = [outcome for outcome in outcomes if not outcome.failure]
    failed = [outcome for outcome in outcomes if outcome.failure and SOP_INSTANCE_UID in outcome.uids]
    others = [outcome for outcome in outcomes if outcome.failure and SOP_INSTANCE_UID not in outcome.uids]
    module = Dataset()
    if stored and len({outcome.uids[STUDY_INSTANCE_UID] for outcome in stored}) == 1:
        module.RetrieveURL = f"{base_url}/studies/{stored[0].uids[STUDY_INSTANCE_UID]}"
    for keyword, chosen in (
        ("FailedSOPSequence", failed),
        ("ReferencedSOPSequence", stored),
        ("OtherFailuresSequence", others),
    ):
        if chosen:
            setattr(module, keyword, [_item(outcome, base_url) for outcome in chosen])
    return 200 if len(stored) == len(outcomes) else 202 if stored else 409, module


def _item(outcome: Outcome, base_url: str) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    uids = outcome.uids
    if SOP_INSTANCE_UID in uids:
        item.ReferencedSOPClassUID = uids.get(SOP_CLASS_UID, "")
        item.ReferencedSOPInstanceUID = uids[SOP_INSTANCE_UID]
    if outcome.failure:
        item.FailureReason = int(outcome.failure)
    else:
        item.RetrieveURL = (
            f"{base_url}/{resource_of(uids[STUDY_INSTANCE_UID], uids[SERIES_INSTANCE_UID], uids[SOP_INSTANCE_UID])}"
        )
    return item
