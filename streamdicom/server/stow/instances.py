"""Instances that a client stores (PS3.18 10.5): files apart until all of a request is there, and then in the archive.

While it comes, an instance is a file in ``.streamdicom/incoming-XXXX``. When the body of the request is complete each
gets its path, ``STUDY/SERIES/INSTANCE.dcm``, by a link, which fails if there is such a file, so that no other writer's
is replaced. What is in the archive already stays as it is: the same instance again, byte for byte, counts as stored.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from filecmp import cmp
from itertools import chain
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

from streamdicom.api import write_file
from streamdicom.archive import is_within
from streamdicom.datasets import walk
from streamdicom.dicom import (
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    is_uid,
)
from streamdicom.errors import InputError, LimitError, RequestError, StreamDicomError
from streamdicom.events import ELEMENT, END_SEQUENCE, START_SEQUENCE
from streamdicom.limits import Limits
from streamdicom.options import WriteOptions
from streamdicom.server.catalog import FOLDER, Index
from streamdicom.server.wado import resource_of, short_events

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PREFIX = "incoming-"
_DAY = 24 * 60 * 60  # seconds

_TAGS = (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)
_WRITING = WriteOptions(file_meta=True)


class Failure(IntEnum):
    """Why an instance was not stored (PS3.18, table I.2-2; PS3.7 C)."""

    NONE = 0
    PROCESSING = 0x0110  # it is not of the study that the request names
    DUPLICATE = 0x0111  # there is another one of the same UID
    OUT_OF_RESOURCES = 0xA700
    CANNOT_UNDERSTAND = 0xC000


@dataclass(slots=True)
class Outcome:
    """What became of an instance.

    Attributes:
        uids: By their tags, those of its SOP Class, the instance, the study and the series, as far as they are known.
        failure: Why it was not stored.
    """

    uids: dict[int, str] = field(default_factory=dict)
    failure: Failure = Failure.NONE


class _FailedError(Exception):
    """The instance is not stored."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.name)
        self.failure = failure


class Inbox:
    """The instances of one request.

    Args:
        index: The index of the archive.
        limits: ``spooled_size`` bounds what all of them may take.

    Raises:
        OSError: The archive cannot be written.
    """

    def __init__(self, index: Index, limits: Limits) -> None:
        self._index = index
        self._left = self._most = limits.spooled_size
        parent = Path(index.folder, FOLDER)
        parent.mkdir(exist_ok=True)
        self._folder = TemporaryDirectory(prefix=_PREFIX, dir=parent)
        self._file: BinaryIO | None = None
        self._outcomes: list[Outcome | None] = []  # None for what is still to be looked at

    def start(self) -> None:
        """A DICOM file comes."""
        self._file = self._partial(len(self._outcomes)).open("xb")
        self._outcomes.append(None)

    def append(self, data: bytes) -> None:
        """Some bytes of it.

        Raises:
            LimitError: There are too many of all.
            OSError: They cannot be written.
        """
        assert self._file
        self._left -= len(data)
        if self._left < 0:
            raise LimitError(f"instances of more than {self._most} bytes", "spooled_size")
        self._file.write(data)

    def end(self) -> None:
        """It is complete."""
        assert self._file
        self._file.flush()
        os.fsync(self._file.fileno())  # before anybody is told that it is stored
        self._file.close()

    def add(self, dataset: Dataset) -> None:
        """A data set, which becomes a DICOM file.

        Raises:
            OSError: It cannot be written.
        """
        self.start()
        assert self._file
        try:
            write_file(chain.from_iterable(walk(dataset, 0, options=_WRITING)), self._file)
        except StreamDicomError:
            uids = {tag: str(dataset[tag].value) for tag in _TAGS if tag in dataset}
            self._outcomes[-1] = Outcome(uids, Failure.CANNOT_UNDERSTAND)
        self.end()

    def store(self, study: str | None) -> Iterator[Outcome]:
        """Put all of them into the archive.

        Args:
            study: The study that they must be of; None for any.
        """
        for number, outcome in enumerate(self._outcomes):
            yield outcome or self._store(self._partial(number), study)

    def close(self) -> None:
        """Leave nothing behind but what was stored."""
        if self._file:
            self._file.close()
        self._folder.cleanup()

    def _partial(self, number: int) -> Path:
        return Path(self._folder.name, f"{number}.partial")

    def _store(self, partial: Path, study: str | None) -> Outcome:
        outcome = Outcome()
        try:
            self._look(partial, outcome.uids)
            if study not in (None, outcome.uids[STUDY_INSTANCE_UID]):
                raise _FailedError(Failure.PROCESSING)
            self._settle(partial, outcome.uids)
        except _FailedError as error:
            outcome.failure = error.failure
        except (OSError, sqlite3.Error):
            outcome.failure = Failure.OUT_OF_RESOURCES
        return outcome

    def _look(self, partial: Path, uids: dict[int, str]) -> None:
        """See whether the file is complete, and whose it is."""
        depth = 0
        try:
            with partial.open("rb") as file:
                for kind, tag, _, value in short_events(file):
                    depth += (kind == START_SEQUENCE) - (kind == END_SEQUENCE)
                    if kind == ELEMENT and tag in _TAGS and not depth and value:
                        uids[tag] = "\\".join(map(str, value))
        except InputError:
            raise _FailedError(Failure.CANNOT_UNDERSTAND) from None
        if not all(is_uid(uids.get(tag, "")) for tag in _TAGS):
            raise _FailedError(Failure.CANNOT_UNDERSTAND)

    def _settle(self, partial: Path, uids: dict[int, str]) -> None:
        """Give a file its path, unless there is such an instance."""
        instance = uids[SOP_INSTANCE_UID]
        known = next(self._index.entries(instance=instance), None)
        if known is None:
            path = Path(self._index.folder, uids[STUDY_INSTANCE_UID], uids[SERIES_INSTANCE_UID], f"{instance}.dcm")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not is_within(str(path), self._index.folder):
                raise _FailedError(Failure.PROCESSING)
            if _claim(partial, path):
                self._add(path)
                return
            known_path = str(path)
        else:
            known_path = "" if known.is_json else known.path
        with suppress(OSError):  # it is gone
            if known_path and cmp(known_path, partial, shallow=False):
                return
        raise _FailedError(Failure.DUPLICATE)

    def _add(self, path: Path) -> None:
        try:
            self._index.add(path)
        except (OSError, sqlite3.Error):  # nobody could find it
            path.unlink()
            raise
        except InputError:  # another writer has put the same instance elsewhere meanwhile
            path.unlink()
            self._index.remove(path)
            raise _FailedError(Failure.DUPLICATE) from None


def _claim(partial: Path, path: Path) -> bool:
    """Give a complete file its path, unless another one has it."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:  # there are file systems without links
        if os.path.lexists(path):
            return False
        partial.rename(path)
    return True


def remove_leftovers(index: Index) -> None:
    """Remove what is left of requests during which a server was killed; what is younger than a day may still come."""
    for folder in Path(index.folder, FOLDER).glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another server does the same
            if time.time() - folder.stat().st_mtime > _DAY:
                rmtree(folder, ignore_errors=True)


# --- what the client is told -----------------------------------------------------------------------------------


def response_module(outcomes: list[Outcome], base_url: str) -> tuple[int, Dataset]:
    """The status, and what is told of each instance (PS3.18 10.5.3 and I.2).

    Raises:
        RequestError: There was no instance.

    >>> status, told = response_module([Outcome(failure=Failure.CANNOT_UNDERSTAND)], "http://localhost")
    >>> status, told.OtherFailuresSequence[0].FailureReason
    (409, 49152)
    """
    from pydicom.dataset import Dataset

    if not outcomes:
        raise RequestError("the body has no instance", 400)
    stored = [one for one in outcomes if not one.failure]
    failed = [one for one in outcomes if one.failure and SOP_INSTANCE_UID in one.uids]
    others = [one for one in outcomes if one.failure and SOP_INSTANCE_UID not in one.uids]
    told = Dataset()
    if stored and len({one.uids[STUDY_INSTANCE_UID] for one in stored}) == 1:
        told.RetrieveURL = f"{base_url}/studies/{stored[0].uids[STUDY_INSTANCE_UID]}"
    for keyword, chosen in (
        ("FailedSOPSequence", failed),
        ("ReferencedSOPSequence", stored),
        ("OtherFailuresSequence", others),
    ):
        if chosen:
            setattr(told, keyword, [_item(one, base_url) for one in chosen])
    return 200 if len(stored) == len(outcomes) else 202 if stored else 409, told


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
