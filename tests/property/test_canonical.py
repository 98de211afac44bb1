"""Random DICOM JSON, mostly canonical, whole and cut anywhere.

Canonical attributes are read as such only if a chunk has them as a whole, so a stream of single bytes has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamdicom import Deviation, Event, InputError, Limits, ReadOptions
from streamdicom.formats.json import JsonParser, KeyFilter
from streamdicom.patterns import selection
from tests.support.strategies import cuts

pytestmark = pytest.mark.filterwarnings("ignore")  # of deviations

_KEYS = ["00020010", "00080000", "00080005", "00081140", "00091001", "00100010", "00100020", "00280010", "0040A730"]
_SPACE = st.sampled_from(["", "", "", " ", "\n  ", "\t"])
_VALUES = [
    *(
        '["a"]',
        '["20200101"]',
        '["1", "2"]',
        '["a",null]',
        '[""]',
        '["\\u00e9"]',
        '["x\\\\y"]',
        '["\\x"]',
        '["\\ud800"]',
    ),
    *("[1]", "[1, 2]", "[-5]", "[1e3]", "[1.5]", "[]", "[true]", '["\\"00100010\\":{\\"vr\\":\\"LO\\"},"]'),
    *('[{"Alphabetic":"A^B"}]', '[{"Alphabetic":"A","Phonetic":"B"}]', '[{"00100010":{"vr":"PN"}}]', "[{}]"),
]
_DAMAGE = [
    *'{}[],:"0a/ ',
    *("/*x*/", '//"\n', '"00100010":{"vr":"LO"}', ",}", "],", "NaN", '"00081140":{"vr":"SQ","Value":[{', "}]}"),
]


@st.composite
def _attribute(draw: st.DrawFn, key: str, depth: int) -> str:
    vr = draw(st.sampled_from(["LO", "PN", "DA", "US", "DS", "IS", "FD", "AT", "UV", "OB", "XX", "SQ", "SQ", "SQ"]))
    space = draw(_SPACE)
    parts = [f'"vr"{space}:"{vr}"']
    if vr == "SQ" and depth < 3:
        items = [draw(_object(depth + 1)) for _ in range(draw(st.integers(0, 3)))]
        parts.append(f'"Value":{space}[{f"{space},".join(items)}{space}]')
    else:
        parts += draw(
            st.sampled_from(
                [
                    [],
                    ['"InlineBinary":"AAEC"'],
                    ['"BulkDataURI":"http://x/1"'],
                    *([f'"Value":{text}'] for text in _VALUES),
                ]
            )
        )
    if draw(st.booleans()):
        parts.reverse()
    return f'"{key}":{space}{{{space}{f",{space}".join(parts)}{space}}}'


@st.composite
def _object(draw: st.DrawFn, depth: int = 0) -> str:
    keys = draw(st.lists(st.sampled_from(_KEYS), max_size=5))
    if draw(st.integers(0, 4)):
        keys = sorted(set(keys))
    space = draw(_SPACE)
    return "{" + f",{space}".join([draw(_attribute(key, depth)) for key in keys]) + space + "}"


@st.composite
def _documents(draw: st.DrawFn) -> bytes:
    datasets = draw(st.lists(_object(), min_size=1, max_size=3))
    text = draw(st.sampled_from([f"[{','.join(datasets)}]", "\n".join(datasets)]))
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from(_DAMAGE)) + text[start + draw(st.integers(0, 2)) :]
    return text.encode()


_OPTIONS: list[dict[str, Any]] = [
    {},
    {"profile": "strict"},
    {"on_error": "keep"},
    {"on_error": "skip", "deviations": {"comment": "error", "trailing-comma": "error"}},
    {"limits": Limits(segment_size=40, values_per_event=2)},
    {"limits": Limits(depth=9)},
]
_FILTERS: list[Callable[[], KeyFilter | None]] = [
    lambda: None,
    lambda: KeyFilter(selection(include=["00100010", "00081140.00100010"])),
    lambda: KeyFilter(selection(exclude=["00081140", "00100020"])),
]
Outcome = tuple[list[Event], list[Deviation], tuple[Any, ...] | None]


def _run(chunks: Iterable[bytes], options: dict[str, Any], skip: KeyFilter | None) -> Outcome:
    deviations: list[Deviation] = []
    parser = JsonParser(options=ReadOptions(**options, on_deviation=deviations.append), skip=skip)
    events: list[Event] = []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
        events += parser.close()
    except InputError:
        pass
    error = parser.error
    fields = error and (type(error), error.message, error.location, getattr(error, "limit", ""))
    return events, deviations, fields


@pytest.mark.slow
@settings(deadline=None, max_examples=400)
@given(_documents(), st.sampled_from(_OPTIONS), st.sampled_from(_FILTERS), st.data())
@example(b'{"00100010":{"vr":"PN"}"00100020":{"vr":"LO"}}', {}, _FILTERS[0], None)
@example(b'{"00081140":{"vr":"SQ","Value":[{"00100010":{"vr":"PN"}"00100020":{"vr":"LO"}}]}}', {}, _FILTERS[2], None)
@example(b'{"00081140":{"vr":"SQ","Value":[{"00100010":{"vr":"PN"},}]}}', _OPTIONS[3], _FILTERS[2], None)
@example(b'[1,x, "a\n" /* x */]', _OPTIONS[3], _FILTERS[0], None)
def test_canonical_attributes_do_not_depend_on_the_cuts(
    raw: bytes, options: dict[str, Any], skip: Callable[[], KeyFilter | None], data: st.DataObject | None
) -> None:
    whole = _run([raw], options, skip())
    assert _run([raw[start : start + 1] for start in range(len(raw))], options, skip()) == whole
    if data is not None:
        assert _run(data.draw(cuts(raw)), options, skip()) == whole
