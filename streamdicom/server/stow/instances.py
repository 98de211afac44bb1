"""Instances that a client stores (PS3.18 10.5).

While the request is read, each instance is a file in ``.streamdicom/incoming-XXXX``. When the body is complete, a hard
link gives each its path, ``STUDY/SERIES/INSTANCE.dcm``. A link fails if the path exists, so no other writer's file is
replaced. Existing instances are kept; the same instance again, byte for byte, counts as stored.
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

from streamdicom.api import write_events
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
from streamdicom.io import Expansion
from streamdicom.limits import Limits
from streamdicom.options import WriteOptions
from streamdicom.server.catalog import FOLDER, Catalog
from streamdicom.server.wado import resource_of, short_events

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_PREFIX = "incoming-"
_DAY = 24 * 60 * 60  # seconds

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


class Inbox:
    """The instances of one request.

    Args:
        catalog: The catalog of the archive.
        limits: ``spooled_size`` bounds the size of all instances.
        expansion: The bound of the compressed body, if it is compressed.

    Raises:
        OSError: The archive cannot be written.
    """

    def __init__(self, catalog: Catalog, limits: Limits, expansion: Expansion) -> None:
        self._catalog = catalog
        self._expansion = expansion
        self._left = self._limit = limits.spooled_size
        parent = Path(catalog.folder, FOLDER)
        parent.mkdir(exist_ok=True)
        self._folder = TemporaryDirectory(prefix=_PREFIX, dir=parent)
        self._file: BinaryIO | None = None
        self._outcomes: list[Outcome | None] = []  # None until the file is checked

    def start(self) -> None:
        """Start a DICOM file."""
        self._file = self._partial(len(self._outcomes)).open("xb")
        self._outcomes.append(None)

    def append(self, data: bytes) -> None:
        """Append bytes to the file.

        Raises:
            LimitError: All instances together are too large.
            OSError: The bytes cannot be written.
        """
        assert self._file
        self._left -= len(data)
        if self._left < 0:
            raise LimitError(f"the instances have more than {self._limit} bytes", "spooled_size")
        self._file.write(data)

    def end(self) -> None:
        """End the file."""
        assert self._file
        self._file.flush()
        os.fsync(self._file.fileno())  # before the response confirms it
        self._file.close()

    def add(self, dataset: Dataset) -> None:
        """Add a data set as a DICOM file.

        Raises:
            OSError: The file cannot be written.
        """
        self.start()
        assert self._file
        try:
            write_events(chain.from_iterable(walk(dataset, 0, options=_WRITING)), self._file, format="dicom")
        except StreamDicomError:
            uids = {tag: str(dataset[tag].value) for tag in _TAGS if tag in dataset}
            self._outcomes[-1] = Outcome(uids, Failure.CANNOT_UNDERSTAND)
        self.end()

    def store(self, study: str | None) -> Iterator[Outcome]:
        """Move all instances into the archive.

        Args:
            study: The study to which they must belong; None for any.
        """
        for number, outcome in enumerate(self._outcomes):
            yield outcome or self._store(self._partial(number), study)

    def close(self) -> None:
        """Delete the temporary files."""
        if self._file:
            self._file.close()
        self._folder.cleanup()

    def _partial(self, number: int) -> Path:
        return Path(self._folder.name, f"{number}.partial")

    def _store(self, partial: Path, study: str | None) -> Outcome:
        outcome = Outcome()
        try:
            self._check(partial, outcome.uids)
            if study not in (None, outcome.uids[STUDY_INSTANCE_UID]):
                raise _FailedError(Failure.PROCESSING)
            self._settle(partial, outcome.uids)
        except _FailedError as error:
            outcome.failure = error.failure
        except (OSError, sqlite3.Error):
            outcome.failure = Failure.OUT_OF_RESOURCES
        return outcome

    def _check(self, partial: Path, uids: dict[int, str]) -> None:
        """Check that the file is complete, and read its UIDs."""
        depth = 0
        try:
            with partial.open("rb") as file:
                for kind, tag, _, value in short_events(file, expansion=self._expansion):
                    depth += (kind == START_SEQUENCE) - (kind == END_SEQUENCE)
                    if kind == ELEMENT and tag in _TAGS and not depth and value:
                        uids[tag] = "\\".join(map(str, value))
        except InputError:
            raise _FailedError(Failure.CANNOT_UNDERSTAND) from None
        if not all(is_uid(uids.get(tag, "")) for tag in _TAGS):
            raise _FailedError(Failure.CANNOT_UNDERSTAND)

    def _settle(self, partial: Path, uids: dict[int, str]) -> None:
        """Give a file its path, unless the archive has the instance."""
        instance = uids[SOP_INSTANCE_UID]
        known = next(self._catalog.entries(instance=instance), None)
        if known is None:
            path = Path(self._catalog.folder, uids[STUDY_INSTANCE_UID], uids[SERIES_INSTANCE_UID], f"{instance}.dcm")
            path.parent.mkdir(parents=True, exist_ok=True)
            if not is_within(str(path), self._catalog.folder):
                raise _FailedError(Failure.PROCESSING)
            if _claim(partial, path):
                self._add(path)
                return
            known_path = str(path)
        else:
            known_path = "" if known.is_json else known.path
        with suppress(OSError):  # the file was deleted
            if known_path and cmp(known_path, partial, shallow=False):
                return
        raise _FailedError(Failure.DUPLICATE)

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


def _claim(partial: Path, path: Path) -> bool:
    """Give a complete file its path; return False if the path exists."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            return False
        partial.rename(path)
    return True


def remove_leftovers(catalog: Catalog) -> None:
    """Remove files of killed servers; files younger than a day may still be in use."""
    for folder in Path(catalog.folder, FOLDER).glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another server removes them too
            if time.time() - folder.stat().st_mtime > _DAY:
                rmtree(folder, ignore_errors=True)


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
