"""The filters of options work together, in bounded memory."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from streamdicom import Converters, EventType, Limits, ReadOptions, WriteOptions, iter_events
from streamdicom.converters import Converter, Element
from streamdicom.filters import Pipeline, vr_first
from tests.support.each import each
from tests.support.memory import peak

MIB = 1024 * 1024
VR_LAST = {"00081140": {"Value": [{"00091001": {"InlineBinary": "AAEC" * 20, "vr": "OB"}}], "vr": "SQ"}}
PARTS = Limits(segment_size=16)


class _Unseen(Converter):
    needs_value = False

    def read(self, element: Element) -> Element:
        return element


def test_pipeline_without_options_is_empty() -> None:
    assert not Pipeline.for_reading(ReadOptions())
    assert not Pipeline.for_writing(WriteOptions())


def test_filters_run_in_order_of_where_elements_and_converters() -> None:
    seen: list[Element] = []

    class Sees(Converter):
        def read(self, element: Element) -> Element:
            seen.append(element)
            return element

    documents = [
        {"00080060": {"vr": "CS", "Value": [modality]}, "00100020": {"vr": "LO", "Value": ["1"]}}
        for modality in ("CT", "MR")
    ]
    options = ReadOptions(where={"Modality": "MR"}, include=["PatientID"], converters=Converters({"xxxxxxxx": Sees()}))
    events = list(iter_events(json.dumps(documents).encode(), options=options))
    assert [(kind, tag, value) for kind, tag, _, value in events[:2]] == [(1, 0, 1), (3, 0x00100020, ("1",))]
    assert seen == [Element(0x00100020, "LO", ("1",))]


@each(
    ("options", "is_kept"),
    [
        ({"exclude": ["00081140.00091001"]}, False),
        ({"exclude": ["OB"]}, False),
        ({"exclude": ["**.OB"]}, False),
        ({"include": ["00081140.OB"]}, True),
        ({"include": ["00081140"], "exclude": ["OW"]}, True),
        ({"converters": Converters({"OW": _Unseen()})}, True),
        ({"exclude": ["OW"], "converters": Converters({"OB": _Unseen()})}, True),
    ],
)
def test_vr_after_the_value_gives_the_same_result(options: Any, is_kept: bool) -> None:
    late = json.dumps(VR_LAST).encode()
    first = json.dumps(VR_LAST, sort_keys=True).replace('"InlineBinary"', '"vr": "OB", "InlineBinary"')
    early = first.replace(', "vr": "OB"}', "}").encode()
    results = [
        list(vr_first(iter_events(text, options=ReadOptions(limits=PARTS, **options)))) for text in (late, early)
    ]
    assert results[0] == results[1]
    assert any(tag == 0x00091001 for _, tag, _, _ in results[0]) is is_kept


@pytest.mark.parametrize(
    ("options", "max_memory"),
    [
        ({"exclude": ["UT"]}, MIB),  # does not wait
        ({"exclude": ["OB"]}, 3 * MIB),
        ({"converters": Converters({"PixelData": _Unseen()})}, MIB),
        ({"converters": Converters({"OB": _Unseen()})}, 3 * MIB),
        ({"converters": Converters({"OB": Converter()})}, 3 * MIB),
    ],
)
@pytest.mark.slow
def test_memory_for_a_value_before_its_vr_is_bounded(options: Any, max_memory: int) -> None:
    def source() -> Iterator[bytes]:
        yield b'{"7FE00010":{"InlineBinary":"'
        for _ in range(16 * 16):
            yield b64encode(bytes(48 * 1024))
        yield b'","vr":"OW"}}'

    size = 0

    def run() -> None:
        nonlocal size
        for kind, _, _, value in iter_events(source(), options=ReadOptions(**options)):
            if kind in (EventType.SEGMENT, EventType.LAST_SEGMENT):
                size += len(value)

    assert peak(run) < max_memory
    assert size == 12 * MIB
