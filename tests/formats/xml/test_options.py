"""Reading and writing options for the Native DICOM Model."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import streamdicom
from streamdicom import BulkDataPolicy, DatasetWriter, ReadOptions, TruncatedError, WriteOptions
from tests.formats.xml.reading import attribute, document, values
from tests.support.stores import MemoryStore

_CT = document(attribute("CS", values("CT"), "00080060"), attribute("LO", values("1"), "00100020"))
_MR = document(attribute("CS", values("MR"), "00080060"), attribute("LO", values("2"), "00100020"))


def test_elements_and_data_sets_are_selected() -> None:
    data = (_CT + _MR).encode()
    [ds] = streamdicom.iter_datasets(data, options=ReadOptions(where={"Modality": "MR"}, include=["PatientID"]))
    assert [element.keyword for element in ds] == ["PatientID"]
    assert ds.PatientID == "2"
    text = streamdicom.dumps(streamdicom.loads(_CT), format="xml", options=WriteOptions(exclude=["Modality"]))
    assert streamdicom.dumps(streamdicom.loads(text)) == '{"00100020":{"vr":"LO","Value":["1"]}}'


def test_bulk_data_makes_a_round_trip_through_a_store() -> None:
    store = MemoryStore()
    data = document(attribute("OB", "<InlineBinary>AAECAw==</InlineBinary>"))
    options = WriteOptions(bulk_data_store=store, bulk_data_policy=BulkDataPolicy(threshold=2))
    text = streamdicom.dumps(streamdicom.loads(data), format="xml", options=options)
    assert "<BulkData uri=" in text
    loaded = streamdicom.loads(text, options=ReadOptions(bulk_data_store=store))
    assert '"InlineBinary":"AAECAw=="' in streamdicom.dumps(loaded)


def test_format_follows_the_name_of_the_target(tmp_path: Path) -> None:
    path = tmp_path / "a.XML"
    with DatasetWriter(path) as writer:
        for text in (_CT, _MR):
            writer.write(streamdicom.loads(text))
    assert path.read_bytes().count(b"<?xml") == 2
    assert [ds.PatientID for ds in streamdicom.iter_datasets(path)] == ["1", "2"]
    streamdicom.dump(streamdicom.loads(_CT), path, format="json")
    assert path.read_bytes().startswith(b"{")


def test_flush_writes_complete_documents() -> None:
    target = io.BytesIO()
    writer = DatasetWriter(target, format="xml")
    writer.write(streamdicom.loads(_CT))
    writer.flush()
    assert streamdicom.loads(target.getvalue()).PatientID == "1"


def test_load_accepts_one_document() -> None:
    for text in (_CT + _MR, ""):
        with pytest.raises(streamdicom.InputError):
            streamdicom.loads(text)
    with pytest.raises(TruncatedError):
        streamdicom.loads(_CT[:-1])
    assert streamdicom.loads(
        document(attribute("UI", values("1.2"), "00020010")), as_file=True
    ).file_meta.TransferSyntaxUID
