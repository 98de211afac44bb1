"""DCMTK reads the same from a file after a DICOM JSON round trip.

The program dcmdump is in the Debian package ``dcmtk``; without it these tests are skipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest

import streamdicom
from streamdicom import WriteOptions
from streamdicom.filters.file_meta import needed_file_meta
from tests.support.each import each

pytestmark = [
    pytest.mark.skipif(not shutil.which("dcmdump"), reason="dcmdump is not installed (Debian package dcmtk)"),
    pytest.mark.filterwarnings("ignore"),  # many of the files are odd on purpose
]

_ROOT = Path(pydicom.__file__).parent / "data"
_LINE = re.compile(r"( *)\(([0-9a-f]{4}),([0-9a-f]{4})\) (..) (.*?) *# *[0-9ul/]+, *[0-9]+ .*")
# The file is truncated on purpose, or so wrong that DCMTK stops reading it.
_NOT_READ = {
    "MR_truncated.dcm": "truncated",
    "rtplan_truncated.dcm": "truncated",
    "DICOMDIR-nooffset": "truncated",
    "SC_rgb_jpeg.dcm": "dcmdump does not read it either",
}


def _files() -> list[Path]:
    paths = [path for folder in ("test_files", "charset_files") for path in (_ROOT / folder).rglob("*")]
    return sorted(path for path in paths if path.is_file() and path.read_bytes()[128:132] == b"DICM")


def _dump(path: Path) -> list[tuple[str, ...]]:
    """Return depth, tag, VR and value of each element by dcmdump."""
    run = subprocess.run(["dcmdump", "-q", "+L", "+uc", path], capture_output=True, check=True)
    return list(_elements(run.stdout.decode("latin-1")))


def _elements(text: str) -> Iterator[tuple[str, ...]]:
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        indent, group, element, vr, value = match.groups()
        if group == "0002" or element == "0000" or (group == "fffe" and vr != "pi"):
            continue
        yield indent, group + element, vr, "" if vr == "SQ" else _same(value)


def _same(value: str) -> str:
    """Return a value without empty groups at its end and escapes to ASCII sets."""
    return re.sub(r"\x1b\([BJ]", "", value).removesuffix("]").rstrip("=")


def _known(elements: list[tuple[str, ...]], others: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Remove VR and value of elements whose VR DCMTK does not know in either file.

    The parser gives UN the VR of the dictionary, as pydicom does, and the writer keeps it.
    """
    unknown = {element[:2] for element in [*elements, *others] if element[2] in ("UN", "??")}
    return [element[:2] if element[:2] in unknown else element for element in elements]


@each("path", _files(), ids=lambda path: path.name)
@pytest.mark.slow
def test_dcmtk_reads_the_same_elements_after_a_json_round_trip(path: Path, tmp_path: Path) -> None:
    if path.name in _NOT_READ:
        pytest.skip(_NOT_READ[path.name])
    text, back = tmp_path / "file.json", tmp_path / "back.dcm"
    events = needed_file_meta(streamdicom.iter_events(path))
    streamdicom.write_events(events, text, options=WriteOptions(file_meta=True), array=False)
    streamdicom.write_events(streamdicom.iter_events(text), back, format="dicom")
    read, expected = _dump(back), _dump(path)
    assert _known(read, expected) == _known(expected, read)


def test_bundled_files_are_found() -> None:
    assert len(_files()) > 100
