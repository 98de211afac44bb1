"""A real notebook: its tables and its progress bars."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

import streamdicom

nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of the client

_CELLS = [
    "import warnings, streamdicom; from streamdicom import DeviationLog, ProgressBar, ReadOptions, columns\n"
    "warnings.simplefilter('ignore')",
    "index = streamdicom.build_index('in.json', progress=ProgressBar('<i>Indexing</i>'))",
    "index",
    "next(event for event in streamdicom.iter_events('in.json') if event[1])",
    "streamdicom.describe(next(event for event in streamdicom.iter_events('in.json') if event[1]))",
    "log = DeviationLog(); list(streamdicom.iter_datasets('in.json', options=ReadOptions(on_deviation=log))); log",
    "columns.read('in.json', columns=['PatientID'])",
    "from streamdicom.archive import export_archive, import_archive\n"
    "export_archive('in.json', 'out.ndjson', progress=ProgressBar())\n"
    "import_archive('out.ndjson', 'out', progress=ProgressBar())",
    "1 / 0",
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """The outputs of each cell."""
    import nbformat

    folder = tmp_path_factory.mktemp("notebook")
    objects = [
        {"00080018": {"vr": "UI", "Value": [f"1.2.{number}"]}, "00100020": {"vr": "LO", "Value": f"<b>P{number}</b>"}}
        for number in range(2000)
    ]
    (folder / "in.json").write_text(json.dumps(objects))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in _CELLS])
    client = nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60, allow_errors=True)
    root = Path(streamdicom.__file__).parent.parent
    client.execute(cwd=str(folder), env={**os.environ, "PYTHONPATH": str(root)})
    return [cell.outputs for cell in notebook.cells]


def _html(outputs: list[Any]) -> list[str]:
    return [output.data["text/html"] for output in outputs if "text/html" in output.data]


def test_notebook_runs_and_its_faults_are_seen(outputs: list[list[Any]]) -> None:
    errors = [[output.ename for output in cell if output.output_type == "error"] for cell in outputs]
    assert errors == [[]] * (len(_CELLS) - 1) + [["ZeroDivisionError"]]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [(2, "&lt;b&gt;P1999&lt;/b&gt;"), (4, "SOPInstanceUID"), (5, "scalar-value"), (6, "&lt;b&gt;P0&lt;/b&gt;")],
)
def test_objects_show_themselves_as_tables(outputs: list[list[Any]], cell: int, expected: str) -> None:
    [table] = _html(outputs[cell])
    assert table.startswith("<table>")
    assert expected in table
    assert "<b>" not in table


@pytest.mark.parametrize(("cell", "count"), [(1, 1), (7, 2)])
def test_progress_bars_reach_their_end_in_place(outputs: list[list[Any]], cell: int, count: int) -> None:
    bars = [html for html in _html(outputs[cell]) if "<progress" in html]
    assert len(bars) == count
    for bar in bars:
        assert re.search(r'<progress max="1" value="1"></progress> .*100 %, ', bar)
        assert "<i>" not in bar
