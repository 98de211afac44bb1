"""Folders for the results of workers in the temporary folder of the system.

A folder has a locked file. If a run was killed, nobody holds the lock, and the next run removes the folder.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

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
        from tempfile import mkdtemp  # which takes long to import

        remove_leftovers()
        self.path = mkdtemp(prefix=_PREFIX)
        new = os.path.join(self.path, "new")
        self._descriptor = os.open(new, os.O_RDWR | os.O_CREAT, 0o600)
        flock(self._descriptor)
        os.rename(new, os.path.join(self.path, _LOCK))  # nobody sees it without its lock

    def close(self) -> None:
        """Remove the folder."""
        os.close(self._descriptor)
        remove_folder(self.path)


def remove_folder(path: str) -> None:
    """Remove a folder with its content, as far as that is possible."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return
    except OSError:
        from shutil import rmtree

        rmtree(path, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the folders of this user's runs that were killed."""
    # Both take long to import.
    from glob import escape, glob
    from tempfile import gettempdir

    for folder in glob(os.path.join(escape(gettempdir()), f"{_PREFIX}*")):
        with suppress(OSError):
            status = os.lstat(folder)
            if stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid()):
                _remove(folder)


def _remove(folder: str) -> None:
    descriptor = os.open(os.path.join(folder, _LOCK), os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        if flock(descriptor):
            remove_folder(folder)
    finally:
        os.close(descriptor)
