"""The benchmarks run: their commands are text, which no type checker sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import processes
from bench.multiframe import write_files


@pytest.mark.slow
def test_whole_processes_write_equal_json(tmp_path: Path) -> None:
    measured = processes.measure(write_files(tmp_path, 4), tmp_path)

    commands = {process.command for process in measured if process.seconds}
    assert commands >= {"Python with the library", "streamdicom convert"}
