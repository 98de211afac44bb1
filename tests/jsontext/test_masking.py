"""Masks of JSON text, compared with ijson."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from typing import Any

import ijson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.errors import InputError
from streamdicom.jsontext import PathMask
from streamdicom.limits import Limits
from tests.support.each import each

_NAMES = st.sampled_from(["a", "b", "item", "a.b", "", "a.item", '\u00e4\\"{'])
_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just('}},{"a": ['))
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)),
    max_leaves=20,
)
_PATHS = st.lists(_NAMES, max_size=4).map(".".join)


def masked(path: str, pieces: list[bytes], *, lenient: bool = False) -> tuple[bytes, PathMask]:
    mask = PathMask(path, Limits(), lenient=lenient)
    text = b"".join(mask.feed(piece) for piece in pieces)
    mask.close()
    return text, mask


def values(text: bytes) -> list[Any]:
    decoder, rest, found = json.JSONDecoder(), text.decode().strip(), []
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


@pytest.mark.slow
@given(
    value=_VALUES,
    path=_PATHS,
    indent=st.sampled_from([None, 1]),
    is_ascii=st.booleans(),
    cuts=st.sets(st.integers(0, 400)),
)
def test_values_are_the_items_of_ijson(
    value: Any, path: str, indent: int | None, is_ascii: bool, cuts: set[int]
) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode()
    expected = list(ijson.items(io.BytesIO(data), path))
    text, mask = masked(path, [data[start:end] for start, end in pairwise([0, *sorted(cuts), len(data) + 400])])
    scalars = [number for number, one in enumerate(expected) if not isinstance(one, dict | list)]
    assert values(text) == expected[: scalars[0] if scalars else None]
    assert (mask.other is not None) == bool(scalars)
    assert mask.error is None
    assert len(text) == len(data)
    assert all(one in (other, 32) for one, other in zip(text, data, strict=True))


@each("size", [1, 2, 3, 7, 1000])
def test_first_other_value_has_its_offset(size: int) -> None:
    data = b'{"a": [{}, "text", {}]}'
    text, mask = masked("a.item", [data[start : start + size] for start in range(0, len(data), size)])
    assert (text.strip(), mask.other) == (b"{}", 11)


@each("size", [1, 5, 1000])
def test_fault_of_the_text_is_found(size: int) -> None:
    for data in (b'{"a": {}, "b": tru }', b'{"a": {}, "b": ', b'{"a": {}} ]', b'{"b": [}'):
        text, mask = masked("a", [data[start : start + size] for start in range(0, len(data), size)])
        assert isinstance(mask.error, InputError)
        assert text.strip() in (b"{}", b"")
    assert masked("a", [b'{"a": {}}'])[1].error is None


def test_documents_follow_one_another() -> None:
    assert values(masked("a", [b'{"a": {"b": 1}} {"a": {"b": 2}}\n{"b": {"a": {}}}'])[0]) == [{"b": 1}, {"b": 2}]


def test_comments_and_trailing_commas_are_passed_if_lenient() -> None:
    data = b'{"a": [{"b": 1 /* } */}, /* { */ {}, ], // {\n "c": NaN}'
    text, mask = masked("a.item", [data[start : start + 1] for start in range(len(data))], lenient=True)
    assert mask.error is None
    assert text.replace(b" ", b"") == b'{"b":1/*}*/}{}'
    assert masked("a.item", [data])[1].error is not None
