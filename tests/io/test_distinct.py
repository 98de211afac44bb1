"""Outputs that would replace an input."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamdicom.io import check_distinct


def test_outputs_and_inputs_are_compared_by_the_file_that_they_name(tmp_path: Path) -> None:
    one, link = tmp_path / "one", tmp_path / "link"
    one.touch()
    link.symlink_to(one)
    with pytest.raises(ValueError, match="the report would replace the input"):
        check_distinct({"the report": link}, [one])
    with pytest.raises(ValueError, match="the manifest would replace the report"):
        check_distinct({"the report": one, "the manifest": tmp_path / "." / "one"})


def test_devices_files_and_nothing_may_be_named_twice(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        check_distinct({"the output": "/dev/null", "the report": "/dev/null", "the manifest": None}, [file, None])
    check_distinct({"the output": file, "the report": file})


def test_path_that_cannot_be_looked_up_is_left_to_its_use(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_distinct({"the output": tmp_path / "out"}, [tmp_path / "file" / "in"])


def test_urls_are_compared_as_text() -> None:
    with pytest.raises(ValueError, match="would replace"):
        check_distinct({"the output": "memory://a"}, ["memory://a"])
    check_distinct({"the output": "memory://a"}, ["memory://b"])
