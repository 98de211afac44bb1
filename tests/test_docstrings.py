"""The examples in the docstrings run, and everything public has one."""

from __future__ import annotations

import doctest
import gc
import importlib
import inspect
import pkgutil
from importlib.util import find_spec
from types import ModuleType

import pytest

import streamdicom
from streamdicom import jsontext

_SPARK = "streamdicom.engines.spark"  # imports pyspark, which few environments have
_MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(streamdicom.__path__, "streamdicom.")
    if not module.name.endswith("__main__") and (find_spec("pyspark") or not module.name.startswith(_SPARK))
]


@pytest.mark.parametrize("module", [streamdicom, *_MODULES], ids=lambda module: module.__name__)
@pytest.mark.slow
def test_the_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0
    gc.collect()  # files that an example leaves open fail here, not in a later test


@pytest.mark.parametrize("module", [streamdicom, jsontext], ids=lambda module: module.__name__)
def test_everything_public_has_an_example(module: ModuleType) -> None:
    for name in module.__all__:
        thing = getattr(module, name)
        is_error = inspect.isclass(thing) and issubclass(thing, Exception)
        if (inspect.isclass(thing) or inspect.isfunction(thing)) and not is_error:
            assert ">>> " in (inspect.getdoc(thing) or ""), name
