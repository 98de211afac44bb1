"""The index and the parts of a folder."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
from itertools import chain
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

import streamdicom
from streamdicom import IndexMismatchError, InputError, archive
from streamdicom.events import START_DATASET
from streamdicom.index import FilesIndex, build_index, open_index, plan_splits, sidecar_of
from tests.index.test_planning import text_of

_NAMES = ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "JPEG2000.dcm")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "inner").mkdir(parents=True)
    for name in _NAMES:
        shutil.copy(get_testdata_file(name), folder / "inner" / name)
    (folder / "a.json").write_bytes(text_of(40, "array"))
    (folder / "b.ndjson").write_bytes(text_of(7, "lines"))
    (folder / "c.json.gz").write_bytes(gzip.compress(text_of(5, "array")))
    (folder / "d.json").write_bytes(b'[{"00100020":{"vr":"LO"}}, ' + b"{}, " * 2000 + b"{}]")
    streamdicom.dump(list(streamdicom.iter_datasets(folder / "b.ndjson"))[:1], folder / "e.xml")
    (folder / "notes.txt").write_text("not a data set")
    (folder / "z.json").write_bytes(text_of(3, "concatenated"))
    return folder


def test_data_sets_are_those_of_the_folder(folder: Path) -> None:
    whole = list(archive.iter_datasets(folder))
    assert len(whole) == 40 + 7 + 5 + 2002 + 1 + len(_NAMES) + 3
    with build_index(folder) as index:
        assert isinstance(index, FilesIndex)
        assert len(index) == len(whole)
        assert list(index.iter_datasets()) == whole
        found, expected = list(index.iter_events()), list(archive.iter_events(folder))
        assert [event for event in found if event[0] != START_DATASET] == [
            event for event in expected if event[0] != START_DATASET
        ]
        assert [event[3] for event in found if event[0] == START_DATASET] == list(range(len(whole)))
        for ordinal in (*range(54), *range(1980, len(whole), 9)):
            assert index[ordinal] == whole[ordinal]
        assert index[-4:] == whole[-4:]
        for start in range(0, len(whole), 37):
            assert list(index.iter_datasets(start, start + 50)) == whole[start : start + 50]


def test_data_set_is_found_by_its_sop_instance_uid(folder: Path) -> None:
    whole = list(archive.iter_datasets(folder))
    numbers: dict[str, list[int]] = {}
    for number, ds in enumerate(whole):
        if "SOPInstanceUID" in ds:
            numbers.setdefault(ds.SOPInstanceUID, []).append(number)
    assert len(numbers) > 40
    build_index(folder).close()
    with open_index(folder) as index:
        for uid, found in numbers.items():
            assert index.ordinals(uid) == found
        with pytest.raises(KeyError):
            index["1.2.3.4.5.6"]


def test_raw_is_the_text_or_the_file(folder: Path) -> None:
    with build_index(folder) as index:
        assert json.loads(index.raw(1)) == json.loads((folder / "a.json").read_text())[1]
        assert json.loads(index.raw(39)) == json.loads((folder / "a.json").read_text())[39]
        number = len(index) - 3 - len(_NAMES)
        assert index.raw(number) == (folder / "inner" / "CT_small.dcm").read_bytes()
        with pytest.raises(ValueError, match="raw needs JSON"):
            index.raw(47)


def test_dicom_file_has_an_index(tmp_path: Path) -> None:
    path = tmp_path / "ct"
    shutil.copy(get_testdata_file("CT_small.dcm"), path)
    with build_index(path) as index:
        assert [ds.Modality for ds in index.iter_datasets()] == ["CT"]
        assert index[index[0].SOPInstanceUID] == index[0]
    assert [split.source for split in plan_splits(path, parts=3, index="require")] == [str(path)]


@pytest.mark.parametrize("change", ["append", "rename", "new", "remove"])
def test_changed_folder_is_refused(folder: Path, change: str) -> None:
    build_index(folder).close()
    if change == "append":
        with (folder / "b.ndjson").open("ab") as file:
            file.write(b"{}\n")
    elif change == "rename":
        (folder / "b.ndjson").rename(folder / "bb.ndjson")
    elif change == "new":
        (folder / "new.json").write_text("{}")
    else:
        (folder / "z.json").unlink()
    with pytest.raises(IndexMismatchError, match="the files have changed"):
        open_index(folder)
    with pytest.raises(IndexMismatchError):
        plan_splits(folder)


def test_file_that_changes_later_is_refused(folder: Path) -> None:
    with build_index(folder) as index:
        shutil.copy(folder / "inner" / "MR_small.dcm", folder / "inner" / "CT_small.dcm")
        with pytest.raises(IndexMismatchError, match="a file has changed"):
            index[len(index) - 3 - len(_NAMES)]
        assert index[0]


def test_every_forged_byte_is_noticed_or_harmless(folder: Path) -> None:
    for name in ("d.json", "a.json"):
        (folder / name).unlink()
    whole = list(archive.iter_datasets(folder))
    build_index(folder).close()
    place = Path(sidecar_of(folder))
    data = place.read_bytes()
    for offset in range(0, len(data), 3):
        place.write_bytes(data[:offset] + bytes([data[offset] ^ 0x11]) + data[offset + 1 :])
        try:
            with open_index(folder) as index:
                assert list(index.iter_datasets()) == whole
        except IndexMismatchError:
            pass
    for length in range(0, len(data), 7):
        place.write_bytes(data[:length])
        with pytest.raises(IndexMismatchError):
            open_index(folder)


@pytest.mark.slow
def test_verify_finds_other_places(folder: Path) -> None:
    build_index(folder).close()
    open_index(folder, verify=True).close()
    state = (folder / "b.ndjson").stat()
    text = (folder / "b.ndjson").read_bytes()
    (folder / "b.ndjson").write_bytes(text.replace(b"\n", b" ", 1).replace(b'{"', b'{}{"', 1)[: len(text)])
    os.utime(folder / "b.ndjson", ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(IndexMismatchError, match="other places"):
        open_index(folder, verify=True)


@pytest.mark.parametrize(
    ("name", "data"),
    [("bad.dcm", b""), ("a.zip", b"PK\x03\x04"), ("a.json", b'{"00100020":{"vr":"LO"}} // a comment')],
)
def test_file_that_cannot_be_read_is_named(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)
    with pytest.raises(InputError, match=name):
        build_index(folder)
    assert not Path(sidecar_of(folder)).exists()
    if name != "a.json":
        with pytest.raises(InputError, match=name):
            plan_splits(folder)


@pytest.mark.parametrize("use", ["auto", "guess", "build", "require"])
@pytest.mark.parametrize("parts", [1, 3, 50, *[pytest.param(parts, marks=pytest.mark.slow) for parts in (2, 7)]])
def test_parts_have_the_data_sets_of_the_folder(folder: Path, use: str, parts: int) -> None:
    if use == "require":
        build_index(folder).close()
    whole = list(archive.iter_datasets(folder))
    splits = pickle.loads(pickle.dumps(plan_splits(folder, parts=parts, index=use)))
    assert list(chain.from_iterable(split.iter_datasets() for split in splits)) == whole
    found = [event[:3] for split in splits for event in split.iter_events()]
    assert found == [event[:3] for event in archive.iter_events(folder)]
    assert len(splits) <= 2 * parts + 2


def test_short_files_are_grouped(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number:03}.json").write_bytes(text_of(2, "array"))
    splits = plan_splits(tmp_path, parts=4)
    assert len(splits) == 4
    assert sum(1 for split in splits for _ in split.iter_datasets()) == 200


def test_empty_folder_has_no_data_sets(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with build_index(tmp_path / "empty") as index:
        assert len(index) == 0
        assert list(index.iter_datasets()) == []
    assert plan_splits(tmp_path / "empty") == []
