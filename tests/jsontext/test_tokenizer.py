"""JsonTokenizer: each case is fed whole, in bytes, and in two pieces.

Each is read with and without passing over members.
"""

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
from streamdicom.jsontext.grammar import _MAX_REMEMBERED, Grammar, State
from streamdicom.limits import Limits
from tests.support.each import each
from tests.support.members import MEMBER, feed

OPEN, CLOSE = (TokenType.START_OBJECT, ""), (TokenType.END_OBJECT, "")
OPEN_ARRAY, CLOSE_ARRAY = (TokenType.START_ARRAY, ""), (TokenType.END_ARRAY, "")
TRUE, FALSE, NULL = (TokenType.TRUE, ""), (TokenType.FALSE, ""), (TokenType.NULL, "")

# The class of an error, its message, its byte offset, and the limit that it names.
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
    tokenizer = JsonTokenizer(limits, multiple=multiple)
    tokens: list[Token] = []
    try:
        for chunk in (*chunks, None):
            tokens += feed(tokenizer, chunk, members=members)
    except InputError as error:
        return tokens, (type(error), error.message, error.location.byte_offset, getattr(error, "limit", ""))
    return tokens, None


def single_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def ways_to_cut(data: bytes) -> Iterator[list[bytes]]:
    yield [data]
    yield single_bytes(data)
    yield [b"", data[:1], data[1:], b""]
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]


def tokenize_every_way(
    data: bytes, limits: Limits | None = None, multiple: bool = False
) -> tuple[list[Token], Failure | None]:
    """Return the outcome, which must not depend on the cuts."""
    outcomes = [run(chunks, limits, multiple) for chunks in ways_to_cut(data)]
    outcomes += [run(chunks, limits, multiple, members=True) for chunks in ways_to_cut(data)]
    for outcome in outcomes:
        assert outcome == outcomes[0]
    return outcomes[0]


def tokens_from(data: bytes, limits: Limits | None = None, multiple: bool = False) -> list[Token]:
    tokens, failure = tokenize_every_way(data, limits, multiple)
    assert failure is None
    return tokens


def failure_of(data: bytes, limits: Limits | None = None, multiple: bool = False) -> Failure:
    failure = tokenize_every_way(data, limits, multiple)[1]
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
    """The exact text of a number, as opposed to a string."""

    __slots__ = ()


def loads(text: str) -> Any:
    """Parse with the json module: numbers as their text, objects as tuples of pairs."""
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


@each(("data", "expected"), cases([row for row in DOCUMENTS if row[2] is not None]))
def test_tokens(data: bytes, expected: list[Token]) -> None:
    assert tokens_from(data) == expected


@each("data", [pytest.param(row[1], id=str(row[0])) for row in DOCUMENTS])
def test_tokens_agree_with_the_json_module(data: bytes) -> None:
    assert tokens_from(data) == list(tokens_of(loads(data.decode())))


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


@each("text", EXACT_NUMBERS)
@each("frame", ["%s", "[%s]", '{"a":%s}', '["a",%s,"b"]', "[%s,%s]", "[ %s , %s ]"])
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


@each(("data", "offset"), cases(LONG_NUMBERS))
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
    assert tokens_from(b"[123456,-1.5e3]", limits) == [OPEN_ARRAY, number("123456"), number("-1.5e3"), CLOSE_ARRAY]
    assert failure_of(b"[123456,-1.5e33]", limits)[2:] == (8, "number_length")


def test_invalid_words_beyond_the_limit_are_an_error() -> None:
    assert failure_of(b"[abcdefghijklmnop", Limits(number_length=8))[2] == 1


@each("number_length", [1, 2, 3, 4, 5])
@each("literal", [b"true", b"false", b"null"])
def test_limit_on_numbers_does_not_apply_to_literals(literal: bytes, number_length: int) -> None:
    tokens = tokens_from(b"[" + literal + b"]", Limits(number_length=number_length))
    assert tokens == list(tokens_of(loads(f"[{literal.decode()}]")))


# --- strings in segments -----------------------------------------------------------------------------------------

UNIT = re.compile(r"\\u[dD][89abAB]..\\u....|\\u....|\\.|.", re.DOTALL)


def cut_by_hand(raw: str, limit: int) -> list[str]:
    """Return the longest runs of complete characters and escapes that fit."""
    if len(raw.encode()) <= limit:
        return [raw]
    pieces = [""]
    units = UNIT.findall(raw)
    for index, unit in enumerate(units):
        rest = "".join(units[index:])
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
    for shift in range(13) if limit == 12 else (0, 5, 11):
        shifted = "x" * shift + raw
        pieces = cut_by_hand(shifted, limit)
        assert len(pieces) > 1
        expected = segments(*(json.loads(f'"{piece}"') for piece in pieces))
        data = f'["a","{shifted}",1]'.encode()
        assert tokens_from(data, Limits(segment_size=limit)) == [
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


@each(("data", "expected"), cases(SEGMENTS_BY_HAND))
def test_segments(data: bytes, expected: list[Token]) -> None:
    assert tokens_from(data, Limits(segment_size=12)) == expected


def test_segments_in_an_object() -> None:
    data = b'{"a":"abcdefghijklm","b":"abcdefghijklm"}'
    long = segments("abcdefghijkl", "m")
    assert tokens_from(data, Limits(segment_size=12)) == [OPEN, name("a"), *long, name("b"), *long, CLOSE]


@each(("length", "pieces"), [(65535, 1), (65536, 1), (65537, 2), (200_000, 4)])
@each("chunk", [1000, 65536, 10**6])
def test_segments_of_64_kib_by_default(length: int, pieces: int, chunk: int) -> None:
    text = ("0123456789" * (length // 10 + 1))[:length]
    data = f'["{text}"]'.encode()
    tokens, failure = run([data[i : i + chunk] for i in range(0, len(data), chunk)], None, False)
    assert failure is None
    assert [len(value) for _, value in tokens[1:-1]] == [65536] * (pieces - 1) + [length - 65536 * (pieces - 1)]
    assert "".join(value for _, value in tokens[1:-1]) == text


def test_segments_are_delivered_before_the_string_is_complete() -> None:
    tokenizer = JsonTokenizer(Limits(segment_size=12))
    assert tokenizer.feed(b'["abcdefghijkl') == [OPEN_ARRAY]
    assert tokenizer.feed(b"m") == [(TokenType.STRING_SEGMENT, "abcdefghijkl")]


LIMIT_ON_NAMES = Limits(segment_size=12)


def test_name_as_long_as_a_segment() -> None:
    assert tokens_from(b'{"abcdefghijkl":1}', LIMIT_ON_NAMES) == [OPEN, name("abcdefghijkl"), number("1"), CLOSE]


LONG_NAMES = [
    ("first", b'{"abcdefghijklm":1}', 1),
    ("later", b'{"\xc3\xa9":1,"abcdefghijklm":1}', 8),
    ("much longer", b'{"' + b"a" * 100 + b'":1}', 1),
    ("not ended", b'{"' + b"a" * 100, 1),
    ("of escapes", rb'{"\n\n\n\n\n\n\n":1}', 1),
]


@each(("data", "offset"), cases(LONG_NAMES))
def test_name_too_long(data: bytes, offset: int) -> None:
    kind, message, place, limit = failure_of(data, LIMIT_ON_NAMES)
    assert (kind, place, limit) == (LimitError, offset, "segment_size")
    assert "Limits.segment_size" in message


# --- depth -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_depth_limit(opening: bytes, closing: bytes) -> None:
    levels = 12
    data = opening * levels + b"1" + closing * levels
    depth = levels * len(closing)
    assert len(tokens_from(data, Limits(depth=depth))) > 2 * levels
    kind, message, place, limit = failure_of(data, Limits(depth=depth - 1))
    assert (kind, limit) == (LimitError, "depth")
    assert place == max(data.rfind(b"["), data.rfind(b"{"))
    assert "Limits.depth" in message


def test_default_depth_limit_is_256() -> None:
    assert run([b"[" * 256 + b"]" * 256], None, False)[1] is None
    failure = run([b"[" * 257 + b"]" * 257], None, False)[1]
    assert failure is not None
    assert failure[0] is LimitError
    assert failure[2:] == (256, "depth")


# --- faults ------------------------------------------------------------------------------------------------------

# id, bytes, number of tokens before the fault, byte offset of the fault, part of the message
MALFORMED = [
    ("comma first", b"[,1]", 1, 1, "expected"),
    ("comma last in an array", b"[1,]", 2, 3, "expected a value"),
    ("comma last in an object", b'{"a":1,}', 3, 7, "expected a name"),
    ("two commas", b"[1,,2]", 2, 3, "expected a value"),
    ("no comma between numbers", b"[1 2]", 2, 3, "expected ',' or ']'"),
    ("no comma between strings", b'["a" "b"]', 2, 5, "expected ',' or ']'"),
    ("no comma between members", b'{"a":1 "b":2}', 3, 7, "expected ',' or '}'"),
    ("no comma between literals", b"[true null]", 2, 6, "expected ',' or ']'"),
    ("no comma between arrays", b"[[][]]", 3, 3, "expected ',' or ']'"),
    ("no colon before a string", b'{"a" "b"}', 2, 5, "expected ':'"),
    ("no colon before a number", b'{"a" 1}', 2, 5, "expected ':'"),
    ("no colon at all", b'{"a"}', 2, 4, "expected ':'"),
    ("two colons", b'{"a"::1}', 2, 5, "expected a value"),
    ("colon in an array", b'["a":1]', 2, 4, "expected ',' or ']'"),
    ("colon first", b":", 0, 0, "expected a value"),
    ("no value of a member", b'{"a":}', 2, 5, "expected a value"),
    ("number for a name", b"{ 1 :2}", 1, 2, "expected a name or '}'"),
    ("number for a later name", b'{"a":1, 2 :3}', 3, 8, "expected a name"),
    ("literal for a name", b"{true:1}", 1, 1, "expected a name or '}'"),
    ("object for a name", b"{{}:1}", 1, 1, "expected a name or '}'"),
    ("array closed as an object", b"[1}", 2, 2, "expected ',' or ']'"),
    ("object closed as an array", b'{"a":1]', 3, 6, "expected ',' or '}'"),
    ("closed and not opened", b"]", 0, 0, "expected a value"),
    ("closed once too often", b"[]]", 2, 2, "expected the end of the document"),
    ("second array", b"[] []", 2, 3, "expected the end of the document"),
    ("second string", b'"a" "b"', 1, 4, "expected the end of the document"),
    ("second number", b"1 2", 1, 2, "expected the end of the document"),
    ("second literal", b"null\ntrue", 1, 5, "expected the end of the document"),
    ("comma after the document", b"[],", 2, 2, "expected the end of the document"),
    ("word", b"[nope]", 1, 1, "expected a string, a number"),
    ("literal in capitals", b"[True]", 1, 1, "expected a string, a number"),
    ("two literals in one word", b"[truefalse]", 1, 1, "expected a string, a number"),
    ("NaN", b"[NaN]", 1, 1, "expected a string, a number"),
    ("leading zero", b"[01]", 1, 1, "expected a string, a number"),
    ("plus sign", b"[+1]", 1, 1, "expected a string, a number"),
    ("number after a number", b"[1,2x,3]", 2, 3, "expected a string, a number"),
    ("comment", b"[1 /* x */]", 2, 3, "expected a string, a number"),
    (
        "comment after multi-byte characters",
        '["\xe9\u20ac\U0001f600" //]'.encode(),
        2,
        13,
        "expected a string, a number",
    ),
    ("single quotation marks", b"['a']", 1, 1, "expected a string, a number"),
    ("backslash between strings", rb'["a" \"b"]', 2, 5, "expected a string, a number"),
    ("form feed", b"[1,\x0c2]", 2, 3, "expected a string, a number"),
    ("no-break space", b"[1,\xc2\xa02]", 2, 3, "expected a string, a number"),
    ("null byte", b"[1,\x002]", 2, 3, "expected a string, a number"),
    ("byte order mark", b"\xef\xbb\xbf{}", 0, 0, "a byte order mark"),
    ("byte order mark in the middle", b"[1,\xef\xbb\xbf2]", 2, 3, "a byte order mark"),
    ("byte order mark alone", b"\xef\xbb\xbf", 0, 0, "a byte order mark"),
    ("control character", b'["a\nb"]', 1, 3, "a control character"),
    ("control character after escapes", b'["\\"\\\\\\n\x01"]', 1, 8, "a control character"),
    ("control character after multi-byte characters", '["\xe9\U0001f600\x1f"]'.encode(), 1, 8, "a control character"),
    ("control character in a later string", b'["\\"", "\x00"]', 2, 8, "a control character"),
    ("control character in a name", b'{"a\tb":1}', 1, 3, "a control character"),
    ("unknown escape", rb'["\a"]', 1, 2, "an escape of"),
    ("unknown escape after escapes", rb'["\\\"\u00e9\x41"]', 1, 12, "an escape of"),
    ("unknown escape after multi-byte characters", '["\u20ac","\u20ac\\q"]'.encode(), 2, 11, "an escape of"),
    ("escape of three digits", rb'["\u00e"]', 1, 2, "an escape of"),
    ("escape of no hexadecimal digits", rb'["\u00eg"]', 1, 2, "an escape of"),
    ("high surrogate alone", rb'["a\ud83d"]', 1, 3, "half of one"),
    ("high surrogate before another escape", rb'["a\ud83d\u0041"]', 1, 3, "half of one"),
    ("low surrogate alone", rb'["\ude00"]', 1, 2, "half of one"),
    ("surrogates in the wrong order", rb'["\ud83d\ude00\ude00\ud83d"]', 1, 14, "half of one"),
    ("wrong byte in a string", b'["a\xffb"]', 1, 3, "UTF-8"),
    ("wrong byte after multi-byte characters", b'["\xc3\xa9","\xc3\xa9\xc3"]', 2, 9, "UTF-8"),
    ("wrong byte after escapes", b'["\\"\\\\","\\"\xff"]', 2, 11, "UTF-8"),
    ("wrong byte between strings", b"[1,\xff]", 2, 3, "UTF-8"),
    ("control character before a wrong byte", b'["a\x01b\xff"]', 1, 3, "control character"),
    ("wrong escape before a wrong byte", b'["\\x \xff"]', 1, 2, "an escape of"),
    ("escape that a wrong byte cuts", b'["\\u00\xff"]', 1, 6, "UTF-8"),
    ("misplaced string with a wrong byte", b'[1 "\xff"]', 2, 3, "expected ',' or ']'"),
    ("wrong byte first", b"\xff", 0, 0, "UTF-8"),
    ("overlong encoding", b'["\xc0\xaf"]', 1, 2, "UTF-8"),
    ("surrogate in UTF-8", b'["\xed\xa0\x80"]', 1, 2, "UTF-8"),
    ("a fault before a wrong byte", b'["\\q", "\xff"]', 1, 2, "an escape of"),
    ("a fault between strings before a wrong byte", b'[,"\xff"]', 1, 1, "expected"),
    ("the first of two faults", b'["a",,"\x00"]', 2, 5, "expected a value"),
]


@each(("data", "before", "offset", "part"), cases(MALFORMED))
def test_malformed(data: bytes, before: int, offset: int, part: str) -> None:
    tokens, failure = tokenize_every_way(data)
    assert failure is not None
    kind, message, place, _ = failure
    assert (kind, place) == (JsonSyntaxError, offset)
    assert part in message
    assert len(tokens) == before


FAULTS_IN_SEGMENTS = [
    ("control character", b'["abcdefghijklm\nopqr"]', segments("abcdefghijkl", "")[:1], 15, "a control character"),
    ("in the first segment", b'["abc\x00efghijklmnop"]', [], 5, "a control character"),
    ("unknown escape", rb'["abcdefghijklm\xopq"]', segments("abcdefghijkl", "")[:1], 15, "an escape of"),
    (
        "after multi-byte characters",
        '["\u20ac\u20ac\u20ac\u20ac\u20ac\\q"]'.encode(),
        ["\u20ac" * 4],
        17,
        "an escape of",
    ),
    ("high surrogate at the cut", rb'["abcdef\ud83dxyz"]', ["abcdef"], 8, "half of one"),
    ("high surrogate at the end", rb'["abcdefghijkl\ud83d"]', ["abcdefghijkl"], 14, "half of one"),
    ("pair of high surrogates", rb'["abcdefg\ud83d\ud83d\ude00"]', ["abcdefg"], 9, "half of one"),
    ("escape of three digits at the cut", rb'["abcdefgh\u00eghijk"]', ["abcdefgh"], 10, "an escape of"),
    ("wrong byte", b'["abcdefghijklmno\xffpqr"]', ["abcdefghijkl"], 17, "UTF-8"),
    ("control character before one", b'["abcdefghijklm\x01o\xffpqr"]', ["abcdefghijkl"], 15, "control character"),
    ("continuation bytes without an end", b'["abcdefghijkl' + b"\x80" * 20 + b'"]', ["abcdefghijkl"], 14, "UTF-8"),
    ("character that is not complete", b'["abcdefghijklm\xe2\x82"]', ["abcdefghijkl"], 15, "UTF-8"),
]


@each(("data", "before", "offset", "part"), cases(FAULTS_IN_SEGMENTS))
def test_malformed_within_segments(data: bytes, before: list[Any], offset: int, part: str) -> None:
    tokens, failure = tokenize_every_way(data, Limits(segment_size=12))
    assert failure is not None
    kind, message, place, _ = failure
    assert (kind, place) == (JsonSyntaxError, offset)
    assert part in message
    expected = [token if isinstance(token, tuple) else (TokenType.STRING_SEGMENT, token) for token in before]
    assert tokens == [OPEN_ARRAY, *expected]


MISPLACED_LONG_STRINGS = [
    ("after a string", b'["a" "abcdefghijklmnop"]', 5, "expected ',' or ']'"),
    ("after a name", b'{"a" "abcdefghijklmnop"}', 5, "expected ':'"),
    ("after the document", b'[]"abcdefghijklmnop"', 2, "expected the end of the document"),
]


@each(("data", "offset", "part"), cases(MISPLACED_LONG_STRINGS))
def test_long_string_out_of_place(data: bytes, offset: int, part: str) -> None:
    kind, message, place, _ = failure_of(data, Limits(segment_size=12))
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
    ("an escape of", b'["a\\'),
    ("half of an escape", b'["a\\u00'),
    ("half of one", rb'["\ud83d'),
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


@each("data", cases(TRUNCATED))
def test_truncated(data: bytes) -> None:
    kind, _, place, _ = failure_of(data)
    assert kind is TruncatedError
    assert issubclass(kind, EOFError)
    assert place == len(data)


@each("data", TRUNCATED_EXPONENTS)
def test_truncated_within_an_exponent(data: bytes) -> None:
    assert failure_of(data)[::2] == (TruncatedError, len(data))


def test_number_that_may_continue_is_not_a_token_yet() -> None:
    for data in (b"[15", b"[1.5", b"[1e5", b"[1.5e-5"):
        assert tokenize_every_way(data)[0] == [OPEN_ARRAY]


# No continuation makes these valid.
MALFORMED_AT_THE_END = [
    ("number for a name", b"{1", 1),
    ("literal for a name", b"{tru", 1),
    ("number after a number", b"[1 2", 3),
    ("number after a name", b'{"a" 1', 5),
    ("literal after the document", b"[] t", 3),
    ("string after a string", b'["a" "b', 5),
    ("string after a name", b'{"a" "b', 5),
    ("string after a number", b'[1"b', 2),
    ("string after the document", b'"a" "b', 4),
    ("unknown escape", b'["\\q', 2),
    ("control character", b'["a\nb', 3),
    ("wrong byte", b'["a\xffb', 3),
    ("wrong byte at the end", b'["a\xff', 3),
    ("overlong encoding begun", b'["a\xc0', 3),
    ("overlong encoding begun, of three bytes", b'["a\xe0\x80', 3),
    ("surrogate in UTF-8 begun", b'["a\xed\xa0', 3),
    ("character beyond U+10FFFF begun", b'["a\xf4\x90', 3),
]


@each(("data", "offset"), cases(MALFORMED_AT_THE_END))
def test_malformed_and_truncated_is_malformed(data: bytes, offset: int) -> None:
    kind, _, place, _ = failure_of(data)
    assert (kind, place) == (JsonSyntaxError, offset)


def test_truncated_within_segments() -> None:
    tokens, failure = tokenize_every_way(b'["abcdefghijklmno', Limits(segment_size=12))
    assert tokens == [OPEN_ARRAY, (TokenType.STRING_SEGMENT, "abcdefghijkl")]
    assert failure is not None
    assert failure[::2] == (TruncatedError, 17)


def test_invalid_word_is_not_truncated() -> None:
    for data in (b"[nope", b"+", b"[01", b"[1.e", b"[--", b"truer"):
        assert failure_of(data)[0] is JsonSyntaxError


def test_every_prefix_of_a_document_is_truncated() -> None:
    data = '[{"a\xe9":[1.5,-2],"b\\n":"\\ud83d\\ude00"},null,"abcdefghijklmnop",{}]'.encode()
    for limits, end in product((Limits(), Limits(segment_size=12)), range(len(data))):
        failure = run([data[:end]], limits, False)[1]
        assert failure is not None
        assert failure[::2] == (TruncatedError, end)


# Words and brackets without white space between them, which chunks split in the most different ways.
ADJACENT = [
    ("number after an opening brace", b"{1}"),
    ("number after an array", b"[[]1]"),
    ("number after an object", b"[{}1]"),
    ("number after the document", b"[]1"),
    ("number after a member", b'{"a":{}1}'),
    ("number before an opening bracket", b"[1[]]"),
    ("number before an opening brace", b"[1{}]"),
    ("number before a colon", b"[1:2]"),
    ("number before a string", b'[1"a"]'),
    ("number after a string", b'["a"1]'),
    ("literal after an array", b"[[]true]"),
    ("literal before an array", b"[true[]]"),
    ("literal before a string", b'[true"a"]'),
]


@each("data", cases(ADJACENT))
def test_fault_without_white_space_does_not_depend_on_the_cuts(data: bytes) -> None:
    assert failure_of(data)[0] is JsonSyntaxError


FAULTS_AFTER_NUMBERS = [(b"[1[]]", 2), (b"[1{}]", 2), (b"[1:2]", 2), (b'{"a":1:2}', 6), (b"1{}", 1)]


@each(("data", "offset"), FAULTS_AFTER_NUMBERS)
def test_fault_after_a_number_excludes_the_number(data: bytes, offset: int) -> None:
    tokens, failure = tokenize_every_way(data)
    assert tokens[-1] == number("1")
    assert failure is not None
    assert failure[::2] == (JsonSyntaxError, offset)


LONG_WORDS = [
    ("number and letters for a name", b"{ 123456789x}"),
    ("number and letters after a value", b'["a"123456789x]'),
    ("number and bracket after a value", b'["a"123456789[]]'),
    ("character across the limit", "[abcdefg\xe9]".encode()),
    ("longer character across the limit", "[abcdefg\u20ac]".encode()),
    ("four bytes across the limit", "[abcdef\U0001f600]".encode()),
    ("escape across the limit", rb"[abcdefg\\x]"),
    ("quotation mark at the limit", rb'[abcdefg\"x"]'),
    ("byte order mark", "[\ufeffabcd\u20ac]".encode()),
    ("wrong byte after a byte order mark", b"[\xef\xbb\xbfabcdefg\xff]"),
    ("wrong byte before the limit", b"[abc\xffdefghijkl]"),
    ("wrong byte at the limit", b"[abcdefgh\xff]"),
    ("wrong byte after the limit", b"[abcdefghi\xff]"),
]


@each("data", cases(LONG_WORDS))
def test_fault_of_a_long_word_does_not_depend_on_the_cuts(data: bytes) -> None:
    assert failure_of(data, Limits(number_length=8))[0] in (JsonSyntaxError, LimitError)


# --- errors -----------------------------------------------------------------------------------------


def test_word_is_not_a_fault_before_it_ends() -> None:
    tokenizer = JsonTokenizer()
    assert tokenizer.feed(b'["a",1,x') == [OPEN_ARRAY, string("a"), number("1")]
    assert tokenizer.error is None
    with pytest.raises(JsonSyntaxError, match="byte 7"):
        tokenizer.feed(b",")


def test_tokens_before_a_fault_are_returned_first() -> None:
    tokenizer = JsonTokenizer()
    assert tokenizer.feed(b'["a",1,x]') == [OPEN_ARRAY, string("a"), number("1")]
    error = tokenizer.error
    assert isinstance(error, JsonSyntaxError)
    assert error.location.byte_offset == 7
    with pytest.raises(JsonSyntaxError) as caught:
        tokenizer.feed(b"")
    assert caught.value is error


def test_fault_without_tokens_is_raised_at_once() -> None:
    tokenizer = JsonTokenizer()
    tokenizer.feed(b"[")
    with pytest.raises(JsonSyntaxError):
        tokenizer.feed(b"}")


def test_failure_is_sticky() -> None:
    tokenizer = JsonTokenizer()
    with pytest.raises(JsonSyntaxError) as first:
        tokenizer.feed(b"]")
    for again in (lambda: tokenizer.feed(b"[]"), lambda: tokenizer.feed(b""), tokenizer.close, tokenizer.close):
        with pytest.raises(JsonSyntaxError) as caught:
            again()
        assert caught.value is first.value


def test_failure_at_the_end_is_sticky() -> None:
    tokenizer = JsonTokenizer()
    tokenizer.feed(b"[")
    with pytest.raises(TruncatedError) as first:
        tokenizer.close()
    with pytest.raises(TruncatedError) as caught:
        tokenizer.close()
    assert caught.value is first.value


def test_last_token_of_a_truncated_stream_is_not_lost() -> None:
    tokens, failure = tokenize_every_way(b'{"a":1,"b"')
    assert tokens == [OPEN, name("a"), number("1"), name("b")]
    assert failure is not None
    assert failure[0] is TruncatedError


def test_number_after_the_document_is_an_error_at_the_end() -> None:
    tokenizer = JsonTokenizer()
    assert tokenizer.feed(b"[]") == [OPEN_ARRAY, CLOSE_ARRAY]
    assert tokenizer.feed(b" 1") == []
    with pytest.raises(JsonSyntaxError):
        tokenizer.close()


def test_errors_never_quote_the_document() -> None:
    for data in (b'["secret\x00"]', b"[secret]", b'{"secret" "secret"}', b'["secret', b'["secret\xff"]'):
        failure = failure_of(data)
        assert "secret" not in failure[1]


def test_error_message_has_the_byte_offset() -> None:
    with pytest.raises(JsonSyntaxError, match=r"\(byte 0\)$"):
        JsonTokenizer().feed(b"]")


@each("data", [b"[[x]]", b'[["a",x]]', b'[["a","\x00"]]', b"[]x"])
def test_bytes_consumed_before_a_fault_do_not_depend_on_the_cuts(data: bytes) -> None:
    consumed = set()
    for chunks in ways_to_cut(data):
        tokenizer = JsonTokenizer()
        with pytest.raises(JsonSyntaxError):
            list(tokenizer.read(chunks))
        consumed.add(tokenizer.bytes_consumed)
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
    ("string after a literal", b'null"a"', [NULL, string("a")]),
    ("string after a number", b'1"a"2', [number("1"), string("a"), number("2")]),
    ("literal after an array", b"[]null", [OPEN_ARRAY, CLOSE_ARRAY, NULL]),
    ("array after a literal", b"null[]", [NULL, OPEN_ARRAY, CLOSE_ARRAY]),
    ("number after an array", b"[]1 ", [OPEN_ARRAY, CLOSE_ARRAY, number("1")]),
    ("number after an object", b"{}-1\n", [OPEN, CLOSE, number("-1")]),
    ("array after a number", b"1[]", [number("1"), OPEN_ARRAY, CLOSE_ARRAY]),
    ("object after a number", b"1{}", [number("1"), OPEN, CLOSE]),
    ("number in between", b"{}1.5[]", [OPEN, CLOSE, number("1.5"), OPEN_ARRAY, CLOSE_ARRAY]),
]


@each(("data", "expected"), cases(STREAMS))
def test_several_documents(data: bytes, expected: list[Token]) -> None:
    assert tokens_from(data, multiple=True) == expected


BAD_STREAMS = [
    ("comma between documents", b"[],[]", JsonSyntaxError, 2),
    ("closed once too often", b"[]\n]", JsonSyntaxError, 3),
    ("word", b"[]\nnope\n[]", JsonSyntaxError, 3),
    ("record separator", b"\x1e[]\n", JsonSyntaxError, 0),
    ("second one truncated", b"{}\n{", TruncatedError, 4),
    ("second one truncated within a string", b'{}\n"a', TruncatedError, 5),
    ("second one truncated within a number", b"{}\n-", TruncatedError, 4),
]


@each(("data", "kind", "offset"), cases(BAD_STREAMS))
def test_faults_between_documents(data: bytes, kind: type[InputError], offset: int) -> None:
    assert failure_of(data, multiple=True)[::2] == (kind, offset)


def test_depth_limit_counts_each_document_alone() -> None:
    assert len(tokens_from(b"[[]]" * 5, Limits(depth=2), multiple=True)) == 20
    assert failure_of(b"[[]][[[]]]", Limits(depth=2), multiple=True)[2:] == (6, "depth")


def test_long_strings_in_several_documents() -> None:
    tokens = tokens_from(b'"abcdefghijklm""abcdefghijklm"', Limits(segment_size=12), multiple=True)
    assert tokens == segments("abcdefghijkl", "m") * 2


# --- close, read, bytes_consumed ---------------------------------------------------------------------------------


@each(("data", "last"), [(b"12", number("12")), (b"null", NULL), (b"-0.5e3", number("-0.5e3"))])
def test_close_returns_the_last_token(data: bytes, last: Token) -> None:
    tokenizer = JsonTokenizer()
    assert tokenizer.feed(data) == []
    assert tokenizer.close() == [last]
    assert tokenizer.close() == []


def test_close_of_a_complete_document_returns_nothing() -> None:
    tokenizer = JsonTokenizer()
    tokenizer.feed(b"[]\n")
    assert tokenizer.close() == []
    assert tokenizer.error is None


def test_feed_after_close_is_an_error() -> None:
    tokenizer = JsonTokenizer()
    tokenizer.feed(b"[]")
    tokenizer.close()
    with pytest.raises(ValueError, match="closed") as caught:
        tokenizer.feed(b"")
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


def test_read_raises_the_fault_after_the_last_token() -> None:
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
    (b"1", 2),  # the number may continue
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
    tokenizer = JsonTokenizer(Limits(segment_size=12))
    assert tokenizer.bytes_consumed == 0
    consumed = []
    for chunk, _ in CONSUMED:
        tokenizer.feed(chunk)
        consumed.append(tokenizer.bytes_consumed)
    assert consumed == [expected for _, expected in CONSUMED]
    tokenizer.close()
    assert tokenizer.bytes_consumed == sum(len(chunk) for chunk, _ in CONSUMED)


@each("data", [pytest.param(row[1], id=str(row[0])) for row in DOCUMENTS])
def test_bytes_consumed_at_the_end(data: bytes) -> None:
    for chunks in ways_to_cut(data):
        tokenizer = JsonTokenizer()
        list(tokenizer.read(chunks))
        assert tokenizer.bytes_consumed == len(data)


# --- locate ------------------------------------------------------------------------------------------------------

RAW_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]|[^ \t\r\n\[\]{}:,"]+', re.DOTALL)


def locate_all(chunks: Iterable[bytes], limits: Limits | None = None, multiple: bool = False) -> list[int]:
    tokenizer = JsonTokenizer(limits, multiple=multiple)
    offsets: list[int] = []
    for chunk in (*chunks, None):
        indices = range(len(tokenizer.close() if chunk is None else tokenizer.feed(chunk)))
        each = [tokenizer.locate(index) for index in indices]
        assert tokenizer.locate_all(indices) == each
        assert tokenizer.token_count == len(indices)
        offsets += each
    return offsets


@each("data", [pytest.param(row[1], id=str(row[0])) for row in DOCUMENTS])
def test_locate(data: bytes) -> None:
    expected = [match.start() for match in RAW_TOKEN.finditer(data)]
    for chunks in ways_to_cut(data):
        assert locate_all(chunks) == expected


@each("data", [pytest.param(row[1], id=row[0]) for row in STREAMS[:16]])
def test_locate_in_several_documents(data: bytes) -> None:
    expected = [match.start() for match in RAW_TOKEN.finditer(data)]
    for chunks in ways_to_cut(data):
        assert locate_all(chunks, multiple=True) == expected


def test_locate_in_a_document_of_many_pieces() -> None:
    member = '"\xe9\\"\\\\": [1.5, "\\u20ac", null]'
    data = ("[" + ", ".join(f"{{{member}}}" for _ in range(6000)) + "]").encode()
    expected = [match.start() for match in RAW_TOKEN.finditer(data)]
    tokenizer = JsonTokenizer()
    count = len(tokenizer.feed(data))
    assert count == len(expected)
    some = range(0, count, 997)
    assert [tokenizer.locate(index) for index in some] == [expected[index] for index in some]


def test_locate_segments() -> None:
    data = b'[1,"abcdefghijklmnopqrstuvwxyz",\n2]'
    for chunks in ways_to_cut(data):
        assert locate_all(chunks, Limits(segment_size=12)) == [0, 1, 4, 16, 28, 33, 34]


def test_locate_tokens_before_a_fault() -> None:
    tokenizer = JsonTokenizer()
    assert len(tokenizer.feed('["\xe9", "\\"", 12, x]'.encode())) == 4
    assert [tokenizer.locate(index) for index in range(4)] == [0, 1, 7, 13]


def test_locate_tokens_before_a_wrong_byte() -> None:
    tokenizer = JsonTokenizer()
    assert len(tokenizer.feed(b' ["\xc3\xa9", 12, "\xff"]')) == 3
    assert [tokenizer.locate(index) for index in range(3)] == [1, 2, 8]


# --- text passed over --------------------------------------------------------------------------------------------


def stretch_of(data: bytes, limits: Limits | None = None, *, lenient: bool = False) -> Stretch:
    """Return the only stretch of a document without escapes."""
    (stretch,) = JsonTokenizer(limits, lenient=lenient).stretches(data)
    assert stretch.text == data.decode()
    return stretch


def test_text_passed_over_has_no_tokens() -> None:
    stretch = stretch_of(b'{"a":1, "b":[] ,"c":2}')
    assert list(stretch.tokens(1)) == [OPEN]
    assert stretch.pass_over(stretch.text.index(" ,"), '"":0,"":[]')
    assert list(stretch.tokens()) == [name("c"), number("2"), CLOSE]
    assert stretch.position == len(stretch.text)


@each(
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
def test_allowed_structure_is_passed_over(data: bytes, read: int, structure: str) -> None:
    stretch = stretch_of(data)
    stretch.tokens(read)
    assert stretch.accepts(structure)
    end = read + len(structure.replace('""', '"a"'))
    assert stretch.pass_over(end, structure)
    assert stretch.position == end
    stretch.tokens()
    assert stretch.fault is None


@each(
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
def test_structure_that_is_not_allowed_is_not_passed_over(data: bytes, read: int, structure: str) -> None:
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


def test_departures_of_a_lenient_tokenizer_are_not_passed_over() -> None:
    stretch = stretch_of(b'[{"a":1,},[]]', lenient=True)
    stretch.tokens(1)
    assert not stretch.accepts('{"":0,}')
    assert stretch.pass_over(8, '{"":0,')
    assert not stretch.accepts("}")
    assert len(stretch.tokens()) == 4


def test_trailing_comma_after_text_passed_over() -> None:
    for end, structure in ((6, '"":0'), (7, '"":0,')):
        stretch = stretch_of(b'{"a":1,}')
        stretch.tokens(1)
        assert stretch.pass_over(end, structure)
        assert not stretch.tokens()
        assert stretch.fault is not None
        assert stretch.fault.position == 7


def test_reading_stops_at_a_fault() -> None:
    tokenizer = JsonTokenizer()
    with pytest.raises(JsonSyntaxError, match="byte 11"):
        for stretch in tokenizer.stretches(b'{"a":1,"b":x}'):
            stretch.tokens(1)
            assert stretch.pass_over(6, '"":0')
            assert list(stretch.tokens()) == [name("b")]
    assert tokenizer.error is not None


def test_text_is_passed_over_before_a_comment() -> None:
    tokenizer = JsonTokenizer(lenient=True)
    tokens = feed(tokenizer, b'{"a":1,"b":/**/1,"c":1}', members=True)
    assert tokens == [OPEN, name("a"), number("1"), name("b"), number("1"), name("c"), number("1"), CLOSE]
    assert tokenizer.departures == [(11, "comment")]


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
    spaces = ["".join(" \n"[i >> bit & 1] for bit in range(14)) for i in range(4000)]
    data = ('{"a":[' + ",".join(f'"b"{space}' for space in spaces) + "]}").encode()
    assert same_as_json_module(data, chunk)


@pytest.mark.parametrize("chunk", [500, 64 * 1024, 10**9])
@pytest.mark.slow
def test_many_distinct_numbers_between_strings(chunk: int) -> None:
    data = ("[" + ",".join(f'{{"a":{i},"b":"c"}}' for i in range(12_000)) + "]").encode()
    assert same_as_json_module(data, chunk)


@pytest.mark.parametrize("chunk", [500, 64 * 1024, 10**9])
@pytest.mark.slow
def test_many_distinct_nestings(chunk: int) -> None:
    documents = []
    for i in range(6000):
        kinds = [i >> bit & 1 for bit in range(13)]
        opening = "".join('{"a":' if kind else "[" for kind in kinds)
        closing = "".join("}" if kind else "]" for kind in reversed(kinds))
        documents.append(f'{opening}"b"{closing}')
    assert same_as_json_module(f"[{','.join(documents)}]".encode(), chunk)


@pytest.mark.slow
def test_nesting_deeper_than_the_remembered_states() -> None:
    levels = 30_000
    data = b"[" * levels + b'"a"' + b"]" * levels
    tokens, failure = run([data[i : i + 4096] for i in range(0, len(data), 4096)], Limits(depth=levels), False)
    assert failure is None
    assert tokens == [OPEN_ARRAY] * levels + [string("a")] + [CLOSE_ARRAY] * levels


@pytest.mark.slow
def test_dropped_states_are_rebuilt_in_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    inner = Grammar._inner

    def counted(grammar: Grammar, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return inner(grammar, *arguments)

    monkeypatch.setattr(Grammar, "_inner", counted)
    levels = 50_000  # many times the bound
    JsonTokenizer(Limits(depth=levels)).feed(b"[" * levels)
    assert levels <= steps < 3 * levels


@pytest.mark.slow
def test_texts_too_long_to_be_remembered() -> None:
    gap = b" " * 300
    data = b'[{"a":1,' + gap + b'"b":2' + gap + b"}," + gap + b'{"a"' + gap + b":" + gap + b"[" + gap + b'"c"]}]'
    assert tokens_from(data) == list(tokens_of(loads(data.decode())))


def states_of(tokenizer: JsonTokenizer) -> list[State]:
    """Return the states that a tokenizer keeps alive."""
    seen: dict[int, Any] = {}
    to_see: list[Any] = [tokenizer]
    while to_see:
        found = to_see.pop()
        if id(found) not in seen and not isinstance(found, type):
            seen[id(found)] = found
            to_see += gc.get_referents(found)
    return [found for found in seen.values() if isinstance(found, State)]


def remembered_by(tokenizer: JsonTokenizer) -> int:
    """Return the number of states and texts that a tokenizer keeps alive."""
    return sum(1 + len(state.steps) + len(state.before_string) for state in states_of(tokenizer))


def test_indented_texts_are_remembered_and_long_ones_are_not() -> None:
    tokenizer = JsonTokenizer()
    indented = [":1},\n" + " " * count + "{" for count in (40, 200, 300)]
    long = ":" + "1" * 40 + "},{"
    tokenizer.feed(b'[{"a"' + '"a"'.join([*indented, long, ""]).encode())
    remembered = {text for state in states_of(tokenizer) for text in state.before_string}
    assert remembered & {*indented, long} == set(indented[:2])


@pytest.mark.slow
def test_remembered_texts_are_bounded() -> None:
    tokenizer = JsonTokenizer()
    tokenizer.feed(b'["a"')
    kept = []
    for i in range(20_000):
        space = "".join(" \n"[i >> bit & 1] for bit in range(15))
        tokenizer.feed(f'{space},"a"'.encode())
        if i % 1000 == 0:
            kept.append(remembered_by(tokenizer))
    slack = 16  # a chunk may exceed the bound by its own texts
    assert max(kept) > 1000
    assert max(kept) <= _MAX_REMEMBERED + slack
