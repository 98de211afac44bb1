"""Patterns of elements, and conditions on data sets."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from streamdicom.patterns import DatasetConditions, parse_pattern_step, selection
from tests.support.each import each

_NAME, _ID, _SEQUENCE, _PRIVATE = 0x00100010, 0x00100020, 0x00081140, 0x00091001
_PIXEL_DATA, _SYNTAX = 0x7FE00010, 0x00020010


@each(
    "pattern",
    [_NAME, "00100010", "0010,0010", "(0010,0010)", " 00100010 ", "PatientName", "0010001x", "0010xx10", "0010", "PN"],
)
def test_forms_of_a_pattern(pattern: str | int) -> None:
    top = selection(include=[pattern])
    assert top.includes(_NAME, "PN")
    assert not top.includes(_PIXEL_DATA, "OW")
    assert not selection(exclude=[pattern]).includes(_NAME, "PN")


def test_digits_may_be_lower_case() -> None:
    assert parse_pattern_step("7fe00010") == parse_pattern_step("7FE00010") == parse_pattern_step("PixelData")
    assert parse_pattern_step("60XX3000") == parse_pattern_step("60xx3000")


@each(
    "pattern",
    ["", "x", "patientname", "0010001", "001000100", "0010.", ".0010", "**", "00081140.**", "a.b", "OX", -1, 1 << 32],
)
@each("name", ["include", "exclude"])
@each("options", [ReadOptions, WriteOptions])
def test_message_names_the_invalid_pattern(pattern: str | int, name: str, options: Any) -> None:
    with pytest.raises(ValueError, match=r"tag|names no element") as caught:
        options(**{name: [pattern]})
    assert repr(pattern) in str(caught.value)


def test_string_in_place_of_patterns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"iterable of patterns; did you mean \['PatientName'\]"):
        ReadOptions(include="PatientName")


def test_wildcard_matches_any_digit() -> None:
    top = selection(include=["60xx3000"])
    assert [tag for tag in (0x60003000, 0x60FE3000, 0x60003001, 0x50003000) if top.includes(tag, "OW")] == [
        0x60003000,
        0x60FE3000,
    ]


def test_tag_applies_to_the_top_level_only() -> None:
    inner = selection(exclude=["PatientName"]).inner(_SEQUENCE)
    assert inner is not None
    assert inner.is_whole


@each("pattern", ["private", "OB", "**.00091001", "**.private", "**.**.OB"])
def test_private_and_vr_apply_at_every_level(pattern: str) -> None:
    level = selection(exclude=[pattern])
    for _ in range(3):
        assert not level.includes(_PRIVATE, "OB")
        assert level.includes(_NAME, "PN")
        inner = level.inner(_SEQUENCE)
        assert inner is not None
        level = inner


def test_path_includes_elements_of_items() -> None:
    top = selection(include=["ReferencedImageSequence.ReferencedSOPInstanceUID", _ID])
    inner = top.inner(_SEQUENCE)
    assert inner is not None
    assert inner.includes(0x00081155, "UI")
    assert not inner.includes(0x00081150, "UI")
    assert not inner.includes(_ID, "LO")
    assert top.includes(_ID, "LO")
    assert top.inner(0x00081115) is None


def test_element_on_the_way_must_be_a_sequence() -> None:
    assert not selection(include=["00081140.00081155"]).includes(_SEQUENCE, "UN")


def test_included_sequence_is_complete() -> None:
    top = selection(include=[_SEQUENCE, "00081140.00081155"])
    inner = top.inner(_SEQUENCE)
    assert inner is not None
    assert inner.is_whole


def test_exclude_has_priority_over_include() -> None:
    top = selection(include=[_SEQUENCE, "0010"], exclude=["00081140.00081150", _NAME])
    assert not top.includes(_NAME, "PN")
    assert top.includes(_ID, "LO")
    inner = top.inner(_SEQUENCE)
    assert inner is not None
    assert not inner.includes(0x00081150, "UI")
    assert inner.includes(0x00081155, "UI")
    assert selection(include=["00081140.00081150"], exclude=["SQ"]).inner(_SEQUENCE) is None


def test_double_star_matches_any_number_of_sequences() -> None:
    level = selection(include=["00081140.**.UI"])
    assert not level.includes(0x00080018, "UI")
    assert level.inner(0x00081115) is None
    for tag in (_SEQUENCE, 0x00081115, 0x0040A730):
        inner = level.inner(tag)
        assert inner is not None
        assert inner.includes(0x00080018, "UI")
        assert not inner.includes(_ID, "LO")
        level = inner


def test_file_meta_information_is_excluded_by_tags_only() -> None:
    assert selection(include=[_ID]).includes(_SYNTAX, "UI")
    assert selection(exclude=["UI", "xxxxxxxx"]).includes(_SYNTAX, "UI")
    for pattern in ("0002", "TransferSyntaxUID", "0002xxxx"):
        assert not selection(exclude=[pattern]).includes(_SYNTAX, "UI")


def test_skipped_tags_are_known_without_a_vr() -> None:
    top = selection(include=["PatientName", "US", "00081140.00081155"])
    assert not top.skips(_NAME)
    assert not top.skips(_SEQUENCE)
    assert not top.skips(0x00280010)  # its VR may be US
    assert selection(include=["PatientName"]).skips(_ID)
    assert selection(exclude=["0010"]).skips(_ID)


def test_selection_of_a_binary_value_may_need_its_vr() -> None:
    assert selection(exclude=["OB"]).needs_vr(_PIXEL_DATA)
    for other in (["US"], ["OB", _PIXEL_DATA], ["UT"]):
        assert not selection(exclude=other).needs_vr(_PIXEL_DATA)


def test_remembered_decisions_are_bounded() -> None:
    top = selection(exclude=["private"])
    for tag in range(0, 1 << 22, 64):
        top.includes(tag, "UN")
        top.inner(tag)
    assert len(top._decisions) <= 16 * 1024
    assert len(top._inner) <= 16 * 1024


def test_options_with_patterns_compare_and_pickle() -> None:
    options = ReadOptions(include=iter(["PatientName", _ID]), where={"Modality": "CT"})
    assert options.include == ("PatientName", _ID)
    assert hash(options) == hash(ReadOptions(include=["PatientName", _ID]))
    assert pickle.loads(pickle.dumps(options)) == options
    assert pickle.loads(pickle.dumps(WriteOptions(exclude={"private"}))) == WriteOptions(exclude=["private"])


# --- conditions ------------------------------------------------------------------------------------------------


def _verdict(condition: Any, *values: Any) -> bool | None:
    return DatasetConditions({_ID: condition}, Limits()).new_state().add(_ID, values)


@each(
    ("condition", "values"),
    [
        ("CT", ("CT",)),
        (["CT", "MR"], ("MR",)),
        ({"CT", "MR"}, ("SC", "CT")),
        ("1.0", ("1.0",)),
        (1, ("1.0",)),
        (1.5, (" 1.50 ",)),
        (2**63 + 1, (str(2**63 + 1),)),
        (5, (5,)),
        ("Doe^Jane", (("Doe^Jane", "", ""),)),
        ("Doe=X=Y", (("Doe", "X", "Y"),)),
        (None, ()),
        (None, (None, "a")),
        (b"ab", (b"ab",)),
        (lambda values: len(values) == 2, ("a", "b")),
    ],
)
def test_condition_is_satisfied(condition: Any, values: tuple[Any, ...]) -> None:
    assert _verdict(condition, *values) is True


@each(
    ("condition", "values"),
    [
        ("CT", ("MR",)),
        ("CT", ("ct",)),
        ("C", ("CT",)),
        ("1", ("1.0",)),
        (1, ("one",)),
        (2**53, (str(2**53 + 1),)),
        ("CT", ()),
        (None, ("a",)),
        (lambda values: "x" in values, ("y",)),
        ([], ("a",)),
    ],
)
def test_condition_is_not_satisfied(condition: Any, values: tuple[Any, ...]) -> None:
    assert _verdict(condition, *values) is False


def test_all_conditions_must_be_satisfied() -> None:
    conditions = DatasetConditions({"PatientID": "1", "PatientName": None}, Limits())
    state = conditions.new_state()
    assert state.add(0x00080060, ("CT",)) is None
    assert state.add(_ID, ("1",)) is None
    assert state.finish()
    other = conditions.new_state()
    assert not other.finish()  # the ID is missing


@each("key", ["0010", "0010xxxx", "private", "PN", "Foo", "00081140.00081155"])
def test_condition_must_name_one_element(key: str) -> None:
    with pytest.raises(ValueError, match=repr(key)):
        ReadOptions(where={key: "1"})


@each("options", [{"where": {"Modalty": "CT"}}, {"include": ["Modalty"]}, {"exclude": ["**.Modalty"]}])
def test_message_suggests_a_similar_keyword(options: Any) -> None:
    with pytest.raises(ValueError, match="did you mean 'Modality'") as caught:
        ReadOptions(**options)
    assert "'Modalty'" in str(caught.value)


def test_message_has_no_suggestion_for_no_keyword() -> None:
    with pytest.raises(ValueError, match=r"found ''$"):
        ReadOptions(where={"": "CT"})


def test_message_has_no_suggestion_for_unlike_keywords() -> None:
    with pytest.raises(ValueError, match=r"'Foo'$"):
        ReadOptions(where={"Foo": "CT"})
