"""Whole processes that convert a DICOM file to DICOM JSON, beside ``dcm2json``.

They take turns, and the median of several runs counts: of the time on the processor, which other programs do not
change much.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.memory import ENVIRONMENT, ROOT
from bench.multiframe import File

RIVAL = "dcm2json"

_RUNS = 7
_LIBRARY = "import sys, streamdicom as s; s.write_events(s.iter_events(sys.argv[1]), sys.argv[2], array=False)"
_COMMAND = "import sys; from streamdicom.cli import main; sys.exit(main())"
_COMMANDS = {
    RIVAL: [RIVAL],
    "dcm2json --compact-code": [RIVAL, "--compact-code"],
    "Python with the library": [sys.executable, "-c", _LIBRARY],
    "streamdicom convert": [sys.executable, "-c", _COMMAND, "convert"],
}


@dataclass(frozen=True)
class Process:
    """A measurement of a command.

    Attributes:
        command: The command.
        lengths: The kind of sequence lengths in the file.
        elements: The number of elements.
        size: Bytes of JSON.
        seconds: CPU seconds, user and system; None if the command is not installed.
    """

    command: str
    lengths: str
    elements: int
    size: int
    seconds: float | None


def measure(files: dict[str, File], folder: Path) -> list[Process]:
    """Run every command on every file."""
    return [process for lengths, file in files.items() for process in _measure(lengths, file, folder)]


def installed() -> str:
    """Return name and version of the rival, or "" if it is not installed."""
    if not shutil.which(RIVAL):
        return ""
    run = subprocess.run([RIVAL, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return " ".join(run.stdout.split("\n")[0].strip("$ ").removeprefix("dcmtk: ").split()[:2])


def _measure(lengths: str, file: File, folder: Path) -> list[Process]:
    targets = {name: folder / f"{number}.json" for number, name in enumerate(_COMMANDS)}
    commands = {
        name: [*command, str(file.path), str(targets[name])]
        for name, command in _COMMANDS.items()
        if shutil.which(command[0])
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(_RUNS + 1):
        for name, command in commands.items():
            used = _run(command)
            if number:  # the first run warms the cache
                seconds[name].append(used)
    _compare([targets[name] for name in commands])
    size = targets["Python with the library"].stat().st_size
    medians = {name: median(times) for name, times in seconds.items()}
    return [Process(name, lengths, file.elements, size, medians.get(name)) for name in _COMMANDS]


def _run(command: list[str]) -> float:
    """Return the CPU seconds of a process."""
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def _compare(paths: list[Path]) -> None:
    """Check that all outputs are equal."""
    first, *others = [json.loads(path.read_bytes()) for path in paths]
    if any(other != first for other in others):
        raise ValueError("the commands have not written the same")
