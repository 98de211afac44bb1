"""Reports and progress."""

from __future__ import annotations

import json

import pytest

from streamdicom.archive import Progress, Report, Skipped
from streamdicom.archive.report import Ticker


def test_a_report_is_complete_without_anything_skipped() -> None:
    assert Report(datasets=1, passed_over=5).is_complete
    assert not Report(skipped=[Skipped("a", "b")]).is_complete


def test_a_report_is_json() -> None:
    report = Report(2, 1, [Skipped("a", "b")])
    assert json.loads(json.dumps(report.to_dict())) == {
        "datasets": 2,
        "passed_over": 1,
        "skipped": [{"name": "a", "reason": "b"}],
        "warnings": {},
    }


def test_a_warning_is_given_once_and_counted() -> None:
    report = Report()
    with pytest.warns(UserWarning, match=r"^a: odd$"):
        report.warn("a", "odd")
    report.warn("b", "odd")  # or it would be an error in these tests
    assert report.warnings == {"odd": 2}


def test_time_left_follows_from_the_rate() -> None:
    progress = Progress(1, 4, 300, 900, elapsed=2.0, size_before=100)
    assert progress.rate == 100
    assert progress.time_left == 6
    assert Progress(1, None, 300, None, 2.0).time_left is None
    assert Progress(0, 4, 0, 900, 0.0).time_left is None
    assert Progress(5, 4, 1000, 900, 1.0).time_left == 0


def test_progress_is_told_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress] = []
    ticker = Ticker(told.append)
    for _ in range(1000):
        ticker.advance(1, 10)
    assert len(told) < 10
    ticker.advance_before(5, 50)
    ticker.tell()
    assert (told[-1].files, told[-1].size, told[-1].size_before) == (1005, 10_050, 50)
    monkeypatch.setattr("streamdicom.archive.report._PAUSE", -1.0)
    ticker.advance(1, 1)
    assert told[-1].files == 1006
