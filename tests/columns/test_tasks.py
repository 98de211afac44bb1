"""The plan of the work: parts of long files, groups of short files."""

from __future__ import annotations

import gzip
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import fsspec
import pytest
from pydicom.data import get_testdata_file

pytest.importorskip("pyarrow")

import pyarrow as pa

import streamdicom
from streamdicom import IndexMismatchError, Split
from streamdicom.columns import plan_tasks, read

_COLUMNS = ["PatientID", "_index", "_offset", "_source"]


def text(count: int) -> str:
    return json.dumps([{"00100020": {"vr": "LO", "Value": [f"{number}"]}} for number in range(count)])


def rows(parts: list[Any]) -> pa.Table:
    return pa.concat_tables([pickle.loads(pickle.dumps(part)).to_table() for part in parts])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two long arrays, and ten DICOM files between them."""
    (tmp_path / "a.json").write_text(text(1000))
    (tmp_path / "z.json").write_text(text(1000))
    for number in range(10):
        shutil.copy(get_testdata_file("CT_small.dcm"), tmp_path / f"{number}.dcm")
    (tmp_path / "notes.txt").write_text("no data set")
    return tmp_path


@pytest.mark.parametrize("target", ["5 kB", "100 kB", "64 MiB"])
def test_parts_have_the_rows_of_the_whole(target: str, folder: Path) -> None:
    whole = read(folder, columns=_COLUMNS)
    parts = whole.parts(target=target)
    assert rows(parts).equals(whole.to_table())
    assert len(whole.to_table()) == 2010


def test_long_files_are_split_and_short_files_are_grouped(folder: Path) -> None:
    tasks = list(plan_tasks([folder], target=20_000))
    split = [task for task in tasks if isinstance(task[0], Split)]
    assert len(split) >= 4
    assert all(len(task) == 1 for task in split)
    [*groups] = [task for task in tasks if task not in split]
    assert sum(map(len, groups)) == 10
    assert list(plan_tasks([folder])) == [[str(path) for path in sorted(folder.glob("*.[dj]*"))]]


@pytest.mark.parametrize("count", [1, 2, 7, 50])
def test_array_has_the_number_of_parts(count: int, folder: Path) -> None:
    whole = read(folder / "a.json", columns=_COLUMNS)
    parts = whole.parts(count=count)
    assert len(parts) == count
    assert rows(parts).equals(whole.to_table())


def test_parts_of_parts_stay(folder: Path) -> None:
    splits = streamdicom.plan_splits(folder / "a.json", parts=3)
    assert list(plan_tasks(splits)) == [[split] for split in splits]


def test_members_with_an_index_are_split(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.json.gz"
    data = text(1000).encode()
    middle = data.index(b', {"', len(data) // 2)
    path.write_bytes(gzip.compress(data[:middle]) + gzip.compress(data[middle:]))
    assert len(list(plan_tasks([path], target=1000))) == 1
    streamdicom.build_index(path).close()
    whole = read(path, columns=_COLUMNS)
    parts = whole.parts(target=1000)
    assert len(parts) > 10
    assert rows(parts).drop_columns("_offset").equals(whole.to_table().drop_columns("_offset"))


@pytest.mark.parametrize("name", ["a.json", "0.dcm"])
def test_url_is_read_like_a_file(name: str, folder: Path) -> None:
    url = f"memory://tasks/{name}"
    fsspec.filesystem("memory").pipe_file(f"/tasks/{name}", (folder / name).read_bytes())
    columns = ["PatientID", "_index", "_offset"]
    parts = read(url, columns=columns).parts(target="10 kB")
    assert len(parts) == (1 if name.endswith("dcm") else 5)
    assert rows(parts).equals(read(folder / name, columns=columns).to_table())
    tasks = list(plan_tasks([url], parts=2))
    found = {source.source if isinstance(source, Split) else source for task in tasks for source in task}
    assert {place.replace(":///", "://") for place in found} == {url}


def test_changed_source_is_an_error_of_planning(folder: Path) -> None:
    path = folder / "a.json"
    streamdicom.build_index(path).close()
    path.write_text(text(1000).replace('"17"', '"71"'))
    stream = read(folder, columns=_COLUMNS)
    with pytest.raises(IndexMismatchError, match=r"a\.json"):
        stream.parts(target=1000)
    with pytest.raises(IndexMismatchError, match=r"a\.json"):
        stream.parts(index="require")
    with pytest.raises(FileNotFoundError):
        read(folder / "z.json", columns=_COLUMNS).parts(index="require")


def test_choices_are_checked() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        list(plan_tasks(["a.json"], parts=0))
    with pytest.raises(ValueError, match="expected a size"):
        list(plan_tasks(["a.json"], target="much"))
