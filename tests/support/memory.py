"""Peak memory of an action."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

__all__ = ["peak"]


def peak(action: Callable[[], object]) -> int:
    """Return the peak bytes of Python objects during an action."""
    # Garbage of other tests would delay the collector, so the action is measured the second time.
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
