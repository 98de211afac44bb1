"""The parser of DICOM files: hand-made, pydicom's, random and broken ones."""

from __future__ import annotations

import gc
import io
import random
import zlib
from collections.abc import Callable, Iterator
from itertools import accumulate
from operator import itemgetter
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset

from streamdicom.api import iter_events
from streamdicom.datasets import walk
from streamdicom.deviations import DeviationWarning
from streamdicom.errors import DicomFileError, InputError, LimitError, Location, TruncatedError
from streamdicom.events import Event, EventType
from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from tests.formats.part10.files import (
    BIG_ENDIAN,
    BUNDLED,
    DEFLATED_UID,
    EXPLICIT,
    IMPLICIT,
    JPEG_UID,
    LAYOUTS,
    PREAMBLE,
    UNDEFINED,
    Layout,
    cut,
    dataset,
    element,
    fragments,
    joined,
    meta,
    outcome,
    parse,
    parse_in_all_ways,
    sequence,
    start,
)
from tests.support.each import each
from tests.support.strategies import cuts, datasets

REFUSING = ReadOptions(profile="strict")
REPEATING = ReadOptions(
    on_error="raise", deviations=dict.fromkeys(("duplicate-key", "key-order", "undefined-length"), "ignore")
)
SYNTAXES = [*LAYOUTS, Layout(DEFLATED_UID)]
SYNTAX_NAMES = ["explicit", "implicit", "big endian", "deflated"]
every_syntax = pytest.mark.parametrize("layout", SYNTAXES, ids=SYNTAX_NAMES)
every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=SYNTAX_NAMES[:3])

CHARSET, SOP_CLASS, REFERENCES = 0x00080005, 0x00080016, 0x00081140
NAME, PATIENT_ID, COMMENTS = 0x00100010, 0x00100020, 0x00104000
PIXELS = 0x7FE00010
PRIVATE = 0x00091001


def cases(table: list[Any]) -> list[Any]:
    assert table
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def file(layout: Layout, *elements: bytes) -> bytes:
    data = b"".join(elements)
    if layout.uid == DEFLATED_UID:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = deflater.compress(data) + deflater.flush()
    return start(layout.uid) + data


def read(layout: Layout, *elements: bytes) -> list[Event]:
    """Return the events of a file without START_DATASET and END_DATASET."""
    events, error = parse_in_all_ways(file(layout, *elements))
    assert error is None
    around = dataset(layout.uid)
    assert (events[:2], events[-1:]) == (around[:2], around[2:])
    return events[2:-1]


# --- hand-made files ---------------------------------------------------------------------------------------------

Make = Callable[[Layout], list[bytes]]

# Elements whose VR the dictionary has, so that the events are the same in implicit VR.
SHAPES: list[tuple[str, Make, list[Event]]] = [
    ("nothing", lambda to: [], []),
    ("empty element", lambda to: [to.element(PATIENT_ID, "LO")], [element(PATIENT_ID, "LO")]),
    (
        "text",
        lambda to: [to.element(SOP_CLASS, "UI", b"1.2\0"), to.element(PATIENT_ID, "LO", b"a\\ b \\\\c ")],
        [element(SOP_CLASS, "UI", "1.2"), element(PATIENT_ID, "LO", "a", " b", "", "c")],
    ),
    (
        "a backslash in a long text",
        lambda to: [to.element(COMMENTS, "LT", b" a\\b ")],
        [element(COMMENTS, "LT", " a\\b")],
    ),
    (
        "names",
        lambda to: [to.element(NAME, "PN", b"A^B=C=D\\E ")],
        [element(NAME, "PN", ("A^B", "C", "D"), ("E", "", ""))],
    ),
    ("decimals", lambda to: [to.element(0x00280030, "DS", b" 1.50\\2 ")], [element(0x00280030, "DS", "1.50", "2")]),
    ("integers as text", lambda to: [to.element(0x00200013, "IS", b"007 ")], [element(0x00200013, "IS", "007")]),
    (
        "numbers",
        lambda to: [
            to.number(0x00186020, "SL", -(2**31), 2**31 - 1),
            to.number(0x00189219, "SS", -2),
            to.number(0x00280010, "US", 1, 65535),
            to.number(0x00189073, "FD", 0.1),
            to.number(0x00720076, "FL", 0.5, -2.0),
            to.number(0x00720078, "UL", 2**32 - 1),
            to.number(0x00720082, "SV", -(2**63)),
            to.number(0x00720083, "UV", 2**64 - 1),
        ],
        [
            element(0x00186020, "SL", -(2**31), 2**31 - 1),
            element(0x00189219, "SS", -2),
            element(0x00280010, "US", 1, 65535),
            element(0x00189073, "FD", 0.1),
            element(0x00720076, "FL", 0.5, -2.0),
            element(0x00720078, "UL", 2**32 - 1),
            element(0x00720082, "SV", -(2**63)),
            element(0x00720083, "UV", 2**64 - 1),
        ],
    ),
    (
        "tags",
        lambda to: [to.element(0x00280009, "AT", to.tag(0x00181063) + to.tag(0xFFFEE00D))],
        [element(0x00280009, "AT", 0x00181063, 0xFFFEE00D)],
    ),
    (
        "binary values, whose words have a byte order",
        lambda to: [
            to.element(0x00420011, "OB", b"\1\2\3\4"),
            to.element(0x00660016, "OF", to.pack("f", 1.5)),
            to.element(0x00660023, "OW", to.pack("HH", 1, 2)),
            to.element(0x00660040, "OL", to.pack("I", 7)),
            to.element(0x00720073, "OD", to.pack("d", -1.0)),
            to.element(0x00720081, "OV", to.pack("Q", 2**63)),
        ],
        [
            element(0x00420011, "OB", b"\1\2\3\4"),
            element(0x00660016, "OF", pack("<f", 1.5)),
            element(0x00660023, "OW", pack("<HH", 1, 2)),
            element(0x00660040, "OL", pack("<I", 7)),
            element(0x00720073, "OD", pack("<d", -1.0)),
            element(0x00720081, "OV", pack("<Q", 2**63)),
        ],
    ),
    (
        "group lengths before and after others",
        lambda to: [to.number(0x00080000, "UL", 12), to.element(SOP_CLASS, "UI"), to.number(0x00100000, "UL", 0)],
        [element(0x00080000, "UL", 12), element(SOP_CLASS, "UI"), element(0x00100000, "UL", 0)],
    ),
]

ITEM = [element(PATIENT_ID, "LO", "a")]


def item_content(to: Layout) -> bytes:
    return to.element(PATIENT_ID, "LO", b"a ")


AFTER = element(COMMENTS, "LT", "after")
SEQUENCES: list[tuple[str, Callable[[Layout], bytes], list[Event]]] = [
    ("no items, length", lambda to: to.sequence(REFERENCES), sequence(REFERENCES)),
    ("no items, no length", lambda to: to.open_sequence(REFERENCES), sequence(REFERENCES)),
    (
        "empty items, length",
        lambda to: to.sequence(REFERENCES, to.item(), to.open_item()),
        sequence(REFERENCES, [], []),
    ),
    (
        "empty items, no length",
        lambda to: to.open_sequence(REFERENCES, to.item(), to.open_item()),
        sequence(REFERENCES, [], []),
    ),
    (
        "items, length",
        lambda to: to.sequence(REFERENCES, to.item(item_content(to)), to.open_item(item_content(to)), to.item()),
        sequence(REFERENCES, ITEM, ITEM, []),
    ),
    (
        "items, no length",
        lambda to: to.open_sequence(REFERENCES, to.open_item(item_content(to)), to.item(item_content(to))),
        sequence(REFERENCES, ITEM, ITEM),
    ),
    (
        "within one another, with and without lengths by turns",
        lambda to: to.sequence(
            REFERENCES,
            to.open_item(
                to.sequence(
                    REFERENCES, to.item(to.open_sequence(REFERENCES, to.item(item_content(to))), item_content(to))
                ),
                item_content(to),
            ),
            to.item(to.open_sequence(REFERENCES, to.open_item(to.sequence(REFERENCES)))),
        ),
        sequence(
            REFERENCES,
            [*sequence(REFERENCES, [*sequence(REFERENCES, ITEM), *ITEM]), *ITEM],
            sequence(REFERENCES, sequence(REFERENCES)),
        ),
    ),
    (
        "lengths that all end together",
        lambda to: to.sequence(
            REFERENCES, to.item(to.sequence(REFERENCES, to.item(to.sequence(REFERENCES, to.item()))))
        ),
        sequence(REFERENCES, sequence(REFERENCES, sequence(REFERENCES, []))),
    ),
    (
        "an icon, whose pixel data is in fragments",
        lambda to: to.sequence(0x00880200, to.item(to.fragments(PIXELS, b"", b"ab"), to.element(0xFFFCFFFC, "OB"))),
        sequence(0x00880200, [*fragments(PIXELS, b"", b"ab"), element(0xFFFCFFFC, "OB")]),
    ),
]


@every_syntax
@each(("make", "events"), cases(SHAPES))
def test_elements(make: Make, events: list[Event], layout: Layout) -> None:
    assert read(layout, *make(layout)) == events


@every_syntax
@each(("make", "events"), cases(SEQUENCES))
def test_sequences(make: Callable[[Layout], bytes], events: list[Event], layout: Layout) -> None:
    first, last = layout.element(SOP_CLASS, "UI", b"1\0"), layout.element(COMMENTS, "LT", b"after ")
    assert read(layout, first, make(layout), last) == [element(SOP_CLASS, "UI", "1"), *events, AFTER]
    assert read(layout, make(layout)) == events  # at the end of the file


@every_syntax
def test_all_elements_in_one_file(layout: Layout) -> None:
    shapes = [(make(layout), events) for _, make, events in SHAPES]
    content = [data for made, _ in shapes for data in made]
    first: dict[int, Event] = {}
    for _, events in shapes:
        for event in events:
            first.setdefault(event[1], event)
    expected = list(first.values())
    nested = layout.open_sequence(REFERENCES, layout.item(*content), layout.open_item(*content))
    for data, found in ((content, expected), ([nested], sequence(REFERENCES, expected, expected))):
        events, error = parse_in_all_ways(file(layout, *data), REPEATING)
        assert error is None
        assert events == dataset(layout.uid, *found)


def test_start_dataset_has_the_index_of_the_stream() -> None:
    events, error = parse_in_all_ways(file(EXPLICIT), index=17)
    assert (events, error) == (dataset(EXPLICIT.uid, index=17), None)


def test_every_vr_in_explicit_vr() -> None:
    for layout in (EXPLICIT, BIG_ENDIAN):
        texts = ["AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT", "DS", "IS"]
        for number, vr in enumerate([*texts, "AT", "FD", "OV", "PN", "SQ", "US"]):
            tag = PRIVATE + number
            expected = sequence(tag) if vr == "SQ" else [element(tag, vr)]
            assert read(layout, layout.element(tag, vr)) == expected
        for number, vr in enumerate(texts):
            assert read(layout, layout.element(PRIVATE + number, vr, b"1 ")) == [element(PRIVATE + number, vr, "1")]


@each("uid", ["1.2.840.10008.1.2.4.94", "1.2.3.4", JPEG_UID])
def test_unknown_transfer_syntax_is_read_as_explicit_vr_little_endian(uid: str) -> None:
    layout = Layout(uid)
    assert read(layout, layout.number(0x00280010, "US", 258)) == [element(0x00280010, "US", 258)]


# --- VRs by the dictionary and by other elements -----------------------------------------------------------------


def test_implicit_vr_gets_vrs_of_the_dictionary() -> None:
    to = IMPLICIT
    content = [
        to.element(0x0008FFFF, "", b"ab"),
        to.element(0x00100000, "", pack("<I", 5)),
        to.element(NAME, "", b"A "),
    ]
    assert read(to, *content) == [
        element(0x0008FFFF, "UN", b"ab"),
        element(0x00100000, "UL", 5),
        element(NAME, "PN", ("A", "", "")),
    ]


def test_private_elements_in_implicit_vr_get_vrs_by_their_creator() -> None:
    to = IMPLICIT
    # pydicom's private dictionary: "GEMS_IDEN_01" has (0009,xx01) LO, (0009,xx27) SL; "SIEMENS CT VA0  COAD" others.
    creator = to.element(0x00090010, "", b"GEMS_IDEN_01")
    other = to.element(0x00090011, "", b"NOBODY KNOWS")
    content = [
        creator,
        other,
        to.element(0x00091001, "", b"ab"),
        to.element(0x00091027, "", pack("<i", -5)),
        to.element(0x00091101, "", b"ab"),  # the creator of its block is not in the dictionary
        to.element(0x00091201, "", b"ab"),  # its block has no creator
        to.element(0x00090001, "", b"ab"),  # not in a block at all
        to.element(0x000B1001, "", b"ab"),  # another group
    ]
    expected = [
        element(0x00090010, "LO", "GEMS_IDEN_01"),
        element(0x00090011, "LO", "NOBODY KNOWS"),
        element(0x00091001, "LO", "ab"),
        element(0x00091027, "SL", -5),
        element(0x00091101, "UN", b"ab"),
        element(0x00091201, "UN", b"ab"),
        element(0x00090001, "UN", b"ab"),
        element(0x000B1001, "UN", b"ab"),
    ]
    assert read(to, *content) == expected
    # A creator applies to its own data set or item only.
    nested = to.sequence(REFERENCES, to.item(creator, to.element(0x00091027, "", pack("<i", 7))), to.item(content[3]))
    assert read(to, creator, nested, to.element(0x00091027, "", pack("<i", 9)))[1:] == [
        *sequence(
            REFERENCES,
            [expected[0], element(0x00091027, "SL", 7)],
            [element(0x00091027, "UN", pack("<i", -5))],
        ),
        element(0x00091027, "SL", 9),
    ]


def test_un_in_explicit_vr_gets_the_vr_of_the_dictionary() -> None:
    for to in (EXPLICIT, BIG_ENDIAN):
        content = [
            to.element(0x00090010, "LO", b"GEMS_IDEN_01"),
            to.element(0x00091027, "UN", pack("<i", -5)),  # in little endian (PS3.5 6.2.2)
            to.element(0x00091028, "UN", b"ab"),
            to.element(NAME, "UN", b"A^B "),
            to.element(0x0018FFFE, "UN", b"ab"),
            to.element(0x00280010, "UN", pack("<H", 258)),
        ]
        assert read(to, *content) == [
            element(0x00090010, "LO", "GEMS_IDEN_01"),
            element(0x00091027, "SL", -5),
            element(0x00091028, "UN", b"ab"),
            element(NAME, "PN", ("A^B", "", "")),
            element(0x0018FFFE, "UN", b"ab"),
            element(0x00280010, "US", 258),
        ]


def test_un_with_a_length_of_32_bits_gets_the_vr_of_the_dictionary() -> None:
    value = b"a" * 0x10000
    events, error = parse([file(EXPLICIT, EXPLICIT.element(COMMENTS, "UN", value))])
    assert error is None
    assert joined(events)[2] == element(COMMENTS, "LT", value.decode())


@each("to", [EXPLICIT, BIG_ENDIAN], ids=["explicit", "big endian"])
def test_un_of_undefined_length_is_a_sequence_in_implicit_vr(to: Layout) -> None:
    # PS3.5 6.2.2, note 4; in little endian, even in a data set in big endian.
    un, inner = IMPLICIT, IMPLICIT.sequence(REFERENCES, IMPLICIT.item(item_content(IMPLICIT)))
    content = to.header(PRIVATE, "UN", UNDEFINED) + b"".join(
        [
            un.item(un.element(0x00280010, "", pack("<H", 258)), inner),
            un.open_item(un.element(PRIVATE, "", b"ab")),
            un.item(),
            un.open_item(),
            un.end_sequence(),
        ]
    )
    after = to.number(0x00280010, "US", 258)
    assert read(to, content, after) == [
        *sequence(
            PRIVATE,
            [element(0x00280010, "US", 258), *sequence(REFERENCES, ITEM)],
            [element(PRIVATE, "UN", b"ab")],
            [],
            [],
        ),
        element(0x00280010, "US", 258),
    ]


def test_un_of_defined_length_is_a_sequence_by_the_dictionary() -> None:
    un = IMPLICIT.item(item_content(IMPLICIT)) + IMPLICIT.open_item(item_content(IMPLICIT))
    assert read(EXPLICIT, EXPLICIT.element(REFERENCES, "UN", un)) == sequence(REFERENCES, ITEM, ITEM)


def test_un_may_hold_items_in_explicit_vr() -> None:
    to = EXPLICIT
    content = to.open_sequence(PRIVATE, to.item(item_content(to)), to.open_item(item_content(to)), vr="UN")
    assert read(to, content) == sequence(PRIVATE, ITEM, ITEM)


def test_explicit_vr_file_may_have_items_in_implicit_vr() -> None:
    to, un = EXPLICIT, IMPLICIT
    content = to.open_sequence(REFERENCES, un.item(item_content(un)), to.item(item_content(to)), un.open_item())
    assert read(to, content, item_content(to)) == [*sequence(REFERENCES, ITEM, ITEM, []), *ITEM]


def test_private_sequence_of_undefined_length_in_implicit_vr() -> None:
    content = IMPLICIT.open_sequence(PRIVATE, IMPLICIT.item(item_content(IMPLICIT)))
    assert read(IMPLICIT, content) == sequence(PRIVATE, ITEM)
    assert read(IMPLICIT, IMPLICIT.open_sequence(PRIVATE)) == sequence(PRIVATE)


def test_unknown_sequence_does_not_change_other_elements_with_its_tag() -> None:
    tag = 0x054001C0
    opened = IMPLICIT.open_sequence(tag, IMPLICIT.item(item_content(IMPLICIT)))
    plain = IMPLICIT.element(tag, "UN", b"\1\2\3\4")
    assert read(IMPLICIT, opened) == sequence(tag, ITEM)
    assert read(IMPLICIT, plain) == [element(tag, "UN", b"\1\2\3\4")]
    items = read(IMPLICIT, IMPLICIT.open_sequence(REFERENCES, IMPLICIT.item(opened), IMPLICIT.item(plain)))
    assert items == sequence(REFERENCES, sequence(tag, ITEM), [element(tag, "UN", b"\1\2\3\4")])


@pytest.mark.filterwarnings("ignore::streamdicom.DeviationWarning")
def test_character_set_that_is_not_text_is_ignored() -> None:
    content = EXPLICIT.number(CHARSET, "US", 1), EXPLICIT.element(PATIENT_ID, "LO", b"\xe9 ")
    assert read(EXPLICIT, *content) == [element(CHARSET, "US", 1), element(PATIENT_ID, "LO", "\xe9")]


@each(("representation", "vr", "value"), [(None, "US", 65535), (0, "US", 65535), (1, "SS", -1)], ids=str)
def test_us_or_ss_depends_on_pixel_representation(representation: int | None, vr: str, value: int) -> None:
    to = IMPLICIT
    telling = [to.element(0x00280103, "", pack("<H", representation))] if representation is not None else []
    told = [element(0x00280103, "US", representation)] if representation is not None else []
    smallest = to.element(0x00280106, "", b"\xff\xff")
    nested = to.sequence(0x00409096, to.item(to.element(0x00409216, "", b"\xff\xff")))
    assert read(to, *telling, smallest, nested) == [
        *told,
        element(0x00280106, vr, value),
        *sequence(0x00409096, [element(0x00409216, vr, value)]),
    ]


@each(("entries", "vr", "values"), [(1, "US", (770,)), (2, "OW", (b"\2\3",)), (0, "OW", (b"\2\3",))])
def test_vr_of_lut_data_depends_on_its_descriptor(entries: int, vr: str, values: tuple[Any, ...]) -> None:
    to = IMPLICIT
    descriptor = to.element(0x00283002, "", pack("<HHH", entries, 0, 16))
    content = to.sequence(0x00283000, to.item(descriptor, to.element(0x00283006, "", b"\2\3")))
    assert read(to, content) == sequence(
        0x00283000, [element(0x00283002, "US", entries, 0, 16), element(0x00283006, vr, *values)]
    )


def test_overlays_waveforms_and_pixel_data_are_ow_in_implicit_vr() -> None:
    to = IMPLICIT
    tags = [0x54001010, 0x60003000, PIXELS]
    assert read(to, *(to.element(tag, "", b"\1\2") for tag in tags)) == [element(tag, "OW", b"\1\2") for tag in tags]


# --- character sets ----------------------------------------------------------------------------------------------

TEXTS: list[tuple[str, bytes, bytes, str]] = [
    ("none", b"", b"caf\xe9", "caf\xe9"),
    ("Latin 1", b"ISO_IR 100", "caf\xe9".encode("latin-1"), "caf\xe9"),
    ("Cyrillic", b"ISO_IR 144", "\u041b\u044e\u043ac".encode("iso8859-5"), "\u041b\u044e\u043ac"),
    ("UTF-8", b"ISO_IR 192", "\u5c71\U0001f600x".encode(), "\u5c71\U0001f600x"),
    ("GB18030", b"GB18030 ", "\u738b\u5c0f\u4e1c".encode("gb18030"), "\u738b\u5c0f\u4e1c"),
    # PS3.5 H.3.1: ideographs by code extension.
    ("Japanese", b"\\ISO 2022 IR 87 ", b"\x1b$B;3ED\x1b(Ba", "\u5c71\u7530a"),
    # PS3.5 I.2
    ("Korean", b"\\ISO 2022 IR 149", b"\x1b$)C\xfb\xf3\xd1\xce", "\u6d2a\u5409"),
]


def padded(data: bytes) -> bytes:
    return data + b" " * (len(data) & 1)


@every_syntax
@pytest.mark.filterwarnings("ignore::streamdicom.DeviationWarning")
@each(("term", "data", "text"), cases(TEXTS))
def test_text_is_decoded_in_its_character_set(term: bytes, data: bytes, text: str, layout: Layout) -> None:
    terms = tuple(term.decode().rstrip().split("\\")) if term else ()
    told = element(CHARSET, "CS", *terms)
    content = layout.element(PATIENT_ID, "LO", padded(data)), layout.element(COMMENTS, "LT", padded(data))
    values = [element(PATIENT_ID, "LO", text), element(COMMENTS, "LT", text)]
    # An item without one of its own has that of the data set around it (PS3.5 7.5.3).
    nested = layout.sequence(0x00081110, layout.item(*content), layout.open_item(*content))
    assert read(layout, layout.element(CHARSET, "CS", padded(term)), nested, *content) == [
        told,
        *sequence(0x00081110, values, values),
        *values,
    ]


def test_character_set_of_an_item_applies_to_that_item_only() -> None:
    to = EXPLICIT
    latin, utf8 = to.element(CHARSET, "CS", b"ISO_IR 100"), to.element(CHARSET, "CS", b"ISO_IR 192")
    text = to.element(PATIENT_ID, "LO", b"\xc3\xa9")
    content = [latin, to.sequence(REFERENCES, to.item(utf8, text), to.item(text)), text]
    assert read(to, *content) == [
        element(CHARSET, "CS", "ISO_IR 100"),
        *sequence(
            REFERENCES,
            [element(CHARSET, "CS", "ISO_IR 192"), element(PATIENT_ID, "LO", "\xe9")],
            [element(PATIENT_ID, "LO", "\xc3\xa9")],
        ),
        element(PATIENT_ID, "LO", "\xc3\xa9"),
    ]


@pytest.mark.filterwarnings("ignore::streamdicom.DeviationWarning")
def test_delimiter_restores_the_first_character_set() -> None:
    # PS3.5 6.1.2.5.3
    to = EXPLICIT
    terms = to.element(CHARSET, "CS", b"ISO 2022 IR 144\\ISO 2022 IR 87 ")
    cyrillic = "\u041b".encode("iso8859-5")
    text = to.element(PATIENT_ID, "LO", padded(b"\x1b$B;3\\" + cyrillic + b"\\\x1b$BED\x1b(B"))
    name = to.element(NAME, "PN", padded(b"a^" + cyrillic + b"=\x1b$B;3=" + cyrillic))
    assert read(to, terms, name, text)[1:] == [
        element(NAME, "PN", ("a^\u041b", "\u5c71", "\u041b")),
        element(PATIENT_ID, "LO", "\u5c71", "\u041b", "\u7530"),
    ]


def test_delimiter_byte_within_a_character_is_not_a_delimiter() -> None:
    to = EXPLICIT
    terms = to.element(CHARSET, "CS", b"\\ISO 2022 IR 87 ")
    kanji = "\u8868\u79fb"  # their bytes include = and \\
    data = kanji.encode("iso2022_jp")
    assert b"=" in data
    assert b"\\" in data
    text = to.element(PATIENT_ID, "LO", padded(data + b"\\" + data))
    name = to.element(NAME, "PN", padded(b"a=" + data + b"=" + data + b"\\" + data))
    assert read(to, terms, name, text)[1:] == [
        element(NAME, "PN", ("a", kanji, kanji), (kanji, "", "")),
        element(PATIENT_ID, "LO", kanji, kanji),
    ]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_undecodable_bytes_are_replaced_with_a_warning() -> None:
    to = EXPLICIT
    events = read(to, to.element(CHARSET, "CS", b"ISO_IR 192"), to.element(PATIENT_ID, "LO", b"a\xffb "))
    assert events[1] == element(PATIENT_ID, "LO", "a\ufffdb")


# --- the start of a file -----------------------------------------------------------------------------------------

FORCE = ReadOptions(force=True)


def forced(data: bytes) -> tuple[list[Event], InputError | None]:
    return parse_in_all_ways(data, FORCE)


def test_force_reads_files_without_a_preamble() -> None:
    for layout in (EXPLICIT, IMPLICIT):
        content = layout.element(PATIENT_ID, "LO", b"a ") + layout.element(COMMENTS, "LT", b"b" * 200)
        expected = [element(PATIENT_ID, "LO", "a"), element(COMMENTS, "LT", "b" * 200)]
        around = dataset("")
        assert forced(content) == ([around[0], *expected, around[-1]], None)
        assert forced(PREAMBLE + content) == ([around[0], *expected, around[-1]], None)
        assert forced(meta(layout.uid) + content) == (dataset(layout.uid, *expected), None)
        [short] = expected[:1]
        assert forced(layout.element(PATIENT_ID, "LO", b"a ")) == ([around[0], short, around[-1]], None)
        _, error = parse_in_all_ways(content)
        assert isinstance(error, DicomFileError)


def test_first_group_shows_big_endian_without_transfer_syntax() -> None:
    content = BIG_ENDIAN.element(CHARSET, "CS", b"ISO_IR 100") + BIG_ENDIAN.number(0x00280010, "US", 258)
    events, error = parse_in_all_ways(PREAMBLE + content, REFUSING)
    assert error is None
    assert events[1:-1] == [element(CHARSET, "CS", "ISO_IR 100"), element(0x00280010, "US", 258)]


def test_complete_file_meta_information() -> None:
    to = EXPLICIT
    content = [
        to.number(0x00020000, "UL", 64),
        to.element(0x00020001, "OB", b"\0\1"),
        to.element(0x00020010, "UI", b"1.2.840.10008.1.2\0"),
        to.element(0x00020016, "AE", b" TITLE"),
    ]
    events, error = parse_in_all_ways(PREAMBLE + b"".join(content) + IMPLICIT.element(PATIENT_ID, "", b"a "))
    assert error is None
    assert events[1:-1] == [
        element(0x00020000, "UL", 64),
        element(0x00020001, "OB", b"\0\1"),
        element(0x00020010, "UI", "1.2.840.10008.1.2"),
        element(0x00020016, "AE", "TITLE"),
        element(PATIENT_ID, "LO", "a"),
    ]


@each(("uid", "layout"), [(EXPLICIT.uid, IMPLICIT), (IMPLICIT.uid, EXPLICIT), (JPEG_UID, IMPLICIT)], ids=str)
def test_other_encoding_than_the_transfer_syntax_is_read_with_a_warning(uid: str, layout: Layout) -> None:
    with pytest.warns(DeviationWarning, match="wrong-encoding: .* by the transfer syntax"):
        events, error = parse([start(uid) + layout.element(PATIENT_ID, "LO", b"a ")])
    assert (events, error) == (dataset(uid, *ITEM), None)


def test_file_may_end_after_its_file_meta_information() -> None:
    assert parse_in_all_ways(PREAMBLE) == (
        [(EventType.START_DATASET, 0, "", 0), (EventType.END_DATASET, 0, "", None)],
        None,
    )
    for layout in LAYOUTS:
        assert parse_in_all_ways(start(layout.uid)) == (dataset(layout.uid), None)


# --- encapsulated pixel data -------------------------------------------------------------------------------------

FRAGMENTS: list[tuple[str, list[bytes]]] = [
    ("none", []),
    ("an empty offset table", [b""]),
    ("one", [b"", b"\xff\xd8\xff\xd9"]),
    ("several and empty ones", [b"\0\0\0\0", b"ab", b"", b"", b"cd"]),
    ("bytes like a delimiter", [b"", EXPLICIT.end_sequence() + EXPLICIT.item(b"ab")]),
]


@pytest.mark.filterwarnings("ignore:misplaced-end")
@each("vr", ["OB", "OW"])
@each("values", cases(FRAGMENTS))
def test_fragments(values: list[bytes], vr: str) -> None:
    to = Layout(JPEG_UID)
    data = to.fragments(PIXELS, *values, vr=vr), to.element(0xFFFCFFFC, "OB", b"\0\0")
    assert read(to, *data) == [*fragments(PIXELS, *values, vr=vr), element(0xFFFCFFFC, "OB", b"\0\0")]


@pytest.mark.filterwarnings("ignore:undefined-length")
def test_fragments_in_implicit_vr_are_ob() -> None:
    assert read(IMPLICIT, IMPLICIT.fragments(PIXELS, b"", b"ab")) == fragments(PIXELS, b"", b"ab")


@pytest.mark.slow
def test_long_fragment_is_split_into_segments() -> None:
    value = random.Random(1).randbytes(200_000)
    to = Layout(JPEG_UID)
    events = read(to, to.fragments(PIXELS, b"", value, b"ab"), to.element(0xFFFCFFFC, "OB"))
    assert events[3] == (EventType.START_FRAGMENT, PIXELS, "OB", 200_000)
    segments = [event for event in events if event[0] == EventType.SEGMENT]
    assert segments
    assert max(len(value) for *_, value in segments) <= 64 * 1024
    [whole] = joined(events[:-1])
    assert whole[3] == (b"".join(map(to.item, [b"", value, b"ab"])),)


# --- long values -------------------------------------------------------------------------------------------------

LONG: list[tuple[str, str, bytes, tuple[Any, ...]]] = [
    ("bytes", "OB", bytes(range(256)) * 1000, (bytes(range(256)) * 1000,)),
    ("an odd rest after the last segment", "OB", b"ab" * 100_001, (b"ab" * 100_001,)),
    ("text", "UT", b"abc " * 50_000, (("abc " * 50_000).rstrip(),)),
    ("text with backslashes", "UT", b"a\\b\\" * 50_000, ("a\\b\\" * 50_000,)),
    ("text with blanks before it", "UT", b" " * 100_000 + b"ab", (" " * 100_000 + "ab",)),
    ("many values", "UC", b"abc\\" * 50_000 + b"de", (*["abc"] * 50_000, "de")),
    ("many empty values", "UC", b"\\" * 100_000, ("",) * 100_001),
    (
        "one long value among short ones",
        "UC",
        b"ab\\" + b"c" * 300_000 + b"\\de \\ f",
        ("ab", "c" * 300_000, "de", " f"),
    ),
    ("long values", "UC", (b"c" * 100_000 + b"\\") * 3 + b"de", (*["c" * 100_000] * 3, "de")),
    ("padding of each value", "UC", b"ab  \\" * 40_000 + b"c ", (*["ab"] * 40_000, "c")),
    ("a long value that ends with the field", "UC", b"ab\\" + b"c" * 300_001, ("ab", "c" * 300_001)),
    ("one long value, padded", "UC", b"c" * 300_001 + b" ", ("c" * 300_001,)),
]


def segments_of(events: list[Event]) -> Iterator[int]:
    for kind, _, _, value in events:
        if kind in (EventType.SEGMENT, EventType.LAST_SEGMENT):
            yield len(value)


@each("to", [EXPLICIT, BIG_ENDIAN], ids=["explicit", "big endian"])
@each(("vr", "data", "values"), cases(LONG))
def test_long_values_are_delivered_in_parts(vr: str, data: bytes, values: tuple[Any, ...], to: Layout) -> None:
    content = [to.open_sequence(PRIVATE, to.item(to.element(PRIVATE, vr, data))), to.element(PRIVATE + 1, vr, data)]
    whole, error = parse([file(to, *content, to.element(PRIVATE + 2, "LO", b"z "))])
    assert error is None
    expected = [*sequence(PRIVATE, [element(PRIVATE, vr, *values)]), element(PRIVATE + 1, vr, *values)]
    assert joined(whole)[2:-1] == [*expected, element(PRIVATE + 2, "LO", "z")]
    assert max(segments_of(whole), default=0) <= 128 * 1024
    for length in (1021, 65_537):
        assert parse(cut(file(to, *content, to.element(PRIVATE + 2, "LO", b"z ")), length)) == (whole, None)


NUMBERS: list[tuple[str, str, list[Any]]] = [
    ("US", "H", list(range(65_536))),
    ("SS", "h", list(range(-32_768, 32_768))),
    ("UL", "I", list(range(0, 2**32, 2**16 - 1))),
    ("SL", "i", list(range(-(2**31), 2**31, 2**16 - 1))),
    ("FD", "d", [number / 7 for number in range(30_000)]),
    ("FL", "f", [number / 4 for number in range(40_000)]),
]


@pytest.mark.slow
def test_many_numbers_are_delivered_in_parts() -> None:
    # Only VRs with a length of 32 bits hold so many in explicit VR.
    for layout in (EXPLICIT, BIG_ENDIAN):
        for vr, form in (("SV", "q"), ("UV", "Q")):
            values = range(20_000)
            data = layout.element(PRIVATE, vr, layout.pack(f"{len(values)}{form}", *values))
            events = read(layout, data)
            assert max(len(value) for kind, *_, value in events if kind == EventType.VALUES) <= 4096
            assert joined(events) == [element(PRIVATE, vr, *values)]
    for tag, (vr, form, numbers) in zip(IMPLICIT_NUMBERS, NUMBERS, strict=True):
        data = IMPLICIT.element(tag, vr, pack(f"<{len(numbers)}{form}", *numbers))
        events = read(IMPLICIT, data)
        assert len(events) > 3
        assert joined(events) == [element(tag, vr, *numbers)]


IMPLICIT_NUMBERS = [0x00280010, 0x00189219, 0x00720078, 0x00186020, 0x00189073, 0x00720076]


def test_many_tags_are_delivered_in_parts() -> None:
    tags = [0x00100000 + 65_537 * number for number in range(20_000)]
    data = b"".join(map(IMPLICIT.tag, tags))
    events = read(IMPLICIT, IMPLICIT.element(0x00280009, "AT", data))
    assert joined(events) == [element(0x00280009, "AT", *tags)]


@pytest.mark.slow
def test_many_decimals_and_names_are_delivered_in_parts() -> None:
    to = IMPLICIT
    decimals = to.element(0x30060050, "DS", b"1.50\\ 2 \\" * 20_000 + b"3 ")
    names = to.element(NAME, "PN", b"A^B=C\\" * 20_000 + b"D ")
    assert joined(read(to, names, decimals)) == [
        element(NAME, "PN", *[("A^B", "C", "")] * 20_000, ("D", "", "")),
        element(0x30060050, "DS", *["1.50", "2"] * 20_000, "3"),
    ]


@pytest.mark.filterwarnings("ignore::streamdicom.DeviationWarning")
@pytest.mark.parametrize(("term", "data", "text"), cases(TEXTS))
@pytest.mark.slow
def test_long_text_is_decoded_in_its_character_set(term: bytes, data: bytes, text: str) -> None:
    to = EXPLICIT
    # The end of a line restores the first character set.
    value, expected = (data + b"\r\n") * 20_000 + b"x", (text + "\r\n") * 20_000 + "x"
    content = to.element(CHARSET, "CS", padded(term)), to.element(PRIVATE, "UT", padded(value))
    assert joined(read(to, *content))[1] == element(PRIVATE, "UT", expected)


@pytest.mark.parametrize("vr", ["UT", "UC"])
@pytest.mark.slow
def test_long_line_with_code_extensions_is_decoded(vr: str) -> None:
    to = EXPLICIT
    text = "a\u5c71\u7530b\u540d" * 40_000
    value = text.encode("iso2022_jp")
    content = to.element(CHARSET, "CS", b"\\ISO 2022 IR 87 "), to.element(PRIVATE, vr, padded(value))
    assert joined(read(to, *content))[1] == element(PRIVATE, vr, text)


@pytest.mark.slow
def test_long_values_in_other_character_sets() -> None:
    to = EXPLICIT
    for vr, value in (("UC", "\u5c71\\" * 30_000), ("UT", "\U0001f600" * 30_000), ("UC", "\u5c71" * 100_000)):
        content = to.element(CHARSET, "CS", b"ISO_IR 192"), to.element(PRIVATE, vr, padded(value.encode()))
        values = tuple(value.split("\\")) if vr == "UC" else (value,)
        assert joined(read(to, *content))[1] == element(PRIVATE, vr, *values)


# --- pydicom's own files -----------------------------------------------------------------------------------------

TRUNCATED = {"MR_truncated.dcm", "rtplan_truncated.dcm", "DICOMDIR-nooffset", "no_meta.dcm"}
# pydicom keeps group 0001 before the file meta information, where its tags have it.
GROUP_0001 = {"nested_priv_SQ.dcm", "meta_missing_tsyntax.dcm"}


def walked(dataset: Dataset) -> list[Event]:
    return joined(event for events in walk(dataset, options=WriteOptions(file_meta=True)) for event in events)


def in_order_of_tags(events: list[Event]) -> list[Event]:
    """Sort the elements of the data set by tag, with their content."""
    depth, elements = 0, []
    for event in events[1:-1]:
        if not depth:
            elements.append((event[1], []))
        elements[-1][1].append(event)
        depth += {EventType.START_SEQUENCE: 1, EventType.END_SEQUENCE: -1}.get(EventType(event[0]), 0)
    return [events[0], *(event for _, group in sorted(elements, key=itemgetter(0)) for event in group), events[-1]]


def test_bundled_files_are_found() -> None:
    assert len(BUNDLED) > 100
    assert {path.name for path in BUNDLED} >= TRUNCATED | GROUP_0001


@pytest.mark.filterwarnings("ignore::UserWarning")  # many of the files are odd on purpose
@each("path", BUNDLED, ids=lambda path: path.name)
def test_bundled_files_are_read_as_pydicom_reads_them(path: Path) -> None:
    data = path.read_bytes()
    options = ReadOptions(force=data[128:132] != b"DICM", on_error="raise")
    expected = walked(dcmread(path, force=options.force))
    events, error = parse([data], options)
    whole = joined(events)
    for pieces in (cut(data, 4099), cut(data, 13, 1, 100)):
        again, error_again = parse(pieces, options)
        assert (again, str(error_again)) == (events, str(error))
    if path.name in TRUNCATED:
        assert isinstance(error, TruncatedError)
        assert whole == expected[: len(whole)]
        assert 1 <= len(whole) < len(expected)
    else:
        assert error is None
        if path.name in GROUP_0001:
            assert whole[1][1] >> 16 == 2
            whole = in_order_of_tags(whole)
        assert whole == expected


# --- random data sets --------------------------------------------------------------------------------------------

UIDS = [IMPLICIT.uid, EXPLICIT.uid, BIG_ENDIAN.uid, DEFLATED_UID]


def written(dataset: Dataset, uid: str) -> bytes:
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = uid
    dataset.preamble = bytes(128)
    target = io.BytesIO()
    dcmwrite(target, dataset, enforce_file_format=False)
    return target.getvalue()


def lengths_are_left_out(draw: st.DataObject, dataset: Dataset) -> None:
    """Give some sequences and items an undefined length."""
    for sequence_element in [one for one in dataset if one.VR == "SQ"]:
        # A private one without items is a sequence in implicit VR (PS3.5 6.2.2), where pydicom has UN.
        sequence_element.is_undefined_length = bool(sequence_element.value) and draw.draw(st.booleans())
        for item in sequence_element.value:
            item.is_undefined_length_sequence_item = draw.draw(st.booleans())
            lengths_are_left_out(draw, item)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about long values and unknown tags
@given(draw=st.data())
@pytest.mark.slow
@each("uid", UIDS)
@each("public", [True, False])
def test_random_data_sets_are_read_as_pydicom_reads_them(uid: str, public: bool, draw: st.DataObject) -> None:
    made = draw.draw(datasets(public=public))
    lengths_are_left_out(draw, made)
    data = written(made, uid)
    events, error = parse(draw.draw(cuts(data)))
    assert error is None
    assert joined(events) == walked(dcmread(io.BytesIO(data)))
    assert parse([data]) == (events, None)


# --- errors ------------------------------------------------------------------------------------------------------

SECRET = b"SECRET"  # must not appear in messages
TO = EXPLICIT
GOOD = TO.element(SOP_CLASS, "UI", b"1\0") + TO.sequence(0x00081110, TO.item(item_content(TO)))
OPEN = TO.header(REFERENCES, "SQ", UNDEFINED)


def short_item(length: int, *content: bytes, to: Layout = TO) -> bytes:
    """Return the start of an item with another length than its content."""
    return to.tag(0xFFFEE000) + to.pack("I", length) + b"".join(content)


# The bytes before the fault, the fault, its tag path, and words of the message.
MALFORMED: list[tuple[str, bytes, bytes, str, str]] = [
    ("unknown VR", GOOD, TO.element(PATIENT_ID, "XX", SECRET), "00100020", "expected a VR"),
    ("VR in lower case", GOOD, TO.element(PATIENT_ID, "lo", SECRET), "00100020", "expected a VR"),
    ("VR that is not text", GOOD, b"\x10\0\x20\0\xff\xff\0\0" + SECRET, "00100020", "expected a VR"),
    ("zeros", GOOD, bytes(64), "00000000", "padding"),
    (
        "unknown VR in an item",
        OPEN + TO.open_item() + short_item(UNDEFINED, TO.element(SOP_CLASS, "UI")),
        TO.element(PATIENT_ID, "QQ", SECRET),
        "00081140[1].00100020",
        "expected a VR",
    ),
    (
        "element past the end of its item",
        OPEN + short_item(13),
        TO.element(PATIENT_ID, "LO", SECRET),
        "00081140[0].00100020",
        "end within its item",
    ),
    (
        "header past the end of its item",
        OPEN + short_item(5),
        TO.element(PATIENT_ID, "LO", SECRET),
        "00081140[0]",
        "found 5 bytes",
    ),
    (
        "long header past the end of its item",
        OPEN + short_item(10),
        TO.element(PATIENT_ID, "UT", SECRET),
        "00081140[0].00100020",
        "end within its item",
    ),
    (
        "known element past the end of its item",
        OPEN + TO.item(TO.element(PATIENT_ID, "LO", b"ab")) + short_item(9),
        TO.element(PATIENT_ID, "LO", b"ab"),
        "00081140[1].00100020",
        "end within its item",
    ),
    (
        "sequence past the end of its item",
        OPEN + short_item(20),
        TO.sequence(REFERENCES, TO.item(item_content(TO))),
        "00081140[0].00081140",
        "end within its item",
    ),
    (
        "item past the end of the item around it",
        OPEN + short_item(30) + TO.header(REFERENCES, "SQ", 18),
        short_item(12, item_content(TO)),
        "00081140[0].00081140[0]",
        "within the item around it",
    ),
    (
        "the same in a sequence without a length",
        OPEN + short_item(25) + TO.header(REFERENCES, "SQ", UNDEFINED),
        TO.item(item_content(TO)),
        "00081140[0].00081140[0]",
        "within the item around it",
    ),
    (
        "value of undefined length past the end of its item",
        OPEN + short_item(24) + TO.open_sequence(REFERENCES, TO.item())[:-8],
        TO.end_sequence(),
        "00081140[0].00081140[1]",
        "found 4 bytes",
    ),
    (
        "fragments past the end of their item",
        OPEN + short_item(24) + TO.fragments(PIXELS, b"")[:-8],
        TO.end_sequence(),
        "00081140[0].7FE00010",
        "delimiter after the last",
    ),
    (
        "element in a sequence",
        OPEN + TO.item(),
        TO.element(PATIENT_ID, "LO", SECRET),
        "00081140[1]",
        "expected an item",
    ),
    (
        "element in a sequence of defined length",
        TO.header(REFERENCES, "SQ", 20),
        TO.element(PATIENT_ID, "LO", SECRET),
        "00081140[0]",
        "expected an item",
    ),
    (
        "end of a sequence that has a length",
        TO.header(REFERENCES, "SQ", 16) + TO.item(),
        TO.end_sequence(),
        "00081140[1]",
        "expected an item",
    ),
    ("end of an item in a sequence", OPEN + TO.item(), TO.end_item(), "00081140[1]", "expected an item"),
    (
        "end of an item that has a length",
        OPEN + short_item(16, TO.element(SOP_CLASS, "UI")),
        TO.end_item(),
        "00081140[0].FFFEE00D",
        "expected an element",
    ),
    (
        "end of a sequence in an item",
        OPEN + short_item(UNDEFINED),
        TO.end_sequence(),
        "00081140[0].FFFEE0DD",
        "expected the end of the item",
    ),
    ("end of an item in the data set", GOOD, TO.end_item(), "FFFEE00D", "expected an element"),
    ("end of a sequence in the data set", GOOD, TO.end_sequence(), "FFFEE0DD", "expected an element"),
    ("item in the data set", GOOD, TO.item(), "FFFEE000", "expected an element"),
    (
        "item in an item",
        OPEN + short_item(UNDEFINED),
        TO.item(),
        "00081140[0].FFFEE000",
        "expected the end of the item",
    ),
    ("odd length of a number", GOOD, TO.element(0x00280010, "US", b"abc"), "00280010", "expected an even length"),
    ("length of half a number", GOOD, TO.element(0x00189087, "FD", b"abcd"), "00189087", "expected a multiple"),
    (
        "odd length of a known number",
        TO.number(0x00280010, "US", 1),
        TO.element(0x00280011, "US", b"abc"),
        "00280011",
        "expected an even length",
    ),
    ("odd length of a tag", GOOD, TO.element(PRIVATE, "AT", b"ab"), "00091001", "expected a multiple"),
    (
        "odd length of many numbers",
        GOOD,
        TO.header(PRIVATE, "SV", 80_002) + bytes(80_002),
        "00091001",
        "expected a multiple",
    ),
    *(
        (f"undefined length of {vr}", GOOD, TO.open_sequence(PRIVATE, vr=vr), "00091001", "expected a defined length")
        for vr in ("UT", "UC", "UR", "OF", "OD", "OV", "SV")
    ),
    (
        "another element among fragments",
        TO.header(PIXELS, "OB", UNDEFINED) + TO.item(),
        TO.element(PATIENT_ID, "LO", SECRET),
        "7FE00010",
        "fragment",
    ),
    ("end of an item among fragments", TO.header(PIXELS, "OB", UNDEFINED), TO.end_item(), "7FE00010", "fragment"),
    (
        "fragment of undefined length",
        TO.header(PIXELS, "OB", UNDEFINED) + TO.item(),
        short_item(UNDEFINED),
        "7FE00010",
        "fragment of defined length",
    ),
    (
        "fragment past the end of its item",
        OPEN + short_item(24) + TO.header(PIXELS, "OB", UNDEFINED),
        TO.item(SECRET),
        "00081140[0].7FE00010",
        "end within its item",
    ),
]


@each("after", [b"", bytes(100)], ids=["at the end", "before more bytes"])
@each(("before", "fault", "path", "words"), cases(MALFORMED))
def test_malformed_data_set_is_refused_with_its_location(
    before: bytes, fault: bytes, path: str, words: str, after: bytes
) -> None:
    _, error = parse_in_all_ways(file(EXPLICIT, before, fault, after), REFUSING, index=3)
    assert type(error) is DicomFileError
    assert words in error.message
    assert error.location == Location(len(start(EXPLICIT.uid)) + len(before), 3, path)
    assert SECRET.decode() not in str(error)


def test_events_before_a_fault_are_delivered() -> None:
    parser = Part10Parser(options=REFUSING)
    events = parser.feed(file(EXPLICIT, GOOD, TO.element(PATIENT_ID, "XX", bytes(16))))
    assert events == dataset(EXPLICIT.uid, element(SOP_CLASS, "UI", "1"), *sequence(0x00081110, ITEM))[:-1]
    assert isinstance(parser.error, DicomFileError)


@each("data", [bytes(132), bytes(128) + b"dicm", b"DICOM" * 30, b'{"00080005": {}}' * 10])
def test_other_files_are_refused(data: bytes) -> None:
    events, error = parse_in_all_ways(data)
    assert events == []
    assert type(error) is DicomFileError
    assert error.location == Location(0, 0, "")


@each("length", [0, 1, 127, 128, 131])
@each("force", [False, True])
def test_file_shorter_than_a_preamble_is_truncated(length: int, force: bool) -> None:
    options = ReadOptions(force=force, on_deviation=lambda _: None)
    events, error = parse_in_all_ways(PREAMBLE[:length], options)
    if length and force:
        assert (events, error) == (dataset("")[::2], None)
    else:
        assert events == []
        assert type(error) is TruncatedError
        assert error.location == Location(0, 0, "")


def test_short_file_truncated_within_an_element_is_refused() -> None:
    data = TO.element(PATIENT_ID, "LO", b"a ") + TO.element(COMMENTS, "LT", b"abcd")[:-1]
    options = ReadOptions(force=True, on_error="raise")
    _, error = parse_in_all_ways(data, options)
    assert type(error) is TruncatedError
    assert error.location == Location(10, 0, "00104000")
    with pytest.raises(TruncatedError):
        list(iter_events(data, options=options))


LONG_META = [
    TO.element(0x00020102, "OB", bytes(70_000)),
    TO.fragments(0x00020102, b"a"),
    TO.sequence(0x00020102),
    TO.open_sequence(0x00020102),
]


@each("content", LONG_META, ids=["long value", "fragments", "sequence", "sequence without a length"])
def test_long_values_and_sequences_in_file_meta_are_refused(content: bytes) -> None:
    _, error = parse_in_all_ways(PREAMBLE + content, REFUSING)
    assert type(error) is DicomFileError
    assert error.location.tag_path.startswith("00020102")


def test_nested_sequences_are_bounded_by_the_limits() -> None:
    # The data set and the elements of the last item take four, see ``Limits.depth``.
    for depth, most in ((1, 0), (10, 2), (12, 2), (13, 3), (256, 84)):
        options = ReadOptions(limits=Limits(depth=depth))
        for to in LAYOUTS:
            for open_, item in ((to.sequence, to.item), (to.open_sequence, to.open_item)):
                content = b""
                for _ in range(most):
                    content = open_(REFERENCES, item(content))
                assert parse([file(to, content)], options)[1] is None
                before = (to.header(REFERENCES, "SQ", UNDEFINED) + short_item(UNDEFINED, to=to)) * most
                _, error = parse_in_all_ways(file(to, before, to.sequence(REFERENCES)), options)
                assert isinstance(error, LimitError)
                assert error.limit == "depth"
                path = ".".join(["00081140[0]"] * most + ["00081140"])
                assert error.location == Location(len(start(to.uid)) + len(before), 0, path)


@each("vr", ["PN", "DS", "IS"])
@pytest.mark.slow
def test_length_of_a_value_without_segments_is_bounded(vr: str) -> None:
    tag = {"PN": NAME, "DS": 0x30060050, "IS": 0x00200013}[vr]
    for before in (b"", b"1\\"):
        _, error = parse_in_all_ways(file(IMPLICIT, IMPLICIT.element(tag, vr, before + SECRET * 30_000)))
        assert isinstance(error, LimitError)
        assert error.limit == "segment_size"
        assert error.location.tag_path == f"{tag:08X}"
        assert SECRET.decode() not in str(error)


# --- truncated files -----------------------------------------------------------------------------------


def everything(to: Layout) -> list[bytes]:
    """Return elements of every kind, so that a file may end after each."""
    return [
        to.element(CHARSET, "CS", b"\\ISO 2022 IR 87 "),
        *SHAPES[2][1](to),
        *(make(to) for _, make, _ in SEQUENCES),
        to.element(0x00090010, "LO", b"GEMS_IDEN_01"),
        *SHAPES[9][1](to),
        to.element(COMMENTS, "LT", padded(b"a\x1b$B;3\x1b(B")),
        to.fragments(PIXELS, b"", b"abcd"),
        to.element(0xFFFCFFFC, "OB", b"\0\0"),
    ]


@every_layout
@pytest.mark.slow
def test_file_truncated_at_any_byte(layout: Layout) -> None:
    elements = [PREAMBLE, meta(layout.uid), *everything(layout)]
    ends = set(accumulate(map(len, elements)))
    data = b"".join(elements)
    assert len(data) in ends
    whole, error = parse([data], REPEATING)
    assert error is None
    for length in range(len(data)):
        events, error = parse([data[:length]], REPEATING)
        if length in ends:
            assert error is None
            assert events[-1] == whole[-1] == (EventType.END_DATASET, 0, "", None)
        else:
            assert type(error) is TruncatedError
            assert error.location.dataset_index == 0
            assert error.location.byte_offset is not None
            assert max((end for end in ends if end < length), default=0) <= error.location.byte_offset <= length
        content = events if error else events[:-1]
        assert content == whole[: len(content)]
        again, error_again = parse(cut(data[:length], 1, 5), REPEATING)
        assert str(error_again) == str(error)
        assert again == events


TRUNCATIONS: list[tuple[str, bytes, int, str]] = [
    ("in a header", GOOD + TO.element(PATIENT_ID, "LO", b"ab")[:7], len(GOOD), ""),
    ("in a value", GOOD + TO.element(PATIENT_ID, "LO", b"ab")[:9], len(GOOD), "00100020"),
    ("before an item", OPEN, 12, "00081140[0]"),
    ("before an item that is not the first", OPEN + TO.item(), 20, "00081140[1]"),
    ("in an item", OPEN + TO.open_item() + short_item(UNDEFINED), 12 + 16 + 8, "00081140[1]"),
    (
        "in a value in an item",
        OPEN + short_item(UNDEFINED) + TO.element(PATIENT_ID, "LO", b"ab")[:9],
        20,
        "00081140[0].00100020",
    ),
    ("after a value in an item", OPEN + short_item(UNDEFINED, item_content(TO)), 30, "00081140[0]"),
    ("after a value in an item of defined length", OPEN + short_item(100, item_content(TO)), 30, "00081140[0]"),
    ("in a sequence of a length", TO.header(REFERENCES, "SQ", 100) + TO.item(), 20, "00081140[1]"),
    ("in fragments", TO.header(PIXELS, "OB", UNDEFINED) + TO.item(), 20, "7FE00010"),
    ("in a fragment", TO.header(PIXELS, "OB", UNDEFINED) + short_item(10, b"ab"), 20, "7FE00010"),
    ("in a long value", TO.header(PIXELS, "OB", 70_000), 12, "7FE00010"),
    ("in the second segment", TO.header(PIXELS, "OB", 70_000) + bytes(50_000), 12 + 48 * 1024, "7FE00010"),
]


@each(("data", "offset", "path"), cases(TRUNCATIONS))
def test_location_of_a_truncation(data: bytes, offset: int, path: str) -> None:
    _, error = parse_in_all_ways(file(TO, data), REFUSING)
    assert type(error) is TruncatedError
    assert error.location == Location(len(start(TO.uid)) + offset, 0, path)


def test_deflated_file_truncated_at_any_byte() -> None:
    data = file(Layout(DEFLATED_UID), *everything(TO))
    whole, _ = parse([data], REPEATING)
    for length in range(len(start(DEFLATED_UID)) + 1, len(data)):
        events, error = parse(cut(data[:length], 50), REPEATING)
        assert type(error) is TruncatedError
        assert events == whole[: len(events)]


def test_damaged_deflated_file_delivers_events_before_the_damage() -> None:
    data = bytearray(file(Layout(DEFLATED_UID), *everything(TO)))
    data[len(start(DEFLATED_UID))] = 0xFF
    _, error = parse_in_all_ways(bytes(data), ReadOptions(on_error="raise"))
    assert type(error) is DicomFileError
    assert "deflated" in error.message


def test_bytes_after_a_deflated_data_set_are_ignored() -> None:
    data = file(Layout(DEFLATED_UID), *everything(TO))
    assert parse_in_all_ways(data + b"\0" * 1000, REPEATING) == parse([data], REPEATING)


def test_location_in_a_deflated_data_set_is_the_inflated_offset() -> None:
    _, error = parse_in_all_ways(file(Layout(DEFLATED_UID), GOOD, TO.element(PATIENT_ID, "XX", bytes(16))), REFUSING)
    assert isinstance(error, DicomFileError)
    assert error.location == Location(len(start(DEFLATED_UID)) + len(GOOD), 0, "00100020")


# --- tolerated faults -----------------------------------------------------------------


@each("item", [TO.item(item_content(TO)), TO.open_item(item_content(TO))], ids=["length", "no length"])
def test_item_may_extend_past_its_sequence_with_a_warning(item: bytes) -> None:
    data = file(TO, TO.header(REFERENCES, "SQ", 10) + item, TO.element(COMMENTS, "LT", b"after "))
    with pytest.warns(UserWarning, match="to end within its sequence"):
        events, error = parse([data])
    assert (events, error) == (dataset(TO.uid, *sequence(REFERENCES, ITEM), AFTER), None)


# --- random bytes ---------------------------------------------------------------------------------------------

SMALL = [path for path in BUNDLED if path.stat().st_size < 20_000]


def damaged(source: random.Random, data: bytes) -> bytes:
    """Change, insert or delete some bytes of a file."""
    result = bytearray(data)
    for _ in range(source.randint(1, 6)):
        place = source.randrange(128, len(result))
        kind = source.randrange(5)
        if kind == 0:
            result[place] ^= 1 << source.randrange(8)
        elif kind == 1:
            result[place] = source.choice(b"\0\1\x08\x7f\xff")
        elif kind == 2:
            result[place : place + source.randint(1, 9)] = b""
        elif kind == 3:
            result[place:place] = source.randbytes(source.randint(1, 9))
        else:
            result[place : place + 4] = source.choice(
                [b"\xff\xff\xff\xff", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", b"UN\0\0"]
            )
        if len(result) <= 140:
            break
    return bytes(result)


@pytest.mark.filterwarnings("ignore")
@each("path", SMALL, ids=lambda path: path.name)
@pytest.mark.slow
def test_damaged_file_is_read_or_refused(path: Path) -> None:
    source = random.Random(path.name)
    original = path.read_bytes()
    for number in range(40):
        data = damaged(source, original)
        options = ReadOptions(force=number % 2 == 0)
        pieces = cut(data, source.randint(1, 9), source.randint(1, 999))
        assert outcome(*parse(pieces, options)) == outcome(*parse([data], options))


@pytest.mark.filterwarnings("ignore")
@given(st.binary(max_size=300), st.sampled_from([*UIDS, JPEG_UID, ""]), st.data())
@pytest.mark.slow
def test_random_bytes_are_read_or_refused(content: bytes, uid: str, draw: st.DataObject) -> None:
    data = (start(uid) if uid else PREAMBLE) + content
    assert outcome(*parse(draw.draw(cuts(data)))) == outcome(*parse([data]))


_TAGS = [
    CHARSET,
    REFERENCES,
    PATIENT_ID,
    PRIVATE,
    0x00090010,
    0x00280103,
    0x00280106,
    PIXELS,
    0xFFFEE000,
    0xFFFEE00D,
    0xFFFEE0DD,
]


@st.composite
def _headers(draw: st.DrawFn) -> bytes:
    """Draw random bytes that look like elements."""
    layout = draw(st.sampled_from(LAYOUTS))
    vr = draw(st.sampled_from(["SQ", "LO", "UN", "OB", "US", "UT", "PN", "CS", "XX"]))
    length = draw(st.sampled_from([0, 1, 2, 4, 8, 12, 16, 20, 40]) | st.integers(0, 50))
    if vr in ("SQ", "UN", "OB") or layout.implicit:
        length = draw(st.sampled_from([length, UNDEFINED]))
    tag = draw(st.sampled_from(_TAGS))
    if tag >> 16 == 0xFFFE:
        return layout.tag(tag) + layout.pack("I", draw(st.sampled_from([0, length, UNDEFINED])))
    return layout.header(tag, vr, length) + draw(st.binary(max_size=6) | st.just(b"a" * (length & 0xFF)))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=1000)
@given(st.lists(_headers(), max_size=12), st.sampled_from([*UIDS[:3], JPEG_UID]), st.data())
@pytest.mark.slow
def test_random_elements_are_read_or_refused(content: list[bytes], uid: str, draw: st.DataObject) -> None:
    data = start(uid) + b"".join(content)
    events, error = parse([data])
    assert outcome(*parse(draw.draw(cuts(data)))) == outcome(events, error)
    depth = 0
    for kind, *_ in events:
        depth += {EventType.START_SEQUENCE: 1, EventType.END_SEQUENCE: -1}.get(EventType(kind), 0)
        assert depth >= 0
    assert error or depth == 0


# --- skipped values --------------------------------------------------------------------------------


def _skipping(data: bytes, size: int, but: int = -1, options: ReadOptions | None = None) -> tuple[list[Any], int]:
    """Return the events of a parser that skips if possible, and the bytes skipped."""
    parser = Part10Parser(options=options)
    events: list[Any] = []
    position = passed_over = 0
    try:
        while position < len(data):
            events += parser.feed(data[position : position + size])
            count = parser.skip(but)
            position += size + count
            passed_over += count
        events += parser.close()
    except InputError as error:
        events.append((type(error), str(error.message)))
    return events, passed_over


def _without_segments(events: list[Any]) -> list[Any]:
    return [event for event in events if event[0] not in (EventType.SEGMENT, EventType.LAST_SEGMENT)]


@pytest.mark.filterwarnings("ignore")
@each("size", [1000, 16384])
@each("path", BUNDLED, ids=lambda path: path.name)
def test_skipping_long_values_does_not_change_other_events(path: Path, size: int) -> None:
    data = path.read_bytes()
    parser = Part10Parser()
    expected: list[Any] = []
    try:
        expected += parser.feed(data)
        expected += parser.close()
    except InputError as error:
        expected.append((type(error), str(error.message)))
    events, _ = _skipping(data, size)
    assert _without_segments(events) == _without_segments(expected)


def test_skip_passes_over_most_of_a_long_value_except_for_a_tag() -> None:
    data = start(EXPLICIT.uid) + EXPLICIT.element(PIXELS, "OW", bytes(1_000_000))
    assert _skipping(data, 16384)[1] > 980_000
    events, passed_over = _skipping(data, 16384, PIXELS)
    assert not passed_over
    assert (
        sum(len(event[3]) for event in events if event[0] in (EventType.SEGMENT, EventType.LAST_SEGMENT)) == 1_000_000
    )


def test_file_truncated_within_skipped_bytes_is_truncated() -> None:
    data = start(EXPLICIT.uid) + EXPLICIT.element(PIXELS, "OW", bytes(1_000_000))
    events, _ = _skipping(data[:-1], 16384, options=REFUSING)
    assert events[-1][0] is TruncatedError


@pytest.mark.slow
def test_parser_is_freed_without_the_garbage_collector() -> None:
    data = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    Part10Parser().feed(data)  # everything is imported now
    gc.collect()
    gc.disable()
    try:
        parser = Part10Parser()
        assert parser.feed(data) + parser.close()
        del parser
        assert gc.collect() == 0
    finally:
        gc.enable()
