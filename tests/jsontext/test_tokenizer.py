"""JsonTokenizer: fed whole, byte by byte, and cut in two at each place; with members passed over, and without."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import pytest

from streamdicom.errors import InputError, JsonSyntaxError, LimitError, TruncatedError
from streamdicom.jsontext import JsonTokenizer, Stretch, Token, TokenType
from streamdicom.jsontext.grammar import _MOST_REMEMBERED, Grammar, State
from streamdicom.limits import Limits
from tests.support.members import MEMBER, feed

OPEN, CLOSE = (TokenType.START_OBJECT, ""), (TokenType.END_OBJECT, "")
OPEN_ARRAY, CLOSE_ARRAY = (TokenType.START_ARRAY, ""), (TokenType.END_ARRAY, "")
TRUE, FALSE, NULL = (TokenType.TRUE, ""), (TokenType.FALSE, ""), (TokenType.NULL, "")

# A failure is the class of the error, its message, its byte offset, and the limit that it names.
Failure = tuple[type[InputError], str, int | None, str]


def name(text: str) -> Token:
    return TokenType.PROPERTY_NAME, text


def string(text: str) -> Token:
    return TokenType.STRING, text


def number(text: str) -> Token:
    return TokenType.NUMBER, text


def segments(*texts: str) -> list[Token]:
    return [*((TokenType.STRING_SEGMENT, text) for text in texts[:-1]), (TokenType.STRING_END, texts[-1])]


def cases(table: Sequence[Sequence[Any]]) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def run(
    chunks: Iterable[bytes], limits: Limits | None, multiple: bool, members: bool = False
) -> tuple[list[Token], Failure | None]:
    reader = JsonTokenizer(limits, multiple=multiple)
    tokens: list[Token] = []
    try:
        for chunk in (*chunks, None):
            tokens += feed(reader, chunk, members=members)
    except InputError as error:
        return tokens, (type(error), error.message, error.location.byte_offset, getattr(error, "limit", ""))
    return tokens, None


def single_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def ways_to_cut(data: bytes) -> Iterator[list[bytes]]:
    yield [data]
    yield single_bytes(data)
    yield [b"", *single_bytes(data), b""]
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]


def read_every_way(
    data: bytes, limits: Limits | None = None, multiple: bool = False
) -> tuple[list[Token], Failure | None]:
    """What a reader makes of the bytes, having made sure that it is the same however they are cut."""
    outcomes = [run(chunks, limits, multiple) for chunks in ways_to_cut(data)]
    outcomes += [run(chunks, limits, multiple, members=True) for chunks in ways_to_cut(data)]
    for outcome in outcomes:
        assert outcome == outcomes[0]
    return outcomes[0]


def read_well(data: bytes, limits: Limits | None = None, multiple: bool = False) -> list[Token]:
    tokens, failure = read_every_way(data, limits, multiple)
    assert failure is None
    return tokens


def read_badly(data: bytes, limits: Limits | None = None, multiple: bool = False) -> Failure:
    failure = read_every_way(data, limits, multiple)[1]
    assert failure is not None
    return failure


# --- tokens ------------------------------------------------------------------------------------------------------

DOCUMENTS = [
    ("empty object", b"{}", [OPEN, CLOSE]),
    ("empty array", b"[]", [OPEN_ARRAY, CLOSE_ARRAY]),
    ("string", b'"a"', [string("a")]),
    ("empty string", b'""', [string("")]),
    ("number", b"12", [number("12")]),
    ("number and white space", b" 12\n", [number("12")]),
    ("true", b"true", [TRUE]),
    ("false", b"false", [FALSE]),
    ("null", b"\t null", [NULL]),
    ("literals", b"[true,false,null]", [OPEN_ARRAY, TRUE, FALSE, NULL, CLOSE_ARRAY]),
    ("member", b'{"a":1}', [OPEN, name("a"), number("1"), CLOSE]),
    ("members", b'{"a":"b","c":null}', [OPEN, name("a"), string("b"), name("c"), NULL, CLOSE]),
    ("same name twice", b'{"a":1,"a":2}', [OPEN, name("a"), number("1"), name("a"), number("2"), CLOSE]),
    ("empty name", b'{"":[]}', [OPEN, name(""), OPEN_ARRAY, CLOSE_ARRAY, CLOSE]),
    ("nested arrays", b"[[],[[]]]", [OPEN_ARRAY] * 2 + [CLOSE_ARRAY] + [OPEN_ARRAY] * 2 + [CLOSE_ARRAY] * 3),
    ("objects in an array", b"[{},{}]", [OPEN_ARRAY, OPEN, CLOSE, OPEN, CLOSE, CLOSE_ARRAY]),
    ("array in an object", b'{"a":[1]}', [OPEN, name("a"), OPEN_ARRAY, number("1"), CLOSE_ARRAY, CLOSE]),
    ("numbers", b"[1,2 , 3]", [OPEN_ARRAY, number("1"), number("2"), number("3"), CLOSE_ARRAY]),
    (
        "numbers between strings",
        b'["a",1,-2,"b",true,3,"c"]',
        [OPEN_ARRAY, string("a"), number("1"), number("-2"), string("b"), TRUE, number("3"), string("c"), CLOSE_ARRAY],
    ),
    (
        "the same text between strings, once more",
        b'[{"a":1,"b":2},{"a":1,"b":2}]',
        [OPEN_ARRAY, *[OPEN, name("a"), number("1"), name("b"), number("2"), CLOSE] * 2, CLOSE_ARRAY],
    ),
    (
        "white space everywhere",
        b' \t\r\n{ \t\r\n"a" \t\r\n: \t\r\n[ \t\r\n1 \t\r\n, \t\r\n"b" \t\r\n] \t\r\n} \t\r\n',
        [OPEN, name("a"), OPEN_ARRAY, number("1"), string("b"), CLOSE_ARRAY, CLOSE],
    ),
    ("structural characters in a string", b'["{}[]:, "]', [OPEN_ARRAY, string("{}[]:, "), CLOSE_ARRAY]),
    ("a name with an escape", b'{"\\u0041\\n":0}', [OPEN, name("A\n"), number("0"), CLOSE]),
    ("every short escape", rb'"\"\\\/\b\f\n\r\t"', [string('"\\/\b\f\n\r\t')]),
    ("hexadecimal digits of both cases", rb'"\u00e9\u00E9\u20aC"', [string("\xe9\xe9\u20ac")]),
    ("surrogate pair", rb'"\ud83d\uDE00"', [string("\U0001f600")]),
    ("escaped null character", rb'"\u0000"', [string("\0")]),
    ("run of backslashes", rb'["\\","\\\\","\\\"","\\\\\""]', None),
    ("backslash before a closing quotation mark", rb'["a\\","b"]', None),
    ("characters of two, three and four bytes", '["\xe9","\u20ac","\U0001f600"]'.encode(), None),
    ("delete and line separators", '"\x7f\x80\u2028\u2029\ufeff\uffff\U0010ffff"'.encode(), None),
    ("multi-byte characters, escapes and quotation marks", '{"\xe9\\"":"\\\\\u20ac","b":"\\n"}'.encode(), None),
]


class Number(str):
    """The exact text of a number, to tell it from a string."""

    __slots__ = ()


def loads(text: str) -> Any:
    """An independent reader: numbers as their text, objects as tuples of pairs."""
    return json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=tuple)


def tokens_of(value: Any) -> Iterator[Token]:
    if isinstance(value, tuple):
        yield OPEN
        for member_name, member in value:
            yield name(member_name)
            yield from tokens_of(member)
        yield CLOSE
    elif isinstance(value, list):
        yield OPEN_ARRAY
        for item in value:
            yield from tokens_of(item)
        yield CLOSE_ARRAY
    elif isinstance(value, Number):
        yield number(str(value))
    elif isinstance(value, str):
        yield string(value)
    else:
        yield {True: TRUE, False: FALSE, None: NULL}[value]


@pytest.mark.parametrize(("data", "expected"), cases([row for row in DOCUMENTS if row[2] is not None]))
def test_tokens(data: bytes, expected: list[Token]) -> None:
    assert read_well(data) == expected


@pytest.mark.parametrize("data", [pytest.param(row[1], id=str(row[0])) for row in DOCUMENTS])
def test_tokens_agree_with_the_json_module(data: bytes) -> None:
    assert read_well(data) == list(tokens_of(loads(data.decode())))


def test_types_of_tokens_are_plain_integers() -> None:
    tokens = JsonTokenizer(Limits(segment_size=12)).feed(b'{"a":[1,"b",true,false,null,"cccccccccccccc"]}')
    assert {kind for kind, _ in tokens} == set(TokenType)
    assert {type(kind) for kind, _ in tokens} == {int}


# --- numbers -----------------------------------------------------------------------------------------------------

EXACT_NUMBERS = [
    "0",
    "-0",
    "-0.0",
    "1.0000",
    "0.10",
    "9007199254740993",
    "18446744073709551615",
    "-9223372036854775809",
    "1e400",
    "1E-400",
    "1e+05",
    "0e0",
    "12.34567890123456789012345678901234567890",
    "1" * 1000,
]


@pytest.mark.parametrize("text", EXACT_NUMBERS)
@pytest.mark.parametrize("frame", ["%s", "[%s]", '{"a":%s}', '["a",%s,"b"]', "[%s,%s]", "[ %s , %s ]"])
def test_numbers_keep_their_exact_text(text: str, frame: str) -> None:
    data = frame.replace("%s", text).encode()
    chunkings = [[data], single_bytes(data), [data[:-1], data[-1:]]]
    for chunks in chunkings:
        tokens, failure = run(chunks, None, False)
        assert failure is None
        assert [value for kind, value in tokens if kind == TokenType.NUMBER] == [text] * frame.count("%s")


LONG_NUMBERS = [
    ("5,000 digits in an array", b"[" + b"1" * 5000 + b"]", 1),
    ("1,001 digits in an array", b"[" + b"1" * 1001 + b"]", 1),
    ("alone", b"7" * 1001, 0),
    ("not ended", b"[" + b"1" * 5000, 1),
    ("a fraction", b'{"\xc3\xa9":0.' + b"1" * 999 + b"}", 6),
    ("an exponent", b"[1,1e" + b"0" * 999 + b"]", 3),
    ("between strings", b'["a",' + b"1" * 1001 + b',"b"]', 5),
]


@pytest.mark.parametrize(("data", "offset"), cases(LONG_NUMBERS))
def test_number_too_long(data: bytes, offset: int) -> None:
    chunkings = [[data], single_bytes(data), [data[:3], data[3:]], [data[:1003], data[1003:]]]
    for chunks in chunkings:
        _, failure = run(chunks, None, False)
        assert failure is not None
        assert failure[0] is LimitError
        assert failure[2:] == (offset, "number_length")
        assert "Limits.number_length" in failure[1]


def test_limit_on_numbers_counts_their_bytes() -> None:
    limits = Limits(number_length=6)
    assert read_well(b"[123456,-1.5e3]", limits) == [OPEN_ARRAY, number("123456"), number("-1.5e3"), CLOSE_ARRAY]
    assert read_badly(b"[123456,-1.5e33]", limits)[2:] == (8, "number_length")


def test_other_words_that_are_too_long_are_an_error_too() -> None:
    assert read_badly(b"[abcdefghijklmnop", Limits(number_length=8))[2] == 1


@pytest.mark.parametrize("number_length", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("literal", [b"true", b"false", b"null"])
def test_limit_on_numbers_is_none_on_literals(literal: bytes, number_length: int) -> None:
    tokens = read_well(b"[" + literal + b"]", Limits(number_length=number_length))
    assert tokens == list(tokens_of(loads(f"[{literal.decode()}]")))


# --- strings in segments -----------------------------------------------------------------------------------------

UNIT = re.compile(r"\\u[dD][89abAB]..\\u....|\\u....|\\.|.", re.DOTALL)


def cut_by_hand(raw: str, limit: int) -> list[str]:
    """The longest runs of whole characters and escapes that fit, as the segments' texts."""
    if len(raw.encode()) <= limit:
        return [raw]
    pieces = [""]
    units = UNIT.findall(raw)
    for place, unit in enumerate(units):
        rest = "".join(units[place:])
        fits = len((pieces[-1] + unit).encode()) <= limit
        if not fits:
            if len(rest.encode()) <= limit:
                return [*pieces, rest]
            pieces.append("")
        pieces[-1] += unit
    return pieces


LONG_STRINGS = [
    ("ascii", "abcdefghijklmnopqrstuvwxyz0123456789"),
    ("two bytes", "\xe9" * 20),
    ("three bytes", "\u20ac" * 14),
    ("four bytes", "\U0001f600" * 10),
    ("short escapes", r"\n" * 20),
    ("escaped backslashes", r"\\" * 20),
    ("escaped quotation marks", r"\"" * 20),
    ("escaped backslashes and quotation marks", r"\\\"" * 10),
    ("hexadecimal escapes", r"\u00e9" * 8),
    ("surrogate pairs", r"\ud83d\ude00" * 4),
    ("escapes that only look like pairs", r"\\ud83d\\ude00" * 3),
    ("all kinds", r"ab\n\u00e9\\\ud83d\ude00\"" + "\xe9\u20ac\U0001f600" + r"\ud83d\ude00xyz\t"),
]


@pytest.mark.parametrize("limit", [12, 13, 16, 23])
@pytest.mark.parametrize("raw", cases(LONG_STRINGS))
def test_segments_are_cut_by_length_and_not_by_chunk(raw: str, limit: int) -> None:
    for shift in range(13):
        shifted = "x" * shift + raw
        pieces = cut_by_hand(shifted, limit)
        assert len(pieces) > 1
        expected = segments(*(json.loads(f'"{piece}"') for piece in pieces))
        data = f'["a","{shifted}",1]'.encode()
        assert read_well(data, Limits(segment_size=limit)) == [
            OPEN_ARRAY,
            string("a"),
            *expected,
            number("1"),
            CLOSE_ARRAY,
        ]


SEGMENTS_BY_HAND = [
    ("one byte less", b'"abcdefghijk"', [string("abcdefghijk")]),
    ("as long as a segment", b'"abcdefghijkl"', [string("abcdefghijkl")]),
    ("one byte more", b'"abcdefghijklm"', segments("abcdefghijkl", "m")),
    ("two segments exactly", b'"abcdefghijklabcdefghijkl"', segments("abcdefghijkl", "abcdefghijkl")),
    ("escapes count as they are written", rb'"\n\n\n\n\n\n"', [string("\n" * 6)]),
    ("one escape more", rb'"\n\n\n\n\n\n\n"', segments("\n" * 6, "\n")),
    ("an escape across the cut", rb'"abcdefghijk\n"', segments("abcdefghijk", "\n")),
    ("a pair across the cut", rb'"abcdef\ud83d\ude00"', segments("abcdef", "\U0001f600")),
    ("a pair that fills a segment", rb'"\ud83d\ude00a"', segments("\U0001f600", "a")),
    ("a character across the cut", '"abcdefghij\u20ac"'.encode(), segments("abcdefghij", "\u20ac")),
]


@pytest.mark.parametrize(("data", "expected"), cases(SEGMENTS_BY_HAND))
def test_segments(data: bytes, expected: list[Token]) -> None:
    assert read_well(data, Limits(segment_size=12)) == expected


def test_segments_in_an_object_and_what_follows_them() -> None:
    data = b'{"a":"abcdefghijklm","b":"abcdefghijklm"}'
    long = segments("abcdefghijkl", "m")
    assert read_well(data, Limits(segment_size=12)) == [OPEN, name("a"), *long, name("b"), *long, CLOSE]


@pytest.mark.parametrize(("length", "pieces"), [(65535, 1), (65536, 1), (65537, 2), (200_000, 4)])
@pytest.mark.parametrize("chunk", [1000, 65536, 10**6])
def test_segments_of_64_kib_by_default(length: int, pieces: int, chunk: int) -> None:
    text = ("0123456789" * (length // 10 + 1))[:length]
    data = f'["{text}"]'.encode()
    tokens, failure = run([data[i : i + chunk] for i in range(0, len(data), chunk)], None, False)
    assert failure is None
    assert [len(value) for _, value in tokens[1:-1]] == [65536] * (pieces - 1) + [length - 65536 * (pieces - 1)]
    assert "".join(value for _, value in tokens[1:-1]) == text


def test_segments_come_before_the_string_is_complete() -> None:
    reader = JsonTokenizer(Limits(segment_size=12))
    assert reader.feed(b'["abcdefghijkl') == [OPEN_ARRAY]
    assert reader.feed(b"m") == [(TokenType.STRING_SEGMENT, "abcdefghijkl")]


LIMIT_ON_NAMES = Limits(segment_size=12)


def test_name_as_long_as_a_segment() -> None:
    assert read_well(b'{"abcdefghijkl":1}', LIMIT_ON_NAMES) == [OPEN, name("abcdefghijkl"), number("1"), CLOSE]


LONG_NAMES = [
    ("first", b'{"abcdefghijklm":1}', 1),
    ("later", b'{"\xc3\xa9":1,"abcdefghijklm":1}', 8),
    ("much longer", b'{"' + b"a" * 100 + b'":1}', 1),
    ("not ended", b'{"' + b"a" * 100, 1),
    ("of escapes", rb'{"\n\n\n\n\n\n\n":1}', 1),
]


@pytest.mark.parametrize(("data", "offset"), cases(LONG_NAMES))
def test_name_too_long(data: bytes, offset: int) -> None:
    kind, message, place, limit = read_badly(data, LIMIT_ON_NAMES)
    assert (kind, place, limit) == (LimitError, offset, "segment_size")
    assert "Limits.segment_size" in message


# --- depth -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_depth_limit(opening: bytes, closing: bytes) -> None:
    levels = 12
    data = opening * levels + b"1" + closing * levels
    depth = levels * len(closing)
    assert len(read_well(data, Limits(depth=depth))) > 2 * levels
    kind, message, place, limit = read_badly(data, Limits(depth=depth - 1))
    assert (kind, limit) == (LimitError, "depth")
    assert place == max(data.rfind(b"["), data.rfind(b"{"))
    assert "Limits.depth" in message


def test_depth_limit_by_default() -> None:
    assert run([b"[" * 256 + b"]" * 256], None, False)[1] is None
    failure = run([b"[" * 257 + b"]" * 257], None, False)[1]
    assert failure is not None
    assert failure[0] is LimitError
    assert failure[2:] == (256, "depth")


# --- faults ------------------------------------------------------------------------------------------------------

# What is wrong with them: id, bytes, tokens that come before the fault, byte offset, part of the message.
MALFORMED = [
    ("comma first", b"[,1]", 1, 1, "expected"),
    ("comma last in an array", b"[1,]", 2, 3, "a value expected"),
    ("comma last in an object", b'{"a":1,}', 3, 7, "a name expected"),
    ("two commas", b"[1,,2]", 2, 3, "a value expected"),
    ("no comma between numbers", b"[1 2]", 2, 3, "',' or ']' expected"),
    ("no comma between strings", b'["a" "b"]', 2, 5, "',' or ']' expected"),
    ("no comma between members", b'{"a":1 "b":2}', 3, 7, "',' or '}' expected"),
    ("no comma between literals", b"[true null]", 2, 6, "',' or ']' expected"),
    ("no comma between arrays", b"[[][]]", 3, 3, "',' or ']' expected"),
    ("no colon before a string", b'{"a" "b"}', 2, 5, "':' expected"),
    ("no colon before a number", b'{"a" 1}', 2, 5, "':' expected"),
    ("no colon at all", b'{"a"}', 2, 4, "':' expected"),
    ("two colons", b'{"a"::1}', 2, 5, "a value expected"),
    ("colon in an array", b'["a":1]', 2, 4, "',' or ']' expected"),
    ("colon first", b":", 0, 0, "a value expected"),
    ("no value of a member", b'{"a":}', 2, 5, "a value expected"),
    ("number for a name", b"{ 1 :2}", 1, 2, "a name or '}' expected"),
    ("number for a later name", b'{"a":1, 2 :3}', 3, 8, "a name expected"),
    ("literal for a name", b"{true:1}", 1, 1, "a name or '}' expected"),
    ("object for a name", b"{{}:1}", 1, 1, "a name or '}' expected"),
    ("array closed as an object", b"[1}", 2, 2, "',' or ']' expected"),
    ("object closed as an array", b'{"a":1]', 3, 6, "',' or '}' expected"),
    ("closed and not opened", b"]", 0, 0, "a value expected"),
    ("closed once too often", b"[]]", 2, 2, "the end of the document expected"),
    ("second array", b"[] []", 2, 3, "the end of the document expected"),
    ("second string", b'"a" "b"', 1, 4, "the end of the document expected"),
    ("second number", b"1 2", 1, 2, "the end of the document expected"),
    ("second literal", b"null\ntrue", 1, 5, "the end of the document expected"),
    ("comma behind the document", b"[],", 2, 2, "the end of the document expected"),
    ("word", b"[nope]", 1, 1, "neither a string nor a number"),
    ("literal in capitals", b"[True]", 1, 1, "neither a string nor a number"),
    ("two literals in one word", b"[truefalse]", 1, 1, "neither a string nor a number"),
    ("NaN", b"[NaN]", 1, 1, "neither a string nor a number"),
    ("leading zero", b"[01]", 1, 1, "neither a string nor a number"),
    ("plus sign", b"[+1]", 1, 1, "neither a string nor a number"),
    ("number behind a number", b"[1,2x,3]", 2, 3, "neither a string nor a number"),
    ("comment", b"[1 /* x */]", 2, 3, "neither a string nor a number"),
    ("comment behind multi-byte characters", '["\xe9\u20ac\U0001f600" //]'.encode(), 2, 13, "neither a string"),
    ("single quotation marks", b"['a']", 1, 1, "neither a string nor a number"),
    ("backslash between strings", rb'["a" \"b"]', 2, 5, "neither a string nor a number"),
    ("form feed", b"[1,\x0c2]", 2, 3, "neither a string nor a number"),
    ("no-break space", b"[1,\xc2\xa02]", 2, 3, "neither a string nor a number"),
    ("null byte", b"[1,\x002]", 2, 3, "neither a string nor a number"),
    ("byte order mark", b"\xef\xbb\xbf{}", 0, 0, "a byte order mark"),
    ("byte order mark in the middle", b"[1,\xef\xbb\xbf2]", 2, 3, "a byte order mark"),
    ("byte order mark alone", b"\xef\xbb\xbf", 0, 0, "a byte order mark"),
    ("control character", b'["a\nb"]', 1, 3, "a control character"),
    ("control character behind escapes", b'["\\"\\\\\\n\x01"]', 1, 8, "a control character"),
    ("control character behind multi-byte characters", '["\xe9\U0001f600\x1f"]'.encode(), 1, 8, "a control character"),
    ("control character in a later string", b'["\\"", "\x00"]', 2, 8, "a control character"),
    ("control character in a name", b'{"a\tb":1}', 1, 3, "a control character"),
    ("unknown escape", rb'["\a"]', 1, 2, "not an escape"),
    ("unknown escape behind escapes", rb'["\\\"\u00e9\x41"]', 1, 12, "not an escape"),
    ("unknown escape behind multi-byte characters", '["\u20ac","\u20ac\\q"]'.encode(), 2, 11, "not an escape"),
    ("escape of three digits", rb'["\u00e"]', 1, 2, "not an escape"),
    ("escape of no hexadecimal digits", rb'["\u00eg"]', 1, 2, "not an escape"),
    ("high surrogate alone", rb'["a\ud83d"]', 1, 3, "half of a surrogate pair"),
    ("high surrogate before another escape", rb'["a\ud83d\u0041"]', 1, 3, "half of a surrogate pair"),
    ("low surrogate alone", rb'["\ude00"]', 1, 2, "half of a surrogate pair"),
    ("surrogates in the wrong order", rb'["\ud83d\ude00\ude00\ud83d"]', 1, 14, "half of a surrogate pair"),
    ("wrong byte in a string", b'["a\xffb"]', 1, 3, "not UTF-8"),
    ("wrong byte behind multi-byte characters", b'["\xc3\xa9","\xc3\xa9\xc3"]', 2, 9, "not UTF-8"),
    ("wrong byte behind escapes", b'["\\"\\\\","\\"\xff"]', 2, 11, "not UTF-8"),
    ("wrong byte between strings", b"[1,\xff]", 2, 3, "not UTF-8"),
    ("control character before a wrong byte", b'["a\x01b\xff"]', 1, 3, "control character"),
    ("wrong escape before a wrong byte", b'["\\x \xff"]', 1, 2, "not an escape"),
    ("escape that a wrong byte cuts", b'["\\u00\xff"]', 1, 6, "not UTF-8"),
    ("misplaced string with a wrong byte", b'[1 "\xff"]', 2, 3, "',' or ']' expected"),
    ("wrong byte first", b"\xff", 0, 0, "not UTF-8"),
    ("overlong encoding", b'["\xc0\xaf"]', 1, 2, "not UTF-8"),
    ("surrogate in UTF-8", b'["\xed\xa0\x80"]', 1, 2, "not UTF-8"),
    ("a fault before a wrong byte", b'["\\q", "\xff"]', 1, 2, "not an escape"),
    ("a fault between strings before a wrong byte", b'[,"\xff"]', 1, 1, "expected"),
    ("the first of two faults", b'["a",,"\x00"]', 2, 5, "a value expected"),
]


@pytest.mark.parametrize(("data", "before", "offset", "part"), cases(MALFORMED))
def test_malformed(data: bytes, before: int, offset: int, part: str) -> None:
    tokens, failure = read_every_way(data)
    assert failure is not None
    kind, message, place, _ = failure
    assert (kind, place) == (JsonSyntaxError, offset)
    assert part in message
    assert len(tokens) == before


FAULTS_IN_SEGMENTS = [
    ("control character", b'["abcdefghijklm\nopqr"]', segments("abcdefghijkl", "")[:1], 15, "a control character"),
    ("in the first segment", b'["abc\x00efghijklmnop"]', [], 5, "a control character"),
    ("unknown escape", rb'["abcdefghijklm\xopq"]', segments("abcdefghijkl", "")[:1], 15, "not an escape"),
    ("behind multi-byte characters", '["\u20ac\u20ac\u20ac\u20ac\u20ac\\q"]'.encode(), ["\u20ac" * 4], 17, "escape"),
    ("high surrogate at the cut", rb'["abcdef\ud83dxyz"]', ["abcdef"], 8, "half of a surrogate pair"),
    ("high surrogate at the end", rb'["abcdefghijkl\ud83d"]', ["abcdefghijkl"], 14, "half of a surrogate pair"),
    ("pair of high surrogates", rb'["abcdefg\ud83d\ud83d\ude00"]', ["abcdefg"], 9, "half of a surrogate pair"),
    ("escape of three digits at the cut", rb'["abcdefgh\u00eghijk"]', ["abcdefgh"], 10, "not an escape"),
    ("wrong byte", b'["abcdefghijklmno\xffpqr"]', ["abcdefghijkl"], 17, "not UTF-8"),
    ("control character before one", b'["abcdefghijklm\x01o\xffpqr"]', ["abcdefghijkl"], 15, "control character"),
    ("continuation bytes without an end", b'["abcdefghijkl' + b"\x80" * 20 + b'"]', ["abcdefghijkl"], 14, "not UTF-8"),
    ("character that is not complete", b'["abcdefghijklm\xe2\x82"]', ["abcdefghijkl"], 15, "not UTF-8"),
]


@pytest.mark.parametrize(("data", "before", "offset", "part"), cases(FAULTS_IN_SEGMENTS))
def test_malformed_within_segments(data: bytes, before: list[Any], offset: int, part: str) -> None:
    tokens, failure = read_every_way(data, Limits(segment_size=12))
    assert failure is not None
    kind, message, place, _ = failure
    assert (kind, place) == (JsonSyntaxError, offset)
    assert part in message
    expected = [token if isinstance(token, tuple) else (TokenType.STRING_SEGMENT, token) for token in before]
    assert tokens == [OPEN_ARRAY, *expected]


MISPLACED_LONG_STRINGS = [
    ("behind a string", b'["a" "abcdefghijklmnop"]', 5, "',' or ']' expected"),
    ("behind a name", b'{"a" "abcdefghijklmnop"}', 5, "':' expected"),
    ("behind the document", b'[]"abcdefghijklmnop"', 2, "the end of the document expected"),
]


@pytest.mark.parametrize(("data", "offset", "part"), cases(MISPLACED_LONG_STRINGS))
def test_long_string_out_of_place(data: bytes, offset: int, part: str) -> None:
    kind, message, place, _ = read_badly(data, Limits(segment_size=12))
    assert (kind, place) == (JsonSyntaxError, offset)
    assert part in message


TRUNCATED = [
    ("nothing", b""),
    ("white space", b" \r\n"),
    ("array", b"["),
    ("array with a value", b"[1 "),
    ("array with a comma", b"[1,"),
    ("object", b"{"),
    ("name", b'{"a"'),
    ("colon", b'{"a":'),
    ("value of a member", b'{"a":1 '),
    ("comma in an object", b'{"a":1,'),
    ("nested", b'[{"a":[]}'),
    ("string", b'"a'),
    ("escape", b'["a\\'),
    ("half of an escape", b'["a\\u00'),
    ("half of a surrogate pair", rb'["\ud83d'),
    ("half of a character", b'["\xe2\x82'),
    ("name begun", b'{"a'),
    ("minus sign", b"-"),
    ("fraction begun", b"1."),
    ("number in an array", b"[12"),
    ("zero in an array", b"[0"),
    ("number with a fraction in an array", b"[-0.5"),
    ("literal", b"tru"),
    ("literal in an array", b"[n"),
    ("complete literal in an array", b"[null"),
]

TRUNCATED_EXPONENTS = [b"1e", b"1E+", b"-0.5e-", b"[1e", b"[1.5e+", b'{"a":0E']


@pytest.mark.parametrize("data", cases(TRUNCATED))
def test_truncated(data: bytes) -> None:
    kind, _, place, _ = read_badly(data)
    assert kind is TruncatedError
    assert issubclass(kind, EOFError)
    assert place == len(data)


@pytest.mark.parametrize("data", TRUNCATED_EXPONENTS)
def test_truncated_within_an_exponent(data: bytes) -> None:
    assert read_badly(data)[::2] == (TruncatedError, len(data))


def test_a_number_that_may_go_on_is_no_token_yet() -> None:
    for data in (b"[15", b"[1.5", b"[1e5", b"[1.5e-5"):
        assert read_every_way(data)[0] == [OPEN_ARRAY]


# No bytes that could come after these would make them right.
MALFORMED_AT_THE_END = [
    ("number for a name", b"{1", 1),
    ("literal for a name", b"{tru", 1),
    ("number behind a number", b"[1 2", 3),
    ("number behind a name", b'{"a" 1', 5),
    ("literal behind the document", b"[] t", 3),
    ("string behind a string", b'["a" "b', 5),
    ("string behind a name", b'{"a" "b', 5),
    ("string behind a number", b'[1"b', 2),
    ("string behind the document", b'"a" "b', 4),
    ("unknown escape", b'["\\q', 2),
    ("control character", b'["a\nb', 3),
    ("wrong byte", b'["a\xffb', 3),
    ("wrong byte at the end", b'["a\xff', 3),
    ("overlong encoding begun", b'["a\xc0', 3),
    ("overlong encoding begun, of three bytes", b'["a\xe0\x80', 3),
    ("surrogate in UTF-8 begun", b'["a\xed\xa0', 3),
    ("character beyond U+10FFFF begun", b'["a\xf4\x90', 3),
]


@pytest.mark.parametrize(("data", "offset"), cases(MALFORMED_AT_THE_END))
def test_malformed_and_truncated_is_malformed(data: bytes, offset: int) -> None:
    kind, _, place, _ = read_badly(data)
    assert (kind, place) == (JsonSyntaxError, offset)


def test_truncated_within_segments() -> None:
    tokens, failure = read_every_way(b'["abcdefghijklmno', Limits(segment_size=12))
    assert tokens == [OPEN_ARRAY, (TokenType.STRING_SEGMENT, "abcdefghijkl")]
    assert failure is not None
    assert failure[::2] == (TruncatedError, 17)


def test_word_that_is_wrong_is_not_truncated() -> None:
    for data in (b"[nope", b"+", b"[01", b"[1.e", b"[--", b"truer"):
        assert read_badly(data)[0] is JsonSyntaxError


def test_every_cut_of_a_document_is_truncated_and_nothing_else() -> None:
    data = '[{"a\xe9":[1.5,-2],"b\\n":"\\ud83d\\ude00"},null,"abcdefghijklmnop",{}]'.encode()
    for limits, end in product((Limits(), Limits(segment_size=12)), range(len(data))):
        failure = run([data[:end]], limits, False)[1]
        assert failure is not None
        assert failure[::2] == (TruncatedError, end)


# Words and brackets without white space between them, where the pieces that are looked at differ most.
ADJACENT = [
    ("number behind an opening brace", b"{1}"),
    ("number behind an array", b"[[]1]"),
    ("number behind an object", b"[{}1]"),
    ("number behind the document", b"[]1"),
    ("number behind a member", b'{"a":{}1}'),
    ("number before an opening bracket", b"[1[]]"),
    ("number before an opening brace", b"[1{}]"),
    ("number before a colon", b"[1:2]"),
    ("number before a string", b'[1"a"]'),
    ("number behind a string", b'["a"1]'),
    ("literal behind an array", b"[[]true]"),
    ("literal before an array", b"[true[]]"),
    ("literal before a string", b'[true"a"]'),
]


@pytest.mark.parametrize("data", cases(ADJACENT))
def test_fault_without_white_space_is_the_same_however_cut(data: bytes) -> None:
    assert read_badly(data)[0] is JsonSyntaxError


FAULTS_BEHIND_NUMBERS = [(b"[1[]]", 2), (b"[1{}]", 2), (b"[1:2]", 2), (b'{"a":1:2}', 6), (b"1{}", 1)]


@pytest.mark.parametrize(("data", "offset"), FAULTS_BEHIND_NUMBERS)
def test_fault_behind_a_number_is_not_the_number(data: bytes, offset: int) -> None:
    tokens, failure = read_every_way(data)
    assert tokens[-1] == number("1")
    assert failure is not None
    assert failure[::2] == (JsonSyntaxError, offset)


LONG_WORDS = [
    ("number and letters for a name", b"{ 123456789x}"),
    ("number and letters behind a value", b'["a"123456789x]'),
    ("number and bracket behind a value", b'["a"123456789[]]'),
    ("character across the limit", "[abcdefg\xe9]".encode()),
    ("longer character across the limit", "[abcdefg\u20ac]".encode()),
    ("four bytes across the limit", "[abcdef\U0001f600]".encode()),
    ("escape across the limit", rb"[abcdefg\\x]"),
    ("quotation mark at the limit", rb'[abcdefg\"x"]'),
    ("byte order mark", "[\ufeffabcd\u20ac]".encode()),
    ("wrong byte behind a byte order mark", b"[\xef\xbb\xbfabcdefg\xff]"),
    ("wrong byte before the limit", b"[abc\xffdefghijkl]"),
    ("wrong byte at the limit", b"[abcdefgh\xff]"),
    ("wrong byte behind the limit", b"[abcdefghi\xff]"),
]


@pytest.mark.parametrize("data", cases(LONG_WORDS))
def test_fault_of_a_long_word_is_the_same_however_cut(data: bytes) -> None:
    assert read_badly(data, Limits(number_length=8))[0] in (JsonSyntaxError, LimitError)


# --- how failure behaves -----------------------------------------------------------------------------------------


def test_a_word_is_no_fault_before_it_ends() -> None:
    reader = JsonTokenizer()
    assert reader.feed(b'["a",1,x') == [OPEN_ARRAY, string("a"), number("1")]
    assert reader.error is None
    with pytest.raises(JsonSyntaxError, match="byte 7"):
        reader.feed(b",")


def test_tokens_before_a_fault_come_first() -> None:
    reader = JsonTokenizer()
    assert reader.feed(b'["a",1,x]') == [OPEN_ARRAY, string("a"), number("1")]
    error = reader.error
    assert isinstance(error, JsonSyntaxError)
    assert error.location.byte_offset == 7
    with pytest.raises(JsonSyntaxError) as caught:
        reader.feed(b"")
    assert caught.value is error


def test_fault_without_tokens_is_raised_at_once() -> None:
    reader = JsonTokenizer()
    reader.feed(b"[")
    with pytest.raises(JsonSyntaxError):
        reader.feed(b"}")


def test_failure_is_sticky() -> None:
    reader = JsonTokenizer()
    with pytest.raises(JsonSyntaxError) as first:
        reader.feed(b"]")
    for again in (lambda: reader.feed(b"[]"), lambda: reader.feed(b""), reader.close, reader.close):
        with pytest.raises(JsonSyntaxError) as caught:
            again()
        assert caught.value is first.value


def test_failure_at_the_end_is_sticky() -> None:
    reader = JsonTokenizer()
    reader.feed(b"[")
    with pytest.raises(TruncatedError) as first:
        reader.close()
    with pytest.raises(TruncatedError) as caught:
        reader.close()
    assert caught.value is first.value


def test_last_token_of_a_truncated_stream_is_not_lost() -> None:
    tokens, failure = read_every_way(b'{"a":1,"b"')
    assert tokens == [OPEN, name("a"), number("1"), name("b")]
    assert failure is not None
    assert failure[0] is TruncatedError


def test_fault_behind_a_number_at_the_end_comes_after_the_number() -> None:
    reader = JsonTokenizer()
    assert reader.feed(b"[]") == [OPEN_ARRAY, CLOSE_ARRAY]
    assert reader.feed(b" 1") == []
    with pytest.raises(JsonSyntaxError):
        reader.close()


def test_errors_never_quote_the_document() -> None:
    for data in (b'["secret\x00"]', b"[secret]", b'{"secret" "secret"}', b'["secret', b'["secret\xff"]'):
        failure = read_badly(data)
        assert "secret" not in failure[1]


def test_text_of_an_error_says_where() -> None:
    with pytest.raises(JsonSyntaxError, match=r"\(byte 0\)$"):
        JsonTokenizer().feed(b"]")


@pytest.mark.parametrize("data", [b"[[x]]", b'[["a",x]]', b'[["a","\x00"]]', b"[]x"])
def test_bytes_consumed_before_a_fault_are_the_same_however_cut(data: bytes) -> None:
    consumed = set()
    for chunks in ways_to_cut(data):
        reader = JsonTokenizer()
        with pytest.raises(JsonSyntaxError):
            list(reader.read(chunks))
        consumed.add(reader.bytes_consumed)
    assert len(consumed) == 1


# --- several documents -------------------------------------------------------------------------------------------

STREAMS = [
    ("nothing", b"", []),
    ("white space", b" \n\n", []),
    ("one document", b"[]", [OPEN_ARRAY, CLOSE_ARRAY]),
    ("lines", b'{"a":1}\n{"a":2}\n', [OPEN, name("a"), number("1"), CLOSE, OPEN, name("a"), number("2"), CLOSE]),
    ("lines of Windows", b"[]\r\n[]\r\n", [OPEN_ARRAY, CLOSE_ARRAY] * 2),
    ("empty lines", b"\n{}\n\n{}", [OPEN, CLOSE] * 2),
    ("objects side by side", b"{}{}", [OPEN, CLOSE] * 2),
    ("arrays side by side", b"[][]", [OPEN_ARRAY, CLOSE_ARRAY] * 2),
    ("strings side by side", b'"a""b"', [string("a"), string("b")]),
    ("numbers", b"1 2\n3", [number("1"), number("2"), number("3")]),
    ("literals", b"true null false", [TRUE, NULL, FALSE]),
    ("string behind a literal", b'null"a"', [NULL, string("a")]),
    ("string behind a number", b'1"a"2', [number("1"), string("a"), number("2")]),
    ("literal behind an array", b"[]null", [OPEN_ARRAY, CLOSE_ARRAY, NULL]),
    ("array behind a literal", b"null[]", [NULL, OPEN_ARRAY, CLOSE_ARRAY]),
    ("number behind an array", b"[]1 ", [OPEN_ARRAY, CLOSE_ARRAY, number("1")]),
    ("number behind an object", b"{}-1\n", [OPEN, CLOSE, number("-1")]),
    ("array behind a number", b"1[]", [number("1"), OPEN_ARRAY, CLOSE_ARRAY]),
    ("object behind a number", b"1{}", [number("1"), OPEN, CLOSE]),
    ("number in between", b"{}1.5[]", [OPEN, CLOSE, number("1.5"), OPEN_ARRAY, CLOSE_ARRAY]),
]


@pytest.mark.parametrize(("data", "expected"), cases(STREAMS))
def test_several_documents(data: bytes, expected: list[Token]) -> None:
    assert read_well(data, multiple=True) == expected


BAD_STREAMS = [
    ("comma between documents", b"[],[]", JsonSyntaxError, 2),
    ("closed once too often", b"[]\n]", JsonSyntaxError, 3),
    ("word", b"[]\nnope\n[]", JsonSyntaxError, 3),
    ("record separator", b"\x1e[]\n", JsonSyntaxError, 0),
    ("second one truncated", b"{}\n{", TruncatedError, 4),
    ("second one truncated within a string", b'{}\n"a', TruncatedError, 5),
    ("second one truncated within a number", b"{}\n-", TruncatedError, 4),
]


@pytest.mark.parametrize(("data", "kind", "offset"), cases(BAD_STREAMS))
def test_faults_between_documents(data: bytes, kind: type[InputError], offset: int) -> None:
    assert read_badly(data, multiple=True)[::2] == (kind, offset)


def test_depth_limit_counts_each_document_alone() -> None:
    assert len(read_well(b"[[]]" * 5, Limits(depth=2), multiple=True)) == 20
    assert read_badly(b"[[]][[[]]]", Limits(depth=2), multiple=True)[2:] == (6, "depth")


def test_long_strings_in_several_documents() -> None:
    tokens = read_well(b'"abcdefghijklm""abcdefghijklm"', Limits(segment_size=12), multiple=True)
    assert tokens == segments("abcdefghijkl", "m") * 2


# --- close, read, bytes_consumed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "last"), [(b"12", number("12")), (b"null", NULL), (b"-0.5e3", number("-0.5e3"))])
def test_close_returns_the_last_token(data: bytes, last: Token) -> None:
    reader = JsonTokenizer()
    assert reader.feed(data) == []
    assert reader.close() == [last]
    assert reader.close() == []


def test_close_of_a_complete_document_returns_nothing() -> None:
    reader = JsonTokenizer()
    reader.feed(b"[]\n")
    assert reader.close() == []
    assert reader.error is None


def test_feed_after_close() -> None:
    reader = JsonTokenizer()
    reader.feed(b"[]")
    reader.close()
    with pytest.raises(ValueError, match="closed") as caught:
        reader.feed(b"")
    assert not isinstance(caught.value, InputError)


def test_read_takes_any_iterable_and_is_lazy() -> None:
    taken = []

    def chunks() -> Iterator[bytes]:
        for chunk in (b"[1", b",2", b",3]"):
            taken.append(chunk)
            yield chunk

    tokens = JsonTokenizer().read(chunks())
    assert next(tokens) == OPEN_ARRAY
    assert taken == [b"[1"]
    assert list(tokens) == [number("1"), number("2"), number("3"), CLOSE_ARRAY]


def test_read_raises_the_fault_behind_the_last_token() -> None:
    for chunks in ([b"[1,x]"], [b"[1,x]", b""], [b"[1,"], []):
        with pytest.raises(InputError):
            list(JsonTokenizer().read(chunks))


def test_read_raises_a_fault_that_only_the_end_shows() -> None:
    tokens = JsonTokenizer(multiple=True).read([b"[] 1 [x"])
    assert [next(tokens) for _ in range(4)] == [OPEN_ARRAY, CLOSE_ARRAY, number("1"), OPEN_ARRAY]
    with pytest.raises(JsonSyntaxError):
        next(tokens)


CONSUMED = [
    (b" ", 1),
    (b"[", 2),
    (b"1", 2),  # the number may go on
    (b"2", 2),
    (b", ", 6),
    (b"nul", 6),
    (b"l,", 11),
    (b'"', 11),  # the string is not closed
    (b"\xc3", 11),
    (b'\xa9\\"', 11),
    (b'"', 17),
    (b' ,"abcdef', 19),
    (b"ghijk", 19),
    (b"lmn", 32),  # the quotation mark and the first twelve bytes
    (b'opq"', 38),
    (b"]\n", 40),
]


def test_bytes_consumed() -> None:
    reader = JsonTokenizer(Limits(segment_size=12))
    assert reader.bytes_consumed == 0
    consumed = []
    for chunk, _ in CONSUMED:
        reader.feed(chunk)
        consumed.append(reader.bytes_consumed)
    assert consumed == [expected for _, expected in CONSUMED]
    reader.close()
    assert reader.bytes_consumed == sum(len(chunk) for chunk, _ in CONSUMED)


@pytest.mark.parametrize("data", [pytest.param(row[1], id=str(row[0])) for row in DOCUMENTS])
def test_bytes_consumed_at_the_end(data: bytes) -> None:
    for chunks in ways_to_cut(data):
        reader = JsonTokenizer()
        list(reader.read(chunks))
        assert reader.bytes_consumed == len(data)


# --- locate ------------------------------------------------------------------------------------------------------

RAW_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^ \t\r\n\[\]{}:,"]+', re.DOTALL)


def locate_all(chunks: Iterable[bytes], limits: Limits | None = None, multiple: bool = False) -> list[int]:
    reader = JsonTokenizer(limits, multiple=multiple)
    offsets: list[int] = []
    for chunk in (*chunks, None):
        indices = range(len(reader.close() if chunk is None else reader.feed(chunk)))
        each = [reader.locate(index) for index in indices]
        assert reader.locate_all(indices) == each
        assert reader.token_count == len(indices)
        offsets += each
    return offsets


@pytest.mark.parametrize("data", [pytest.param(row[1], id=str(row[0])) for row in DOCUMENTS])
def test_locate(data: bytes) -> None:
    expected = [match.start() for match in RAW_TOKEN.finditer(data)]
    for chunks in ways_to_cut(data):
        assert locate_all(chunks) == expected


@pytest.mark.parametrize("data", [pytest.param(row[1], id=row[0]) for row in STREAMS[:16]])
def test_locate_in_several_documents(data: bytes) -> None:
    expected = [match.start() for match in RAW_TOKEN.finditer(data)]
    for chunks in ways_to_cut(data):
        assert locate_all(chunks, multiple=True) == expected


def test_locate_in_a_document_of_many_pieces() -> None:
    member = '"\xe9\\"\\\\": [1.5, "\\u20ac", null]'
    data = ("[" + ", ".join(f"{{{member}}}" for _ in range(6000)) + "]").encode()
    expected = [match.start() for match in RAW_TOKEN.finditer(data)]
    reader = JsonTokenizer()
    count = len(reader.feed(data))
    assert count == len(expected)
    some = range(0, count, 997)
    assert [reader.locate(index) for index in some] == [expected[index] for index in some]


def test_locate_segments() -> None:
    data = b'[1,"abcdefghijklmnopqrstuvwxyz",\n2]'
    for chunks in ways_to_cut(data):
        assert locate_all(chunks, Limits(segment_size=12)) == [0, 1, 4, 16, 28, 33, 34]


def test_locate_tokens_before_a_fault() -> None:
    reader = JsonTokenizer()
    assert len(reader.feed('["\xe9", "\\"", 12, x]'.encode())) == 4
    assert [reader.locate(index) for index in range(4)] == [0, 1, 7, 13]


def test_locate_tokens_before_a_wrong_byte() -> None:
    reader = JsonTokenizer()
    assert len(reader.feed(b' ["\xc3\xa9", 12, "\xff"]')) == 3
    assert [reader.locate(index) for index in range(3)] == [1, 2, 8]


# --- text passed over --------------------------------------------------------------------------------------------


def stretch_of(data: bytes, limits: Limits | None = None, *, lenient: bool = False) -> Stretch:
    """The only stretch of a document, whose text has no escapes."""
    (stretch,) = JsonTokenizer(limits, lenient=lenient).stretches(data)
    assert stretch.text == data.decode()
    return stretch


def test_text_passed_over_has_no_tokens() -> None:
    stretch = stretch_of(b'{"a":1, "b":[] ,"c":2}')
    assert list(stretch.tokens(1)) == [OPEN]
    assert stretch.pass_over(stretch.text.index(" ,"), '"":0,"":[]')
    assert list(stretch.tokens()) == [name("c"), number("2"), CLOSE]
    assert stretch.position == len(stretch.text)


@pytest.mark.parametrize(
    ("data", "read", "structure"),
    [
        (b'{"a":1}', 1, '"":0'),
        (
            b'{"a":1,"b":2}',
            6,
            ",",
        ),
        (b'{"a":1,"b":2}', 7, '"":0'),
        (b'{"a":[1,{}]}', 1, '"":[0,{'),
        (b'[{"a":1}]', 2, '"":0}]'),
    ],
)
def test_text_that_may_come_next_is_passed_over(data: bytes, read: int, structure: str) -> None:
    stretch = stretch_of(data)
    stretch.tokens(read)
    assert stretch.accepts(structure)
    end = read + len(structure.replace('""', '"a"'))
    assert stretch.pass_over(end, structure)
    assert stretch.position == end
    stretch.tokens()
    assert stretch.fault is None


@pytest.mark.parametrize(
    ("data", "read", "structure"),
    [
        (b'{"a":1}', 0, '"":0'),
        (b'{"a":1}', 4, '"":0'),
        (b'{"a":1}', 5, '"":0'),
        (b'{"a":1}', 6, '"":0'),
        (b'["a"]', 1, '"":0'),
        (b"[1]", 2, "}"),
    ],
)
def test_text_that_cannot_come_next_is_not_passed_over(data: bytes, read: int, structure: str) -> None:
    stretch = stretch_of(data)
    stretch.tokens(read)
    assert not stretch.accepts(structure)
    assert not stretch.pass_over(len(data), structure)
    assert stretch.position == read
    stretch.tokens()
    assert stretch.fault is None


def test_text_is_passed_over_within_the_limit_on_depth() -> None:
    stretch = stretch_of(b'{"a":1}', Limits(depth=3))
    stretch.tokens(1)
    assert stretch.accepts('"":[[')
    assert not stretch.accepts('"":[[[')


def test_trailing_comma_after_text_passed_over() -> None:
    for end, structure in ((6, '"":0'), (7, '"":0,')):
        stretch = stretch_of(b'{"a":1,}')
        stretch.tokens(1)
        assert stretch.pass_over(end, structure)
        assert not stretch.tokens()
        assert stretch.fault is not None
        assert stretch.fault.position == 7


def test_reading_stops_at_a_fault() -> None:
    reader = JsonTokenizer()
    with pytest.raises(JsonSyntaxError, match="byte 11"):
        for stretch in reader.stretches(b'{"a":1,"b":x}'):
            stretch.tokens(1)
            assert stretch.pass_over(6, '"":0')
            assert list(stretch.tokens()) == [name("b")]
    assert reader.error is not None


def test_text_is_passed_over_before_a_comment() -> None:
    reader = JsonTokenizer(lenient=True)
    tokens = feed(reader, b'{"a":1,"b":/**/1,"c":1}', members=True)
    assert tokens == [OPEN, name("a"), number("1"), name("b"), number("1"), name("c"), number("1"), CLOSE]
    assert reader.departures == [(11, "comment")]


@pytest.mark.parametrize("data", [b'[",", ": ",": 1,"]', b'{"\\n":",",":1,":2}'])
def test_match_within_strings_is_not_a_member(data: bytes) -> None:
    assert MEMBER.search(data.decode())
    assert feed(JsonTokenizer(), data, members=True) == JsonTokenizer().feed(data)


# --- bounded memory ----------------------------------------------------------------------------------------------


def same_as_json_module(data: bytes, chunk: int, limits: Limits | None = None) -> bool:
    tokens, failure = run([data[i : i + chunk] for i in range(0, len(data), chunk)], limits, False)
    return failure is None and tokens == list(tokens_of(loads(data.decode())))


@pytest.mark.parametrize("chunk", [500, 64 * 1024, 10**9])
def test_many_distinct_texts_between_strings(chunk: int) -> None:
    spaces = ["".join(" \n"[i >> bit & 1] for bit in range(14)) for i in range(12_000)]
    data = ('{"a":[' + ",".join(f'"b"{space}' for space in spaces) + "]}").encode()
    assert same_as_json_module(data, chunk)


@pytest.mark.parametrize("chunk", [500, 64 * 1024, 10**9])
def test_many_distinct_numbers_between_strings(chunk: int) -> None:
    data = ("[" + ",".join(f'{{"a":{i},"b":"c"}}' for i in range(12_000)) + "]").encode()
    assert same_as_json_module(data, chunk)


@pytest.mark.parametrize("chunk", [500, 64 * 1024, 10**9])
def test_many_distinct_nestings(chunk: int) -> None:
    documents = []
    for i in range(6000):
        kinds = [i >> bit & 1 for bit in range(13)]
        opening = "".join('{"a":' if kind else "[" for kind in kinds)
        closing = "".join("}" if kind else "]" for kind in reversed(kinds))
        documents.append(f'{opening}"b"{closing}')
    assert same_as_json_module(f"[{','.join(documents)}]".encode(), chunk)


def test_deep_nesting_beyond_what_is_remembered() -> None:
    levels = 30_000
    data = b"[" * levels + b'"a"' + b"]" * levels
    tokens, failure = run([data[i : i + 4096] for i in range(0, len(data), 4096)], Limits(depth=levels), False)
    assert failure is None
    assert tokens == [OPEN_ARRAY] * levels + [string("a")] + [CLOSE_ARRAY] * levels


def test_what_is_dropped_is_made_again_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    inner = Grammar._inner

    def counted(grammar: Grammar, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return inner(grammar, *arguments)

    monkeypatch.setattr(Grammar, "_inner", counted)
    levels = 200_000
    JsonTokenizer(Limits(depth=levels)).feed(b"[" * levels)
    assert levels <= steps < 3 * levels


def test_texts_too_long_to_be_remembered() -> None:
    gap = b" " * 300
    data = b'[{"a":1,' + gap + b'"b":2' + gap + b"}," + gap + b'{"a"' + gap + b":" + gap + b"[" + gap + b'"c"]}]'
    assert read_well(data) == list(tokens_of(loads(data.decode())))


def states_of(reader: JsonTokenizer) -> list[State]:
    """The states that a reader keeps alive."""
    seen: dict[int, Any] = {}
    to_see: list[Any] = [reader]
    while to_see:
        found = to_see.pop()
        if id(found) not in seen and not isinstance(found, type):
            seen[id(found)] = found
            to_see += gc.get_referents(found)
    return [found for found in seen.values() if isinstance(found, State)]


def remembered_by(reader: JsonTokenizer) -> int:
    """How many states, and texts of states, a reader keeps alive."""
    return sum(1 + len(state.steps) + len(state.before_string) for state in states_of(reader))


def test_indented_texts_are_remembered_and_long_ones_are_not() -> None:
    reader = JsonTokenizer()
    indented = [":1},\n" + " " * count + "{" for count in (40, 200, 300)]
    long = ":" + "1" * 40 + "},{"
    reader.feed(b'[{"a"' + '"a"'.join([*indented, long, ""]).encode())
    remembered = {text for state in states_of(reader) for text in state.before_string}
    assert remembered & {*indented, long} == set(indented[:2])


def test_what_is_remembered_is_bounded() -> None:
    reader = JsonTokenizer()
    reader.feed(b'["a"')
    kept = []
    for i in range(20_000):
        space = "".join(" \n"[i >> bit & 1] for bit in range(15))
        reader.feed(f'{space},"a"'.encode())
        if i % 1000 == 0:
            kept.append(remembered_by(reader))
    slack = 16  # a chunk may go beyond the bound, and has few texts here
    assert max(kept) > 1000
    assert max(kept) <= _MOST_REMEMBERED + slack
