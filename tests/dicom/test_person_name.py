"""Component groups of person names."""

from __future__ import annotations

import pytest

from streamdicom.dicom.person_name import join_name, split_name
from tests.support.each import each


@each(
    ("text", "name"),
    [
        ("", ("", "", "")),
        ("a", ("a", "", "")),
        ("a=b=c", ("a", "b", "c")),
        ("=b", ("", "b", "")),
        ("==c", ("", "", "c")),
        ("a=b=c=d", ("a", "b", "c=d")),
    ],
)
def test_names_are_split_and_joined(text: str, name: tuple[str, str, str]) -> None:
    assert split_name(text) == name
    assert split_name(text + "==") == name
    assert join_name(name) == text


def test_empty_value_is_an_empty_name() -> None:
    assert join_name(None) == ""


def test_text_is_not_joined() -> None:
    with pytest.raises(TypeError, match="component groups"):
        join_name("Doe^Jane")  # type: ignore[arg-type]
