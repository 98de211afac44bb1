"""The defaults and the smallest values of limits."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict
from typing import Any

import pytest

from streamdicom.limits import Limits
from tests.support.each import each

DEFAULTS = {
    "depth": 256,
    "segment_size": 65536,
    "number_length": 1000,
    "values_per_event": 4096,
    "value_length": 2**28,
    "dataset_size": 2**30,
    "spooled_size": 2**34,
    "max_expansion_ratio": 100,
    "held_size": 2**20,
    "multipart_parts": 10_000,
}
SMALLEST = {**dict.fromkeys(DEFAULTS, 1), "segment_size": 12}


def test_defaults() -> None:
    assert asdict(Limits()) == DEFAULTS


@each("name", DEFAULTS)
def test_smallest_values(name: str) -> None:
    smallest = SMALLEST[name]
    assert getattr(Limits(**{name: smallest}), name) == smallest
    with pytest.raises(ValueError, match=rf"Limits\.{name} must be at least {smallest}, not {smallest - 1}"):
        Limits(**{name: smallest - 1})


@each("name", DEFAULTS)
@each("value", [-1, None, True, 64.0, "64", float("inf")], ids=repr)
def test_limits_are_positive_integers(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"Limits\.{name} must be at least"):
        Limits(**{name: value})


def test_limits_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Limits().depth = 1  # type: ignore[misc]
    assert hash(Limits()) == hash(Limits(depth=256))


def test_repr_shows_changed_limits() -> None:
    assert (repr(Limits()), repr(Limits(depth=64))) == ("Limits()", "Limits(depth=64)")
