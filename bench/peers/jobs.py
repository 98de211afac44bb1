"""The jobs, the peers that do each, and one way to measure them.

Every peer is a command. All commands of a job take turns, and the medians count, of the user time of the processor:
of the whole process, or of the job within a process that is warm and prints its time.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import streamdicom
from bench import bulk, exporting
from bench.corpus import entries, silence, write_array
from bench.memory import ENVIRONMENT, MIB, ROOT
from bench.multiframe import FRAMES, write_files
from bench.peers.work import MISSING

RUNS = 5
OURS = "streamdicom"
FOLDER = Path(__file__).parent

_DATASETS = 3000
_FILES = 2000
_VALUE = 256  # MiB
_LEAST = 1e-6  # seconds, the resolution of the clock: a tiny job may take no time
_WRITTEN = 8  # the part of the data sets that is written, which are in memory all at once

_RUST = str(FOLDER / "rust" / "target" / "release" / "peers")
NODE = ["node", str(FOLDER / "node" / "peers.js")]
_COMMAND = [sys.executable, "-c", "import sys; from streamdicom.cli import main; sys.exit(main())"]
_LIBRARY = "import sys, streamdicom as s; s.write_events(s.iter_events(sys.argv[1]), sys.argv[2], array=False)"
_PYDICOM = """
import sys
from pathlib import Path
from pydicom import dcmread
with open(sys.argv[2], "w") as file:
    for number, path in enumerate(sorted(Path(sys.argv[1]).rglob("*.dcm"))):
        file.write("," if number else "[")
        file.write(dcmread(path).to_json())
    file.write("]")
"""
_LOOP = 'for file in "$0"/*/*.dcm; do dcm2json --compact-code "$file" || exit; echo ,; done > "$1"'


@dataclass(frozen=True)
class Unit:
    """The unit of a job: its name, and the number for seconds and an amount."""

    name: str
    of: Callable[[float, int], float]


_ELEMENTS = Unit("us/element", lambda seconds, elements: seconds * 1e6 / elements)
_BYTES = Unit("MB/s", lambda seconds, size: size / 1e6 / seconds)
_SMALL_FILES = Unit("ms/file", lambda seconds, files: seconds * 1e3 / files)


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        name: Its name.
        unit: The unit of its figures.
        amount: The number of elements or files, or the size in bytes.
        commands: The commands, the first ours, each under "program: part or product". A command with the word
            ``--timed``, or in ``bench.peers.work``, prints its user seconds and the number of failed data sets.
    """

    name: str
    unit: Unit
    amount: int
    commands: dict[str, list[str]]


@dataclass(frozen=True)
class Result:
    """A measurement.

    Attributes:
        job: The job.
        program: The program, with the engine if it is streamdicom.
        part: Its part or product.
        seconds: The median; None if the program is missing or fails.
        ratio: The median of the ratios to our first command, or None.
        remark: "not installed", "failed", or the number of data sets that failed.
    """

    job: Job
    program: str
    part: str
    seconds: float | None
    ratio: float | None
    remark: str

    @property
    def figure(self) -> str:
        """Return the figure with its unit and the remark, or the remark alone."""
        if self.seconds is None:
            return self.remark
        figure = f"{short(self.job.unit.of(self.seconds, self.job.amount))} {self.job.unit.name}"
        return f"{figure} ({self.remark})" if self.remark else figure


def short(number: float) -> str:
    """Return a number with two significant digits; more do not repeat from run to run."""
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


# --- the table -------------------------------------------------------------------------------------------------


def make_jobs(folder: Path, part: int = 1) -> list[Job]:
    """Write the inputs into a folder, reduced to a part; return the jobs."""
    with silence():
        corpora = _corpus_jobs("headers", "JSON metadata", folder, part)
        corpora += _corpus_jobs("files", "JSON with pixel data", folder, part)
    return corpora + _image_jobs(folder, part) + _value_jobs(folder, part) + _folder_jobs(folder, part)


def _corpus_jobs(corpus: str, name: str, folder: Path, part: int) -> list[Job]:
    array = write_array(corpus, _DATASETS // part, folder / f"{corpus}.json")
    lines = array.path.with_suffix(".ndjson")
    written = list(islice(cycle(entries(corpus)), max(1, _DATASETS // part // _WRITTEN)))
    pickled = folder / f"{corpus}.pickle"
    pickled.write_bytes(pickle.dumps(written))
    elements = sum(entry.elements for entry in written)
    return [
        Job(
            f"{name} -> events",
            _ELEMENTS,
            array.elements,
            {
                f"{OURS}: events": _python("events", array.path),
                "ijson: basic_parse, tokens": _python("basic_parse", array.path),
                "ijson: parse, tokens with paths": _python("parse", array.path),
                "ijson: items, dictionaries": _python("items", array.path),
                "json: dictionaries, by line": _python("json", lines),
                "orjson: dictionaries, by line": _python("orjson", lines),
                "msgspec: dictionaries, by line": _python("msgspec", lines),
                "simdjson: dictionaries, by line": _python("simdjson-dictionaries", lines),
                "simdjson: no objects, by line": _python("simdjson", lines),
            },
        ),
        Job(
            f"{name} -> data sets",
            _ELEMENTS,
            array.elements,
            {
                f"{OURS}: pydicom data sets": _python("data-sets", array.path),
                "ijson: items + from_json": _python("ijson+from_json", array.path),
                "orjson: loads + from_json, by line": _python("orjson+from_json", lines),
                "dicom-rs: own objects, by line": _rust("read", lines),
                "dcmjs: own objects, by line": _node("read", lines),
            },
        ),
        Job(
            f"data sets as read -> {name}",
            _ELEMENTS,
            elements,
            {f"{OURS}: dump": _python("dump", pickled), "pydicom: to_json": _python("to_json", pickled)},
        ),
        Job(
            f"data sets after access -> {name}",
            _ELEMENTS,
            elements,
            {
                f"{OURS}: dump": _python("dump-accessed", pickled),
                "pydicom: to_json": _python("to_json-accessed", pickled),
            },
        ),
    ]


def _image_jobs(folder: Path, part: int) -> list[Job]:
    """Return the jobs on an enhanced MR image of many elements in sequences."""
    files = write_files(folder, max(1, FRAMES // part))
    dicom, elements = files["defined"].path, files["defined"].elements
    text, xml = folder / "image.json", folder / "image.xml"
    streamdicom.write_events(streamdicom.iter_events(dicom), text, array=False)
    streamdicom.write_events(streamdicom.iter_events(dicom), xml, format="xml")
    out = _Targets(folder)
    return [
        Job(
            "JSON, one data set in sequences -> data sets",
            _ELEMENTS,
            elements,
            {
                f"{OURS}: pydicom data sets": _python("data-sets", text),
                "ijson: items + from_json": _python("ijson+from_json-one", text),
                "orjson: loads + from_json": _python("orjson+from_json", text),
                "dicom-rs: own objects": _rust("read", text),
                "dcmjs: own objects": _node("read", text),
            },
        ),
        *[
            Job(
                f".dcm -> JSON, in process, {lengths} lengths",
                _ELEMENTS,
                elements,
                {
                    f"{OURS}: events": _python("to-json", file.path, out("json")),
                    "pydicom: dcmread + to_json": _python("to-json-pydicom", file.path, out("json")),
                    "dicom-rs: numbers as strings": _rust("to-json", file.path, out("json")),
                    "dcmjs: JSON of its dictionary": _node("to-json", file.path, out("json")),
                },
            )
            for lengths, file in files.items()
        ],
        Job(
            ".dcm -> JSON, on the clock, by two threads and by one",
            _ELEMENTS,
            8 * elements,
            {
                f"{OURS}: two threads": _python("to-json-by-2", dicom, out("json")),
                f"{OURS}: one thread": _python("to-json-by-1", dicom, out("json")),
            },
        ),
        Job(
            "JSON -> JSON, in process",
            _ELEMENTS,
            elements,
            {f"{OURS}: events": _python("json-to-json", text, out("json"))},
        ),
        Job(
            ".dcm -> JSON, whole process",
            _ELEMENTS,
            elements,
            {
                f"{OURS}: events": [sys.executable, "-c", _LIBRARY, str(dicom), out("json")],
                f"{OURS}: convert": [*_COMMAND, "convert", str(dicom), out("json")],
                "DCMTK: dcm2json": ["dcm2json", str(dicom), out("json")],
                "DCMTK: dcm2json --compact-code": ["dcm2json", "--compact-code", str(dicom), out("json")],
                "dicom-rs: numbers as strings": [_RUST, "to-json", str(dicom), out("json")],
                "dcmjs: JSON of its dictionary": [*NODE, "to-json", str(dicom), out("json")],
            },
        ),
        Job(
            "JSON -> .dcm, in process",
            _ELEMENTS,
            elements,
            {
                f"{OURS}: events": _python("to-dicom", text, out("dcm")),
                "pydicom: from_json + dcmwrite": _python("to-dicom-pydicom", text, out("dcm")),
                "dicom-rs: objects": _rust("to-dicom", text, out("dcm")),
                "dcmjs: dictionary": _node("to-dicom", text, out("dcm")),
            },
        ),
        Job(
            "JSON -> .dcm, whole process",
            _ELEMENTS,
            elements,
            {
                f"{OURS}: convert": [*_COMMAND, "convert", str(text), out("dcm")],
                "DCMTK: json2dcm": ["json2dcm", str(text), out("dcm")],
                "dicom-rs: objects": [_RUST, "to-dicom", str(text), out("dcm")],
                "dcmjs: dictionary": [*NODE, "to-dicom", str(text), out("dcm")],
            },
        ),
        Job(
            ".dcm -> XML, whole process",
            _ELEMENTS,
            elements,
            {
                f"{OURS}: convert": [*_COMMAND, "convert", str(dicom), out("xml")],
                "DCMTK: dcm2xml --native-format": ["dcm2xml", "--native-format", str(dicom), out("xml")],
                "GDCM: gdcmxml": ["gdcmxml", str(dicom), out("xml")],
            },
        ),
        Job(
            ".dcm -> text, whole process",
            _ELEMENTS,
            elements,
            {
                f"{OURS}: show": [*_COMMAND, "show", str(dicom)],
                "DCMTK: dcmdump": ["dcmdump", str(dicom)],
                "GDCM: gdcmdump": ["gdcmdump", str(dicom)],
                "dicom-rs: dicom-dump": [_RUST, "show", str(dicom), out("txt")],
            },
        ),
        Job(
            "XML -> events",
            _ELEMENTS,
            elements,
            {
                f"{OURS}: events": _python("events", xml),
                "ElementTree: iterparse": _python("ElementTree", xml),
                "lxml: iterparse": _python("lxml", xml),
            },
        ),
        Job(
            "validate, form and values, in process",
            _BYTES,
            text.stat().st_size,
            {f"{OURS}: validate": _python("validate", text)},
        ),
    ]


def _value_jobs(folder: Path, part: int) -> list[Job]:
    """Return the jobs on one long value."""
    mib = max(2, _VALUE // part)
    dicom, text = folder / "value.dcm", folder / "value.json"
    bulk.write_file(dicom, mib)
    streamdicom.write_events(streamdicom.iter_events(dicom), text, array=False)
    out = _Targets(folder)
    return [
        Job(
            f"JSON, one value of {mib} MiB -> events",
            _BYTES,
            text.stat().st_size,
            {
                f"{OURS}: events": _python("events", text),
                "json: dictionaries": _python("json", text),
                "orjson: dictionaries": _python("orjson", text),
                "msgspec: dictionaries": _python("msgspec", text),
                "simdjson: no objects": _python("simdjson", text),
                "dicom-rs: own objects": _rust("read", text),
                "dcmjs: own objects": _node("read", text),
            },
        ),
        Job(
            f".dcm, one value of {mib} MiB -> JSON, whole process",
            _BYTES,
            mib * MIB,
            {
                f"{OURS}: convert": [*_COMMAND, "convert", str(dicom), out("json")],
                "DCMTK: dcm2json": ["dcm2json", str(dicom), out("json")],
                "dicom-rs: objects": [_RUST, "to-json", str(dicom), out("json")],
                "dcmjs: JSON of its dictionary": [*NODE, "to-json", str(dicom), out("json")],
            },
        ),
    ]


def _folder_jobs(folder: Path, part: int) -> list[Job]:
    count = max(1, _FILES // part)
    source = folder / "folder"
    exporting.write_files(source, count)
    out = _Targets(folder)
    return [
        Job(
            f"{count:,} small files -> one array, whole process",
            _SMALL_FILES,
            count,
            {
                f"{OURS}: export": [*_COMMAND, "-q", "export", str(source), "-o", out("json")],
                "pydicom: dcmread + to_json": [sys.executable, "-c", _PYDICOM, str(source), out("json")],
                "DCMTK: a process of dcm2json each": ["sh", "-c", _LOOP, str(source), out("json")],
                "dicom-rs: numbers as strings": [_RUST, "export", str(source), out("json")],
                "dcmjs: JSON of its dictionary": [*NODE, "export", str(source), out("json")],
            },
        )
    ]


@dataclass
class _Targets:
    """Return the names of new files."""

    folder: Path

    def __call__(self, suffix: str) -> str:
        number = sum(1 for _ in self.folder.iterdir())
        path = self.folder / f"out{number}.{suffix}"
        path.touch()
        return str(path)


def _python(job: str, source: Path, target: str = os.devnull) -> list[str]:
    return [sys.executable, "-m", "bench.peers.work", job, str(source), target]


def _rust(job: str, source: Path, target: str = os.devnull) -> list[str]:
    return [_RUST, "--timed", job, str(source), target]


def _node(job: str, source: Path, target: str = os.devnull) -> list[str]:
    return [*NODE, "--timed", job, str(source), target]


# --- measuring -------------------------------------------------------------------------------------------------


def measure(job: Job, runs: int = RUNS) -> list[Result]:
    """Run all commands of a job in turns; return a result for each."""
    commands = dict(_expand(job))
    first = next(iter(commands))
    times: dict[tuple[str, str], list[float]] = {key: [] for key in commands}
    remarks = dict.fromkeys(commands, "")
    running = dict(commands)
    for _ in range(runs):
        for key, (command, environment) in list(running.items()):
            seconds, remarks[key] = _run(command, environment, is_ours=key[0].startswith(OURS))
            if seconds is None:
                times[key].clear()
                del running[key]
            else:
                times[key].append(seconds)
    return [_result(job, key, times[key], times[first], remarks[key]) for key in commands]


def engines() -> list[str]:
    """Return the engines of streamdicom, the best first, or an empty name."""
    engine = str(getattr(streamdicom, "engine", ""))
    return ["native", "pure"] if engine == "native" else [engine]


def _expand(job: Job) -> list[tuple[tuple[str, str], tuple[list[str], dict[str, str]]]]:
    """Return program, part, command and environment; our commands for each engine."""
    found = []
    for label, command in job.commands.items():
        program, _, part = label.partition(": ")
        for engine in engines() if program == OURS else [""]:
            name = f"{program}, {engine}" if engine else program
            found.append(((name, part), (command, {"STREAMDICOM_ENGINE": engine} if engine else {})))
    return found


def _result(job: Job, key: tuple[str, str], times: list[float], ours: list[float], remark: str) -> Result:
    if not times:
        return Result(job, *key, None, None, remark)
    ratios = [seconds / own for seconds, own in zip(times, ours, strict=True)]
    return Result(job, *key, median(times), median(ratios), remark)


def _run(command: list[str], environment: dict[str, str], *, is_ours: bool) -> tuple[float | None, str]:
    """Return user seconds, and a remark; no seconds if a peer is missing or fails.

    Raises:
        CalledProcessError: Our command failed.
    """
    if not shutil.which(command[0]):
        return None, "not installed"
    is_timed = "--timed" in command or "bench.peers.work" in command
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE if is_timed else subprocess.DEVNULL,
        stderr=None if is_ours else subprocess.DEVNULL,
        text=True,
    )
    with process:
        printed = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        if is_ours:
            raise subprocess.CalledProcessError(process.returncode, command)
        return None, "not installed" if process.returncode == MISSING else "failed"
    if not is_timed:
        return max(usage.ru_utime, _LEAST), ""
    seconds, failures = printed.split()
    return max(float(seconds), _LEAST), "" if failures == "0" else f"{failures} data sets failed"
