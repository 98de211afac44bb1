"""The command line.

``main`` is the entry point of the process, and can be called from other programs. ``COMMANDS`` declares the commands,
``EXIT_CODES`` the meaning of their exit codes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from streamdicom.cli.commands import COMMANDS
from streamdicom.cli.exit_codes import EXIT_CODES, INTERRUPTED

__all__ = ["COMMANDS", "EXIT_CODES", "main"]


def main(arguments: Sequence[str] | None = None, on_start: Callable[[], object] = lambda: None) -> int:
    """Run the command line, and return its exit code.

    Standard streams, signal handlers and warning filters are restored afterwards.

    Args:
        arguments: By default, the arguments of the process.
        on_start: Called when the modules of the command are imported, before it does anything.

    >>> main(["--version"]) == 0  # doctest: +ELLIPSIS
    0.1.0 (... engine)
    True
    """
    try:
        from streamdicom.cli.app import run

        return run(sys.argv[1:] if arguments is None else arguments, on_start)
    except KeyboardInterrupt:  # while modules are imported
        return INTERRUPTED
