"""A test over many cases."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.each import each


def test_failing_case_is_named_and_skipped_ones_are_passed_over() -> None:
    seen = []

    @each("one", [1, pytest.param(2, id="two"), 3])
    @each(("left", "right"), [("a", "b")])
    def test(one: int, left: str, right: str, other: int = 0) -> None:
        seen.append((one, left, right))
        if one == 1:
            pytest.skip("the first")
        assert one < 2, "too much"

    with pytest.raises(AssertionError, match="too much") as caught:
        test()
    assert caught.value.__notes__ == ["in the case 'a', 'b'", "in the case 'two'"]
    assert seen == [(1, "a", "b"), (2, "a", "b")]


def test_test_without_a_case_that_runs_is_skipped() -> None:
    @each("one", range(2))
    def test(one: int) -> None:
        pytest.skip(str(one))

    with pytest.raises(pytest.skip.Exception, match="0"):
        test()


def test_each_case_has_a_folder_and_a_patcher_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @each("outer", range(2))
    @each("inner", range(2))
    def test(outer: int, inner: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "STREAMDICOM_OF_A_CASE" not in os.environ
        monkeypatch.setenv("STREAMDICOM_OF_A_CASE", "yes")
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "file").touch()

    test(tmp_path=tmp_path, monkeypatch=monkeypatch)
    assert len(list(tmp_path.rglob("file"))) == 4
    assert "STREAMDICOM_OF_A_CASE" not in os.environ


def test_each_case_has_all_examples() -> None:
    seen = set()

    @given(text=st.sampled_from("abc"))
    @each("number", range(2))
    def test(number: int, text: str) -> None:
        seen.add((number, text))

    test()
    assert seen == {(number, text) for number in range(2) for text in "abc"}
