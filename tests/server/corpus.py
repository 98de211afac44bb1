"""Small data sets for searches, and an independent implementation of matching."""

from __future__ import annotations

import fnmatch
import itertools
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

NAMES = ("Doe^Jane", "DOE^JOHN", "Roe^Richard=ロウ=ろう", "Müller^Ämilie", "*?[]^Odd", "")
DATES = ("20240101", "20240229", "20231231", "")
TIMES = ("101530.250000", "1015", "235959", "")
MODALITIES = ("CT", "MR", "SR")


def dataset(number: int, **changes: Any) -> Dataset:
    """Data set ``number``: two instances of a series, two series of a study."""
    study, series = number // 4, number // 2
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    ds.SOPInstanceUID = f"1.2.3.{number}"
    ds.SeriesInstanceUID = f"1.2.2.{series}"
    ds.StudyInstanceUID = f"1.2.1.{study}"
    ds.StudyDate, ds.StudyTime = DATES[study % 4], TIMES[study % 4]
    ds.PatientName = NAMES[study % len(NAMES)]
    ds.PatientID = f"P{study % 7}"
    ds.AccessionNumber = f"A*{study}" if study % 2 else ""
    ds.Modality = MODALITIES[series % 3]
    ds.SeriesNumber = series % 5
    ds.InstanceNumber = number % 2 + 1
    ds.Rows = 16
    ds.KVP = 120
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = f"S{series % 2}", f"R{series % 3}"
    other = Dataset()
    other.ScheduledProcedureStepID, other.RequestedProcedureID = "S9", "R9"
    ds.RequestAttributesSequence = [item, other]
    for name, value in changes.items():
        setattr(ds, name, value)
    return ds


def write(path: Path, ds: Dataset) -> Path:
    """Write a DICOM file with pydicom."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.get("SOPInstanceUID", "1")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta = meta
    ds.save_as(path, enforce_file_format=True)
    return path


def fill(folder: Path, count: int) -> list[Dataset]:
    """Write files whose names sort by number."""
    datasets = [dataset(number) for number in range(count)]
    for number, ds in enumerate(datasets):
        write(folder / f"{number // 10:03}" / f"{number:05}.dcm", ds)
    return datasets


# --- matching, independent of the code under test -----------------------------------------------------------------


def studies(datasets: list[Dataset]) -> dict[str, list[Dataset]]:
    """Group data sets by study, in order."""
    return {uid: list(found) for uid, found in itertools.groupby(datasets, lambda ds: str(ds.StudyInstanceUID))}


def has_wild_value(value: str, key: str) -> bool:
    """Match a key with ``*`` and ``?``; brackets, special to fnmatch, are escaped."""
    return fnmatch.fnmatchcase(value, key.replace("[", "[[]"))
