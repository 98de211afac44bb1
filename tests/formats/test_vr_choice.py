"""The VR of an attribute that has several, chosen by its content."""

from __future__ import annotations

from streamdicom.formats.vr_choice import choose_vr, named_vrs, possible_vrs
from tests.support.each import each


@each(
    ("vrs", "has_values", "numbers", "pixel_representation", "expected"),
    [
        (["US", "SS"], True, ["1"], 0, "US"),
        (["US", "SS"], True, ["1"], 1, "SS"),
        (["US", "SS"], True, ["40000"], 1, "US"),
        (["US", "SS"], True, ["-1"], 0, "SS"),
        (["US", "SS"], True, ["1.5"], 1, "US"),
        (["US", "SS"], True, ["x", "-1"], 0, "US"),
        (["US", "SS"], False, [], 0, "US"),
        (["US", "SS", "OW"], False, [], 1, "OW"),
        (["OB", "OW"], True, ["1"], 0, "OW"),
    ],
)
def test_vr_is_chosen_by_the_content(
    vrs: list[str], has_values: bool, numbers: list[str], pixel_representation: int, expected: str
) -> None:
    assert choose_vr(vrs, has_values, numbers, pixel_representation) == expected


@each("text", ["US or SS", "US/SS", "US|SS", "xs"])
def test_several_vrs_may_be_named(text: str) -> None:
    assert named_vrs(text) == ["US", "SS"]
    assert possible_vrs(0x00100010, text) == ["US", "SS"]


@each("text", ["", "US", "US or XX", "US or SS or OW or OB", "us or ss"])
def test_any_other_text_leaves_it_to_the_dictionary(text: str) -> None:
    assert named_vrs(text) == []
    assert possible_vrs(0x00280106, text) == ["US", "SS"]
