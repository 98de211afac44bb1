"""The tables that notebooks show."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

import streamdicom
from streamdicom import DeviationLog, EventType, ReadOptions

_HOSTILE = "<img src=x onerror=alert(1)>"


class _Cells(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "in.json"
    objects = [{"00100020": {"vr": "LO", "Value": [f"{_HOSTILE}{number}"]}} for number in range(9)]
    path.write_text(json.dumps(objects))
    return path


def test_index_shows_its_first_data_sets_and_the_last(path: Path) -> None:
    with streamdicom.build_index(path) as index:
        found = _Cells(index._repr_html_())
    assert "img" not in found.tags
    assert [cell for cell in found.cells if cell.startswith("<img")] == [f"{_HOSTILE}{n}" for n in (0, 1, 2, 3, 4, 8)]
    path.write_text("[{}]")
    with streamdicom.build_index(path) as index:
        assert _Cells(index._repr_html_()).cells.count("0") == 1


def test_log_shows_its_codes() -> None:
    log = DeviationLog()
    streamdicom.loads('{"00100020": {"vr": "LO", "Value": "17"}}', options=ReadOptions(on_deviation=log))
    assert _Cells(log._repr_html_()).cells[4:7] == ["1", "warning", "scalar-value"]


def test_columns_show_their_first_rows(path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    from streamdicom import columns

    found = _Cells(columns.read(path, columns=["PatientID", "_index"])._repr_html_())
    assert found.cells == ["PatientID", "_index"] + [cell for n in range(5) for cell in (f"{_HOSTILE}{n}", str(n))]
    path.write_text("[]")
    assert _Cells(columns.read(path, columns=["PatientID"])._repr_html_()).cells == ["PatientID"]


def test_event_is_a_row() -> None:
    found = _Cells(streamdicom.describe((EventType.ELEMENT, 0x00100020, "LO", (_HOSTILE,)))._repr_html_())
    assert found.cells[5:] == ["ELEMENT", "(0010,0020)", "LO", "PatientID", _HOSTILE]
    assert "img" not in found.tags
    assert _Cells(streamdicom.describe((EventType.START_DATASET, 0, "", 7))._repr_html_()).cells[-1] == "7"
