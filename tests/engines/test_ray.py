"""Ray: the rows of the whole, and errors of planning. ``tox -e ray`` runs this."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed")

import pyarrow as pa
import ray

import streamdicom
from streamdicom import IndexMismatchError
from streamdicom.columns import read
from streamdicom.engines.ray import read as read_dataset
from tests.engines.conftest import COLUMNS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def test_dataset_has_the_rows_of_the_whole(path: Path) -> None:
    dataset = read_dataset(path, columns=COLUMNS, parts=5)
    table = pa.concat_tables(ray.get(dataset.to_arrow_refs()))
    assert (
        sorted(table.to_pylist(), key=lambda row: row["_index"]) == read(path, columns=COLUMNS).to_table().to_pylist()
    )
    (path.parent / "empty.json").write_text("[]")
    assert read_dataset(path.parent / "empty.json", columns=COLUMNS).count() == 0


def test_changed_source_is_an_error_of_planning(path: Path) -> None:
    streamdicom.build_index(path).close()
    path.write_text(path.read_text().replace("Doe^1", "Doe^2"))
    with pytest.raises(IndexMismatchError, match=str(path)):
        read_dataset(path, columns=COLUMNS, parts=2)
