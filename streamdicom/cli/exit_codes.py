"""What comes of a command: an exit code, and a line on stderr if it went wrong."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from streamdicom.cli.inputs import CallError, plain
from streamdicom.errors import StreamDicomError

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # where it is imported from depends on the version
_CALL = (CallError, _UsageError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_CALL_NUMBERS = frozenset({errno.EBADF, errno.EROFS})
_NO_ROOM_NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Commands(TyperGroup):
    """All commands. What goes wrong with a call, with the work or with what is printed is told in the same way."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options before the command; they may print the help."""
        with _told():
            return super().make_context(*args, **kwargs)

    def invoke(self, *args: Any) -> Any:
        """Parse the rest, and do the work."""
        with _told():
            return super().invoke(*args)


@contextmanager
def _told() -> Iterator[None]:
    try:
        with _flushed():
            yield
    except BrokenPipeError:
        raise _exit(141) from None
    except KeyboardInterrupt:
        raise _exit(130) from None
    except SystemExit as ended:  # by ``rich`` with 1, when it has met a broken pipe, or by a signal
        raise _exit(141 if ended.code == 1 else ended.code) from None
    except (*_CALL, StreamDicomError, OSError) as error:
        print(plain(_line(error)), file=sys.stderr)
        raise _exit(_code(error)) from None


@contextmanager
def _flushed() -> Iterator[None]:
    """What was printed is out before anything is said of an error; it does not count after an interrupt."""
    try:
        yield
    except Exception:
        sys.stdout.flush()
        raise
    sys.stdout.flush()


def _exit(code: Any) -> typer.Exit:
    # Nothing that is still in the buffer may be tried again when Python exits.
    with suppress(OSError):  # what somebody has put in place of standard output may have no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return typer.Exit(code)


def _line(error: Exception) -> str:
    if isinstance(error, _UsageError):
        usage: Any = error
        place = usage.ctx.command_path if usage.ctx else "streamdicom"
        return f"{place}: {usage.format_message().rstrip('.')}; see --help"
    if isinstance(error, OSError) and error.filename:
        return f"streamdicom: {error.filename}: {error.strerror}"
    return f"streamdicom: {error}"


def _code(error: Exception) -> int:
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, _CALL) or number in _CALL_NUMBERS:
        return 2
    return 4 if number in _NO_ROOM_NUMBERS else 1


def end_on_sigterm() -> None:
    """Let SIGTERM end the process as Ctrl-C does, so that nothing half-written stays; unless it is ignored."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # a second one must not disturb what is done on the way out
    sys.exit(128 + number)
