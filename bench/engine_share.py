"""The share of elements that never leave the compiled engine."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx2
import pydicom.data
import pytest
from pydicom import dcmread

from bench.corpus import silence
from bench.peers.jobs import NODE
from streamdicom import _native
from streamdicom.errors import InputError
from streamdicom.events import BULK_DATA, ELEMENT, JSON_ELEMENT, OPENING, Event
from streamdicom.formats import EventParser
from streamdicom.formats.json.native import NativeParser as JsonParser
from streamdicom.formats.part10.elements import ElementParser
from streamdicom.formats.xml.native import NativeParser as XmlParser
from streamdicom.options import ReadOptions
from tests.web.client.orthanc import PASSWORD, USER, is_installed, orthanc

_CHUNK = 64 * 1024
_MAX_SIZE = 4 * 1024 * 1024  # bytes of a file; longer ones are pixel data
_ELEMENTS = OPENING | {ELEMENT, BULK_DATA, JSON_ELEMENT}
_OPTIONS = ReadOptions(on_deviation=lambda _: None)


class Share(NamedTuple):
    """Elements of some files.

    Attributes:
        elements: All of them.
        taken: The number that the engine has read.
    """

    elements: int
    taken: int

    def __str__(self) -> str:
        return f"{self.taken} of {self.elements}, {self.taken / max(1, self.elements):.2%}"


def share(documents: Iterable[bytes]) -> Share:
    """Read documents with the engine, and count the elements that it reads by itself."""
    elements = taken = 0
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_engine: list[Event] = []
        patch.setattr(JsonParser, "_run_natively", _noting(JsonParser._run_natively, by_engine, lambda _, a: a[-1]))
        patch.setattr(
            XmlParser, "_run_natively", _noting(XmlParser._run_natively, by_engine, lambda one, _: one._events)
        )
        patch.setattr(ElementParser, "_run", _noting(ElementParser._run, by_engine, lambda one, _: one._events))
        for document in documents:
            events = _events(document)
            numbers = {id(event) for event in by_engine}
            found = [event for event in events if event[0] in _ELEMENTS]
            elements += len(found)
            taken += sum(id(event) in numbers for event in found)
            by_engine.clear()
    return Share(elements, taken)


def _noting(
    run: Callable[..., Any], noted: list[Event], events_of: Callable[[Any, tuple[Any, ...]], list[Event]]
) -> Callable[..., Any]:
    """Return a method that notes the events that another one appends."""

    def noting(self: Any, *arguments: Any) -> Any:
        events = events_of(self, arguments)
        before = len(events)
        result = run(self, *arguments)
        noted.extend(events[before:])
        return result

    return noting


def _events(document: bytes) -> list[Event]:
    """Return the events of a document, up to its first fault."""
    parser = EventParser(options=_OPTIONS)
    events: list[Event] = []
    with suppress(InputError):
        for start in range(0, len(document), _CHUNK):
            events += parser.feed(document[start : start + _CHUNK])
        events += parser.finish()
    return events


# --- files of several writers ----------------------------------------------------------------------------------


def _files() -> list[Path]:
    """Return the DICOM files that pydicom brings along."""
    root = Path(pydicom.data.__file__).parent
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.stat().st_size < _MAX_SIZE)
    return [path for path in files if path.read_bytes()[128:132] == b"DICM"]


def _of_pydicom(files: Iterable[Path]) -> Iterator[bytes]:
    for path in files:
        with silence(), suppress(Exception):  # whatever pydicom cannot read
            yield dcmread(path, force=True).to_json().encode()


def _of_program(command: list[str], files: Iterable[Path]) -> Iterator[bytes]:
    for path in files:
        result = subprocess.run([*command, str(path)], check=False, capture_output=True)
        if result.returncode == 0 and result.stdout:
            yield result.stdout


def _of_dcmjs(files: Iterable[Path]) -> list[bytes]:
    with TemporaryDirectory() as folder:
        paths, target = Path(folder, "paths"), Path(folder, "out.ndjson")
        paths.write_text("\n".join(map(str, files)))
        if shutil.which(NODE[0]):
            subprocess.run([*NODE, "to-lines", str(paths), str(target)], check=False, capture_output=True)
        return target.read_bytes().splitlines() if target.exists() else []


def _of_orthanc(files: Iterable[Path]) -> Iterator[bytes]:
    with orthanc([]) as url, httpx2.Client(auth=(USER, PASSWORD), timeout=60) as client:
        for path in files:
            stored = client.post(f"{url.removesuffix('/dicom-web')}/instances", content=path.read_bytes())
            if stored.is_success:
                dataset = dcmread(path, stop_before_pixels=True, force=True)
                study, series = dataset.StudyInstanceUID, dataset.SeriesInstanceUID
                place = f"studies/{study}/series/{series}/instances/{dataset.SOPInstanceUID}/metadata"
                answer = client.get(f"{url}/{place}", headers={"Accept": "application/dicom+json"})
                if answer.is_success:
                    yield answer.content


def measure() -> dict[str, Share]:
    """Return the share for each writer that is installed; nothing without the engine."""
    if _native.functions is None:
        return {}
    files = _files()
    shares = {
        "DICOM files of pydicom": share(path.read_bytes() for path in files),
        "JSON of pydicom": share(_of_pydicom(files)),
    }
    programs = {
        "JSON of DCMTK": ["dcm2json"],
        "JSON of DCMTK, compact": ["dcm2json", "--compact-code"],
        "XML of DCMTK": ["dcm2xml", "--native-format"],
    }
    for name, command in programs.items():
        if shutil.which(command[0]):
            shares[name] = share(_of_program(command, files))
    if is_installed():
        shares["JSON of Orthanc"] = share(_of_orthanc(files))
    found = share(_of_dcmjs(files))
    if found.elements:
        shares["JSON of dcmjs"] = found
    return shares


def table(shares: dict[str, Share]) -> str:
    """Return the shares as a table in Markdown."""
    rows = [f"| {name} | {one} |" for name, one in shares.items()]
    return "\n".join(["| written by | elements that do not leave the engine |", "| --- | --- |", *rows])
