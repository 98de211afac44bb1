"""Faults in DICOM files: each costs one element, or ends the data set.

The expected values follow PS3.5. DCMTK (dcmdump) and pydicom agree where they read such a file.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from struct import pack
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamdicom import Deviation, DeviationWarning, Event, InputError, ReadOptions, TruncatedError, iter_events
from streamdicom.errors import DicomFileError
from streamdicom.events import EventType
from streamdicom.formats.part10.writer import Part10Writer
from streamdicom.options import OnError
from tests.formats.part10.files import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    JPEG_UID,
    LAYOUTS,
    PREAMBLE,
    UNDEFINED,
    Layout,
    cut,
    cut_in_all_ways,
    dataset,
    element,
    fragments,
    joined,
    outcome,
    parse,
    read,
    sequence,
    start,
)
from tests.support.each import each

TO = EXPLICIT
UID, CLASS, REFERENCES, PATIENT_ID, COMMENTS = 0x00080018, 0x00081150, 0x00081140, 0x00100020, 0x00104000
STUDY_ID, POINTER, ROWS, COLUMNS, B_VALUE, PIXELS = (
    0x00200010,
    0x00280009,
    0x00280010,
    0x00280011,
    0x00189087,
    0x7FE00010,
)
PRIVATE = 0x00091001
BEFORE, AFTER = TO.element(UID, "UI", b"1.2\0"), TO.element(STUDY_ID, "SH", b"A ")
IS_BEFORE, IS_AFTER = element(UID, "UI", "1.2"), element(STUDY_ID, "SH", "A")
CLASS_IN_ITEM = TO.element(CLASS, "UI", b"1.3\0")
ITEM_EVENTS = [element(CLASS, "UI", "1.3")]
every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=["explicit", "implicit", "big endian"])


def found(*elements: bytes, layout: Layout = TO, uid: str = "", **options: Any) -> tuple[list[Event], list[str]]:
    """Return the events of a data set, and the codes of the deviations."""
    events, error, deviations = read(start(uid or layout.uid) + b"".join(elements), **options)
    assert error is None
    around = dataset(uid or layout.uid)
    assert (events[:2], events[-1:]) == (around[:2], around[2:])
    return events[2:-1], [deviation.code for deviation in deviations]


def refused(*elements: bytes, **options: Any) -> InputError:
    _, error, _ = read(start(TO.uid) + b"".join(elements), **options)
    assert error is not None
    return error


# --- values that do not fit their VR -----------------------------------------------------------------------------

WRONG = [
    (ROWS, "US", b"\5"),
    (ROWS, "US", b"\5\0\1"),
    (POINTER, "AT", b"\5\0"),
    (POINTER, "AT", b"\5\0\1\0\2\0"),
    (B_VALUE, "FD", b"abcd"),
    (PRIVATE, "UV", bytes(70_001)),
    (PRIVATE, "SV", bytes(70_002)),
]


@every_layout
@pytest.mark.parametrize(("tag", "vr", "data"), WRONG, ids=[f"{vr} of {len(data)} bytes" for _, vr, data in WRONG])
def test_value_of_a_wrong_length_costs_its_element(tag: int, vr: str, data: bytes, layout: Layout) -> None:
    if layout.implicit and tag == PRIVATE:
        pytest.skip("its VR is not known")
    around = [layout.element(0x00080060, "CS", b"CT"), layout.element(0x7FE10010, "LO", b"A ")]
    expected = [element(0x00080060, "CS", "CT"), element(0x7FE10010, "LO", "A")]
    codes = ["odd-length"] * (len(data) & 1) + ["wrong-value"]
    content = around[0] + layout.element(tag, vr, data) + around[1]
    for on_error in (None, "keep"):
        events, codes_found = found(content, layout=layout, on_error=on_error)
        assert (joined(events), codes_found) == ([expected[0], element(tag, "UN", data), expected[1]], codes)
    assert found(content, layout=layout, on_error="skip") == (expected, codes)
    _, error, _ = read(start(layout.uid) + content, on_error="raise")
    assert type(error) is DicomFileError
    assert error.location.tag_path == f"{tag:08X}"


def test_first_wrong_value_warns_with_tag_path_and_byte_offset() -> None:
    data = start(TO.uid) + TO.sequence(REFERENCES, TO.item(TO.element(ROWS, "US", b"\5")))
    offset = len(start(TO.uid)) + 12 + 8
    with pytest.warns(DeviationWarning) as caught:
        parse([data])
    texts = [str(warning.message) for warning in caught]
    assert any(f"(byte {offset}, [0].00081140[0].00280010 Rows)" in text for text in texts if "wrong-value" in text)


@each("code", ["wrong-value", "duplicate-key", "odd-length", "unknown-vr"])
def test_strict_profile_and_codes_refuse(code: str) -> None:
    content = {
        "wrong-value": TO.element(B_VALUE, "FD", b"abcd"),
        "duplicate-key": TO.element(UID, "UI"),
        "odd-length": TO.element(PATIENT_ID, "LO", b"abc"),
        "unknown-vr": TO.element(PRIVATE, "XX", bytes(4) + bytes(2)),
    }[code]
    assert type(refused(BEFORE, content, AFTER, profile="strict")) is DicomFileError
    assert type(refused(BEFORE, content, AFTER, deviations={code: "error"})) is DicomFileError


def test_odd_length_is_read_and_reported() -> None:
    assert found(BEFORE, TO.element(PATIENT_ID, "LO", b"ABC"), AFTER) == (
        [IS_BEFORE, element(PATIENT_ID, "LO", "ABC"), IS_AFTER],
        ["odd-length"],
    )


def test_odd_length_of_a_fragment_is_read_and_reported() -> None:
    odd = TO.fragments(PIXELS, b"", b"ABC", b"DE")
    events, codes = found(BEFORE, odd, uid=JPEG_UID)
    assert joined(events) == joined([IS_BEFORE, *fragments(PIXELS, b"", b"ABC", b"DE")])
    assert codes == ["odd-length"]
    assert found(BEFORE, odd, uid=JPEG_UID, exclude=["PixelData"])[1] == []


@pytest.mark.parametrize("vr", ["AE", "UR"])
@every_layout
def test_padding_of_text_is_stripped(vr: str, layout: Layout) -> None:
    tag = {"AE": 0x00080054, "UR": 0x00081190}[vr]
    assert found(layout.element(tag, vr, b"ACHIEVA\0"), layout=layout) == ([element(tag, vr, "ACHIEVA")], [])
    assert found(layout.element(tag, vr, b"ACHIEVA "), layout=layout) == ([element(tag, vr, "ACHIEVA")], [])


# --- order and duplicates (PS3.5 7.1) ------------------------------------------------------------------------------


@every_layout
def test_order_is_reported_and_kept(layout: Layout) -> None:
    content = [layout.element(PATIENT_ID, "LO", b"A "), layout.element(0x00081030, "LO", b"B ")]
    expected = [element(PATIENT_ID, "LO", "A"), element(0x00081030, "LO", "B")]
    assert found(*content, layout=layout) == (expected, ["key-order"])
    nested = layout.open_sequence(REFERENCES, layout.open_item(*content))
    assert found(nested, layout=layout) == (sequence(REFERENCES, expected), ["key-order"])


@every_layout
def test_first_of_duplicates_is_kept(layout: Layout) -> None:
    one, other = layout.element(PATIENT_ID, "LO", b"AB"), layout.element(PATIENT_ID, "LO", b"CD")
    between = layout.element(0x00104000, "LT", b"A ")
    [first, middle] = [element(PATIENT_ID, "LO", "AB"), element(0x00104000, "LT", "A")]
    assert found(one, other, layout=layout) == ([first], ["duplicate-key"])
    assert found(one, between, other, layout=layout) == ([first, middle], ["duplicate-key"])
    nested = layout.sequence(REFERENCES, layout.item(one, between, other), layout.item(one))
    assert found(nested, layout=layout) == (sequence(REFERENCES, [first, middle], [first]), ["duplicate-key"])


DUPLICATES = {
    "sequence": TO.sequence(REFERENCES, TO.item(CLASS_IN_ITEM)),
    "sequence without a length": TO.open_sequence(
        REFERENCES, TO.open_item(CLASS_IN_ITEM, TO.open_sequence(0x00082112, TO.item())), TO.item(CLASS_IN_ITEM)
    ),
    "long sequence": TO.sequence(REFERENCES, TO.item(TO.element(COMMENTS, "UT", bytes(70_000)))),
    "long value": TO.element(REFERENCES, "OB", bytes(70_000)),
    "fragments": TO.fragments(REFERENCES, b"", b"abcd"),
}


@pytest.mark.parametrize("again", DUPLICATES.values(), ids=DUPLICATES)
def test_repeated_element_of_any_kind_is_left_out(again: bytes) -> None:
    before = TO.open_sequence(REFERENCES)
    assert found(before, again, AFTER) == ([*sequence(REFERENCES), IS_AFTER], ["duplicate-key"])
    nested = TO.open_sequence(0x00081110, TO.open_item(before, again), TO.item(before, again))
    expected = sequence(0x00081110, sequence(REFERENCES), sequence(REFERENCES))
    assert found(nested, AFTER) == ([*expected, IS_AFTER], ["duplicate-key"] * 2)


# --- VRs ---------------------------------------------------------------------------------------------------------


def _long(tag: int, vr: bytes, data: bytes) -> bytes:
    return TO.tag(tag) + vr + b"\0\0" + pack("<I", len(data)) + data


def _short(tag: int, vr: bytes, data: bytes) -> bytes:
    return TO.tag(tag) + vr + pack("<H", len(data)) + data


@each("vr", [b"XX", b"OX", b"??", b"  ", b"lo", b"\0\0", b"\xff\xff"])
@each("header", [_long, _short], ids=["32 bits", "16 bits"])
@each("tag", [PRIVATE, PATIENT_ID])
def test_unknown_vr_is_un(vr: bytes, header: Any, tag: int) -> None:
    # PS3.5 7.1.2 has 32 bits for later VRs; DCMTK reads 16 bits after characters that are not capital letters.
    unknown = [element(tag, "UN", b"abcd")]
    assert found(BEFORE, header(tag, vr, b"abcd"), AFTER) == ([IS_BEFORE, *unknown, IS_AFTER], ["unknown-vr"])
    assert found(BEFORE, header(tag, vr, b"abcd")) == ([IS_BEFORE, *unknown], ["unknown-vr"])
    nested = TO.sequence(REFERENCES, TO.item(header(tag, vr, b"abcd")))
    if vr != b"\0\0":  # otherwise the item is in implicit VR
        assert found(nested, AFTER) == ([*sequence(REFERENCES, unknown), IS_AFTER], ["unknown-vr"])


@each("vr", [b"??", b"  "])
def test_empty_element_of_an_unknown_vr(vr: bytes) -> None:
    empty = [IS_BEFORE, element(PRIVATE, "UN"), IS_AFTER]
    assert found(BEFORE, _long(PRIVATE, vr, b""), AFTER) == (empty, ["unknown-vr"])
    assert found(BEFORE, _short(PRIVATE, vr, b""), AFTER) == (empty, ["unknown-vr"])


def test_element_in_implicit_vr_among_others_is_read() -> None:
    content = [BEFORE, IMPLICIT.element(PATIENT_ID, "LO", b"abcd"), AFTER]
    assert found(*content) == ([IS_BEFORE, element(PATIENT_ID, "LO", "abcd"), IS_AFTER], ["missing-vr"])


@each("vr", ["UT", "UC", "UR", "OF", "OD", "OL", "OV", "SV", "UV"])
def test_undefined_length_makes_a_sequence(vr: str) -> None:
    content = TO.open_sequence(PRIVATE, TO.item(CLASS_IN_ITEM), vr=vr)
    assert found(content, AFTER) == ([*sequence(PRIVATE, ITEM_EVENTS), IS_AFTER], ["undefined-length"])


def test_undefined_length_in_implicit_vr_makes_a_sequence() -> None:
    items = IMPLICIT.item(IMPLICIT.element(CLASS, "UI", b"1.3\0"))
    content = IMPLICIT.open_sequence(PATIENT_ID, items) + IMPLICIT.element(STUDY_ID, "SH", b"A ")
    expected = [*sequence(PATIENT_ID, ITEM_EVENTS), IS_AFTER]
    assert found(content, layout=IMPLICIT) == (expected, ["undefined-length"])


# --- UN and private elements (PS3.5 6.2.2) -------------------------------------------------------------------------


def test_un_is_little_endian_in_big_endian() -> None:
    to = BIG_ENDIAN
    content = [
        to.element(0x00180050, "UN", b"1.5 "),
        to.element(B_VALUE, "UN", pack("<d", 1.5)),
        to.element(POINTER, "UN", b"\x18\0\x63\x10"),
        to.element(ROWS, "UN", pack("<H", 5)),
        to.element(0x00281201, "UN", pack("<H", 7) * 40_000),
        to.element(PIXELS, "UN", b"\1\2\3\4"),
    ]
    events, codes = found(*content, layout=to)
    assert not codes
    assert joined(events) == [
        element(0x00180050, "DS", "1.5"),
        element(B_VALUE, "FD", 1.5),
        element(POINTER, "AT", 0x00181063),
        element(ROWS, "US", 5),
        element(0x00281201, "OW", pack("<H", 7) * 40_000),
        element(PIXELS, "OW", b"\1\2\3\4"),
    ]


def test_long_un_gets_the_vr_of_the_dictionary() -> None:
    events, codes = found(TO.element(0x30060050, "UN", b"1.000\\" * 11_000), TO.element(0x30080054, "DA"))
    assert not codes
    assert joined(events) == [element(0x30060050, "DS", *["1.000"] * 11_000, ""), element(0x30080054, "DA")]


NOT_ITEMS = [
    b"hello wo",
    b"hello",
    TO.item(CLASS_IN_ITEM)[:-1],
    TO.item(CLASS_IN_ITEM) + b"\0" * 4,
    TO.item(CLASS_IN_ITEM) + TO.end_sequence(),
    TO.item(CLASS_IN_ITEM, TO.end_item()),
    TO.tag(0xFFFEE000) + pack("<I", UNDEFINED) + CLASS_IN_ITEM,
    TO.tag(0xFFFEE000) + pack("<I", 100) + CLASS_IN_ITEM,
    TO.item(TO.element(ROWS, "US", b"a"), CLASS_IN_ITEM),
    TO.item(TO.header(CLASS, "UI", 100)),
    TO.item(TO.header(REFERENCES, "SQ", UNDEFINED) + TO.item(CLASS_IN_ITEM)),
]


@each("data", NOT_ITEMS, ids=range(len(NOT_ITEMS)))
@each("on_error", ["raise", "skip", "keep"])
def test_un_may_hold_anything(data: bytes, on_error: OnError) -> None:
    events, codes = found(TO.element(REFERENCES, "UN", data), AFTER, on_error=on_error)
    assert events == [element(REFERENCES, "UN", data), IS_AFTER]
    assert set(codes) <= {"odd-length"}
    nested = TO.sequence(0x00081110, TO.item(TO.element(REFERENCES, "UN", data)))
    events, _ = found(nested, AFTER, on_error=on_error)
    assert events == [*sequence(0x00081110, [element(REFERENCES, "UN", data)]), IS_AFTER]


@each("data", NOT_ITEMS[:6] + NOT_ITEMS[7:], ids=range(len(NOT_ITEMS) - 1))
def test_unreadable_private_sequence_becomes_un(data: bytes) -> None:
    events, codes = found(TO.element(PRIVATE, "SQ", data), AFTER)
    if "misplaced-end" in codes:
        assert joined(events) == [*sequence(PRIVATE, ITEM_EVENTS), IS_AFTER]
        return
    assert events == [element(PRIVATE, "UN", data), IS_AFTER]
    assert "wrong-value" in codes
    assert found(TO.element(PRIVATE, "SQ", data), AFTER, on_error="skip")[0] == [IS_AFTER]
    assert type(refused(TO.element(PRIVATE, "SQ", data), AFTER, on_error="raise")) is DicomFileError


DICTIONARY = [
    (0x01F11026, b"0.48", "FD needs eight bytes"),
    (0x01F11026, b"0.488281", "these are digits"),
    (0x01F11001, b"\1\2\3\4", "CS has no control characters"),
]


@each(("tag", "data", "why"), DICTIONARY)
@each("layout", [IMPLICIT, EXPLICIT], ids=["implicit", "UN"])
def test_private_element_that_does_not_fit_the_dictionary_is_un(
    tag: int, data: bytes, why: str, layout: Layout
) -> None:
    creator = layout.element(0x01F10010, "LO", b"ELSCINT1")
    events, codes = found(creator, layout.element(tag, "UN", data), layout=layout, on_error="raise")
    assert (events, codes) == ([element(0x01F10010, "LO", "ELSCINT1"), element(tag, "UN", data)], [])


def test_private_element_that_fits_the_dictionary_has_its_vr() -> None:
    creator = IMPLICIT.element(0x01F10010, "LO", b"ELSCINT1")
    events, _ = found(creator, IMPLICIT.element(0x01F11026, "", pack("<d", 0.488281)), layout=IMPLICIT)
    assert events[1] == element(0x01F11026, "FD", 0.488281)


# --- sequences and items (PS3.5 7.5) -------------------------------------------------------------------------------

BROKEN = {
    "text": b"hello world, and so on",
    "an item too long": TO.tag(0xFFFEE000) + pack("<I", 100) + CLASS_IN_ITEM,
    "an element too long": TO.item(TO.header(CLASS, "UI", 100)),
    "half a header": TO.item(CLASS_IN_ITEM) + bytes(5),
    "half an element": TO.item(CLASS_IN_ITEM + bytes(5)),
    "no end of an item": TO.tag(0xFFFEE000) + pack("<I", UNDEFINED) + b"\x08\0\x50\x11UI\xff\xff",
}
BROKEN.pop("no end of an item")  # its element passes the end of the sequence, which is trusted
BROKEN.pop("an item too long")


@each("data", BROKEN.values(), ids=BROKEN)
def test_unreadable_sequence_becomes_un_with_its_bytes(data: bytes) -> None:
    content = TO.element(REFERENCES, "SQ", data) + AFTER
    odd = ["odd-length"] * (len(data) & 1)
    assert found(BEFORE, content) == ([IS_BEFORE, element(REFERENCES, "UN", data), IS_AFTER], [*odd, "wrong-value"])
    assert found(BEFORE, content, on_error="skip") == ([IS_BEFORE, IS_AFTER], [*odd, "wrong-value"])
    assert type(refused(BEFORE, content, on_error="raise")) is DicomFileError
    outer = TO.sequence(0x00081110, TO.item(TO.element(REFERENCES, "SQ", data)), TO.item(CLASS_IN_ITEM))
    events = sequence(0x00081110, [element(REFERENCES, "UN", data)], ITEM_EVENTS)
    assert found(outer, AFTER)[0] == [*events, IS_AFTER]
    outer = TO.open_sequence(0x00081110, TO.open_item(TO.element(REFERENCES, "SQ", data)), TO.item(CLASS_IN_ITEM))
    assert found(outer, AFTER)[0] == [*events, IS_AFTER]


MISPLACED = {
    "end of a sequence that has a length": TO.sequence(REFERENCES, TO.item(CLASS_IN_ITEM), TO.end_sequence()),
    "end of an item in a sequence": TO.open_sequence(REFERENCES, TO.item(CLASS_IN_ITEM), TO.end_item()),
    "end of an item that has a length": TO.open_sequence(REFERENCES, TO.item(CLASS_IN_ITEM, TO.end_item())),
    "no end of the last item": TO.open_sequence(REFERENCES, TO.open_item(CLASS_IN_ITEM)[:-8]),
    "end of an item in the data set": TO.sequence(REFERENCES, TO.item(CLASS_IN_ITEM)) + TO.end_item(),
    "end of a sequence in the data set": TO.sequence(REFERENCES, TO.item(CLASS_IN_ITEM)) + TO.end_sequence(),
    "item past its sequence": TO.header(REFERENCES, "SQ", 10) + TO.item(CLASS_IN_ITEM),
}


@each("content", MISPLACED.values(), ids=MISPLACED)
def test_end_out_of_place_is_passed_over(content: bytes) -> None:
    assert found(content, AFTER) == ([*sequence(REFERENCES, ITEM_EVENTS), IS_AFTER], ["misplaced-end"])


def test_next_item_ends_an_item_without_end() -> None:
    content = TO.open_sequence(REFERENCES, TO.open_item(CLASS_IN_ITEM)[:-8], TO.item(CLASS_IN_ITEM))
    assert found(content, AFTER) == ([*sequence(REFERENCES, ITEM_EVENTS, ITEM_EVENTS), IS_AFTER], ["misplaced-end"])


def test_element_past_its_item_ends_there() -> None:
    content = TO.open_sequence(REFERENCES, TO.item(TO.header(CLASS, "UI", 100) + b"1.3\0"), TO.item(CLASS_IN_ITEM))
    items = [[element(CLASS, "UN", b"1.3\0")], ITEM_EVENTS]
    assert found(content, AFTER) == ([*sequence(REFERENCES, *items), IS_AFTER], ["broken-structure"])
    assert found(content, AFTER, on_error="skip")[0] == [*sequence(REFERENCES, [], ITEM_EVENTS), IS_AFTER]


@each("fault", [b"hello, world", TO.element(PATIENT_ID, "LO", b"ab")], ids=["text", "element"])
def test_rest_of_a_long_sequence_is_left_out(fault: bytes) -> None:
    good = TO.item(TO.element(COMMENTS, "UT", b"a" * 70_000))
    events, codes = found(TO.sequence(REFERENCES, good, fault + bytes(100)), AFTER)
    assert joined(events) == [*sequence(REFERENCES, [element(COMMENTS, "UT", "a" * 70_000)]), IS_AFTER]
    assert codes == ["broken-structure"]


def test_odd_length_of_a_long_sequence_is_reported_each_time() -> None:
    content = TO.sequence(REFERENCES, TO.item(TO.element(COMMENTS, "UT", b"a" * 70_000)), b"hello")
    for _ in range(2):  # the tag is known the second time
        assert found(content, AFTER)[1] == ["odd-length", "broken-structure"]


def test_data_set_ends_where_no_end_is_known() -> None:
    content = TO.open_sequence(REFERENCES, TO.open_item(CLASS_IN_ITEM), b"hello world, and so on")
    events, codes = found(BEFORE, content, AFTER)
    assert (events, codes) == ([IS_BEFORE, *sequence(REFERENCES, ITEM_EVENTS)], ["broken-structure"])
    assert type(refused(BEFORE, content, AFTER, on_error="raise")) is DicomFileError


def test_fault_among_fragments_ends_them() -> None:
    pixels = TO.header(PIXELS, "OB", UNDEFINED) + TO.item() + TO.item(b"abcd")
    events, codes = found(pixels, b"hello world", uid=JPEG_UID)
    assert (events, codes) == (fragments(PIXELS, b"", b"abcd"), ["broken-structure"])
    events, codes = found(TO.sequence(0x00880200, TO.item(pixels)), AFTER, uid=JPEG_UID)
    assert events[0] == element(0x00880200, "UN", TO.item(pixels))
    assert events[-1] == IS_AFTER


# --- ends of files -------------------------------------------------------------------------------------------------


@every_layout
@each("length", [2, 3, 7, 8, 100, 100_001])
def test_zeros_after_the_last_element_are_padding(layout: Layout, length: int) -> None:
    content = layout.element(PATIENT_ID, "LO", b"A ")
    expected = ([element(PATIENT_ID, "LO", "A")], ["trailing-padding"])
    assert found(content, bytes(length), layout=layout) == expected
    with pytest.warns(DeviationWarning, match="padding"):
        parse([start(layout.uid) + content + bytes(length)])


@every_layout
def test_zero_that_makes_the_length_of_a_file_even_is_padding_in_little_endian(layout: Layout) -> None:
    odd = layout.header(PATIENT_ID, "LO", 1) + b"A"
    overlay = layout.element(0x60000010, "US", b"ab")
    is_little_endian = overlay[:1] == b"\0"
    code = "trailing-padding" if is_little_endian else "truncated"  # most groups begin with a zero byte in big endian
    assert found(odd, b"\0", layout=layout) == ([element(PATIENT_ID, "LO", "A")], ["odd-length", code])
    even = layout.element(PATIENT_ID, "LO", b"A ")
    cut_overlay = overlay[: 1 if is_little_endian else 2]
    assert found(even, cut_overlay, layout=layout) == ([element(PATIENT_ID, "LO", "A")], ["truncated"])


def test_zeros_in_place_of_the_first_element_are_padding_however_cut() -> None:
    data = start(TO.uid) + bytes(8) + TO.element(0x00081150, "LO", b"")
    options = ReadOptions(on_deviation=lambda _: None)
    outcomes = {str(outcome(*parse(pieces, options))) for pieces in ([data], *(cut(data, size) for size in (1, 8, 12)))}
    assert len(outcomes) == 1


def test_zeros_are_padding_after_a_file_where_they_were_an_element() -> None:
    content = IMPLICIT.sequence(REFERENCES, IMPLICIT.item(bytes(8)))
    assert found(content, layout=IMPLICIT) == (sequence(REFERENCES, [element(0, "UL")]), [])
    assert found(bytes(8), layout=IMPLICIT) == ([], ["trailing-padding"])


def test_other_bytes_after_padding_are_left_out() -> None:
    expected = ([IS_BEFORE], ["trailing-padding", "broken-structure"])
    assert found(BEFORE, bytes(1000), b"abc", bytes(20_000)) == expected


TRUNCATED = {
    "header": (BEFORE + AFTER[:7], [IS_BEFORE]),
    "value": (BEFORE + TO.header(PATIENT_ID, "LO", 20) + b"abc", [IS_BEFORE, element(PATIENT_ID, "UN", b"abc")]),
    "nested value": (
        TO.header(REFERENCES, "SQ", 100) + TO.open_item(CLASS_IN_ITEM) + TO.open_item(CLASS_IN_ITEM[:-1])[:-8],
        sequence(REFERENCES, ITEM_EVENTS, [element(CLASS, "UN", b"1.3")]),
    ),
    "item": (
        TO.header(REFERENCES, "SQ", UNDEFINED) + TO.open_item(CLASS_IN_ITEM)[:-8],
        sequence(REFERENCES, ITEM_EVENTS),
    ),
    "long binary value": (TO.header(PIXELS, "OW", 1_000_000) + b"ab" * 40_000, [element(PIXELS, "OW", b"ab" * 40_000)]),
    "long numbers": (TO.header(PRIVATE, "UV", 80_000) + bytes(40_004), [element(PRIVATE, "UV", *[0] * 5000)]),
    "long text": (TO.header(COMMENTS, "UT", 80_000) + b"a" * 7, [element(COMMENTS, "UT", "a" * 7)]),
    "fragments": (
        TO.header(PIXELS, "OB", UNDEFINED) + TO.item() + TO.item(b"ab"),
        joined(fragments(PIXELS, b"", b"ab")),
    ),
}


@each(("data", "events"), TRUNCATED.values(), ids=TRUNCATED)
def test_truncated_file_delivers_everything_before_its_end(data: bytes, events: list[Event]) -> None:
    found_events, codes = found(data)
    assert (joined(found_events), codes) == (events, ["truncated"])
    assert type(refused(data, on_error="raise")) is TruncatedError
    assert type(refused(data, deviations={"truncated": "error"})) is TruncatedError


_ENDS = {EventType.END_ITEM, EventType.END_SEQUENCE, EventType.END_ELEMENT, EventType.END_FRAGMENTS}


@pytest.mark.parametrize("data", [data for data, _ in TRUNCATED.values()], ids=TRUNCATED)
def test_refused_truncated_file_delivers_every_whole_element_first(data: bytes) -> None:
    data = start(TO.uid) + data
    whole, _, _ = read(data)
    for pieces in ([data], *cut_in_all_ways(data)):
        events: list[Event] = []
        with pytest.raises(TruncatedError):
            events.extend(iter_events(pieces, options=ReadOptions(deviations={"truncated": "error"})))
        assert events == whole[: len(events)]
        rest = [event for event in whole[len(events) : -1] if event[0] not in _ENDS]
        assert len(rest) <= 1  # the cut value


def test_file_truncated_within_the_first_group_length_names_it() -> None:
    events, _, [deviation] = read(_meta()[:-1])
    assert (deviation.code, deviation.location.tag_path) == ("truncated", "00020000")
    assert [kind for kind, *_ in events] == [EventType.START_DATASET, EventType.END_DATASET]


@each("after", [b"", AFTER], ids=["last", "before others"])
def test_search_up_to_the_end_of_a_complete_file_is_no_truncation(after: bytes) -> None:
    item = TO.item(TO.element(ROWS, "US", b"abc"))
    end = TO.tag(0xFFFEE0DD) + b"\5\0\0\0"  # of another length than that of the end that is searched
    creator = TO.element(0x00090010, "LO", b"Acme")
    events, codes = found(creator + TO.header(0x00091001, "SQ", UNDEFINED) + item + end + after)
    assert codes == ["odd-length", "wrong-value"]
    assert events[1:] == [*sequence(0x00091001, [element(ROWS, "UN", b"abc")]), *([IS_AFTER] if after else [])]


@every_layout
def test_fragments_in_a_native_transfer_syntax_are_read_and_reported(layout: Layout) -> None:
    content = layout.fragments(PIXELS, b"", b"ab")
    after = layout.element(0xFFFCFFFC, "OB", b"xx")
    expected = [*fragments(PIXELS, b"", b"ab"), element(0xFFFCFFFC, "OB", b"xx")]
    assert found(content, after, layout=layout) == (expected, ["undefined-length"])
    assert type(read(start(layout.uid) + content, profile="strict")[1]) is DicomFileError


@each("values", [(), (b"",)])
def test_encapsulated_pixel_data_may_be_empty(values: tuple[bytes, ...]) -> None:
    content = TO.fragments(PIXELS, *values)
    after = TO.element(0xFFFCFFFC, "OB", b"xx")
    expected = [*fragments(PIXELS, *values), element(0xFFFCFFFC, "OB", b"xx")]
    assert found(content, after, uid=JPEG_UID) == (expected, [])


def test_fragments_in_another_element_than_pixel_data_are_reported() -> None:
    content = TO.element(0x00090010, "LO", b"Acme") + TO.fragments(0x00091001, b"", b"ab")
    expected = [element(0x00090010, "LO", "Acme"), *fragments(0x00091001, b"", b"ab")]
    assert found(content, uid=JPEG_UID) == (expected, ["undefined-length"])


@each("cut", [0, 1, 3, 4, 7, 8, 12])
def test_file_truncated_within_a_fragment_keeps_the_bytes_before(cut: int) -> None:
    whole = TO.header(PIXELS, "OB", UNDEFINED) + TO.item() + TO.item(b"ab") + TO.item(b"abcd")
    events, codes = found(whole[: len(whole) - cut])
    assert events[-1][-1] == (cut if 0 < cut <= 4 else None)
    value = b"".join([TO.item(), TO.item(b"ab"), *([TO.item(b"abcd")[: 12 - cut]] if cut <= 4 else [])])
    assert (joined(events), codes) == ([element(PIXELS, "OB", value)], ["truncated"])
    if cut:
        assert type(refused(whole[: len(whole) - cut], on_error="raise")) is TruncatedError


# --- File Meta Information (PS3.10 7.1) ------------------------------------------------------------------------------


def _meta(*elements: bytes, length: int | None = None) -> bytes:
    content = b"".join(elements)
    return PREAMBLE + TO.number(0x00020000, "UL", len(content) if length is None else length) + content


SYNTAX, CLASS_UID = TO.element(0x00020010, "UI", TO.uid.encode() + b"\0"), TO.element(0x00020012, "UI", b"1.2.40")


@each("again", [BIG_ENDIAN.uid, IMPLICIT.uid, JPEG_UID])
def test_file_meta_information_ends_where_its_length_says(again: str) -> None:
    repeated = TO.element(0x00020010, "UI", again.encode() + b"\0" * (len(again) & 1))
    events, error, deviations = read(_meta(SYNTAX) + repeated + CLASS_UID + BEFORE)
    assert error is None
    assert events[2:-1] == [element(0x00020010, "UI", TO.uid), IS_BEFORE]
    assert [deviation.code for deviation in deviations][:1] == ["misplaced-file-meta"]


@each("layout", LAYOUTS)
def test_file_meta_information_in_an_item_is_read_and_reported(layout: Layout) -> None:
    again = layout.element(0x00020012, "UI", b"1.2.40")
    items = layout.item(again), layout.open_item(layout.element(0x00080060, "CS", b"CT"), again)
    events, error, deviations = read(start(layout.uid) + layout.sequence(0x00081140, *items))
    assert error is None
    assert events[2:-1] == sequence(
        0x00081140,
        [element(0x00020012, "UI", "1.2.40")],
        [element(0x00080060, "CS", "CT"), element(0x00020012, "UI", "1.2.40")],
    )
    assert [deviation.code for deviation in deviations] == ["file-meta-in-item", "key-order", "file-meta-in-item"]


@each("length", [0, len(SYNTAX) - 1, len(SYNTAX), 1000])
def test_wrong_length_of_file_meta_information_is_reported(length: int) -> None:
    events, error, deviations = read(_meta(SYNTAX, CLASS_UID, length=length) + BEFORE)
    assert error is None
    assert events[2:-1] == [element(0x00020010, "UI", TO.uid), element(0x00020012, "UI", "1.2.40"), IS_BEFORE]
    assert [deviation.code for deviation in deviations] == ["file-meta-length"]


def test_complete_file_meta_information_has_no_deviation() -> None:
    events, error, deviations = read(_meta(SYNTAX, CLASS_UID) + BEFORE)
    assert (len(events), error, deviations) == (6, None, [])


def test_long_element_of_file_meta_information_is_left_out() -> None:
    events, error, deviations = read(_meta(SYNTAX, TO.element(0x00020102, "OB", bytes(70_000))) + BEFORE)
    assert error is None
    assert events[2:-1] == [element(0x00020010, "UI", TO.uid), IS_BEFORE]
    assert [deviation.code for deviation in deviations] == ["wrong-value"]


# --- anything ------------------------------------------------------------------------------------------------------


@st.composite
def _faulty(draw: st.DrawFn) -> bytes:
    """Draw elements, some of them faulty."""
    tags = st.sampled_from([CLASS, REFERENCES, PATIENT_ID, PRIVATE, 0x00090010, ROWS, PIXELS])
    vr = st.sampled_from(["LO", "US", "UN", "SQ", "OB", "UT", "XX", "??", "FD"])
    ends = [TO.end_item(), TO.end_sequence(), b"abc", bytes(8), b"\xff" * 9]
    parts = st.recursive(
        st.builds(lambda tag, vr, data: TO.element(tag, vr, data), tags, vr, st.binary(max_size=9))
        | st.sampled_from(ends),
        lambda inner: st.builds(
            lambda tag, form, items, wrong: _sequence(tag, form, items, wrong),
            tags,
            st.integers(0, 3),
            st.lists(st.lists(inner, max_size=3).map(b"".join), max_size=3),
            st.sampled_from([0, 0, 0, 0, 1, -1, 8, -8]),
        ),
        max_leaves=12,
    )
    return b"".join(draw(st.lists(parts, max_size=6)))


def _sequence(tag: int, form: int, items: Iterable[bytes], wrong: int) -> bytes:
    content = b"".join((TO.item if form & 1 else TO.open_item)(item) for item in items)
    vr = "UN" if form == 3 else "SQ"
    if form & 2:
        return TO.header(tag, vr, max(0, len(content) + wrong)) + content
    return TO.open_sequence(tag, content)[: -8 if wrong else None]


# An element in implicit VR, which goes past the sequence around it: that cannot be taken back then.
_PAST = TO.end_sequence() + TO.element(REFERENCES, "LO") + TO.element(CLASS, "LO")
# A fault in a repeated sequence, which is left out, in a sequence that is taken back.
_REPEATED = TO.element(CLASS, "LO") * 2 + TO.open_sequence(CLASS, TO.open_item(), TO.element(CLASS, "LO"))


@example(_sequence(CLASS, 2, [_PAST], 0), TO.uid, "keep")
@example(_sequence(REFERENCES, 2, [_REPEATED], 0), TO.uid, "keep")
@given(_faulty(), st.sampled_from([TO.uid, IMPLICIT.uid, JPEG_UID]), st.sampled_from(["keep", "skip"]))
@pytest.mark.slow
def test_any_fault_leaves_a_well_formed_data_set(content: bytes, uid: str, on_error: OnError) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events, error, _ = read(start(uid) + content, on_error)
    if error is not None:
        assert type(error) is TruncatedError
        return
    opened: list[int] = []
    closing = {EventType.END_SEQUENCE: EventType.START_SEQUENCE, EventType.END_ITEM: EventType.START_ITEM}
    for kind, *_ in events:
        if kind in closing.values():
            opened.append(kind)
        elif kind in closing:
            assert opened.pop() == closing[EventType(kind)]
    assert not opened
    assert events[-1][0] == EventType.END_DATASET


@each("charset", ["ISO_IR 192", ""])
def test_un_of_text_that_cannot_be_decoded_stays_un(charset: str) -> None:
    field = b"\xa0\xff" if charset else b"\x1b$"
    before = TO.element(0x00080005, "CS", charset.encode())
    parts = before, TO.element(PATIENT_ID, "UN", field), TO.element(0x00101010, "UN", b"\x1b8"), AFTER
    events, deviations = found(*parts)
    assert events[1:] == [element(PATIENT_ID, "UN", field), element(0x00101010, "UN", b"\x1b8"), IS_AFTER]
    assert deviations == []
    events, deviations = found(before, TO.element(PATIENT_ID, "LO", field), AFTER)  # the file says that it is text
    assert events[1][2] == "LO"
    assert deviations == ["undecodable-text"]


@each("vr", [b"??", b"  ", b"us"])
def test_unknown_vr_of_the_first_element_costs_that_element(vr: bytes) -> None:
    odd = b"\x08\0\x05\0" + vr + b"\0\0\2\0\0\0ab"
    assert found(odd, BEFORE, AFTER) == ([element(0x00080005, "UN", b"ab"), IS_BEFORE, IS_AFTER], ["unknown-vr"])


def test_escape_where_no_character_set_applies_is_read_as_text_that_can_be_written() -> None:
    modality = 0x00080060
    events, deviations = found(TO.element(modality, "CS", b"C\x1bT "), AFTER)
    assert (events, deviations) == ([element(modality, "CS", "C?T"), IS_AFTER], ["undecodable-text"])
    file = io.BytesIO()
    writer = Part10Writer(file, io.BytesIO)
    writer.write_all([*dataset(TO.uid)[:1], *events, *dataset(TO.uid)[-1:]])
    writer.close()
    assert b"CS\4\0C?T " in file.getvalue()


def test_file_meta_that_is_cut_off_in_the_data_set_is_left_out() -> None:
    data = start(EXPLICIT.uid) + EXPLICIT.element(0x00080018, "UI", b"1.2\0")
    cut_off = EXPLICIT.header(0x00020010, "UI", 20) + b"1.2.840"
    found: list[Deviation] = []
    events, error = parse([data + cut_off], ReadOptions(on_deviation=found.append))
    assert error is None
    assert events == dataset(EXPLICIT.uid, element(0x00080018, "UI", "1.2"))
    assert [one.code for one in found] == ["truncated"]
