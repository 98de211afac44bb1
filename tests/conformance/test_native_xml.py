"""The Native DICOM Model (PS3.19 Annex A) by its schema and beside DCMTK.

``dcm2xml --native-format`` is part of the Debian package ``dcmtk``; without it its tests are skipped. Version 3.6.7

- writes the words of binary values in big endian, although PS3.19 refers to PS3.5, which has little endian;
- writes FD with one or two wrong last digits;
- writes private elements without a creator without their block;
- repeats a component group of a name in place of a missing one;
- writes control characters as they are, or ESC as ``&#27;``, neither of which is XML;
- leaves out encapsulated pixel data;
- without ``+U8``, writes text in a part of ISO 8859 if Specific Character Set is one.

``xml2dcm`` does not read this model, but another format.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest
from lxml import etree
from pydicom import Dataset, dcmread
from pydicom.uid import ImplicitVRLittleEndian

import streamdicom
from streamdicom import Event, InputError, WriteOptions, XmlSyntaxError
from streamdicom.dicom.value_field import swap_words
from streamdicom.dicom.vr import VRS
from streamdicom.filters.bulk_data import store_bulk_data
from streamdicom.filters.sort import sort_elements
from tests.conformance.bundled import differences, files
from tests.support.each import each
from tests.support.stores import MemoryStore

pytestmark = pytest.mark.filterwarnings("ignore")  # many test files have defects on purpose

_SCHEMA = Path(__file__).with_name("native_dicom_model.rng")
_FILE_META = WriteOptions(file_meta=True)
_with_dcmtk = pytest.mark.skipif(not shutil.which("dcm2xml"), reason="dcm2xml is not installed (Debian package dcmtk)")
_each_file = each("path", files(), ids=lambda path: path.name)


def _events(path: Path) -> list[Event]:
    try:
        return list(sort_elements(streamdicom.iter_events(path)))
    except InputError:
        pytest.skip("the file is truncated")


def _xml(events: list[Event], indent: int | None = None) -> bytes:
    target = io.BytesIO()
    options = WriteOptions(file_meta=True)
    streamdicom.write_events(events, target, indent, format="xml", options=options)
    return target.getvalue()


def _json(events: list[Event]) -> bytes:
    target = io.BytesIO()
    streamdicom.write_events(events, target, options=_FILE_META)
    return target.getvalue()


@lru_cache
def _schema() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(_SCHEMA))


def _is_valid(data: bytes) -> bool:
    return bool(_schema().validate(etree.fromstring(data, etree.XMLParser(huge_tree=True))))


# --- schema and round trip ---------------------------------------------------------------------------------------


@_each_file
@pytest.mark.slow
def test_written_document_is_valid_and_makes_the_round_trip(path: Path) -> None:
    events = _events(path)
    for indent in (None, 2):
        text = _xml(events, indent)
        assert _is_valid(text), _schema().error_log
        assert _json(list(streamdicom.iter_events(text))) == _json(events)


@pytest.mark.slow
@_each_file
def test_data_set_makes_the_round_trip(path: Path) -> None:
    expected = dcmread(path)
    try:
        text = streamdicom.dumps(expected, format="xml")
    except streamdicom.OutputError:
        pytest.skip("a value that text formats cannot represent")
    assert _is_valid(text.encode())
    loaded = streamdicom.loads(text)
    through_json = streamdicom.loads(streamdicom.dumps(expected))
    assert list(differences(loaded, through_json)) == []


def test_references_are_valid() -> None:
    [path] = [path for path in files() if path.name == "CT_small.dcm"]
    events = list(store_bulk_data(_events(path), streamdicom.BulkDataPolicy(), MemoryStore()))
    text = _xml(events)
    assert b"<BulkData uri=" in text
    assert _is_valid(text)


@each(
    "text",
    [
        '<DicomAttribute tag="0010002a" vr="LO"/>',
        '<DicomAttribute tag="00100020" vr="XX"/>',
        '<DicomAttribute tag="00100020"/>',
        '<DicomAttribute tag="00100020" vr="LO"><Value>a</Value></DicomAttribute>',
        '<DicomAttribute tag="00100020" vr="PN"><Value number="1">a</Value></DicomAttribute>',
        '<DicomAttribute tag="00100020" vr="OB"><Value number="1">a</Value></DicomAttribute>',
        '<DicomAttribute tag="00100020" vr="LO"><Value number="0">a</Value></DicomAttribute>',
        '<DicomAttribute tag="00100020" vr="OB"><BulkData/></DicomAttribute>',
    ],
)
def test_schema_rejects_invalid_documents(text: str) -> None:
    start, end = _xml([(1, 0, "", 0), (2, 0, "", None)]).decode().strip().split("><", 1)[0], "</NativeDicomModel>"
    start = start.partition("</")[0].removesuffix(">") + ">"
    assert _is_valid(f"{start}{end}".encode())
    assert not _is_valid(f"{start}{text}{end}".encode())


# --- DCMTK -------------------------------------------------------------------------------------------------------

_PIXEL_DATA = 0x7FE00010
_NAMES_REPEATED = {"chrX1.dcm", "chrX2.dcm"}  # dcm2xml repeats the second component group of a name as the third


@lru_cache
def _dcm2xml(path: Path, *options: str) -> bytes:
    run = subprocess.run(["dcm2xml", "-q", "-nat", *options, path], capture_output=True, check=False)
    return run.stdout if run.returncode == 0 else b""


def _in_little_endian(dataset: Dataset) -> Dataset:
    for element in dataset.iterall():
        if isinstance(element.value, bytes):
            element.value = swap_words(element.value, VRS[element.VR].word)
    return dataset


def _groups_without_creator(dataset: Dataset) -> set[int]:
    """Return the private groups without any creator."""
    groups = {tag.group for tag in dataset.keys() if tag.is_private}  # noqa: SIM118
    return groups - {tag.group for tag in dataset.keys() if tag.is_private_creator}  # noqa: SIM118


def _delete_unsupported(path: Path, loaded: Dataset, expected: Dataset) -> None:
    groups = _groups_without_creator(expected)
    for dataset in (loaded, expected):
        for tag in [tag for tag in dataset.keys() if tag.group in groups]:  # noqa: SIM118
            del dataset[tag]
        if expected.file_meta.TransferSyntaxUID.is_encapsulated and _PIXEL_DATA in dataset:
            del dataset[_PIXEL_DATA]
        if path.name in _NAMES_REPEATED:
            del dataset.PatientName


@_with_dcmtk
@pytest.mark.slow
def test_dcm2xml_writes_most_files() -> None:
    assert sum(bool(_dcm2xml(path, "+Xn", "+Eb", "+M", "+U8")) for path in files()) > 80


@_with_dcmtk
@_each_file
@pytest.mark.slow
def test_document_of_dcmtk_is_read_as_by_pydicom(path: Path) -> None:
    text = _dcm2xml(path, "+Xn", "+Eb", "+M", "+U8")
    if not text:
        pytest.skip("dcm2xml does not read it, or does not know its character set")
    loaded, expected = _in_little_endian(streamdicom.loads(text)), dcmread(path)
    if not expected.original_encoding[1]:  # pydicom keeps big-endian words
        _in_little_endian(expected)
    expected.SpecificCharacterSet = "ISO_IR 192"  # by the option +U8
    if "TransferSyntaxUID" not in expected.file_meta:
        expected.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    _delete_unsupported(path, loaded, expected)
    loaded.SpecificCharacterSet = "ISO_IR 192"
    assert list(differences(loaded, expected)) == []


@_with_dcmtk
@_each_file
@pytest.mark.slow
def test_namespace_does_not_change_events(path: Path) -> None:
    plain, namespace = _dcm2xml(path, "+Eb"), _dcm2xml(path, "+Xn", "+Eb")
    if not plain:
        pytest.skip("dcm2xml does not read it")
    assert b"xmlns" in namespace
    if b"&#27;" in plain or b"\x1b" in plain:  # ISO 2022 escapes of character sets that dcm2xml does not know
        with pytest.raises(XmlSyntaxError):
            list(streamdicom.iter_events(plain))
        return
    events = list(streamdicom.iter_events(plain))
    assert repr(events) == repr(list(streamdicom.iter_events(namespace)))


@_with_dcmtk
@pytest.mark.parametrize("name", ["chrArab", "chrGreek", "chrHbrw", "chrRuss", "chrFren"])
def test_encodings_of_dcmtk_are_accepted(name: str) -> None:
    [path] = [path for path in files() if path.stem == name]
    text = _dcm2xml(path, "+Eb")
    assert b'encoding="ISO-8859-' in text
    assert streamdicom.loads(text).PatientName == dcmread(path).PatientName


@_with_dcmtk
def test_uuids_of_dcmtk_are_kept() -> None:
    [path] = [path for path in files() if path.name == "CT_small.dcm"]
    text = _dcm2xml(path)
    uuids = [part.partition(b'"')[0].decode() for part in text.split(b'<BulkData uuid="')[1:]]
    uuid = uuids[-2]  # followed by Data Set Trailing Padding
    events = list(streamdicom.iter_events(text))
    assert (4, 0x7FE00010, "OW", f"urn:uuid:{uuid}") in events
    assert f'<BulkData uuid="{uuid}"/>'.encode() in _xml(events)


@_with_dcmtk
def test_xml2dcm_does_not_read_this_model(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(_xml([(1, 0, "", 0), (2, 0, "", None)]))
    run = subprocess.run(["xml2dcm", tmp_path / "a.xml", tmp_path / "a.dcm"], capture_output=True, check=False)
    assert run.returncode != 0
    assert b"NativeDicomModel" in run.stderr
