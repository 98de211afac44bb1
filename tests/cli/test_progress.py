"""The line of progress on a terminal, and the output next to it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from threading import Thread
from typing import IO

import pytest

from tests.cli.running import COMMAND, run

pty = pytest.importorskip("pty", reason="needs pseudo-terminals")
pytestmark = pytest.mark.slow

_LONG = 1.2  # seconds after which progress is shown
_FIRST = b'[{"00100020":{"vr":"LO","Value":["first"]}}'
_SECOND = b',{"00100020":{"vr":"LO","Value":["second"]}}]'
_TREE = ["Data set 0", "  (0010,0020) LO PatientID: first", "Data set 1", "  (0010,0020) LO PatientID: second"]


class _Terminal:
    """A terminal, and the text on it."""

    def __init__(self) -> None:
        self._own, self.file = pty.openpty()
        self.text = b""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._own, 4096):
                self.text += data
        except OSError:  # closed by all writers
            pass

    def close(self) -> str:
        os.close(self.file)
        self._reader.join()
        os.close(self._own)
        return self.text.decode()


def _run_slowly(*arguments: str | Path, to_terminal: bool = False, **environment: str) -> tuple[int, bytes, str]:
    """Run a command that reads slowly; return exit code, output and terminal."""
    terminal = _Terminal()
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
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


def _run_stalled(patience: float, *options: str, **environment: str) -> tuple[str, str]:
    """Return the text on the terminal while a command waits, and after its end."""
    terminal = _Terminal()
    with subprocess.Popen(
        [*COMMAND, "convert", "-", "-", "--to", "json", *options],
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


def _wait(stdin: IO[bytes], seconds: float) -> None:
    for _ in range(round(seconds / 0.1)):
        stdin.write(b" ")
        stdin.flush()
        time.sleep(0.1)


def test_progress_and_output_are_kept_apart(tmp_path: Path) -> None:
    code, output, terminal = _run_slowly("show", "-")
    assert (code, output.decode().splitlines()) == (0, _TREE)
    assert "Reading" in terminal
    assert "PatientID" not in terminal


def test_progress_is_shown_while_no_data_arrives() -> None:
    before, _ = _run_stalled(30)
    assert before


def test_dumb_terminal_has_no_progress() -> None:
    assert _run_stalled(3 * _LONG, TERM="dumb") == ("", "")


@pytest.mark.parametrize("report", ["text", "json"])
def test_progress_and_report_are_kept_apart(report: str) -> None:
    code, output, terminal = _run_slowly("validate", "-", "--report", report)
    assert (code, output.count(b"conformant")) == (0, 1 if report == "text" else 2)
    assert "Reading" in terminal
    assert "conformant" not in terminal


def test_progress_and_differences_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(_FIRST + b",{}]")
    code, output, terminal = _run_slowly("diff", "-", tmp_path / "b.json")
    assert code == 1
    assert output.startswith(b"[1].00100020")
    assert output.count(b"\n") == 1
    assert "Comparing" in terminal


def test_progress_is_not_shown_if_the_output_is_on_a_terminal() -> None:
    code, _, terminal = _run_slowly("show", "-", to_terminal=True, NO_COLOR="1", PAGER="cat")
    assert (code, terminal.splitlines()) == (0, _TREE)


def test_brackets_in_a_name_are_shown(tmp_path: Path) -> None:
    source = tmp_path / "a[" / "b].json"
    source.parent.mkdir()
    source.symlink_to("/dev/stdin")
    code, _, terminal = _run_slowly("convert", source, tmp_path / "out.json", COLUMNS="1000")
    assert code == 0
    assert (tmp_path / "out.json").exists()
    assert "a[/b].json" in terminal
    assert "Traceback" not in terminal


_ODD = "e\x1b]0;owned\a\x9b\n.json"
_ODD_SHOWN = r"e\x1b]0;owned\x07\x9b .json"


def test_control_characters_in_a_name_are_escaped(tmp_path: Path) -> None:
    source = tmp_path / _ODD
    missing = run("show", source)
    assert (missing.code, missing.error) == (2, f"{tmp_path}/{_ODD_SHOWN}: No such file or directory")
    source.write_bytes(b"[{]")
    for command in (["validate", source], ["diff", source, source], ["export", source, "-o", tmp_path / "out.json"]):
        result = run(*command)
        text = result.stdout.decode() + result.stderr
        assert _ODD_SHOWN in text
        assert not any(character in text for character in "\x1b\a\x9b")


def test_quiet_shows_no_progress() -> None:
    assert _run_stalled(3 * _LONG, "-q") == ("", "")


def test_control_characters_in_the_progress_are_escaped(tmp_path: Path) -> None:
    (tmp_path / _ODD).symlink_to("/dev/stdin")
    _, _, terminal = _run_slowly("convert", tmp_path / _ODD, tmp_path / "out.json", COLUMNS="1000")
    assert _ODD_SHOWN in terminal
    assert "\x1b]" not in terminal
