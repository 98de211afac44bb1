"""Conversion of DICOM files without pydicom's objects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.uid import ExplicitVRLittleEndian

import streamdicom
from streamdicom import InputError, OutputError, WriteOptions
from streamdicom.filters.file_meta import needed_file_meta

_ROOT = Path(pydicom.__file__).parent / "data" / "test_files"

_BOTH_WAYS = """
import os, sys
import streamdicom
os.chdir(sys.argv[1])
streamdicom.write_events(streamdicom.iter_events("in.dcm"), "out.json", array=False)
streamdicom.write_events(streamdicom.iter_events("out.json"), "out.dcm", format="dicom")
print("pydicom" in sys.modules)
"""


def _both_ways(path: Path, folder: Path) -> None:
    events = needed_file_meta(streamdicom.iter_events(path))
    streamdicom.write_events(events, folder / "out.json", options=WriteOptions(file_meta=True), array=False)
    streamdicom.write_events(streamdicom.iter_events(folder / "out.json"), folder / "out.dcm", format="dicom")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_conversion_creates_no_pydicom_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("an object of pydicom")

    for kind, name in ((Dataset, "__init__"), (DataElement, "__init__"), (RawDataElement, "__new__")):
        monkeypatch.setattr(kind, name, refuse)
    done = 0
    for path in sorted(_ROOT.rglob("*.dcm")):
        try:
            _both_ways(path, tmp_path)
            done += 1
        except (InputError, OutputError):  # other tests check errors
            continue
    assert done > 60


@pytest.mark.slow
def test_ascii_file_in_explicit_vr_does_not_import_pydicom(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.PatientName = "1.2.840.10008.5.1.4.1.1.2", "1.2.3", "Doe^Jane"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(tmp_path / "in.dcm", enforce_file_format=True)
    command = [sys.executable, "-c", _BOTH_WAYS, tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]
    assert pydicom.dcmread(tmp_path / "out.dcm") == dataset
