"""The time that starting a command takes, compared with starting Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from itertools import count, islice, repeat
from pathlib import Path
from venv import EnvBuilder

import pydicom.data
import pytest

import streamdicom
from streamdicom.cli import COMMANDS
from tests.cli.running import COMMAND

resource = pytest.importorskip("resource", reason="needs the CPU time of child processes")

# The documented ratios, each rounded up: the least of many runs.
_HELP_RATIO = 3
_RUN_RATIO = 5

# Another processor, build of Python or load changes the ratio. Only the lists of modules below are exact; with this
# tolerance, the times find slow code that has no module of its own, such as a table that a module makes.
_TOLERANCE = 1.25
_ATTEMPTS = 15


# Python starts more slowly in the environment of the tests, where packages run code of their own.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
_ENVIRONMENT["PYTHONPATH"] = os.pathsep.join(str(Path(one.__file__).parents[1]) for one in (streamdicom, pydicom))
_SCRIPT = "import sys; from streamdicom.__main__ import main; sys.exit(main())"  # as installed


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the Python of a new environment."""
    folder = tmp_path_factory.mktemp("plain")
    EnvBuilder(with_pip=False, symlinks=True).create(folder)
    return str(folder / "bin" / "python")


def _seconds(*command: str, folder: Path | None = None) -> float:
    """Return the CPU time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=False, env=_ENVIRONMENT, cwd=folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _check_ratio(python: str, *arguments: str, documented: float, folders: Iterable[Path | None]) -> None:
    """Check the ratio of the CPU times of a command and of an empty program."""
    most = documented * _TOLERANCE
    ratios = []
    empty = _seconds(python, "-c", "pass")
    for folder in islice(folders, _ATTEMPTS):
        seconds = _seconds(python, "-c", _SCRIPT, *arguments, folder=folder)
        before, empty = empty, _seconds(python, "-c", "pass")
        ratios.append(seconds / min(before, empty))
        if ratios[-1] <= most:
            return
    pytest.fail(f"the least ratio of {sorted(ratios)} is above {most}")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_takes_about_the_documented_time(arguments: list[str], python: str) -> None:
    _check_ratio(python, *arguments, documented=_HELP_RATIO, folders=repeat(None))


# Modules of which each takes longer to import than most of ours.
_SLOW_MODULES = {
    "argparse", "ast", "asyncio", "bz2", "calendar", "concurrent.futures", "dataclasses", "datetime", "decimal",
    "email", "gettext", "hashlib", "http.client", "httpx2", "inspect", "json", "locale", "logging", "lzma",
    "multiprocessing", "numpy", "pathlib", "pickle", "platform", "pyarrow", "pydicom", "random", "re", "shutil",
    "signal", "socket", "sqlite3", "ssl", "streamdicom.api.writing", "streamdicom.bulkdata.policy",
    "streamdicom.converters.dates", "streamdicom.converters.registry", "streamdicom.deidentification",
    "streamdicom.deviations", "streamdicom.filters.bulk_data", "streamdicom.filters.convert",
    "streamdicom.formats.xml.element_markup", "streamdicom.formats.xml.kept", "streamdicom.index.sidecar",
    "streamdicom.io.compression", "streamdicom.io.remote", "streamdicom.io.unpacked", "streamdicom.jsontext",
    "streamdicom.jsontext.emitter", "streamdicom.jsontext.tokenizer", "subprocess", "tarfile", "tempfile", "textwrap",
    "threading", "traceback", "typing", "unicodedata", "urllib.parse", "urllib.request", "uvicorn", "weakref",
    "xml.parsers.expat", "zipfile",
}  # fmt: skip
_TOKENS = {"streamdicom.jsontext", "streamdicom.jsontext.tokenizer"}
_OUTPUT = {"streamdicom.api.writing", "streamdicom.bulkdata.policy"}
_JSON_OUTPUT = {"streamdicom.jsontext", "streamdicom.jsontext.emitter", *_OUTPUT}
_XML_OUTPUT = {"streamdicom.jsontext", "streamdicom.io.compression", *_OUTPUT}
_REMOTE = {"streamdicom.io.compression", "streamdicom.io.remote"}
_MEMBERS = {"streamdicom.io.unpacked", *_REMOTE}
_INDEX = {"streamdicom.index.sidecar", *_MEMBERS}

# The arguments of a run of each command on a small input, and the modules above that it needs.
_RUNS: dict[str, tuple[list[str], set[str]]] = {
    "convert": (["ct.dcm", "-", "--to", "json"], _JSON_OUTPUT),
    "convert to XML": (["ct.dcm", "new.xml"], {"streamdicom.formats.xml.element_markup", *_XML_OUTPUT}),
    "convert from XML": (["ct.xml", "new.json"], {"xml.parsers.expat", "streamdicom.io.compression", *_JSON_OUTPUT}),
    "show": (["ct.dcm"], set()),
    "count": (["ct.json"], _TOKENS),
    "head": (["ct.json", "-"], _TOKENS | _JSON_OUTPUT),
    "sample": (["ct.json", "-"], {"random", *_TOKENS, *_JSON_OUTPUT}),
    "split": (["ct.json", "-n", "1", "-o", "parts"], _TOKENS | _JSON_OUTPUT | _MEMBERS),
    "index": (["ct.json"], {"json", "re", "streamdicom.jsontext", *_INDEX}),
    "validate": (["ct.dcm"], {"re", "streamdicom.deviations"}),
    "diff": (["ct.dcm", "ct.json"], _TOKENS),
    "export": (["ct.dcm", "-o", "out.json"], {*_JSON_OUTPUT, *_MEMBERS}),
    "import": (["ct.json", "-o", "out"], {*_TOKENS, *_OUTPUT, *_REMOTE}),
    "verify": (["ct.json"], {*_TOKENS, *_INDEX}),
    "send": (["ct.json", "localhost:1"], {"re", "socket", "unicodedata", *_OUTPUT}),
    # The checks of the arguments need no server, Arrow or HTTP client.
    "serve": (["no-such-folder"], set()),
    "table": (["ct.json", "--columns", "Rows", "-o", "a.txt"], set()),
}
_CODES = {"send": 1, "serve": 2, "table": 2}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    shutil.copy(pydicom.data.get_testdata_file("CT_small.dcm"), folder / "ct.dcm")
    for name in ("ct.json", "ct.xml"):
        subprocess.run([*COMMAND, "convert", "ct.dcm", name], cwd=folder, check=True)
    return folder


def _modules(python: str, code: str, folder: Path | None = None) -> set[str]:
    """Return the names of the modules that a program has imported."""
    code += "; import sys; print('', *sys.modules, file=sys.__stderr__, end='')"
    command = [python, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=_ENVIRONMENT)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("name", _RUNS)
def test_run_imports_no_slow_modules_that_it_does_not_need(
    name: str, folder: Path, tmp_path: Path, python: str
) -> None:
    arguments, needed = _RUNS[name]
    own = shutil.copytree(folder, tmp_path / "own")
    run = f"import sys; sys.argv[1:] = {[name.split()[0], *arguments]}; from streamdicom.__main__ import main; "
    run += f"assert main() == {_CODES.get(name, 0)}"
    of_engine = set() if streamdicom.engine == "native" else {"re"}  # plain Python reads by patterns
    assert (_modules(python, run, own) & _SLOW_MODULES) - of_engine == needed - of_engine


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in _RUNS if name not in _CODES])
def test_run_takes_about_the_documented_time(name: str, folder: Path, tmp_path: Path, python: str) -> None:
    folders = (shutil.copytree(folder, tmp_path / str(number)) for number in count())
    _check_ratio(python, name.split()[0], *_RUNS[name][0], documented=_RUN_RATIO, folders=folders)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["convert", "--help"], ["export", "--help"]])
def test_help_imports_no_other_package_of_streamdicom(arguments: list[str]) -> None:
    code = f"import sys; sys.argv[1:] = {arguments}; from streamdicom.__main__ import main; main()\n"
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stderr.split()
    assert not {"pydicom", "dataclasses", "asyncio", "shtab", "logging", "threading"} & set(modules)
    ours = {name for name in modules if name.startswith("streamdicom.") and not name.startswith("streamdicom.cli")}
    # The engine is named by ``--version``; the others import nothing.
    known = {"__main__", "_native", "_native._engine", "_records", "_typing"}
    assert ours <= {f"streamdicom.{name}" for name in known}
