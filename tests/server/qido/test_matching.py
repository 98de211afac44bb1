"""Attribute matching (PS3.4 C.2.2.2)."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.server.qido.matching import column_text, combined_range, is_universal, matcher, uid_list
from tests.server.corpus import has_wild_value
from tests.support.each import each

# VR, key, values that match, values that do not.
_CASES = [
    ("LO", "17", ["17", "17\\18", "18\\17"], ["170", "1", None, "", "18"]),
    ("LO", " 17 ", ["17"], ["1 7"]),
    ("CS", "CT", ["CT", "MR\\CT"], ["ct", "CT2", None]),
    # C.2.2.2.4, wild cards
    ("LO", "a*", ["a", "ab", "a*"], ["A", "ba", None]),
    ("LO", "*a", ["a", "ba", "aa"], ["ab"]),
    ("LO", "a?c", ["abc", "a?c", "a\nc"], ["ac", "abbc"]),
    ("LO", "*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a", "b"]),
    ("LO", "[ab]*", ["[ab]", "[ab]c"], ["a", "b"]),
    ("LO", "50%_*", ["50%_", "50%_x"], ["50xx"]),
    ("LO", "?", ["a", "é"], ["", None, "ab"]),
    ("SH", ".*", [".", ".x"], ["x"]),
    ("LT", "a\\*", ["a\\b"], ["a"]),
    # person names: case is ignored, and so is the group unless the key has groups
    ("PN", "doe^jane", ["Doe^Jane", "DOE^JANE", "Roe=Doe^Jane"], ["Doe", "Doe^Jan"]),
    ("PN", "Doe^Jane^^", ["Doe^Jane"], ["Doe"]),
    ("PN", "müller*", ["MÜLLER^Ämilie"], ["Muller^Amilie"]),
    ("PN", "山田*", ["Yamada^Tarou=山田^太郎=やまだ^たろう"], ["Yamada^Tarou"]),
    ("PN", "=山田*", ["Yamada^Tarou=山田^太郎"], ["山田^太郎", "Yamada"]),
    ("PN", "yam*=山*", ["Yamada^Tarou=山田^太郎"], ["Yamada^Tarou", "Tamada=山田"]),
    ("PN", "*=*", ["Doe", "Doe=x"], [None]),
    # C.2.2.2.5, ranges
    ("DA", "20240101-20241231", ["20240101", "20240615", "20241231"], ["20231231", "20250101", None, "", "2024"]),
    ("DA", "-20240101", ["20240101", "19000101"], ["20240102"]),
    ("DA", "20240101-", ["20240101", "99991231"], ["20231231"]),
    ("DA", "20240101", ["20240101"], ["20240102", "20231231"]),
    ("DA", "20240101 - 20240102", ["20240102"], ["20240103"]),
    ("TM", "1000-1800", ["1000", "100000", "175959.999999", "1800", "180059"], ["0959", "095959.9", "1801", None]),
    ("TM", "-10", ["00", "1059", "105959"], ["11"]),
    ("TM", "10-", ["10", "2359"], ["095959"]),
    ("TM", "1015", ["1015", "101530", "101559.9"], ["1016", "101459", "10"]),
    ("TM", "101530.25", ["101530.25", "101530.250001"], ["101530", "101530.26"]),
    ("DT", "20240101", ["20240101", "20240101235959.9", "2024"], ["20240102", "202402"]),
    ("DT", "202401-202402", ["20240101", "20240229235959"], ["20240301", "20231231235959"]),
    ("DT", "20240101120000+0100", ["20240101110000", "20240101060000-0500"], ["20240101120000"]),
    ("DT", "20240101120000-0500", ["20240101170000+0000", "20240101170000"], ["20240101120000", "20240102"]),
    ("DT", "20240101-0500-20240102-0500", ["20240101050000", "20240103045959"], ["20240101045959", "20240103050000"]),
    ("DT", "20240101-2025", ["20240101", "20250101"], ["20231231", "2026"]),
    # numbers
    ("IS", "7", ["7", "007", "+7", "1\\7"], ["70", "x", None]),
    ("US", "512", ["512"], ["5120"]),
    ("DS", "1.5", ["1.50", "15e-1"], ["1.51", "nan"]),
    # C.2.2.2.2, lists
    ("UI", "1.2", ["1.2", "1.3\\1.2"], ["1.20", "1", None]),
    ("UI", "1.2,1.3", ["1.2", "1.3"], ["1.4"]),
    ("UI", "1.2\\1.3", ["1.2", "1.3"], ["1.4"]),
]


@each(("vr", "key", "right", "wrong"), _CASES, ids=[f"{vr} {key}" for vr, key, *_ in _CASES])
def test_key_matches_as_in_the_standard(vr: str, key: str, right: list[str], wrong: list[str | None]) -> None:
    matches = matcher(vr, key)
    assert matches is not None
    assert [value for value in right if not matches(value)] == []
    assert [value for value in wrong if matches(value)] == []


@each("key", ["", "*", " ", "**", " * "])
def test_key_without_a_value_matches_everything(key: str) -> None:
    assert is_universal(key)
    assert matcher("DA", key) is None


@each(
    ("vr", "key"),
    [
        ("DA", "2024"), ("DA", "20241301"), ("DA", "20240132"), ("DA", "2024*"), ("DA", "-"),
        ("DA", "20240102-20240101"),
        ("DA", "20240101--20240102"), ("TM", "25"), ("TM", "1060"), ("TM", "10:15"), ("TM", "1800-1000"), ("DT", "24"),
        ("DT", "20240101+1500"), ("UI", "1.2*"), ("UI", "1.2,"), ("UI", "1.2' OR '1'='1"), ("UI", "1" * 65),
        ("IS", "seven"), ("IS", "nan"), ("US", "1e99999"), ("CS", "CT\\MR"), ("LO", "a" * 1025),
        ("UI", ",".join(["1"] * 1025)), ("DA", "２０２４０１０１"), ("TM", "1０"), ("IS", "７"),
    ],
)  # fmt: skip
def test_key_invalid_for_its_vr_is_refused(vr: str, key: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        matcher(vr, key)
    assert key not in str(caught.value)


def test_two_quotation_marks_match_empty_values_on_request() -> None:
    matches = matcher("LO", '""', empty=True)
    assert matches is not None
    assert [matches(value) for value in (None, "", "x", '""')] == [True, True, False, False]
    literal = matcher("LO", '""')
    assert literal is not None
    assert [literal(value) for value in (None, "", '""')] == [False, False, True]


def test_several_values_must_all_match_on_request() -> None:
    # C.2.2.2.8, note 1: CT\PT matches only studies that include both.
    matches = matcher("CS", "CT\\PT", multiple=True)
    assert matches is not None
    assert [matches(value) for value in ("CT\\PT", "PT\\SR\\CT", "CT", "PT", None)] == [True, True, False, False, False]


def test_ranges_of_a_date_and_a_time_are_one() -> None:
    # The example of C.2.2.2.5: from the 5th, 10 o'clock, to the 7th, 6 o'clock in the afternoon.
    key = combined_range("20060705-20060707", "1000-1800")
    assert key is not None
    matches = matcher("DT", key)
    assert matches is not None
    assert [matches(moment) for moment in ("200607051000", "200607062300", "20060707180030")] == [True] * 3
    assert [matches(moment) for moment in ("200607050959", "200607071801", "20060705")] == [False] * 3
    assert combined_range("20060705-", "-1800") is None
    assert combined_range("-20060705", "-1800") == "-200607051800"


_FEW = st.text("ab*?.[]\\^$|", max_size=12)


@given(_FEW.filter(lambda key: "\\" not in key), st.text("ab*?.[]^$|", max_size=12))
def test_wild_cards_match_as_in_the_shell(key: str, value: str) -> None:
    matches = matcher("LO", key)
    if matches is not None and value:
        assert matches(value) == has_wild_value(value, key)


_MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1))


@given(_MOMENTS, _MOMENTS, _MOMENTS)
@pytest.mark.slow
def test_ranges_of_moments_match_as_datetime_compares(start: datetime, end: datetime, value: datetime) -> None:
    start, end = sorted((start, end))
    matches = matcher("DT", f"{start:%Y%m%d%H%M%S.%f}-{end:%Y%m%d%H%M%S.%f}")
    assert matches is not None
    assert matches(f"{value:%Y%m%d%H%M%S.%f}") == (start <= value <= end)


@given(_MOMENTS, st.integers(-720, 840))
def test_offset_is_taken_into_account(moment: datetime, minutes: int) -> None:
    sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
    matches = matcher("DT", f"{moment:%Y%m%d%H%M%S.%f}{sign}{size // 60:02}{size % 60:02}")
    assert matches is not None
    assert matches(f"{moment - timedelta(minutes=minutes):%Y%m%d%H%M%S.%f}")


def test_matching_takes_linear_time() -> None:
    matches = matcher("LT", "*a" * 500 + "b")
    assert matches is not None
    start = time.process_time()
    assert not matches("a" * 16384)
    assert time.process_time() - start < 1


def test_indexed_values_have_the_current_forms() -> None:
    assert column_text("DA", ("2024.02.29",)) == "20240229"
    assert column_text("TM", ("10:15:30",)) == "101530"
    assert column_text("PN", (("A^B^", "", "C"), ("D", "", ""))) == "A^B==C\\D"
    assert column_text("LO", ()) is None
    assert column_text("LO", (None,)) is None


def test_list_of_uids_is_bounded() -> None:
    assert len(uid_list(",".join(["1.2"] * 1024))) == 1024
    with pytest.raises(ValueError, match="more than 1024"):
        uid_list(",".join(["1.2"] * 1025))
