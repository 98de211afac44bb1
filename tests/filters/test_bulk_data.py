"""Values go to a store and are loaded again without changes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.bulkdata.policy import BulkDataAction, BulkDataPolicy
from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.errors import BulkDataError, InputError, Location, OutputError
from streamdicom.events import Event, EventType
from streamdicom.filters.bulk_data import load_bulk_data, store_bulk_data
from streamdicom.formats.json import JsonParser
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from tests.support.each import each
from tests.support.stores import MemoryStore, joined

INLINE, STORE, DROP = BulkDataAction.INLINE, BulkDataAction.STORE, BulkDataAction.DROP
TAG, NEXT, SEQ = 0x00091001, 0x00091002, 0x00081140
START: Event = (EventType.START_DATASET, 0, "", 0)
END: Event = (EventType.END_DATASET, 0, "", None)
MIB = 1024 * 1024


# A Basic Offset Table: the second frame starts after two fragments of two bytes, each in an Item (PS3.5 A.4).
TABLE = b"\0\0\0\0\x14\0\0\0"


def element(vr: str, *values: Any, tag: int = TAG) -> Event:
    return EventType.ELEMENT, tag, vr, values


def parts(vr: str, *pieces: tuple[EventType, Any], late: bool = False, length: int | None = None) -> list[Event]:
    known = "" if late else vr
    start: Event = (EventType.START_ELEMENT, TAG, known, length)
    return [start, *((kind, TAG, known, value) for kind, value in pieces), (EventType.END_ELEMENT, TAG, vr, None)]


def segments(*data: Any) -> list[tuple[EventType, Any]]:
    return [*((EventType.SEGMENT, piece) for piece in data[:-1]), (EventType.LAST_SEGMENT, data[-1])]


def fragments(*contents: bytes, vr: str = "OB", cut: int = 3) -> list[Event]:
    events: list[Event] = [(EventType.START_FRAGMENTS, TAG, vr, None)]
    for data in contents:
        events.append((EventType.START_FRAGMENT, TAG, vr, len(data)))
        pieces = [data[start : start + cut] for start in range(0, len(data), cut)] or [b""]
        events += [(kind, TAG, vr, piece) for kind, piece in segments(*pieces)]
    return [*events, (EventType.END_FRAGMENTS, TAG, vr, None)]


def item(*events: Event) -> list[Event]:
    return [
        (EventType.START_SEQUENCE, SEQ, "SQ", None),
        (EventType.START_ITEM, SEQ, "SQ", 0),
        (EventType.END_ITEM, SEQ, "SQ", None),
        (EventType.START_ITEM, SEQ, "SQ", 1),
        *events,
        (EventType.END_ITEM, SEQ, "SQ", None),
        (EventType.END_SEQUENCE, SEQ, "SQ", None),
    ]


def stored(events: Iterable[Event], store: MemoryStore, **policy: Any) -> list[Event]:
    return list(store_bulk_data(events, BulkDataPolicy(**policy), store))


def uri(text: str, vr: str = "OB") -> Event:
    return EventType.BULK_DATA, TAG, vr, text


def kinds(events: Iterable[Event]) -> list[str]:
    return [EventType(kind).name for kind, *_ in events]


# --- to a store ------------------------------------------------------------------------------------------------

CASES: list[tuple[str, list[Event], dict[str, Any], list[Event], list[bytes]]] = [
    ("small", [element("OB", b"abcd")], {"threshold": 4}, [element("OB", b"abcd")], []),
    ("large", [element("OB", b"abcde")], {"threshold": 4}, [uri("0")], [b"abcde"]),
    ("text", [element("UT", "abcde")], {"threshold": 4}, [element("UT", "abcde")], []),
    ("empty", [element("OB")], {"by_tag": {TAG: STORE}}, [element("OB")], []),
    ("empty bytes", [element("OB", b"")], {"by_tag": {TAG: STORE}}, [element("OB", b"")], []),
    ("another VR", [element("PN", ("a", "", ""))], {"by_tag": {TAG: STORE}}, [element("PN", ("a", "", ""))], []),
    ("numbers by VR", [element("US", 1, 2)], {"by_vr": {"US": STORE}}, [uri("0", "US")], [b"\1\0\2\0"]),
    ("text by tag", [element("UC", "é", None)], {"by_tag": {TAG: STORE}}, [uri("0", "UC")], [b"\xc3\xa9\\"]),
    ("null among numbers", [element("US", 1, None)], {"by_vr": {"US": STORE}}, [element("US", 1, None)], []),
    ("inline by tag", [element("OB", b"abc")], {"threshold": 0, "by_tag": {TAG: INLINE}}, [element("OB", b"abc")], []),
    ("dropped", [element("OB", b"abc")], {"by_vr": {"OB": DROP}}, [], []),
    ("reference", [uri("http://x")], {"by_tag": {TAG: DROP}}, [uri("http://x")], []),
    ("short parts", parts("OB", *segments(b"a", b"b")), {"threshold": 2}, parts("OB", *segments(b"a", b"b")), []),
    ("long parts", parts("OB", *segments(b"a", b"bc")), {"threshold": 2}, [uri("0")], [b"abc"]),
    ("long parts, VR late", parts("OB", *segments(b"a", b"bc"), late=True), {"threshold": 2}, [uri("0")], [b"abc"]),
    ("known length", parts("OB", *segments(b"a", b"bc"), length=3), {"threshold": 2}, [uri("0")], [b"abc"]),
    ("empty parts", parts("OB", *segments(b"")), {"by_vr": {"OB": STORE}}, parts("OB", *segments(b"")), []),
    ("empty parts dropped", parts("OB", *segments(b"")), {"by_vr": {"OB": DROP}}, [], []),
    ("parts dropped", parts("OB", *segments(b"a", b"b")), {"by_vr": {"OB": DROP}}, [], []),
    (
        "text in parts",
        parts("UC", (EventType.VALUES, ("a", "b")), *segments("c", "d"), (EventType.VALUES, ("e",))),
        {"by_vr": {"UC": STORE}},
        [uri("0", "UC")],
        [b"a\\b\\cd\\e"],
    ),
    ("text in parts stays", parts("UT", *segments("c", "d")), {"threshold": 0}, parts("UT", *segments("c", "d")), []),
    (
        "text, VR late, stays",
        parts("UT", *segments("c", "d"), late=True),
        {"threshold": 0, "by_vr": {"OB": DROP}},
        parts("UT", *segments("c", "d")),
        [],
    ),
    ("text, VR late", parts("UT", *segments("c", "d"), late=True), {"by_vr": {"UT": STORE}}, [uri("0", "UT")], [b"cd"]),
    (
        "bytes, VR late, by tag inline",
        parts("OB", *segments(b"c", b"d"), late=True),
        {"threshold": 0, "by_tag": {TAG: INLINE}},
        parts("OB", *segments(b"c", b"d"), late=True),
        [],
    ),
    (
        "bytes, VR late and inline after all",
        parts("OW", *segments(b"c", b"d"), late=True),
        {"threshold": 0, "by_vr": {"OW": INLINE}},
        [element("OW", b"cd")],
        [b"cd"],
    ),
    (
        "text, VR late and inline after all",
        parts("LO", (EventType.VALUES, ("a",)), *segments("c", "d"), late=True),
        {"threshold": 0, "by_tag": {TAG: STORE}},
        parts("LO", (EventType.VALUES, ("a",)), *segments("c", "d")),
        [],
    ),
    (
        "dropped late",
        parts("OW", *segments(b"c", b"d"), late=True),
        {"threshold": 0, "by_vr": {"OW": DROP}},
        [],
        [b"cd"],
    ),
    ("in an item", item(element("OB", b"abc")), {"threshold": 2}, item(uri("0")), [b"abc"]),
    ("small fragments", fragments(b"", b"ab"), {"threshold": 18}, fragments(b"", b"ab"), []),
    ("fragments dropped", fragments(b"", b"ab"), {"by_vr": {"OB": DROP}}, [], []),
    ("frames", fragments(b"", b"ab"), {"threshold": 0, "frames": True}, [uri("2#frames")], [b"", b"ab", b"0 0\n2 1\n"]),
    (
        "a frame of two fragments",
        fragments(TABLE, b"ab", b"cd", b"ef"),
        {"threshold": 0, "frames": True},
        [uri("3#frames")],
        [TABLE, b"abcd", b"ef", b"8 0\n2+2 1\n2 2\n"],
    ),
    ("no fragments", fragments(), {"by_vr": {"OB": STORE}}, fragments(), []),
]


@each(("events", "policy", "expected", "values"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_policy_decides_which_values_are_stored(
    events: list[Event], policy: dict[str, Any], expected: list[Event], values: list[bytes]
) -> None:
    store = MemoryStore()
    last = element("LO", "a", tag=NEXT)
    assert stored([START, *events, last, END], store, **policy) == [START, *expected, last, END]
    assert store.values == values


def test_fragments_are_stored_as_one_body() -> None:
    store = MemoryStore()
    assert stored(fragments(b"", b"abc", b"abc"), store, threshold=0) == [uri("0#fragments")]
    assert store.values[0].count(b"Content-Length: 3\r\n\r\nabc\r\n--") == 2


def test_store_gets_a_description_of_each_value() -> None:
    store = MemoryStore()
    uids = {0x00020003: "1.1", 0x00020010: "1.2", 0x00080018: "1.3", 0x0020000D: "1.4", 0x0020000E: "1.5"}
    known = [element("UI", value, tag=tag) for tag, value in uids.items()]
    nested = item(element("UI", "9", tag=0x00080018), element("OB", b"abc"), *fragments(b"", b"ab"))
    first = [(EventType.START_DATASET, 0, "", 17), element("OB", b"a", tag=0x00020102), *known, *nested, END]
    stored([*first, (EventType.START_DATASET, 0, "", 18), element("OW", b"a"), END], store, threshold=0, frames=True)
    path = "00081140[1].00091001"
    context = ("1.4", "1.5", "1.3", "1.2")
    assert store.infos == [
        BulkDataInfo(17, "00020102", 0x00020102, "OB"),
        BulkDataInfo(17, path, TAG, "OB", *context),
        BulkDataInfo(17, path, TAG, "OB", *context, 0),
        BulkDataInfo(17, path, TAG, "OB", *context, 1),
        BulkDataInfo(17, path, TAG, "OB", *context),
        BulkDataInfo(18, "00091001", TAG, "OW"),
    ]


def test_store_need_not_consume_the_whole_value() -> None:
    class Lazy(MemoryStore):
        def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
            return super().put(islice(segments, 1), info)

    events = [*parts("OB", *segments(b"a", b"b", b"c")), element("LO", "a")]
    assert stored(events, Lazy(), threshold=0) == [uri("0"), element("LO", "a")]
    events = [*fragments(b"", b"abcdefg", b"b"), element("LO", "a")]
    assert stored(events, Lazy(), threshold=0) == [uri("0#fragments"), element("LO", "a")]
    assert stored(events, Lazy(), threshold=0, frames=True) == [uri("1#frames"), element("LO", "a")]


@each("frames", [False, True])
@each("missing", [1, 2, 6, 7])
def test_fragment_that_lacks_bytes_is_stored_as_it_is(frames: bool, missing: int) -> None:
    there = b"abcdefg"[: 7 - missing]
    pieces = [(EventType.SEGMENT, TAG, "OB", there)] if there else []
    end: Event = (EventType.END_FRAGMENTS, TAG, "OB", missing)
    start: Event = (EventType.START_FRAGMENT, TAG, "OB", 7)
    events = [*fragments(TABLE, b"ab", b"cd")[:-1], start, *pieces, end, element("LO", "a")]
    store = MemoryStore()
    changed = stored(events, store, threshold=0, frames=frames)
    form = "frames" if frames else "fragments"
    assert changed == [uri(f"{len(store.values) - 1}#cut-{form}"), element("LO", "a")]
    back = list(load_bulk_data(changed, store))
    at = back.index(start)
    assert joined(back[:at]) == joined(fragments(TABLE, b"ab", b"cd")[:-1])
    assert b"".join([value for _, _, _, value in back[at + 1 : -2]]) == there
    assert back[-2:] == [end, element("LO", "a")]
    with pytest.raises(BulkDataError):
        list(load_bulk_data([uri(changed[0][3].replace("cut-", ""))], store))


BROKEN: dict[str, list[Event]] = {
    "end of the events": parts("OB", *segments(b"a", b"b"))[:-1],
    "end of the events while held": parts("OB", *segments(b"", b""))[:-1],
    "end of the fragments": fragments(b"", b"a")[:-1],
    "element in an element": [*parts("OB", *segments(b"a", b"b"))[:2], element("LO", "a")],
    "end of something else": [*parts("OB", *segments(b"a", b"b"))[:2], fragments()[-1]],
    "fragment that is shorter": [*fragments(b"", b"ab", cut=1)[:-2], fragments()[-1]],
    "fragment that is too short": [*fragments(b"", b"ab", cut=1)[:5], (EventType.LAST_SEGMENT, TAG, "OB", b"")],
    "fragment that is longer": [*fragments(b"", b"ab")[:4], (EventType.LAST_SEGMENT, TAG, "OB", b"abc")],
    "fragment without a length": [fragments()[0], (EventType.START_FRAGMENT, TAG, "OB", None)],
    "fragment of text": [*fragments(b"", b"ab")[:4], (EventType.LAST_SEGMENT, TAG, "OB", "ab")],
    "null among numbers": parts("US", (EventType.VALUES, (1, None))),
}


@each("events", BROKEN.values(), ids=BROKEN.keys())
@each("frames", [False, True])
def test_events_out_of_order_are_refused(events: list[Event], frames: bool) -> None:
    with pytest.raises(OutputError) as caught:
        stored(
            [(EventType.START_DATASET, 0, "", 3), *events],
            MemoryStore(),
            threshold=0,
            frames=frames,
            by_vr={"US": STORE},
        )
    assert caught.value.location == Location(None, 3, "00091001")


def test_error_of_the_source_keeps_its_location() -> None:
    parser = JsonParser()
    text = b'{"00091001":{"vr":"OB","InlineBinary":"' + b"AAEC" * 100_000 + b'"},"00091002":5'

    def events() -> Iterator[Event]:
        yield from parser.feed(text)
        yield from parser.feed(b" ")

    with pytest.raises(InputError) as caught:
        stored(events(), MemoryStore())
    assert caught.value.location == Location(len(text) - 1, 0, "00091002")


@each("name", ["", "a b", "a\n1 0", "é", "a" * 5000])
def test_invalid_uri_is_not_written_to_an_index(name: str) -> None:
    class Odd(MemoryStore):
        def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
            super().put(segments, info)
            return name

    with pytest.raises(OutputError, match="URI"):
        stored(fragments(b"", b"ab"), Odd(), threshold=0, frames=True)


WITHOUT: list[tuple[str, list[Event], dict[str, Any], list[Event]]] = [
    ("nothing to do", [element("OB", bytes(5000))], {}, [element("OB", bytes(5000))]),
    ("stored by tag", [element("US", 1)], {"by_tag": {TAG: STORE}}, [element("US", 1)]),
    ("stored by VR", parts("UT", *segments("a", "b")), {"by_vr": {"UT": STORE}}, parts("UT", *segments("a", "b"))),
    ("dropped", [element("OB", bytes(5000))], {"by_tag": {TAG: DROP}}, []),
    ("fragments", fragments(b"", b"ab"), {"threshold": 0, "frames": True}, fragments(b"", b"ab")),
    (
        "frames of fragments",
        fragments(TABLE, b"ab", b"cd", b"ef", b""),
        {"threshold": 0, "frames": True},
        fragments(TABLE, b"ab", b"cd", b"ef", b""),
    ),
    ("fragments dropped", fragments(b"", b"ab"), {"by_vr": {"OB": DROP}}, []),
    (
        "late",
        parts("OB", *segments(b"a", b"b"), late=True),
        {"threshold": 0},
        parts("OB", *segments(b"a", b"b"), late=True),
    ),
    ("late and dropped", parts("OW", *segments(b"a", b"b"), late=True), {"threshold": 0, "by_vr": {"OW": DROP}}, []),
    (
        "late and not dropped",
        parts("OB", *segments(b"a", b"b"), late=True),
        {"threshold": 0, "by_vr": {"OW": DROP}},
        parts("OB", *segments(b"a", b"b")),
    ),
]


@each(("events", "policy", "expected"), [case[1:] for case in WITHOUT], ids=[c[0] for c in WITHOUT])
def test_values_stay_or_are_dropped_without_a_store(
    events: list[Event], policy: dict[str, Any], expected: list[Event]
) -> None:
    assert list(store_bulk_data([START, *events, END], BulkDataPolicy(**policy), None)) == [START, *expected, END]


def test_waiting_value_without_a_store_uses_flat_memory() -> None:
    policy = BulkDataPolicy(by_vr={"OW": DROP})
    assert peak(store_bulk_data(long_value("", 512), policy, None)) < 3 * MIB


# --- round trips -----------------------------------------------------------------------------------------------

_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\"), min_size=1, max_size=20)
_values = {
    "OB": st.binary(min_size=1, max_size=60).map(lambda data: (data,)),
    "UN": st.binary(min_size=1, max_size=60).map(lambda data: (data,)),
    "UT": _text.map(lambda text: (text,)),
    "UC": st.lists(_text | st.none(), min_size=2, max_size=4).map(tuple),
    "US": st.lists(st.integers(0, 65535), min_size=1, max_size=9).map(tuple),
    "FD": st.lists(st.floats(allow_nan=False), min_size=1, max_size=9).map(tuple),
    "IS": st.lists(st.sampled_from(["1", "-2", None, "007"]), min_size=2, max_size=9).map(tuple),
    "LO": st.lists(_text, max_size=3).map(tuple),
    "PN": st.just((("a", "b", "c"),)),
}


@st.composite
def _element(draw: st.DrawFn) -> list[Event]:
    vr = draw(st.sampled_from(sorted(_values)))
    values = draw(_values[vr])
    if not draw(st.booleans()):
        return [element(vr, *values)]
    pieces: list[tuple[EventType, Any]] = []
    if vr in ("OB", "UN", "UT"):
        place = draw(st.integers(0, len(values[0])))
        pieces = segments(values[0][:place], values[0][place:])
    else:
        place = draw(st.integers(0, len(values)))
        pieces = [(EventType.VALUES, some) for some in (values[:place], values[place:]) if some]
    return parts(vr, *pieces, late=vr in ("OB", "UN", "UT") and draw(st.booleans()))


_members = st.lists(
    st.one_of(
        _element(),
        st.lists(st.binary(max_size=30), min_size=1, max_size=5).map(lambda contents: fragments(*contents)),
        _element().map(lambda events: item(*events)),
    ),
    max_size=5,
).map(lambda lists: [event for events in lists for event in events])
_kept = st.sampled_from([INLINE, STORE])
_policies = st.builds(
    BulkDataPolicy,
    threshold=st.integers(0, 70),
    by_vr=st.dictionaries(st.sampled_from(["OB", "UN", "UT", "UC", "US", "FD", "IS"]), _kept),
    by_tag=st.dictionaries(st.just(TAG), _kept),
    frames=st.booleans(),
)


@given(_members, _policies, st.integers(1, 90))
@pytest.mark.slow
def test_stored_events_are_loaded_unchanged(members: list[Event], policy: BulkDataPolicy, segment: int) -> None:
    events = [START, *members, END]
    store = MemoryStore(segment)
    out = list(store_bulk_data(events, policy, store))
    assert joined(load_bulk_data(out, store)) == joined(events)
    if policy.by_tag.get(TAG) is STORE:
        bulk = {"OB", "UN", "UT", "UC", "US", "FD", "IS"}
        left = [event for event in joined(out) if event[0] == EventType.ELEMENT and event[2] in bulk and any(event[3])]
        assert not left or all(event[2] in ("UC", "IS", "US", "FD") for event in left)


@given(st.binary(min_size=1, max_size=3000), st.integers(0, 3000), st.lists(st.integers(1, 4200), max_size=5))
def test_result_does_not_depend_on_the_chunks(data: bytes, threshold: int, places: list[int]) -> None:
    import base64

    text = b'{"00091001":{"InlineBinary":"' + base64.b64encode(data) + b'","vr":"OB"}}'
    parser = JsonParser(options=ReadOptions(limits=Limits(segment_size=64)))

    def events() -> Iterator[Event]:
        for start, end in zip([0, *sorted(places)], [*sorted(places), len(text)], strict=True):
            yield from parser.feed(text[start:end])

    store = MemoryStore()
    out = stored(events(), store, threshold=threshold)
    assert store.values == ([data] if len(data) > threshold else [])
    assert joined(load_bulk_data(out, store))[1] == element("OB", data)


def test_references_stay_without_a_store() -> None:
    events = [START, uri("http://x"), END]
    assert list(load_bulk_data(events, None)) == events


# --- hostile stores ----------------------------------------------------------------------------------------------

HOSTILE: dict[str, tuple[Event, list[bytes]]] = {
    "no such entry": (uri("5"), []),
    "part of a number": (uri("0", "US"), [b"abc"]),
    "not UTF-8": (uri("0", "UT"), [b"\xff"]),
    "fragments of text": (uri("0#fragments", "UT"), [b""]),
    "frames of numbers": (uri("0#frames", "US"), [b""]),
    "no such form": (uri("0#other"), [b"a"]),
    "not a body": (uri("0#fragments"), [b"abc"]),
    "not an index": (uri("0#frames"), [b"abc\n"]),
    "an index without a line end": (uri("0#frames"), [b"1 1", b"a"]),
    "an index with a long line": (uri("0#frames"), [b"1 " + b"1" * 10_000 + b"\n"]),
    "a negative length": (uri("0#frames"), [b"-1 1\n", b"a"]),
    "a long length": (uri("0#frames"), [b"4294967295 1\n", b"a"]),
    "a URI beyond ASCII": (uri("0#frames"), ["1 é\n".encode(), b"a"]),
    "an index of itself": (uri("0#frames"), [b"8 0#frames\n"]),
    "a missing fragment": (uri("0#frames"), [b"1 7\n"]),
    "a fragment that is shorter": (uri("0#frames"), [b"3 1\n", b"ab"]),
    "a fragment that is longer": (uri("0#frames"), [b"1 1\n", b"ab"]),
    "two fragments that are shorter": (uri("0#frames"), [b"1+2 1\n", b"ab"]),
    "two fragments that are longer": (uri("0#frames"), [b"1+1 1\n", b"abc"]),
    "a missing length": (uri("0#frames"), [b"1+ 1\n", b"a"]),
}


@each(("event", "values"), HOSTILE.values(), ids=HOSTILE.keys())
def test_malformed_entry_is_an_error_with_a_location(event: Event, values: list[bytes]) -> None:
    store = MemoryStore()
    store.values = values
    with pytest.raises(BulkDataError) as caught:
        list(load_bulk_data([(EventType.START_DATASET, 0, "", 4), *item(event)], store))
    assert caught.value.location == Location(None, 4, "00081140[1].00091001")


# --- memory ------------------------------------------------------------------------------------------------------


class Counting:
    """A store that counts bytes and keeps nothing; all entries have the same segments."""

    def __init__(self, segments: Iterable[bytes]) -> None:
        self.size = 0
        self.segments = segments

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        size = sum(map(len, segments))  # other values may be stored meanwhile
        self.size += size
        return "0"

    def open(self, uri: str) -> Iterator[bytes]:
        return iter(self.segments)


def peak(events: Iterable[Event]) -> int:
    tracemalloc.start()
    try:
        for _ in events:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def long_value(vr: str, pieces: int) -> Iterator[Event]:
    yield EventType.START_ELEMENT, TAG, vr, None
    for _ in range(pieces):
        yield EventType.SEGMENT, TAG, vr, bytes(64 * 1024)
    yield EventType.LAST_SEGMENT, TAG, vr, b""
    yield EventType.END_ELEMENT, TAG, "OB", None


def many_fragments(number: int, data: bytes) -> Iterator[Event]:
    yield EventType.START_FRAGMENTS, TAG, "OB", None
    for _ in range(number):
        yield EventType.START_FRAGMENT, TAG, "OB", len(data)
        yield EventType.LAST_SEGMENT, TAG, "OB", data
    yield EventType.END_FRAGMENTS, TAG, "OB", None


@pytest.mark.parametrize("vr", ["OB", ""])
def test_long_value_is_stored_in_flat_memory(vr: str) -> None:
    store = Counting([])
    assert peak(store_bulk_data(long_value(vr, 4096), BulkDataPolicy(), store)) < MIB
    assert store.size == 256 * MIB


@pytest.mark.parametrize("frames", [False, True])
@pytest.mark.parametrize("data", [b"", bytes(1000)])
@pytest.mark.slow
def test_many_fragments_are_stored_in_flat_memory(frames: bool, data: bytes) -> None:
    store = Counting([])
    assert peak(store_bulk_data(many_fragments(20_000, data), BulkDataPolicy(frames=frames), store)) < MIB
    assert store.size >= 20_000 * (len(data) + 4)


@pytest.mark.parametrize(("vr", "count"), [("OB", 256), ("UT", 32), ("UC", 32), ("DS", 0), ("UL", 8)])
@pytest.mark.slow
def test_long_value_is_loaded_in_flat_memory(vr: str, count: int) -> None:
    store = Counting(b"1111" * 16384 for _ in range(count * 16))
    assert peak(load_bulk_data([uri("0", vr)], store)) < 2 * MIB


@pytest.mark.slow
def test_long_index_is_loaded_in_flat_memory() -> None:
    numbers = count()

    class Store(Counting):
        def open(self, uri: str) -> Iterator[bytes]:
            if uri != "index":
                return iter([b"ab"])
            return (b"2 %d\n" % number for number in islice(numbers, 20_000))

    assert peak(load_bulk_data([uri("index#frames")], Store([]))) < MIB


def test_frame_of_many_fragments_has_several_entries() -> None:
    events = fragments(bytes(4), *[b"ab"] * 300)
    store = MemoryStore()
    assert stored(events, store, threshold=0, frames=True) == [uri("3#frames")]
    assert store.values[3] == b"4 0\n" + b"+".join([b"2"] * 256) + b" 1\n" + b"+".join([b"2"] * 44) + b" 2\n"
    assert joined(load_bulk_data([uri("3#frames")], store)) == joined(events)


@pytest.mark.slow
def test_offset_table_over_one_mebibyte_is_ignored() -> None:
    events = fragments(bytes(1024 * 1024 + 4), b"ab", b"cd")
    store = MemoryStore()
    assert stored(events, store, threshold=0, frames=True) == [uri("3#frames")]
    assert store.values[3] == b"1048580 0\n2 1\n2 2\n"


# --- elements in JSON text -----------------------------------------------------------------------------------------


def test_json_elements_pass_unchanged() -> None:
    own: Event = (EventType.JSON_ELEMENT, TAG, "OB", '{"vr":"OB","Value":["' + "a" * 5000 + '"]}')
    events = [START, *item(own), own, END]
    store = MemoryStore()
    assert list(store_bulk_data(events, BulkDataPolicy(threshold=0), store)) == events
    assert list(store_bulk_data(events, BulkDataPolicy(threshold=0, above=DROP), None)) == events
    assert list(load_bulk_data(events, store)) == events
