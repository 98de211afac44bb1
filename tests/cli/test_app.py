"""The command line as a whole: its help, its version, and wrong arguments."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import streamdicom
from streamdicom.cli import COMMANDS, EXIT_CODES
from tests.cli.running import ONE, dicom_file, run, run_process
from tests.support.each import each


def test_version_is_that_of_the_package_and_names_the_engine() -> None:
    assert run("--version").stdout.decode() == f"{streamdicom.__version__} ({streamdicom.engine} engine)\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_lists_all_commands_and_exit_codes(option: str) -> None:
    result = run(option)
    assert (result.code, result.stderr) == (0, "")
    text = result.stdout.decode()
    assert all(f"\n    {name} " in text for name in COMMANDS)
    assert all(meaning in text for code, meaning in EXIT_CODES.items() if code != 3)


def test_call_without_arguments_prints_the_help_and_fails() -> None:
    result = run()
    assert (result.code, result.stderr) == (2, "")
    assert result.stdout == run("--help").stdout


@each("name", COMMANDS)
def test_help_of_a_command_has_defaults_and_exit_codes(name: str) -> None:
    result = run(name, "-h")
    text = result.stdout.decode()
    assert (result.code, result.stderr) == (0, "")
    assert text.startswith(f"usage: streamdicom {name} ")
    assert "exit codes:\n    0  " in text
    assert "<bool>" not in text
    assert ("Default:" in text) == any("default" in str(argument) for argument in _options_with_default(name))


def _options_with_default(name: str) -> list[object]:
    return [argument for argument in COMMANDS[name].arguments if "%(default)s" in str(argument)]


@each(
    ("arguments", "expected"),
    [
        (["convert", "in.json"], "convert: the following arguments are required: OUT"),
        (["show", "--bogus", "a"], "show: unrecognized arguments: --bogus"),
        (["nothing"], "no such command: 'nothing' (choose from convert, show, "),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["convert", "a", "b", "--keys", "x\n"], r"convert: argument --keys: invalid choice: 'x\n' (choose from tag, "),
        (["diff", "a", "b", "--report", "sarif"], "invalid choice: 'sarif' (choose from text, json, html)"),
        (["listen", "localhost:0", "--timeout", "0"], "argument --timeout: expected a number of seconds above 0"),
        (["export", ".", "-o", "a.json", "--jobs", "0"], "expected an integer of at least 1, found '0'"),
        (["serve", ".", "--port", "65536"], "expected an integer from 0 to 65535, found '65536'"),
        (["serve", "s3://a/b"], "found a URL: 's3://a/b'"),
        (["convert", "https://example.org/a", "-"], "expected the path of a local file or folder"),
        (["show", "a", "-v", "-q"], "not allowed with argument -v"),
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_one_line(arguments: list[str], expected: str) -> None:
    result = run(*arguments)
    assert (result.code, result.stdout) == (2, b"")
    assert expected in result.error


def test_url_as_a_folder_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for scheme in ("unknown", "s4"):  # no file system of fsspec
        assert run("export", ".", "-o", "a.json", "--bulk-dir", f"{scheme}://bucket/x").code == 2
        assert not list(tmp_path.iterdir())


def test_unsupported_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    path.write_text("root:x:0:0:root:/root:/bin/bash\n")
    for arguments in (["show", path], ["convert", path, "-"], ["diff", path, path]):
        result = run(*arguments)
        assert result.code == 1
        assert result.error.startswith(f"{path}: not DICOM JSON, ")
        assert "DICOM file" in result.error


def test_missing_file_is_named(tmp_path: Path) -> None:
    result = run("show", tmp_path / "none")
    assert (result.code, result.error) == (2, f"{tmp_path / 'none'}: No such file or directory")


def test_output_in_a_missing_folder_is_named(tmp_path: Path) -> None:
    source, target = dicom_file(tmp_path / "in.dcm"), tmp_path / "none" / "out.json"
    for arguments in (["convert", source, target], ["export", source, "-o", target]):
        result = run(*arguments)
        assert (result.code, result.error) == (2, f"{target}: No such file or directory")


# --- messages --------------------------------------------------------------------------------------------------

_MESSY = b'[{"PatientID": {"vr": "LO", "Value": "1"}}, {"PatientID": {"vr": "LO", "Value": "2"}}]'


def test_warning_is_printed_once_for_each_code() -> None:
    result = run("convert", "-", "-", "--to", "json", data=_MESSY)
    assert result.code == 0
    assert result.stderr.startswith("streamdicom: warning: standard input: scalar-value: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["-q", "convert"], ["convert", "--quiet"]])
def test_quiet_prints_no_warnings(arguments: list[str]) -> None:
    result = run(*arguments, "-", "-", "--to", "json", data=_MESSY)
    assert (result.code, result.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["--verbose", "convert"], ["convert", "-v"]])
def test_verbose_prints_every_deviation(arguments: list[str]) -> None:
    result = run(*arguments, "-", "-", "--to", "json", data=_MESSY)
    assert result.code == 0
    assert result.stderr.count("scalar-value") == 2
    assert "[1].00100020" in result.stderr


def test_verbose_prints_the_traceback_of_an_error() -> None:
    result = run("show", "-", "-v", data=b"[")
    assert result.code == 1
    assert "Traceback" in result.stderr


def test_warnings_of_pydicom_are_one_line_each() -> None:
    result = run("convert", "-", "-", data=b'{"00080005": {"vr": "CS", "Value": ["ISO-IR 100"]}}')
    assert result.code == 0
    assert all(line.startswith("streamdicom: warning: ") for line in result.stderr.splitlines())


# --- the process -----------------------------------------------------------------------------------------------


def test_process_is_restored_after_a_command(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), warnings.showwarning, sys.stdout
    run("convert", "-", tmp_path / "a.json", "-v", data=b"[]")
    run("show", "-", data=b"[")
    run("bogus")
    after = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), warnings.showwarning, sys.stdout
    assert after == before
    assert run("show", "-", data=b"[").stderr.count("\n") == 1  # --verbose does not last


def test_handler_of_sigterm_is_kept(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        run("show", "-", data=ONE)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_package_is_run_as_the_command_line() -> None:
    command = [sys.executable, "-m", "streamdicom", "bogus"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("streamdicom: no such command: ")


_VERSION = f"{streamdicom.__version__} ({streamdicom.engine} engine)".encode()
_CTRL_C = "os.kill(os.getpid(), signal.SIGINT)"
_IN_CALLBACK = f"import weakref; one = set(); two = weakref.ref(one, lambda _: ({_CTRL_C}, str(1))); del one"


@pytest.mark.slow
@each(
    ("module", "code", "argument", "stdout"),
    [
        pytest.param("typing", _CTRL_C, "demo", b"", id="before the command"),
        pytest.param("pydicom", _CTRL_C, "demo", b"", id="in the command"),
        pytest.param("random", _IN_CALLBACK, "sample -", b"", id="where Python ignores exceptions"),
        pytest.param(
            "sitecustomize", f"import atexit; atexit.register(lambda: {_CTRL_C})", "--version", _VERSION, id="after it"
        ),
    ],
)
def test_ctrl_c_is_quiet_while_modules_are_imported_and_at_the_end(
    module: str, code: str, argument: str, stdout: bytes, tmp_path: Path
) -> None:
    (tmp_path / f"{module}.py").write_text(f"import os, signal; {code}")
    result = run_process(*argument.split(), PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert (result.code, result.stdout.strip(), result.stderr) == (130, stdout, "")


@each(
    ("package", "arguments", "extra"),
    [
        ("httpx2", ["fetch", "http://localhost/studies", "-o", "-"], "http"),
        ("uvicorn", ["serve", "."], "serve"),
        ("shtab", ["completion", "bash"], "cli"),
    ],
)
def test_missing_package_is_named_with_its_extra(
    package: str, arguments: list[str], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for name in (arguments[0], "requests", "serving"):
        monkeypatch.delitem(sys.modules, f"streamdicom.cli.{name}", raising=False)
    result = run(*arguments)
    assert (result.code, result.error) == (2, f'{package} is not installed; install "streamdicom[{extra}]"')


@each("shell", ["bash", "zsh", "tcsh"])
def test_completion_has_commands_and_options(shell: str) -> None:
    pytest.importorskip("shtab")
    result = run("completion", shell)
    assert (result.code, result.stderr) == (0, "")
    assert all(text in result.stdout for text in (b"validate", b"report", b"keep-both", b"number-handling"))


def test_completion_of_an_unknown_shell_is_a_usage_error() -> None:
    result = run("completion", "csh")
    assert result.code == 2
    assert "invalid choice: 'csh' (choose from bash, zsh, tcsh)" in result.error


def test_garbage_is_collected_as_usual_after_the_first_time() -> None:
    code = (
        "import gc, sys, streamdicom.__main__ as it; before = gc.get_threshold()\n"
        "sys.argv[1:] = ['--version']; it.main()\n"
        "held = gc.get_threshold()[0]; kept = [[] for _ in range(2 * held)]\n"
        "print(held > 10 * before[0], gc.get_threshold() == before, gc.isenabled(), gc.callbacks)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True True True []"


def test_unknown_engine_is_a_usage_error(tmp_path: Path) -> None:
    done = run_process("show", tmp_path, STREAMDICOM_ENGINE="fast")
    message = "streamdicom: STREAMDICOM_ENGINE must be 'pure' or 'native', not 'fast'\n"
    assert (done.code, done.stdout, done.stderr) == (2, b"", message)


@each("engine", ["", "pure"])
@each("text", [r"\q", r"\u12G4", r"\ud800", "\t", "\x01"])
def test_wrong_string_is_a_fault_where_json_is_not_imported(text: str, engine: str) -> None:
    document = f'{{"00100020": {{"vr": "LO", "Value": ["{text}"]}}}}'.encode()
    done = run_process("count", "-", data=document, STREAMDICOM_ENGINE=engine)
    assert done.code == 1
    assert done.error.startswith("standard input: expected ")


@each("arguments", [["validate", "{}"], ["convert", "{}", "a.json"], ["diff", "{}", "{}"]])
def test_folder_in_place_of_a_file_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    done = run(*(text.format(tmp_path) for text in arguments))
    assert (done.code, done.stderr) == (2, f"streamdicom: {tmp_path}: expected a file, found a folder\n")
