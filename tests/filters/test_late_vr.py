"""The VR of a long value is moved to its start, and nothing else changes."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from streamdicom.errors import LimitError, OutputError
from streamdicom.events import Event, EventType
from streamdicom.filters.late_vr import VRFirst, vr_first
from tests.formats.json.reading import TAG, element, end_parts, in_dataset, segments, some, start_parts
from tests.support.each import each
from tests.support.memory import peak


def _never(tag: int) -> bool:
    return False


def _with_vr(vr: str, events: list[Event]) -> list[Event]:
    return [(kind, tag, vr, value) for kind, tag, _, value in events]


LATE: list[tuple[str, list[Event]]] = [
    ("OB", segments("", b"\0\1", b"", b"\2")),
    ("UC", [some("", "a"), some("", None, "b"), *segments("", "é\ud800", ""), some("", "")]),
    ("PN", [some("", ("a", "", ""), None)]),
    ("FD", [some("", 1.5, None)]),
    ("LO", []),
]


def test_elements_with_a_vr_are_unchanged() -> None:
    parts = [start_parts("LO"), some("LO", "a", None), *segments("LO", "b", "c"), end_parts("LO")]
    events = in_dataset([element("LO", "a", tag=TAG - 1), *parts])
    assert list(vr_first(events)) == events


@each(("vr", "parts"), LATE)
def test_vr_moves_from_end_to_start(vr: str, parts: list[Event]) -> None:
    late = [start_parts(""), *parts, end_parts(vr)]
    rest = [element("LO", tag=TAG + 1)]
    assert list(vr_first(in_dataset([*late, *rest]))) == in_dataset([*_with_vr(vr, late), *rest])


@each(("vr", "parts"), LATE)
def test_result_is_the_same_for_batches_of_any_size(vr: str, parts: list[Event]) -> None:
    late = [start_parts(""), *parts, end_parts(vr)]
    events = in_dataset([*late, *late, element("LO", tag=TAG + 1)])
    for size in range(1, len(events)):
        stage = VRFirst(lambda tag: True)
        batches = [events[start : start + size] for start in range(0, len(events), size)]
        assert [event for batch in batches for event in stage.run(batch)] == list(vr_first(events))


def test_binary_value_passes_if_no_stage_needs_its_vr() -> None:
    events = in_dataset([start_parts(""), *segments("", b"a", b"b"), end_parts("OB")])
    asked: list[int] = []
    assert list(vr_first(events, needs_vr=lambda tag: bool(asked.append(tag)))) == events
    assert asked == [TAG]


def test_text_waits_even_if_no_stage_needs_its_vr() -> None:
    events = [start_parts(""), *segments("", "a", "b"), end_parts("LO")]
    assert list(vr_first(events, needs_vr=_never)) == _with_vr("LO", events)


def test_needs_vr_is_called_after_earlier_events_are_consumed() -> None:
    consumed: list[Event] = []
    events = in_dataset([element("LO", tag=TAG - 1), start_parts(""), *segments("", b"a"), end_parts("OB")])

    def needs_vr(tag: int) -> bool:
        assert consumed == events[:2]
        return True

    for event in vr_first(events, needs_vr=needs_vr):
        consumed.append(event)
    assert len(consumed) == len(events)


def test_length_of_a_waiting_value_is_bounded() -> None:
    events = [start_parts(""), *segments("", "a" * 100, "b" * 100), end_parts("LO")]
    assert list(vr_first(events, max_size=300))
    with pytest.raises(LimitError, match="spooled_size"):
        list(vr_first(events, max_size=150))


@pytest.mark.parametrize("count", [1, 2])
def test_end_of_the_events_within_an_element_is_an_error(count: int) -> None:
    events = [start_parts(""), *segments("", "a", "b")]
    with pytest.raises(OutputError, match="END_ELEMENT"):
        list(vr_first(events[:count]))


def test_another_event_within_an_element_is_an_error() -> None:
    with pytest.raises(OutputError, match="another event"):
        list(vr_first([start_parts(""), some("", "a"), element("LO"), end_parts("LO")]))


@pytest.mark.slow
def test_stage_that_is_dropped_closes_its_file() -> None:
    stage = VRFirst(_never)
    assert not list(stage.run([start_parts(""), some("", "a" * 2_000_000)]))
    file = stage._file
    assert file is not None
    del stage
    gc.collect()
    assert file.closed


@pytest.mark.parametrize("piece", [bytes(48 * 1024), "a" * 48 * 1024], ids=["bytes", "text"])
@pytest.mark.slow
def test_memory_does_not_depend_on_the_length_of_a_value(piece: bytes | str) -> None:
    def events() -> Iterator[Event]:
        yield start_parts("")
        for _ in range(1000):
            yield EventType.SEGMENT, TAG, "", piece
        yield EventType.LAST_SEGMENT, TAG, "", piece[:0]
        yield end_parts("OB")

    length = 0

    def run() -> None:
        nonlocal length
        length = sum(len(value or b"") for *_, value in vr_first(events()))

    assert peak(run) < 4 * 1024 * 1024
    assert length == 1000 * 48 * 1024
