"""How much memory something takes."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

__all__ = ["peak"]


def peak(action: Callable[[], object]) -> int:
    """The most bytes that Python's objects take while an action runs, above what they took before."""
    # What other tests have left would make the collector wait for more garbage; the second time it counts what there is
    # without that.
    gc.collect()
    gc.freeze()
    gc.collect()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()
