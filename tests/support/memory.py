"""Peak memory of an action."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

__all__ = ["peak"]


def peak(action: Callable[[], object]) -> int:
    """Return the peak bytes of Python objects during an action."""
    # The more objects the collector has to traverse, the later it runs. The objects of other tests are set aside for
    # good, because traversing them again after each test would take long.
    gc.collect()
    gc.freeze()
    gc.collect()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
