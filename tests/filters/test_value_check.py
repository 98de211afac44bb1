"""Elements that break a rule, found in events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

import streamdicom
from streamdicom import DEVIATIONS, Deviation, Event, Limits, ReadOptions
from streamdicom.events import (
    ELEMENT,
    END_DATASET,
    END_ELEMENT,
    END_FRAGMENTS,
    LAST_SEGMENT,
    SEGMENT,
    START_DATASET,
    START_ELEMENT,
    START_FRAGMENTS,
    VALUES,
)
from streamdicom.filters import ValueCheck, value_check
from tests.support.codes import VALUE_CODES
from tests.support.each import each


def _events(document: object, limits: Limits | None = None) -> list[Event]:
    text = document if isinstance(document, str) else json.dumps(document)
    options = ReadOptions(on_error="skip", on_deviation=lambda _: None, limits=limits or Limits())
    return list(streamdicom.iter_events(text.encode(), options=options))


def _found(*batches: Sequence[Event], **how: bool) -> list[Deviation]:
    found: list[Deviation] = []
    check = ValueCheck(found.append)
    check.start(**how)
    for events in batches:
        check.check(events)
    return found


def _codes(document: object, **how: bool) -> list[tuple[str, str]]:
    return [(one.code, one.location.tag_path) for one in _found(_events(document), **how)]


def _element(vr: str, *values: Any) -> dict[str, Any]:
    return {"vr": vr, "Value": list(values)}


@each("code", sorted(VALUE_CODES))
def test_example_of_a_code_has_this_code_only(code: str) -> None:
    assert {one.code for one in _found(_events(DEVIATIONS[code].example))} == {code}


@each(
    ("tag", "attribute", "code"),
    [
        ("00080018", _element("UI", "1.02.abc"), "not-a-uid"),
        ("00080020", _element("DA", "2004-01-19"), "not-a-date"),
        ("00080030", _element("TM", "25:99"), "not-a-time"),
        ("00080050", _element("SH", "x" * 50), "too-long"),
        ("00080060", _element("CS", "ct"), "lower-case"),
        ("00101010", _element("AS", "50"), "not-an-age"),
        ("00100020", _element("SH", "17"), "wrong-vr"),
        ("00280030", _element("DS", 1, 2, 3), "multiplicity"),
        ("00100010", _element("PN", {"Alphabetic": "a^b^c^d^e^f"}), "name-components"),
        ("00200013", _element("IS", 99999999999), "out-of-range"),
        ("00081140", _element("LO", "1"), "wrong-vr"),
        ("60000010", _element("SS", 1), "wrong-vr"),
    ],
)
def test_fault_is_found_at_the_top_and_in_an_item(tag: str, attribute: object, code: str) -> None:
    assert _codes({tag: attribute}) == [(code, tag)]
    assert _codes({"00089999": {"vr": "SQ", "Value": [{}, {tag: attribute}]}})[1:] == [(code, f"00089999[1].{tag}")]


def test_verdict_on_a_value_is_kept_for_later_streams() -> None:
    found: list[Deviation] = []
    check = ValueCheck(found.append)
    right = {"00080060": _element("CS", "CT"), "00280030": _element("DS", 1, 2)}
    wrong = {"00080060": _element("CS", "ct"), "00280030": _element("DS", 1, 2, 3)}
    for document in (right, wrong, right, wrong):
        check.start()
        check.check(_events(document))
    assert [one.code for one in found] == ["lower-case", "multiplicity"] * 2


@pytest.mark.parametrize("tag", ["00080005", "00090010"])
def test_un_where_other_elements_get_their_meaning_from_is_no_fault(tag: str) -> None:
    assert _codes({tag: {"vr": "UN", "InlineBinary": "AAE="}}) == []


def test_unknown_element_is_found_in_each_data_set() -> None:
    unknown = {"00100011": _element("LO", "1")}
    assert _codes([unknown, unknown]) == [("unknown-element", "00100011")] * 2
    assert _codes([{"00100011": {"vr": "UN", "InlineBinary": "AAE="}}] * 2) == [("unknown-element", "00100011")] * 2


def test_verdict_on_values_that_do_not_repeat_is_the_same() -> None:
    documents = [{"00080018": _element("UI", f"1.2.{number}")} for number in range(600)]
    documents[100]["00080018"]["Value"] = ["1.02"]
    documents[599]["00080018"]["Value"] = ["1.02"]
    assert _codes(documents) == [("not-a-uid", "00080018")] * 2


def test_rules_of_hostile_input_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_check, "_MAX_RULES", 8)
    check = ValueCheck(lambda _: None)
    check.start()
    groups: list[Event] = [(ELEMENT, group << 16, "UL", (1,)) for group in range(0x10, 0x50, 2)]
    unknown: list[Event] = [(ELEMENT, 0x00100011 + tag, "LO", ("1",)) for tag in range(0x9000, 0x9020)]
    for event in groups + unknown:
        check.check([event])
        assert len(check._rules) <= 8


def test_element_with_one_of_several_vrs_is_right() -> None:
    assert _codes([{"00280106": _element("US", 1)}, {"00280106": _element("SS", -1)}]) == []
    assert _codes({"00280106": _element("UL", 1)}) == [("wrong-vr", "00280106")]
    assert _codes({"00280106": {"vr": "UN", "InlineBinary": "AAE="}}) == []


def test_empty_elements_are_right() -> None:
    assert _codes({"00080008": {"vr": "CS"}, "00081140": {"vr": "SQ"}, "00280030": {"vr": "DS"}}) == []


# --- private elements ------------------------------------------------------------------------------------------


def test_private_element_needs_a_creator_in_its_own_item() -> None:
    block = {"00090010": _element("LO", "ANYONE"), "00091001": _element("LO", "1")}
    assert _codes(block) == []
    assert _codes({**block, "00091101": _element("LO", "1")}) == [("private-block", "00091101")]
    item = {"00081140": {"vr": "SQ", "Value": [{"00091001": _element("LO", "1")}]}, **block}
    assert _codes(item) == [("private-block", "00081140[0].00091001")]
    assert _codes([block, {"00091001": _element("LO", "1")}]) == [("private-block", "00091001")]


def test_private_element_is_checked_by_its_creator() -> None:
    creator = {"00290011": _element("LO", "SIEMENS CSA HEADER")}
    assert _codes({**creator, "00291108": _element("CS", "IMAGE NUM 4")}) == []
    assert _codes({**creator, "00291108": _element("LO", "IMAGE NUM 4")}) == [("private-element", "00291108")]
    assert _codes({**creator, "00291108": _element("CS", "a")}) == [("lower-case", "00291108")]
    other = {"00290011": _element("LO", "ANYONE"), "00291108": _element("LO", "IMAGE NUM 4")}
    assert _codes([{**creator, "00291108": _element("CS", "A")}, other]) == []


# --- elements in parts -----------------------------------------------------------------------------------------


def test_long_elements_are_checked_as_short_ones_are() -> None:
    document = {
        "00104000": _element("LT", "x" * 5000 + "\0" + "x" * 6000),
        "00200037": _element("DS", *range(7)),
        "00280030": _element("DS", *["1.5"] * 40, "x"),
        "00401101": {"vr": "SH", "Value": ["1"]},
    }
    whole = _codes(document)
    limits = Limits(segment_size=1024, values_per_event=4)
    found = [(one.code, one.location.tag_path) for one in _found(_events(document, limits))]
    assert sorted(found) == sorted(whole)
    assert ("wrong-character", "00104000") in whole
    assert ("too-long", "00104000") in whole
    assert ("multiplicity", "00280030") in whole


# --- places ----------------------------------------------------------------------------------------------------


def test_deviation_has_the_offset_of_its_element() -> None:
    events = _events({"00080060": _element("CS", "ct")})
    found: list[Deviation] = []
    check = ValueCheck(found.append)
    check.check(events[:1], [0].__getitem__)
    check.check(events[1:], [41, 99].__getitem__)
    assert [one.location.byte_offset for one in found] == [41]


def test_offset_of_an_element_in_parts_is_that_of_its_start() -> None:
    events = _events({"00280030": _element("DS", *["1"] * 9)}, Limits(values_per_event=4))
    found: list[Deviation] = []
    check = ValueCheck(found.append)
    for number, event in enumerate(events):
        check.check([event], [number].__getitem__)
    assert [one.location.byte_offset for one in found] == [1]


def test_places_are_not_worked_out_without_a_deviation() -> None:
    def offset_of(index: int) -> int:
        raise AssertionError

    ValueCheck(print).check(_events({"00080060": _element("CS", "CT")}), offset_of)


@each(
    ("terms", "is_right"),
    [
        (["ISO_IR 100"], True),
        ([None, "ISO 2022 IR 87"], True),
        (["ISO_IR 99"], False),
        (["ISO 2022 IR 100"], False),
        (["ISO_IR 100", "ISO 2022 IR 87"], False),
    ],
)
def test_terms_of_specific_character_set_are_checked_in_each_data_set(terms: list[str | None], is_right: bool) -> None:
    found = _codes([{"00080005": _element("CS", "ISO_IR 192")}, {"00080005": _element("CS", *terms)}])
    assert found == ([] if is_right else [("character-set", "00080005")])


def test_pixel_data_in_fragments_is_ob() -> None:
    def pixels(vr: str) -> list[Event]:
        ends: list[Event] = [(START_FRAGMENTS, 0x7FE00010, vr, None), (END_FRAGMENTS, 0x7FE00010, vr, None)]
        return [(START_DATASET, 0, "", 0), *ends, (END_DATASET, 0, "", None)]

    assert _found(pixels("OB")) == []
    assert [(one.code, one.location.tag_path) for one in _found(pixels("OW"))] == [("wrong-vr", "7FE00010")]


def test_sequences_and_references_are_checked_by_vr() -> None:
    sequence = {"vr": "SQ", "Value": [{}]}
    reference = {"vr": "OB", "BulkDataURI": "a"}
    # The second data set finds the rules of the first.
    assert _codes([{"00081115": sequence, "00081140": sequence}] * 2) == []
    assert _codes([{"00081140": sequence}, {"00081140": reference}]) == [("wrong-vr", "00081140")]
    assert _codes({"7FE00010": reference}) == []


def test_numbers_are_checked_by_vr_and_count() -> None:
    for in_binary in (False, True):
        right = [{"00280010": _element("US", 5)}] * 3
        assert _codes(right, in_binary=in_binary) == []
        wrong = [*right, {"00280010": _element("US", 5, 6)}, {"00280010": _element("UL", 5)}]
        assert _codes(wrong, in_binary=in_binary) == [("multiplicity", "00280010"), ("wrong-vr", "00280010")]
    assert _codes([{"00280010": _element("US", 5)}, {"00280010": _element("US", 70000)}]) == [
        ("out-of-range", "00280010")
    ]


def test_some_elements_have_values_in_pairs() -> None:
    applicable_frame_range = "00286102"  # of VM 2-2n
    right = [(), (1, 2), (1, 2, 3, 4), (1, 2, 3, 4, 5, 6)]
    assert _codes([{applicable_frame_range: _element("US", *values)} for values in right]) == []
    assert _codes([{applicable_frame_range: _element("US", *values)} for values in ((1, 2), (1, 2, 3))]) == [
        ("multiplicity", applicable_frame_range)
    ]


def test_verdicts_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_check, "_MAX_RIGHT", 10)
    monkeypatch.setattr(value_check, "_MAX_RULES", 10)
    check = ValueCheck(pytest.fail)
    for number in range(100):
        check.start()
        private = {f"000910{number:02X}": _element("LO", "a"), "00100020": _element("LO", str(number))}
        check.check(_events({"00090010": _element("LO", "Acme"), "00090011": _element("LO", str(number)), **private}))
        every = [rule for rules in (check._rules, *check._creators.values()) for rule in rules.values()]
        assert 0 < len(every) <= 10
        assert len(check._right) <= 10
        assert not any(check._groups.values())


def test_faults_that_are_kept_are_bounded() -> None:
    for number in range(value_check._MAX_RIGHT + 100):
        assert value_check._faults_of_text("CS", f"a{number}")
    assert value_check._faults_of_text.cache_info().currsize == value_check._MAX_RIGHT == 4096


@each(
    ("syntax", "data", "is_found"),
    [
        ("1.2.840.10008.1.2.4.50", "AAA=", True),
        ("1.2.840.10008.1.2.4.50", "/v8A4AAAAAA=", False),  # an empty item
        ("1.2.840.10008.1.2.1", "AAA=", False),
        ("1.2.840.10008.1.2.1.99", "AAA=", False),
    ],
)
def test_native_pixel_data_does_not_fit_a_transfer_syntax_for_encapsulated(
    syntax: str, data: str, is_found: bool
) -> None:
    pixels = {"7FE00010": {"vr": "OB", "InlineBinary": data}}
    head = {"00020010": _element("UI", syntax)}
    expected = [("native-pixel-data", "7FE00010")] if is_found else []
    assert _codes({**head, **pixels}) == expected
    assert _codes([{**head, **pixels}, pixels, {**head, "7FE00010": {"vr": "OB"}}]) == expected
    assert _codes({**head, "00880200": {"vr": "SQ", "Value": [pixels]}}) == []


@each(
    ("uid", "codes"),
    [
        ("1.2.840.10008.1.2.2", []),  # a retired one
        ("1.2.840.10008.1.1", ["unknown-transfer-syntax"]),  # a SOP Class
        ("1.2.840.10008.1.2.4.999", ["unknown-transfer-syntax"]),
        ("1.2.840.113619.5.2", ["private-transfer-syntax"]),
        ("1.2.840.100081.2", ["private-transfer-syntax"]),
        ("1.2.840.10008.1.2 x", ["not-a-uid"]),
    ],
)
def test_transfer_syntax_is_one_of_the_standard(uid: str, codes: list[str]) -> None:
    pixels = {"7FE00010": {"vr": "OB", "InlineBinary": "AAA="}}  # which a private one may have
    assert _codes({"00020010": _element("UI", uid), **pixels}) == [(code, "00020010") for code in codes]


@pytest.mark.parametrize("element", [{"vr": "UI"}, _element("US", 5), _element("UI", None)])
def test_transfer_syntax_without_a_uid_is_left_to_other_checks(element: dict[str, Any]) -> None:
    assert {code for code, _ in _codes({"00020010": element})} <= {"wrong-vr"}


_JPEG: Event = (ELEMENT, 0x00020010, "UI", ("1.2.840.10008.1.2.5",))


def _in_parts(vr: str, *content: tuple[int, Any], is_late: bool = False) -> list[Event]:
    start = "" if is_late else vr
    parts: list[Event] = [(kind, 0x7FE00010, start, value) for kind, value in content]
    ends: list[Event] = [(START_ELEMENT, 0x7FE00010, start, None), (END_ELEMENT, 0x7FE00010, vr, None)]
    return [(START_DATASET, 0, "", 0), _JPEG, ends[0], *parts, ends[1]]


_ITEM = b"\xfe\xff\0\xe0\0\0\0\0"


@each("is_late", [False, True])
@each(
    ("vr", "content", "expected"),
    [
        ("OB", [(LAST_SEGMENT, b"abcd")], ["native-pixel-data"]),
        ("OB", [(SEGMENT, b"abcd"), (LAST_SEGMENT, _ITEM)], ["native-pixel-data"]),
        ("OB", [(SEGMENT, b""), (LAST_SEGMENT, b"abcd")], ["native-pixel-data"]),
        ("OB", [(SEGMENT, _ITEM), (LAST_SEGMENT, b"abcd")], []),
        ("OB", [*((SEGMENT, _ITEM[at : at + 1]) for at in range(8)), (LAST_SEGMENT, b"abcd")], []),
        ("OB", [*((SEGMENT, b"\xfe\xff\0a"[at : at + 1]) for at in range(4))], ["native-pixel-data"]),
        ("OW", [(SEGMENT, _ITEM), (LAST_SEGMENT, _ITEM)], ["wrong-vr"]),  # PS3.5 A.4
        ("OW", [(LAST_SEGMENT, b"")], ["wrong-vr"]),
        ("OB", [(LAST_SEGMENT, b"")], []),
        ("OB", [], []),
        ("UT", [(SEGMENT, "ab"), (LAST_SEGMENT, "c")], ["native-pixel-data", "wrong-vr"]),
        ("US", [(VALUES, (1, 2)), (VALUES, (3,))], ["multiplicity", "native-pixel-data", "wrong-vr"]),
    ],
)
def test_long_native_pixel_data_does_not_fit_either(
    vr: str, content: list[tuple[int, Any]], expected: list[str], is_late: bool
) -> None:
    events = _in_parts(vr, *content, is_late=is_late)
    for cut in range(2, len(events)):
        assert sorted(one.code for one in _found(events[:cut], events[cut:])) == expected
    in_file = sorted(one.code for one in _found(events, in_binary=True))  # without fragments
    assert in_file == sorted({*expected, "native-pixel-data"} - ({"wrong-vr"} if vr == "OW" else set()))


def test_value_in_a_file_is_native_with_any_bytes() -> None:
    for values in ((), (b"ab",), (_ITEM,)):
        events = [(START_DATASET, 0, "", 0), _JPEG, (ELEMENT, 0x7FE00010, "OB", values)]
        assert [one.code for one in _found(events, in_binary=True)] == ["native-pixel-data"]
