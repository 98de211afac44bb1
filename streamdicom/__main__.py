"""The process of the script ``streamdicom`` and ``python -m streamdicom``."""

from __future__ import annotations

import gc
import os
import sys

try:
    import signal
except KeyboardInterrupt:
    os._exit(130)

TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    from typing import Any


def main() -> int:
    """Run the command line; return the exit code of the process.

    While modules are imported, and after the command, Python would print a traceback for Ctrl-C. There it ends the
    process at once. The start of the interpreter cannot be covered.

    Garbage is collected neither while modules are imported nor at the end, which would take a sixth of a short run.
    """
    handler = signal.getsignal(signal.SIGINT)
    _handle_ctrl_c(_exit)
    gc.disable()
    from streamdicom.cli import main as run

    gc.enable()
    try:
        _handle_ctrl_c(handler)
        return run()
    finally:
        _handle_ctrl_c(_exit)
        gc.freeze()


def _handle_ctrl_c(handler: Any) -> None:
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a background process
        signal.signal(signal.SIGINT, handler)


def _exit(number: int, _: object) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
