"""Folders for the results of workers in the temporary folder of the system.

A folder has a locked file. If a run was killed, nobody holds the lock, and the next run removes the folder.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from streamdicom.archive.journal import flock

_PREFIX = "streamdicom-spool-"
_LOCK = ".lock"


class SpoolFolder:
    """A folder that is removed at the end, or by the next run.

    Attributes:
        path: Its path.

    >>> folder = SpoolFolder()
    >>> os.path.isdir(folder.path), folder.close(), os.path.isdir(folder.path)
    (True, None, False)
    """

    def __init__(self) -> None:
        remove_leftovers()
        self.path = tempfile.mkdtemp(prefix=_PREFIX)
        new = Path(self.path, "new")
        self._descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
        flock(self._descriptor)
        new.rename(Path(self.path, _LOCK))  # nobody sees it without its lock

    def close(self) -> None:
        """Remove the folder."""
        os.close(self._descriptor)
        shutil.rmtree(self.path, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the folders of this user's runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid()):
                _remove(folder)


def _remove(folder: Path) -> None:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        if flock(descriptor):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
