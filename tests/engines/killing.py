"""Functions that kill the processes in which they run, once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any


def parent_of(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _children_of(pid: int) -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _has_parent(path, pid)]


def _has_parent(path: Path, pid: int) -> bool:
    try:
        return parent_of(int(path.name)) == pid
    except (OSError, ValueError, IndexError):  # it has ended
        return False


def _workers() -> list[int]:
    """Return the Python workers of this executor, which a daemon has started."""
    return _children_of(os.getppid())


def _executor() -> list[int]:
    """Return the worker of a cluster, and its executor, which has started the daemon."""
    executor = parent_of(os.getppid())
    return [parent_of(executor), executor]


VICTIMS: dict[str, Callable[[], list[int]]] = {"workers": _workers, "executor": _executor}


def killer(marker: Path, victims: str) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Return a function of batches that kills processes after its first batch.

    Args:
        marker: A file that the first call makes.
        victims: A key of ``VICTIMS``.
    """

    def passed_on(batches: Iterable[Any]) -> Iterator[Any]:
        from tests.engines.killing import VICTIMS

        for batch in batches:
            yield batch
            try:
                marker.touch(exist_ok=False)
            except FileExistsError:
                continue
            for pid in VICTIMS[victims]():
                os.kill(pid, signal.SIGKILL)

    return passed_on
