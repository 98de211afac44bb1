"""Standard streams and signals, in real processes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import streamdicom
from streamdicom.cli.exit_codes import exit_code_of
from streamdicom.cli.terminal import Console, console, plain, signals_as_exit
from tests.cli.running import COMMAND, dataset, dicom_file, run, run_shell
from tests.support.each import each

_FULL = Path("/dev/full")
_PRINTING = ["--version", "show --help", "show FILE", "convert FILE -", "export FILE -o -"]


def test_plain_text_has_no_control_characters() -> None:
    assert plain("a\n\x1b[2J \u202e") == r"a \x1b[2J \u202e"


def test_messages_depend_on_the_verbosity(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    for verbosity, expected in ((-1, ["e"]), (0, ["e", "n"]), (1, ["e", "n", "d"])):
        console.verbosity = verbosity
        console.error("e")
        console.note("n")
        console.detail("d")
        assert capsys.readouterr().err.splitlines() == [f"streamdicom: {text}" for text in expected]


_NATIVE = '{"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.4.50"]},"7FE00010":{"vr":"OB","InlineBinary":"AAE="}}'


@each(
    ("arguments", "content", "option"),
    [
        ("convert IN out.json", '{"00100020":{"vr":"LO","Value":"1"}}', "'streamdicom validate' reports"),
        ("convert IN out.json", "{}{}", "; --to ndjson accepts several"),
        ("convert IN out.dcm", '{"00091001":{"vr":"OB","BulkDataURI":"x"}}', "'streamdicom import --bulk-dir'"),
        ("convert IN out.dcm", _NATIVE, "; --transfer-syntax sets"),
        ("convert IN out.dcm --transfer-syntax x", "{}", "expected a UID for --transfer-syntax"),
        ("export IN -o out.json --bulk-dir b --no-bulk", "{}", "expected --bulk-dir or --no-bulk, found both"),
    ],
)
def test_messages_name_options_of_the_command(
    arguments: str, content: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.json").write_text(content)
    assert option in run(*arguments.replace("IN", "in.json").split()).error


def test_message_is_printed_above_the_line_of_progress(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.draw("progress")
    console.note("hint")
    console.draw("")
    assert capsys.readouterr().err == (
        "\rprogress\r        \rstreamdicom: hint\n\rprogress\r        \r"  # erased, printed, drawn again, erased
    )


# --- standard streams ------------------------------------------------------------------------------------------


@pytest.mark.slow
class _ClosedBeforeTheTraceback(io.StringIO):
    def write(self, text: str) -> int:
        if "Traceback" in text:
            raise BrokenPipeError
        return super().write(text)


def test_traceback_that_cannot_be_written_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise FileNotFoundError(2, "No such file or directory", "a")

    closed = _ClosedBeforeTheTraceback()
    monkeypatch.setattr(sys, "stderr", closed)
    monkeypatch.setattr(console, "verbosity", 1)
    assert exit_code_of(fail) == 2
    assert closed.getvalue() == "streamdicom: a: No such file or directory\n"
    assert sys.stderr is not closed  # or Python writes the rest again at its end, and exits with 120
    sys.stderr.close()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_unused_stream_can_be_closed(closed: str, tmp_path: Path) -> None:
    source, target = dicom_file(tmp_path / "in.dcm"), tmp_path / "out.json"
    result = run_shell(f"streamdicom convert {source} {target} {closed}")
    assert (result.code, result.stdout, result.stderr) == (0, b"", "")
    assert streamdicom.load(target)


def test_closed_standard_input_is_empty() -> None:
    result = run_shell("streamdicom show - <&-")
    assert result.code == 1
    assert "empty" in result.error


@pytest.mark.slow
@each("unbuffered", ["", "1"])
@each("command", _PRINTING)
def test_closed_standard_output_is_an_error(command: str, unbuffered: str, tmp_path: Path) -> None:
    line = f"streamdicom {command}".replace("FILE", str(dicom_file(tmp_path / "in.dcm")))
    result = run_shell(f"{line} >&-", PYTHONUNBUFFERED=unbuffered)
    assert result.code == 2
    assert result.error.startswith("standard output is closed")


@pytest.mark.slow
@each("unbuffered", ["", "1"])
@each("command", _PRINTING)
def test_broken_pipe_ends_the_command_quietly(command: str, unbuffered: str, tmp_path: Path) -> None:
    line = f"streamdicom {command}".replace("FILE", str(dicom_file(tmp_path / "in.dcm")))
    reader, writer = os.pipe()
    os.close(reader)
    result = run_shell(line, stdout=writer, PYTHONUNBUFFERED=unbuffered)
    os.close(writer)
    assert (result.code, result.stderr) == (141, "")


@pytest.mark.slow
@pytest.mark.skipif(not _FULL.exists(), reason="needs /dev/full")
@each("unbuffered", ["", "1"])
@each("command", _PRINTING)
def test_full_standard_output_has_its_own_exit_code(command: str, unbuffered: str, tmp_path: Path) -> None:
    line = f"streamdicom {command}".replace("FILE", str(dicom_file(tmp_path / "in.dcm")))
    result = run_shell(f"{line} >{_FULL}", PYTHONUNBUFFERED=unbuffered)
    assert (result.code, result.error) == (4, "standard output: No space left on device")


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["<&-", "</dev/null"])
def test_import_names_standard_input_as_other_commands_do(stream: str, tmp_path: Path) -> None:
    result = run_shell(f"streamdicom import - -o {tmp_path / 'out'} {stream}")
    assert (result.code, result.error) == (1, "standard input: the input is empty (byte 0)")


@pytest.mark.slow
@pytest.mark.skipif(not _FULL.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_summary_that_cannot_be_printed_is_no_error(unbuffered: str, tmp_path: Path) -> None:
    source, target = dicom_file(tmp_path / "in.dcm"), tmp_path / "out.json"
    result = run_shell(f"streamdicom export {source} -o {target} 2>{_FULL}", PYTHONUNBUFFERED=unbuffered)
    assert result.code == 0
    assert streamdicom.load(target)


@pytest.mark.slow
@each("name", ["out.json", "out.xml", "out.dcm"])
def test_full_disk_is_reported_with_the_name_of_the_output(name: str, tmp_path: Path) -> None:
    source = tmp_path / ("in.json" if name == "out.dcm" else "in.dcm")
    ds = dataset()
    ds.PixelData = bytes(200_000)
    streamdicom.dump(ds, source)
    result = run_shell(f"ulimit -f 100; trap '' XFSZ; streamdicom convert {source} {tmp_path / name}")
    assert (result.code, result.error) == (4, f"{tmp_path / name}: File too large")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.slow
def test_reader_that_closes_the_pipe_ends_the_command_quietly(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    streamdicom.dump((dataset() for _ in range(500)), path)
    with subprocess.Popen([*COMMAND, "show", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.slow
def test_characters_outside_the_encoding_of_the_output_are_escaped(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text('{"00100010":{"vr":"PN","Value":[{"Alphabetic":"\u5c71\u7530"}]}}', encoding="utf-8")
    result = run_shell(f"streamdicom show {source}", PYTHONIOENCODING="ascii")
    assert result.code == 0
    assert b"\\u5c71\\u7530" in result.stdout
    assert run_shell("streamdicom convert --help", PYTHONIOENCODING="ascii").code == 0


@pytest.mark.slow
def test_pipe_can_be_given_by_its_path(tmp_path: Path) -> None:
    source = dicom_file(tmp_path / "in.dcm")
    result = run_shell(f"cat {source} | streamdicom convert /dev/stdin /dev/stdout | cat")
    assert result.code == 0
    expected = streamdicom.load(source)
    assert streamdicom.loads(result.stdout) == expected
    exported = run_shell(f"streamdicom export {source} -o /dev/stdout --to ndjson | cat")
    assert streamdicom.loads(exported.stdout) == expected
    (tmp_path / "in.json").write_bytes(result.stdout)
    imported = run_shell(f"cat {tmp_path / 'in.json'} | streamdicom import /dev/stdin -o {tmp_path / 'out'}")
    assert imported.code == 0, imported.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"in.dcm", "in.json", "out"}


# --- signals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.slow
def test_signal_ends_the_command_quietly_and_leaves_no_file(number: int, code: int, tmp_path: Path) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("the tests run under nohup, and a command inherits that")
    target = tmp_path / "out.dcm"
    with subprocess.Popen(
        [*COMMAND, "convert", "-", str(target)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b'[{"00100020": {"vr": "LO"}, ')
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(tmp_path.iterdir()), "the command has not started to write"
        process.send_signal(number)
        process.wait(30)
        assert process.stderr.read() == b""
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "error"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_signal_in_a_finalizer_is_not_lost(
    number: signal.Signals, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Finalized:
        def __del__(self) -> None:
            signal.raise_signal(number)

    before = sys.unraisablehook
    monkeypatch.setattr(sys, "unraisablehook", lambda found: pytest.fail(f"{found.exc_value!r} is ignored"))
    handler = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        with pytest.raises(error), signals_as_exit():
            Finalized()
            time.sleep(5)
            pytest.fail("the signal is lost")
    finally:
        signal.signal(number, handler)
    monkeypatch.undo()
    assert sys.unraisablehook is before


def test_interrupt_is_quiet_where_python_wraps_it(capsys: pytest.CaptureFixture[str]) -> None:
    class Name:
        def __set_name__(self, *_: object) -> None:
            raise KeyboardInterrupt

    def import_module() -> int:
        class Interrupted:
            name = Name()

        return 0

    assert exit_code_of(import_module) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_ignored_signal_stays_ignored(name: str, tmp_path: Path) -> None:
    result = run_shell(
        f"trap '' {name}; (sleep 0.5; kill -{name} $$; sleep 0.5; echo '[]') | "
        f"exec streamdicom convert - {tmp_path}/a.json"
    )
    assert result.code == 0
    assert (tmp_path / "a.json").read_bytes() == b"[]\n"
