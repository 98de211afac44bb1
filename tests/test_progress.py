"""The progress of long work, and the bar that shows it."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest

import streamdicom
from streamdicom import Progress, ProgressBar
from streamdicom.archive import export_archive
from streamdicom.progress import Ticker

_COUNT = 4000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "in.json"
    objects = b",".join(b'{"00080018":{"vr":"UI","Value":["1.2.%d"]}}' % number for number in range(_COUNT))
    path.write_bytes(b"[%s]" % objects)
    return path


def test_time_left_follows_from_the_rate() -> None:
    progress = Progress(1, 4, 300, 900, elapsed=2.0, size_before=100)
    assert progress.rate == 100
    assert progress.time_left == 6
    assert Progress(1, None, 300, None, 2.0).time_left is None
    assert Progress(0, 4, 0, 900, 0.0).time_left is None
    assert Progress(5, 4, 1000, 900, 1.0).time_left == 0


def test_progress_is_reported_at_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Progress] = []
    ticker = Ticker(reported.append)
    for _ in range(1000):
        ticker.advance(1, 10)
    assert len(reported) < 10
    ticker.advance_before(5, 50)
    ticker.finish()
    assert (reported[-1].files, reported[-1].size, reported[-1].size_before) == (1005, 10_050, 50)
    monkeypatch.setattr("streamdicom.progress._INTERVAL", -1.0)
    ticker.advance(1, 1)
    assert reported[-1].files == 1006


@pytest.mark.parametrize("jobs", [1, 2])
def test_index_reports_its_progress_up_to_the_end(path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.progress._INTERVAL", -1.0)
    monkeypatch.setattr("streamdicom.index.build._MIN_SIZE", 1)
    reported: list[Progress] = []
    streamdicom.build_index(path, jobs=jobs, progress=reported.append).close()
    size = path.stat().st_size
    assert [one.size for one in reported] == sorted(one.size for one in reported)
    assert {one.size_known for one in reported} == {size}
    assert [one.is_complete for one in reported] == [False] * (len(reported) - 1) + [True]
    assert (reported[-1].files, reported[-1].size) == (_COUNT, size)


def test_index_of_a_compressed_source_counts_compressed_bytes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.progress._INTERVAL", -1.0)
    source = path.with_suffix(".json.gz")
    text = path.read_bytes()
    source.write_bytes(b"".join(gzip.compress(text[start : start + 9000]) for start in range(0, len(text), 9000)))
    reported: list[Progress] = []
    streamdicom.build_index(source, progress=reported.append).close()
    assert max(one.size for one in reported) == reported[-1].size == source.stat().st_size
    assert reported[-1].files == _COUNT


def test_index_of_a_folder_counts_its_files(path: Path) -> None:
    (path.parent / "b.json").write_bytes(path.read_bytes())
    reported: list[Progress] = []
    streamdicom.build_index(path.parent, progress=reported.append).close()
    assert (reported[-1].files, reported[-1].size, reported[-1].is_complete) == (2, 2 * path.stat().st_size, True)


class _Terminal:
    def __init__(self, *, is_terminal: bool) -> None:
        self.text = ""
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


@pytest.mark.parametrize("is_terminal", [True, False])
def test_bar_is_a_line_of_a_terminal(path: Path, monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    terminal = _Terminal(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    export_archive(path, path.with_name("out.ndjson"), progress=ProgressBar("Exporting"))
    lines = terminal.text.splitlines()
    assert bool(lines) == is_terminal
    if lines:
        assert terminal.text.count("\n") == 1
        assert lines[-1].split("\x1b[K")[-1].startswith(f"Exporting 100 %, {path.stat().st_size / 1000:.1f} kB in ")
