"""The exit codes of the commands, and the errors that lead to them."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from streamdicom.cli.terminal import abandon_output, console

DONE = 0
FAILED = 1
USAGE = 2
SKIPPED = 3
NO_SPACE = 4
HUNG_UP = 129
INTERRUPTED = 130
BROKEN_PIPE = 141
TERMINATED = 143

EXIT_CODES = {
    DONE: "The command has done its work.",
    FAILED: "An input is not valid, or cannot be read or converted.",
    USAGE: "The arguments are wrong, or a file that they name cannot be opened.",
    SKIPPED: "Some inputs were skipped.",
    NO_SPACE: "No space is left for the output.",
    HUNG_UP: "The terminal was closed (SIGHUP).",
    INTERRUPTED: "Ctrl-C (SIGINT) stopped the command.",
    BROKEN_PIPE: "The reader of the output has closed it.",
    TERMINATED: "SIGTERM stopped the command.",
}
"""The meaning of each exit code. Those above 128 are 128 and the number of a signal, as in shells."""

_USAGE_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_USAGE_NUMBERS = frozenset({errno.EBADF, errno.EROFS})
_NO_SPACE_NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class UsageError(Exception):
    """The arguments of the command are wrong, or do not fit together."""


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn the errors that functions raise for their arguments into usage errors.

    Raises:
        UsageError: A ``ValueError`` or ``ResumeError`` was raised that is not about data.
    """
    from streamdicom.errors import ResumeError, StreamDicomError

    try:
        yield
    except ResumeError as error:
        raise UsageError(str(error)) from error
    except StreamDicomError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from error


def exit_code_of(action: Callable[[], int]) -> int:
    """Run a command, print its error on one line, and return the exit code."""
    try:
        with _flushed_output():
            return action()
    except SystemExit as stop:  # after --help, or after SIGTERM
        code = stop.code if isinstance(stop.code, int) else FAILED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = BROKEN_PIPE
    except Exception as error:
        known = _code(error)
        if known is None:
            raise
        code = known
        if known != INTERRUPTED:
            _report(error)
    if code:
        abandon_output()
    return code


@contextmanager
def _flushed_output() -> Iterator[None]:
    """Flush standard output before an error is printed, but not after an interrupt."""
    try:
        yield
    except Exception:
        sys.stdout.flush()
        raise
    except SystemExit as stop:
        if not stop.code:
            sys.stdout.flush()
        raise
    sys.stdout.flush()


def _report(error: Exception) -> None:
    with suppress(OSError):  # if standard error is closed
        console.error(_message(error))
        console.traceback()


def _message(error: Exception) -> str:
    if isinstance(error, IsADirectoryError) and error.filename:
        return f"{error.filename}: expected a file, found a folder"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _code(error: Exception) -> int | None:
    """Return the exit code for an error, or None for a defect of the program."""
    from streamdicom.errors import StreamDicomError

    if isinstance(error.__cause__, KeyboardInterrupt):  # Python 3.11 wraps it, where it sets names in a class
        return INTERRUPTED
    if isinstance(error, (UsageError, *_USAGE_ERRORS)):
        return USAGE
    if isinstance(error, OSError):
        if error.errno in _USAGE_NUMBERS:
            return USAGE
        return NO_SPACE if error.errno in _NO_SPACE_NUMBERS else FAILED
    if isinstance(error, ImportError) and error.name is None:  # of a wrong STREAMDICOM_ENGINE
        return USAGE
    return FAILED if isinstance(error, StreamDicomError) else None
