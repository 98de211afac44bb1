"""Long values wait for their VR, and for nothing else."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from streamdicom.events import Event, EventType
from streamdicom.filters.vr_first import vr_first
from streamdicom.io.targets import temporary
from tests.formats.json.reading import TAG, element, end_parts, in_dataset, segments, some, start_parts
from tests.support.memory import peak


def _told(events: list[Event]) -> list[Event]:
    return list(vr_first(events, io.BytesIO))


def test_what_tells_its_vr_is_as_it_was() -> None:
    parts = [start_parts("LO"), some("LO", "a", None), *segments("LO", "b", "c"), end_parts("LO")]
    events = in_dataset([element("LO", "a", tag=TAG - 1), *parts])
    assert _told(events) == events


@pytest.mark.parametrize(
    ("vr", "parts"),
    [
        ("OB", segments("", b"\0\1", b"", b"\2")),
        ("UC", [some("", "a"), some("", None), *segments("", "é\ud800", ""), some("", "")]),
        ("LO", []),
    ],
)
def test_what_tells_it_at_its_end_tells_it_at_its_start(vr: str, parts: list[Event]) -> None:
    late = [start_parts(""), *parts, end_parts(vr)]
    early = [start_parts(vr), *((kind, tag, vr, value) for kind, tag, _, value in parts), end_parts(vr)]
    events = [element("LO", tag=TAG + 1)]
    assert _told(in_dataset([*late, *events])) == in_dataset([*early, *events])


def test_several_values_come_one_by_one() -> None:
    late = [start_parts(""), some("", "a", "b"), end_parts("LO")]
    assert _told(late) == [start_parts("LO"), some("LO", "a"), some("LO", "b"), end_parts("LO")]


def test_a_value_of_any_length_is_not_held() -> None:
    def events() -> Iterator[Event]:
        yield start_parts("")
        for _ in range(1000):
            yield EventType.SEGMENT, TAG, "", bytes(48 * 1024)
        yield EventType.LAST_SEGMENT, TAG, "", b""
        yield end_parts("OB")

    length = 0

    def run() -> None:
        nonlocal length
        length = sum(len(value or b"") for *_, value in vr_first(events(), temporary))

    assert peak(run) < 4 * 1024 * 1024
    assert length == 1000 * 48 * 1024
