"""The command line, with the extra ``cli``: ``streamdicom convert``, ``show``, ``validate``, ``diff`` and others."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 the input is at fault, does not conform or differs, 2 the call is at fault, 3 inputs were
    skipped; 130 after Ctrl-C, 141 when a reader of the output has gone, as shells have it.
    """
    _take_streams_as_they_are()
    try:
        from streamdicom.cli.app import run
    except ModuleNotFoundError as error:
        print(f'streamdicom: {error.name} is missing; install "streamdicom[cli]"', file=sys.stderr)
        sys.exit(2)
    run()


def _take_streams_as_they_are() -> None:
    """Let a stream be closed that nothing goes through, and escape what the encoding of the output lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "r"), ("stderr", "w")):  # writing to this stdout is an error
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
