"""Random events of every VR, with wrong values among them.

Group 0002 has no elements here but by chance: a writer of files completes and replaces it, so that it is not the same
after a road. FL has wild values beyond 32 bits, which JSON and XML carry and a file refuses or rounds. Values that are
right everywhere are in ``strategies``, which has neither.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from streamdicom.dicom import VRS, Form
from streamdicom.events import Event, EventType
from tests.support.strategies import _PUBLIC as PUBLIC_TAGS
from tests.support.strategies import _SINGLE as VALID_VALUES

# Characters with a meaning in some format: delimiters, padding, code extensions, line ends, markup, other planes.
_CHARACTERS = st.sampled_from(
    [*"aB1.-+ :<>&\"'^=\\\0\x1b\n\r\t\f\x7f", "\x85", "\xa0", "\xe9", "\u5c71", "\u3164", "\ufffe"]
)
_RARE = st.sampled_from(["\ud800", "\U0001f600", "\ufeff", "\u2028"])
_texts = st.text(st.one_of(_CHARACTERS, _CHARACTERS, _CHARACTERS, _RARE), max_size=8)
_NUMBERS = st.sampled_from(
    [
        "1.0",
        "1e3",
        "01",
        "+1",
        " 1 ",
        "1\\2",
        "NaN",
        "inf",
        "-",
        "1,5",
        "99999999999",
        "1_000",
        "0x1",
        "\u0661",
        "1 ",
        "-0",
    ]
)
_DATES = st.sampled_from(["2004-01-19", "20041399", "2004", "25:99", "20040101-20040201", "1.02.abc", "50", "050y"])
_integers = st.one_of(
    st.integers(-70000, 70000), st.sampled_from([2**16, 2**31, 2**32, 2**63, 2**64, -(2**63) - 1, 10**30])
)
_floats = st.one_of(st.floats(), st.sampled_from([1e39, -1e39, 0.1, 16777217.0, 1.7976931348623157e308, 10**400, 5]))
_binaries = st.one_of(
    st.binary(max_size=9),
    st.sampled_from([b"\xfe\xff\x00\xe0\x00\x00\x00\x00", b"\xfe\xff\x00\xe0\x02\x00\x00\x00ab", b"\xff"]),
)
_names = st.tuples(_texts, _texts, _texts)
_OTHERS = st.sampled_from(
    [None, True, 1, 1.5, "x", b"x", ("a", "b"), ("a", "b", "c"), ("a", None, ""), (1, 2, 3), [1], bytearray(b"ab")]
)

_WILD: dict[Form, st.SearchStrategy[Any]] = {
    Form.TEXT: st.one_of(_texts, _DATES, _NUMBERS),
    Form.DECIMAL: st.one_of(_NUMBERS, _texts),
    Form.INTEGER: _integers,
    Form.LONG_INTEGER: _integers,
    Form.FLOAT: _floats,
    Form.TAG: _integers,
    Form.PERSON_NAME: _names,
    Form.BINARY: _binaries,
}


def _name_groups(text: str) -> tuple[str, ...]:
    return tuple([*text.split("="), "", "", ""][:3])


def value(vr: str, *, wild: bool) -> st.SearchStrategy[Any]:
    """Return values of a VR as events have them; wild ones are odd or wrong too."""
    form = VRS[vr].form
    if form is Form.BINARY:
        valid: st.SearchStrategy[Any] = st.binary(min_size=2, max_size=12).map(
            lambda data: data[: len(data) // 8 * 8] or b"ab"
        )
    else:
        valid = VALID_VALUES[vr]
        if form is Form.PERSON_NAME:
            valid = valid.map(_name_groups)
    return st.one_of(_WILD[form], _WILD[form], _OTHERS, valid) if wild else valid


_KNOWN_VRS = sorted(vr for vr in VRS if vr != "SQ")
_vrs = st.sampled_from(_KNOWN_VRS)
_WRONG_VRS = st.sampled_from(["SQ", "XX", "", "??", "lo", "OB or OW"])
_ODD_TAGS = st.sampled_from(
    [
        *(0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0xFFFE0001, 0x00000100, 0x00080001),
        *(0x00080005, 0x00090010, 0x00090110, 0x00091001, 0x00100010, 0xFFFFFFFF, 0xFFFCFFFC, 0x7FE00010, 0x60003000),
        *(0x00010010, 0x50020010, 0x00280106, 0x00281101, 0x00041220, 2**32 + 16, -1),
    ]
)


_ALL_PUBLIC_TAGS = [tag for tags in PUBLIC_TAGS.values() for tag in tags]


def tag_for(vr: str) -> st.SearchStrategy[int]:
    """Return tags that have a VR in the dictionary, private tags, and odd ones."""
    public = PUBLIC_TAGS.get(vr) or _ALL_PUBLIC_TAGS
    private = st.integers(0x1000, 0x10FF).map(lambda element: 0x00090000 | element)
    return st.one_of(st.sampled_from(public), st.sampled_from(public), private, _ODD_TAGS)


@st.composite
def _element(draw: st.DrawFn, wild: bool) -> list[Event]:
    vr = draw(_vrs)
    tag = draw(tag_for(vr))
    values = draw(st.lists(value(vr, wild=wild), max_size=1 if VRS[vr].form is Form.BINARY else 3))
    return [(int(EventType.ELEMENT), tag, vr, tuple(values))]


@st.composite
def _strange(draw: st.DrawFn) -> list[Event]:
    """Draw an element whose VR or kind of value is wrong."""
    vr = draw(st.one_of(_vrs, _WRONG_VRS))
    tag = draw(tag_for(vr))
    values = draw(st.lists(st.one_of(_OTHERS, _texts, _binaries, _integers), max_size=2))
    kind = draw(st.sampled_from([EventType.ELEMENT, EventType.BULK_DATA, EventType.JSON_ELEMENT]))
    if kind == EventType.ELEMENT:
        return [(int(kind), tag, vr, tuple(values))]
    if kind == EventType.BULK_DATA:
        return [(int(kind), tag, vr, draw(st.one_of(_texts, st.just("http://a/b"), _OTHERS)))]
    return [(int(kind), tag, vr, draw(st.sampled_from(_JSON_TEXTS)))]


_JSON_TEXTS = [
    '{"vr":"US","Value":["many"]}',
    '{"vr":"US","Value":[true]}',
    '{"vr":"FL","Value":[{"a":1}]}',
    '{"vr":"PN","Value":[["A"]]}',
    '{"vr":"OB","InlineBinary":"%"}',
    '"text"',
    '{"vr":"SQ","Value":["a"]}',
    '{"vr":"UL","InlineBinary":"AAEC"}',
    '{"vr":"OW","InlineBinary":5}',
    '{"vr":"OW","BulkDataURI":5}',
    "5",
    "[]",
]


@st.composite
def _in_parts(draw: st.DrawFn, wild: bool) -> list[Event]:
    """Draw an element in parts; its VR may stand at the end."""
    vr = draw(_vrs)
    tag = draw(tag_for(vr))
    is_late = draw(st.booleans())
    form = VRS[vr].form
    parts: list[Event] = [(int(EventType.START_ELEMENT), tag, "" if is_late else vr, None)]
    shown = "" if is_late else vr
    for _ in range(draw(st.integers(0, 1 if form is Form.BINARY else 2))):
        if form is Form.TEXT or form is Form.BINARY:
            pieces = draw(st.lists(value(vr, wild=wild), min_size=1, max_size=3))
            parts += [(int(EventType.SEGMENT), tag, shown, piece) for piece in pieces[:-1]]
            parts.append((int(EventType.LAST_SEGMENT), tag, shown, pieces[-1]))
        if form is not Form.BINARY:
            values = draw(st.lists(value(vr, wild=wild), max_size=3))
            parts.append((int(EventType.VALUES), tag, shown, tuple(values)))
    last_vr = draw(_WRONG_VRS) if wild and draw(st.integers(0, 4)) == 0 else vr
    return [*parts, (int(EventType.END_ELEMENT), tag, last_vr, None)]


@st.composite
def _fragments(draw: st.DrawFn) -> list[Event]:
    tag = draw(st.sampled_from([0x7FE00010, 0x7FE00010, 0x00091001]))
    vr = draw(st.sampled_from(["OB", "OB", "OW", "UN", "LO"]))
    events: list[Event] = [(int(EventType.START_FRAGMENTS), tag, vr, None)]
    for item in draw(st.lists(st.binary(max_size=5), max_size=3)):
        events.append((int(EventType.START_FRAGMENT), tag, vr, draw(st.sampled_from([len(item)] * 5 + [1, None]))))
        events.append((int(EventType.SEGMENT), tag, vr, item[:2]))
        events.append((int(EventType.LAST_SEGMENT), tag, vr, item[2:]))
    return [*events, (int(EventType.END_FRAGMENTS), tag, vr, None)]


@st.composite
def _sequence(draw: st.DrawFn, depth: int, wild: bool) -> list[Event]:
    tag = draw(tag_for("SQ"))
    events: list[Event] = [(int(EventType.START_SEQUENCE), tag, "SQ", None)]
    for index in range(draw(st.integers(0, 2))):
        events.append((int(EventType.START_ITEM), tag, "SQ", index))
        events += draw(members(depth - 1, wild=wild))
        events.append((int(EventType.END_ITEM), tag, "SQ", None))
    return [*events, (int(EventType.END_SEQUENCE), tag, "SQ", None)]


def any_element(depth: int = 1, *, wild: bool = True) -> st.SearchStrategy[list[Event]]:
    """Return the events of one element, of any kind."""
    kinds = [_element(wild), _element(wild), _in_parts(wild), _fragments()]
    if wild:
        kinds.append(_strange())
    if depth:
        kinds.append(_sequence(depth, wild))
    return st.one_of(kinds)


@st.composite
def members(draw: st.DrawFn, depth: int = 1, *, wild: bool = True) -> list[Event]:
    """Draw the elements of a data set or an item; at most one of them is wrong."""
    found = {events[0][1]: events for events in draw(st.lists(any_element(depth, wild=False), max_size=3))}
    if wild:
        odd = draw(any_element(depth))
        found[odd[0][1]] = odd
    return [event for tag in sorted(found) for event in found[tag]]


def dataset(content: list[Event]) -> list[Event]:
    """Return the events of a data set."""
    return [(int(EventType.START_DATASET), 0, "", 0), *content, (int(EventType.END_DATASET), 0, "", None)]
