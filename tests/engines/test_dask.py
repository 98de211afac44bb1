"""Dask: bags and frames, their partitions, and the end of a worker."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("dask.dataframe", reason="Dask is not installed")
pytest.importorskip("distributed", reason="Dask is not installed")

import dask.dataframe as dd
import pandas as pd
from distributed import CancelledError, Client, KilledWorker, LocalCluster
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom import IndexMismatchError, ReadOptions
from streamdicom.columns import read
from streamdicom.engines.dask import to_bag, to_dataframe
from tests.engines.conftest import COLUMNS

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


def hashes(frame: pd.DataFrame) -> list[int]:
    """Return the hashes of the rows, sorted."""
    return sorted(pd.util.hash_pandas_object(frame.astype(str), index=False))


def test_frame_has_the_rows_of_the_whole(path: Path) -> None:
    frame = to_dataframe(path, columns=COLUMNS, parts=7)
    assert frame.npartitions == 7
    whole = read(path, columns=COLUMNS).to_table().to_pandas(types_mapper=pd.ArrowDtype)
    found = frame.compute(scheduler="sync").reset_index(drop=True)
    pd.testing.assert_frame_equal(found, whole)
    assert dict(frame.dtypes) == dict(whole.dtypes)


def test_projection_reads_the_elements_that_it_uses(path: Path) -> None:
    path.write_text(path.read_text().replace('"20240201"', '"2024"', 1))  # does not fit its column
    frame = to_dataframe(path, columns=COLUMNS, parts=3)
    assert sum(frame["Rows"].compute(scheduler="sync")) == sum(range(200))
    with pytest.raises(streamdicom.ColumnError):
        frame["StudyDate"].compute(scheduler="sync")


def test_rows_are_counted_without_a_column(path: Path) -> None:
    assert len(to_dataframe(path, columns=COLUMNS, parts=3)) == 200


def test_bag_has_the_data_sets_of_the_whole(path: Path) -> None:
    bag = to_bag(path, parts=5, options=ReadOptions(where={"Modality": "CT"}))
    assert bag.npartitions == 5
    expected = [ds for ds in streamdicom.iter_datasets(path) if ds.Modality == "CT"]
    assert bag.compute(scheduler="sync") == expected


def test_folder_of_files_is_grouped(tmp_path: Path) -> None:
    for number in range(20):
        shutil.copy(get_testdata_file("CT_small.dcm"), tmp_path / f"{number}.dcm")
    bag = to_bag(tmp_path, parts=4)
    assert 4 <= bag.npartitions <= 5
    assert bag.pluck("PatientID").count().compute(scheduler="sync") == 20
    frame = to_dataframe(tmp_path, columns=["PatientID", "_source"], parts=4)
    assert frame["_source"].nunique().compute(scheduler="sync") == 20


def test_source_without_data_sets_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text("[]")
    assert to_bag(tmp_path / "in.json").compute(scheduler="sync") == []
    assert len(to_dataframe(tmp_path / "in.json", columns=["PatientID"])) == 0


def test_changed_source_is_an_error_of_planning(path: Path) -> None:
    streamdicom.build_index(path).close()
    path.write_text(path.read_text().replace("Doe^1", "Doe^2"))
    with pytest.raises(IndexMismatchError, match=str(path)):
        to_bag(path, parts=2)
    with pytest.raises(IndexMismatchError, match=str(path)):
        to_dataframe(path, columns=COLUMNS, index="require")


# --- on a cluster ----------------------------------------------------------------------------------------------


@pytest.fixture
def client() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def killed_once(frame: pd.DataFrame, marker: str) -> pd.DataFrame:
    """Kill the worker, the first time that a process is here."""
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return frame
    os.kill(os.getpid(), signal.SIGKILL)
    return frame


def shuffled(path: Path, marker: Path, method: str) -> dd.DataFrame:
    """Return a shuffled frame; computing it kills a worker."""
    frame = to_dataframe(path, columns=["PatientID", "SOPInstanceUID", "Rows", "StudyDate"], parts=8)
    moved = frame.shuffle("PatientID", npartitions=4, shuffle_method=method)
    return moved.map_partitions(killed_once, str(marker), meta=frame._meta)


def expected_hashes(path: Path) -> list[int]:
    columns = ["PatientID", "SOPInstanceUID", "Rows", "StudyDate"]
    return hashes(to_dataframe(path, columns=columns, parts=8).compute(scheduler="sync"))


def test_worker_killed_in_a_shuffle_changes_nothing(path: Path, tmp_path: Path, client: Client) -> None:
    marker = tmp_path / "killed"
    found = shuffled(path, marker, "tasks").compute()
    assert marker.exists()
    assert hashes(found) == expected_hashes(path)


def test_worker_killed_in_a_p2p_shuffle_changes_nothing(path: Path, tmp_path: Path, client: Client) -> None:
    """On a busy machine, Dask does not always begin a P2P shuffle again."""
    marker = tmp_path / "killed"
    future = client.compute(shuffled(path, marker, "p2p"))
    try:
        found = future.result(timeout=60)
    except (RuntimeError, TimeoutError, KilledWorker, CancelledError) as error:
        assert marker.exists()
        pytest.skip(f"Dask did not begin its P2P shuffle again: {type(error).__name__}")
    assert marker.exists()
    assert hashes(found) == expected_hashes(path)


def test_error_has_its_place(path: Path, client: Client) -> None:
    path.write_text(path.read_text().replace('"20240205"', '"2024"', 1))
    with pytest.raises(streamdicom.ColumnError, match=r"\[4\].00080020 StudyDate"):
        to_dataframe(path, columns=COLUMNS, parts=8).compute()
