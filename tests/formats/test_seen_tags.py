"""The tags of a data set that are remembered."""

from __future__ import annotations

from streamdicom.formats import seen_tags
from streamdicom.formats.seen_tags import SeenTags

_MOST = seen_tags._MAX_SEEN


def test_tags_are_found_in_any_order() -> None:
    tags = SeenTags()
    order = [5, 9, 2, 7, 12]
    for tag in order:
        assert not tags.has(tag)
        tags.see(tag)
    assert [tag for tag in range(20) if tags.has(tag)] == sorted(order)
    assert tags.last == 12


def test_oldest_of_many_tags_are_forgotten() -> None:
    tags = SeenTags()
    for tag in range(0, 6 * _MOST, 2):
        tags.see(tag)
        tags.forget()
        assert len(tags.seen) <= 2 * _MOST
    last = 6 * _MOST - 2
    assert tags.has(last)
    assert tags.has(last - 2 * (_MOST - 1))
    assert not tags.has(last - 2 * _MOST)
    assert not tags.has(last - 1)


def test_tags_out_of_order_are_bounded_too() -> None:
    tags = SeenTags()
    tags.see(10 * _MOST)
    for tag in range(_MOST + 1):
        tags.see(tag)
    assert not tags.has(0)
    assert tags.has(_MOST)
    assert tags.has(10 * _MOST)
