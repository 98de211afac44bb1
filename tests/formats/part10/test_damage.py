"""Damaged structures read the same, wherever they are cut, in any process."""

from __future__ import annotations

import random
from io import BytesIO
from typing import Any

import pytest
from pydicom import Dataset, Sequence
from pydicom.dataset import FileMetaDataset

import streamdicom
from streamdicom import ReadOptions, StreamDicomError
from streamdicom.formats.part10.runs import READ_TABLES

_KEYWORDS = [
    "ReferencedStudySequence",
    "ContentSequence",
    "ConceptNameCodeSequence",
    "ReferencedSeriesSequence",
]
_BYTES = (0, 1, 2, 4, 8, 16, 0xFE, 0xFF)


def _dataset(rng: random.Random, depth: int = 0) -> Dataset:
    ds = Dataset()
    ds.PatientID = rng.choice(["1", "abc", "x" * 9])
    ds.PatientName = "A^B"
    if rng.random() < 0.5:
        ds.Rows = rng.randrange(99)
    for keyword in rng.sample(_KEYWORDS, 2) if depth < 3 else ():
        setattr(ds, keyword, Sequence([_dataset(rng, depth + 1) for _ in range(rng.randrange(3))]))
        ds[keyword].is_undefined_length = rng.random() < 0.5
    ds.is_undefined_length_sequence_item = rng.random() < 0.5
    return ds


def _damaged(rng: random.Random) -> bytes:
    ds = _dataset(rng)
    ds.SOPInstanceUID = "1.2"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = rng.choice(["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
    ds.file_meta.MediaStorageSOPClassUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2"
    file = BytesIO()
    ds.save_as(file, enforce_file_format=True)
    data = bytearray(file.getvalue())
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(300, len(data))
        if rng.random() < 0.7:
            data[place] = rng.choice([*_BYTES, data[place] ^ 1, data[place] ^ 16, (data[place] + 2) & 255])
        elif rng.random() < 0.5:
            del data[place : place + 2]
        else:
            del data[max(320, place) :]
    return bytes(data)


def _outcome(data: bytes, size: int) -> list[Any]:
    found: list[Any] = []
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    try:
        for event in streamdicom.iter_events(
            chunks, options=ReadOptions(on_deviation=lambda one: found.append(str(one)))
        ):
            found.append(event)
    except StreamDicomError as error:
        found.append(repr(error))
    deviations = [one for one in found if isinstance(one, str)]
    return [one for one in found if not isinstance(one, str)] + deviations


def _forget() -> None:
    """Forget the elements that were read before, which the innermost loop takes."""
    for table in READ_TABLES.values():
        table.clear()


@pytest.mark.parametrize("seed", [1, 143, 0, *[pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20)]])
def test_outcome_depends_on_the_bytes_alone(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        data = _damaged(rng)
        _forget()
        expected = _outcome(data, len(data))
        assert _outcome(data, len(data)) == expected
        assert _outcome(data, 1) == expected
        _forget()
        assert _outcome(data, 7) == expected
