"""The command ``index``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import run


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a file that cannot be read at an offset")
def test_error_of_a_read_names_the_file() -> None:
    assert run("index", "/proc/version").error == "/proc/version: Invalid argument"
