"""Annotations of the public names, which other packages evaluate."""

from __future__ import annotations

import subprocess
import sys

import pytest

# The module typing is imported last, as by a program that starts with streamdicom.
_HINTS = """
import sys
sys.path[:] = {path!r}
import streamdicom
found = [getattr(streamdicom, name) for name in streamdicom.__all__]
import inspect
import typing

def methods(kind):
    return [one for name, one in vars(kind).items() if inspect.isfunction(one) and name[:1] != "_"] + [kind.__init__]

for one in found:
    if inspect.isclass(one) or inspect.isfunction(one):
        for part in [one, *methods(one)] if inspect.isclass(one) else [one]:
            try:
                print(one.__name__, getattr(part, "__qualname__", ""), typing.get_type_hints(part))
            except NameError as error:
                print(one.__name__, part.__qualname__, "lacks", error.name)
"""

_OF_OTHER_PACKAGES = {"AbstractFileSystem", "Dataset"}  # which are imported late
_PRIVATE = {"KeyFilter"}


@pytest.fixture(scope="module")
def hints() -> list[str]:
    # Without ``site``, packages of the environment cannot import typing first.
    command = [sys.executable, "-S", "-c", _HINTS.format(path=sys.path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_annotations_have_the_names_of_typing(hints: list[str]) -> None:
    assert len(hints) > 100
    assert not [line for line in hints if "streamdicom._typing" in line]
    assert any("typing.Any" in line for line in hints)


def test_annotations_lack_nothing_but_names_of_other_packages(hints: list[str]) -> None:
    assert {line.split()[-1] for line in hints if " lacks " in line} == _OF_OTHER_PACKAGES | _PRIVATE


def test_records_are_validated_by_pydantic() -> None:
    code = (
        "from streamdicom import BulkDataPolicy, Limits; from pydantic import TypeAdapter\n"
        "print(TypeAdapter(Limits).validate_python({'depth': '7'}))\n"
        "print(TypeAdapter(BulkDataPolicy).validate_python({'above': 'drop'}).above)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.splitlines(), done.stderr) == (["Limits(depth=7)", "BulkDataAction.DROP"], "")
