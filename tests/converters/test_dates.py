"""Dates and times in ISO 8601 and as objects."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom import Converters, ReadOptions
from streamdicom.converters import (
    DatetimeObjects,
    Element,
    IsoDates,
)
from tests.support.each import each

_DATE, _NAME, _ID, _SEQUENCE = 0x00080020, 0x00100010, 0x00100020, 0x00081140


_ISO_PAIRS = [
    ("DA", "20260131", "2026-01-31"),
    ("TM", "0930", "09:30"),
    ("TM", "093059", "09:30:59"),
    ("TM", "235960", "23:59:60"),
    ("TM", "093059.000100", "09:30:59.000100"),
    ("DT", "2026", "2026"),
    ("DT", "202601", "2026-01"),
    ("DT", "20260131", "2026-01-31"),
    ("DT", "2026013109", "2026-01-31T09"),
    ("DT", "20260131093059.5+0100", "2026-01-31T09:30:59.5+01:00"),
    ("DT", "202601310930-0330", "2026-01-31T09:30-03:30"),
]
_LEFT_ALONE = [
    ("DA", "20260101-20260131"),
    ("DA", "-20260131"),
    ("DA", "20261301"),
    ("DA", "2026.01.31"),
    ("DA", "202601"),
    ("DA", ""),
    ("TM", "09"),
    ("TM", "0900-1000"),
    ("TM", "2500"),
    ("DT", "2025-2026"),
    ("DT", "2026+0100"),
    ("DT", "20260131093000-20260131100000"),
    ("DT", "soon"),
]


@each(("vr", "text", "iso"), _ISO_PAIRS)
def test_iso_dates_round_trip(vr: str, text: str, iso: str) -> None:
    assert IsoDates().write(Element(_DATE, vr, (text, None))).values == (iso, None)
    assert IsoDates().read(Element(_DATE, vr, (iso, None))).values == (text, None)


@each(("vr", "text"), _LEFT_ALONE)
def test_other_text_is_unchanged(vr: str, text: str) -> None:
    for converter in (IsoDates(), DatetimeObjects()):
        assert converter.write(Element(_DATE, vr, (text,))).values == (text,)
        assert converter.read(Element(_DATE, vr, (text,))).values == (text,)


@given(st.datetimes(), st.integers(-12 * 60, 14 * 60))
def test_dates_agree_with_datetime(moment: datetime, minutes: int) -> None:
    moment = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    [iso] = IsoDates().write(Element(0, "DT", DatetimeObjects().write(Element(0, "DT", (moment,))).values)).values
    assert datetime.fromisoformat(iso) == moment
    [text] = IsoDates().read(Element(0, "DT", (iso,))).values
    assert DatetimeObjects().read(Element(0, "DT", (text,))).values == (moment,)


@each(
    ("vr", "text", "value"),
    [
        ("DA", "20260131", date(2026, 1, 31)),
        ("TM", "093059", time(9, 30, 59)),
        ("TM", "093059.5", time(9, 30, 59, 500000)),
        ("DT", "20260131093059", datetime(2026, 1, 31, 9, 30, 59)),
        ("DT", "20260131093059-0330", datetime(2026, 1, 31, 9, 30, 59, 0, timezone(-timedelta(hours=3, minutes=30)))),
    ],
)
def test_date_objects_round_trip(vr: str, text: str, value: Any) -> None:
    assert DatetimeObjects().read(Element(_DATE, vr, (text,))).values == (value,)
    assert DatetimeObjects().write(Element(_DATE, vr, (value,))).values == (text,)


@each(("vr", "text"), [("DA", "20260431"), ("TM", "0930"), ("TM", "235960"), ("DT", "2026"), ("DT", "202601310930")])
def test_text_without_an_object_form_is_unchanged(vr: str, text: str) -> None:
    assert DatetimeObjects().read(Element(_DATE, vr, (text,))).values == (text,)


def test_object_of_another_kind_is_refused() -> None:
    converter = DatetimeObjects()
    moment = datetime(2026, 1, 31, 9, 30)
    assert converter.write(Element(_DATE, "DA", (moment,))).values == ("20260131",)
    assert converter.write(Element(_DATE, "TM", (moment,))).values == ("093000",)
    assert converter.write(Element(_DATE, "DT", (moment.date(),))).values == ("20260131",)
    for vr, value in (("DA", moment.time()), ("TM", moment.date()), ("DT", moment.time())):
        with pytest.raises(TypeError):
            converter.write(Element(_DATE, vr, (value,)))


def test_data_set_with_date_objects_is_written_unchanged() -> None:
    text = streamdicom.dumps(pydicom.dcmread(get_testdata_file("CT_small.dcm"), stop_before_pixels=True))
    dataset = streamdicom.loads(text, options=ReadOptions(converters=Converters(DatetimeObjects())))
    original = pydicom.dcmread(get_testdata_file("CT_small.dcm"), stop_before_pixels=True)
    assert type(dataset.StudyDate) is date
    assert dataset.StudyDate.strftime("%Y%m%d") == original.StudyDate
    assert dataset.StudyTime.strftime("%H%M%S") == original.StudyTime
    assert streamdicom.dumps(dataset) == text
