"""The choice of the engine: compiled functions, or the same work in plain Python.

The compiled module is optional. Each of its functions takes what is canonical, stops at the first thing that it does
not know, and returns the place. The parsers and writers in Python go on from there, so both engines give the same
results.

``STREAMDICOM_ENGINE`` in the environment demands one: ``pure`` or ``native``. Without it the compiled module is used if
it was built.
"""

from __future__ import annotations

import os
from types import ModuleType

__all__ = ["engine", "functions"]

_ABSENT = (
    "STREAMDICOM_ENGINE=native demands the compiled engine, which is not installed; "
    "reinstall streamdicom where cargo is available, with STREAMDICOM_NATIVE=require to see why its build fails"
)


def _load(wish: str) -> ModuleType | None:
    if wish not in ("", "native", "pure"):
        raise ImportError(f"STREAMDICOM_ENGINE must be 'pure' or 'native', not {wish!r}")
    if wish == "pure":
        return None
    try:
        from streamdicom._native import _engine
    except ImportError as error:
        if wish:
            raise ImportError(_ABSENT) from error
        return None
    return _engine


functions: ModuleType | None = _load(os.environ.get("STREAMDICOM_ENGINE", ""))
"""The compiled functions, or None. Parsers and writers look here when they are made."""

engine: str = "pure" if functions is None else "native"
"""The engine that runs: ``native`` or ``pure``."""
