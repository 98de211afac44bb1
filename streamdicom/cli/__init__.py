"""The command line, with the extra ``cli``: ``streamdicom convert``, ``show``, ``validate``, ``diff`` and others."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 the input is at fault, does not conform or differs, 2 the call is at fault, 3 inputs were
    skipped; 130 after Ctrl-C, 141 when a reader of the output has gone, as shells have it.
    """
    try:
        from streamdicom.cli.app import run
    except ModuleNotFoundError as error:
        print(f'streamdicom: {error.name} is missing; install "streamdicom[cli]"', file=sys.stderr)
        sys.exit(2)
    run()
