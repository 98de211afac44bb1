"""Options for writing, and the selection of data sets, in ``export_archive``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import streamdicom
from streamdicom import WriteOptions
from streamdicom.archive import export_archive
from tests.archive.corpus import files

_UNUSUAL = WriteOptions(
    keys="camel", number_handling="string", write_name=True, exclude=["00080018"], ensure_ascii=True
)


@pytest.mark.slow
def test_output_does_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    files(tmp_path / "in", 200)
    texts = []
    for jobs in (1, 2):
        export_archive(tmp_path / "in", tmp_path / "out.json", options=_UNUSUAL, indent=1, jobs=jobs)
        texts.append((tmp_path / "out.json").read_bytes())
    assert texts[0] == texts[1]
    datasets = json.loads(texts[0])
    assert len(datasets) == 200
    assert all("patientID" in dataset and "sopInstanceUID" not in dataset for dataset in datasets)


def test_options_that_an_export_decides_itself_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trailing_newline"):
        export_archive(tmp_path, tmp_path / "out.json", options=WriteOptions(trailing_newline=True))


@pytest.mark.slow
def test_resumed_export_must_select_the_same_data_sets(tmp_path: Path) -> None:
    files(tmp_path / "in", 70)  # more than one task
    (tmp_path / "in" / "zz.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"no file")
    with pytest.raises(streamdicom.InputError):
        export_archive(tmp_path / "in", tmp_path / "out.json", where={"PatientID": ["1", "2"]})
    with pytest.raises(streamdicom.errors.ResumeError, match="where"):
        export_archive(tmp_path / "in", tmp_path / "out.json", resume=True)
    arguments = {"where": {"PatientID": ["1", "2"]}, "on_error": "skip", "resume": True}
    report = export_archive(tmp_path / "in", tmp_path / "out.json", **arguments)  # type: ignore[arg-type]
    assert (report.datasets, len(report.skipped)) == (2, 1)
