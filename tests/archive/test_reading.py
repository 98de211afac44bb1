"""Iteration over the data sets and events of whole archives."""

from __future__ import annotations

import gzip
import io
import shutil
from itertools import islice
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

import streamdicom
from streamdicom import EventType, InputError, ReadOptions
from streamdicom.archive import export_archive, iter_datasets, iter_events
from tests.archive.corpus import dataset, encapsulated, file_bytes, files, patient_ids, truncated


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with seven data sets in files of every kind."""
    folder = tmp_path / "in"
    files(folder / "a", 2)
    shutil.make_archive(str(folder / "b"), "zip", files(tmp_path / "zipped", 1, 3)[0].parent)
    (folder / "c.json.gz").write_bytes(gzip.compress(streamdicom.dumps([dataset(4), dataset(5)]).encode()))
    xml = io.BytesIO()
    streamdicom.dump(dataset(6), xml, format="xml")
    (folder / "d.xml").write_bytes(xml.getvalue())
    (folder / "e.dcm.gz").write_bytes(gzip.compress(file_bytes(dataset(7))))
    (folder / "README").write_text("no DICOM")
    return folder


def test_data_sets_are_those_of_an_export(corpus: Path) -> None:
    target = io.BytesIO()
    export_archive(corpus, target)
    assert patient_ids(target.getvalue()) == [str(number) for number in range(1, 8)]
    assert [ds.PatientID for ds in iter_datasets(corpus)] == patient_ids(target.getvalue())


def test_data_sets_are_equal_to_those_written(corpus: Path) -> None:
    for number, ds in enumerate(iter_datasets(corpus), 1):
        assert ds == dataset(number)


def test_sources_are_files_folders_and_patterns(corpus: Path) -> None:
    sources = (corpus / "d.xml", corpus / "a", f"{corpus}/[be]*")
    assert [ds.PatientID for ds in iter_datasets(*sources)] == ["6", "1", "2", "3", "7"]
    assert list(iter_datasets()) == []


def test_file_datasets_have_file_meta(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(file_bytes(encapsulated(1)))
    [ds] = iter_datasets(tmp_path, as_file=True)
    assert isinstance(ds, FileDataset)
    assert ds.file_meta.TransferSyntaxUID == encapsulated(1).file_meta.TransferSyntaxUID


def test_events_are_those_of_each_input(tmp_path: Path) -> None:
    paths = files(tmp_path, 3)
    assert list(iter_events(tmp_path)) == [event for path in paths for event in streamdicom.iter_events(path)]


def test_options_select_data_sets_and_elements(corpus: Path) -> None:
    options = ReadOptions(where={"PatientID": ["2", "5", "7"]}, include=["PatientID"])
    found = list(iter_datasets(corpus, options=options))
    assert [(ds.PatientID, len(ds)) for ds in found] == [("2", 1), ("5", 1), ("7", 1)]
    events = [event for event in iter_events(corpus, options=options) if event[1] >> 16 != 2]
    values = [value for kind, _, _, value in events if kind == EventType.ELEMENT]
    assert values == [("2",), ("5",), ("7",)]


def test_inputs_are_opened_as_they_are_needed(corpus: Path) -> None:
    truncated(corpus / "z.dcm")
    assert [ds.PatientID for ds in islice(iter_datasets(corpus), 7)] == [str(number) for number in range(1, 8)]


@pytest.mark.parametrize("read", [iter_datasets, iter_events])
def test_error_names_the_input_after_the_data_sets_before_it(corpus: Path, read: type[iter_datasets]) -> None:
    bad = truncated(corpus / "a" / "00001b.dcm")
    items = read(corpus)
    with pytest.raises(InputError, match=r"00001b\.dcm: the file ends .*\[0\]\.00200") as caught:
        list(items)
    assert caught.value.filename == str(bad)


def test_error_names_the_member(tmp_path: Path) -> None:
    truncated(files(tmp_path / "in", 2)[1])
    archive = shutil.make_archive(str(tmp_path / "a"), "tar", tmp_path / "in")
    with pytest.raises(InputError) as caught:
        list(iter_datasets(archive))
    assert caught.value.filename == f"{archive}!./00002.dcm"
    (tmp_path / "b.tar").write_bytes(Path(archive).read_bytes()[:3000])
    with pytest.raises(InputError) as caught:
        list(iter_datasets(tmp_path / "b.tar"))
    assert str(caught.value).startswith(str(tmp_path / "b.tar"))


def test_named_file_must_be_readable(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b")
    with pytest.raises(InputError, match=r"a\.csv: not DICOM JSON"):
        list(iter_datasets(tmp_path / "a.csv"))
    assert list(iter_datasets(tmp_path)) == []


def test_wrong_sources_are_errors_at_the_call(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="text with a URL"):
        iter_datasets(Path("s3://bucket/in"))
    with pytest.raises(TypeError, match=r"found list; pass several sources .* iter_datasets\(\*sources\)"):
        iter_datasets([tmp_path])  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        next(iter_datasets(tmp_path / "none"))


def test_file_without_preamble_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes.fromhex("10002000") + b"LO\x02\x0017")  # an unusual first group
    with pytest.raises(InputError):
        list(iter_datasets(path))
    assert [ds.PatientID for ds in iter_datasets(path, options=ReadOptions(force=True))] == ["17"]


@pytest.mark.parametrize("text", ['[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"Secret"}]}}]', "<a>Secret</a>"])
def test_text_as_a_source_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(TypeError, match="found text") as raised:
        list(iter_datasets(text))
    assert "Secret" not in str(raised.value)


def test_pattern_may_start_with_a_set_of_characters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files(tmp_path, 2)
    monkeypatch.chdir(tmp_path)
    assert len(list(iter_datasets("[!.]*"))) == 2
