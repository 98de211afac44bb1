"""Two data sets side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from streamdicom.comparison import (
    Batch,
    DataSet,
    Difference,
    Entry,
    Place,
    datasets,
    differences,
    leave_out_equal,
    tag_path,
)
from streamdicom.dicom import keyword
from streamdicom.errors import InputError
from streamdicom.formats.part10 import UnknownReader
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
    found = list(islice(_differences(left, right), MAX_DIFFERENCES + 1)) if left and right else []
    return {
        "differences": [_row(difference) for difference in found[:MAX_DIFFERENCES]],
        "cut": len(found) > MAX_DIFFERENCES,
        "faults": [side.fault for side in sides],
    }


def _differences(left: DataSet, right: DataSet) -> Iterator[Difference]:
    leave_out_equal(left, right)
    return differences(left.entries, right.entries)


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


class _Side:
    """A data set, and the fault that ends it."""

    def __init__(self, library: Library, number: int) -> None:
        self.fault: str | None = None
        self._batches = self._placed(library, number)

    def dataset(self, *, file_meta: bool) -> DataSet | None:
        """Return the data set, or None if nothing of it can be read."""
        return next(datasets(self._batches, file_meta=file_meta, shown=True), None)

    def _placed(self, library: Library, number: int) -> Iterator[Batch]:
        options = reading_options(library)
        unknown = UnknownReader(options.limits)
        try:
            for events, offset_of in batches(library, number, options):
                yield Batch(*unknown.read(events, partial(_place, offset_of)))
        except InputError as error:
            self.fault = error.message


def _place(offset_of: Callable[[int], int], index: int) -> Place:
    return offset_of(index), 0, 0
