"""Helpers for tests of the parser: expected events, and every way to feed a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from streamdicom.errors import InputError
from streamdicom.events import Event, EventType
from streamdicom.formats.json import JsonParser
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions

TAG, KEY = 0x00091001, "00091001"
MARK = "\u25b6"  # stands before the byte whose offset an error or a deviation has
OTHER = '{"00100020":{"vr":"LO","Value":["17"]}}'
SMALL = Limits(segment_size=12, values_per_event=3)

# An event as it is compared: by names, and with the repr of its value, so that 1, 1.0 and True differ, and NaN is NaN.
Shown = tuple[str, str, str, str]


# --- expected events ---------------------------------------------------------------------------------------------


def element(vr: str, *values: Any, tag: int = TAG) -> Event:
    return EventType.ELEMENT, tag, vr, values


def bulk_data(vr: str, uri: str) -> Event:
    return EventType.BULK_DATA, TAG, vr, uri


def sequence(*items: Sequence[Event], tag: int = TAG) -> list[Event]:
    events: list[Event] = [(EventType.START_SEQUENCE, tag, "SQ", None)]
    for index, item in enumerate(items):
        events += [(EventType.START_ITEM, tag, "SQ", index), *item, (EventType.END_ITEM, tag, "SQ", None)]
    return [*events, (EventType.END_SEQUENCE, tag, "SQ", None)]


def start_parts(vr: str) -> Event:
    return EventType.START_ELEMENT, TAG, vr, None


def some(vr: str, *values: Any) -> Event:
    return EventType.VALUES, TAG, vr, values


def segments(vr: str, *pieces: str | bytes) -> list[Event]:
    *first, last = pieces
    return [*((EventType.SEGMENT, TAG, vr, piece) for piece in first), (EventType.LAST_SEGMENT, TAG, vr, last)]


def end_parts(vr: str) -> Event:
    return EventType.END_ELEMENT, TAG, vr, None


def in_dataset(events: Iterable[Event], index: int = 0) -> list[Event]:
    return [(EventType.START_DATASET, 0, "", index), *events, (EventType.END_DATASET, 0, "", None)]


def other(index: int) -> list[Event]:
    return in_dataset([element("LO", "17", tag=0x00100020)], index)


def shown(events: Iterable[Event]) -> list[Shown]:
    return [(EventType(kind).name, f"{tag:08X}", vr, repr(value)) for kind, tag, vr, value in events]


# --- feeding -----------------------------------------------------------------------------------------------------


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def ways_to_cut(data: bytes) -> list[list[bytes]]:
    return [[data], pieces_of(data, 1), pieces_of(data, 3), [b"", *pieces_of(data, 7), b""]]


def run(chunks: Iterable[bytes], options: ReadOptions) -> tuple[list[Shown], InputError | None]:
    """Return all events and the error of the stream; check that it is sticky."""
    parser = JsonParser(options=options)
    events: list[Event] = []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
        events += parser.close()
    except InputError as error:
        raised = error
    else:
        raised = parser.error
    assert parser.error is raised
    if raised:
        for again in (lambda: parser.feed(b"{}"), parser.close):
            with pytest.raises(InputError) as caught:
                again()
            assert caught.value is raised
    return shown(events), raised


def read_every_way(text: str, options: ReadOptions | None = None) -> tuple[list[Shown], InputError | None]:
    """Return the events of a text, after checking that no cut changes them."""
    outcomes = [run(chunks, options or ReadOptions()) for chunks in ways_to_cut(text.encode())]
    events, error = outcomes[0]
    for events_too, error_too in outcomes[1:]:
        assert events_too == events
        assert _known_of(error_too) == _known_of(error)
    return events, error


def _known_of(error: InputError | None) -> tuple[Any, ...] | None:
    return error and (type(error), error.message, error.location, getattr(error, "limit", ""))


def read_well(text: str, options: ReadOptions | None = None) -> list[Shown]:
    events, error = read_every_way(text, options)
    assert error is None
    return events


def read_badly(text: str, options: ReadOptions | None = None) -> tuple[list[Shown], InputError]:
    events, error = read_every_way(text, options)
    assert error is not None
    return events, error


@dataclass(frozen=True)
class Surroundings:
    """The text before and after a data set."""

    before: str
    behind: str
    events_before: list[Event] = field(default_factory=list)
    events_behind: list[Event] = field(default_factory=list)
    index: int = 0


SURROUNDINGS = [
    Surroundings("", ""),
    Surroundings("[", "]"),
    Surroundings("[", f",{OTHER}]", events_behind=other(1)),
    Surroundings(f"[{OTHER},", "]", events_before=other(0), index=1),
]


def cases(table: Sequence[tuple[Any, ...]]) -> list[Any]:
    assert table
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def attribute(members: str) -> str:
    """The text of a data set of one attribute."""
    return f'{{"{KEY}":{{{members}}}}}'
