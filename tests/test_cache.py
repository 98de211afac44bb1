"""The bounded cache."""

from __future__ import annotations

from streamdicom._cache import MAX_KNOWN_TAGS, BoundedCache


def test_cache_never_exceeds_its_maximum_size() -> None:
    cache = BoundedCache[int, int](8)
    for number in range(100):
        assert cache.remember(number, -number) == -number
        assert cache[number] == -number
        assert len(cache) <= 8


def test_missing_keys_behave_as_in_a_dict() -> None:
    assert BoundedCache[str, int]().get("a") is None
    assert BoundedCache[str, int]().max_size == MAX_KNOWN_TAGS
