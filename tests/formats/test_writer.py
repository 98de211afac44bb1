"""The base class of writers: transitions, and no output after any failure."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import pytest

from streamdicom.api import write_events
from streamdicom.errors import Location, OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats.json import JsonWriter
from streamdicom.formats.part10 import Part10Writer
from streamdicom.formats.spec import FormatName
from streamdicom.formats.text_writer import TRANSITIONS, WriterState
from streamdicom.formats.xml import XmlWriter
from streamdicom.jsontext import JsonEmitter
from streamdicom.options import WriteOptions
from tests.support.each import each


class _Writer(Protocol):
    def write_all(self, events: Iterable[Event]) -> None: ...
    def close(self) -> None: ...


class _File(io.BytesIO):
    """A file whose first write fails."""

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


@each("name", _WRITERS)
def test_nothing_is_written_after_a_failed_write(name: str) -> None:
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


@each("name", ["xml", "file"])
def test_nothing_is_written_after_a_failed_close(name: str) -> None:
    file = _File()
    writer = _WRITERS[name](file)
    writer.write_all(_events(1))
    with pytest.raises(OSError, match="no space left"):
        writer.close()
    with pytest.raises(OutputError, match="stopped by OSError"):
        writer.close()
    assert file.getvalue() == b""


@each("name", _WRITERS)
def test_nothing_is_written_after_the_iterable_fails(name: str) -> None:
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


# --- transitions -------------------------------------------------------------------------------------------------

_TAG = 0x00091001
_TEXT_WRITERS = {name: _WRITERS[name] for name in ("json", "xml")}
_EXAMPLES: dict[int, Event] = {
    EventType.START_DATASET: (EventType.START_DATASET, 0, "", 0),
    EventType.END_DATASET: (EventType.END_DATASET, 0, "", None),
    EventType.ELEMENT: (EventType.ELEMENT, _TAG, "LO", ("a",)),
    EventType.JSON_ELEMENT: (EventType.JSON_ELEMENT, _TAG, "LO", "{}"),
    EventType.BULK_DATA: (EventType.BULK_DATA, _TAG, "OB", "a"),
    EventType.START_ELEMENT: (EventType.START_ELEMENT, _TAG, "LT", None),
    EventType.VALUES: (EventType.VALUES, _TAG, "LT", ("a",)),
    EventType.SEGMENT: (EventType.SEGMENT, _TAG, "LT", "a"),
    EventType.LAST_SEGMENT: (EventType.LAST_SEGMENT, _TAG, "LT", "a"),
    EventType.END_ELEMENT: (EventType.END_ELEMENT, _TAG, "LT", None),
    EventType.START_SEQUENCE: (EventType.START_SEQUENCE, _TAG, "SQ", None),
    EventType.START_ITEM: (EventType.START_ITEM, _TAG, "SQ", 0),
    EventType.END_ITEM: (EventType.END_ITEM, _TAG, "SQ", None),
    EventType.END_SEQUENCE: (EventType.END_SEQUENCE, _TAG, "SQ", None),
    EventType.START_FRAGMENTS: (EventType.START_FRAGMENTS, _TAG, "OB", None),
    EventType.START_FRAGMENT: (EventType.START_FRAGMENT, _TAG, "OB", 1),
    EventType.END_FRAGMENTS: (EventType.END_FRAGMENTS, _TAG, "OB", None),
}
# Events that lead to each state.
_PATHS: dict[WriterState, list[EventType]] = {
    WriterState.STREAM: [],
    WriterState.DATASET: [EventType.START_DATASET],
    WriterState.SEQUENCE: [EventType.START_DATASET, EventType.START_SEQUENCE],
    WriterState.ELEMENT: [EventType.START_DATASET, EventType.START_ELEMENT],
    WriterState.SEGMENTS: [EventType.START_DATASET, EventType.START_ELEMENT, EventType.SEGMENT],
    WriterState.FRAGMENTS: [EventType.START_DATASET, EventType.START_FRAGMENTS],
    WriterState.FRAGMENT: [EventType.START_DATASET, EventType.START_FRAGMENTS, EventType.START_FRAGMENT],
}


@each("kind", EventType, ids=lambda kind: kind.name)
@each("state", _PATHS, ids=lambda state: state.name)
@each("name", _TEXT_WRITERS)
def test_text_writers_accept_the_events_of_the_table(name: str, state: WriterState, kind: EventType) -> None:
    writer = _TEXT_WRITERS[name](io.BytesIO())  # type: ignore[arg-type]
    path = [_EXAMPLES[step] for step in _PATHS[state]]
    if kind == EventType.END_ITEM and state == WriterState.DATASET:
        path += [_EXAMPLES[EventType.START_SEQUENCE], _EXAMPLES[EventType.START_ITEM]]
    writer.write_all(path)
    event = _EXAMPLES[kind]
    if state == WriterState.FRAGMENT and kind in TRANSITIONS[state]:
        event = (*event[:3], b"a")
    if kind in TRANSITIONS[state]:
        writer.write_all([event])
        assert writer._state == TRANSITIONS[state][kind]  # type: ignore[attr-defined]
    else:
        with pytest.raises(OutputError, match=f"found {kind.name}"):
            writer.write_all([event])


def test_location_raised_by_the_iterable_is_kept() -> None:
    def events() -> Iterator[Event]:
        yield from _events(1)[:1]
        raise OutputError("no value", Location(None, 7, "00100020"))

    for name in _WRITERS:
        with pytest.raises(OutputError, match="no value") as caught:
            _WRITERS[name](_File()).write_all(events())
        assert caught.value.location == Location(None, 7, "00100020")


@each("name", _TEXT_WRITERS)
@each(
    ("vr", "values", "message"),
    [
        ("LO", ("a", 5), "expected str for VR LO, found int"),
        ("US", ("1",), "expected int for VR US, found str"),
        ("FD", ("a",), "expected float for VR FD, found str"),
        ("FD", (10**400,), "expected float for VR FD, found a value out of range"),
        ("PN", ("Doe^Jane",), "expected a tuple of three str for VR PN, found str"),
        ("PN", (("a", "b"),), "expected a tuple of three str for VR PN, found other parts"),
        ("OB", ("a",), "expected bytes for VR OB, found str"),
        ("OB", (b"a", b"b"), "expected one binary value, found several"),
    ],
)
def test_value_that_does_not_fit_its_vr_is_named(name: str, vr: str, values: Any, message: str) -> None:
    writer = _TEXT_WRITERS[name](_File())
    with pytest.raises(OutputError) as caught:
        writer.write_all([_EXAMPLES[EventType.START_DATASET], (EventType.ELEMENT, _TAG, vr, values)])
    assert caught.value.message == message
    assert str(caught.value) == f"{message} ([0].00091001)"


def _write(events: list[Event], form: FormatName) -> None:
    before: Event = (EventType.ELEMENT, 0x00100010, "PN", ())
    start, end = (EventType.START_DATASET, 0, "", 0), (EventType.END_DATASET, 0, "", None)
    options = WriteOptions(on_error="skip")
    write_events([start, before, *events, end], io.BytesIO(), format=form, options=options, array=False)


@each("form", ["json", "xml", "dicom"])
@each("kind", [EventType.ELEMENT, EventType.VALUES], ids=lambda kind: kind.name)
@each(
    ("vr", "value"),
    [
        *[(vr, value) for vr in ("LO", "UT", "DS", "PN", "US", "UI") for value in ("a", "1", "abc", "", None, 0, 5)],
        *[("OB", b"ab"), ("CS", "\u00e9")],
    ],
)
def test_value_that_is_no_tuple_is_an_error_of_the_caller(
    kind: EventType, vr: str, value: Any, form: FormatName
) -> None:
    tag = 0x00100020
    wrong: list[Event] = [(kind, tag, vr, value)]
    if kind is EventType.VALUES:
        wrong = [(EventType.START_ELEMENT, tag, vr, None), *wrong, (EventType.END_ELEMENT, tag, vr, None)]
    for _ in range(2):  # so that the innermost loop knows the element
        _write([(EventType.ELEMENT, tag, vr, ())], form)
    with pytest.raises(TypeError, match=f"a tuple of values in {kind.name}, found {type(value).__name__} .*00100020"):
        _write(wrong, form)
