"""A bulk data store in memory, and a normal form of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.errors import BulkDataError
from streamdicom.events import Event, EventType

OPENS = (EventType.START_ELEMENT, EventType.START_FRAGMENT)


class MemoryStore:
    """Keep values in a list; yield them in segments of one length."""

    def __init__(self, segment: int = 7) -> None:
        self.values: list[bytes] = []
        self.infos: list[BulkDataInfo] = []
        self.segment = segment

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        data = b"".join(segments)
        self.infos.append(info)
        self.values.append(data)
        return str(len(self.values) - 1)

    def open(self, uri: str) -> Iterator[bytes]:
        if not uri.isdigit() or int(uri) >= len(self.values):
            raise BulkDataError("no such entry")
        data = self.values[int(uri)]
        for start in range(0, len(data), self.segment):
            yield data[start : start + self.segment]


def joined(events: Iterable[Event]) -> list[Event]:
    """Return the events with whole elements, and one segment for each fragment."""
    result: list[Event] = []
    values: list[Any] = []
    pieces: list[Any] = []
    in_fragments = False
    for kind, tag, vr, value in events:
        if kind == EventType.START_ELEMENT:
            values = []
        elif kind == EventType.VALUES:
            values += value
        elif kind in (EventType.SEGMENT, EventType.LAST_SEGMENT):
            pieces.append(value)
            if kind == EventType.LAST_SEGMENT:
                whole = type(value)().join(pieces)
                pieces = []
                if in_fragments:
                    result.append((EventType.LAST_SEGMENT, tag, vr, whole))
                else:
                    values.append(whole)
        elif kind == EventType.END_ELEMENT:
            result.append((EventType.ELEMENT, tag, vr, tuple(values)))
        else:
            in_fragments = kind in (EventType.START_FRAGMENTS, EventType.START_FRAGMENT)
            result.append((kind, tag, vr, value))
    return [(int(kind), tag, vr, value) for kind, tag, vr, value in result]
