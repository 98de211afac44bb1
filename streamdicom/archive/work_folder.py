"""The work folder of an import: its journal, and the partial files.

A partial file is named by the index of its data set and a token of the run, so a process that outlives its run never
writes to the files of the next run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from streamdicom.archive.journal import Entry, Journal, check_request
from streamdicom.errors import ResumeError
from streamdicom.io import naming

_NAME = ".streamdicom"
_PARTIAL = ".partial"


class WorkFolder:
    """The work folder of a run.

    Args:
        root: The folder of the files.
        resume: Whether to continue a stopped run.

    Attributes:
        path: The path of the work folder.
        token: The token of this run.
        is_lost: Whether there was no journal to resume, such as after a kill at the very end.

    Raises:
        ResumeError: Another run writes to the folder, or the work folder is a link.
    """

    def __init__(self, root: str, resume: bool) -> None:
        self.path = os.path.join(root, _NAME)
        if os.path.islink(self.path):
            raise ResumeError(f"expected a folder at {self.path}, found a link")
        with naming(root):
            os.makedirs(self.path, exist_ok=True)
            self._journal = Journal(os.path.join(self.path, "journal"))
        self._resume = resume
        self.token = os.urandom(4).hex()
        self.is_lost = False
        self.entries_before = 0  # the last one with an offset
        self._is_empty = False  # this run began the journal, and has no data set yet
        self._last = ""  # the partial file of the last entry, which the run may not have renamed

    def begin(self, request: Entry) -> bool:
        """Begin the journal, or check that the stopped run had the same request.

        Partial files that no entry needs are removed.

        Returns:
            Whether the journal is that of a stopped run.

        Raises:
            ResumeError: A stopped run must be resumed, or had another request.
        """
        first = next(self._journal.entries(), None)
        if first is None:
            self._journal.restart()
            self.is_lost = self._resume
            self._journal.append({"import": request, "is_lost": self.is_lost})
            self._is_empty = True
            self.remove_leftovers()
            return False
        if not self._resume:
            raise ResumeError(
                "an earlier import to this folder was stopped; resume it (resume=True, --resume), or remove "
                f"{self.path} to start again"
            )
        check_request(first.get("import"), request)
        self.is_lost = bool(first.get("is_lost"))
        for entry in self.entries():
            self._last = entry.get("partial", "")
        self.remove_leftovers()
        return True

    def entries(self) -> Iterator[Entry]:
        """Return the entries of the stopped run."""
        return islice(self._journal.entries(), 1, None)

    def last_place(self) -> Entry | None:
        """Return the last entry with the offset of its data set."""
        place = None
        for number, entry in enumerate(self.entries()):
            if entry.get("offset") is not None:
                place, self.entries_before = entry, number
        return place

    def append(self, entry: Entry) -> None:
        """Append an entry to the journal."""
        self._is_empty = False
        self._last = entry.get("partial", "")
        self._journal.append(entry, sync=False)  # each data set would wait for the disk otherwise

    def finish(self) -> None:
        """Remove the journal of a finished run."""
        self._is_empty = False
        self._last = ""
        self._journal.remove()

    def remove_leftovers(self) -> None:
        """Remove the partial files that no entry needs."""
        for name in os.listdir(self.path):
            if name.endswith(_PARTIAL) and name != self._last:
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(self.path, name))

    def close(self) -> None:
        """Remove the files that the next run does not need, and release the folder."""
        with suppress(OSError):
            self.remove_leftovers()
        if self._is_empty:  # nothing to resume
            self._journal.remove()
        self._journal.close()
        with suppress(OSError):  # the folder still has the journal
            os.rmdir(self.path)


def partial_name(index: int, token: str) -> str:
    """Return the name of the partial file of a data set.

    >>> partial_name(17, "1f")
    '17.1f.partial'
    """
    return f"{index}.{token}{_PARTIAL}"
