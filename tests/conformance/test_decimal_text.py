"""The text of DS and IS is the same on every road (PS3.5 6.2, PS3.18 F.2.3.1)."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, config

import streamdicom
from streamdicom import EventType, ReadOptions, WriteOptions
from tests.support.each import each

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom's, of text that is not a number

_TAGS = {"IS": 0x00200013, "DS": 0x00181041}
_QUIET = ReadOptions(on_deviation=lambda _: None)
_TEXTS = [
    *(("IS", text) for text in ("1.0", "1e3", "007", "+5", "-0", "1.", "5.70", "first", "99999999999", "1.0\\2")),
    *(("DS", text) for text in ("1.0000", "1E2", "+1.50", "-0", ".5", "5.", "0.30000000000000004441", "1e400", "a")),
    ("DS", "1.0000\\2.50"),
]


def _file(vr: str, text: str) -> bytes:
    events = [
        (EventType.START_DATASET, 0, "", 0),
        (EventType.ELEMENT, 0x00080016, "UI", ("1.2.840.10008.5.1.4.1.1.7",)),
        (EventType.ELEMENT, 0x00080018, "UI", ("1.2.3",)),
        (EventType.ELEMENT, _TAGS[vr], vr, tuple(text.split("\\"))),
        (EventType.END_DATASET, 0, "", None),
    ]
    streamdicom.write_events(sorted(events, key=_place), target := BytesIO(), format="dicom")
    assert text.encode() in target.getvalue()
    return target.getvalue()


def _place(event: Any) -> tuple[bool, int]:
    return event[0] == EventType.END_DATASET, event[1]


def _converted(data: bytes, *formats: Any, **options: Any) -> bytes:
    for name in formats:
        events = streamdicom.iter_events(data, options=_QUIET)
        streamdicom.write_events(events, target := BytesIO(), format=name, options=WriteOptions(**options))
        data = target.getvalue()
    return data


def _dataset(data: bytes) -> Dataset:
    return streamdicom.load(BytesIO(data), as_file=True, options=_QUIET)


def _accessed(dataset: Dataset) -> Dataset:
    for _ in dataset.iterall():  # pydicom converts each element
        pass
    return dataset


def _saved(dataset: Dataset) -> bytes:
    dataset.save_as(target := BytesIO())
    return target.getvalue()


_ROADS: dict[str, Callable[[bytes], bytes]] = {
    "file": lambda data: _converted(data, "dicom"),
    "json": lambda data: _converted(data, "json"),
    "json of doubles": lambda data: _converted(data, "json", number_handling="auto"),
    "json of strings": lambda data: _converted(data, "json", number_handling="string"),
    "xml": lambda data: _converted(data, "xml"),
    "json and file": lambda data: _converted(data, "json", "dicom"),
    "xml and json and file": lambda data: _converted(data, "xml", "json", "dicom"),
    "data set": lambda data: streamdicom.dumps(_dataset(data)).encode(),
    "data set with access": lambda data: streamdicom.dumps(_accessed(_dataset(data))).encode(),
    "data set of json with access": lambda data: streamdicom.dumps(
        _accessed(_dataset(_converted(data, "json")))
    ).encode(),
    "file of pydicom": lambda data: _saved(_dataset(data)),
    "file of pydicom with access": lambda data: _saved(_accessed(_dataset(data))),
}


_WITH_PYDICOM = [road for road in _ROADS if "data set" in road or "pydicom" in road]


@each(("road", "decimal"), [*((road, False) for road in _ROADS), *((road, True) for road in _WITH_PYDICOM)])
def test_text_of_numbers_is_the_same(road: str, decimal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "use_DS_decimal", decimal)
    for vr, text in _TEXTS:
        events = streamdicom.iter_events(_ROADS[road](_file(vr, text)), options=_QUIET)
        assert [event[2:] for event in events if event[1] == _TAGS[vr]] == [(vr, tuple(text.split("\\")))]
