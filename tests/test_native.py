"""The choice of the engine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import streamdicom
from streamdicom import _native

_SHOW = "import streamdicom; print(streamdicom.engine)"


def _run(wish: str, code: str = _SHOW) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "STREAMDICOM_ENGINE": wish}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_engine_is_named() -> None:
    assert streamdicom.engine == ("native" if _native.functions else "pure")


def test_plain_python_can_be_demanded() -> None:
    assert _run("pure").stdout == "pure\n"


def test_compiled_engine_is_the_default_where_it_exists() -> None:
    demanded, default = _run("native"), _run("")
    assert default.stdout.strip() == (demanded.stdout.strip() or "pure")


def test_missing_engine_is_an_error_if_it_is_demanded() -> None:
    run = _run("native", f"import sys; sys.modules['streamdicom._native._engine'] = None; {_SHOW}")
    assert run.returncode == 1
    assert "ImportError: STREAMDICOM_ENGINE=native demands the compiled engine" in run.stderr


@pytest.mark.parametrize("wish", ["Native", "rust"])
def test_unknown_engine_is_an_error(wish: str) -> None:
    run = _run(wish)
    assert run.returncode == 1
    assert f"ImportError: STREAMDICOM_ENGINE must be 'pure' or 'native', not '{wish}'" in run.stderr
