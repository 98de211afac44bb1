"""Reports and progress."""

from __future__ import annotations

import json

import pytest

from streamdicom.archive import Report, Skipped


def test_report_is_complete_if_nothing_is_skipped() -> None:
    assert Report(datasets=1, passed_over=["a"], passed_over_count=1).is_complete
    assert not Report(skipped=[Skipped("a", "b")]).is_complete


def test_report_can_be_written_as_json() -> None:
    report = Report(2, ["c"], 1, 3, [Skipped("a", "b")])
    assert json.loads(json.dumps(report.to_dict())) == {
        "datasets": 2,
        "passed_over": ["c"],
        "passed_over_count": 1,
        "not_selected": 3,
        "skipped": [{"name": "a", "reason": "b"}],
        "warnings": {},
        "deidentification": None,
        "unchanged": 0,
    }


def test_names_of_inputs_passed_over_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdicom.archive.report._MAX_NAMES", 3)
    report = Report()
    report.pass_over("ab")
    report.pass_over("cde")
    assert (report.passed_over, report.passed_over_count) == (["a", "b", "c"], 5)


def test_warning_is_issued_once_and_counted() -> None:
    report = Report()
    with pytest.warns(UserWarning, match=r"^a: odd$"):
        report.warn("a", "odd")
    report.warn("b", "odd")  # a second warning would be an error in these tests
    assert report.warnings == {"odd": 2}
