"""Patterns of elements, and what a data set has to begin with."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from streamdicom.patterns import DatasetConditions, parse_pattern_step, selection

_NAME, _ID, _SEQUENCE, _PRIVATE = 0x00100010, 0x00100020, 0x00081140, 0x00091001
_PIXEL_DATA, _SYNTAX = 0x7FE00010, 0x00020010


@pytest.mark.parametrize(
    "pattern",
    [_NAME, "00100010", "0010,0010", "(0010,0010)", " 00100010 ", "PatientName", "0010001x", "0010xx10", "0010", "PN"],
)
def test_an_element_is_named_in_several_ways(pattern: str | int) -> None:
    top = selection(include=[pattern])
    assert top.includes(_NAME, "PN")
    assert not top.includes(_PIXEL_DATA, "OW")
    assert not selection(exclude=[pattern]).includes(_NAME, "PN")


def test_digits_may_be_lower_case() -> None:
    assert parse_pattern_step("7fe00010") == parse_pattern_step("7FE00010") == parse_pattern_step("PixelData")
    assert parse_pattern_step("60XX3000") == parse_pattern_step("60xx3000")


@pytest.mark.parametrize(
    "pattern",
    ["", "x", "patientname", "0010001", "001000100", "0010.", ".0010", "**", "00081140.**", "a.b", "OX", -1, 1 << 32],
)
@pytest.mark.parametrize("name", ["include", "exclude"])
@pytest.mark.parametrize("options", [ReadOptions, WriteOptions])
def test_a_wrong_pattern_is_named(pattern: str | int, name: str, options: Any) -> None:
    with pytest.raises(ValueError, match=r"tag|names no element") as caught:
        options(**{name: [pattern]})
    assert repr(pattern) in str(caught.value)


def test_one_text_is_not_taken_for_its_characters() -> None:
    with pytest.raises(ValueError, match=r"iterable of patterns; did you mean \['PatientName'\]"):
        ReadOptions(include="PatientName")


def test_a_wildcard_stands_for_any_digit() -> None:
    top = selection(include=["60xx3000"])
    assert [tag for tag in (0x60003000, 0x60FE3000, 0x60003001, 0x50003000) if top.includes(tag, "OW")] == [
        0x60003000,
        0x60FE3000,
    ]


def test_a_tag_is_meant_at_the_top_only() -> None:
    inner = selection(exclude=["PatientName"]).inner(_SEQUENCE)
    assert inner is not None
    assert inner.is_whole


@pytest.mark.parametrize("pattern", ["private", "OB", "**.00091001", "**.private", "**.**.OB"])
def test_private_and_a_vr_are_meant_at_every_level(pattern: str) -> None:
    level = selection(exclude=[pattern])
    for _ in range(3):
        assert not level.includes(_PRIVATE, "OB")
        assert level.includes(_NAME, "PN")
        inner = level.inner(_SEQUENCE)
        assert inner is not None
        level = inner


def test_a_path_includes_of_a_sequence_what_it_names() -> None:
    top = selection(include=["ReferencedImageSequence.ReferencedSOPInstanceUID", _ID])
    inner = top.inner(_SEQUENCE)
    assert inner is not None
    assert inner.includes(0x00081155, "UI")
    assert not inner.includes(0x00081150, "UI")
    assert not inner.includes(_ID, "LO")
    assert top.includes(_ID, "LO")
    assert top.inner(0x00081115) is None


def test_what_is_on_the_way_is_a_sequence() -> None:
    assert not selection(include=["00081140.00081155"]).includes(_SEQUENCE, "UN")


def test_including_a_sequence_includes_all_in_it() -> None:
    top = selection(include=[_SEQUENCE, "00081140.00081155"])
    inner = top.inner(_SEQUENCE)
    assert inner is not None
    assert inner.is_whole


def test_what_is_excluded_does_not_come_even_if_it_is_included() -> None:
    top = selection(include=[_SEQUENCE, "0010"], exclude=["00081140.00081150", _NAME])
    assert not top.includes(_NAME, "PN")
    assert top.includes(_ID, "LO")
    inner = top.inner(_SEQUENCE)
    assert inner is not None
    assert not inner.includes(0x00081150, "UI")
    assert inner.includes(0x00081155, "UI")
    assert selection(include=["00081140.00081150"], exclude=["SQ"]).inner(_SEQUENCE) is None


def test_any_number_of_sequences_may_be_on_the_way() -> None:
    level = selection(include=["00081140.**.UI"])
    assert not level.includes(0x00080018, "UI")
    assert level.inner(0x00081115) is None
    for tag in (_SEQUENCE, 0x00081115, 0x0040A730):
        inner = level.inner(tag)
        assert inner is not None
        assert inner.includes(0x00080018, "UI")
        assert not inner.includes(_ID, "LO")
        level = inner


def test_file_meta_information_comes_unless_it_is_excluded_by_its_tags() -> None:
    assert selection(include=[_ID]).includes(_SYNTAX, "UI")
    assert selection(exclude=["UI", "xxxxxxxx"]).includes(_SYNTAX, "UI")
    for pattern in ("0002", "TransferSyntaxUID", "0002xxxx"):
        assert not selection(exclude=[pattern]).includes(_SYNTAX, "UI")


def test_what_can_be_skipped_is_known_before_the_vr() -> None:
    top = selection(include=["PatientName", "US", "00081140.00081155"])
    assert not top.skips(_NAME)
    assert not top.skips(_SEQUENCE)
    assert not top.skips(0x00280010)  # it may be US
    assert selection(include=["PatientName"]).skips(_ID)
    assert selection(exclude=["0010"]).skips(_ID)


def test_a_long_value_may_depend_on_its_vr() -> None:
    assert selection(exclude=["OB"]).needs_vr(_PIXEL_DATA)
    for other in (["US"], ["OB", _PIXEL_DATA], ["UT"]):
        assert not selection(exclude=other).needs_vr(_PIXEL_DATA)


def test_what_is_remembered_is_bounded() -> None:
    top = selection(exclude=["private"])
    for tag in range(0, 1 << 22, 64):
        top.includes(tag, "UN")
        top.inner(tag)
    assert len(top._decisions) <= 16 * 1024
    assert len(top._inner) <= 16 * 1024


def test_patterns_may_come_in_any_iterable_and_options_stay_what_they_are() -> None:
    options = ReadOptions(include=iter(["PatientName", _ID]), where={"Modality": "CT"})
    assert options.include == ("PatientName", _ID)
    assert hash(options) == hash(ReadOptions(include=["PatientName", _ID]))
    assert pickle.loads(pickle.dumps(options)) == options
    assert pickle.loads(pickle.dumps(WriteOptions(exclude={"private"}))) == WriteOptions(exclude=["private"])


# --- conditions ------------------------------------------------------------------------------------------------


def _verdict(wanted: Any, *values: Any) -> bool | None:
    return DatasetConditions({_ID: wanted}, Limits()).new_state().add(_ID, values)


@pytest.mark.parametrize(
    ("wanted", "values"),
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
def test_values_fit(wanted: Any, values: tuple[Any, ...]) -> None:
    assert _verdict(wanted, *values) is True


@pytest.mark.parametrize(
    ("wanted", "values"),
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
def test_values_do_not_fit(wanted: Any, values: tuple[Any, ...]) -> None:
    assert _verdict(wanted, *values) is False


def test_all_conditions_must_hold() -> None:
    wanted = DatasetConditions({"PatientID": "1", "PatientName": None}, Limits())
    state = wanted.new_state()
    assert state.add(0x00080060, ("CT",)) is None
    assert state.add(_ID, ("1",)) is None
    assert state.finish()
    other = wanted.new_state()
    assert not other.finish()  # the ID is missing


@pytest.mark.parametrize("key", ["0010", "0010xxxx", "private", "PN", "Foo", "00081140.00081155"])
def test_a_condition_is_about_one_tag(key: str) -> None:
    with pytest.raises(ValueError, match=repr(key)):
        ReadOptions(where={key: "1"})
