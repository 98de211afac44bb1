"""The writer of DICOM files: its bytes, how pydicom reads them, and errors."""

from __future__ import annotations

import io
import random
import tempfile
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from struct import pack, unpack
from time import process_time
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from streamdicom import dump, iter_events, write_events
from streamdicom.datasets import walk
from streamdicom.deviations import DeviationWarning
from streamdicom.dicom.vr import VRS
from streamdicom.errors import Location, OutputError
from streamdicom.events import Event, EventType
from streamdicom.formats.part10.writer import Part10Writer
from streamdicom.limits import Limits
from streamdicom.options import OnError, ReadOptions, WriteOptions
from tests.formats.part10.files import (
    BUNDLED,
    EXPLICIT,
    IMPLICIT,
    JPEG_UID,
    LONG_VRS,
    Layout,
    element,
    fragments,
    joined,
    parse,
    sequence,
)
from tests.formats.part10.test_parser import FRAGMENTS, LONG, SEQUENCES, SHAPES, SMALL, TEXTS, cases, damaged, padded
from tests.support.dcmtk import HAS_DCMTK, NO_DCMTK, assert_dcmtk_reads
from tests.support.each import each
from tests.support.strategies import datasets

CHARSET, SOP_CLASS, SOP_INSTANCE, REFERENCES = 0x00080005, 0x00080016, 0x00080018, 0x00081140
NAME, PATIENT_ID, COMMENTS = 0x00100010, 0x00100020, 0x00104000
_SERIES = 0x00400275  # Request Attributes Sequence
PRIVATE = 0x00091001
PIXELS = 0x7FE00010
START: Event = (EventType.START_DATASET, 0, "", 0)
END: Event = (EventType.END_DATASET, 0, "", None)
IN_JPEG = element(0x00020010, "UI", JPEG_UID)


def write(events: Iterable[Event], options: WriteOptions | None = None) -> bytes:
    target = io.BytesIO()
    writer = Part10Writer(target, io.BytesIO, options=options)
    writer.write_all(events)
    writer.close()
    return target.getvalue()


def content(data: bytes) -> bytes:
    """Return the bytes after the File Meta Information."""
    assert data[128:140] == b"DICM\x02\x00\x00\x00UL\x04\x00"
    return data[144 + int.from_bytes(data[140:144], "little") :]


def written(*events: Event, options: WriteOptions | None = None) -> bytes:
    return content(write([START, *events, END], options))


def read(data: bytes) -> list[Event]:
    """Return the events of the data set in a file."""
    events, error = parse([data], ReadOptions())
    assert error is None
    return [event for event in joined(events)[1:-1] if event[1] >> 16 != 2]


def refused(*events: Event, options: WriteOptions | None = None) -> OutputError:
    """Return the error of the last event, and check that it is sticky."""
    writer = Part10Writer(io.BytesIO(), io.BytesIO, options=options)
    writer.write_all(events[:-1])
    with pytest.raises(OutputError) as caught:
        writer.write(events[-1])
    for again in (lambda: writer.write(events[-1]), writer.close):
        with pytest.raises(OutputError) as once_more:
            again()
        assert once_more.value is caught.value
    return caught.value


# --- the bytes ---------------------------------------------------------------------------------------------------

Make = Callable[[Layout], bytes]
TO_BOTH = pytest.mark.parametrize("layout", [EXPLICIT, IMPLICIT], ids=["explicit", "implicit"])


def is_ascending(events: Sequence[Event]) -> bool:
    tags = [event[1] for event in events]
    return tags == sorted(set(tags))


@TO_BOTH
@each(("make", "events"), cases([case for case in SHAPES if is_ascending(case[2])]))
def test_elements(make: Callable[[Layout], list[bytes]], events: list[Event], layout: Layout) -> None:
    kept = [event for event in events if event[1] & 0xFFFF]  # group lengths are retired
    data = write([START, *events, END], WriteOptions(transfer_syntax=layout.uid))
    assert read(data) == kept
    nested = write([START, *sequence(REFERENCES, events, [], events), END], WriteOptions(transfer_syntax=layout.uid))
    assert read(nested) == sequence(REFERENCES, kept, [], kept)


EXACT: list[tuple[str, list[Event], Make]] = [
    ("nothing", [], lambda to: b""),
    (
        "empty elements",
        [element(PATIENT_ID, "LO"), element(COMMENTS, "LT")],
        lambda to: to.element(PATIENT_ID, "LO") + to.element(COMMENTS, "LT"),
    ),
    (
        "texts, padded",
        [element(SOP_INSTANCE, "UI", "1.2"), element(PATIENT_ID, "LO", "a", "", "b"), element(COMMENTS, "LT", "c\\d")],
        lambda to: (
            to.element(SOP_INSTANCE, "UI", b"1.2\0")
            + to.element(PATIENT_ID, "LO", b"a\\\\b")
            + to.element(COMMENTS, "LT", b"c\\d ")
        ),
    ),
    (
        "empty values",
        [element(PATIENT_ID, "LO", None, None), element(0x00280030, "DS", "", "1.50")],
        lambda to: to.element(PATIENT_ID, "LO", b"\\ ") + to.element(0x00280030, "DS", b"\\1.50 "),
    ),
    (
        "names",
        [element(NAME, "PN", ("a", "", "c"), None, ("", "b", ""))],
        lambda to: to.element(NAME, "PN", b"a==c\\\\=b"),
    ),
    ("numbers", [element(0x00280010, "US", 1, 65535)], lambda to: to.number(0x00280010, "US", 1, 65535)),
    ("tags", [element(0x00280009, "AT", 0x00181063)], lambda to: to.element(0x00280009, "AT", b"\x18\0\x63\x10")),
    (
        "bytes, padded",
        [element(PRIVATE, "OB", b"abc"), element(PIXELS, "OW", b"de")],
        lambda to: to.element(PRIVATE, "OB", b"abc\0") + to.element(PIXELS, "OW", b"de"),
    ),
    (
        "group lengths are left out",
        [element(0x00080000, "UL", 4), element(PATIENT_ID, "LO", "a"), element(0x00200000, "UL", 1)],
        lambda to: to.element(PATIENT_ID, "LO", b"a "),
    ),
    (
        "sequences",
        [
            *sequence(REFERENCES, [], [element(PATIENT_ID, "LO", "a"), *sequence(_SERIES)]),
            element(PATIENT_ID, "LO", "b"),
        ],
        lambda to: (
            to.open_sequence(
                REFERENCES,
                to.open_item(),
                to.open_item(to.element(PATIENT_ID, "LO", b"a "), to.open_sequence(_SERIES)),
            )
            + to.element(PATIENT_ID, "LO", b"b ")
        ),
    ),
    (
        "sequences before the SOP class",
        [*sequence(0x00080006, [element(0x00080100, "SH", "x")]), element(SOP_CLASS, "UI", "1")],
        lambda to: (
            to.open_sequence(0x00080006, to.open_item(to.element(0x00080100, "SH", b"x ")))
            + to.element(SOP_CLASS, "UI", b"1\0")
        ),
    ),
]


@TO_BOTH
@each(("events", "make"), cases(EXACT))
def test_bytes_of_a_data_set(events: list[Event], make: Make, layout: Layout) -> None:
    assert written(*events, options=WriteOptions(transfer_syntax=layout.uid)) == make(layout)


@each("vr", sorted(set(VRS) - {"SQ"}))
def test_header_of_each_vr(vr: str) -> None:
    # Twice, because the second time the element is in the table.
    events = sequence(REFERENCES, [element(PRIVATE, vr)], [element(PRIVATE, vr)])
    item = EXPLICIT.open_item(EXPLICIT.element(PRIVATE, vr))
    assert written(*events) == EXPLICIT.open_sequence(REFERENCES, item, item)


@each("uid", [EXPLICIT.uid, IMPLICIT.uid, JPEG_UID])
@each(("make", "events"), cases(SEQUENCES))
def test_sequences(make: Any, events: list[Event], uid: str) -> None:
    stream = [START, *events, END]
    if uid != JPEG_UID and any(event[0] == EventType.START_FRAGMENTS for event in events):
        refused(*stream[:-1][: 1 + [event[0] for event in events].index(EventType.START_FRAGMENTS) + 1])
    else:
        assert read(write(stream, WriteOptions(transfer_syntax=uid))) == joined(events)


@each("length", [65_534, 65_535, 65_536, 70_000])
def test_text_longer_than_16_bits_becomes_un(length: int) -> None:
    # PS3.5 6.2.2, note 4
    value = "x" * length
    for events in ([element(PRIVATE, "LO", value)], parts("LO", (EventType.LAST_SEGMENT, PRIVATE, "LO", value))):
        data = value.encode() + b" " * (length & 1)
        expected = EXPLICIT.element(PRIVATE, "LO" if length == 65_534 else "UN", data)
        assert written(*events) == expected
        nested = sequence(REFERENCES, [element(PRIVATE, "LO", "a")], events)
        assert written(*nested) == EXPLICIT.open_sequence(
            REFERENCES, EXPLICIT.open_item(EXPLICIT.element(PRIVATE, "LO", b"a ")), EXPLICIT.open_item(expected)
        )


# --- File Meta Information -----------------------------------------------------------------------------------


_ITEM = b"\xfe\xff\x00\xe0"
_ITEMS = _ITEM + bytes(4)
_UNSORTED = IMPLICIT.element(0x00081155, "UI", b"1.2\0") + IMPLICIT.element(0x00081150, "UI", b"1.2\0")


@each(
    ("field", "is_right"),
    [
        (b"hello wo", False),
        (b"", True),
        (_ITEMS, True),
        (_ITEMS + b"hello wo", False),
        (_ITEM + b"\xff\xff\xff\xff", False),
        (_ITEM + b"\x08\0\0\0hello wo", False),
        (_ITEM + len(_UNSORTED).to_bytes(4, "little") + _UNSORTED, False),
        (b"hello wo" * 9000, False),
    ],
)
@each("vr", ["UN", "OB", "LO"])
def test_sequence_of_the_dictionary_has_items_in_implicit_vr(vr: str, field: bytes, is_right: bool) -> None:
    if vr == "LO" and field.startswith(_ITEM):
        return
    value = field.decode() if vr == "LO" else field
    one = element(REFERENCES, vr, *([value] if field else []))
    options = WriteOptions(transfer_syntax=IMPLICIT.uid)
    assert field in written(one, options=WriteOptions())
    for events in ([one], [(EventType.START_SEQUENCE, 0x00081115, "SQ", None), *_item(one), _END_OF_SERIES]):
        if is_right:
            assert dcmread(io.BytesIO(write([START, *events, END], options))) is not None
            continue
        with pytest.raises(OutputError, match="expected items, for which readers of implicit VR take the value"):
            write([START, *events, END], options)


_END_OF_SERIES: Event = (EventType.END_SEQUENCE, 0x00081115, "SQ", None)


def _item(*events: Event) -> list[Event]:
    right = element(REFERENCES, "UN", _ITEMS)  # whose form must not be remembered
    items = [(EventType.START_ITEM, 0x00081115, "SQ", 0), right, (EventType.END_ITEM, 0x00081115, "SQ", None)]
    return [*items, (EventType.START_ITEM, 0x00081115, "SQ", 1), *events, (EventType.END_ITEM, 0x00081115, "SQ", None)]


@each(
    ("tag", "vr", "values", "is_right"),
    [
        (0x00186020, "SS", (1, 2), False),  # SL by the dictionary
        (0x00280010, "SS", (-5,), False),  # US
        (0x00280010, "SS", (5,), True),
        (0x00280010, "OB", (b"ab",), False),
        (0x00280106, "OB", (b"ab",), False),  # US or SS
        (0x00283006, "OB", (b"ab",), True),  # US or OW
        (0x00100020, "US", (5,), False),  # LO
        (0x00100020, "SH", ("a",), True),
        (0x00100020, "PN", (("A^B", "", "c"),), True),
        (0x00100020, "LT", ("a",), True),
        (0x00100020, "LT", ("a\\b",), False),  # two values
        (0x00100020, "SH", ("é",), True),
        (0x00080060, "SH", ("é",), False),  # CS has no character set
        (0x00080060, "SH", ("e",), True),
        (0x00102160, "UI", ("1.2",), True),
        (0x00080054, "CS", (" a",), False),  # AE has no space at its start
        (0x00104000, "LO", ("a",), True),
        (0x00104000, "LO", ("a", "b"), False),  # LT has one value
        (0x00100020, "UN", (b"a ",), True),
        (0x00100013, "US", (5,), True),  # not in the dictionary
    ],
)
def test_value_that_implicit_vr_would_change_is_refused(
    tag: int, vr: str, values: tuple[Any, ...], is_right: bool
) -> None:
    for events in ([element(tag, vr, *values)], [*sequence(REFERENCES, [element(tag, vr, *values)])]):
        written(*events)
        for _ in range(2):
            if is_right:
                write([START, *events, END], WriteOptions(transfer_syntax=IMPLICIT.uid))
                continue
            with pytest.raises(OutputError, match="which readers of implicit VR take, found"):
                write([START, *events, END], WriteOptions(transfer_syntax=IMPLICIT.uid))


_REPRESENTATION, _SMALLEST = 0x00280103, 0x00280106  # the second is US or SS by the first (PS3.5 A.1)


@each(
    ("before", "vr", "value", "is_right"),
    [
        ((), "US", 65531, True),
        ((), "SS", 5, True),
        ((), "SS", -5, False),
        ((0,), "SS", -5, False),
        ((0,), "US", 65531, True),
        ((1,), "SS", -5, True),
        ((1,), "US", 5, True),
        ((1,), "US", 65531, False),
    ],
)
@each("distance", [0, 200_000], ids=["near", "far"])
@pytest.mark.parametrize("road", ["events", "JSON"])
@pytest.mark.filterwarnings("ignore:wrong-value")
def test_sign_that_implicit_vr_would_change_is_refused(
    before: tuple[int, ...], vr: str, value: int, is_right: bool, distance: int, road: str
) -> None:
    representation = [element(_REPRESENTATION, "US", *before)] if before else []
    filled = [element(0x00280105, "UN", b"\xff" * distance)] * bool(distance)
    one = [*filled, element(_SMALLEST, vr, value)]
    nested = [(EventType.START_SEQUENCE, 0x00283010, "SQ", None), *_two_items(0x00283010, one)]
    for events in ([*representation, *one], [*representation, *nested]):
        modality = element(0x00080060, "CS", "CT")
        whole = [START, modality, *events, END]
        if road == "JSON":
            text = io.BytesIO()
            write_events(whole, text)
            whole = list(iter_events(text.getvalue()))
        for _ in range(2):  # the first time must not teach the second one
            if is_right:
                found = read(write(whole, WriteOptions(transfer_syntax=IMPLICIT.uid)))
                assert {event[3] for event in found if event[1] == _SMALLEST} == {(value,)}
                continue
            with pytest.raises(OutputError, match="which readers of implicit VR take, found") as caught:
                write(whole, WriteOptions(transfer_syntax=IMPLICIT.uid))
            assert caught.value.location.tag_path.endswith("00280106")
            left_out = read(write(whole, WriteOptions(transfer_syntax=IMPLICIT.uid, on_error="skip")))
            assert _SMALLEST not in [event[1] for event in left_out]


def _two_items(tag: int, events: list[Event]) -> list[Event]:
    items = [[(EventType.START_ITEM, tag, "SQ", n), *events, (EventType.END_ITEM, tag, "SQ", None)] for n in range(2)]
    return [*items[0], *items[1], (EventType.END_SEQUENCE, tag, "SQ", None)]


def test_representation_of_an_item_ends_with_it() -> None:
    signed, unsigned = element(_REPRESENTATION, "US", 1), element(_REPRESENTATION, "US")
    one, tag = element(_SMALLEST, "SS", -5), 0x00283010
    options = WriteOptions(transfer_syntax=IMPLICIT.uid)
    start, end = (EventType.START_SEQUENCE, tag, "SQ", None), (EventType.END_ITEM, tag, "SQ", None)
    first, second = [(EventType.START_ITEM, tag, "SQ", number) for number in range(2)]
    write([START, start, first, signed, one, end, (EventType.END_SEQUENCE, tag, "SQ", None), END], options)
    for events in ([start, first, signed, one, end, second, one], [signed, start, first, unsigned, one]):
        with pytest.raises(OutputError, match="expected VR US"):
            write([START, *events], options)


@each(("tag", "vr"), [(0x54000110, "OW"), (0x00100020, "LO"), (0x7FE00010, "OW"), (0x00093001, "LO")])
@pytest.mark.filterwarnings("ignore:wrong-value")
def test_sequence_that_readers_of_implicit_vr_take_for_values_is_refused(tag: int, vr: str) -> None:
    nested = sequence(REFERENCES, [element(PRIVATE, "LO", "a")])
    name, last = element(0x00080060, "CS", "CT"), element(0xFFFCFFFC, "OB", b"ab")
    creator = [element(0x00090030, "LO", "GEMS_IDEN_01")] if tag == 0x00093001 else []
    wrong = [*creator, *sequence(tag, [name, *nested]), last]
    for events in ([name, *wrong], [name, *sequence(REFERENCES, wrong)]):
        write([START, *events, END], WriteOptions())
        for _ in range(2):
            with pytest.raises(OutputError, match=f"expected VR {vr}, which readers of implicit VR take, found SQ"):
                write([START, *events, END], WriteOptions(transfer_syntax=IMPLICIT.uid))
        found = read(write([START, *events, END], WriteOptions(transfer_syntax=IMPLICIT.uid, on_error="skip")))
        rest = [*creator, last]
        expected = [name, *sequence(REFERENCES, rest)] if len(events) > len(wrong) + 1 else [name, *rest]
        assert found == expected


def test_sequence_of_unknown_tag_stays_one_in_implicit_vr() -> None:
    for tag in (0x00100013, 0x0009101A):
        events = [element(0x00080060, "CS", "CT"), *sequence(tag, [element(0x00100020, "LO", "a")])]
        assert read(write([START, *events, END], WriteOptions(transfer_syntax=IMPLICIT.uid))) == events


@each("size", [1, 40_000])
def test_unknown_bytes_are_not_encoded_again_in_implicit_vr(size: int) -> None:
    thai, text = element(CHARSET, "CS", "ISO_IR 166"), element(0x00204000, "LT", "张")
    options = WriteOptions(transfer_syntax=IMPLICIT.uid)
    data = b"\xff\xfe" * size
    short = [element(PATIENT_ID, "UN", data)]
    long = parts("UN", (EventType.LAST_SEGMENT, PATIENT_ID, "UN", data), tag=PATIENT_ID)
    for unknown in (short, long):
        assert data in write([START, thai, *unknown, END], options)
        assert data in write([START, thai, *unknown, text, END], WriteOptions())
        with pytest.raises(OutputError, match="cannot be written in UTF-8 instead"):
            write([START, thai, *unknown, text, END], options)
    private = [element(0x00091001, "UN", data), element(0x00280010, "UN", b"\xff\xfe")]  # no text for any reader
    assert data in write([START, thai, *private, element(0x00284000, "LT", "张"), END], options)


@each("creator_vr", ["LO", "UN", "SH"])
def test_odd_un_of_a_private_number_is_found_beside_other_creators(creator_vr: str) -> None:
    tag, other = 0x00091027, element(0x00090010, "LO", "OTHER")  # SL of the creator
    name = b"GEMS_IDEN_01" if creator_vr == "UN" else "GEMS_IDEN_01"
    creator = element(0x00090010, creator_vr, name)
    nested = sequence(0x00091002, [other])
    odd = element(tag, "UN", b"123")
    assert read(write([START, creator, *nested, odd, END], WriteOptions()))[-1] == odd
    assert read(write([START, other, odd, END], WriteOptions()))[-1] == element(tag, "UN", b"123\0")


@each("vr", ["OB", "OW", "UN", "OF"])
@each("size", [0, 1, 40_000])
@pytest.mark.parametrize("road", ["events", "JSON"])
@pytest.mark.skipif(not HAS_DCMTK, reason=NO_DCMTK)
@pytest.mark.filterwarnings("ignore:wrong-value")
def test_bytes_in_voi_lut_sequence_are_read_by_dcmtk_or_refused(vr: str, size: int, road: str, tmp_path: Path) -> None:
    one = element(0x00283010, vr, *[b"\1\2\3\4" * size] * bool(size))
    whole = [START, element(0x00080060, "CS", "CT"), one, element(0x00284000, "LT", "a"), END]
    if road == "JSON":
        text = io.BytesIO()
        write_events(whole, text)
        whole = list(iter_events(text.getvalue()))
        path = tmp_path / "transcoded.dcm"
        if vr in ("OB", "OW"):
            with pytest.raises(OutputError, match="for which other programs refuse a file"):
                write_events(iter_events(text.getvalue()), path)
        else:
            write_events(iter_events(text.getvalue()), path)
            assert_dcmtk_reads([path])
    if vr in ("OB", "OW"):
        with pytest.raises(OutputError, match="for which other programs refuse a file"):
            write(whole)
    for on_error in ("skip", "keep"):
        data = write(whole, WriteOptions(on_error=on_error))
        (tmp_path / f"{on_error}.dcm").write_bytes(data)
        if on_error == "keep" and size:
            assert [event[3] for event in read(data) if event[1] == 0x00283010 and event[0] == EventType.ELEMENT] == [
                one[3]
            ]
    assert_dcmtk_reads([tmp_path / "skip.dcm", tmp_path / "keep.dcm"])


@each("implicit", [False, True])
@pytest.mark.filterwarnings("ignore:wrong-value")
def test_long_odd_un_of_a_number_is_read_back_as_it_was(implicit: bool) -> None:
    options = WriteOptions(transfer_syntax=IMPLICIT.uid) if implicit else None
    data = b"abc" * 30_001
    for tag, creator, padding in ((0x00280010, "", b""), (0x00091001, "", b"\0"), (0x0009101A, "GEMS_IDEN_01", b"")):
        before = [element(0x00090010, "LO", creator)] if creator else []
        long = parts("UN", (EventType.LAST_SEGMENT, tag, "UN", data), tag=tag)
        assert read(write([START, *before, *long, END], options))[-1] == element(tag, "UN", data + padding)


def test_odd_un_after_many_creators_takes_linear_time() -> None:
    item = [element(0x00090010, "LO", "OTHER"), element(0x00091027, "UN", b"123")]
    times = []
    for count in (1000, 4000):
        events = [START, *sequence(REFERENCES, *[item] * count), END]
        start = process_time()
        write(events, WriteOptions())
        times.append(process_time() - start)
    assert times[1] < 12 * times[0]


def test_representation_in_parts_counts_in_implicit_vr() -> None:
    options = WriteOptions(transfer_syntax=IMPLICIT.uid)
    representation = parts("US", (EventType.VALUES, _REPRESENTATION, "US", (1,)), tag=_REPRESENTATION)
    found = read(write([START, *representation, element(_SMALLEST, "SS", -5), END], options))
    assert [event[3] for event in found] == [(1,), (-5,)]
    with pytest.raises(OutputError, match="expected VR SS"):
        write([START, *representation, element(_SMALLEST, "US", 65531)], options)


def test_representation_in_un_counts_in_implicit_vr() -> None:
    options = WriteOptions(transfer_syntax=IMPLICIT.uid)
    for number, vr, value in ((1, "SS", -5), (1, "US", 5), (0, "US", 65531)):
        representation, one = element(_REPRESENTATION, "UN", bytes([number, 0])), element(_SMALLEST, vr, value)
        found = read(write([START, representation, one, END], options))
        assert [event[3] for event in found] == [(number,), (value,)]
    with pytest.raises(OutputError, match="expected VR SS"):
        write([START, element(_REPRESENTATION, "UN", b"\1\0"), element(_SMALLEST, "US", 65531)], options)


def test_private_number_that_implicit_vr_would_change_is_refused() -> None:
    options = WriteOptions(transfer_syntax=IMPLICIT.uid)
    creator, other = element(0x00090010, "LO", "GEMS_IDEN_01"), element(0x00090010, "LO", "nobody")
    right, wrong = element(0x0009101A, "US", 5), element(0x0009101A, "LO", "ab")  # US of this creator
    for _ in range(2):
        assert read(write([START, creator, right, END], options)) == [creator, right]
        assert read(write([START, other, wrong, END], options)) == [other, element(0x0009101A, "UN", b"ab")]
        with pytest.raises(OutputError, match="expected VR US, which readers of implicit VR take, found LO"):
            write([START, creator, wrong, END], options)


@each(("vr", "values"), [("US", (1, 65535)), ("OW", (b"\1\0\xff\xff",))])
def test_table_is_bytes_in_implicit_vr(vr: str, values: tuple[Any, ...]) -> None:
    descriptor, table = element(0x00283002, "US", 2, 0, 16), element(0x00283006, vr, *values)
    found = read(write([START, descriptor, table, END], WriteOptions(transfer_syntax=IMPLICIT.uid)))
    assert found == [descriptor, element(0x00283006, "OW", b"\1\0\xff\xff")]  # PS3.5 A.1


@each(("vr", "value"), [("UN", b"ab"), ("LT", "5"), ("", b"ab")])
@each("implicit", [False, True])
def test_group_length_in_parts_is_left_out(vr: str, value: Any, implicit: bool) -> None:
    tag, end = 0x00280000, vr or "OB"
    long: list[Event] = [
        (EventType.START_ELEMENT, tag, vr, None),
        (EventType.SEGMENT, tag, vr, value),
        (EventType.LAST_SEGMENT, tag, vr, value),
        (EventType.END_ELEMENT, tag, end, None),
    ]
    rows = element(0x00280010, "US", 5)
    options = WriteOptions(transfer_syntax=IMPLICIT.uid) if implicit else None
    assert read(write([START, *long, rows, END], options)) == [rows]
    assert read(write([START, *sequence(REFERENCES, [*long, rows]), END], options)) == sequence(REFERENCES, [rows])


@each(("vr", "value"), [("OB", b"\1\0"), ("LT", "5")])
def test_long_value_that_implicit_vr_would_change_is_refused(vr: str, value: Any) -> None:
    events = parts(vr, *[(EventType.LAST_SEGMENT, 0x00280010, vr, value * 2)], tag=0x00280010)
    with pytest.raises(OutputError, match="expected VR US"):
        write([START, *events, END], WriteOptions(transfer_syntax=IMPLICIT.uid))


@pytest.mark.filterwarnings("ignore:wrong-value")
def test_long_value_whose_vr_follows_is_refused_too() -> None:
    tag = 0x00280010
    events = [
        START,
        (EventType.START_ELEMENT, tag, "", None),
        (EventType.LAST_SEGMENT, tag, "", b"ab"),
        (EventType.END_ELEMENT, tag, "OB", None),
        END,
    ]
    with pytest.raises(OutputError, match="expected VR US"):
        write(events, WriteOptions(transfer_syntax=IMPLICIT.uid))
    assert read(write(events, WriteOptions(transfer_syntax=IMPLICIT.uid, on_error="skip"))) == []


@each("vr", ["UN", "OB"])
def test_sequence_of_the_dictionary_has_items_in_implicit_vr_also_from_json(vr: str) -> None:
    text = f'{{"00081115":{{"vr":"SQ","Value":[{{"00081140":{{"vr":"{vr}","InlineBinary":"aGVsbG8gd28="}}}}]}}}}'
    with pytest.raises(OutputError, match="expected items"):
        write_events(
            iter_events(text.encode()), io.BytesIO(), format="dicom", options=WriteOptions(transfer_syntax=IMPLICIT.uid)
        )


def test_private_sequence_has_items_in_implicit_vr_after_any_other_file() -> None:
    options = WriteOptions(transfer_syntax=IMPLICIT.uid)
    creator, value = element(0x20010010, "LO", "Philips Imaging DD 001"), element(0x20011068, "UN", b"hello wo")
    modality = element(0x00080060, "CS", "CT")
    for _ in range(2):
        write([START, modality, value, END], options)
        with pytest.raises(OutputError, match="expected items"):
            write([START, modality, creator, value, END], options)


@each("field", [_ITEM + b"\xff\xff\xff\xff", _ITEM + len(_UNSORTED).to_bytes(4, "little") + _UNSORTED])
def test_unknown_value_outlasts_a_change_of_the_character_set(field: bytes) -> None:
    unknown = element(REFERENCES, "UN", field)
    data = write([START, element(0x00080005, "CS", "ISO_IR 100"), unknown, element(0x00200010, "SH", "张"), END])
    assert EXPLICIT.element(REFERENCES, "UN", field) in data
    assert "张".encode() in data


def test_unknown_number_outlasts_a_change_of_the_character_set_after_any_sequence() -> None:
    private = [(EventType.START_SEQUENCE, 0x00090000, "SQ", None), (EventType.END_SEQUENCE, 0x00090000, "SQ", None)]
    unknown = element(0x00181114, "UN", b"1.5 ")
    data = write([START, *private, unknown, element(0x00200010, "SH", "张"), END])
    assert EXPLICIT.element(0x00181114, "UN", b"1.5 ") in data


@each("format", ["dicom", "xml"])
def test_fragments_by_reference_are_refused(format: Any) -> None:
    text = '{"7FE00010": {"vr": "OB", "DataFragment": [null, {"BulkDataURI": "http://h/1"}]}}'
    with pytest.warns(DeviationWarning), pytest.raises(OutputError, match="found fragments by reference"):
        write_events(iter_events(text.encode()), io.BytesIO(), format=format)


@each("format", ["dicom", "xml"])
@each("value", ["5", '[{"InlineBinary":"!"}]', '[{"BulkDataURI":5}]', '[{"BulkDataURI":"a"},5]', '{"BulkDataURI":"a"}'])
def test_wrong_fragments_are_written_as_text(format: Any, value: str) -> None:
    kept = f'{{"vr":"OB","DataFragment":{value}}}'
    target = io.BytesIO()
    options = ReadOptions(on_error="keep", on_deviation=lambda _: None)
    write_events(iter_events(f'{{"7FE00010":{kept}}}'.encode(), options=options), target, format=format)
    assert (0x7FE00010, "UT", (kept,)) in [event[1:] for event in iter_events(target.getvalue())]


def test_file_meta_information_is_completed() -> None:
    data = write([START, element(SOP_CLASS, "UI", "1.2.3"), element(SOP_INSTANCE, "UI", "1.2.4"), END])
    assert data[:132] == bytes(128) + b"DICM"
    meta = dcmread(io.BytesIO(data)).file_meta
    assert meta.FileMetaInformationGroupLength == len(data) - len(content(data)) - 144
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == ("1.2.3", "1.2.4")
    assert meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert meta.ImplementationClassUID.is_valid
    assert len(meta) == 7


def test_given_file_meta_information_is_kept() -> None:
    came = [
        element(0x00020000, "UL", 1),
        element(0x00020001, "OB", b"\0\2"),
        element(0x00020002, "UI", "1.2.5"),
        element(0x00020010, "UI", "1.2.840.10008.1.2.2"),
        element(0x00020012, "UI", "1.2.6"),
        element(0x00020016, "AE", "TITLE"),
    ]
    for events in (
        [*came, element(0x00011001, "LO", "a"), element(SOP_CLASS, "UI", "1.2.3")],
        [element(0x00011001, "LO", "a"), *came, element(SOP_CLASS, "UI", "1.2.3")],
    ):
        data = write([START, *events, END])
        meta = dcmread(io.BytesIO(data)).file_meta
        assert [(int(one.tag), one.value) for one in meta if one.tag & 0xFFFF] == [
            (0x00020001, b"\0\2"),
            (0x00020002, "1.2.5"),
            (0x00020010, "1.2.840.10008.1.2.1"),  # the one in which it is written
            (0x00020012, "1.2.6"),
            (0x00020016, "TITLE"),
        ]
        assert read(data) == [element(0x00011001, "LO", "a"), element(SOP_CLASS, "UI", "1.2.3")]


@each(
    ("came", "wanted", "written_uid"),
    [
        (None, None, EXPLICIT.uid),
        ("1.2.840.10008.1.2", None, EXPLICIT.uid),
        ("1.2.840.10008.1.2.2", None, EXPLICIT.uid),
        ("1.2.840.10008.1.2.1.99", None, EXPLICIT.uid),
        (JPEG_UID, None, JPEG_UID),
        (JPEG_UID, "1.2.840.10008.1.2", "1.2.840.10008.1.2"),
        (None, JPEG_UID, JPEG_UID),
        (EXPLICIT.uid, "1.2.840.10008.1.2", "1.2.840.10008.1.2"),
        ("", None, EXPLICIT.uid),
        ("1.2.840.10008.1.2.4.95", None, "1.2.840.10008.1.2.4.94"),
    ],
)
def test_transfer_syntax_of_options_and_events(came: str | None, wanted: str | None, written_uid: str) -> None:
    events = [
        START,
        *([element(0x00020010, "UI", came)] if came is not None else []),
        element(PATIENT_ID, "LO", "a"),
        END,
    ]
    read_again = dcmread(io.BytesIO(write(events, WriteOptions(transfer_syntax=wanted))))
    assert (read_again.file_meta.TransferSyntaxUID, read_again.PatientID) == (written_uid, "a")


BAD_META: list[tuple[str, list[Event]]] = [
    ("unknown VR", [element(0x00020016, "XX", "a")]),
    ("no VR", [element(0x00020016, "")]),
    ("VR of a sequence", [element(0x00020016, "SQ")]),
    ("sequence", [sequence(0x00020016)[0]]),
    ("long value", [(EventType.START_ELEMENT, 0x00020102, "OB", None)]),
    ("fragments", [fragments(0x00020102)[0]]),
    ("text beyond Latin-1", [element(0x00020013, "SH", "\u5c71")]),
    ("value that does not fit", [element(0x00020016, "AE", 5)]),
    ("too many", [element(0x00021000 + number, "LO") for number in range(257)]),
]


@each("events", cases(BAD_META))
def test_invalid_file_meta_information_is_refused(events: list[Event]) -> None:
    assert refused(START, *events).location.dataset_index == 0


@pytest.mark.filterwarnings("ignore::streamdicom.DeviationWarning")
def test_file_meta_text_is_in_the_default_character_set() -> None:
    meta = [element(0x00020013, "SH", "\xe9"), element(CHARSET, "CS", "ISO_IR 144")]
    for text in ("a", "\u041b", NOT_LATIN):  # in its own character set, or in UTF-8 only
        file = write([START, *meta, element(PATIENT_ID, "LO", text), END])
        assert element(0x00020013, "SH", "\xe9") in parse([file])[0]
        assert dcmread(io.BytesIO(file)).PatientID == text


@each("uid", ["1.2.840.113619.5.2", "1.2.840.10008.1.1"])
def test_transfer_syntax_beyond_the_standard_is_that_of_the_source_only(uid: str) -> None:
    options = WriteOptions(transfer_syntax=uid)
    own, patient = element(0x00020010, "UI", uid), element(PATIENT_ID, "LO", "a")
    assert dcmread(io.BytesIO(write([START, own, patient, END], options))).file_meta.TransferSyntaxUID == uid
    for syntax in ([], [element(0x00020010, "UI", JPEG_UID)]):
        assert "or the transfer syntax of the source, found" in str(refused(START, *syntax, patient, options=options))


@each("uid", ["1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.20", "1.2.840.10008.1.2.6.2"])
def test_unsupported_transfer_syntax_is_refused(uid: str) -> None:
    with pytest.raises(ValueError, match="expected explicit or implicit VR little endian"):
        Part10Writer(io.BytesIO(), io.BytesIO, options=WriteOptions(transfer_syntax=uid))


# --- elements in parts -------------------------------------------------------------------------------------------


def parts(vr: str, *pieces: Event, late: bool = False, tag: int = PRIVATE, length: int | None = None) -> list[Event]:
    start = (EventType.START_ELEMENT, tag, "" if late else vr, length)
    return [start, *pieces, (EventType.END_ELEMENT, tag, vr, None)]


def some(*values: Any) -> Event:
    return EventType.VALUES, PRIVATE, "", values


def segment(value: Any) -> Event:
    return EventType.SEGMENT, PRIVATE, "", value


def last(value: Any) -> Event:
    return EventType.LAST_SEGMENT, PRIVATE, "", value


PARTS: list[tuple[str, list[Event], bytes]] = [
    ("text", parts("UT", segment("a"), segment(""), last("b")), EXPLICIT.element(PRIVATE, "UT", b"ab")),
    ("text, padded", parts("UT", last("abc")), EXPLICIT.element(PRIVATE, "UT", b"abc ")),
    ("text of a short VR", parts("LT", segment("a"), last("b")), EXPLICIT.element(PRIVATE, "LT", b"ab")),
    ("text, VR late", parts("LT", segment("a"), last("b"), late=True), EXPLICIT.element(PRIVATE, "LT", b"ab")),
    ("an identifier, padded", parts("UI", last("1.2")), EXPLICIT.element(PRIVATE, "UI", b"1.2\0")),
    (
        "values and segments",
        parts("UC", some("a", None, ""), segment("b"), last("c"), last("d"), some("e")),
        EXPLICIT.element(PRIVATE, "UC", b"a" + b"\\" * 3 + b"bc\\d\\e"),
    ),
    ("decimals", parts("DS", some("1.50"), some("2", "3")), EXPLICIT.element(PRIVATE, "DS", b"1.50\\2\\3")),
    ("names", parts("PN", some(("a", "b", "")), some(None)), EXPLICIT.element(PRIVATE, "PN", b"a=b\\")),
    ("numbers", parts("US", some(1), some(2, 3)), EXPLICIT.number(PRIVATE, "US", 1, 2, 3)),
    ("floats", parts("FD", some(0.5), some(0.1)), EXPLICIT.number(PRIVATE, "FD", 0.5, 0.1)),
    ("tags", parts("AT", some(PRIVATE)), EXPLICIT.element(PRIVATE, "AT", b"\x09\0\x01\x10")),
    ("nothing", parts("UT"), EXPLICIT.element(PRIVATE, "UT")),
    ("nothing, VR late", parts("US", late=True), EXPLICIT.element(PRIVATE, "US")),
    ("bytes", parts("OB", segment(b"a"), segment(b""), last(b"bc")), EXPLICIT.element(PRIVATE, "OB", b"abc\0")),
    (
        "bytes of a given length",
        parts("OW", segment(b"ab"), last(b"cd"), length=4),
        EXPLICIT.element(PRIVATE, "OW", b"abcd"),
    ),
    (
        "bytes of a given odd length",
        parts("OB", last(b"abc"), length=3),
        EXPLICIT.element(PRIVATE, "OB", b"abc\0"),
    ),
    ("bytes, VR late", parts("OD", last(b"12345678"), late=True), EXPLICIT.element(PRIVATE, "OD", b"12345678")),
    ("no bytes", parts("OB", last(b"")), EXPLICIT.element(PRIVATE, "OB")),
]


@each(("events", "expected"), cases(PARTS))
def test_elements_in_parts(events: list[Event], expected: bytes) -> None:
    assert written(*events) == expected
    around = element(0x00090010, "LO", "a"), element(PATIENT_ID, "LO", "b")
    before, after = EXPLICIT.element(0x00090010, "LO", b"a "), EXPLICIT.element(PATIENT_ID, "LO", b"b ")
    assert written(around[0], *events, around[1]) == before + expected + after
    item = EXPLICIT.open_item(before, expected, after)
    nested = sequence(REFERENCES, [around[0], *events, around[1]], [around[0], *events, around[1]])
    assert written(*nested) == EXPLICIT.open_sequence(REFERENCES, item, item)


@each(("events", "expected"), cases(PARTS))
def test_elements_in_parts_in_implicit_vr(events: list[Event], expected: bytes) -> None:
    vr = expected[4:6].decode()
    value = expected[12 if vr in LONG_VRS else 8 :]
    implicit = WriteOptions(transfer_syntax=IMPLICIT.uid)
    assert written(*events, options=implicit) == IMPLICIT.element(PRIVATE, vr, value)


@each(("vr", "data", "values"), cases(LONG))
def test_long_values_round_trip(vr: str, data: bytes, values: tuple[Any, ...]) -> None:
    events, error = parse([bytes(128) + b"DICM" + EXPLICIT.element(PRIVATE, vr, data)])
    assert error is None
    file = write(events)
    assert read(file) == [element(PRIVATE, vr, *values)]
    if vr != "UC":  # the padding of its values is not kept
        assert dcmread(io.BytesIO(file))[PRIVATE].value == values[0]


BAD_PARTS: list[tuple[str, list[Event]]] = [
    ("unknown VR", [parts("XX")[0]]),
    ("VR of a sequence", [parts("SQ")[0]]),
    ("unknown VR at the end", [parts("UT", late=True)[0], parts("XX")[-1]]),
    ("VR of a sequence at the end", [parts("UT", late=True)[0], parts("SQ")[-1]]),
    ("no VR at all", [parts("", late=True)[0], parts("")[-1]]),
    ("values of OB", [parts("OB")[0], some(b"a")]),
    ("numbers before the VR", [parts("", late=True)[0], some(5)]),
    ("bytes after bytes", [parts("OB")[0], last(b"a"), last(b"b")]),
    ("values after bytes", [parts("OB")[0], last(b"a"), some("a")]),
    ("text within bytes", [parts("", late=True)[0], segment(b"a"), segment("a")]),
    ("bytes within text", [parts("", late=True)[0], segment("a"), segment(b"a")]),
    ("text for OB", [parts("OB")[0], last("a")]),
    ("bytes for UT", [parts("UT")[0], last(b"a")]),
    ("bytes for US", [parts("US")[0], segment(b"a")]),
    ("text for US", [parts("US")[0], segment("a")]),
    ("text for a name", [parts("PN")[0], segment("a")]),
    ("number in a segment", [parts("UT")[0], segment(5)]),
    ("number in the second segment", [parts("UT")[0], segment("a"), segment(5)]),
    ("text as a number", [parts("US")[0], some("a")]),
    ("number as a text", [parts("UC")[0], some(5)]),
    ("name that is one text", [parts("PN")[0], some(5)]),
    ("number that is too large", [parts("US")[0], some(65536)]),
    ("nothing among numbers", [parts("US")[0], some(1, None)]),
    ("half of a surrogate pair", [parts("UT")[0], segment("\ud800")]),
    ("half of a surrogate pair in a value", [parts("UC")[0], some("a", "\ud800")]),
    ("two texts where one is due", [parts("UT")[0], last("a"), last("b")]),
    ("fewer bytes than given", [parts("OB", length=2)[0], last(b"a"), parts("OB")[-1]]),
    ("more bytes than given", [parts("OB", length=1)[0], segment(b"ab"), last(b""), parts("OB")[-1]]),
    ("bytes for text, VR late", [parts("UT", late=True)[0], last(b"a"), parts("UT")[-1]]),
    ("text for bytes, VR late", [parts("OB", late=True)[0], last("a"), parts("OB")[-1]]),
    ("text for a number, VR late", [parts("US", late=True)[0], last("1"), parts("US")[-1]]),
]


@each("events", cases(BAD_PARTS))
def test_invalid_parts_are_refused(events: list[Event]) -> None:
    before = sequence(REFERENCES, [])[:2]
    events = [(kind, PRIVATE, vr, value) for kind, _, vr, value in events]
    assert refused(START, *before, *events).location == Location(None, 0, "00081140[0].00091001")


# --- character sets ----------------------------------------------------------------------------------------------


@each(("term", "data", "text"), cases(TEXTS))
def test_text_is_written_in_its_character_set(term: bytes, data: bytes, text: str) -> None:
    terms = tuple(term.decode().rstrip().split("\\")) if term else ()
    if not term:
        terms = ("ISO_IR 100",)
    content_ = [element(PRIVATE, "LO", text), element(COMMENTS, "LT", text)]
    events = [
        element(CHARSET, "CS", *terms),
        *sequence(0x00081110, content_, [*content_, *sequence(0x0040A730)]),
        *content_,
    ]
    file = write([START, *events, END])
    assert read(file) == events
    assert padded(data) in file


NOT_LATIN = "\u5c71\U0001f600"
REWRITES: list[tuple[str, list[Event], list[Event]]] = [
    (
        "no character set",
        [element(PATIENT_ID, "LO", "a"), element(COMMENTS, "LT", NOT_LATIN)],
        [element(CHARSET, "CS", "ISO_IR 192"), element(PATIENT_ID, "LO", "a"), element(COMMENTS, "LT", NOT_LATIN)],
    ),
    (
        "in the first element",
        [element(0x00080001, "UL", 1), element(0x00080070, "LO", NOT_LATIN)],
        [element(0x00080001, "UL", 1), element(CHARSET, "CS", "ISO_IR 192"), element(0x00080070, "LO", NOT_LATIN)],
    ),
    (
        "another character set",
        [
            element(CHARSET, "CS", "ISO_IR 100"),
            element(0x00080070, "LO", "caf\xe9"),
            element(NAME, "PN", ("a", NOT_LATIN, "")),
        ],
        [
            element(CHARSET, "CS", "ISO_IR 192"),
            element(0x00080070, "LO", "caf\xe9"),
            element(NAME, "PN", ("a", NOT_LATIN, "")),
        ],
    ),
    (
        "in an item with a character set of its own",
        [
            element(CHARSET, "CS", "ISO_IR 100"),
            element(SOP_INSTANCE, "UI", "1.2"),
            element(0x00080070, "LO", "\xe9"),
            *sequence(
                REFERENCES,
                [element(CHARSET, "CS", "ISO_IR 144"), element(PATIENT_ID, "LO", "\u041b")],
                [element(PATIENT_ID, "LO", "\xe9"), *sequence(0x0040A730, [element(PATIENT_ID, "LO", NOT_LATIN)])],
            ),
            element(PATIENT_ID, "LO", "b"),
        ],
        [
            element(CHARSET, "CS", "ISO_IR 192"),
            element(SOP_INSTANCE, "UI", "1.2"),
            element(0x00080070, "LO", "\xe9"),
            *sequence(
                REFERENCES,
                [element(CHARSET, "CS", "ISO_IR 192"), element(PATIENT_ID, "LO", "\u041b")],
                [element(PATIENT_ID, "LO", "\xe9"), *sequence(0x0040A730, [element(PATIENT_ID, "LO", NOT_LATIN)])],
            ),
            element(PATIENT_ID, "LO", "b"),
        ],
    ),
    (
        "after everything else",
        [
            element(CHARSET, "CS"),
            *sequence(REFERENCES, [element(0x00280010, "US", 1)], []),
            element(PRIVATE, "OB", b"ab"),
            element(0x00280030, "DS", "1.50", "2"),
            element(0x00282000, "OB", bytes(200_000)),
            element(0x0040400A, "UT", NOT_LATIN),
        ],
        [
            element(CHARSET, "CS", "ISO_IR 192"),
            *sequence(REFERENCES, [element(0x00280010, "US", 1)], []),
            element(PRIVATE, "OB", b"ab"),
            element(0x00280030, "DS", "1.50", "2"),
            element(0x00282000, "OB", bytes(200_000)),
            element(0x0040400A, "UT", NOT_LATIN),
        ],
    ),
]


@each(("events", "expected"), cases(REWRITES))
def test_text_outside_its_character_set_switches_to_utf_8(events: list[Event], expected: list[Event]) -> None:
    file = write([START, *events, END])
    assert read(file) == expected
    for _ in dcmread(io.BytesIO(file)).iterall():
        pass


@pytest.mark.parametrize("count", [0, 1, 3000])
@pytest.mark.parametrize("outer", [[PRIVATE], [REFERENCES, PRIVATE], [PRIVATE, REFERENCES, PRIVATE]])
@pytest.mark.parametrize(
    "text", [[element(PATIENT_ID, "LO", NOT_LATIN)], [*parts("UT", segment("a"), last(NOT_LATIN))]]
)
def test_text_in_a_private_sequence_switches_to_utf_8(text: list[Event], outer: list[int], count: int) -> None:
    before = [element(0x00080070, "LO", "a")]
    events = [*before, *text]
    for tag in outer[::-1]:
        events = sequence(tag, *[before] * count, events)
    expected = [element(CHARSET, "CS", "ISO_IR 192"), *joined(events)]
    assert read(write([START, *events, END])) == expected


@each("vr", ["UT", "UC", "LT", "LO"])
def test_long_text_switches_to_utf_8_at_its_end(vr: str) -> None:
    text = "\xe9" * 100_000
    long = [*parts(vr, segment(text), last(NOT_LATIN))]
    events = [
        element(CHARSET, "CS", "ISO_IR 100"),
        element(0x00080070, "LO", "\xe9"),
        *long,
        element(PATIENT_ID, "LO", "\xe9"),
    ]
    data = (text + NOT_LATIN).encode()
    expected = element(PRIVATE, vr, text + NOT_LATIN) if vr[0] == "U" else element(PRIVATE, "UN", padded(data))
    assert read(write([START, *events, END])) == [
        element(CHARSET, "CS", "ISO_IR 192"),
        element(0x00080070, "LO", "\xe9"),
        expected,
        element(PATIENT_ID, "LO", "\xe9"),
    ]


def test_text_outside_its_character_set_is_refused_in_implicit_vr() -> None:
    events = [
        element(CHARSET, "CS", "ISO_IR 100"),
        element(NAME, "PN", ("\xe9", "", "")),
        element(PATIENT_ID, "LO", NOT_LATIN),
    ]
    error = refused(START, *events, options=WriteOptions(transfer_syntax=IMPLICIT.uid))
    assert "implicit VR" in error.message
    assert error.location == Location(None, 0, "00100020")


@each("terms", [(), ("ISO_IR 100",)])
def test_first_text_outside_its_character_set_switches_to_utf_8_in_implicit_vr(terms: tuple[str, ...]) -> None:
    told = [element(CHARSET, "CS", *terms)] if terms else []
    events = [*told, element(NAME, "PN", ("a", "", "")), element(PATIENT_ID, "LO", NOT_LATIN)]
    data = write([START, *events, END], options=WriteOptions(transfer_syntax=IMPLICIT.uid))
    assert read(data)[-3:] == [element(CHARSET, "CS", "ISO_IR 192"), *events[len(told) :]]


# --- encapsulated pixel data -------------------------------------------------------------------------------------


@each("vr", ["OB", "OW"])
@each("values", cases(FRAGMENTS))
def test_fragments(values: list[bytes], vr: str) -> None:
    expected = EXPLICIT.fragments(PIXELS, *values, vr=vr)
    assert written(IN_JPEG, *fragments(PIXELS, *values, vr=vr)) == expected
    assert written(IN_JPEG, *fragments(PIXELS, *values, vr=vr), element(0xFFFCFFFC, "OB", b"a")) == (
        expected + EXPLICIT.element(0xFFFCFFFC, "OB", b"a\0")
    )


def test_fragments_of_odd_length_are_padded() -> None:
    # PS3.5 A.4
    assert written(IN_JPEG, *fragments(PIXELS, b"", b"abc")) == EXPLICIT.fragments(PIXELS, b"", b"abc\0")


def test_fragments_cut_anywhere() -> None:
    value = bytes(range(200)) * 1000
    for length in (1, 999, 70_000):
        if length == 1:
            value = value[:300]
        pieces = [value[begin : begin + length] for begin in range(0, len(value), length)]
        events = [
            fragments(PIXELS)[0],
            (EventType.START_FRAGMENT, PIXELS, "OB", len(value)),
            *((EventType.SEGMENT, PIXELS, "OB", piece) for piece in pieces),
            (EventType.LAST_SEGMENT, PIXELS, "OB", b""),
            fragments(PIXELS)[-1],
        ]
        assert written(IN_JPEG, *events) == EXPLICIT.fragments(PIXELS, value)


ITEMS = EXPLICIT.item() + EXPLICIT.item(b"\xff\xd8\xff\xd9")


def test_one_value_with_items_is_encapsulated_pixel_data() -> None:
    # As DICOM JSON has it.
    expected = EXPLICIT.fragments(PIXELS, b"", b"\xff\xd8\xff\xd9")
    assert written(IN_JPEG, element(PIXELS, "OB", ITEMS)) == expected
    for cut in range(1, len(ITEMS)):
        pieces = (EventType.SEGMENT, PIXELS, "", ITEMS[:cut]), (EventType.LAST_SEGMENT, PIXELS, "", ITEMS[cut:])
        assert written(IN_JPEG, *parts("OB", *pieces, tag=PIXELS)) == expected
        assert written(IN_JPEG, *parts("OB", *pieces, tag=PIXELS, late=True)) == expected


def test_empty_pixel_data_has_the_length_of_the_transfer_syntax() -> None:
    # PS3.5 A.4; DCMTK refuses a file with another one
    empty = (EventType.LAST_SEGMENT, PIXELS, "", b"")
    fragments_only = EXPLICIT.fragments(PIXELS)
    for before, expected in (([], EXPLICIT.element(PIXELS, "OB")), ([IN_JPEG], fragments_only)):
        assert written(*before, element(PIXELS, "OB")) == expected
        assert written(*before, *parts("OB", tag=PIXELS)) == expected
        assert written(*before, *parts("OB", empty, tag=PIXELS)) == expected
    assert written(IN_JPEG, *fragments(PIXELS)) == fragments_only
    assert written(IN_JPEG, *fragments(PIXELS, vr="OW")) == EXPLICIT.fragments(PIXELS, vr="OW")
    # readers take items of VR UN for a sequence
    assert written(IN_JPEG, element(PIXELS, "UN")) == written(IN_JPEG, *parts("UN", tag=PIXELS)) == fragments_only
    native_icon = [element(PIXELS, "OB")], EXPLICIT.element(PIXELS, "OB")  # which is legal
    for empty_icon, expected in (native_icon, (fragments(PIXELS), fragments_only)):
        icon = EXPLICIT.open_item(expected)
        assert written(IN_JPEG, *sequence(0x00880200, empty_icon)) == EXPLICIT.open_sequence(0x00880200, icon)


def test_fragments_of_another_element_than_pixel_data_are_refused() -> None:
    assert "in Pixel Data only" in refused(START, IN_JPEG, fragments(0x00091001)[0]).message


def test_icon_may_be_native_in_an_encapsulated_file() -> None:
    events = [IN_JPEG, *sequence(0x00880200, [element(PIXELS, "OW", b"ab")]), *fragments(PIXELS, b"", b"cd")]
    icon = EXPLICIT.open_item(EXPLICIT.element(PIXELS, "OW", b"ab"))
    assert written(*events) == EXPLICIT.open_sequence(0x00880200, icon) + EXPLICIT.fragments(PIXELS, b"", b"cd")


BAD_FRAGMENTS: list[tuple[str, list[Event]]] = [
    *((f"VR {vr}", [IN_JPEG, fragments(PIXELS, vr=vr)[0]]) for vr in ("UN", "UT", "SQ", "XX", "")),
    ("another transfer syntax", [fragments(PIXELS)[0]]),
    *(
        (f"length {length}", [IN_JPEG, fragments(PIXELS)[0], (EventType.START_FRAGMENT, PIXELS, "OB", length)])
        for length in (None, -1, 2**32 - 1, 1.0)
    ),
    (
        "longer than given",
        [
            IN_JPEG,
            fragments(PIXELS)[0],
            (EventType.START_FRAGMENT, PIXELS, "OB", 1),
            (EventType.LAST_SEGMENT, PIXELS, "OB", b"ab"),
        ],
    ),
    (
        "shorter than given",
        [
            IN_JPEG,
            fragments(PIXELS)[0],
            (EventType.START_FRAGMENT, PIXELS, "OB", 3),
            (EventType.LAST_SEGMENT, PIXELS, "OB", b"ab"),
        ],
    ),
    (
        "text",
        [
            IN_JPEG,
            fragments(PIXELS)[0],
            (EventType.START_FRAGMENT, PIXELS, "OB", 1),
            (EventType.LAST_SEGMENT, PIXELS, "OB", "a"),
        ],
    ),
    ("items in another transfer syntax", [element(PIXELS, "OB", ITEMS)]),
    ("no items in the transfer syntax", [IN_JPEG, element(PIXELS, "OB", b"abcd")]),
    ("text in the transfer syntax", [IN_JPEG, element(PIXELS, "UT", "a")]),
    (
        "long text in the transfer syntax",
        [IN_JPEG, *parts("UT", (EventType.LAST_SEGMENT, PIXELS, "", "a"), tag=PIXELS)],
    ),
    *((f"empty {vr}", [IN_JPEG, element(PIXELS, vr)]) for vr in ("OF", "LO", "US")),
    *((f"empty {vr} in parts", [IN_JPEG, *parts(vr, tag=PIXELS)]) for vr in ("OF", "LO", "US")),
    ("items in OF", [IN_JPEG, element(PIXELS, "OF", ITEMS)]),
    ("items that are cut off", [IN_JPEG, element(PIXELS, "OB", ITEMS[:-1] + b"")]),
]


@each("events", cases(BAD_FRAGMENTS))
def test_invalid_fragments_are_refused(events: list[Event]) -> None:
    assert refused(START, *events).location == Location(None, 0, "7FE00010")


# --- errors -----------------------------------------------------------------------------------------------------

TEXT_VRS = ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"]
MISFITS: list[tuple[str, tuple[Any, ...]]] = [
    *((vr, (value,)) for vr in [*TEXT_VRS, "DS", "IS"] for value in (5, 1.5, b"a", ("a", "b", "c"), ["a"])),
    *((vr, ("a", "b")) for vr in ("LT", "ST", "UR", "UT")),
    *(
        (vr, (value,))
        for vr in ("SL", "SS", "SV", "UL", "US", "UV")
        for value in ("5", 1.5, b"a", (1,), "", None, 2**64)
    ),
    *((vr, (value,)) for vr in ("FD", "FL") for value in ("a", b"a", (1.5,), 10**400, "", None)),
    *(("AT", (value,)) for value in ("00100020", 1.5, b"a", (1,), -1, 2**32, "", None)),
    *(("PN", (value,)) for value in ("Doe^Jane", 5, ("a", 5, ""), b"abc")),
    *(
        (vr, (value,))
        for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
        for value in ("a", 5, 1.5, (b"a",), [0], None)
    ),
    *((vr, (b"a", b"b")) for vr in ("OB", "OW", "UN")),
    *((vr, ("a\ud800",)) for vr in [*TEXT_VRS, "DS", "IS"]),
    ("PN", (("a", "\udfff", ""),)),
    *((vr, ("\u5c71",)) for vr in ("AE", "CS", "DA", "UI", "UR")),
]


@each("known", [False, True])
@each(("vr", "values"), [pytest.param(*row, id=f"{row[0]} {row[1]!a}") for row in MISFITS])
def test_value_that_does_not_fit_its_vr_is_refused(vr: str, values: tuple[Any, ...], known: bool) -> None:
    before = sequence(REFERENCES, [element(PRIVATE, vr)], [])[:-2] if known else sequence(REFERENCES, [])[:2]
    error = refused(START, *before, element(PRIVATE, vr, *values))
    assert error.location == Location(None, 0, f"00081140[{int(known)}].00091001")


@each("vr", ["", "XX", "lo", "SQ", "US or SS"])
def test_unknown_vr_is_refused(vr: str) -> None:
    assert refused(START, element(PRIVATE, vr)).location == Location(None, 0, "00091001")


@each("tag", [-1, 2**32 + 1, 0x00080015])
def test_invalid_tag_is_refused(tag: int) -> None:
    refused(START, element(SOP_CLASS, "UI"), element(tag, "LO"))


def test_reference_to_bulk_data_is_refused() -> None:
    message = refused(START, (EventType.BULK_DATA, PIXELS, "OW", "uri")).message
    assert "bulk data" in message
    assert "bulk_data_store" in message  # the cure


ORDERS: list[tuple[str, list[Event], str]] = [
    ("element below", [element(PATIENT_ID, "LO"), element(NAME, "PN")], "00100010"),
    ("element twice", [element(PATIENT_ID, "LO"), element(PATIENT_ID, "LO")], "00100020"),
    ("sequence twice", [*sequence(REFERENCES), sequence(REFERENCES)[0]], "00081140"),
    ("parts below", [element(PATIENT_ID, "LO"), parts("UT")[0]], "00091001"),
    ("fragments below", [element(0xFFFCFFFC, "OB"), fragments(PIXELS)[0]], "7FE00010"),
    (
        "in an item",
        [*sequence(REFERENCES, [], [element(PATIENT_ID, "LO"), element(NAME, "PN")])[:-2]],
        "00081140[1].00100010",
    ),
    ("after a sequence", [*sequence(REFERENCES, [element(PATIENT_ID, "LO")]), element(SOP_CLASS, "UI")], "00080016"),
    ("File Meta Information after the data set", [element(PATIENT_ID, "LO"), IN_JPEG], "00020010"),
]


@each(("events", "path"), cases(ORDERS))
def test_tags_must_ascend(events: list[Event], path: str) -> None:
    error = refused(START, *events)
    assert "ascending order" in error.message or "File Meta Information before" in error.message
    assert error.location == Location(None, 0, path)


IN_MEMBERS = {
    EventType.ELEMENT,
    EventType.JSON_ELEMENT,
    EventType.BULK_DATA,
    EventType.START_ELEMENT,
    EventType.START_SEQUENCE,
    EventType.START_FRAGMENTS,
}
PLACES: dict[str, tuple[list[Event], set[EventType]]] = {
    "stream": ([], {EventType.START_DATASET}),
    "data set": ([START], {*IN_MEMBERS, EventType.END_DATASET}),
    "after the head": ([START, element(REFERENCES, "LO")], {*IN_MEMBERS, EventType.END_DATASET}),
    "sequence": ([START, sequence(REFERENCES)[0]], {EventType.START_ITEM, EventType.END_SEQUENCE}),
    "item": ([START, *sequence(REFERENCES, [])[:2]], {*IN_MEMBERS, EventType.END_ITEM}),
    "element": (
        [START, parts("UC", tag=REFERENCES)[0]],
        {EventType.VALUES, EventType.SEGMENT, EventType.LAST_SEGMENT, EventType.END_ELEMENT},
    ),
    "fragments": ([START, IN_JPEG, fragments(PIXELS)[0]], {EventType.START_FRAGMENT, EventType.END_FRAGMENTS}),
    "fragment": (
        [START, IN_JPEG, fragments(PIXELS)[0], (EventType.START_FRAGMENT, PIXELS, "OB", 1)],
        {EventType.SEGMENT, EventType.LAST_SEGMENT},
    ),
    "end": ([START, END], set()),
}
EXAMPLES: dict[EventType, Event] = {
    EventType.START_DATASET: START,
    EventType.END_DATASET: END,
    EventType.ELEMENT: element(PATIENT_ID, "LO", "a"),
    EventType.BULK_DATA: (EventType.BULK_DATA, PATIENT_ID, "OB", "uri"),
    EventType.JSON_ELEMENT: (EventType.JSON_ELEMENT, PATIENT_ID, "", "{}"),
    EventType.START_ELEMENT: parts("UC", tag=PATIENT_ID)[0],
    EventType.VALUES: some("a"),
    EventType.SEGMENT: segment("a"),
    EventType.LAST_SEGMENT: last("a"),
    EventType.END_ELEMENT: parts("UC")[-1],
    EventType.START_SEQUENCE: sequence(PATIENT_ID)[0],
    EventType.START_ITEM: sequence(PATIENT_ID, [])[1],
    EventType.END_ITEM: sequence(PATIENT_ID, [])[2],
    EventType.END_SEQUENCE: sequence(PATIENT_ID)[-1],
    EventType.START_FRAGMENTS: fragments(PIXELS)[0],
    EventType.START_FRAGMENT: (EventType.START_FRAGMENT, PIXELS, "OB", 1),
    EventType.END_FRAGMENTS: fragments(PIXELS)[-1],
}


@each("kind", EventType, ids=lambda kind: kind.name)
@each("place", PLACES)
def test_event_out_of_order_is_refused(place: str, kind: EventType) -> None:
    before, legal = PLACES[place]
    event = EXAMPLES[kind]
    if kind not in legal:
        refused(*before, event)
    elif kind not in (EventType.BULK_DATA, EventType.START_FRAGMENTS) and place != "fragment":
        Part10Writer(io.BytesIO(), io.BytesIO).write_all([*before, event])


def test_unknown_event_is_refused() -> None:
    assert "unknown event type" in refused(START, (99, PATIENT_ID, "LO", ())).message


@each("place", [place for place in PLACES if place != "end"])
def test_close_refuses_an_incomplete_data_set(place: str) -> None:
    writer = Part10Writer(io.BytesIO(), io.BytesIO)
    writer.write_all(PLACES[place][0])
    with pytest.raises(OutputError, match=r"not complete|no data set"):
        writer.close()


def test_nested_sequences_are_bounded_by_the_limits() -> None:
    for depth, most in ((10, 2), (12, 2), (13, 3), (256, 84)):
        options = WriteOptions(limits=Limits(depth=depth))
        events: list[Event] = []
        for _ in range(most):
            events = sequence(REFERENCES, events)
        data = write([START, *events, END], options)
        assert parse([data], ReadOptions(limits=Limits(depth=depth)))[1] is None
        error = refused(START, *sequence(REFERENCES, [])[:2] * most, sequence(REFERENCES)[0], options=options)
        assert f"more than {most} nested sequences" in error.message


# --- targets -----------------------------------------------------------------------------------------------------

EVERYTHING: list[Event] = [
    START,
    element(CHARSET, "CS", "ISO_IR 100"),
    element(0x00080070, "LO", "\xe9"),
    *parts("OB", segment(bytes(100_000)), last(b"a")),
    element(NAME, "PN", (NOT_LATIN, "", "")),
    *parts("UT", segment("abc" * 50_000), last(""), tag=COMMENTS),
    END,
]


def test_file_starts_at_the_current_position_of_the_target() -> None:
    target = io.BytesIO()
    target.write(b"before")
    writer = Part10Writer(target, io.BytesIO)
    writer.write_all(EVERYTHING)
    writer.close()
    assert target.getvalue() == b"before" + write(EVERYTHING)


class Slow(io.BytesIO):
    """A file that takes at most 1000 bytes at a time."""

    def write(self, data: Any) -> int:
        return super().write(memoryview(data)[:1000])


def test_target_may_take_fewer_bytes_than_given() -> None:
    target = Slow()
    writer = Part10Writer(target, Slow)
    writer.write_all(EVERYTHING)
    writer.close()
    assert target.getvalue() == write(EVERYTHING)


def test_files_on_disk(tmp_path: Path) -> None:
    def temporary() -> BinaryIO:
        return tempfile.TemporaryFile()  # type: ignore[return-value]

    with (tmp_path / "a.dcm").open("w+b", buffering=0) as target:
        writer = Part10Writer(target, temporary)  # type: ignore[arg-type]
        for event in EVERYTHING:
            writer.write(event)
        writer.close()
    assert (tmp_path / "a.dcm").read_bytes() == write(EVERYTHING)


@each("failing", [1, 2, 3])
def test_failure_in_the_second_pass_is_sticky(failing: int) -> None:
    count = 0

    def temporary() -> BinaryIO:
        nonlocal count
        count += 1
        if count == failing:
            raise OSError("no space left")
        return io.BytesIO()

    writer = Part10Writer(io.BytesIO(), temporary)
    with pytest.raises(OSError, match="no space left"):
        writer.write_all([*EVERYTHING[:-1], *parts("UT", segment("\u5c71"), last(""), tag=0x00104001)])
    for again in (lambda: writer.write(END), writer.close):
        with pytest.raises(OutputError, match="stopped by OSError"):
            again()


def test_fault_after_the_second_pass_has_its_location() -> None:
    error = refused(START, *sequence(REFERENCES, [element(NAME, "PN", (NOT_LATIN, "", ""))])[:-2], element(NAME, "LO"))
    assert error.location == Location(None, 0, f"{REFERENCES:08X}[0].{NAME:08X}")


def test_temporary_files_are_closed() -> None:
    files: list[BinaryIO] = []

    def temporary() -> BinaryIO:
        files.append(io.BytesIO())
        return files[-1]

    writer = Part10Writer(io.BytesIO(), temporary)
    writer.write_all(EVERYTHING)
    writer.close()
    assert len(files) >= 2
    assert all(file.closed for file in files)


# --- pydicom's files, random data sets ---------------------------------------------------------------------------


def without_group_lengths(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event[1] & 0xFFFF or event[0] != EventType.ELEMENT]


def without_oddity(value: Any) -> Any:
    """Normalise values: blanks are empty, and bytes have an even length (PS3.5 6.2)."""
    if value == ("",):
        return ()
    return (value[0] + b"\0",) if isinstance(value, tuple) and value and _is_odd(value[0]) else value


def _is_odd(value: Any) -> bool:
    return isinstance(value, bytes) and len(value) % 2 == 1


@pytest.mark.filterwarnings("ignore::UserWarning")  # many of the files are odd on purpose
@each("path", BUNDLED, ids=lambda path: path.name)
def test_bundled_files_round_trip(path: Path) -> None:
    original = path.read_bytes()
    options = ReadOptions(force=original[128:132] != b"DICM", deviations={"truncated": "error"})
    events, error = parse([original], options)
    if error:
        pytest.skip("the file is cut off")
    data = write(events)
    again, error = parse([data])
    assert error is None
    came = {event[1]: event for event in events if event[1] >> 16 == 2 and event[1] != 0x00020010}
    kept = {event[1]: event for event in again if event[1] >> 16 == 2}
    assert all(kept[tag] == event for tag, event in came.items() if tag & 0xFFFF and event[3])

    def of_data_set(events: list[Event]) -> list[Event]:
        kept = [event for event in without_group_lengths(joined(events)) if event[1] >> 16 != 2]
        return [(kind, tag, vr, without_oddity(value)) for kind, tag, vr, value in kept]

    switched = element(CHARSET, "CS", "ISO_IR 192") in again and element(CHARSET, "CS", "ISO_IR 192") not in events
    if switched:
        again = [event for event in again if event[1] != CHARSET]
        events = [event for event in events if event[1] != CHARSET]
    assert of_data_set(again) == of_data_set(events)
    expected, loaded = dcmread(path, force=True), dcmread(io.BytesIO(data))
    if "PixelData" in expected:
        assert loaded.PixelData.startswith(expected.PixelData) or not expected.original_encoding[1]


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(draw=st.data())
@pytest.mark.slow
@each("public", [True, False])
def test_random_data_sets_are_read_by_pydicom(public: bool, draw: st.DataObject) -> None:
    made: Dataset = draw.draw(datasets(public=public))
    events = [event for batch in walk(made) for event in batch]
    loaded = dcmread(io.BytesIO(write(events)))
    expected = [event for batch in walk(made) for event in batch]
    assert without_padding(event for batch in walk(loaded) for event in batch) == without_padding(expected)


def without_padding(events: Iterable[Event]) -> list[Event]:
    """Strip the padding of a file and the characters that pydicom strips."""
    return [
        (kind, tag, vr, _stripped(vr, value) if kind == EventType.ELEMENT else value)
        for kind, tag, vr, value in joined(events)
    ]


def _stripped(vr: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    if VRS[vr].word > 1 or vr in ("OB", "UN"):
        return tuple(value + b"\0" * (len(value) & 1) for value in values)
    if vr in ("AE", "DS", "IS", "UI"):
        return tuple((value or "").strip() for value in values)
    if vr == "PN":
        values = tuple(value or ("", "", "") for value in values)
        alphabetic, ideographic, phonetic = values[-1] if values else ("", "", "")
        name = "=".join([alphabetic, ideographic, phonetic]).rstrip("=").rstrip("\0 ")
        return (*values[:-1], name) if values else ()
    if vr == "FL":
        return tuple(unpack("<f", pack("<f", value))[0] for value in values)
    if VRS[vr].code:
        return values
    return tuple((value or "").rstrip("\0 ") for value in values)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
def test_damaged_file_is_written_or_refused() -> None:
    source = random.Random(1)
    count = 0
    for path in SMALL * 20:
        events, error = parse([damaged(source, path.read_bytes())])
        if error:
            continue
        try:
            file = write(events)
        except OutputError:
            continue
        assert parse([file])[1] is None
        count += 1
    assert count > 100


# --- JSON elements -------------------------------------------------------------------------------


def json_element(tag: int, text: Any) -> Event:
    return EventType.JSON_ELEMENT, tag, "US", text


def test_json_element_becomes_text_or_bytes() -> None:
    text = '{"vr":"US","Value":["many",7]}'
    item = sequence(REFERENCES, [json_element(PRIVATE, '"x"')])
    data = write([START, json_element(0x00080008, text), *item, json_element(PRIVATE, '{"InlineBinary":"AP8="}'), END])
    dataset = dcmread(io.BytesIO(data))
    found = [dataset.get_item(0x00080008), dataset.get_item(PRIVATE), dataset[REFERENCES][0].get_item(PRIVATE)]
    assert [(raw.VR, raw.value) for raw in found] == [("UT", b"many\\7"), ("OB", b"\x00\xff"), ("UT", b'"x" ')]


def test_json_element_of_specific_character_set_becomes_empty() -> None:
    wrong = json_element(CHARSET, '{"vr":"CS","Value":[5]}')
    assert read(write([START, wrong, element(PATIENT_ID, "LO", "a"), END]))[0] == element(CHARSET, "CS")
    assert read(write([START, wrong, element(PATIENT_ID, "LO", "\u5c71"), END])) == [
        element(CHARSET, "CS", "ISO_IR 192"),
        element(PATIENT_ID, "LO", "\u5c71"),
    ]


def test_json_elements_of_uids_do_not_enter_file_meta() -> None:
    text = '{"vr":"UI","Value":[5]}'
    data = write([START, json_element(SOP_CLASS, text), json_element(SOP_INSTANCE, text), END])
    assert content(data) == b"".join([b"\x08\x00\x16\x00UT\0\0\2\0\0\x005 ", b"\x08\x00\x18\x00UT\0\0\2\0\0\x005 "])
    assert b"\x02\x00\x03\x00" not in data[: len(data) - len(content(data))]


def test_json_elements_of_file_meta_are_kept_except_the_transfer_syntax() -> None:
    text = '{"vr":"UI","Value":[5]}'
    data = write([START, json_element(0x00020010, text), json_element(0x00020016, text), END])
    events, error = parse([data], ReadOptions())
    assert error is None
    meta = {event[1]: event[2:] for event in events}
    assert meta[0x00020010] == ("UI", ("1.2.840.10008.1.2.1",))
    assert meta[0x00020016] == ("UT", ("5",))
    assert "ascending order" in refused(START, element(PRIVATE, "LO"), json_element(0x00020016, text)).message


@each("implicit", [False, True])
@pytest.mark.filterwarnings("ignore:wrong-value")
def test_odd_un_of_a_number_is_read_back_as_it_was(implicit: bool) -> None:
    options = WriteOptions(transfer_syntax="1.2.840.10008.1.2") if implicit else None
    rows, pointer, name = 0x00280010, 0x00280009, 0x00100020
    odd = [element(pointer, "UN", b"abc"), element(rows, "UN", b"abc")]  # with padding, both are numbers
    assert read(write([START, *odd, END], options)) == odd
    assert read(write([START, element(name, "UN", b"abc"), END], options)) == [element(name, "LO", "abc")]
    private = element(PRIVATE, "UN", b"abc")
    assert read(write([START, private, END], options)) == [element(PRIVATE, "UN", b"abc\0")]


@each("implicit", [False, True])
@each("distance", [0, 200_000], ids=["near", "far"])
def test_odd_un_of_a_private_number_is_read_back_as_it_was(implicit: bool, distance: int) -> None:
    options = WriteOptions(transfer_syntax="1.2.840.10008.1.2") if implicit else None
    creators = [element(0x00090010, "LO", "GEMS_IDEN_01"), element(0x00090011, "LO", "nobody")]
    short, long, unknown = 0x0009101A, 0x00091027, 0x00091127  # US and SL of the first creator
    filled = [element(0x00091003, "UN", b"\xff" * distance)] * bool(distance)
    odd = [element(tag, "UN", b"abc") for tag in (short, long, unknown)]
    found = read(write([START, *creators, *filled, *odd, END], options))
    padded = unknown if implicit or not distance else 0  # in explicit VR, the creators are looked up in memory
    assert [event for event in found if event[1] in (short, long, unknown)] == [
        element(tag, "UN", b"abc\0" if tag == padded else b"abc") for tag in (short, long, unknown)
    ]


def test_json_element_is_never_read_with_the_vr_of_the_dictionary() -> None:
    text = '{"vr":"US","Value":["many"]}'  # the four bytes are two numbers in US
    rows, name = 0x00280010, 0x00100010
    kept = [json_element(name, '{"vr":"PN","Value":["山\\u001b"]}'), json_element(rows, text)]
    data = write([START, *kept, json_element(0x7FE00010, '{"vr":"OW","Value":[{}]}'), END])
    dataset = dcmread(io.BytesIO(data))
    assert [dataset[tag].value for tag in (name, rows)] == ['{"vr":"PN","Value":["山\\u001b"]}', "many"]
    assert [event[1:] for event in read(data)][-1] == (0x7FE00010, "UT", ('{"vr":"OW","Value":[{}]}',))


@each(
    ("wrong", "kept"),
    [
        (element(0x00189182, "FL", 1.5, 1e39), "1.5\\1e+39"),
        (element(0x00280010, "US", 65536), "65536"),
        (element(0x00280010, "US", None, 1), "\\1"),
    ],
)
def test_values_that_no_file_holds_cost_one_element(wrong: Event, kept: str) -> None:
    before, after = element(0x00100020, "LO", "a"), element(0x00400007, "LO", "山")
    assert refused(START, before, wrong).location.tag_path == f"{wrong[1]:08X}"
    for on_error, expected in (("skip", []), ("keep", [element(wrong[1], "UT", kept)])):
        with pytest.warns(DeviationWarning, match=f"wrong-value.*{wrong[1]:08X}") as caught:
            data = write([START, before, wrong, after, END], WriteOptions(on_error=on_error))  # type: ignore[arg-type]
        assert len(caught) == 1
        charset = element(CHARSET, "CS", "ISO_IR 192")
        assert read(data) == [charset, before, *expected, after]
    implicit = WriteOptions(transfer_syntax="1.2.840.10008.1.2", on_error="keep")  # reads text with the VR of numbers
    assert refused(START, before, wrong, options=implicit).location.tag_path == f"{wrong[1]:08X}"


@pytest.mark.filterwarnings("ignore:wrong-value")
@each("on_error", ["skip", "keep"])
def test_wrong_uid_of_the_data_set_is_not_in_the_file_meta_information(on_error: OnError) -> None:
    events = [element(0x00080016, "UI", "1.2"), element(0x00080018, "UI", "1.2\\3"), element(PATIENT_ID, "LO", "a")]
    data = write([START, *events, END], WriteOptions(on_error=on_error))
    assert [event[1:] for event in read(data)] == [
        (0x00080016, "UI", ("1.2",)),
        *([(0x00080018, "UT", ("1.2\\3",))] if on_error == "keep" else []),
        (PATIENT_ID, "LO", ("a",)),
    ]
    meta = dcmread(io.BytesIO(data)).file_meta
    assert meta.MediaStorageSOPClassUID == "1.2"
    assert "MediaStorageSOPInstanceUID" not in meta


@pytest.mark.filterwarnings("ignore:wrong-value")
@each("on_error", ["skip", "keep"])
def test_wrong_file_meta_element_costs_itself(on_error: OnError) -> None:
    wrong = [element(0x00020003, "UI", "1.2\\3"), element(0x00020013, "SH", "\u5c71"), element(0x00020016, "AE", 5)]
    events = [START, *wrong, element(0x00080018, "UI", "1.5"), element(PATIENT_ID, "LO", "a"), END]
    dataset = dcmread(io.BytesIO(write(events, WriteOptions(on_error=on_error))))
    assert (dataset.file_meta.MediaStorageSOPInstanceUID, dataset.PatientID) == ("1.5", "a")
    assert ("SourceApplicationEntityTitle" in dataset.file_meta) is (on_error == "keep")


@pytest.mark.filterwarnings("ignore:wrong-value")
@each("on_error", ["skip", "keep"])
def test_wrong_character_set_of_an_item_leaves_its_text_readable(on_error: OnError) -> None:
    wrong, name = element(CHARSET, "CS", "ISO_IR 100", 5), element(PATIENT_ID, "LO", "\u041b")
    events = [element(CHARSET, "CS", "ISO_IR 144"), *sequence(REFERENCES, [wrong, name]), name]
    assert [
        event for event in read(write([START, *events, END], WriteOptions(on_error=on_error))) if event[1] == PATIENT_ID
    ] == [name, name]


@each("vr", ["LO", "DS", "UC"])
def test_values_before_their_vr_are_written(vr: str) -> None:
    values = [(EventType.VALUES, PRIVATE, "", ("1", None, "2"))] * 2
    events: list[Event] = [
        (EventType.START_ELEMENT, PRIVATE, "", None),
        *values,
        (EventType.END_ELEMENT, PRIVATE, vr, None),
    ]
    assert read(write([START, *events, END])) == [element(PRIVATE, vr, "1", "", "2", "1", "", "2")]
    wrong: Event = (EventType.VALUES, PRIVATE, "", ("a\\b",))
    assert "backslash" in refused(START, events[0], wrong, events[-1]).message
    assert "VR of text" in refused(START, *events[:-1], (EventType.END_ELEMENT, PRIVATE, "US", None)).message


def test_json_element_is_refused_in_implicit_vr() -> None:
    options = WriteOptions(transfer_syntax="1.2.840.10008.1.2")
    error = refused(START, json_element(0x00280010, '{"vr":"US","Value":["many"]}'), options=options)
    assert error.location.tag_path == "00280010"
    empty = json_element(CHARSET, '{"vr":"CS","Value":[5]}')
    assert read(write([START, empty, END], options)) == [element(CHARSET, "CS")]


def test_sequence_in_place_of_specific_character_set_excludes_utf_8() -> None:
    events = [*sequence(CHARSET), element(PATIENT_ID, "LO", "山")]
    assert "Specific Character Set" in refused(START, *events).message


@each("text", [5, None, '"\ud800"'], ids=ascii)
def test_json_element_without_valid_text_is_refused(text: Any) -> None:
    assert refused(START, json_element(PRIVATE, text)).location.tag_path == "00091001"


def test_text_before_specific_character_set_is_ascii_or_in_an_item_with_its_own() -> None:
    error = refused(START, (EventType.ELEMENT, 0x00041220, "UC", ("\u5c71",)))
    assert "before Specific Character Set" in error.message
    assert error.location.tag_path == "00041220"
    text: Event = (int(EventType.ELEMENT), 0x00100020, "LO", ("\u5c71",))
    sequence: list[Event] = [
        (EventType.START_SEQUENCE, 0x00041220, "SQ", None),
        (EventType.START_ITEM, 0x00041220, "SQ", 0),
        (EventType.ELEMENT, 0x00100010, "LO", ("x",)),
        text,
        (EventType.END_ITEM, 0x00041220, "SQ", None),
        (EventType.END_SEQUENCE, 0x00041220, "SQ", None),
    ]
    assert [event for event in read(written(*sequence, text)) if event[1] == 0x00100020] == [text, text]


@each(("number", "is_rounded"), [(16777217.0, True), (1 / 3, True), (0.1, False), (2.0**24, False)])
@each("count", [1, 10_000])
def test_number_of_more_digits_than_fl_holds_is_reported_once(number: float, is_rounded: bool, count: int) -> None:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.3", "1.2.3.4"
    ds.add_new(0x00089459, "FL", [*[1.0] * count, number])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dump(ds, io.BytesIO(), format="dicom")
    texts = [str(warning.message) for warning in caught]
    assert ["inexact-number" in text and "00089459" in text for text in texts] == [True] * is_rounded
