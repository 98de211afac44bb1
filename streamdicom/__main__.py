"""The process of the script ``streamdicom`` and ``python -m streamdicom``."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    import signal
    from typing import Any
else:
    import _signal as signal  # part of Python; only the enums of signal take long to import

_OBJECTS_OF_MODULES = 40_000  # net, of all commands on a small file


def main() -> int:
    """Run the command line; return the exit code of the process.

    While modules are imported, and after the command, Python would print a traceback for Ctrl-C, or go on after it.
    There it ends the process at once. The start of the interpreter cannot be covered.

    Garbage is collected neither in a short run nor at the end, which would take a sixth of its time.
    """
    handler = signal.getsignal(signal.SIGINT)
    _handle_ctrl_c(_exit)
    _delay_collection()
    from streamdicom._typing import use_stand_ins

    use_stand_ins()
    from streamdicom.cli import main as run

    try:
        return run(on_start=lambda: _handle_ctrl_c(handler))
    finally:
        _handle_ctrl_c(_exit)
        gc.freeze()


def _delay_collection() -> None:
    """Let the first collection of garbage wait until all modules are imported."""
    thresholds = gc.get_threshold()

    def restore(*_: object) -> None:
        gc.callbacks.remove(restore)
        gc.set_threshold(*thresholds)

    gc.callbacks.append(restore)
    gc.set_threshold(_OBJECTS_OF_MODULES)


def _handle_ctrl_c(handler: Any) -> None:
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in a background process
        signal.signal(signal.SIGINT, handler)


def _exit(number: int, _: object) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
