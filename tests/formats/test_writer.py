"""What the writers of events have in common: behind a failure nothing is written, whatever has failed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import pytest

from streamdicom.errors import OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats.json import JsonWriter
from streamdicom.formats.part10 import Part10Writer
from streamdicom.formats.xml import XmlWriter
from streamdicom.jsontext import JsonEmitter


class _Writer(Protocol):
    def write_all(self, events: Iterable[Event]) -> None: ...
    def close(self) -> None: ...


class _File(io.BytesIO):
    """A file that fails once."""

    fails = True

    def write(self, data: object) -> int:
        if self.fails:
            self.fails = False
            raise OSError("no space left")
        return super().write(data)  # type: ignore[arg-type]


_WRITERS: dict[str, Callable[[_File], _Writer]] = {
    "json": lambda file: JsonWriter(JsonEmitter(file.write), array=False),
    "indented": lambda file: JsonWriter(JsonEmitter(file.write, indent=1), array=False),
    "xml": lambda file: XmlWriter(file.write, array=False),
    "file": lambda file: Part10Writer(file, io.BytesIO),
}


def _events(length: int) -> list[Event]:
    return [
        (EventType.START_DATASET, 0, "", 0),
        (EventType.ELEMENT, 0x00091001, "UT", ("a" * length,)),
        (EventType.END_DATASET, 0, "", None),
    ]


@pytest.mark.parametrize("name", _WRITERS)
def test_nothing_follows_what_a_target_has_not_taken(name: str) -> None:
    file = _File()
    writer = _WRITERS[name](file)
    *events, last = _events(100_000)
    with pytest.raises(OSError, match="no space left") as first:
        writer.write_all(events)
    for attempt in (lambda: writer.write_all([last]), writer.close):
        with pytest.raises(OutputError, match="stopped by OSError") as again:
            attempt()
        assert again.value.__cause__ is first.value
    assert file.getvalue() == b""


@pytest.mark.parametrize("name", ["xml", "file"])
def test_nothing_follows_an_end_that_a_target_has_not_taken(name: str) -> None:
    file = _File()
    writer = _WRITERS[name](file)
    writer.write_all(_events(1))
    with pytest.raises(OSError, match="no space left"):
        writer.close()
    with pytest.raises(OutputError, match="stopped by OSError"):
        writer.close()
    assert file.getvalue() == b""


@pytest.mark.parametrize("name", _WRITERS)
def test_nothing_follows_events_that_broke_off(name: str) -> None:
    def events() -> Iterator[Event]:
        yield from _events(1)[:1]
        raise KeyError

    file = _File()
    writer = _WRITERS[name](file)
    with pytest.raises(KeyError):
        writer.write_all(events())
    for attempt in (lambda: writer.write_all(_events(1)[1:]), writer.close):
        with pytest.raises(OutputError, match="stopped by KeyError"):
            attempt()
