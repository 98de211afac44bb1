"""The parser of DICOM files: hand-made ones of every shape, pydicom's own, random ones and broken ones."""

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
from tests.support.strategies import cuts, datasets

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
    """The events of a file, without those around its data set."""
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
        "group lengths, in what comes before and behind",
        lambda to: [to.number(0x00080000, "UL", 12), to.element(SOP_CLASS, "UI"), to.number(0x00100000, "UL", 0)],
        [element(0x00080000, "UL", 12), element(SOP_CLASS, "UI"), element(0x00100000, "UL", 0)],
    ),
    (
        "tags out of order and twice, as they come",
        lambda to: [to.element(PATIENT_ID, "LO", b"a "), to.element(SOP_CLASS, "UI"), to.element(PATIENT_ID, "LO")],
        [element(PATIENT_ID, "LO", "a"), element(SOP_CLASS, "UI"), element(PATIENT_ID, "LO")],
    ),
]

ITEM = [element(PATIENT_ID, "LO", "a")]


def item_content(to: Layout) -> bytes:
    return to.element(PATIENT_ID, "LO", b"a ")


BEHIND = element(COMMENTS, "LT", "behind")
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
@pytest.mark.parametrize(("make", "events"), cases(SHAPES))
def test_elements(make: Make, events: list[Event], layout: Layout) -> None:
    assert read(layout, *make(layout)) == events


@every_syntax
@pytest.mark.parametrize(("make", "events"), cases(SEQUENCES))
def test_sequences(make: Callable[[Layout], bytes], events: list[Event], layout: Layout) -> None:
    first, last = layout.element(SOP_CLASS, "UI", b"1\0"), layout.element(COMMENTS, "LT", b"behind")
    assert read(layout, first, make(layout), last) == [element(SOP_CLASS, "UI", "1"), *events, BEHIND]
    assert read(layout, make(layout)) == events  # with nothing behind it


@every_syntax
def test_all_elements_in_one_file(layout: Layout) -> None:
    shapes = [(make(layout), events) for _, make, events in SHAPES]
    content = [data for made, _ in shapes for data in made]
    expected = [event for _, events in shapes for event in events]
    assert read(layout, *content) == expected
    nested = layout.open_sequence(REFERENCES, layout.item(*content), layout.open_item(*content))
    assert read(layout, nested) == sequence(REFERENCES, expected, expected)


def test_the_index_is_that_of_the_stream() -> None:
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


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.94", "1.2.3.4", JPEG_UID])
def test_any_other_transfer_syntax_is_explicit_vr_little_endian(uid: str) -> None:
    layout = Layout(uid)
    assert read(layout, layout.number(0x00280010, "US", 258)) == [element(0x00280010, "US", 258)]


# --- what the dictionary and other elements tell -----------------------------------------------------------------


def test_implicit_vr_asks_the_dictionary() -> None:
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


def test_private_elements_in_implicit_vr_are_told_by_their_creator() -> None:
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
    # A creator is one of its data set or item only, and not of those behind it.
    nested = to.sequence(REFERENCES, to.item(creator, to.element(0x00091027, "", pack("<i", 7))), to.item(content[3]))
    assert read(to, creator, nested, to.element(0x00091027, "", pack("<i", 9)))[1:] == [
        *sequence(
            REFERENCES,
            [expected[0], element(0x00091027, "SL", 7)],
            [element(0x00091027, "UN", pack("<i", -5))],
        ),
        element(0x00091027, "SL", 9),
    ]


def test_un_in_explicit_vr_is_what_the_dictionary_knows() -> None:
    for to in (EXPLICIT, BIG_ENDIAN):
        content = [
            to.element(0x00090010, "LO", b"GEMS_IDEN_01"),
            to.element(0x00091027, "UN", to.pack("i", -5)),
            to.element(0x00091028, "UN", b"ab"),
            to.element(NAME, "UN", b"A^B "),
            to.element(0x0018FFFE, "UN", b"ab"),
            to.element(0x00280010, "UN", to.pack("H", 258)),
        ]
        assert read(to, *content) == [
            element(0x00090010, "LO", "GEMS_IDEN_01"),
            element(0x00091027, "SL", -5),
            element(0x00091028, "UN", b"ab"),
            element(NAME, "PN", ("A^B", "", "")),
            element(0x0018FFFE, "UN", b"ab"),
            element(0x00280010, "US", 258),
        ]


def test_un_of_a_length_that_only_un_can_have_stays_un() -> None:
    value = b"a" * 0x10000
    events, error = parse([file(EXPLICIT, EXPLICIT.element(COMMENTS, "UN", value))])
    assert error is None
    assert joined(events)[2] == element(COMMENTS, "UN", value)


@pytest.mark.parametrize("to", [EXPLICIT, BIG_ENDIAN], ids=["explicit", "big endian"])
def test_un_of_undefined_length_is_a_sequence_in_implicit_vr(to: Layout) -> None:
    # PS3.5 6.2.2, note 4; in little endian whatever the data set is in.
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


def test_un_of_defined_length_that_is_a_sequence_in_the_dictionary() -> None:
    un = IMPLICIT.item(item_content(IMPLICIT)) + IMPLICIT.open_item(item_content(IMPLICIT))
    assert read(EXPLICIT, EXPLICIT.element(REFERENCES, "UN", un)) == sequence(REFERENCES, ITEM, ITEM)


def test_un_may_hold_items_in_explicit_vr() -> None:
    to = EXPLICIT
    content = to.open_sequence(PRIVATE, to.item(item_content(to)), to.open_item(item_content(to)), vr="UN")
    assert read(to, content) == sequence(PRIVATE, ITEM, ITEM)


def test_items_may_be_in_implicit_vr_in_a_file_in_explicit_vr() -> None:
    to, un = EXPLICIT, IMPLICIT
    content = to.open_sequence(REFERENCES, un.item(item_content(un)), to.item(item_content(to)), un.open_item())
    assert read(to, content, item_content(to)) == [*sequence(REFERENCES, ITEM, ITEM, []), *ITEM]


def test_a_private_sequence_of_undefined_length_in_implicit_vr() -> None:
    content = IMPLICIT.open_sequence(PRIVATE, IMPLICIT.item(item_content(IMPLICIT)))
    assert read(IMPLICIT, content) == sequence(PRIVATE, ITEM)
    assert read(IMPLICIT, IMPLICIT.open_sequence(PRIVATE)) == sequence(PRIVATE)


def test_a_character_set_that_is_no_text_tells_nothing() -> None:
    content = EXPLICIT.number(CHARSET, "US", 1), EXPLICIT.element(PATIENT_ID, "LO", b"\xe9 ")
    assert read(EXPLICIT, *content) == [element(CHARSET, "US", 1), element(PATIENT_ID, "LO", "\xe9")]


@pytest.mark.parametrize(
    ("representation", "vr", "value"), [(None, "US", 65535), (0, "US", 65535), (1, "SS", -1)], ids=str
)
def test_us_or_ss_is_told_by_the_pixel_representation(representation: int | None, vr: str, value: int) -> None:
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


@pytest.mark.parametrize(("entries", "vr", "values"), [(1, "US", (770,)), (2, "OW", (b"\2\3",)), (0, "OW", (b"\2\3",))])
def test_lut_data_is_told_by_its_descriptor(entries: int, vr: str, values: tuple[Any, ...]) -> None:
    to = IMPLICIT
    descriptor = to.element(0x00283002, "", pack("<HHH", entries, 0, 16))
    content = to.sequence(0x00283000, to.item(descriptor, to.element(0x00283006, "", b"\2\3")))
    assert read(to, content) == sequence(
        0x00283000, [element(0x00283002, "US", entries, 0, 16), element(0x00283006, vr, *values)]
    )


def test_overlays_waveforms_and_pixel_data_in_implicit_vr_are_words() -> None:
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
@pytest.mark.parametrize(("term", "data", "text"), cases(TEXTS))
def test_text_in_its_character_set(term: bytes, data: bytes, text: str, layout: Layout) -> None:
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


def test_the_character_set_of_an_item_is_that_of_the_item_only() -> None:
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


def test_the_first_character_set_is_in_force_again_behind_a_delimiter() -> None:
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


def test_what_looks_like_a_delimiter_within_a_character_is_none() -> None:
    to = EXPLICIT
    terms = to.element(CHARSET, "CS", b"\\ISO 2022 IR 87 ")
    kanji = "\u8868\u79fb"  # of which the bytes have both = and \\
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
def test_what_a_character_set_does_not_decode_is_replaced() -> None:
    to = EXPLICIT
    events = read(to, to.element(CHARSET, "CS", b"ISO_IR 192"), to.element(PATIENT_ID, "LO", b"a\xffb "))
    assert events[1] == element(PATIENT_ID, "LO", "a\ufffdb")


# --- the start of a file -----------------------------------------------------------------------------------------

FORCE = ReadOptions(force=True)


def forced(data: bytes) -> tuple[list[Event], InputError | None]:
    return parse_in_all_ways(data, FORCE)


def test_files_without_a_preamble_when_asked() -> None:
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


def test_big_endian_is_told_by_the_first_group_where_nothing_else_tells() -> None:
    content = BIG_ENDIAN.element(CHARSET, "CS", b"ISO_IR 100") + BIG_ENDIAN.number(0x00280010, "US", 258)
    events, error = parse_in_all_ways(PREAMBLE + content)
    assert error is None
    assert events[1:-1] == [element(CHARSET, "CS", "ISO_IR 100"), element(0x00280010, "US", 258)]


def test_the_whole_file_meta_information() -> None:
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


@pytest.mark.parametrize(
    ("uid", "layout"), [(EXPLICIT.uid, IMPLICIT), (IMPLICIT.uid, EXPLICIT), (JPEG_UID, IMPLICIT)], ids=str
)
def test_a_data_set_in_another_transfer_syntax_is_read_with_a_warning(uid: str, layout: Layout) -> None:
    with pytest.warns(UserWarning, match="by the transfer syntax"):
        events, error = parse([start(uid) + layout.element(PATIENT_ID, "LO", b"a ")])
    assert (events, error) == (dataset(uid, *ITEM), None)


def test_a_file_may_end_behind_its_file_meta_information() -> None:
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
    ("what looks like a delimiter", [b"", EXPLICIT.end_sequence() + EXPLICIT.item(b"ab")]),
]


@pytest.mark.parametrize("vr", ["OB", "OW"])
@pytest.mark.parametrize("values", cases(FRAGMENTS))
def test_fragments(values: list[bytes], vr: str) -> None:
    to = Layout(JPEG_UID)
    data = to.fragments(PIXELS, *values, vr=vr), to.element(0xFFFCFFFC, "OB", b"\0\0")
    assert read(to, *data) == [*fragments(PIXELS, *values, vr=vr), element(0xFFFCFFFC, "OB", b"\0\0")]


def test_fragments_in_implicit_vr_are_bytes() -> None:
    assert read(IMPLICIT, IMPLICIT.fragments(PIXELS, b"", b"ab")) == fragments(PIXELS, b"", b"ab")


def test_a_long_fragment_comes_in_segments() -> None:
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
    ("an odd rest behind the last segment", "OB", b"ab" * 100_001, (b"ab" * 100_001,)),
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


@pytest.mark.parametrize("to", [EXPLICIT, BIG_ENDIAN], ids=["explicit", "big endian"])
@pytest.mark.parametrize(("vr", "data", "values"), cases(LONG))
def test_long_values_come_in_parts(vr: str, data: bytes, values: tuple[Any, ...], to: Layout) -> None:
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


def test_many_numbers_come_in_parts() -> None:
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


def test_many_tags_come_in_parts() -> None:
    tags = [0x00100000 + 65_537 * number for number in range(20_000)]
    data = b"".join(map(IMPLICIT.tag, tags))
    events = read(IMPLICIT, IMPLICIT.element(0x00280009, "AT", data))
    assert joined(events) == [element(0x00280009, "AT", *tags)]


def test_many_decimals_and_names_come_in_parts() -> None:
    to = IMPLICIT
    decimals = to.element(0x30060050, "DS", b"1.50\\ 2 \\" * 20_000 + b"3 ")
    names = to.element(NAME, "PN", b"A^B=C\\" * 20_000 + b"D ")
    assert joined(read(to, names, decimals)) == [
        element(NAME, "PN", *[("A^B", "C", "")] * 20_000, ("D", "", "")),
        element(0x30060050, "DS", *["1.50", "2"] * 20_000, "3"),
    ]


@pytest.mark.parametrize(("term", "data", "text"), cases(TEXTS))
def test_long_text_in_its_character_set(term: bytes, data: bytes, text: str) -> None:
    to = EXPLICIT
    # Lines, behind which the first character set is in force again.
    value, expected = (data + b"\r\n") * 20_000 + b"x", (text + "\r\n") * 20_000 + "x"
    content = to.element(CHARSET, "CS", padded(term)), to.element(PRIVATE, "UT", padded(value))
    assert joined(read(to, *content))[1] == element(PRIVATE, "UT", expected)


def test_long_values_in_another_character_set() -> None:
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
    """The elements of the data set itself in order of their tags, with all that is in them."""
    depth, elements = 0, []
    for event in events[1:-1]:
        if not depth:
            elements.append((event[1], []))
        elements[-1][1].append(event)
        depth += {EventType.START_SEQUENCE: 1, EventType.END_SEQUENCE: -1}.get(EventType(event[0]), 0)
    return [events[0], *(event for _, group in sorted(elements, key=itemgetter(0)) for event in group), events[-1]]


def test_there_are_files() -> None:
    assert len(BUNDLED) > 100
    assert {path.name for path in BUNDLED} >= TRUNCATED | GROUP_0001


@pytest.mark.filterwarnings("ignore::UserWarning")  # many of the files are not quite right, which is what they are for
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_a_file_of_pydicom_is_read_as_pydicom_reads_it(path: Path) -> None:
    data = path.read_bytes()
    options = ReadOptions(force=data[128:132] != b"DICM")
    expected = walked(dcmread(path, force=options.force))
    events, error = parse([data], options)
    whole = joined(events)
    for pieces in (cut(data, 4099), cut(data, 13, 1, 100)):
        again, error_again = parse(pieces, options)
        assert (again, str(error_again)) == (events, str(error))
    if path.name in TRUNCATED:
        assert isinstance(error, TruncatedError)
        assert whole == expected[: len(whole)]
        assert len(expected) - 7 < len(whole) < len(expected)
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
    """Some sequences and items have an undefined length."""
    for sequence_element in [one for one in dataset if one.VR == "SQ"]:
        # A private one without items is a sequence in implicit VR (PS3.5 6.2.2), where pydicom has UN.
        sequence_element.is_undefined_length = bool(sequence_element.value) and draw.draw(st.booleans())
        for item in sequence_element.value:
            item.is_undefined_length_sequence_item = draw.draw(st.booleans())
            lengths_are_left_out(draw, item)


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom's, of values that are too long and of unknown tags
@pytest.mark.parametrize("uid", UIDS)
@pytest.mark.parametrize("public", [True, False])
@given(draw=st.data())
def test_random_data_sets_are_read_as_pydicom_reads_them(uid: str, public: bool, draw: st.DataObject) -> None:
    made = draw.draw(datasets(public=public))
    lengths_are_left_out(draw, made)
    data = written(made, uid)
    events, error = parse(draw.draw(cuts(data)))
    assert error is None
    assert joined(events) == walked(dcmread(io.BytesIO(data)))
    assert parse([data]) == (events, None)


# --- errors ------------------------------------------------------------------------------------------------------

SECRET = b"SECRET"  # never to be seen in the text of an error
TO = EXPLICIT
GOOD = TO.element(SOP_CLASS, "UI", b"1\0") + TO.sequence(0x00081110, TO.item(item_content(TO)))
OPEN = TO.header(REFERENCES, "SQ", UNDEFINED)


def short_item(length: int, *content: bytes, to: Layout = TO) -> bytes:
    """The start of an item whose length is not that of its content."""
    return to.tag(0xFFFEE000) + to.pack("I", length) + b"".join(content)


# What goes before the fault, the fault, its tag path, and words of the message.
MALFORMED: list[tuple[str, bytes, bytes, str, str]] = [
    ("unknown VR", GOOD, TO.element(PATIENT_ID, "XX", SECRET), "00100020", "expected a VR"),
    ("VR in lower case", GOOD, TO.element(PATIENT_ID, "lo", SECRET), "00100020", "expected a VR"),
    ("VR that is no text", GOOD, b"\x10\0\x20\0\xff\xff\0\0" + SECRET, "00100020", "expected a VR"),
    ("zeros", GOOD, bytes(64), "00000000", "expected a VR"),
    (
        "unknown VR in an item",
        OPEN + TO.open_item() + short_item(UNDEFINED, TO.element(SOP_CLASS, "UI")),
        TO.element(PATIENT_ID, "QQ", SECRET),
        "00081140[1].00100020",
        "expected a VR",
    ),
    (
        "element behind the end of its item",
        OPEN + short_item(13),
        TO.element(PATIENT_ID, "LO", SECRET),
        "00081140[0].00100020",
        "end within its item",
    ),
    (
        "header behind the end of its item",
        OPEN + short_item(5),
        TO.element(PATIENT_ID, "LO", SECRET),
        "00081140[0].00100020",
        "end within its item",
    ),
    (
        "long header behind the end of its item",
        OPEN + short_item(10),
        TO.element(PATIENT_ID, "UT", SECRET),
        "00081140[0].00100020",
        "end within its item",
    ),
    (
        "known element behind the end of its item",
        OPEN + TO.item(TO.element(PATIENT_ID, "LO", b"ab")) + short_item(9),
        TO.element(PATIENT_ID, "LO", b"ab"),
        "00081140[1].00100020",
        "end within its item",
    ),
    (
        "sequence behind the end of its item",
        OPEN + short_item(20),
        TO.sequence(REFERENCES, TO.item(item_content(TO))),
        "00081140[0].00081140",
        "end within its item",
    ),
    (
        "item behind the end of the item around it",
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
        "value without a length that ends behind its item",
        OPEN + short_item(24) + TO.open_sequence(REFERENCES, TO.item()),
        b"",
        "00081140[0].00081140",
        "end within its item",
    ),
    (
        "fragments that end behind their item",
        OPEN + short_item(24) + TO.fragments(PIXELS, b""),
        b"",
        "00081140[0].7FE00010",
        "end within its item",
    ),
    (
        "no item in a sequence",
        OPEN + TO.item(),
        TO.element(PATIENT_ID, "LO", SECRET),
        "00081140[1]",
        "expected an item",
    ),
    (
        "no item in a sequence of a length",
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
        "expected an element",
    ),
    ("end of an item in the data set", GOOD, TO.end_item(), "FFFEE00D", "expected an element"),
    ("end of a sequence in the data set", GOOD, TO.end_sequence(), "FFFEE0DD", "expected an element"),
    ("item in the data set", GOOD, TO.item(), "FFFEE000", "expected an element"),
    ("item in an item", OPEN + short_item(UNDEFINED), TO.item(), "00081140[0].FFFEE000", "expected an element"),
    ("odd length of a number", GOOD, TO.element(0x00280010, "US", b"abc"), "00280010", "expected a multiple"),
    (
        "odd length of a known number",
        TO.number(0x00280010, "US", 1),
        TO.element(0x00280010, "US", b"abc"),
        "00280010",
        "expected a multiple",
    ),
    ("odd length of a tag", GOOD, TO.element(PRIVATE, "AT", b"ab"), "00091001", "expected a multiple"),
    (
        "odd length of many numbers",
        GOOD + TO.header(PRIVATE, "SV", 80_001),
        bytes(80_001),
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
        "fragment behind the end of its item",
        OPEN + short_item(24) + TO.header(PIXELS, "OB", UNDEFINED),
        TO.item(SECRET),
        "00081140[0].7FE00010",
        "end within its item",
    ),
]


@pytest.mark.parametrize("behind", [b"", bytes(100)], ids=["at the end", "with more behind it"])
@pytest.mark.parametrize(("before", "fault", "path", "words"), cases(MALFORMED))
def test_malformed_data_sets(before: bytes, fault: bytes, path: str, words: str, behind: bytes) -> None:
    _, error = parse_in_all_ways(file(EXPLICIT, before, fault, behind), index=3)
    assert type(error) is DicomFileError
    assert words in error.message
    assert error.location == Location(len(start(EXPLICIT.uid)) + len(before), 3, path)
    assert SECRET.decode() not in str(error)


def test_events_before_a_fault_are_delivered() -> None:
    parser = Part10Parser()
    events = parser.feed(file(EXPLICIT, GOOD, TO.element(PATIENT_ID, "XX")))
    assert events == dataset(EXPLICIT.uid, element(SOP_CLASS, "UI", "1"), *sequence(0x00081110, ITEM))[:-1]
    assert isinstance(parser.error, DicomFileError)


@pytest.mark.parametrize("data", [bytes(132), bytes(128) + b"dicm", b"DICOM" * 30, b'{"00080005": {}}' * 10])
def test_what_is_no_dicom_file(data: bytes) -> None:
    events, error = parse_in_all_ways(data)
    assert events == []
    assert type(error) is DicomFileError
    assert error.location == Location(0, 0, "")


@pytest.mark.parametrize("length", [0, 1, 127, 128, 131])
@pytest.mark.parametrize("force", [False, True])
def test_less_than_a_preamble(length: int, force: bool) -> None:
    events, error = parse_in_all_ways(PREAMBLE[:length], ReadOptions(force=force))
    if length and force:  # zeros are elements of no length in implicit VR, the last of which may be cut off
        assert (error is None) == (length == 128)
    else:
        assert events == []
        assert type(error) is TruncatedError
        assert error.location == Location(0, 0, "")


def test_a_short_file_that_stops_within_an_element_is_an_error() -> None:
    data = TO.element(PATIENT_ID, "LO", b"a ") + TO.element(COMMENTS, "LT", b"abcd")[:-1]
    _, error = parse_in_all_ways(data, ReadOptions(force=True))
    assert type(error) is TruncatedError
    assert error.location == Location(10, 0, "00104000")
    with pytest.raises(TruncatedError):
        list(iter_events(data, options=ReadOptions(force=True)))


LONG_META = [
    TO.element(0x00020102, "OB", bytes(70_000)),
    TO.fragments(0x00020102, b"a"),
    TO.sequence(0x00020102),
    TO.open_sequence(0x00020102),
]


@pytest.mark.parametrize("content", LONG_META, ids=["long value", "fragments", "sequence", "sequence without a length"])
def test_what_the_file_meta_information_does_not_hold(content: bytes) -> None:
    _, error = parse_in_all_ways(PREAMBLE + content)
    assert type(error) is DicomFileError
    assert error.location.tag_path.startswith("00020102")


def test_sequences_nest_as_deep_as_the_limits_allow() -> None:
    # The data set and the elements of the last item take four, see ``Limits.depth``.
    for depth, most in ((10, 2), (12, 2), (13, 3), (256, 84)):
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


@pytest.mark.parametrize("vr", ["PN", "DS", "IS"])
def test_a_value_that_cannot_come_in_segments_is_bounded(vr: str) -> None:
    tag = {"PN": NAME, "DS": 0x30060050, "IS": 0x00200013}[vr]
    for before in (b"", b"1\\"):
        _, error = parse_in_all_ways(file(IMPLICIT, IMPLICIT.element(tag, vr, before + SECRET * 30_000)))
        assert isinstance(error, LimitError)
        assert error.limit == "segment_size"
        assert error.location.tag_path == f"{tag:08X}"
        assert SECRET.decode() not in str(error)


def test_a_line_in_several_character_sets_is_bounded() -> None:
    charset = TO.element(CHARSET, "CS", b"\\ISO 2022 IR 87 ")
    _, error = parse_in_all_ways(file(TO, charset, TO.element(PRIVATE, "UT", b"a" * 1_000_000)))
    assert isinstance(error, LimitError)
    assert error.location.tag_path == "00091001"


# --- files that stop too early -----------------------------------------------------------------------------------


def everything(to: Layout) -> list[bytes]:
    """Elements of every kind, so that a file may stop behind each."""
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
def test_a_file_that_stops_at_any_byte(layout: Layout) -> None:
    elements = [PREAMBLE, meta(layout.uid), *everything(layout)]
    ends = set(accumulate(map(len, elements)))
    data = b"".join(elements)
    assert len(data) in ends
    whole, error = parse([data])
    assert error is None
    for length in range(len(data)):
        events, error = parse([data[:length]])
        if length in ends:
            assert error is None
            assert events[-1][0] == EventType.END_DATASET
            events.pop()
        else:
            assert type(error) is TruncatedError
            assert error.location.dataset_index == 0
            assert error.location.byte_offset is not None
            assert max((end for end in ends if end < length), default=0) <= error.location.byte_offset <= length
        assert events == whole[: len(events)]
        again, error_again = parse(cut(data[:length], 1, 5))
        assert str(error_again) == str(error)
        assert again[: len(events)] == events


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
    ("behind a value in an item", OPEN + short_item(UNDEFINED, item_content(TO)), 30, "00081140[0]"),
    ("behind a value in an item of a length", OPEN + short_item(100, item_content(TO)), 30, "00081140[0]"),
    ("in a sequence of a length", TO.header(REFERENCES, "SQ", 100) + TO.item(), 20, "00081140[1]"),
    ("in fragments", TO.header(PIXELS, "OB", UNDEFINED) + TO.item(), 20, "7FE00010"),
    ("in a fragment", TO.header(PIXELS, "OB", UNDEFINED) + short_item(10, b"ab"), 20, "7FE00010"),
    ("in a long value", TO.header(PIXELS, "OB", 70_000), 12, "7FE00010"),
    ("in the second segment", TO.header(PIXELS, "OB", 70_000) + bytes(50_000), 12 + 48 * 1024, "7FE00010"),
]


@pytest.mark.parametrize(("data", "offset", "path"), cases(TRUNCATIONS))
def test_where_a_file_stops(data: bytes, offset: int, path: str) -> None:
    _, error = parse_in_all_ways(file(TO, data))
    assert type(error) is TruncatedError
    assert error.location == Location(len(start(TO.uid)) + offset, 0, path)


def test_a_deflated_file_that_stops_at_any_byte() -> None:
    data = file(Layout(DEFLATED_UID), *everything(TO))
    whole, _ = parse([data])
    for length in range(len(start(DEFLATED_UID)) + 1, len(data)):
        events, error = parse(cut(data[:length], 50))
        assert type(error) is TruncatedError
        assert events == whole[: len(events)]


def test_a_deflated_file_that_is_damaged() -> None:
    data = bytearray(file(Layout(DEFLATED_UID), *everything(TO)))
    data[len(start(DEFLATED_UID))] = 0xFF
    _, error = parse_in_all_ways(bytes(data))
    assert type(error) is DicomFileError
    assert "deflated" in error.message


def test_what_comes_behind_a_deflated_data_set_is_passed_over() -> None:
    data = file(Layout(DEFLATED_UID), *everything(TO))
    assert parse_in_all_ways(data + b"\0" * 1000) == parse([data])


def test_a_fault_in_a_deflated_data_set_has_its_place_in_what_was_deflated() -> None:
    _, error = parse_in_all_ways(file(Layout(DEFLATED_UID), GOOD, TO.element(PATIENT_ID, "XX")))
    assert isinstance(error, DicomFileError)
    assert error.location == Location(len(start(DEFLATED_UID)) + len(GOOD), 0, "00100020")


# --- what is read although it is not right -----------------------------------------------------------------


@pytest.mark.parametrize(
    "item", [TO.item(item_content(TO)), TO.open_item(item_content(TO))], ids=["length", "no length"]
)
def test_an_item_may_go_on_behind_its_sequence(item: bytes) -> None:
    data = file(TO, TO.header(REFERENCES, "SQ", 10) + item, TO.element(COMMENTS, "LT", b"behind"))
    with pytest.warns(UserWarning, match="to end within its sequence"):
        events, error = parse([data])
    assert (events, error) == (dataset(TO.uid, *sequence(REFERENCES, ITEM), BEHIND), None)


# --- anything at all ---------------------------------------------------------------------------------------------

SMALL = [path for path in BUNDLED if path.stat().st_size < 20_000]


def damaged(source: random.Random, data: bytes) -> bytes:
    """A file with some bytes changed, put in, or left out."""
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
@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.name)
def test_a_damaged_file_is_read_or_refused(path: Path) -> None:
    source = random.Random(path.name)
    original = path.read_bytes()
    for number in range(40):
        data = damaged(source, original)
        options = ReadOptions(force=number % 2 == 0)
        pieces = cut(data, source.randint(1, 9), source.randint(1, 999))
        assert outcome(*parse(pieces, options)) == outcome(*parse([data], options))


@pytest.mark.filterwarnings("ignore")
@given(st.binary(max_size=300), st.sampled_from([*UIDS, JPEG_UID, ""]), st.data())
def test_any_bytes_are_read_or_refused(content: bytes, uid: str, draw: st.DataObject) -> None:
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
    """Something like elements, one behind the other."""
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
def test_anything_like_elements_is_read_or_refused(content: list[bytes], uid: str, draw: st.DataObject) -> None:
    data = start(uid) + b"".join(content)
    events, error = parse([data])
    assert outcome(*parse(draw.draw(cuts(data)))) == outcome(events, error)
    depth = 0
    for kind, *_ in events:
        depth += {EventType.START_SEQUENCE: 1, EventType.END_SEQUENCE: -1}.get(EventType(kind), 0)
        assert depth >= 0
    assert error or depth == 0


# --- values that are passed over --------------------------------------------------------------------------------


def _skipping(data: bytes, size: int, but: int = -1) -> tuple[list[Any], int]:
    """What a parser gives that is told to skip whenever it may, and how many bytes it was not fed."""
    parser = Part10Parser()
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
@pytest.mark.parametrize("size", [1000, 16384])
@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.name)
def test_long_values_can_be_passed_over_and_the_rest_is_the_same(path: Path, size: int) -> None:
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


def test_what_is_passed_over_is_nearly_all_of_a_long_value_but_for_a_tag_that_is_named() -> None:
    data = start(EXPLICIT.uid) + EXPLICIT.element(PIXELS, "OW", bytes(1_000_000))
    assert _skipping(data, 16384)[1] > 980_000
    events, passed_over = _skipping(data, 16384, PIXELS)
    assert not passed_over
    assert (
        sum(len(event[3]) for event in events if event[0] in (EventType.SEGMENT, EventType.LAST_SEGMENT)) == 1_000_000
    )


def test_a_file_that_stops_within_what_is_passed_over_is_truncated() -> None:
    data = start(EXPLICIT.uid) + EXPLICIT.element(PIXELS, "OW", bytes(1_000_000))
    events, _ = _skipping(data[:-1], 16384)
    assert events[-1][0] is TruncatedError


def test_a_file_that_was_read_does_not_wait_for_the_garbage_collector() -> None:
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
