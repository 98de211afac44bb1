"""The command line on a terminal: what is progress there, and what is output."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import IO

import pytest

pytest.importorskip("typer", reason="the command line is an extra: install streamdicom[cli]")
pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")

_COMMAND = [sys.executable, "-c", "from streamdicom.cli import main; main()"]
_LONG = 1.2  # seconds, after which progress is shown
_FIRST = b'[{"00100020":{"vr":"LO","Value":["first"]}}'
_SECOND = b',{"00100020":{"vr":"LO","Value":["second"]}}]'
_TREE = ["Data set 0", "  (0010,0020) LO PatientID: first", "Data set 1", "  (0010,0020) LO PatientID: second"]


class _Terminal:
    """A terminal, and what has come to it."""

    def __init__(self) -> None:
        self._own, self.file = pty.openpty()
        self.text = b""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._own, 4096):
                self.text += data
        except OSError:  # nobody writes to it any more
            pass

    def close(self) -> str:
        os.close(self.file)
        self._reader.join()
        os.close(self._own)
        return self.text.decode()


def _slowly(*arguments: str | Path, to_terminal: bool = False, **environment: str) -> tuple[int, bytes, str]:
    """The exit code, the output and what is on the terminal, of a command that reads for long from a pipe."""
    terminal = _Terminal()
    with subprocess.Popen(
        [*_COMMAND, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=terminal.file if to_terminal else subprocess.PIPE,
        stderr=terminal.file,
        env={**os.environ, "TERM": "xterm", **environment},
    ) as process:
        assert process.stdin is not None
        process.stdin.write(_FIRST)
        deadline = time.monotonic() + 30
        while not terminal.text and time.monotonic() < deadline:
            _wait(process.stdin, 0.1)
        _wait(process.stdin, _LONG)
        output, _ = process.communicate(_SECOND, timeout=60)
    return process.returncode, output, terminal.close()


def _stalled(patience: float, **environment: str) -> tuple[str, str]:
    """What is on the terminal while a command waits for a pipe that brings nothing, and what in all."""
    terminal = _Terminal()
    with subprocess.Popen(
        [*_COMMAND, "convert", "-", "-", "--to", "json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal.file,
        env={**os.environ, "TERM": "xterm", **environment},
    ) as process:
        deadline = time.monotonic() + patience
        while not terminal.text and time.monotonic() < deadline:
            time.sleep(0.1)
        before = terminal.text.decode()
        output, _ = process.communicate(b"[]", timeout=60)
    assert (process.returncode, output) == (0, b"[]\n")
    return before, terminal.close()


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_COMMAND, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=60, check=False
    )


def _wait(stdin: IO[bytes], seconds: float) -> None:
    for _ in range(round(seconds / 0.1)):
        stdin.write(b" ")
        stdin.flush()
        time.sleep(0.1)


def test_the_output_of_a_long_run_goes_where_it_belongs(tmp_path: Path) -> None:
    code, output, terminal = _slowly("show", "-")
    assert (code, output.decode().splitlines()) == (0, _TREE)
    assert "Reading" in terminal
    assert "PatientID" not in terminal


def test_progress_is_shown_while_nothing_comes() -> None:
    before, _ = _stalled(30)
    assert before


def test_a_terminal_that_cannot_move_a_line_gets_none() -> None:
    assert _stalled(3 * _LONG, TERM="dumb") == ("", "")


@pytest.mark.parametrize("report", ["text", "json"])
def test_a_report_of_a_long_run_goes_where_it_belongs(report: str) -> None:
    code, output, terminal = _slowly("validate", "-", "--report", report)
    assert (code, output.count(b"conformant")) == (0, 1 if report == "text" else 2)
    assert "Reading" in terminal
    assert "conformant" not in terminal


def test_differences_of_a_long_run_go_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(_FIRST + b",{}]")
    code, output, terminal = _slowly("diff", "-", tmp_path / "b.json")
    assert (code, output) == (1, b"[1].00100020: only in A\n")
    assert "Comparing" in terminal


def test_a_terminal_has_the_output_or_progress_but_not_both() -> None:
    code, _, terminal = _slowly("show", "-", to_terminal=True)
    assert (code, terminal.splitlines()) == (0, _TREE)


def test_what_looks_like_markup_in_a_name_is_none(tmp_path: Path) -> None:
    source = tmp_path / "a[" / "b].json"
    source.parent.mkdir()
    source.symlink_to("/dev/stdin")
    code, _, terminal = _slowly("convert", source, tmp_path / "out.json", COLUMNS="1000")
    assert code == 0
    assert (tmp_path / "out.json").exists()
    assert "a[/b].json" in terminal
    assert "Traceback" not in terminal


_ODD = "e\x1b]0;owned\a\x9b\n.json"
_ODD_SHOWN = r"e\x1b]0;owned\x07\x9b .json"


def test_a_name_commands_no_terminal(tmp_path: Path) -> None:
    source = tmp_path / _ODD
    missing = _run("show", source)
    shown = f"streamdicom: {tmp_path}/{_ODD_SHOWN}: No such file or directory\n"
    assert (missing.returncode, missing.stderr) == (2, shown)
    source.write_bytes(b"[{]")
    for command in (["validate", source], ["diff", source, source], ["export", source, "-o", tmp_path / "out.json"]):
        result = _run(*command)
        assert _ODD_SHOWN in result.stdout + result.stderr
        assert not any(one in result.stdout + result.stderr for one in "\x1b\a\x9b")


def test_a_name_in_the_progress_commands_no_terminal(tmp_path: Path) -> None:
    (tmp_path / _ODD).symlink_to("/dev/stdin")
    _, _, terminal = _slowly("convert", tmp_path / _ODD, tmp_path / "out.json", COLUMNS="1000")
    assert _ODD_SHOWN in terminal
    assert "\x1b]" not in terminal
