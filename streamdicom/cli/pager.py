"""A pager for long output on a terminal, as git has it, and colours there."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from streamdicom._typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

_DEFAULT = "less"
_LESS = "FRX"  # quit if one screen is enough, keep colours, leave the text on the screen


def is_terminal() -> bool:
    """Return whether standard output is a terminal that a person reads."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def has_colours(wish: str) -> bool:
    """Return whether the output has colours.

    Args:
        wish: ``always``, ``never``, or ``auto`` for a terminal, unless ``NO_COLOR`` is set.
    """
    if wish == "auto":
        return is_terminal() and not os.environ.get("NO_COLOR")
    return wish == "always"


def pager_command() -> str:
    """Return the command line of the pager, or an empty text for none.

    It is that of ``STREAMDICOM_PAGER`` or ``PAGER``, or else less, if that is installed.
    """
    wish = os.environ.get("STREAMDICOM_PAGER", os.environ.get("PAGER"))
    if wish is None:
        from shutil import which  # which takes a while

        return _DEFAULT if which(_DEFAULT) else ""
    return "" if wish.strip() == "cat" else wish.strip()


@contextmanager
def paged(*, is_wanted: bool) -> Iterator[None]:
    """Send standard output through a pager if it goes to a terminal.

    The pager runs until it ends by itself. If it ends before all output is written, the rest is not made.

    Args:
        is_wanted: Without it, nothing is done.
    """
    command = pager_command() if is_wanted and is_terminal() else ""
    if not command:
        yield
        return
    import subprocess  # which takes a while

    environment = {"LESS": _LESS, "LV": "-c", **os.environ}
    pager = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env=environment)  # noqa: S602 - the user's own
    before = sys.stdout
    assert pager.stdin
    sys.stdout = io.TextIOWrapper(pager.stdin, encoding=before.encoding, errors="backslashreplace")
    try:
        with suppress(BrokenPipeError):
            yield
            sys.stdout.flush()
    finally:
        sys.stdout = _ended(before, sys.stdout, pager)


def _ended(before: Any, paged: io.TextIOWrapper, pager: subprocess.Popen[bytes]) -> Any:
    """Wait for the end of the pager; return the standard output from before."""
    with suppress(OSError):
        paged.close()
    while True:
        try:
            pager.wait()
        except KeyboardInterrupt:  # which is for the pager
            continue
        return before
