"""The time that starting a command takes, compared with starting Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import count, islice, repeat
from pathlib import Path

import pydicom.data
import pytest

from streamdicom.cli import COMMANDS
from tests.cli.running import COMMAND

resource = pytest.importorskip("resource", reason="needs the CPU time of child processes")

_EMPTY = [sys.executable, "-c", "pass"]
_MAX_RATIO = 5
_ATTEMPTS = 15  # other processes on the machine disturb a measurement


# An installed program has compiled modules.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _seconds(*command: str, folder: Path | None = None) -> float:
    """Return the CPU time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=False, env=_ENVIRONMENT, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _check_ratio(*arguments: str, folders: Iterable[Path | None]) -> None:
    """Check the ratio of the CPU times of a command and of an empty program."""
    ratios = []
    empty = _seconds(*_EMPTY)
    for folder in islice(folders, _ATTEMPTS):
        seconds = _seconds(*COMMAND, *arguments, folder=folder)
        before, empty = empty, _seconds(*_EMPTY)
        ratios.append(seconds / min(before, empty))
        if ratios[-1] <= _MAX_RATIO:
            return
    pytest.fail(f"the least ratio of {sorted(ratios)} is above {_MAX_RATIO}")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_takes_at_most_five_times_as_long_as_python(arguments: list[str]) -> None:
    _check_ratio(*arguments, folders=repeat(None))


# Modules of which each takes longer to import than most of ours.
_SLOW_MODULES = {
    "argparse", "ast", "asyncio", "bz2", "concurrent.futures", "dataclasses", "datetime", "decimal", "email", "gettext",
    "hashlib", "http.client", "httpx2", "inspect", "json", "locale", "logging", "lzma", "multiprocessing", "numpy",
    "pickle", "platform", "pyarrow", "pydicom", "random", "shutil", "socket", "sqlite3", "ssl",
    "streamdicom.converters.dates", "streamdicom.deidentification", "streamdicom.filters.bulk_data",
    "streamdicom.filters.convert", "streamdicom.index.sidecar", "streamdicom.jsontext", "subprocess", "tarfile",
    "tempfile", "textwrap", "threading", "traceback", "unicodedata", "urllib.request", "uvicorn", "zipfile",
}  # fmt: skip
_TEMPORARY = {"bz2", "lzma", "random", "shutil", "tempfile"}
_TEXT = {"json", "streamdicom.jsontext"}
_INDEX = {"streamdicom.index.sidecar"}

# The arguments of a run of each command on a small input, and the modules above that it needs.
_RUNS: dict[str, tuple[list[str], set[str]]] = {
    "convert": (["ct.dcm", "-", "--to", "json"], _TEXT),
    "show": (["ct.dcm"], set()),
    "count": (["ct.json"], _TEXT),
    "head": (["ct.json", "-"], _TEXT),
    "sample": (["ct.json", "-"], {"random", *_TEXT}),
    "split": (["ct.json", "-n", "1", "-o", "parts"], _TEXT | _INDEX),
    "index": (["ct.json"], _TEMPORARY | _TEXT | _INDEX),
    "validate": (["ct.dcm"], {"datetime", "locale"}),
    "diff": (["ct.dcm", "ct.json"], {"hashlib", *_TEMPORARY, *_TEXT}),
    "export": (["ct.dcm", "-o", "out.json"], _TEXT),
    "import": (["ct.json", "-o", "out"], {"datetime", "sqlite3", "streamdicom.filters.bulk_data", *_TEXT}),
    "verify": (["ct.json"], _TEXT | _INDEX),
    "send": (["ct.json", "localhost:1"], {"json", "socket", "unicodedata"}),
    # The checks of the arguments need no server, Arrow or HTTP client.
    "serve": (["no-such-folder"], set()),
    "table": (["ct.json", "--columns", "Rows", "-o", "a.txt"], set()),
}
_CODES = {"send": 1, "serve": 2, "table": 2}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    shutil.copy(pydicom.data.get_testdata_file("CT_small.dcm"), folder / "ct.dcm")
    subprocess.run([*COMMAND, "convert", "ct.dcm", "ct.json"], cwd=folder, check=True)
    return folder


def _modules(code: str, folder: Path | None = None) -> set[str]:
    """Return the names of the modules that a program has imported."""
    code += "; import sys; print('', *sys.modules, file=sys.__stderr__, end='')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("name", _RUNS)
def test_run_imports_no_slow_modules_that_it_does_not_need(name: str, folder: Path) -> None:
    arguments, needed = _RUNS[name]
    run = f"from streamdicom.cli import main; assert main({[name, *arguments]}) == {_CODES.get(name, 0)}"
    assert (_modules(run, folder) - _modules("pass")) & _SLOW_MODULES <= needed


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in _RUNS if name not in _CODES])
def test_run_takes_at_most_five_times_as_long_as_python(name: str, folder: Path, tmp_path: Path) -> None:
    folders = (shutil.copytree(folder, tmp_path / str(number)) for number in count())
    _check_ratio(name, *_RUNS[name][0], folders=folders)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["convert", "--help"], ["export", "--help"]])
def test_help_imports_no_other_package_of_streamdicom(arguments: list[str]) -> None:
    code = f"import sys; from streamdicom.cli import main; main({arguments}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stderr.split()
    assert not {"pydicom", "dataclasses", "asyncio", "shtab", "logging", "threading"} & set(modules)
    ours = {name for name in modules if name.startswith("streamdicom.") and not name.startswith("streamdicom.cli")}
    # The engine is named by ``--version``; the other module imports nothing.
    assert ours <= {"streamdicom._native", "streamdicom._native._engine", "streamdicom._records"}
