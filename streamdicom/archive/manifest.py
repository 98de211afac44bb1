"""Manifests: the files of a run with their digests, the versions and the options.

A manifest has one JSON object on each line. The first describes the run, the last its output; the others are files:

    {"manifest": 1, "run": "export", "versions": {"streamdicom": "0.1.0", ...}, "options": {...}}
    {"path": "/in/a.dcm", "size": 5120, "mtime": 1700000000000000000, "sha256": "4e07...", "datasets": 1}
    {"path": "/in/b.dcm", "size": 5120, "mtime": 1700000000000000000, "skipped": "the file ends within its data set"}
    {"output": "/out.json", "size": 81920, "sha256": "b1d5...", "datasets": 1}

A file of an export that was the same in the manifest before has ``"unchanged": true``, and is not in the output. The
files of an import are the files in its folder: ``path`` is relative to it, and ``index`` and ``uid`` are of the data
set.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from streamdicom._typing import Any
from streamdicom.errors import InputError
from streamdicom.inputs import Input
from streamdicom.io import Output, Place, absolute, open_place, temporary

_VERSION = 1
_BLOCK = 256 * 1024


def versions() -> dict[str, str]:
    """Return the versions of this package and of Python.

    >>> sorted(versions())
    ['python', 'streamdicom']
    """
    package = sys.modules[__name__.partition(".")[0]]  # an import would be one of the layers above
    return {"streamdicom": package.__version__, "python": sys.version.partition(" ")[0]}


def digest_of(place: Place) -> tuple[int, str]:
    """Return the size of a file, and its SHA-256 in hexadecimal digits."""
    from hashlib import sha256  # which takes long to import

    digest = sha256()
    size = 0
    with open_place(place) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


class ManifestWriter:
    """Collects the lines of a manifest on the disk.

    Args:
        run: "export" or "import".
        options: The options of the run.
    """

    def __init__(self, run: str, options: dict[str, Any]) -> None:
        self._file = temporary()
        self.add({"manifest": _VERSION, "run": run, "versions": versions(), "options": options})

    def add(self, line: dict[str, Any]) -> None:
        """Add a line."""
        import json  # which takes long to import

        self._file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def write(self, place: Place) -> None:
        """Write the manifest, which appears when it is complete."""
        self._file.seek(0)
        with Output(place) as output:
            while block := self._file.read(_BLOCK):
                output.write(block)
            output.commit()

    def close(self) -> None:
        """Remove the lines from the disk."""
        self._file.close()


def read_manifest(place: Place) -> Iterator[dict[str, Any]]:
    """Yield the lines of a manifest.

    Raises:
        InputError: The file is not a manifest, or not complete.
        OSError: It cannot be read.
    """
    import json

    line: dict[str, Any] = {}
    number = 0
    with open_place(place) as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
                is_valid = isinstance(line, dict) and (number > 1 or line.get("manifest") == _VERSION)
            except (ValueError, RecursionError):
                is_valid = False
            if not is_valid:
                raise _error(place, f"expected a manifest, found another text on line {number}")
            yield line
    if "output" not in line:
        raise _error(place, "the manifest is not complete")


def _error(place: Place, message: str) -> InputError:
    error = InputError(message)
    error.filename = str(place)
    return error


class Since:
    """The files of an earlier export, by its manifest.

    Args:
        place: The manifest.

    Raises:
        InputError: The file is not a manifest, or not complete.
    """

    def __init__(self, place: Place) -> None:
        import sqlite3  # which takes long to import

        self._files = sqlite3.connect("", isolation_level=None)  # a temporary database, which spills to disk
        self._files.execute("PRAGMA journal_mode = OFF")
        self._files.execute("CREATE TABLE files (path TEXT PRIMARY KEY, size, mtime, sha256, datasets) WITHOUT ROWID")
        names = ("path", "size", "mtime", "sha256", "datasets")
        for line in read_manifest(place):
            if "sha256" in line and "path" in line:
                row = [line.get(name) for name in names]
                row[2] = str(row[2])
                self._files.execute("REPLACE INTO files VALUES (?, ?, ?, ?, ?)", row)

    def unchanged(self, item: Input) -> dict[str, Any] | None:
        """Return the line of a file in a new manifest if the file is the same, or None.

        A file is the same if its size and time are, or its size and content.
        """
        path = absolute(item.path)
        row = self._files.execute("SELECT size, mtime, sha256, datasets FROM files WHERE path = ?", (path,)).fetchone()
        if row is None or row[0] != item.size:
            return None
        if row[1] != str(item.mtime) and digest_of(item.path) != (item.size, row[2]):
            return None
        facts = {"path": path, "size": item.size, "mtime": item.mtime, "sha256": row[2], "datasets": row[3]}
        return {**facts, "unchanged": True}

    def close(self) -> None:
        """Remove the database."""
        self._files.close()
