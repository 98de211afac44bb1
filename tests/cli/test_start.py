"""The time that starting a command takes, compared with starting Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import pydicom.data
import pytest

from streamdicom.cli import COMMANDS
from tests.cli.running import COMMAND

resource = pytest.importorskip("resource", reason="needs the CPU time of child processes")

_MAX_RATIO = 5
_RUNS = 5
_MAX_ATTEMPTS = 3  # other processes on the machine disturb a measurement


# An installed program has compiled modules.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _seconds(*command: str) -> float:
    """Return the CPU time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=_ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _ratio(*arguments: str) -> float:
    """Return the ratio of the median CPU times of a command and of an empty program."""
    pairs = [(_seconds(*COMMAND, *arguments), _seconds(sys.executable, "-c", "pass")) for _ in range(_RUNS)]
    command, empty = (median(times) for times in zip(*pairs, strict=True))
    return command / empty


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], *([name, "--help"] for name in COMMANDS)])
def test_start_takes_at_most_five_times_as_long_as_python(arguments: list[str]) -> None:
    ratios = []
    while len(ratios) < _MAX_ATTEMPTS and min(ratios, default=_MAX_RATIO + 1) > _MAX_RATIO:
        ratios.append(_ratio(*arguments))
    assert min(ratios) <= _MAX_RATIO, ratios


def test_showing_a_file_does_not_import_pydicom(tmp_path: Path) -> None:
    source = pydicom.data.get_testdata_file("CT_small.dcm")
    code = (
        "import sys; from streamdicom.cli import main; "
        f"main(['show', {str(source)!r}]); main(['convert', {str(source)!r}, {str(tmp_path / 'a.json')!r}]); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "PatientName" in done.stdout
    assert not {"pydicom", "numpy"} & set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["convert", "--help"], ["export", "--help"]])
def test_help_imports_no_other_package_of_streamdicom(arguments: list[str]) -> None:
    code = f"import sys; from streamdicom.cli import main; main({arguments}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stderr.split()
    assert not {"pydicom", "dataclasses", "asyncio", "shtab", "logging"} & set(modules)
    ours = {name for name in modules if name.startswith("streamdicom.") and not name.startswith("streamdicom.cli")}
    assert ours <= {"streamdicom._native", "streamdicom._native._engine"}  # which ``--version`` names
