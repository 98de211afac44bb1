"""Right and wrong values of each VR (PS3.5 6.2)."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streamdicom.dicom import GROUP_RULES, VALUE_RULES, VRS, Form, segment_faults, too_long, value_faults
from tests.support.codes import VALUE_CODES
from tests.support.each import each

_RIGHT: dict[str, list[Any]] = {
    "AE": ["STORE_SCP", "a b", "0123456789abcdef"],
    "AS": ["018M", "000D", "120Y", "003W"],
    "CS": ["ORIGINAL", "A_1 B", "0123456789ABCDEF"],
    "DA": ["20040119", "20040229", "20000229", "00010101"],
    "DS": ["0", "-1.5", "+.5", "5.", "1e-5", "1.234567890E+123", " 1 ", "1234567890123456"],
    "DT": [
        "2004",
        "200401",
        "20040119",
        "2004011910",
        "20040119103059",
        "20040119103060.5",
        "20040119103059.123456-0330",
        "20040229  ",
    ],
    "FD": [1.5, float("nan"), float("inf")],
    "FL": [0.1, 0.5, 16777216.0, -3.4028234663852886e38, 3.4028235e38, float("nan"), float("inf")],
    "IS": ["0", "-2147483648", "+2147483647", " 7 ", "000000000012"],
    "LO": ["Ä" * 64, "日本語", "a^b=c", " "],
    "LT": ["a\tb\r\nc\f\\d", "x" * 10240],
    "OW": [b"", b"ab"],
    "OF": [b"abcd"],
    "OB": [b"a"],
    "PN": [("Doe^Jane^^Dr^MD", "山田^太郎", "やまだ^たろう"), ("x" * 64, "y" * 64, "z" * 64), ("", "", "p")],
    "SH": ["x" * 16],
    "SL": [-(2**31), 2**31 - 1],
    "SS": [-32768, 32767],
    "ST": ["x" * 1024],
    "SV": [-(2**63)],
    "TM": ["10", "1030", "103059", "103059.5", "235960", "235960.123456", "000000.000000", "10 ", "103059.12345 "],
    "UC": ["x" * 70000],
    "UI": ["1.2.840.10008.1.2", "2.25.0", "1.3." + "1" * 60, "0.39", "2.999.1"],
    "UL": [0, 2**32 - 1],
    "UR": ["https://example.org/a?b=%20#c", "urn:oid:1.2", "urn:oid:1.2 "],
    "US": [0, 65535],
    "UT": ["x" * 70000],
    "UV": [2**64 - 1],
}
_WRONG: dict[str, list[tuple[Any, str]]] = {
    "AE": [("é", "wrong-character"), ("0123456789abcdefg", "too-long"), ("a\n", "wrong-character")],
    "AS": [("50", "not-an-age"), ("050y", "not-an-age"), ("0050Y", "not-an-age"), ("٠١٢Y", "not-an-age")],
    "CS": [
        ("ct", "lower-case"),
        ("C-T", "wrong-character"),
        ("0123456789ABCDEFG", "too-long"),
        ("É", "wrong-character"),
    ],
    "DA": [
        *(("2004-01-19", "not-a-date"), ("2004.01.19", "not-a-date"), ("20040230", "not-a-date")),
        *(("20050229", "not-a-date"), ("19000229", "not-a-date"), ("20041301", "not-a-date"), ("200401", "not-a-date")),
        *(("00000000", "not-a-date"), ("20040431", "not-a-date"), ("２００４0119", "not-a-date")),
    ],
    "DS": [
        *(("1,5", "not-a-number"), ("1e", "not-a-number"), (".", "not-a-number"), ("1 5", "not-a-number")),
        *(("inf", "not-a-number"), ("12345678901234567", "too-long"), ("1_0", "not-a-number")),
    ],
    "DT": [
        *(
            ("2004-01-19", "not-a-date-time"),
            ("20040119T1030", "not-a-date-time"),
            ("20040119240000", "not-a-date-time"),
        ),
        *(
            ("2004011910-0000", "not-a-date-time"),
            ("2004011910+1500", "not-a-date-time"),
            ("20050229", "not-a-date-time"),
        ),
        *(("20040119103059.1234567", "not-a-date-time"), ("2004" + " " * 23, "too-long")),
    ],
    "FL": [(16777217.0, "inexact-number"), (0.123456789, "inexact-number"), (1e39, "out-of-range")],
    "IS": [
        *(
            ("1.0", "integer-fraction"),
            ("1E3", "integer-fraction"),
            ("1.5", "not-a-number"),
            ("1e-999999", "not-a-number"),
        ),
        *(("2147483648", "out-of-range"), ("-2147483649", "out-of-range")),
        *(("99999999999", "out-of-range"), ("0000000000012", "too-long")),
        *(("9999999999999", "out-of-range"), ("-" + "9" * 5000, "out-of-range"), ("0" * 5000 + "1", "too-long")),
    ],
    "LO": [
        ("x" * 65, "too-long"),
        ("a\tb", "wrong-character"),
        ("a\\b", "wrong-character"),
        ("a\x1b$Bb", "wrong-character"),
    ],
    "LT": [("a\0b", "wrong-character"), ("x" * 10241, "too-long")],
    "OW": [(b"abc", "incomplete-word")],
    "OD": [(b"abcd", "incomplete-word")],
    "PN": [
        (("Doe\0", "", ""), "padding"),
        *((("A^B^C^D^E^F", "", ""), "name-components"), (("A", "B", "C=D"), "name-groups")),
        *((("x" * 65, "", ""), "too-long"), (("a\nb", "", ""), "wrong-character")),
    ],
    "SH": [("x" * 50, "too-long"), ("x" * 17, "too-long")],
    "SL": [(2**31, "out-of-range"), (None, "empty-number")],
    "SS": [(32768, "out-of-range")],
    "ST": [("x" * 1025, "too-long"), ("\x85", "wrong-character")],
    "TM": [
        *(("25:99", "not-a-time"), ("2400", "not-a-time"), ("1060", "not-a-time"), ("103061", "not-a-time")),
        *(
            ("103059.", "not-a-time"),
            ("103059.1234567", "not-a-time"),
            ("10:30:59", "not-a-time"),
            ("103", "not-a-time"),
        ),
        *((" 10", "not-a-time"), ("103059.123456  ", "too-long")),
    ],
    "UI": [
        *(("1.02.abc", "not-a-uid"), ("1.02.840", "not-a-uid"), ("1..2", "not-a-uid"), ("1.2.", "not-a-uid")),
        *(("0", "not-a-uid"), ("3.1", "not-a-uid"), ("1.40.1", "not-a-uid"), ("1.2\0", "padding")),
        ("1.3." + "1" * 61, "too-long"),
    ],
    "UL": [(-1, "out-of-range"), (2**32, "out-of-range")],
    "UR": [("a b", "wrong-character"), (" a", "wrong-character"), ("http://é", "wrong-character")],
    "US": [(65536, "out-of-range"), (-1, "out-of-range")],
    "UV": [(2**64, "out-of-range")],
}
_RIGHT_CASES = [(vr, value) for vr, values in _RIGHT.items() for value in values]
_WRONG_CASES = [(vr, value, code) for vr, cases in _WRONG.items() for value, code in cases]


def _name(value: object) -> str:
    return ascii(value)[:24]


@each(("vr", "value"), _RIGHT_CASES, ids=_name)
def test_right_value_has_no_fault(vr: str, value: Any) -> None:
    assert value_faults(vr, (value,)) == []


@each(("vr", "value", "code"), _WRONG_CASES, ids=_name)
def test_wrong_value_has_one_fault(vr: str, value: Any, code: str) -> None:
    assert [fault.code for fault in value_faults(vr, (value,))] == [code]
    assert not VALUE_RULES[vr]((value,))
    if VRS[vr].multiple:
        right = _RIGHT[vr][0]
        assert [fault.code for fault in value_faults(vr, (right, value, right, value))] == [code]


@each("vr", sorted(set(VRS) - {"SQ"}))
def test_empty_element_is_right(vr: str) -> None:
    assert value_faults(vr, ()) == []


@each("vr", sorted(vr for vr, row in VRS.items() if row.multiple))
def test_empty_values_among_others_are_right(vr: str) -> None:
    right = _RIGHT[vr][0]
    assert value_faults(vr, (right, None, "" if vr != "PN" else ("", "", ""))) == []


@each("vr", ["LT", "ST", "UR", "UT", "OB"])
def test_several_values_are_a_fault_of_a_vr_with_one(vr: str) -> None:
    value = _RIGHT[vr][0]
    assert [fault.code for fault in value_faults(vr, (value, value))] == ["multiplicity"]


def test_value_with_two_faults_has_both() -> None:
    assert [fault.code for fault in value_faults("CS", ("c-" + "A" * 20,))] == [
        "lower-case",
        "wrong-character",
        "too-long",
    ]


def test_parts_of_long_texts_are_checked() -> None:
    assert segment_faults("LT", "a\r\n" * 9) == []
    assert [fault.code for fault in segment_faults("UC", "a\nb")] == ["wrong-character"]
    assert segment_faults("OB", "") == []
    assert too_long("LT", 10240) is None
    assert too_long("LT", 10241) is not None
    assert too_long("UT", 1 << 40) is None


_TEXTS = st.text(st.sampled_from("0129.:+-EeDWMY aA^=\\\0\n\té日"), max_size=20)


@given(
    st.sampled_from(sorted(vr for vr, row in VRS.items() if row.multiple and vr != "PN")), st.lists(_TEXTS, max_size=3)
)
def test_faults_never_quote_values_and_have_known_codes(vr: str, values: list[str]) -> None:
    for code, message in value_faults(vr, tuple(values)):
        assert code in VALUE_CODES | {"integer-fraction", "inexact-number", "not-a-number", "out-of-range", "padding"}
        assert not any(value in message for value in values if len(value) > 4)


_TEXTS = [
    "",
    "A",
    "a",
    "1",
    "1.2",
    "1.02",
    "20240131",
    "20230229",
    "\n",
    "A\n",
    "\nA",
    "x" * 17,
    "x" * 65,
    "9" * 13,
    "é",
    "\0",
]


@each("vr", sorted(GROUP_RULES))
def test_group_follows_the_rules_if_each_of_its_values_does(vr: str) -> None:
    form = VRS[vr].form
    some: list[Any] = [0, 1, -1, 1.5, 70000, 2**33, 2**64, None]
    if form in (Form.TEXT, Form.DECIMAL):
        some = [*_TEXTS, None]
    elif form is Form.PERSON_NAME:
        some = [(text, "", other) for text in _TEXTS for other in ("", "A^B")] + [None]
    elif form is Form.BINARY:
        some = [b"", b"abc", b"abcdefgh"]
    elif form is not Form.FLOAT:
        some.remove(1.5)
    values: list[tuple[Any, ...]] = [(one,) for one in some]
    if form is not Form.BINARY:
        values += [(), *pairwise(some)]
    for one, other in product(values, values):
        are_right = not value_faults(vr, one) and not value_faults(vr, other)
        assert are_right or not GROUP_RULES[vr]([one, other])
        assert not (VALUE_RULES[vr](one) and VALUE_RULES[vr](other)) or GROUP_RULES[vr]([one, other])
