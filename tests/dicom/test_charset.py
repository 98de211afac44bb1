"""Text in character sets (PS3.5 6.1), with the examples of Annexes H to K."""

from __future__ import annotations

import encodings
from collections.abc import Iterable
from functools import cache, partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.dicom.charset import (
    NO_CHARACTER_SET,
    UNDECODABLE,
    UNEXPECTED_ESCAPE,
    CharacterSets,
    TextDecoder,
    TextEncoder,
    character_sets,
    delimiters,
)
from streamdicom.dicom.charset_terms import TERMS, CodeElement, encoded, encoded_character
from tests.support.each import each

VRS = ["LO", "LT", "PN", "SH", "ST", "UC", "UT"]

# --- the table of terms ------------------------------------------------------------------------------------------

# PS3.3 Tables C.12-2 to C.12-5: the number of characters in G1 or in the set of two bytes, and the escape sequence.
SETS = {
    "6": (0, ""),
    "100": (96, "02/13 04/01"),
    "101": (96, "02/13 04/02"),
    "109": (89, "02/13 04/03"),
    "110": (96, "02/13 04/04"),
    "144": (96, "02/13 04/12"),
    "127": (51, "02/13 04/07"),
    "126": (93, "02/13 04/06"),
    "138": (60, "02/13 04/08"),
    "148": (96, "02/13 04/13"),
    "203": (96, "02/13 06/02"),
    "13": (63, "02/09 04/09"),
    "166": (87, "02/13 05/04"),
    "87": (6879, "02/04 04/02"),
    "159": (6066, "02/04 02/08 04/04"),
    "149": (8225, "02/04 02/09 04/03"),
    "58": (7445, "02/04 02/09 04/01"),
}
STANDALONE = ["ISO_IR 192", "GB18030", "GBK"]


def test_every_defined_term_is_known() -> None:
    extended = {f"ISO 2022 IR {number}" for number in SETS}
    single = {f"ISO_IR {number}" for number in SETS if number not in ("6", "87", "159", "149", "58")}
    assert set(TERMS) == extended | single | set(STANDALONE)


@cache
def characters(element: CodeElement) -> str:
    """Return the characters of a set, except for controls."""
    codes = [*range(0xA0, 0xD800), *range(0xE000, 0x10000)]
    return "".join(character for character in map(chr, codes) if encoded_character(character, element))


def sets_of(term: str) -> list[CodeElement]:
    return [element for element in TERMS[term][:2] if element is not None and element.codec != "ascii"]


@pytest.mark.parametrize("number", SETS)
@pytest.mark.slow
def test_number_of_characters_and_escape_sequence(number: str) -> None:
    count, escape = SETS[number]
    found = sets_of(f"ISO 2022 IR {number}")
    assert sum(len(characters(element)) for element in found) == count
    assert [" ".join(f"{byte >> 4:02}/{byte & 15:02}" for byte in one.escape) for one in found] == [escape][
        : len(found)
    ]


@each("term", TERMS)
@pytest.mark.slow
def test_every_character_makes_the_round_trip(term: str) -> None:
    terms = [term] if not TERMS[term].has_extensions else ["", term]
    text = "\n".join(characters(element) for element in sets_of(term) if term not in STANDALONE) or "é山€"
    text = "".join(character for character in text if character < " " or encodes(terms, character))
    sets = character_sets(terms)
    assert sets.is_defined
    data = sets.encode(text, "UT")
    assert data is not None
    assert sets.decode(data, "UT") == (text, frozenset())


def encodes(terms: Iterable[str], text: str) -> bool:
    return character_sets(terms).encode(text, "UT") is not None


# --- the examples of PS3.5 ---------------------------------------------------------------------------------------

EXAMPLES: list[tuple[str, list[str], str, str, bytes]] = [
    (
        "H.3.1",
        ["", "ISO 2022 IR 87"],
        "PN",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
    ),
    (
        "H.3.2",
        ["ISO 2022 IR 13", "ISO 2022 IR 87"],
        "PN",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
    ),
    (
        "I.2",
        ["", "ISO 2022 IR 149"],
        "PN",
        "Hong^Gildong=洪^吉洞=홍^길동",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
    ),
    (
        "I.3, escape sequences where they are needed",
        ["", "ISO 2022 IR 149"],
        "LT",
        "The first line includes 한글.\r\nThe second line includes 한글, too.\r\nThe third line",
        b"The first line includes \x1b$)C\xc7\xd1\xb1\xdb.\r\n"
        b"The second line includes \x1b$)C\xc7\xd1\xb1\xdb, too.\r\n"
        b"The third line",
    ),
    ("J.1", ["ISO_IR 192"], "PN", "Wang^XiaoDong=王^小東=", b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1="),
    (
        "J.2",
        ["ISO_IR 192"],
        "LT",
        "The first line includes中文.\r\nThe second line includes中文, too.\r\nThe third line.\r\n",
        b"The first line includes\xe4\xb8\xad\xe6\x96\x87.\r\n"
        b"The second line includes\xe4\xb8\xad\xe6\x96\x87, too.\r\n"
        b"The third line.\r\n",
    ),
    *(
        row
        for term in ("GB18030", "GBK")  # the examples are for both
        for row in (
            (f"J.3 {term}", [term], "PN", "Wang^XiaoDong=王^小东=", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab="),
            (
                f"J.4 {term}",
                [term],
                "LT",
                "The first line includes中文.\r\nThe second line includes中文, too.\r\nThe third line.\r\n",
                b"The first line includes\xd6\xd0\xce\xc4.\r\nThe second line includes\xd6\xd0\xce\xc4, too.\r\n"
                b"The third line.\r\n",
            ),
        )
    ),
    (
        "K.2",
        ["", "ISO 2022 IR 58"],
        "PN",
        "Zhang^XiaoDong=张^小东=",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
    ),
    (
        "K.3",
        ["", "ISO 2022 IR 58"],
        "LT",
        "1.第一行文字。\r\n2.第二行文字。\r\n3.第三行文字。\r\n",
        b"1.\x1b$)A\xb5\xda\xd2\xbb\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3\r\n"
        b"2.\x1b$)A\xb5\xda\xb6\xfe\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3\r\n"
        b"3.\x1b$)A\xb5\xda\xc8\xfd\xd0\xd0\xce\xc4\xd7\xd6\xa1\xa3\r\n",
    ),
]


@each(("terms", "vr", "text", "data"), [pytest.param(*row[1:], id=row[0]) for row in EXAMPLES])
def test_examples_of_the_standard_in_both_directions(terms: list[str], vr: str, text: str, data: bytes) -> None:
    sets = character_sets(terms)
    assert sets.decode(data, vr) == (text, frozenset())
    if terms == ["", "ISO 2022 IR 58"]:  # for DCMTK, which would not read a line with one or three digits
        data = data.replace(b"\r\n2", b"\r\n\x1b(B2").replace(b"\r\n3", b"\r\n\x1b(B3")
    assert sets.encode(text, vr) == data
    check_in_pieces(sets, vr, data)
    for cut in range(len(text) + 1):
        encoder = TextEncoder(sets, vr)
        first, last = encoder.encode(text[:cut], final=False), encoder.encode(text[cut:], final=True)
        assert (first or b"") + (last or b"") == data


def test_escape_sequence_at_the_head_of_a_line_is_for_the_line() -> None:
    # PS3.5 I.3 has it there; it is written where it is needed.
    first, second = b"\x1b$)CThe first line includes ", b"\x1b$)CThe second line includes "
    data = first + b"\xc7\xd1\xb1\xdb.\r\n" + second + b"\xc7\xd1\xb1\xdb, too.\r\nThe third line"
    text = "The first line includes 한글.\r\nThe second line includes 한글, too.\r\nThe third line"
    assert character_sets(["", "ISO 2022 IR 149"]).decode(data, "LT") == (text, frozenset())


# --- delimiters --------------------------------------------------------------------------------------------------

# The first set has é where the second one has a Korean character, and no escape sequence follows the delimiter.
_SETS = ["ISO 2022 IR 100", "ISO 2022 IR 149"]


@each("vr", VRS)
@each("delimiter", "\\^=\r\n\f\t")
def test_delimiter_puts_the_first_set_in_force_again(vr: str, delimiter: str) -> None:
    # PS3.5 6.1.2.5.3: values, components of names, lines and pages.
    is_delimiter = delimiter in ("\\^=\r\n\f\t" if vr == "PN" else "\r\n\f\t" if vr[1] == "T" else "\\\r\n\f\t")
    assert (delimiter in delimiters(vr)) is is_delimiter
    data = b"\x1b$)C\xb0\xa1" + delimiter.encode() + b"\xb0\xa1"
    sets = character_sets(_SETS)
    assert sets.decode(data, vr) == (f"가{delimiter}{'°¡' if is_delimiter else '가'}", frozenset())
    text = f"가{delimiter}é"
    encoded_text = sets.encode(text, vr)
    assert encoded_text is not None
    first, second = encoded_text.split(delimiter.encode())
    assert first.endswith(b"\x1b-A") is is_delimiter
    assert second == (b"\xe9" if is_delimiter else b"\x1b-A\xe9")


def test_delimiter_within_a_character_of_two_bytes_is_none() -> None:
    for terms, text in ((["", "ISO 2022 IR 87"], "表移^表=移"), (["GB18030"], "乗俓乣^俓"), (["GBK"], "乗俓乣^俓")):
        sets = character_sets(terms)
        data = sets.encode(text, "PN")
        assert data is not None
        assert data.count(b"^") + data.count(b"\\") + data.count(b"=") > 2
        assert sets.decode(data, "PN") == (text, frozenset())


def test_set_in_g1_stays_while_g0_changes() -> None:
    sets = character_sets(["ISO 2022 IR 100", "ISO 2022 IR 144", "ISO 2022 IR 87"])
    assert sets.encode("Ж山Ж", "LO") == b"\x1b-L\xb6\x1b$B;3\xb6\x1b(B\x1b-A"
    assert sets.decode(b"\x1b-L\xb6\x1b$B;3\x1b(B\xb6", "LO") == ("Ж山Ж", frozenset())


# --- faults ------------------------------------------------------------------------------------------------------

FAULTS: list[tuple[str, list[str], str, bytes, str, set[str]]] = [
    ("no character set", [], "LO", b"caf\xe9", "café", {NO_CHARACTER_SET}),
    ("none in force", ["", "ISO 2022 IR 87"], "LO", b"caf\xe9", "café", {NO_CHARACTER_SET}),
    ("none in force, but one in G1", ["", "ISO 2022 IR 149"], "PN", b"\xb0\xa1^x", "가^x", {NO_CHARACTER_SET}),
    ("invalid UTF-8", ["ISO_IR 192"], "LO", b"a\xffb", "a\ufffdb", {UNDECODABLE}),
    ("incomplete UTF-8", ["ISO_IR 192"], "LO", b"a\xe5\xb1", "a\ufffd\ufffd", {UNDECODABLE}),
    ("surrogate in UTF-8", ["ISO_IR 192"], "LO", b"\xed\xa0\x80", "\ufffd" * 3, {UNDECODABLE}),
    ("not in Arabic", ["ISO_IR 127"], "LO", b"\xa1", "\ufffd", {UNDECODABLE}),
    ("not in katakana", ["ISO_IR 13"], "LO", b"\x82\xa0", "\ufffd\ufffd", {UNDECODABLE}),
    ("half a character in G0", ["", "ISO 2022 IR 87"], "LO", b"\x1b$B;3E\x1b(Ba", "山\ufffda", {UNDECODABLE}),
    ("unassigned in G0", ["", "ISO 2022 IR 87"], "LO", b"\x1b$B)!;3\x1b(Ba", "\ufffd山a", {UNDECODABLE}),
    ("half a character in G1", ["", "ISO 2022 IR 149"], "LO", b"\x1b$)C\xb0\x1b(Ba", "\ufffda", {UNDECODABLE}),
    ("unknown escape sequence", ["", "ISO 2022 IR 87"], "LO", b"a\x1b$(Qb", "a\ufffdb", {UNDECODABLE}),
    ("incomplete escape sequence", ["", "ISO 2022 IR 87"], "LO", b"a\x1b$", "a\ufffd$", {UNDECODABLE}),
    ("escape at the end", ["", "ISO 2022 IR 87"], "LO", b"a\x1b", "a\ufffd", {UNDECODABLE}),
    ("terminal sequence", [], "LO", b"\x1b[1ma", "\ufffd1ma", {UNDECODABLE}),
    ("no code extensions", ["ISO_IR 100"], "LO", b"\x1b$B;3\x1b(B\xe9", "山é", {UNEXPECTED_ESCAPE}),
    ("in UTF-8", ["ISO_IR 192"], "LO", b"\x1b$B;3\x1b(B\xc3\xa9", "山é", {UNEXPECTED_ESCAPE}),
    ("another set", ["", "ISO 2022 IR 87"], "LO", b"\x1b-L\xb6", "Ж", {UNEXPECTED_ESCAPE}),
    ("JIS of 1978", ["", "ISO 2022 IR 87"], "LO", b"\x1b$@;3\x1b(B", "山", {UNEXPECTED_ESCAPE}),
    ("delimiter in G0", ["", "ISO 2022 IR 87"], "PN", b"\x1b$B;3^\x1b$B;3\x1b(B", "山^山", {UNEXPECTED_ESCAPE}),
]


@each(("terms", "vr", "data", "text", "faults"), [pytest.param(*row[1:], id=row[0]) for row in FAULTS])
def test_faults_are_named_and_no_escape_sequence_is_left(
    terms: list[str], vr: str, data: bytes, text: str, faults: set[str]
) -> None:
    assert character_sets(terms).decode(data, vr) == (text, faults)
    assert "\x1b" not in text


def pieces(sets: CharacterSets, vr: str, *parts: bytes) -> tuple[str, set[str]]:
    decoder = TextDecoder(sets, vr)
    texts = [decoder.decode(part, final=False) for part in parts]
    return "".join([*texts, decoder.decode(b"", final=True)]), decoder.faults


def check_in_pieces(sets: CharacterSets, vr: str, data: bytes) -> str:
    """Check that the text does not depend on cuts; return the text."""
    text, faults = sets.decode(data, vr)
    for cut in range(len(data) + 1):
        assert pieces(sets, vr, data[:cut], data[cut:]) == (text, faults)
    assert pieces(sets, vr, *(data[start:end] for start, end in pairwise(range(len(data) + 1)))) == (text, faults)
    return text


_FRAGMENTS = st.one_of(
    st.sampled_from([b"\x1b", b"\x1b$", b"\x1b$(", b"^", b"=", b"\\", b"\n", b"\t", b" ", b"a"]),
    st.sampled_from(
        [b"\x1b(B", b"\x1b(J", b"\x1b)I", b"\x1b-A", b"\x1b-L", b"\x1b$B", b"\x1b$(D", b"\x1b$)A", b"\x1b$)C"]
    ),
    st.binary(max_size=4),
    st.sampled_from([b";3", b"\xb0\xa1", b"\xe9", b"\xe5\xb1\xb1", b"\x81\x30\x81\x30"]),
)
_EXTENDED = sorted(term for term, row in TERMS.items() if row.has_extensions)
_FIRST = ["", *(term for term in _EXTENDED if TERMS[term].is_first)]
_SINGLE = sorted(set(TERMS) - set(_EXTENDED))
_COMBINATIONS = st.one_of(
    st.sampled_from(_SINGLE).map(lambda term: [term]),
    st.builds(
        lambda first, others: [first, *others],
        st.sampled_from(_FIRST),
        st.lists(st.sampled_from(_EXTENDED), min_size=1, max_size=4),
    ),
)


@given(terms=st.one_of(_COMBINATIONS, st.just([])), vr=st.sampled_from(VRS), parts=st.lists(_FRAGMENTS, max_size=8))
def test_any_bytes_are_decoded_without_escape_sequences_wherever_they_are_cut(
    terms: list[str], vr: str, parts: list[bytes]
) -> None:
    text = check_in_pieces(character_sets(terms), vr, b"".join(parts))
    assert "\x1b" not in text
    text.encode()


# --- encoding ----------------------------------------------------------------------------------------------------


@st.composite
def _texts(draw: st.DrawFn) -> tuple[list[str], str]:
    """Return terms, and a text of characters of their sets and the default repertoire."""
    terms = draw(_COMBINATIONS)
    ascii_text = st.text(st.sampled_from("\t\n\f\r\0\x01 ^=\\~abc\x7f"), max_size=3)
    strategies = [ascii_text]
    for term in filter(None, terms):
        if term in STANDALONE:
            codec = TERMS[term][1]
            assert codec
            strategies.append(st.text(max_size=4).filter(partial(encoded_in, codec)))
        strategies += [st.text(st.sampled_from(characters(one)), max_size=4) for one in sets_of(term) if one.escape]
    return terms, "".join(draw(st.lists(st.one_of(strategies), max_size=6)))


def encoded_in(element: CodeElement, text: str) -> bool:
    return "\x1b" not in text and encoded(text, element.codec) is not None


@pytest.mark.slow
@given(found=_texts(), vr=st.sampled_from(VRS), cut=st.integers(0, 24))
def test_text_of_every_combination_makes_the_round_trip(found: tuple[list[str], str], vr: str, cut: int) -> None:
    terms, text = found
    sets = character_sets(terms)
    assert sets.is_defined
    data = sets.encode(text, vr)
    assert data is not None
    assert check_in_pieces(sets, vr, data) == text
    assert sets.decode(data, vr)[1] == set()
    encoder = TextEncoder(sets, vr)
    first, last = encoder.encode(text[:cut], final=False), encoder.encode(text[cut:], final=True)
    assert (first or b"") + (last or b"") == data


@each(
    ("text", "terms", "data"),
    [
        ("é", ["ISO_IR 100"], b"\xe9"),
        ("Ж", ["ISO_IR 144"], b"\xb6"),
        ("é", ["ISO_IR 192"], "é".encode()),
        ("é", [], None),  # the default repertoire is ASCII
        ("Ж", ["ISO_IR 100"], None),
        ("山", ["ISO_IR 13"], None),  # JIS X 0201 has no kanji
        ("¥", ["ISO_IR 13"], None),  # its code is the backslash, which separates values
        ("\\~", ["ISO_IR 13"], b"\\~"),
        ("€", ["GB18030"], "€".encode("gb18030")),
        ("ก", ["", "ISO 2022 IR 87"], None),
        ("똠", ["", "ISO 2022 IR 149"], None),  # KS X 1001 has no character for this syllable
        ("a\x1b(B", ["", "ISO 2022 IR 87"], None),  # it would start an escape sequence
        ("a\x1b", ["ISO_IR 192"], None),
        ("é", ["koi8-r"], None),
        ("é", ["ISO-IR 100"], None),  # other readers may not know the term
        ("é", ["ISO 2022 IR 100"], None),  # one value does not allow code extensions
        ("啊x啊", ["", "ISO 2022 IR 58"], b"\x1b$)A\xb0\xa1\x1b(Bx\x1b$)A\xb0\xa1"),
    ],
)
def test_text_is_encoded_completely_or_not_at_all(text: str, terms: list[str], data: bytes | None) -> None:
    assert character_sets(terms).encode(text, "LO") == data


# --- terms -------------------------------------------------------------------------------------------------------

UNDEFINED: list[tuple[list[str], bytes, str]] = [
    (["ISO-IR 144"], b"\xb6", "Ж"),
    (["iso_ir 144"], b"\xb6", "Ж"),
    (["ISO 2022-IR 144", "ISO 2022 IR 87"], b"\xb6\x1b$B;3\x1b(B", "Ж山"),
    (["", "ISO 2022_IR 87"], b"\x1b$B;3\x1b(B", "山"),
    (["ISO_IR 144", "ISO 2022 IR 87"], b"\xb6\x1b$B;3\x1b(B", "Ж山"),
    (["", "ISO_IR 144"], b"\x1b-L\xb6", "Ж"),
    (["ISO 2022 IR 87"], b"\x1b$B;3\x1b(B", "山"),
    (["ISO 2022 IR 149"], b"\xb0\xa1", "가"),
    (["ISO 2022 IR 144"], b"\xb6", "Ж"),
    (["ISO 2022 GBK"], b"\xb0\xa1", "啊"),  # as it was before CP-1234
    (["ISO 2022 58"], b"\xb0\xa1", "啊"),
    (["ISO_IR 192", "ISO 2022 IR 87"], "é".encode(), "é"),
    (["ISO 2022 IR 144", "ISO_IR 192"], b"\xb6", "Ж"),
    (["ISO_IR 6"], b"a", "a"),
    (["koi8-r"], b"\xf6", "Ж"),
    (["UTF-8"], "é".encode(), "é"),
]


@each(("terms", "data", "text"), UNDEFINED)
def test_undefined_term_is_read_as_a_similar_one(terms: list[str], data: bytes, text: str) -> None:
    sets = character_sets(terms)
    assert not sets.is_defined
    assert sets.decode(data, "LO")[0] == text


@each(
    "term",
    ["utf-16", "utf_7", "hz", "rot13", "hex", "UTF--8", "ISO_IR 1\0", "nothing", "x" * 100_000, "\ud800", "ISO_IR 9 9"],
)
def test_unknown_term_is_the_default(term: str) -> None:
    for terms in ([term], ["", term], [term, "ISO 2022 IR 87"]):
        sets, expected = character_sets(terms), character_sets(["" if name == term else name for name in terms])
        assert not sets.is_defined
        assert (sets.g0, sets.g1) == (expected.g0, expected.g1)
        assert set(sets.elements) >= {element for element in expected.elements if element.codec != "ascii"}


def test_unknown_names_are_not_cached() -> None:
    character_sets(f"no such thing {number}" for number in range(64))
    cached = encodings._cache  # type: ignore[attr-defined]
    assert not [name for name in cached if "no_such_thing" in name or "no such thing" in name]


def test_number_of_terms_is_bounded() -> None:
    assert len(character_sets(["ISO 2022 IR 87"] * 100_000).terms) == 64


def test_padding_and_empty_values_at_the_end_mean_nothing() -> None:
    assert character_sets(["ISO_IR 100 ", "", None]) is character_sets(["ISO_IR 100"])
    assert character_sets(["", ""]) is character_sets([])
    assert character_sets([""]).is_defined
