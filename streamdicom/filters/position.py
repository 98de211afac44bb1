"""Position of an event in the stream."""

from __future__ import annotations

from streamdicom._encoded import ENCODED, path_of
from streamdicom._typing import Any
from streamdicom.bulkdata import BulkDataInfo
from streamdicom.dicom import (
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    TRANSFER_SYNTAX_UID,
    format_tag,
)
from streamdicom.events import END_SEQUENCE, START_DATASET, START_ITEM, START_SEQUENCE

# The elements that identify a data set, in ``BulkDataInfo``.
IDENTIFIERS = {
    MEDIA_STORAGE_SOP_INSTANCE_UID: "instance_uid",  # until SOP Instance UID follows
    TRANSFER_SYNTAX_UID: "transfer_syntax",
    SOP_INSTANCE_UID: "instance_uid",
    STUDY_INSTANCE_UID: "study_uid",
    SERIES_INSTANCE_UID: "series_uid",
}
_NAMES = ("study_uid", "series_uid", "instance_uid", "transfer_syntax")


class Position:
    """Position in a stream of events: data set, sequences and items.

    Attributes:
        index: Index of the data set in the stream.
        items: The tag of each open sequence and the index of its open item.
        identifiers: The UIDs of the data set so far, by the names of ``BulkDataInfo``.
    """

    def __init__(self) -> None:
        self.index = 0
        self.items: list[tuple[int, int]] = []
        self.identifiers: dict[str, str] = {}

    def move(self, kind: int, tag: int, value: Any) -> None:
        """Process the start or end of a data set, a sequence or an item."""
        if kind == START_ITEM:
            self.items[-1:] = [(tag, value)]
        elif kind == START_SEQUENCE:
            self.items.append((tag, 0))
        elif kind == END_SEQUENCE:
            del self.items[-1:]
        elif kind == ENCODED:
            self.items = list(path_of(value).seen)
        elif kind == START_DATASET:
            self.index = value
            self.items = []
            self.identifiers = {}

    def learn(self, tag: int, values: tuple[Any, ...]) -> None:
        """Remember the value of an element if it identifies the data set."""
        if tag in IDENTIFIERS and not self.items and values and isinstance(values[0], str):
            self.identifiers[IDENTIFIERS[tag]] = values[0]

    def tag_path(self, tag: int) -> str:
        """Return the path of an element here, such as ``00081140[0].00080016``."""
        return ".".join([*(f"{format_tag(sequence)}[{item}]" for sequence, item in self.items), format_tag(tag)])

    def info(self, tag: int, vr: str) -> BulkDataInfo:
        """Return the description of an element here for a bulk data store."""
        study, series, instance, syntax = [self.identifiers.get(name, "") for name in _NAMES]
        return BulkDataInfo(self.index, self.tag_path(tag), tag, vr, study, series, instance, syntax)
