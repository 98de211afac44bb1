"""The boundaries of JSON text cut anywhere, against a plain walk over it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamdicom import _native
from streamdicom.jsontext import pieces
from streamdicom.jsontext.boundaries import Ambiguous, CommentError, Joiner, Summary, join, scan
from streamdicom.jsontext.pieces import BoundaryScanner, Cutter, PartScanner
from tests.support.each import each
from tests.support.engines import both_engines as both_engines

_ENGINE = _native.functions
_TEXTS = st.sampled_from(
    [
        "",
        "a",
        '},{"00080018": and \\ back" }]',
        "{",
        "}",
        "\\",
        "\\\\",
        '"',
        '"},{"',
        "[",
        "],[",
        "//x",
        "/* {} */",
        '","',
    ]
)
_VALUES = st.recursive(
    _TEXTS | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.lists(st.dictionaries(_TEXTS, _VALUES, max_size=3), max_size=4)


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    objects = draw(_OBJECTS)
    form = draw(st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"indent": "\t"}]))
    texts = [json.dumps(one, **form) for one in objects]
    kind = draw(st.sampled_from(["array", "lines", "concatenated"]))
    if kind == "array":
        return json.dumps(objects, **form).encode()
    return ("\n" if kind == "lines" else "").join(texts).encode()


def walked(text: bytes) -> list[int]:
    """Return the offsets of the outermost objects, character by character."""
    starts, depth, position, in_string = [], 0, 0, False
    while position < len(text):
        character = text[position : position + 1]
        if in_string:
            if character == b"\\":
                position += 1
            in_string = character != b'"'
        elif character == b'"':
            in_string = True
        elif character == b"{":
            if depth == 0:
                starts.append(position)
            depth += 1
        elif character == b"}":
            depth -= 1
        position += 1
    return starts


def cuts(text: bytes, places: list[int]) -> list[tuple[int, int]]:
    """Return the ends of the parts, none within an escape."""
    inner = {place for place in places if 0 < place < len(text) and text[place - 1 : place] != b"\\"}
    return list(pairwise(sorted({0, len(text)} | inner)))


@given(text=documents(), size=st.integers(1, 30))
@pytest.mark.slow
def test_pieces_of_any_size_have_the_same_boundaries(text: bytes, size: int) -> None:
    scanner, found = BoundaryScanner(), []
    for start in range(0, len(text), size):
        found += scanner.feed(text[start : start + size])
    assert found == walked(text)
    assert scanner.is_between


@pytest.mark.slow
@given(text=documents(), places=st.lists(st.integers(0, 300), max_size=6))
def test_parts_scanned_in_any_order_have_the_same_boundaries(text: bytes, places: list[int]) -> None:
    parts = [scan(text[a:b], offset=a, in_string=None if a else False) for a, b in reversed(cuts(text, places))]
    assert list(join(reversed(parts)).starts) == walked(text)


@pytest.mark.slow
@given(text=documents())
def test_every_cut_has_the_same_boundaries(text: bytes) -> None:
    for place in range(1, len(text)):
        parts = [scan(text[a:b], offset=a, in_string=None if a else False) for a, b in cuts(text, [place])]
        assert list(join(parts).starts) == walked(text)


def test_part_without_an_opening_mark_has_two_summaries() -> None:
    part = scan(b'","', in_string=None)
    assert isinstance(part, Ambiguous)
    assert (part.outside.ends_in_string, part.inside.ends_in_string) == (False, True)


@each("text", [b"[{} /* {} */]", b"[{} // {}\n]", b'[{"a": "//"} /* */]', b'[{"a": ",//"}, // {}\n{}]'])
def test_comment_is_refused(text: bytes) -> None:
    with pytest.raises(CommentError, match="without comments"):
        BoundaryScanner().feed(text)
    for place in range(1, len(text)):
        with pytest.raises(CommentError, match="without comments"):
            join([scan(text[:place]), scan(text[place:], offset=place, in_string=None)])


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        join([scan(b'["'), scan(b'a" "b"', in_string=False)])


def test_slashes_in_strings_are_no_comments() -> None:
    text = b'[{"a": "QUJD//8="}, {"b": ",//,", "c": "/*"}, {"d": "http://x"}]'
    for place in range(len(text)):
        scanner = BoundaryScanner()
        assert [*scanner.feed(text[:place]), *scanner.feed(text[place:])] == walked(text)


_ODD = [
    *(
        b'"',
        b'"',
        b'"',
        b"{",
        b"}",
        b"{",
        b"}",
        b"},{",
        b"}\n{",
        b"\\",
        b'\\"',
        b"\\\\",
        b"/",
        b"//",
        b"/*",
        b"*",
        b",",
        b":",
        b" ",
    ),
    *(
        b"\n",
        b"\x0b",
        b"\x0c",
        b"\x1c",
        b"\0",
        b"a",
        b"y",
        b"\x7f",
        b"\xfb",
        b"\xfd",
        b"\xa2",
        b"[",
        b"]",
        b'"a"x//',
        b"z" * 60,
    ),
    b'"00080018":{"vr":"UI","Value":["1.2"]},',
]


def _summary(engine: Any, data: bytes, in_string: bool | None) -> Summary | Ambiguous | str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", engine)
        try:
            return scan(data, offset=7, in_string=in_string)
        except CommentError as error:
            return str(error)


@pytest.mark.slow
@pytest.mark.skipif(_ENGINE is None, reason="the compiled engine was not built")
@settings(max_examples=30)
@given(parts=st.lists(st.sampled_from(_ODD), max_size=80))
@example([b'"a"x//', b'"'])
@example([b"z" * 60, b"abc\\", b'"{'])
def test_engines_agree_on_any_bytes_at_every_cut(parts: list[bytes]) -> None:
    data, engine = b"".join(parts), _ENGINE
    for place in range(len(data) + 1):
        for part in (data[:place], data[place:]):
            for in_string in (False, True, None):
                assert _summary(engine, part, in_string) == _summary(None, part, in_string)


_FORMS = {
    "compact": ({"separators": (",", ":")}, None),
    "json": ({}, None),
    "indented": ({"indent": 2}, None),
    "lines": ({}, "\n"),
    "an object a line": ({"separators": (",", ":")}, ",\n"),
}


def _text(objects: list[Any], name: str) -> bytes:
    form, between = _FORMS[name]
    if between is None:
        return json.dumps(objects, **form).encode()
    text = between.join([json.dumps(one, **form) for one in objects])
    return (text if between == "\n" else f"[{text}]").encode()


def _objects(count: int) -> list[Any]:
    """Return objects with items, and with text like that between and around them."""
    inner = {"a": "x", "b": {"c": ["http://x/*", "\\"]}}
    texts = ["plain", "},{", '}, {"a": "', "{", "\n  },\n  {", '}},{\\"', "}\n{", "/"]
    return [
        {"a": {"b": texts[number % len(texts)] * (number % 4)}, "c": {"d": [inner] * (number % 3)}}
        for number in range(count)
    ]


@pytest.mark.parametrize("name", _FORMS)
@pytest.mark.parametrize("size", [1000, 3000])
def test_regular_text_is_cut_at_its_separators(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", None)
    text, looked_closer = _text(_objects(500), name), []

    def scan_closer(data: bytes, **arguments: Any) -> Summary | Ambiguous:
        looked_closer.append(len(data))
        return scan(data, **arguments)

    monkeypatch.setattr(pieces, "scan", scan_closer)
    scanner, parts, found, joined = BoundaryScanner(), PartScanner(), [], Joiner()
    for start in range(0, len(text), size):
        found += scanner.feed(text[start : start + size])
    assert sum(looked_closer) < len(text) / 3
    assert found == walked(text)
    found = []
    for start in range(0, len(text), size):
        found += joined.add(parts.feed(text[start : start + size]))
    assert found == walked(text)


def test_other_separators_are_found_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", None)
    texts = [json.dumps(one) for one in _objects(300)]
    between = [",", ", ", ",\n", " , ", ",\t"]
    text = ("[" + "".join([one + between[number // 9 % 5] for number, one in enumerate(texts)]) + "{}]").encode()
    scanner, found = BoundaryScanner(), []
    for start in range(0, len(text), 700):
        found += scanner.feed(text[start : start + 700])
    assert found == walked(text)


@pytest.mark.slow
@settings(max_examples=300)
@given(
    parts=st.lists(st.sampled_from([*_ODD, b"}}, {", b"{}", b"}}},{", b"\xff"]), max_size=60),
    in_string=st.booleans(),
    separator=st.sampled_from([b"},{", b"}},{", b"}}, {", b"}\n{", b"}{"]),
    skip=st.integers(0, 9),
)
@example([b"}", b"},{", b'"', b"},{", b'"', b"{", b"},{"], False, b"},{", 0)
@example([b'"', b"}", b"{}"], True, b"},{", 0)
@example([b"{", b"}{", b"}", b"},{", b"{", b"}}"], False, b"},{", 0)
def test_cuts_at_a_separator_agree_on_any_bytes(
    parts: list[bytes], in_string: bool, separator: bytes, skip: int
) -> None:
    data, cutter = b"".join(parts), Cutter(separator)
    expected = _summary(None, data, in_string)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "_MIN_SKIP", 1)
        for depth in (None, *range(-9, 10)):
            patch.setattr(cutter, "_skip", skip)
            summary = cutter.summarize(data, 7, in_string, depth)
            if summary is None:
                continue
            assert isinstance(expected, Summary)
            assert (summary.ends_in_string, summary.change) == (expected.ends_in_string, expected.change)
            if depth is None:
                assert summary == expected
            else:
                assert summary.outermost(depth) == expected.outermost(depth)


def test_objects_are_found_nearer_than_any_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", None)
    sizes = [5000] * 60 + [700] * 3 + [5000] * 20 + [650, 20] * 9 + [9000] * 9
    text = json.dumps([{"a": {"b": "x" * size}} for size in sizes], separators=(",", ":")).encode()
    scanner, found = BoundaryScanner(), []
    for start in range(0, len(text), 32 * 1024):
        found += scanner.feed(text[start : start + 32 * 1024])
    assert found == walked(text)


def test_long_text_with_escapes_has_the_boundaries_of_other_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", None)
    values = ['a "quoted" {text}},{', "C:\\", "\\\\", '\\"', "http://x", "line\r\n"]
    text = json.dumps([{"a": {"b": value * 99}, "c": value} for value in values * 9]).encode()
    for size in (500, 5000, len(text)):
        scanner, found = BoundaryScanner(), []
        for start in range(0, len(text), size):
            found += scanner.feed(text[start : start + size])
        assert found == walked(text)


@each(
    ("text", "expected"),
    [
        (b'[{"a": {}}, {"b', b"}}, {"),
        (b'[{"a":{}\n },\n {"b', b"}\n },\n {"),
        (b'{}\n{"b', b"}\n{"),
        (b"[{", None),
        (b'{"a": {}} x {"b', None),
        (b"{}" + b" " * 100 + b'{"b', None),
    ],
)
def test_separator_is_learned(text: bytes, expected: bytes | None) -> None:
    assert pieces.separator_before(text, text.rindex(b"{")) == expected
