"""Both engines, the compiled one and plain Python, for the same tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from streamdicom import _native

_COMPILED = _native.functions
_DEMANDED = os.environ.get("STREAMDICOM_ENGINE", "")
_ENGINES = [_DEMANDED] if _DEMANDED else ["pure", "native"] if _COMPILED else ["pure"]


@pytest.fixture(scope="module", params=_ENGINES, autouse=True)
def both_engines(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run each test on each engine, in a folder whose ``conftest`` imports this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", _COMPILED if request.param == "native" else None)
        patch.setattr(_native, "engine", request.param)
        patch.setenv("STREAMDICOM_ENGINE", request.param)
        yield request.param
