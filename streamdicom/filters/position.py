"""Where in the stream an event is."""

from __future__ import annotations

from typing import Any

from streamdicom.bulkdata import BulkDataInfo
from streamdicom.dicom import format_tag
from streamdicom.events import (
    END_SEQUENCE,
    START_DATASET,
    START_ITEM,
    START_SEQUENCE,
)

# What ``BulkDataInfo`` tells, by the tags that it comes from.
_CONTEXT = {
    0x00020003: "instance",  # until the data set says it itself
    0x00020010: "syntax",
    0x00080018: "instance",
    0x0020000D: "study",
    0x0020000E: "series",
}


_NAMES = ("study", "series", "instance", "syntax")


class Position:
    """Where in the stream an event is."""

    def __init__(self) -> None:
        self.index = 0
        self.frames: list[tuple[int, int]] = []  # of each open sequence: its tag, the item that is open
        self.context: dict[str, str] = {}

    def move(self, kind: int, tag: int, value: Any) -> None:
        """Take note of an event that opens or closes something."""
        if kind == START_ITEM:
            self.frames[-1:] = [(tag, value)]
        elif kind == START_SEQUENCE:
            self.frames.append((tag, 0))
        elif kind == END_SEQUENCE:
            del self.frames[-1:]
        elif kind == START_DATASET:
            self.index = value
            self.frames = []
            self.context = {}

    def learn(self, tag: int, values: tuple[Any, ...]) -> None:
        """Take note of what a data set is called, if that is what the element tells."""
        if tag in _CONTEXT and not self.frames and values and isinstance(values[0], str):
            self.context[_CONTEXT[tag]] = values[0]

    def tag_path(self, tag: int) -> str:
        return ".".join([*(f"{format_tag(sequence)}[{item}]" for sequence, item in self.frames), format_tag(tag)])

    def info(self, tag: int, vr: str) -> BulkDataInfo:
        study, series, instance, syntax = [self.context.get(name, "") for name in _NAMES]
        return BulkDataInfo(self.index, self.tag_path(tag), tag, vr, study, series, instance, syntax)
