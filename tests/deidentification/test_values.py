"""Dummies, replacements by a key, shifted dates and clean text."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from streamdicom.deidentification import KeyedValues, dummy_items, dummy_value, known_words, shifted
from streamdicom.deidentification.table import tables
from streamdicom.dicom import VALUE_RULES, VRS, dictionary_vrs
from tests.deidentification.planting import KEY
from tests.support.each import each


def test_dummies_are_valid_for_their_vr() -> None:
    for vr in VRS:
        if vr != "SQ":
            assert VALUE_RULES[vr]((dummy_value(vr),)), vr


def test_items_of_dummy_sequences_are_in_order_and_have_known_attributes() -> None:
    for tag, (action, _) in tables().attributes.items():
        if "D" in action and dictionary_vrs(tag) == ["SQ"]:
            [item] = dummy_items(tag)
            assert [inner for inner, _, _ in item] == sorted(inner for inner, _, _ in item)
            assert all(vr in dictionary_vrs(inner) for inner, vr, _ in item)


def test_uids_are_consistent_valid_and_depend_on_the_key() -> None:
    one = KeyedValues(KEY).uid("1.2.3")
    assert one == KeyedValues(KEY).uid("1.2.3\0 ")
    assert one != KeyedValues(KEY).uid("1.2.4")
    assert one != KeyedValues(KEY + b"x").uid("1.2.3")
    assert UID(one).is_valid
    assert uuid.UUID(int=int(one.removeprefix("2.25."))).version == 8


def test_uids_of_dicom_stay_and_text_that_only_begins_like_them_does_not() -> None:
    assert KeyedValues(KEY).uid("1.2.840.10008.1.2.1") == "1.2.840.10008.1.2.1"
    assert "SMITH" not in KeyedValues(KEY).uid("1.2.840.10008.SMITH")


def test_values_are_the_same_in_another_process() -> None:
    code = f"from streamdicom.deidentification import KeyedValues as K; k = K({KEY!r}); "
    code += "print(k.uid('1.2.3'), k.patient_id('17'), k.days('17'))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    keyed = KeyedValues(KEY)
    assert output.split() == [keyed.uid("1.2.3"), keyed.patient_id("17"), str(keyed.days("17"))]


def test_patients_have_their_own_shift_and_id() -> None:
    keyed = KeyedValues(KEY)
    assert len({keyed.days(str(number)) for number in range(50)}) > 45
    assert all(-3650 <= keyed.days(str(number)) <= -1 for number in range(500))
    assert keyed.patient_id("17 ") == keyed.patient_id("17") != keyed.patient_id("18")


@given(st.dates(date(1900, 1, 1)), st.integers(-3650, -1))
def test_shifted_dates_keep_their_distance(day: date, days: int) -> None:
    text = shifted("DA", day.strftime("%Y%m%d"), days)
    assert text == (day + timedelta(days)).strftime("%Y%m%d")
    assert shifted("DT", day.strftime("%Y%m%d") + "0930", days) == f"{text}0930"


@each(
    ("vr", "text", "expected"),
    [
        ("DA", "2026.01.31", "20260130"),
        ("DA", "20260131 ", "20260130"),
        ("DA", "20260231", None),
        ("DA", "20260101-20260131", None),
        ("DA", "00010101", None),
        ("DA", "2026", None),
        ("DT", "202603", "202603"),
        ("DT", "2026", "2026"),
        ("DT", "20260131093059.123456-0330", "20260130093059.123456"),
        ("DT", "2026-01-31", None),
        ("DT", "20260131-20260201", None),
        ("TM", "093059.5", "093059.5"),
        ("TM", "09:30:59", "09:30:59"),
        ("TM", "half past", None),
        ("TM", "0900-1000", None),
    ],
)
def test_other_forms_of_dates_are_shifted_or_given_up(vr: str, text: str, expected: str | None) -> None:
    assert shifted(vr, text, -1) == expected


@each(
    ("text", "clean"),
    [
        ("T1 AX HEAD W/O", "T1 HEAD"),
        ("Chest PA and LAT", "Chest PA and LAT"),
        ("CT_ABDOMEN_5mm_Dr_Mabuse", "ABDOMEN 5mm"),
        ("born 1967-11-23, MRN 4711", ""),
        ("L5 S1 spine, Müller", "L5 S1 spine"),
        ("DWI b0 b1000 b1967", "DWI b0 b1000"),
        ("kidney" + "x" * 100, ""),
    ],
)
def test_only_known_words_are_kept(text: str, clean: str) -> None:
    assert known_words(text) == clean
