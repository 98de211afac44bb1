"""The folder of an import, and the SOP Instance UIDs and paths of its run."""

from __future__ import annotations

import os
from contextlib import suppress

from streamdicom.archive.journal import Entry
from streamdicom.archive.layout import Layout
from streamdicom.archive.seen import Seen
from streamdicom.dicom import SOP_INSTANCE_UID
from streamdicom.errors import OutputError
from streamdicom.io import file_system, remote_errors


class Destination:
    """The folder of the files, and the SOP Instance UIDs and paths of this run."""

    def __init__(self, root: str, layout: Layout, on_duplicate: str) -> None:
        self._root = os.path.realpath(root)
        self._layout = layout
        self._on_duplicate = on_duplicate
        self.tags = layout.tags | {SOP_INSTANCE_UID}
        self.reuses_identical_files = False
        self._last_folder: str | None = None  # exists, and is within the root
        self._seen = Seen()

    def close(self) -> None:
        self._seen.close()

    def decide(self, index: int, values: dict[int, str], partial: str) -> Entry:
        """Return the entry of a data set: its path, or that it is skipped as a duplicate.

        Raises:
            OutputError: The data set is a duplicate and duplicates are errors, or it cannot have its path.
        """
        uid = values.get(SOP_INSTANCE_UID, "")
        path = self._layout.path(values, index)
        entry: Entry = {"index": index, "uid": uid, "path": path, "partial": os.path.basename(partial)}
        entry |= {"replaces": "", "replaces_own": False}
        self._make_folder(path)
        earlier = self._seen.path_of(uid) if uid else None
        owner = self._seen.uid_of(path)
        if earlier is None and owner is None and not self._is_taken(path, partial):
            return entry
        if self._is_folder(path):
            raise OutputError(f"expected a file at {path}, found a folder")
        reason = f"a file exists at {path}"
        if earlier is not None:
            reason = f"the SOP Instance UID is that of an earlier data set, at {earlier}"
        if self._on_duplicate == "skip":
            return {"index": index, "uid": uid, "skipped": reason}
        if self._on_duplicate == "keep-both":
            return {**entry, "path": self._free_path(path, partial)}
        if self._on_duplicate == "error":
            raise OutputError(f"{reason}; see on_duplicate (--on-duplicate)")
        if owner is not None and owner != uid:
            raise OutputError(f"the layout gives {path} to two data sets with different SOP Instance UIDs")
        return {**entry, "replaces": earlier or "", "replaces_own": earlier is not None}

    def _make_folder(self, path: str) -> None:
        """Make the folder of a path, and check that no link leads out of the root."""
        folder = os.path.dirname(self.place(path))
        if folder == self._last_folder:
            return
        if not os.path.join(os.path.realpath(folder), "").startswith(os.path.join(self._root, "")):
            raise OutputError(f"a link leads from {path} out of the folder")
        try:
            os.makedirs(folder, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise OutputError(f"expected a folder for {path}, found a file") from None
        self._last_folder = folder

    def _is_folder(self, path: str) -> bool:
        found = self.place(path)
        return not os.path.islink(found) and os.path.isdir(found)

    def _is_taken(self, path: str, partial: str) -> bool:
        """Return whether another file exists at a path."""
        found = self.place(path)
        if not os.path.lexists(found):
            return False
        if not self.reuses_identical_files or not os.path.isfile(found) or os.path.islink(found):
            return True
        from filecmp import cmp  # which most runs do not need

        return not cmp(found, partial, shallow=False)

    def _free_path(self, path: str, partial: str) -> str:
        """Return the path with the first number that is not taken."""
        stem, suffix = os.path.splitext(path)
        if suffix[1:].isdigit():  # the last component of a UID
            stem, suffix = path, ""
        number = self._seen.number_of(path)
        while self._is_taken(f"{stem}-{number}{suffix}", partial):
            number += 1
        self._seen.put_number(path, number + 1)
        return f"{stem}-{number}{suffix}"

    def place(self, path: str) -> str:
        """Return where the file of a path is."""
        return os.path.join(self._root, path)

    def is_current(self, entry: Entry) -> bool:
        """Return whether no later data set has replaced the file of an entry."""
        name = entry["uid"] or f"no {entry['index']}"
        return self._on_duplicate != "replace" or self._seen.path_of(name) == entry["path"]

    def put(self, partial: str, entry: Entry) -> None:
        """Rename a complete partial file to its path."""
        self._make_folder(entry["path"])
        os.replace(partial, self.place(entry["path"]))
        self.enter(entry)

    def enter(self, entry: Entry) -> None:
        """Record the UID and path of a data set, and remove the file that it replaces."""
        path, replaced = entry["path"], entry["replaces"]
        if replaced and replaced != path:
            self._remove(replaced)
        if self._on_duplicate == "replace" or not self._is_known(entry["uid"]):
            self._seen.put(entry["uid"] or f"no {entry['index']}", path)

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.place(path))

    def _is_known(self, uid: str) -> bool:
        return bool(uid) and self._seen.path_of(uid) is not None


class RemoteDestination(Destination):
    """A folder at a URL, to which complete files are copied.

    Args:
        url: The URL for fsspec.
        layout: The paths.
        on_duplicate: See ``import_archive``.

    Raises:
        ValueError: The file system is not known.
    """

    def __init__(self, url: str, layout: Layout, on_duplicate: str) -> None:
        super().__init__("", layout, on_duplicate)
        self._url = url.rstrip("/")
        self._system, self._top = file_system(url)

    def place(self, path: str) -> str:
        """Return where the file of a path is."""
        return f"{self._url}/{path}"

    def _place(self, path: str) -> str:
        return f"{self._top.rstrip('/')}/{path}"

    def _make_folder(self, path: str) -> None:
        folder = os.path.dirname(path)
        if folder != self._last_folder:
            with remote_errors(self._url):
                self._system.makedirs(self._place(folder), exist_ok=True)
            self._last_folder = folder

    def _is_folder(self, path: str) -> bool:
        with remote_errors(self._url):
            return bool(self._system.isdir(self._place(path)))

    def _is_taken(self, path: str, partial: str) -> bool:
        with remote_errors(self._url):
            return bool(self._system.exists(self._place(path)))

    def _remove(self, path: str) -> None:
        with suppress(FileNotFoundError), remote_errors(self._url):
            self._system.rm_file(self._place(path))

    def put(self, partial: str, entry: Entry) -> None:
        """Copy a complete partial file to its path."""
        self._make_folder(entry["path"])
        with remote_errors(self._url):
            self._system.put_file(partial, self._place(entry["path"]))
        os.unlink(partial)
        self.enter(entry)
