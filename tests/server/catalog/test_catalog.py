"""The catalog of a folder; searches are compared with loops over data sets."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

import streamdicom
from streamdicom.errors import InputError
from streamdicom.progress import Progress
from streamdicom.server import Catalog, Refreshed, parse_query
from streamdicom.server.catalog import records
from streamdicom.server.catalog.catalog import FOLDER
from streamdicom.server.catalog.database import ASIDE
from streamdicom.server.qido.attributes import Level
from streamdicom.server.qido.plan import Plan, Renderer
from tests.server.corpus import DATES, MODALITIES, dataset, fill, has_wild_value, studies, write
from tests.support.each import each
from tests.support.memory import peak

_COUNT = 96


def raising(error: Exception) -> NoReturn:
    raise error


def _found(index: Catalog, level: Level, text: str = "", **path: str) -> list[dict[str, Any]]:
    return [json.loads(one) for one in index.search(parse_query(level, text), **path)]


def _values(found: list[dict[str, Any]], key: str) -> list[Any]:
    return [one.get(key, {}).get("Value", [None])[0] for one in found]


def _uids(index: Catalog) -> list[str]:
    return [entry.instance for entry in index.entries()]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, list[Dataset]]]:
    folder = tmp_path_factory.mktemp("archive")
    datasets = fill(folder, _COUNT)
    with Catalog(folder) as index:
        assert index.refresh() == Refreshed(_COUNT, 0, 0)
        yield index, datasets


# --- searches --------------------------------------------------------------------------------------------------


def test_study_has_all_attributes_of_the_standard(filled: tuple[Catalog, list[Dataset]]) -> None:
    index, _ = filled
    [found] = _found(index, Level.STUDY, "StudyInstanceUID=1.2.1.2", base_url="https://pacs.example.org/dicomweb")
    # Table 10.6.3-3, of the data sets 8 to 11.
    assert found == {
        "00080020": {"vr": "DA", "Value": ["20231231"]},
        "00080030": {"vr": "TM", "Value": ["235959"]},
        "00080050": {"vr": "SH"},
        "00080056": {"vr": "CS", "Value": ["ONLINE"]},
        "00080061": {"vr": "CS", "Value": ["MR", "SR"]},
        "00080090": {"vr": "PN"},
        "00081190": {"vr": "UR", "Value": ["https://pacs.example.org/dicomweb/studies/1.2.1.2"]},
        "00100010": {
            "vr": "PN",
            "Value": [{"Alphabetic": "Roe^Richard", "Ideographic": "ロウ", "Phonetic": "ろう"}],
        },
        "00100020": {"vr": "LO", "Value": ["P2"]},
        "00100030": {"vr": "DA"},
        "00100040": {"vr": "CS"},
        "0020000D": {"vr": "UI", "Value": ["1.2.1.2"]},
        "00200010": {"vr": "SH"},
        "00201206": {"vr": "IS", "Value": [2]},
        "00201208": {"vr": "IS", "Value": [4]},
    }
    assert list(found) == sorted(found)


def test_series_has_study_attributes_in_a_search_of_all_series(
    filled: tuple[Catalog, list[Dataset]],
) -> None:
    index, _ = filled
    [_, found] = _found(index, Level.SERIES, study="1.2.1.2")
    assert _values([found], "0020000E") == ["1.2.2.5"]
    assert _values([found], "00201209") == [2]
    assert [len(one["00400275"]["Value"]) for one in [found]] == [2]
    assert "00100020" not in found
    [asked] = _found(index, Level.SERIES, "includefield=PatientID&SeriesInstanceUID=1.2.2.5", study="1.2.1.2")
    assert _values([asked], "00100020") == ["P2"]
    [among_all] = _found(index, Level.SERIES, "SeriesInstanceUID=1.2.2.5")
    assert _values([among_all], "00100020") == ["P2"]
    assert _values([among_all], "00201208") == [4]


def test_instance_returns_any_attribute_of_its_file(filled: tuple[Catalog, list[Dataset]]) -> None:
    index, _ = filled
    [found] = _found(index, Level.INSTANCE, "SOPInstanceUID=1.2.3.9&includefield=KVP,PixelData")
    assert _values([found], "00180060") == [120]
    assert _values([found], "00081190") == ["/studies/1.2.1.2/series/1.2.2.4/instances/1.2.3.9"]
    assert _values([found], "0020000D") == ["1.2.1.2"]
    [short] = _found(index, Level.INSTANCE, "SOPInstanceUID=1.2.3.9", study="1.2.1.2", series="1.2.2.4")
    assert not {"00180060", "0020000D", "0020000E"} & set(short)
    assert _values([short], "00280010") == [16]


def test_pages_are_parts_of_the_whole(filled: tuple[Catalog, list[Dataset]]) -> None:
    index, datasets = filled
    whole = _values(_found(index, Level.INSTANCE), "00080018")
    assert whole == [ds.SOPInstanceUID for ds in datasets]
    pages = [_values(_found(index, Level.INSTANCE, f"limit=7&offset={at}"), "00080018") for at in range(0, 100, 7)]
    assert list(chain.from_iterable(pages)) == whole
    assert _found(index, Level.INSTANCE, "limit=0") == []
    assert _found(index, Level.STUDY, "offset=1000") == []


def test_unknown_uid_finds_nothing(filled: tuple[Catalog, list[Dataset]]) -> None:
    index, _ = filled
    for uid in ("1.2.9", "", "../../etc/passwd", "1.2.1.2' OR '1'='1", "%", "*", "\x00", "\ud800"[:0] + "é"):
        assert _found(index, Level.SERIES, study=uid) == []
        assert list(index.entries(uid)) == []
        assert list(index.entries("1.2.1.2", uid)) == []
        assert list(index.entries("1.2.1.2", "1.2.2.4", uid)) == []


_DATES = st.sampled_from([*DATES, "2023-"])


def _is_name(ds: Dataset, key: str) -> bool:
    return any(has_wild_value(group.casefold(), key.casefold()) for group in str(ds.PatientName).split("=") if group)


@given(
    st.sampled_from(["doe*", "*^*", "D?E*", "ロウ", "MÜLLER*", "*[*", "*?^odd", "x", "*"]),
    st.sampled_from([*DATES, "2023-"]),
)
def test_search_finds_the_same_studies_as_a_loop(filled: tuple[Catalog, list[Dataset]], name: str, date: str) -> None:
    index, datasets = filled
    key = "20230101-20240101" if date.endswith("-") else date
    found = _found(index, Level.STUDY, f"PatientName={name}&StudyDate={key}")

    def is_right(ds: Dataset) -> bool:
        is_date = not key or ("20230101" <= ds.StudyDate <= "20240101" if "-" in key else ds.StudyDate == key)
        return is_date and (name == "*" or _is_name(ds, name)) and (not key or bool(ds.StudyDate))

    assert _values(found, "0020000D") == [uid for uid, [ds, *_] in studies(datasets).items() if is_right(ds)]


@pytest.mark.parametrize("modality", [*MODALITIES, "XX"])
def test_modalities_in_study_are_collected_from_series(filled: tuple[Catalog, list[Dataset]], modality: str) -> None:
    index, datasets = filled
    found = _found(index, Level.STUDY, f"ModalitiesInStudy={modality}")
    expected = [uid for uid, rows in studies(datasets).items() if modality in {ds.Modality for ds in rows}]
    assert _values(found, "0020000D") == expected
    found = _found(index, Level.SERIES, f"Modality={modality}")
    series = {str(ds.SeriesInstanceUID): None for ds in datasets if ds.Modality == modality}
    assert _values(found, "0020000E") == list(series)


def test_all_keys_within_a_sequence_must_match_in_one_item(filled: tuple[Catalog, list[Dataset]]) -> None:
    index, datasets = filled
    inner = "RequestAttributesSequence.ScheduledProcedureStepID={}&00400275.00401001={}"
    for step, procedure in (("S0", "R1"), ("S9", "R9"), ("S9", "R1"), ("*", "R2")):
        found = _found(index, Level.SERIES, inner.format(step, procedure))
        expected = {
            str(ds.SeriesInstanceUID): None
            for ds in datasets
            if any(
                step in ("*", item.ScheduledProcedureStepID) and item.RequestedProcedureID == procedure
                for item in ds.RequestAttributesSequence
            )
        }
        assert _values(found, "0020000E") == list(expected)


def test_date_and_its_time_are_one_range(filled: tuple[Catalog, list[Dataset]]) -> None:
    index, _ = filled
    # 20231231 at 235959 is within, though 2359 is not between 10 and 18 o'clock.
    found = _found(index, Level.STUDY, "StudyDate=20231230-20240101&StudyTime=1000-1800")
    assert set(_values(found, "00080020")) == {"20231231", "20240101"}
    found = _found(index, Level.STUDY, "StudyDate=20231230-20240101&StudyTime=1000-1014")
    assert set(_values(found, "00080020")) == {"20231231"}


def test_uid_list_accepts_both_delimiters(filled: tuple[Catalog, list[Dataset]]) -> None:
    index, _ = filled
    for delimiter in (",", "%5C"):
        found = _found(index, Level.STUDY, f"StudyInstanceUID=1.2.1.3{delimiter}1.2.1.1")
        assert _values(found, "0020000D") == ["1.2.1.1", "1.2.1.3"]


# --- places ---------------------------------------------------------------------------------------------


def test_instances_of_dicom_files_are_found_again(filled: tuple[Catalog, list[Dataset]]) -> None:
    index, datasets = filled
    assert _uids(index) == [ds.SOPInstanceUID for ds in datasets]
    assert [one.instance for one in index.entries("1.2.1.2")] == [f"1.2.3.{number}" for number in range(8, 12)]
    assert [one.instance for one in index.entries("1.2.1.2", "1.2.2.5")] == ["1.2.3.10", "1.2.3.11"]
    [entry] = index.entries("1.2.1.2", "1.2.2.5", "1.2.3.11")
    assert b"".join(entry.chunks()) == Path(entry.path).read_bytes()
    assert not list(index.entries("1.2.1.3", "1.2.2.5", "1.2.3.11"))


@pytest.mark.parametrize("form", ["array", "indented", "lines", "one", "comments"])
def test_data_sets_of_dicom_json_are_found_again_by_their_bytes(tmp_path: Path, form: str) -> None:
    datasets = [dataset(number) for number in range(1 if form == "one" else 40)]
    datasets[-1].PatientName = 'a"}]{[ä\\' + "x" * 60  # looks like the end of the object
    texts = [json.dumps(ds.to_json_dict()) for ds in datasets]
    text = {
        "array": "[" + ",".join(texts) + "]",
        "indented": json.dumps([ds.to_json_dict() for ds in datasets], indent=4),
        "lines": "\n".join(texts),
        "one": texts[0],
        "comments": "\ufeff [ // {\n" + ", /* } */ ".join(texts) + ",]",
    }[form]
    (tmp_path / "some.json").write_text(text, encoding="utf-8")
    with Catalog(tmp_path) as index:
        index.refresh()
        assert not list(index.skipped())
        entries = list(index.entries())
        assert [one.instance for one in entries] == [ds.SOPInstanceUID for ds in datasets]
        for entry, ds in zip(entries, datasets, strict=True):
            data = b"".join(entry.chunks())
            assert len(data) == entry.length
            assert json.loads(data) == ds.to_json_dict()
        assert _values(_found(index, Level.INSTANCE, "includefield=KVP"), "00180060") == [120] * len(datasets)


def test_changed_file_is_not_read(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    with Catalog(tmp_path) as index:
        index.refresh()
        [entry] = index.entries()
        with Path(entry.path).open("ab") as file:
            file.write(b"\0\0")
        with pytest.raises(InputError, match="changed"):
            list(entry.chunks())


# --- keeping it up to date -------------------------------------------------------------------------------------


def test_refresh_reads_new_and_changed_files_only(tmp_path: Path) -> None:
    datasets = fill(tmp_path, 12)
    with Catalog(tmp_path) as index:
        assert index.refresh() == Refreshed(12, 0, 0)
    with Catalog(tmp_path) as index:
        assert index.refresh() == Refreshed(0, 0, 12)
        write(tmp_path / "new.dcm", dataset(12))
        write(tmp_path / "000" / "00004.dcm", dataset(4, InstanceNumber=77, PatientID="changed"))
        (tmp_path / "000" / "00008.dcm").unlink()
        assert index.refresh() == Refreshed(2, 1, 10)
        assert sorted(_uids(index)) == sorted({ds.SOPInstanceUID for ds in [*datasets, dataset(12)]} - {"1.2.3.8"})
        assert _values(_found(index, Level.INSTANCE, "SOPInstanceUID=1.2.3.4"), "00200013") == [77]
        # Data set 4 is the first one of its study, which has its attributes of that.
        assert _values(_found(index, Level.STUDY, "StudyInstanceUID=1.2.1.1"), "00100020") == ["changed"]


def test_study_takes_attributes_of_another_file_if_its_source_is_deleted(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.dcm", dataset(number, StudyDescription=f"of {number}"))
    with Catalog(tmp_path) as index:
        index.refresh()
        for number in range(4):
            [found] = _found(index, Level.STUDY, "includefield=StudyDescription")
            assert _values([found], "00081030") == [f"of {number}"]
            (tmp_path / f"{number}.dcm").unlink()
            assert index.refresh().removed == 1
        assert _found(index, Level.STUDY) == []
        assert _found(index, Level.SERIES) == []


def test_single_file_is_added_and_removed(tmp_path: Path) -> None:
    with Catalog(tmp_path) as index:
        path = write(tmp_path / "a" / "b.dcm", dataset(0))
        index.add(path)
        assert _uids(index) == ["1.2.3.0"]
        index.add(path)
        assert _uids(index) == ["1.2.3.0"]
        index.remove(path)
        assert _uids(index) == []
        assert _found(index, Level.STUDY) == []


def test_file_that_cannot_be_added_raises(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with Catalog(write(folder / "a.dcm", dataset(0)).parent) as index:
        index.refresh()
        with pytest.raises(InputError, match="another file"):
            index.add(write(folder / "b.dcm", dataset(0)))
        bad = folder / "c.dcm"
        bad.write_bytes((folder / "a.dcm").read_bytes()[:300])
        with pytest.raises(InputError):
            index.add(bad)
        with pytest.raises(ValueError, match="file in the folder"):
            index.add(write(tmp_path / "d.dcm", dataset(1)))
        assert _uids(index) == ["1.2.3.0"]


def test_first_of_two_instances_with_one_uid_counts_until_deleted(tmp_path: Path) -> None:
    for name, rows in (("a", 1), ("b", 2)):
        write(tmp_path / f"{name}.dcm", dataset(0, Rows=rows))
    with Catalog(tmp_path) as index:
        index.refresh()
        assert _values(_found(index, Level.INSTANCE), "00280010") == [1]
        [skipped] = index.skipped()
        assert (Path(skipped.name).name, skipped.reason) == ("b.dcm", "1 instance that another file has already")
        (tmp_path / "a.dcm").unlink()
        index.refresh()
        assert _values(_found(index, Level.INSTANCE), "00280010") == [2]
        assert not list(index.skipped())


# --- invalid folders -------------------------------------------------------------------------------


def test_other_files_are_skipped_with_a_reason(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    whole = (tmp_path / "000" / "00000.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:400])
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "other.json").write_text('{"name": "x"}')
    (tmp_path / "cut.json").write_text(json.dumps([dataset(5).to_json_dict()])[:-1])
    write(tmp_path / "no-uid.dcm", dataset(9, StudyInstanceUID=""))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "broken").symlink_to("nowhere")
    with Catalog(tmp_path) as index:
        index.refresh()
        names = sorted(Path(one.name).name for one in index.skipped())
        assert names == ["broken", "cut.dcm", "cut.json", "no-uid.dcm", "other.json"]
        assert sorted(_uids(index)) == ["1.2.3.0", "1.2.3.1", "1.2.3.5"]  # records before the cut are valid


def test_lack_of_descriptors_is_no_fault_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.dcm", dataset(0))
    new = write(tmp_path / "below" / "b.dcm", dataset(1))
    with Catalog(tmp_path) as index:
        index.refresh()
        new.touch()
        with monkeypatch.context() as lacking:
            opened = records.open_file
            lack = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            lacking.setattr(records, "open_file", lambda path: raising(lack) if path == str(new) else opened(path))
            for attempt in (index.refresh, partial(index.add, new)):
                with pytest.raises(OSError, match="Too many open files"):
                    attempt()
        assert len(_uids(index)) == 2
        with monkeypatch.context() as lacking:
            listed = os.listdir
            lacking.setattr(os, "listdir", lambda path: raising(lack) if path == str(new.parent) else listed(path))
            index.refresh()
        assert [one.reason for one in index.skipped()] == ["Too many open files"]
        index.refresh()
        assert (list(index.skipped()), len(_uids(index))) == ([], 2)


def test_file_is_read_again_after_an_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.dcm", dataset(0))
    with Catalog(tmp_path) as index:
        with monkeypatch.context() as failing:
            failing.setattr(records, "open_file", lambda path: raising(OSError(errno.EIO, "Input/output error")))
            index.refresh()
        assert [one.reason for one in index.skipped()] == ["the file cannot be read: Input/output error"]
        index.refresh()
        assert (list(index.skipped()), len(_uids(index))) == ([], 1)


def test_links_are_followed_within_the_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write(tmp_path / "secret" / "a.dcm", dataset(0))
    write(folder / "real" / "b.dcm", dataset(1))
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "out.dcm").symlink_to(tmp_path / "secret" / "a.dcm")
    (folder / "a-link.dcm").symlink_to("real/b.dcm")
    (folder / "circle").symlink_to(".")
    with Catalog(folder) as index:
        index.refresh()
        assert _uids(index) == ["1.2.3.1"]
        told = {Path(one.name).name: one.reason for one in index.skipped()}
        assert {name for name, reason in told.items() if "leads out" in reason} == {"out", "out.dcm"}


def test_file_replaced_by_a_link_out_of_the_folder_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    outside = write(tmp_path / "a.dcm", dataset(0))
    inside = write(folder / "a.dcm", dataset(0))
    os.utime(inside, ns=(1, 1))
    os.utime(outside, ns=(1, 1))
    with Catalog(folder) as index:
        index.refresh()
        [entry] = index.entries()
        inside.unlink()
        inside.symlink_to(outside)
        with pytest.raises(InputError):
            list(entry.chunks())
        index.refresh()
        assert _uids(index) == []


@each("name", ["new\nline.dcm", "sp ace'\".dcm", "%00;.dcm", os.fsdecode(b"\xff\xfe.dcm"), "ä*?.dcm"])
def test_names_may_be_anything(tmp_path: Path, name: str) -> None:
    try:
        write(tmp_path / name, dataset(0))
    except OSError:
        pytest.skip("the file system takes no such name")
    with Catalog(tmp_path) as index:
        index.refresh()
        [entry] = index.entries()
        assert Path(entry.path) == tmp_path.resolve() / name
        assert list(entry.chunks())


# --- the index itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["text", "other", "cut", "overwritten", "version"])
@pytest.mark.slow
def test_damaged_or_foreign_index_is_put_aside_and_rebuilt(tmp_path: Path, kind: str) -> None:
    fill(tmp_path, 40)
    with Catalog(tmp_path) as index:
        index.refresh()
    path = tmp_path / FOLDER / "index.sqlite"
    data = path.read_bytes()
    if kind == "text":
        path.write_bytes(b"no database at all" * 1000)
    elif kind == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "overwritten":
        path.write_bytes(data[:4096] + os.urandom(len(data) - 4096))
    else:
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.executescript(
                "CREATE TABLE mine (a); INSERT INTO mine VALUES (17)"
                if kind == "other"
                else f"CREATE TABLE mine (a); PRAGMA application_id = {0x5344494E}; PRAGMA user_version = 99"
            )
        connection.close()
    with Catalog(tmp_path) as index:
        assert index.put_aside
        assert index.refresh() == Refreshed(40, 0, 0)
        assert len(_uids(index)) == 40
    assert path.with_name(path.name + ASIDE).exists()
    with Catalog(tmp_path) as index:
        assert not index.put_aside


def test_index_of_a_read_only_folder_is_temporary(tmp_path: Path) -> None:
    fill(tmp_path, 2)
    (tmp_path / FOLDER).write_text("in the way")  # root may write everywhere
    with Catalog(tmp_path) as index:
        index.refresh()
        assert len(_uids(index)) == 2
        path = index._database.path
        assert path.exists()
    assert not path.exists()


@pytest.mark.slow
def test_temporary_index_of_a_killed_server_is_removed_by_the_next(tmp_path: Path) -> None:
    program = "from streamdicom.server.catalog.database import Database; d = Database(None); "
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(streamdicom.__file__).parents[1])}
    left = []
    for end in ("import os; os.kill(os.getpid(), 9)", "d.close()"):
        subprocess.run([sys.executable, "-c", program + end], env=environment, check=False)
        left.append(len(list(tmp_path.iterdir())))
    assert left == [1, 0]


def test_index_does_not_find_itself(tmp_path: Path) -> None:
    with Catalog(tmp_path) as index:
        assert index.refresh() == Refreshed(0, 0, 0)


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        Catalog(tmp_path / "nothing")


_BUILD = """
import sys, warnings
from streamdicom.server import Catalog
with Catalog(sys.argv[1]) as index:
    print(index.refresh(lambda progress: print(progress.files, flush=True)).read, flush=True)
"""


def _builder(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(streamdicom.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", _BUILD, str(folder)], stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.slow
def test_killed_build_resumes(tmp_path: Path) -> None:
    datasets = fill(tmp_path, 1200)
    builder = _builder(tmp_path)
    assert builder.stdout
    for line in builder.stdout:
        if int(line) > 400:
            break
    builder.send_signal(signal.SIGKILL)
    assert builder.wait() == -signal.SIGKILL
    builder.stdout.close()
    with Catalog(tmp_path) as index:
        assert not index.put_aside
        before = len(_uids(index))
        assert 0 < before < len(datasets)
        refreshed = index.refresh()
        assert refreshed.known > 0
        assert refreshed.read < len(datasets)
        assert _uids(index) == [ds.SOPInstanceUID for ds in datasets]
        assert len(_found(index, Level.STUDY)) == 300


@pytest.mark.slow
def test_several_processes_may_build_at_once(tmp_path: Path) -> None:
    datasets = fill(tmp_path, 300)
    lines = "\n".join(json.dumps(dataset(number).to_json_dict()) for number in range(300, 900))
    (tmp_path / "zzz.ndjson").write_text(lines)
    builders = [_builder(tmp_path) for _ in range(3)]
    for builder in builders:
        builder.communicate()
        assert builder.returncode == 0
    with Catalog(tmp_path) as index:
        assert not list(index.skipped())
        assert sorted(_uids(index)) == sorted(f"1.2.3.{number}" for number in range(900))
        assert len(datasets) + 600 == len(_found(index, Level.INSTANCE))
        assert _values(_found(index, Level.STUDY), "00201208") == [4] * 225


@pytest.mark.slow
def test_readers_and_writers_share_the_index(tmp_path: Path) -> None:
    fill(tmp_path, 200)
    with Catalog(tmp_path) as index:
        index.refresh()
        reading = index.search(parse_query(Level.INSTANCE))
        first = next(reading)
        failures: list[BaseException] = []

        def change() -> None:
            try:
                for number in range(200, 260):
                    index.add(write(tmp_path / f"{number}.dcm", dataset(number)))
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=change)
        thread.start()
        thread.join(60)
        assert not failures
        assert len([first, *reading]) == 200  # the snapshot of its start
        assert len(_uids(index)) == 260


def test_progress_is_reported(tmp_path: Path) -> None:
    fill(tmp_path, 20)
    told: list[Progress] = []
    with Catalog(tmp_path) as index:
        index.refresh(told.append)
    assert (told[-1].files, told[-1].files_known) == (20, 20)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_instances(tmp_path: Path) -> None:
    peaks = []
    for count in (1000, 3000):
        folder = tmp_path / str(count)
        folder.mkdir()
        template = json.dumps(dataset(0).to_json_dict())
        with (folder / "all.ndjson").open("w") as file:
            for number in range(count):
                file.write(template.replace('"1.2.3.0"', f'"1.2.3.{number}"') + "\n")
        with Catalog(folder) as index:
            made = peak(index.refresh)
            found = peak(lambda index=index: sum(1 for _ in index.search(parse_query(Level.INSTANCE))))  # type: ignore[misc]
            listed = peak(lambda index=index: sum(1 for _ in index.entries("1.2.1.0")))  # type: ignore[misc]
            assert sum(1 for _ in index.entries()) == count
        peaks.append((made, found, listed))
    for few, many in zip(*peaks, strict=True):
        assert many < few + 256 * 1024


@each("text", ["", "InstanceNumber=1", "PatientName=a*&00400275.00400009=S1"])
@each("study", [None, "1.2.1.0"])
def test_no_result_waits_for_others_to_be_sorted(tmp_path: Path, text: str, study: str | None) -> None:
    query = parse_query(Level.INSTANCE, text)
    with Catalog(tmp_path) as index, index._database.reading() as connection:
        plan = Plan(query, (study, None, None))
        plan.install(connection)
        columns = Renderer(query, (study, None, None), "", connection).columns
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {plan.sql(columns)}", plan.parameters)]
    assert steps
    assert not [step for step in steps if "TEMP B-TREE" in step]


@pytest.mark.slow
def test_cost_of_an_instance_does_not_depend_on_its_offset(tmp_path: Path) -> None:
    lines = [json.dumps(dataset(number).to_json_dict()) for number in range(200)]
    (tmp_path / "a.ndjson").write_text("\n".join(lines))
    with Catalog(tmp_path) as index:
        index.refresh()
        [last] = index.entries(None, None, "1.2.3.199")
        assert last.offset == sum(len(line.encode()) + 1 for line in lines[:199])
        assert b"".join(last.chunks()).decode() == lines[199]
