"""The options: what they are unless told otherwise, and that they stay so."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions


def test_the_defaults() -> None:
    assert ReadOptions() == ReadOptions(limits=Limits(), multiple_documents=False)
    assert WriteOptions() == WriteOptions(limits=Limits(), file_meta=False)


def test_options_differ_by_each_field() -> None:
    assert ReadOptions(multiple_documents=True) != ReadOptions() != ReadOptions(limits=Limits(depth=1))
    assert WriteOptions(file_meta=True) != WriteOptions() != WriteOptions(limits=Limits(depth=1))


@pytest.mark.parametrize("options", [ReadOptions(), WriteOptions()], ids=["read", "write"])
def test_options_are_frozen(options: ReadOptions | WriteOptions) -> None:
    with pytest.raises(FrozenInstanceError):
        options.limits = Limits(depth=1)  # type: ignore[misc]
    assert not hasattr(options, "__dict__")
