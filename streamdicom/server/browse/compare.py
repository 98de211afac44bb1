"""Two data sets side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from streamdicom.comparison import DataSet, Difference, Entry, datasets, differences, tag_path
from streamdicom.dicom import keyword
from streamdicom.errors import InputError
from streamdicom.events import END_DATASET, Event
from streamdicom.server.browse.datasets import batches, reading_options
from streamdicom.server.browse.library import Library

MAX_DIFFERENCES = 5000
"""Differences that are returned."""

_KINDS = ("left", "right", "vr", "value")


def compare(library: Library, one: int, other: int) -> dict[str, Any]:
    """Return the differences between two data sets, as ``diff`` finds them.

    Group 0002 counts if both are in DICOM files.

    Args:
        library: The data sets.
        one: The number of a data set.
        other: The number of the other.

    Raises:
        IndexError: There is no such data set.
        SourceChangedError: A source has changed.
    """
    formats = {library.locate(number).unit.format for number in (one, other)}
    sides = [_Side(library, number) for number in (one, other)]
    left, right = [side.dataset(file_meta=formats == {"dicom"}) for side in sides]
    found = list(islice(differences(left.entries, right.entries), MAX_DIFFERENCES + 1)) if left and right else []
    return {
        "differences": [_row(difference) for difference in found[:MAX_DIFFERENCES]],
        "cut": len(found) > MAX_DIFFERENCES,
        "faults": [side.fault for side in sides],
    }


def _row(found: Difference) -> dict[str, Any]:
    return {
        "kind": _KINDS[found.kind],
        "path": tag_path(found.key),
        "keyword": keyword(found.key[-1]) if len(found.key) % 2 else f"Item {found.key[-1]}",
        "left": _side(found.left),
        "right": _side(found.right),
    }


def _side(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"vr": entry[1], "value": entry[3], "offset": entry[4][0] if entry[4] else None}


class _Side(Iterator[Event]):
    """The events of a data set, and the place of the last one."""

    def __init__(self, library: Library, number: int) -> None:
        self.fault: str | None = None
        self._offset = 0
        self._events = self._placed(library, number)

    def dataset(self, *, file_meta: bool) -> DataSet | None:
        """Return the data set, or None if nothing of it can be read."""
        found = datasets(self, file_meta=file_meta, shown=True, place=lambda: (self._offset, 0, 0))
        return next(found, None)

    def __next__(self) -> Event:
        return next(self._events)

    def _placed(self, library: Library, number: int) -> Iterator[Event]:
        try:
            for batch in batches(library, number, reading_options(library)):
                for index, event in enumerate(batch.events):
                    self._offset = batch.offset_of(index)
                    yield event
        except InputError as error:
            self.fault = error.message
            yield (END_DATASET, 0, "", None)
