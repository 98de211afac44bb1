"""Standard streams, messages on standard error, and signals.

Everything that is changed here is restored after a command, so that commands can be run within another program.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from streamdicom._typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # part of Python; only the enums of signal take long to import


def plain(text: str) -> str:
    r"""Return a text on one line and without control characters.

    >>> plain("a\n\x1b[2J")
    'a \\x1b[2J'
    """
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)


def counted(count: int, noun: str) -> str:
    """Return a number and its noun, whose plural has an s.

    >>> counted(1, "data set"), counted(2000, "data set")
    ('1 data set', '2,000 data sets')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


# --- standard error --------------------------------------------------------------------------------------------


@contextmanager
def _dropping() -> Iterator[None]:
    """Drop messages from the first that cannot be written.

    Python would try to write its rest again at the end of the process, and exit with 120.
    """
    try:
        yield
    except OSError:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - it stays open until the process ends


_OPTIONS = {
    "ReadOptions.on_deviation and 'streamdicom validate' report": "'streamdicom validate' reports",
    "WriteOptions.transfer_syntax": "--transfer-syntax",
    "a UID for transfer_syntax": "a UID for --transfer-syntax",
    "bulk_root (import --bulk-dir), or set ReadOptions(bulk_data_store=...)": "'streamdicom import --bulk-dir'",
    "bulk_dir needs bulk=True": "expected --bulk-dir or --no-bulk, found both",
    "array=True accepts several": "--to ndjson accepts several",
}
"""Names in messages of the library, and the options that commands have for them."""


def _with_options(text: str) -> str:
    """Replace the names of Python in a message by the options of the commands."""
    for name, option in _OPTIONS.items():
        text = text.replace(name, option)
    return text


class Console:
    """Standard error: one line for each message, above a line of progress.

    A message that cannot be written is dropped: the output of the command does not depend on it.

    Attributes:
        verbosity: -1 for errors only, 0 for warnings and summaries too, 1 for details too.
    """

    def __init__(self) -> None:
        self.verbosity = 0
        self._progress = ""

    def error(self, text: str) -> None:
        """Print an error."""
        self._print(text)

    def note(self, text: str) -> None:
        """Print a warning or a summary."""
        if self.verbosity >= 0:
            self._print(text)

    def detail(self, text: str) -> None:
        """Print a message that was asked for with ``--verbose``."""
        if self.verbosity > 0:
            self._print(text)

    def traceback(self) -> None:
        """Print the traceback of the current error, if details were asked for."""
        if self.verbosity > 0:
            import traceback  # which takes a while

            with _dropping():
                print(traceback.format_exc(), end="", file=sys.stderr, flush=True)

    def _print(self, text: str) -> None:
        progress = self._progress
        self.draw("")
        with _dropping():
            print(plain(f"streamdicom: {_with_options(text)}"), file=sys.stderr, flush=True)
        self.draw(progress)

    def draw(self, progress: str) -> None:
        """Replace the line of progress; an empty one removes it."""
        if progress or self._progress:
            padding = " " * (len(self._progress) - len(progress))
            end = "" if progress else "\r"
            with _dropping():
                sys.stderr.write(f"\r{progress}{padding}{end}")
                sys.stderr.flush()
            self._progress = progress


console = Console()
"""The one of the process."""


@contextmanager
def printed_warnings() -> Iterator[None]:
    """Print warnings as messages of the command."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        console.note(f"warning: {message}")

    verbosity = console.verbosity
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        console.verbosity = verbosity


@contextmanager
def naming_warnings(name: str) -> Iterator[None]:
    """Name an input in its warnings, also in those that another input has caused."""
    with warnings.catch_warnings():
        show = warnings.showwarning
        warnings.showwarning = lambda message, *rest, **more: show(f"{name}: {message}", *rest, **more)
        yield


# --- standard streams ------------------------------------------------------------------------------------------


class _StandardOutput(io.FileIO):
    """The raw file of standard output, whose errors say that it is at fault."""

    def __init__(self, descriptor: int, label: str) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._label = label
        self.is_abandoned = False

    def write(self, data: Any, /) -> int:
        if self.is_abandoned:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            error.filename = self._label
            raise


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace closed streams, and name standard output in its errors.

    Characters that the encoding of an output lacks are escaped.
    """
    before = sys.stdin, sys.stdout, sys.stderr
    label = "standard output" if sys.stdout else "standard output is closed"
    opened = []
    for name, mode in (("stdin", "r"), ("stdout", "r"), ("stderr", "w")):  # writing to this stdout is an error
        if getattr(sys, name) is None:
            file = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - closed below
            opened.append(file)
            setattr(sys, name, file)
    sys.stdout = _labelled(sys.stdout, label)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
    stderr = sys.stderr
    try:
        yield
    finally:
        for file in opened:
            file.close()
        sys.stdin, sys.stdout = before[:2]
        if sys.stderr is stderr:  # else it could not be written, and Python would try again at the end
            sys.stderr = before[2]


def _labelled(stream: Any, label: str) -> Any:
    """Return standard output with errors that name it, if it is a file or a pipe."""
    if not isinstance(getattr(getattr(stream, "buffer", None), "raw", getattr(stream, "buffer", None)), io.FileIO):
        return stream
    raw = _StandardOutput(stream.fileno(), label)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        stream.encoding,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def abandon_output() -> None:
    """Drop the buffered part of standard output when the command has failed."""
    buffer = getattr(sys.stdout, "buffer", None)
    raw = getattr(buffer, "raw", buffer)
    if isinstance(raw, _StandardOutput):
        raw.is_abandoned = True


# --- signals ---------------------------------------------------------------------------------------------------


_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP
_LATER = 0.01  # seconds until the exception of a signal is raised again


@contextmanager
def signals_as_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as Ctrl-C does, unless they are handled."""
    unhandled = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in unhandled:
            signal.signal(number, _exit)
    except ValueError:  # not in the main thread
        unhandled = []
    report = sys.unraisablehook
    if hasattr(signal, "setitimer"):  # not on Windows
        sys.unraisablehook = partial(_unraisable, report)
    try:
        yield
    finally:
        sys.unraisablehook = report
        for number in unhandled:
            signal.signal(number, signal.SIG_DFL)


def _unraisable(report: Callable[[Any], object], unraisable: Any) -> None:
    """Raise the exception of a signal again that Python ignored in a finalizer."""
    error: BaseException = unraisable.exc_value
    if not isinstance(error, KeyboardInterrupt) and not _is_exit(error):
        report(unraisable)
        return

    def again(number: int, _: object) -> NoReturn:
        signal.signal(number, signal.SIG_DFL)
        raise error

    # Here, it would be ignored too.
    signal.signal(signal.SIGALRM, again)
    signal.setitimer(signal.ITIMER_REAL, _LATER)


def _is_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and error.code in [128 + number for number in _ENDING]


def _exit(number: int, _: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second one must not disturb the clean-up
    raise SystemExit(128 + number)
