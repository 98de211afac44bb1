"""Faults in private sequences and in UN make the element UN (PS3.5 6.2.2).

The expected bytes are those that the test puts into the file.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from struct import pack
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom import Deviation, Event, Limits, ReadOptions, iter_events, write_events
from streamdicom.cli import main
from streamdicom.errors import DicomFileError, TruncatedError
from streamdicom.events import EventType
from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.options import OnError
from tests.formats.part10.files import (
    DEFLATED_UID,
    EXPLICIT,
    IMPLICIT,
    LAYOUTS,
    UNDEFINED,
    Layout,
    cut,
    cut_in_all_ways,
    dataset,
    element,
    joined,
    parse,
    read,
    sequence,
    start,
)
from tests.support.each import each
from tests.support.memory import peak

TO = EXPLICIT
UID, CLASS, REFERENCES, COMMENTS, STUDY_ID, ROWS, PIXELS = (
    0x00080018,
    0x00081150,
    0x00081140,
    0x00104000,
    0x00200010,
    0x00280010,
    0x7FE00010,
)
PRIVATE, INNER, CREATOR = 0x00191001, 0x00191002, 0x00190010
IS_BEFORE, IS_AFTER = element(UID, "UI", "1.2"), element(STUDY_ID, "SH", "A")
LONG_TEXT = b"text" * 17_000
MIB = 1024 * 1024
STARTS = (EventType.ELEMENT, EventType.START_ELEMENT, EventType.START_SEQUENCE)
OPENING = (EventType.START_DATASET, EventType.START_SEQUENCE, EventType.START_ITEM)
CLOSING = (EventType.END_DATASET, EventType.END_SEQUENCE, EventType.END_ITEM)


def before(to: Layout) -> bytes:
    return to.element(UID, "UI", b"1.2\0")


def after(to: Layout) -> bytes:
    return to.element(STUDY_ID, "SH", b"A ")


def long_item(to: Layout) -> bytes:
    return to.item(to.element(CLASS, "UI", b"1.3\0"), to.element(COMMENTS, "LT" if to.implicit else "UT", LONG_TEXT))


def good_item(to: Layout) -> bytes:
    return to.item(to.element(CLASS, "UI", b"1.3\0"))


def found(*elements: bytes, layout: Layout = TO, **options: Any) -> tuple[list[Event], list[str]]:
    """Return the events of a data set, and the codes of the deviations."""
    events, error, deviations = read(start(layout.uid) + b"".join(elements), **options)
    assert error is None
    around = dataset(layout.uid)
    assert (events[:2], events[-1:]) == (around[:2], around[2:])
    return joined(events[2:-1]), [deviation.code for deviation in deviations]


def faults(to: Layout) -> dict[str, bytes]:
    """Return items and other bytes in which a structure or a value cannot be read."""
    return {
        "text": b"hello world, and so on",
        "text after an item": good_item(to) + b"hello world, and so on",
        "a value of a wrong length": to.item(to.element(ROWS, "US", b"\5\0\1")),
        "an item in an item": to.item(good_item(to)),
        "a sequence without an end": to.item(to.header(REFERENCES, "SQ", UNDEFINED) + good_item(to)),
        "an element past its item": to.item(to.header(CLASS, "UI", 1000)),
    }


FAULTS = list(faults(TO))
every_fault = pytest.mark.parametrize("fault", FAULTS)
every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=["explicit", "implicit", "big endian"])


# --- sequences that have a length -----------------------------------------------------------------------------------


@every_fault
@every_layout
def test_fault_in_a_long_private_sequence_makes_it_un(fault: str, layout: Layout) -> None:
    value = long_item(layout) + faults(layout)[fault] + long_item(layout)
    content = [before(layout), layout.element(PRIVATE, "SQ", value), after(layout)]
    if layout.implicit:  # without a VR it is a sequence by the private dictionary only
        creator = element(0x00710010, "LO", "AGFA-AG_HPState")
        content = [layout.element(0x00710010, "LO", b"AGFA-AG_HPState "), layout.element(0x00711018, "SQ", value)]
        for on_error in ("keep", "skip", "raise"):
            events, codes = found(*content, layout=layout, on_error=on_error)
            assert events == [creator, element(0x00711018, "UN", value)]
            assert set(codes) <= {"odd-length"}  # of the value in it
        return
    odd = ["odd-length"] * ("wrong length" in fault)
    is_odd = ["odd-length"] * (len(value) & 1)
    expected = [*is_odd, *odd, "wrong-value"]
    assert found(*content, layout=layout) == ([IS_BEFORE, element(PRIVATE, "UN", value), IS_AFTER], expected)
    assert found(*content, layout=layout, on_error="skip") == ([IS_BEFORE, IS_AFTER], expected)
    _, error, _ = read(start(layout.uid) + b"".join(content), on_error="raise")
    assert type(error) is DicomFileError


@every_fault
def test_long_un_may_hold_anything(fault: str) -> None:
    value = b"".join([IMPLICIT.item(IMPLICIT.element(COMMENTS, "", LONG_TEXT)), faults(IMPLICIT)[fault]])
    for on_error in ("keep", "skip", "raise"):
        events, codes = found(TO.element(REFERENCES, "UN", value), after(TO), on_error=on_error)
        assert events == [element(REFERENCES, "UN", value), IS_AFTER]
        assert set(codes) <= {"odd-length"}
    nested = TO.sequence(0x00081110, TO.item(TO.element(REFERENCES, "UN", value)), good_item(TO))
    items = [[element(REFERENCES, "UN", value)], [element(CLASS, "UI", "1.3")]]
    assert found(nested, after(TO))[0] == [*sequence(0x00081110, *items), IS_AFTER]


@each("most", [2, 84])
@each("size", [4, 70_000])
def test_un_that_nests_too_deep_stays_un(most: int, size: int) -> None:
    options = {"limits": Limits(depth=most * 3 + 4)}
    for depth in (most - 1, most):  # the UN is a sequence too
        value = IMPLICIT.item(IMPLICIT.element(COMMENTS, "", b"a" * size))
        for _ in range(depth):
            value = IMPLICIT.item(IMPLICIT.sequence(REFERENCES, value))
        events, codes = found(TO.element(REFERENCES, "UN", value), after(TO), **options)
        assert events[-1] == IS_AFTER
        assert codes == []
        if depth < most:
            assert events[0] == (EventType.START_SEQUENCE, REFERENCES, "SQ", None)
        else:
            assert joined(events) == [element(REFERENCES, "UN", value), IS_AFTER]


def test_fault_costs_the_innermost_private_sequence() -> None:
    value = long_item(TO) + b"hello, world"
    inner = TO.item(TO.element(INNER, "SQ", value))
    events, codes = found(TO.sequence(PRIVATE, inner, good_item(TO)), after(TO))
    items = [[element(INNER, "UN", value)], [element(CLASS, "UI", "1.3")]]
    assert events == [*sequence(PRIVATE, *items), IS_AFTER]
    assert codes == ["wrong-value"]


def test_place_of_the_fault_is_reported() -> None:
    value = long_item(TO) + b"hello world!"
    _, _, (deviation,) = read(start(TO.uid) + TO.element(PRIVATE, "SQ", value))
    at = len(start(TO.uid)) + 12 + len(long_item(TO))
    assert (deviation.location.byte_offset, deviation.location.tag_path) == (at, "00191001[1]")
    assert "00191001 is UN or left out" in deviation.message


def test_fault_beyond_the_limit_leaves_out_the_rest_and_says_why() -> None:
    value = long_item(TO) + b"hello world!"
    for limit, expected in [
        (len(value), [element(PRIVATE, "UN", value)]),
        (len(value) - 1, sequence(PRIVATE, [element(CLASS, "UI", "1.3"), element(COMMENTS, "UT", LONG_TEXT.decode())])),
    ]:
        limits = Limits(held_size=limit)
        events, error, (deviation,) = read(start(TO.uid) + TO.element(PRIVATE, "SQ", value) + after(TO), limits=limits)
        assert (joined(events[2:-1]), error) == ([*expected, IS_AFTER], None)
        assert ("Limits.held_size" in deviation.message) == (limit < len(value))
        assert deviation.code == ("wrong-value" if limit >= len(value) else "broken-structure")


# --- sequences that have no length ----------------------------------------------------------------------------------


@every_fault
@every_layout
@pytest.mark.parametrize(
    "make_item", [good_item, pytest.param(long_item, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_fault_in_a_private_sequence_without_a_length_makes_it_un(
    fault: str, layout: Layout, make_item: Callable[[Layout], bytes]
) -> None:
    value = make_item(layout) + faults(layout)[fault] + make_item(layout)
    content = [before(layout), layout.open_sequence(PRIVATE, value), after(layout)]
    odd = ["odd-length"] * ("wrong length" in fault)
    expected = [*odd, "wrong-value"]
    assert found(*content, layout=layout) == ([IS_BEFORE, element(PRIVATE, "UN", value), IS_AFTER], expected)
    assert found(*content, layout=layout, on_error="skip") == ([IS_BEFORE, IS_AFTER], expected)
    _, error, _ = read(start(layout.uid) + b"".join(content), on_error="raise")
    assert type(error) is DicomFileError


WITHOUT_LENGTHS = {
    "an item": lambda to, fault: to.open_item(to.element(CLASS, "UI", b"1.3\0"), fault),
    "a sequence in an item": lambda to, fault: to.open_item(to.open_sequence(REFERENCES, to.open_item(fault))),
    "a sequence of another item": lambda to, fault: to.open_item(to.open_sequence(REFERENCES, to.open_item())) + fault,
    "a later sequence": lambda to, fault: fault + to.item(to.open_sequence(REFERENCES, to.open_item())),
    "fragments": lambda to, fault: to.open_item(to.header(PIXELS, "OB", UNDEFINED) + to.item(b"ab") + fault + END),
}
END = TO.end_sequence()


@each("make_value", WITHOUT_LENGTHS.values(), ids=WITHOUT_LENGTHS)
@each("kind", ["SQ", "UN"])
def test_end_of_a_sequence_is_found_by_the_delimiters_in_it(
    make_value: Callable[[Layout, bytes], bytes], kind: str
) -> None:
    to = TO if kind == "SQ" else IMPLICIT
    value = make_value(to, to.element(0x00189087, "FD", b"four"))
    content = TO.open_sequence(PRIVATE, value, vr=kind)
    assert found(content, after(TO)) == ([element(PRIVATE, "UN", value), IS_AFTER], ["wrong-value"])
    nested = TO.open_sequence(0x00081110, TO.open_item(content), TO.item())
    expected = sequence(0x00081110, [element(PRIVATE, "UN", value)], [])
    assert found(nested, after(TO)) == ([*expected, IS_AFTER], ["wrong-value"])


NO_ENDS = {
    "nothing": b"",
    "the end of an item": TO.end_item() + END,
    "the start of a sequence": TO.header(REFERENCES, "SQ", UNDEFINED) + TO.item() + END,
    "the start of an item": TO.item()[:4] + pack("<I", UNDEFINED) + END,
}


@each("rest", NO_ENDS.values(), ids=NO_ENDS)
def test_data_set_ends_where_the_end_of_a_private_sequence_is_not_found(rest: bytes) -> None:
    content = [before(TO), TO.header(PRIVATE, "SQ", UNDEFINED), good_item(TO), b"hello, world", rest, after(TO)]
    events, error, (deviation,) = read(start(TO.uid) + b"".join(content))
    assert (events[2:-1], error) == ([IS_BEFORE, *sequence(PRIVATE, [element(CLASS, "UI", "1.3")])], None)
    assert deviation.code == "broken-structure"
    assert "the rest of the data set is left out, as no end of 00191001 is found" in deviation.message


def test_item_goes_on_where_the_end_of_a_private_sequence_in_it_is_not_found() -> None:
    inner = TO.header(PRIVATE, "SQ", UNDEFINED) + good_item(TO) + b"hello, world"
    events, codes = found(TO.open_sequence(0x00081110, TO.item(inner), good_item(TO)), after(TO))
    item = [element(CLASS, "UI", "1.3")]
    assert events == [*sequence(0x00081110, sequence(PRIVATE, item), item), IS_AFTER]
    assert codes == ["broken-structure"]


def test_end_of_a_sequence_without_a_length_is_found_up_to_the_limit() -> None:
    value = good_item(TO) + b"hello, world" + bytes(1000)
    content = TO.open_sequence(PRIVATE, value) + after(TO)
    for limit, expected in [(len(value), ["wrong-value"]), (len(value) - 1, ["broken-structure"])]:
        assert found(content, limits=Limits(held_size=limit))[1] == expected
    # A fault after the limit.
    value = good_item(TO) * 20 + b"hello, world"
    _, codes = found(TO.open_sequence(PRIVATE, value), after(TO), limits=Limits(held_size=300))
    assert codes == ["broken-structure"]


def test_sequence_is_held_after_the_one_around_it_has_grown_too_long() -> None:
    value = good_item(TO) + b"hello, world!!" * 10
    inner = TO.item(TO.open_sequence(INNER, value))
    content = TO.open_sequence(PRIVATE, good_item(TO) * 20, inner, good_item(TO) * 20)
    items = [[element(CLASS, "UI", "1.3")]] * 20
    expected = sequence(PRIVATE, *items, [element(INNER, "UN", value)], *items)
    limits = Limits(held_size=300)
    assert found(content, after(TO), limits=limits) == ([*expected, IS_AFTER], ["wrong-value"])


def test_sequence_of_many_elements_is_read_byte_by_byte() -> None:
    data = start(TO.uid) + TO.open_sequence(PRIVATE, *[good_item(TO)] * 100, b"hello, world") + after(TO)
    options = ReadOptions(on_deviation=lambda _: None)
    assert parse(cut(data, 1), options) == parse([data], options)


# --- what stays as it is --------------------------------------------------------------------------------------------


@every_layout
@pytest.mark.parametrize("is_open", [True, False])
def test_sequences_without_faults_are_the_same_with_any_limit(layout: Layout, is_open: bool) -> None:
    make = layout.open_sequence if is_open else layout.sequence
    inner = make(INNER, long_item(layout), good_item(layout))
    content = make(PRIVATE, long_item(layout), layout.item(inner), good_item(layout)) + make(INNER, good_item(layout))
    data = start(layout.uid) + before(layout) + content + after(layout)
    events, error, deviations = read(data)
    assert (error, deviations) == (None, [])
    for limit in (1, 100, 70_000):
        assert read(data, limits=Limits(held_size=limit)) == (events, None, [])


@pytest.mark.parametrize("make", [TO.open_sequence, TO.sequence], ids=["without a length", "with a length"])
@pytest.mark.parametrize("is_faulty", [False, True])
def test_repeated_private_sequence_is_left_out(make: Callable[..., bytes], is_faulty: bool) -> None:
    again = make(PRIVATE, long_item(TO), b"hello, world" if is_faulty else b"")
    events, codes = found(make(PRIVATE, long_item(TO)), again, after(TO))
    item = [element(CLASS, "UI", "1.3"), element(COMMENTS, "UT", LONG_TEXT.decode())]
    assert events == [*sequence(PRIVATE, item), IS_AFTER]
    assert codes == ["duplicate-key"] + ["wrong-value"] * (is_faulty and make == TO.open_sequence)


def test_private_sequence_that_is_cut_off_has_all_items_before_the_end() -> None:
    content = TO.header(PRIVATE, "SQ", 200_000) + long_item(TO) + good_item(TO)
    events, codes = found(content)
    item = [element(CLASS, "UI", "1.3"), element(COMMENTS, "UT", LONG_TEXT.decode())]
    assert (events, codes) == (sequence(PRIVATE, item, [element(CLASS, "UI", "1.3")]), ["truncated"])


def test_un_that_is_cut_off_has_the_bytes_before_the_end() -> None:
    value = long_item(TO) + b"hello, world"
    events, codes = found(TO.header(PRIVATE, "SQ", 200_000) + value)
    assert (events, codes) == ([element(PRIVATE, "UN", value)], ["wrong-value", "truncated"])


def test_events_before_an_error_are_returned() -> None:
    content = TO.open_sequence(PRIVATE, good_item(TO), b"hello, world")
    events, error, _ = read(start(TO.uid) + content, on_error="raise")
    assert events[2:] == sequence(PRIVATE, [element(CLASS, "UI", "1.3")])[:-1]
    assert type(error) is DicomFileError


def test_long_values_are_not_skipped_where_a_fault_may_need_them() -> None:
    content = TO.sequence(PRIVATE, TO.item(TO.header(COMMENTS, "OB", MIB // 2) + bytes(MIB // 2)))
    parser = Part10Parser()
    parser.feed(start(TO.uid) + content[:100_000])
    assert (parser.is_holding, parser.skip()) == (True, 0)


def test_deflated_data_set_has_the_same_elements() -> None:
    value = long_item(TO) + b"hello, world"
    content = TO.sequence(PRIVATE, value) + TO.open_sequence(INNER, value) + after(TO)
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = start(DEFLATED_UID) + deflater.compress(content) + deflater.flush()
    events, error, deviations = read(data)
    expected = [element(PRIVATE, "UN", value), element(INNER, "UN", value), IS_AFTER]
    assert (joined(events[2:-1]), error) == (expected, None)
    assert [deviation.code for deviation in deviations] == ["wrong-value"] * 2


@pytest.mark.parametrize("size", [1, 1000, MIB])
def test_events_that_were_held_have_their_places(size: int) -> None:
    value = b"".join([good_item(TO)] * 2000)
    content = TO.open_sequence(PRIVATE, value), TO.sequence(INNER, value, b"hello, world"), after(TO)
    data = start(TO.uid) + before(TO) + b"".join(content)
    expected = [data.index(before(TO)), data.index(content[0]), data.index(content[1]), data.index(after(TO))]
    parser = Part10Parser(options=ReadOptions(on_deviation=lambda _: None))
    parser.keep_places()
    places: list[tuple[int, int]] = []
    for piece in [*cut(data, size), None]:
        events = parser.close() if piece is None else parser.feed(piece)
        offset_of = parser.offset_of()
        places += [(event[1], offset_of(index)) for index, event in enumerate(events) if event[0] in STARTS]
    outer = [place for place in places if place[0] in (UID, PRIVATE, INNER, STUDY_ID)]
    assert outer == list(zip([UID, PRIVATE, INNER, STUDY_ID], expected, strict=True))
    inner = [offset for tag, offset in places if tag == CLASS]
    assert inner == [expected[1] + 12 + 8 + 20 * number for number in range(2000)]


@pytest.mark.parametrize("suffix", ["json", "xml", "dcm"])
def test_output_has_un_with_the_bytes(suffix: str, tmp_path: Path) -> None:
    value = long_item(TO) + good_item(TO) * 3000 + b"hello, world"
    content = TO.element(CREATOR, "LO", b"ACME"), TO.sequence(PRIVATE, value), TO.open_sequence(INNER, value), after(TO)
    source, target = tmp_path / "source.dcm", tmp_path / f"target.{suffix}"
    source.write_bytes(start(TO.uid) + b"".join(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if suffix == "dcm":
            write_events(iter_events(source), target)
        else:
            assert main(["convert", str(source), str(target)]) == 0
    events = [event for event in joined(iter_events(target)) if event[1] >> 16 in (0x19, 0x20)]
    unknown = [element(PRIVATE, "UN", value), element(INNER, "UN", value)]
    assert events == [element(CREATOR, "LO", "ACME"), *unknown, IS_AFTER]


# --- anything -------------------------------------------------------------------------------------------------------


@st.composite
def _contents(draw: st.DrawFn) -> bytes:
    """Draw private sequences with and without faults."""
    leaves = st.sampled_from(
        [good_item(TO), b"hello, world", TO.end_item(), END, TO.item(TO.element(ROWS, "US", b"\5")), LONG_TEXT, b"ab"]
    )
    parts = st.recursive(
        leaves,
        lambda inner: st.builds(
            lambda tag, vr, is_open, items: TO.item((TO.open_sequence if is_open else TO.sequence)(tag, *items, vr=vr)),
            st.sampled_from([PRIVATE, INNER, REFERENCES]),
            st.sampled_from(["SQ", "UN"]),
            st.booleans(),
            st.lists(inner, max_size=3),
        ),
        max_leaves=8,
    )
    sequences = [
        (TO.open_sequence if draw(st.booleans()) else TO.sequence)(tag, *draw(st.lists(parts, max_size=4)))
        for tag in (PRIVATE, INNER)
    ]
    return b"".join(sequences) + after(TO)


@given(_contents(), st.sampled_from([30, 100, 100_000, 4 * MIB]), st.sampled_from(["keep", "skip"]))
@pytest.mark.slow
def test_any_fault_in_a_private_sequence_is_the_same_however_cut(content: bytes, limit: int, on_error: OnError) -> None:
    events, error, _ = read(start(TO.uid) + content, on_error, limits=Limits(held_size=limit))
    assert error is None or type(error) is TruncatedError
    depth = 0
    for kind, *_ in events:
        depth += (kind in OPENING) - (kind in CLOSING)
        assert depth >= 0
    assert depth == 0 or error is not None


# --- bounds ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("form", ["without a length", "beyond the limit", "up to the limit"])
def test_memory_is_bounded_by_the_limit(form: str) -> None:
    item = TO.item(TO.element(ROWS, "US", b"\5\0")) * 400
    count = {"without a length": 100, "beyond the limit": 100, "up to the limit": 13}[form]
    header = TO.header(PRIVATE, "SQ", UNDEFINED if form == "without a length" else len(item) * count)
    limit = 100_000

    def parse_all() -> None:
        parser = Part10Parser(options=ReadOptions(limits=Limits(held_size=limit)))
        parser.feed(start(TO.uid) + header)
        for _ in repeat(None, count):
            parser.feed(item)
            assert parser._input._kept is None or len(parser._input._kept) <= limit + 2 * len(item)

    assert peak(parse_all) < 40 * limit


@pytest.mark.slow
def test_search_for_ends_takes_linear_time() -> None:
    item = TO.item()[:4] + pack("<I", UNDEFINED)
    opened = (TO.header(PRIVATE, "SQ", UNDEFINED) + item) * 80 + TO.header(PRIVATE, "SQ", UNDEFINED)
    parser = Part10Parser(options=ReadOptions(on_deviation=lambda _: None))
    began = process_time()
    parser.feed(start(TO.uid) + opened + b"hello, world" + (TO.item() + b"text") * 300_000)
    parser.close()
    assert process_time() - began < 5


def test_sequence_that_ended_before_the_search_for_another_end_is_not_taken_back() -> None:
    unknown = TO.header(PRIVATE, "UN", UNDEFINED) + b"no items"
    item = TO.tag(0xFFFEE000) + TO.pack("I", UNDEFINED) + TO.element(CLASS, "UI", b"1.3\0") + unknown
    data = start(TO.uid) + before(TO) + TO.sequence(REFERENCES, item) + after(TO)
    kept = sequence(REFERENCES, [element(CLASS, "UI", "1.3"), *sequence(PRIVATE)])
    expected = dataset(TO.uid, IS_BEFORE, *kept, IS_AFTER)
    for pieces in ([data], *cut_in_all_ways(data)):
        found: list[Deviation] = []
        events, error = parse(pieces, ReadOptions(on_deviation=found.append))
        assert error is None
        assert joined(events) == expected
        assert {one.code for one in found} == {"broken-structure"}
