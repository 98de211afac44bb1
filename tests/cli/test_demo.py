"""``streamdicom demo``: the round trip of pydicom's test files."""

from __future__ import annotations

import pytest

import streamdicom
from streamdicom.cli import demo
from streamdicom.cli.demo import bundled_datasets, differences
from tests.cli.running import dataset, run


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # many of the files are invalid on purpose
def test_every_element_survives_the_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(demo.ProgressLine, "advance", lambda _, size: sizes.append(size))
    result = run("demo")
    assert (result.code, result.stderr) == (0, "")
    rows = dict(line.strip().rsplit("  ", 1) for line in result.stdout.decode().splitlines()[1:])
    figures = {name.strip(): value.strip() for name, value in rows.items()}
    assert figures["differences"] == "0"
    assert figures["engine"] == streamdicom.engine
    assert int(figures["elements"].replace(",", "")) > 10_000
    assert int(figures["data sets"]) > 80
    assert sizes == 2 * [path.stat().st_size for path, _ in bundled_datasets()]


def test_differences_are_found() -> None:
    one, other = dataset(), dataset()
    assert differences(one, other) == (7, [])
    other.ReferencedImageSequence[0].Rows = 3
    other.PatientID = "1"
    del other.PatientName
    assert differences(one, other)[1] == ["00100010", "00100020", "00081140[0].00280010"]
