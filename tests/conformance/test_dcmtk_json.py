"""The output of DCMTK's dcm2json is read as pydicom reads the file itself.

The program is part of the Debian package ``dcmtk``; without it these tests are skipped. It always writes values of DS
and IS as numbers and text in UTF-8.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

import streamdicom
from streamdicom import DeviationLog, Event, JsonSyntaxError, ReadOptions, Severity, TruncatedError
from tests.conformance.bundled import differences, files
from tests.support.each import each

pytestmark = [
    pytest.mark.skipif(not shutil.which("dcm2json"), reason="dcm2json is not installed (Debian package dcmtk)"),
    pytest.mark.filterwarnings("ignore"),  # many test files have defects on purpose
]

_PIXEL_DATA = 0x7FE00010
_CHARACTER_SET = 0x00080005
_ENCAPSULATED = 81  # its exit code; pixel data is missing then, and the object ends after a comma
_STRICT = ReadOptions(profile="strict")
_NOT_UTF_8 = "chrSQEncoding.dcm"  # dcm2json copies some of its bytes without decoding
_NO_NUMBER = "badVR.dcm"  # has an IS "1A"
_PADDED = "no_meta_group_length.dcm"  # has an SH with NUL at its end
_GROUP_1 = {"meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm"}  # elements of group 0001, written after group 0002


@lru_cache
def _run(path: Path, *options: str) -> tuple[int, bytes]:
    run = subprocess.run(["dcm2json", "-q", *options, path], capture_output=True, check=False)
    return run.returncode, run.stdout


def _json(path: Path, *options: str) -> bytes:
    code, text = _run(path, *options)
    if code not in (0, _ENCAPSULATED):
        pytest.skip("dcm2json does not read it, or does not know its character set")
    if path.name == _NOT_UTF_8:
        pytest.skip("the output of dcm2json is not UTF-8")
    return text


def _events(data: bytes, options: ReadOptions | None = None) -> list[Event]:
    return list(streamdicom.iter_events(data, options=options))


def _expected(path: Path) -> Dataset:
    """Return the data set as dcm2json writes it."""
    dataset = dcmread(path)
    if _CHARACTER_SET in dataset:
        dataset[_CHARACTER_SET].value = "ISO_IR 192"
    if _run(path, "-fc", "+m")[0] == _ENCAPSULATED:
        for tag in [tag for tag in dataset.keys() if tag >= _PIXEL_DATA]:  # noqa: SIM118
            del dataset[tag]
    return dataset


def _codes(path: Path) -> set[str]:
    """Return the expected deviations from Annex F and RFC 8259."""
    codes = {"file-meta"}
    if _run(path, "-fc", "+m")[0] == _ENCAPSULATED:
        codes.add("trailing-comma")
    if path.name in _GROUP_1:
        codes.add("key-order")
    if path.name == _PADDED:
        codes.add("padding")
    if path.name == _NO_NUMBER:
        codes.add("not-a-number")
    return codes


@pytest.mark.slow
def test_files_are_found() -> None:
    assert sum(_run(path, "-fc", "+m")[0] in (0, _ENCAPSULATED) for path in files()) > 100


@each("path", files(), ids=lambda path: path.name)
@pytest.mark.slow
def test_file_is_read_from_json_as_by_pydicom(path: Path) -> None:
    log = DeviationLog()
    loaded = streamdicom.loads(_json(path, "-fc", "+m"), options=ReadOptions(on_deviation=log), as_file=True)
    expected = _expected(path)
    assert list(differences(loaded, expected)) == []
    assert list(differences(loaded.file_meta, expected.file_meta)) == []
    assert set(log.counts) == _codes(path)


@each("path", files(), ids=lambda path: path.name)
@pytest.mark.slow
def test_white_space_and_file_meta_do_not_change_events(path: Path) -> None:
    with_meta = _events(_json(path, "-fc", "+m"))
    compact, formatted = _json(path, "-fc"), _json(path, "+fc", "-ee")
    assert _events(compact) == [event for event in with_meta if event[1] >> 16 != 2]
    assert _events(formatted) == _events(compact)
    if _codes(path) <= {"file-meta", "key-order", "padding"}:  # all need group 0002, which is not written here
        assert _events(compact, _STRICT) == _events(compact)
    else:
        with pytest.raises(streamdicom.InputError):
            _events(compact, _STRICT)


def test_bytes_outside_utf_8_are_refused_with_their_offset() -> None:
    [path] = [path for path in files() if path.name == _NOT_UTF_8]
    code, text = _run(path, "-fc")
    assert code == 0
    with pytest.raises(UnicodeDecodeError) as wrong:
        text.decode()
    with pytest.raises(JsonSyntaxError, match="UTF-8") as caught:
        streamdicom.loads(text)
    assert caught.value.location.byte_offset == wrong.value.start
    assert caught.value.location.tag_path == "00321064[0].00100010"


def _saved(path: Path, dataset: Dataset) -> Path:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.3", "1.2.4"
    dataset.save_as(path, enforce_file_format=True)
    return path


@each("option", ["-es", "-ee"])
def test_nonfinite_numbers_are_bare_words_or_truncate_the_text(option: str, tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.add_new(0x00720074, "FD", [1.5, float("nan"), float("inf"), float("-inf")])
    _, text = _run(_saved(tmp_path / "file.dcm", dataset), "-fc", option)
    log = DeviationLog()
    if option == "-es":
        with pytest.raises(TruncatedError):
            streamdicom.loads(text)
        return
    loaded = streamdicom.loads(text, options=ReadOptions(on_deviation=log))
    assert list(map(str, loaded[0x00720074].value)) == ["1.5", "nan", "inf", "-inf"]
    assert log.counts == {"bare-nonfinite": 3}
    words = [text.index(word) for word in (b"nan", b",inf", b"-inf")]
    assert [deviation.location.byte_offset for deviation in log.first] == [words[0], words[1] + 1, words[2]]


def test_numbers_keep_every_digit(tmp_path: Path) -> None:
    dataset = Dataset()
    dataset.PatientWeight = "1.0000"
    dataset.InstanceNumber = "-3"
    dataset.add_new(0x00720082, "SV", [2**53 + 1, -(2**63)])
    dataset.add_new(0x00720083, "UV", 2**64 - 1)
    dataset.FrameIncrementPointer = 0x00181063
    _, text = _run(_saved(tmp_path / "file.dcm", dataset), "-fc")
    log = DeviationLog()
    loaded = streamdicom.loads(text, options=ReadOptions(on_deviation=log))
    assert list(differences(loaded, dcmread(tmp_path / "file.dcm"))) == []
    assert str(loaded.PatientWeight) == "1.0000"
    assert all(deviation.severity == Severity.NOTE for deviation in log.first)
