"""The command line, with the extra ``cli``: ``streamdicom convert``, ``show``, ``validate``, ``diff`` and others."""

from __future__ import annotations

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import BinaryIO, cast

from streamdicom.io import NamedFile

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 the input is at fault, does not conform or differs, 2 the call is at fault, 3 inputs were
    skipped, 4 there is no room for the output; 130 after Ctrl-C, 141 when a reader of the output has gone, 143 after
    SIGTERM, as shells have it.
    """
    _take_streams_as_they_are()
    try:
        from streamdicom.cli.app import run
    except ModuleNotFoundError as error:
        print(f'streamdicom: {error.name} is missing; install "streamdicom[cli]"', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:  # which comes early, because that takes a while
        sys.exit(130)
    run()


def _take_streams_as_they_are() -> None:
    """Let a stream be closed that nothing goes through, and escape what the encoding of the output lacks."""
    name = "standard output" if sys.stdout else "standard output is closed"
    for stream, mode in (("stdin", "r"), ("stdout", "r"), ("stderr", "w")):  # writing to this stdout is an error
        if getattr(sys, stream) is None:
            file = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
            setattr(sys, stream, file)
            setattr(sys, f"__{stream}__", file)
    sys.stdout = _named(cast(TextIOWrapper, sys.stdout), name)
    for output in (sys.stdout, sys.stderr):
        output.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _named(stream: TextIOWrapper, name: str) -> TextIOWrapper:
    """Standard output, whose errors say that it is at fault."""
    if not isinstance(getattr(stream.buffer, "raw", stream.buffer), FileIO):  # such as a console of Windows
        return stream
    raw = NamedFile(stream.fileno(), "w", name, closefd=False)
    return TextIOWrapper(
        cast(BinaryIO, raw) if stream.write_through else BufferedWriter(raw),
        stream.encoding,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
