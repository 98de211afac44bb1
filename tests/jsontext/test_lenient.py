"""Lenient JsonTokenizer: each case is fed whole, in bytes, and in two pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from time import process_time
from typing import Any

import pytest

from streamdicom.deviations import DEVIATIONS
from streamdicom.errors import InputError, JsonSyntaxError, LimitError, TruncatedError
from streamdicom.jsontext import JsonTokenizer, Token, TokenType
from streamdicom.limits import Limits
from tests.support.each import each
from tests.support.members import feed

BOM = b"\xef\xbb\xbf"
MARK, COMMA, COMMENT, NONFINITE = "byte-order-mark", "trailing-comma", "comment", "bare-nonfinite"

OPEN, CLOSE = (TokenType.START_OBJECT, ""), (TokenType.END_OBJECT, "")
OPEN_ARRAY, CLOSE_ARRAY = (TokenType.START_ARRAY, ""), (TokenType.END_ARRAY, "")
TRUE = (TokenType.TRUE, "")

Departures = list[tuple[int, str]]
# The class of an error, its byte offset, and the limit that it names.
Failure = tuple[type[InputError], int | None, str]
Outcome = tuple[list[Token], Departures, Failure | None]


def name(text: str) -> Token:
    return TokenType.PROPERTY_NAME, text


def string(text: str) -> Token:
    return TokenType.STRING, text


def number(text: str) -> Token:
    return TokenType.NUMBER, text


def calls(
    tokenizer: JsonTokenizer, chunks: Iterable[bytes], *, members: bool = False
) -> Iterator[Callable[[], list[Token]]]:
    for chunk in (*chunks, None):
        yield partial(feed, tokenizer, chunk, members=members)


def run(
    chunks: Iterable[bytes],
    limits: Limits | None = None,
    multiple: bool = False,
    members: bool = False,
) -> Outcome:
    """Return the tokens, the departures of all calls, and the error."""
    tokenizer = JsonTokenizer(limits, multiple=multiple, lenient=True)
    tokens: list[Token] = []
    departures: Departures = []
    try:
        for call in calls(tokenizer, chunks, members=members):
            try:
                tokens += call()
            finally:
                departures += tokenizer.departures
    except InputError as error:
        return tokens, departures, (type(error), error.location.byte_offset, getattr(error, "limit", ""))
    return tokens, departures, None


def ways_to_cut(data: bytes) -> Iterator[list[bytes]]:
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for cut in range(1, len(data)):
        yield [data[:cut], data[cut:]]


def tokenize_every_way(data: bytes, limits: Limits | None = None, multiple: bool = False) -> Outcome:
    """Return the outcome, which must not depend on the cuts."""
    outcomes = [run(chunks, limits, multiple) for chunks in ways_to_cut(data)]
    outcomes += [run(chunks, limits, multiple, members=True) for chunks in ways_to_cut(data)]
    for outcome in outcomes:
        assert outcome == outcomes[0]
    return outcomes[0]


def strict_error(data: bytes) -> int | None:
    """Return the byte offset of the error of a strict tokenizer."""
    with pytest.raises(InputError) as caught:
        list(JsonTokenizer(multiple=True).read([data]))
    return caught.value.location.byte_offset


def cases(table: list[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0]) for row in table]


# --- accepted departures ------------------------------------------------------------------------------------------

IN_ARRAY = [OPEN_ARRAY, number("1"), CLOSE_ARRAY]
IN_OBJECT = [OPEN, name("a"), number("1"), CLOSE]
TWO = [OPEN_ARRAY, number("1"), number("2"), CLOSE_ARRAY]

# id, bytes, tokens, departures, byte offset of the error of a strict tokenizer
ACCEPTED: list[tuple[str, bytes, list[Token], Departures, int]] = [
    ("byte order mark", BOM + b"[1]", IN_ARRAY, [(0, MARK)], 0),
    ("byte order mark before a number", BOM + b"1", [number("1")], [(0, MARK)], 0),
    ("byte order mark before a comment", BOM + b"//\n[1]", IN_ARRAY, [(0, MARK), (3, COMMENT)], 0),
    ("comma in an array", b"[1,]", IN_ARRAY, [(3, COMMA)], 3),
    ("comma in an object", b'{"a":1,}', IN_OBJECT, [(7, COMMA)], 7),
    ("comma and white space", b"[1 , \n ]", IN_ARRAY, [(7, COMMA)], 7),
    ("comma after a string", b'["a",]', [OPEN_ARRAY, string("a"), CLOSE_ARRAY], [(5, COMMA)], 5),
    ("comma after an object", b"[{},]", [OPEN_ARRAY, OPEN, CLOSE, CLOSE_ARRAY], [(4, COMMA)], 4),
    ("comma after an array", b"[[],]", [OPEN_ARRAY, OPEN_ARRAY, CLOSE_ARRAY, CLOSE_ARRAY], [(4, COMMA)], 4),
    ("comma after a literal", b"[true,]", [OPEN_ARRAY, TRUE, CLOSE_ARRAY], [(6, COMMA)], 6),
    (
        "commas at each level",
        b'[{"a":[1,],},]',
        [OPEN_ARRAY, OPEN, name("a"), *IN_ARRAY, CLOSE, CLOSE_ARRAY],
        [(9, COMMA), (11, COMMA), (13, COMMA)],
        9,
    ),
    (
        "the same comma once more",
        b'["a",["a",],["a",],["a",]]',
        [OPEN_ARRAY, string("a"), *[OPEN_ARRAY, string("a"), CLOSE_ARRAY] * 3, CLOSE_ARRAY],
        [(10, COMMA), (17, COMMA), (24, COMMA)],
        10,
    ),
    (
        "comma after multi-byte characters and escapes",
        '["\xe9\\"\\\\\U0001f600",]'.encode(),
        [OPEN_ARRAY, string('\xe9"\\\U0001f600'), CLOSE_ARRAY],
        [(14, COMMA)],
        14,
    ),
    ("line comment first", b"// x\n[1]", IN_ARRAY, [(0, COMMENT)], 0),
    ("line comment last", b"[1]// x\n", IN_ARRAY, [(3, COMMENT)], 3),
    ("line comment that ends with the stream", b"[1]// x", IN_ARRAY, [(3, COMMENT)], 3),
    ("empty line comment that ends with the stream", b"[1]//", IN_ARRAY, [(3, COMMENT)], 3),
    ("line comment up to a carriage return", b"[1, // x\r2]", TWO, [(4, COMMENT)], 4),
    ("line comment of Windows", b"[1, // x\r\n2]", TWO, [(4, COMMENT)], 4),
    ("block comment first", b"/* x */[1]", IN_ARRAY, [(0, COMMENT)], 0),
    ("block comment last", b"[1]/* x */", IN_ARRAY, [(3, COMMENT)], 3),
    ("block comment of several lines", b"[1,/* x\n y\r\n */2]", TWO, [(3, COMMENT)], 3),
    ("empty block comment", b"[1,/**/2]", TWO, [(3, COMMENT)], 3),
    ("block comment of stars", b"[1,/*****/2]", TWO, [(3, COMMENT)], 3),
    ("a slash does not close a block comment by the star that opens it", b"[1,/*/2,*/2]", TWO, [(3, COMMENT)], 3),
    ("slash after a star after a star", b"[1,/* ** /*/2]", TWO, [(3, COMMENT)], 3),
    ("block comments are not nested", b"[1,/* /* */2]", TWO, [(3, COMMENT)], 3),
    ("line comment in a block comment", b"[1,/* // */2]", TWO, [(3, COMMENT)], 3),
    ("block comment in a line comment", b"[1,// /* \n2]", TWO, [(3, COMMENT)], 3),
    ("comments side by side", b"[1,/**//**/2]", TWO, [(3, COMMENT), (7, COMMENT)], 3),
    ("lines of comments", b"[1,\n//\n//\n\n//\n2]", TWO, [(4, COMMENT), (7, COMMENT), (11, COMMENT)], 4),
    ("comment after a number", b"[1/* x */]", IN_ARRAY, [(2, COMMENT)], 1),
    ("comment before a number", b"[/* x */1]", IN_ARRAY, [(1, COMMENT)], 1),
    ("comment after a lone number", b"12// x", [number("12")], [(2, COMMENT)], 0),
    ("comment after a literal", b"true//\n", [TRUE], [(4, COMMENT)], 0),
    ("comment after a string", b'"a"//\n', [string("a")], [(3, COMMENT)], 3),
    ("comment before a colon", b'{"a"/* x */:1}', IN_OBJECT, [(4, COMMENT)], 4),
    ("comment after a colon", b'{"a":/* x */1}', IN_OBJECT, [(5, COMMENT)], 5),
    ("comment before a name", b'{/* x */"a":1}', IN_OBJECT, [(1, COMMENT)], 1),
    ("comment in an empty object", b"{/* x */}", [OPEN, CLOSE], [(1, COMMENT)], 1),
    ("one quotation mark in a comment", b'[1,/* " */2]', TWO, [(3, COMMENT)], 3),
    ("two quotation marks in a comment", b'[1,/* "x" */2]', TWO, [(3, COMMENT)], 3),
    ("quotation mark in a line comment", b'[1,// "\n2]', TWO, [(3, COMMENT)], 3),
    ("quotation mark and strings", b'["a"/*"*/,"b"]', [OPEN_ARRAY, *map(string, "ab"), CLOSE_ARRAY], [(4, COMMENT)], 4),
    ("brackets in a comment", b"[1,/* ]}],: */2]", TWO, [(3, COMMENT)], 3),
    ("backslashes in a comment", b'[1,/* \\ \\" \\*/2]', TWO, [(3, COMMENT)], 3),
    ("wrong bytes in a block comment", b"[1,/*\xff\xc3*/2]", TWO, [(3, COMMENT)], 5),
    ("wrong bytes in a line comment", b"[1,//\xff\n2]", TWO, [(3, COMMENT)], 5),
    ("byte order mark in a comment", b"[1,/*" + BOM + b"*/2]", TWO, [(3, COMMENT)], 3),
    ("null bytes and control characters in a comment", b"[1,/*\0\x01*/2]", TWO, [(3, COMMENT)], 3),
    ("NaN in a comment", b"[1,/* NaN,] */2]", TWO, [(3, COMMENT)], 3),
    (
        "comments in strings are text",
        b'["//","/* x */","\\"/*",//\n"*/\\\\",/**/"\\/\\/"]',
        [OPEN_ARRAY, *map(string, ["//", "/* x */", '"/*', "*/\\", "//"]), CLOSE_ARRAY],
        [(23, COMMENT), (33, COMMENT)],
        23,
    ),
    ("comment between a comma and a bracket", b"[1,/* x */]", IN_ARRAY, [(3, COMMENT), (10, COMMA)], 3),
    ("comment before a trailing comma", b"[1/* x */,]", IN_ARRAY, [(2, COMMENT), (10, COMMA)], 1),
    *(
        (text, f"[{text}]".encode(), [OPEN_ARRAY, number(text), CLOSE_ARRAY], [(1, NONFINITE)], 1)
        for text in ("NaN", "nan", "Infinity", "+Infinity", "-Infinity", "inf", "+inf", "-inf")
    ),
    ("lone NaN", b"NaN", [number("NaN")], [(0, NONFINITE)], 0),
    ("lone NaN and white space", b" NaN\n", [number("NaN")], [(1, NONFINITE)], 1),
    ("NaN of a member", b'{"a":NaN}', [OPEN, name("a"), number("NaN"), CLOSE], [(5, NONFINITE)], 5),
    (
        "NaN among numbers and strings",
        b'["a",1,NaN,2,"b",-Infinity,"c"]',
        [
            *[OPEN_ARRAY, string("a"), number("1"), number("NaN"), number("2"), string("b")],
            *[number("-Infinity"), string("c"), CLOSE_ARRAY],
        ],
        [(7, NONFINITE), (17, NONFINITE)],
        7,
    ),
    (
        "everything at once",
        BOM + b'{"a" : // x\n[NaN, /* y */],} // z',
        [OPEN, name("a"), OPEN_ARRAY, number("NaN"), CLOSE_ARRAY, CLOSE],
        [(0, MARK), (10, COMMENT), (16, NONFINITE), (21, COMMENT), (28, COMMA), (30, COMMA), (32, COMMENT)],
        0,
    ),
]


@each(("data", "tokens", "departures", "strict"), cases(ACCEPTED))
def test_departures_are_accepted_and_listed(
    data: bytes, tokens: list[Token], departures: Departures, strict: int
) -> None:
    assert tokenize_every_way(data) == (tokens, departures, None)
    assert strict_error(data) == strict


@each("data", [b"[]", b'{"a":[1.5,"b/c",null]}', b'["//"]', b" 1 "])
def test_standard_json_has_no_departures(data: bytes) -> None:
    assert tokenize_every_way(data) == (list(JsonTokenizer().read([data])), [], None)


def test_segments_between_comments() -> None:
    data = b'[/*"*/"abcdefghijkl//*mnopq"/*"*/,"\\\\"//"\n]'
    long = [(TokenType.STRING_SEGMENT, "abcdefghijkl"), (TokenType.STRING_END, "//*mnopq")]
    tokens, departures, failure = tokenize_every_way(data, Limits(segment_size=12))
    assert tokens == [OPEN_ARRAY, *long, string("\\"), CLOSE_ARRAY]
    assert (departures, failure) == ([(1, COMMENT), (28, COMMENT), (38, COMMENT)], None)


def test_departures_between_documents() -> None:
    tokens, departures, failure = tokenize_every_way(b'[1,]//\n{"a":1}/**/NaN/**/[1]', multiple=True)
    assert tokens == [*IN_ARRAY, *IN_OBJECT, number("NaN"), *IN_ARRAY]
    assert departures == [(3, COMMA), (4, COMMENT), (14, COMMENT), (18, NONFINITE), (21, COMMENT)]
    assert failure is None


@each("data", [b"", BOM, b"// x", b"/* x */", BOM + b"//\n"])
def test_departures_without_a_document(data: bytes) -> None:
    assert tokenize_every_way(data, multiple=True)[2] is None
    assert tokenize_every_way(data)[2] == (TruncatedError, len(data), "")


def test_departures_are_in_the_table_of_deviations() -> None:
    assert {MARK, COMMA, COMMENT, NONFINITE} <= set(DEVIATIONS)


# --- other faults --------------------------------------------------------------------------------------------------

# id, bytes, byte offset of the error, departures before it
REJECTED: list[tuple[str, bytes, int, Departures]] = [
    ("second byte order mark", BOM + BOM + b"[]", 3, [(0, MARK)]),
    ("byte order mark after white space", b" " + BOM + b"[]", 1, []),
    ("byte order mark after a comment", b"/**/" + BOM + b"[]", 4, [(0, COMMENT)]),
    ("byte order mark before a value", b"[" + BOM + b"1]", 1, []),
    ("half of a byte order mark", b"\xef\xbb[]", 0, []),
    ("comma alone in an array", b"[,]", 1, []),
    ("comma alone in an object", b"{,}", 1, []),
    ("two commas", b"[1,,]", 3, []),
    ("comma first", b"[,1]", 1, []),
    ("comma after the document", b"[],", 2, []),
    ("comma closed by the wrong bracket", b"[1,}", 3, []),
    ("comma in an object closed by the wrong bracket", b'{"a":1,]', 7, []),
    ("no value of a member", b'{"a":}', 5, []),
    ("NaN for a name", b"{NaN:1}", 1, []),
    ("NaN after a value", b"[1 NaN]", 3, []),
    ("NaN after the document", b"[] NaN", 3, []),
    ("NaN in another spelling", b"[NAN]", 1, []),
    ("signed NaN", b"[-NaN]", 1, []),
    ("infinity in another spelling", b"[-INF]", 1, []),
    ("NaN and letters", b"[NaNs]", 1, []),
    ("NaN and a number", b"[NaN1]", 1, []),
    ("plus sign", b"[+1]", 1, []),
    ("leading zero", b"[01]", 1, []),
    ("hexadecimal", b"[0x1]", 1, []),
    ("single quotation marks", b"['a']", 1, []),
    ("name without quotation marks", b"{a:1}", 1, []),
    ("control character", b'["a\nb"]', 3, []),
    ("half of a surrogate pair", rb'["\ud83d"]', 2, []),
    ("wrong byte", b'["\xff"]', 2, []),
    ("wrong byte after a comment", b'[/*\xff*/"\xff"]', 7, [(1, COMMENT)]),
    ("comment of a hash", b"[1,# x\n2]", 3, []),
    ("slash alone", b"[1,/ 2]", 3, []),
    ("slash after a number", b"[1/ 2]", 1, []),
    ("slash and letters", b"[1,/x*/2]", 3, []),
    ("end of a block comment alone", b"[1,*/2]", 3, []),
    ("number cut by a comment", b"[1/**/2]", 6, [(2, COMMENT)]),
    ("literal cut by a comment", b"[tr/**/ue]", 1, []),
    ("backslash before a comment", b'[\\"/**/]', 1, []),
    ("comment in a number", b"[1./**/5]", 1, []),
    ("comment after the first of two faults", b"[nope /* x */ nope]", 1, []),
    ("comment after a fault", b"[1 2 /* x */]", 3, []),
    ("comment after a fault in a string", b'["\\q"/* x */]', 2, []),
    ("fault after a comma", b"[[1,]]]", 6, [(4, COMMA)]),
    ("fault after NaN", b"[NaN}", 4, [(1, NONFINITE)]),
    ("string after a comment", b'["a"/**/"b"]', 8, [(4, COMMENT)]),
]


@each(("data", "offset", "departures"), cases(REJECTED))
def test_other_departures_are_errors(data: bytes, offset: int, departures: Departures) -> None:
    assert tokenize_every_way(data)[1:] == (departures, (JsonSyntaxError, offset, ""))


TRUNCATED: list[tuple[str, bytes, Departures]] = [
    ("byte order mark", BOM, [(0, MARK)]),
    ("half of a byte order mark", BOM[:2], []),
    ("block comment", b"[1] /* x", []),
    ("block comment with a star last", b"[1] /* x *", []),
    ("block comment of two bytes", b"[1] /*", []),
    ("block comment of three bytes", b"[1] /*/", []),
    ("block comment of a quotation mark", b'[1] /* "', []),
    ("block comment of a wrong byte", b"[1] /* \xff", []),
    ("second comment", b"[1] /**/ /* x", [(4, COMMENT)]),
    ("slash", b"[1] /", []),
    ("slash after a value", b"[1/", []),
    ("slash after a lone number", b"1/", []),
    ("slash first", b"/", []),
    ("line comment in an array", b"[1// x", [(2, COMMENT)]),
    ("trailing comma", b"[1,", []),
    ("trailing comma and a comment", b"[1,// x", [(3, COMMENT)]),
    ("first letter of NaN", b"[N", []),
    ("NaN begun", b"Na", []),
    ("NaN in an array", b"[NaN", []),
    ("sign", b"[+", []),
    ("infinity begun", b"[-Inf", []),
    ("the other infinity begun", b"[-in", []),
]


@each(("data", "departures"), cases(TRUNCATED))
def test_truncated(data: bytes, departures: Departures) -> None:
    assert tokenize_every_way(data)[1:] == (departures, (TruncatedError, len(data), ""))


@each(("data", "offset"), [(b"[nope/", 1), (b"[-/", 1), (b"[1 2/", 3), (b"[1 NaN", 3), (b"[NaNs", 1), (b"{N", 1)])
def test_malformed_and_truncated_is_malformed(data: bytes, offset: int) -> None:
    assert tokenize_every_way(data)[2] == (JsonSyntaxError, offset, "")


# --- limits ------------------------------------------------------------------------------------------------------


@each("text", [b"123456/* x */", b"123456//\n", b"/* 1234567890 1234567890 */123456", b"-Infinity"])
@each("length", [6, 9, 10])
def test_limit_on_numbers_does_not_apply_to_comments(text: bytes, length: int) -> None:
    assert tokenize_every_way(b"[" + text + b"]", Limits(number_length=length))[2] is None


@pytest.mark.parametrize("length", [1, 4, 9, 10, 20])
def test_limit_on_numbers_before_a_comment(length: int) -> None:
    limits = Limits(number_length=length)
    for comment in (b"/**/", b"//\n", b"/**/ ", b" /**/"):
        digits = b"1" * length
        assert tokenize_every_way(b"[" + digits + comment + b"]", limits)[2] is None
        assert tokenize_every_way(b"[" + digits + b"1" + comment + b"]", limits)[2] == (LimitError, 1, "number_length")


def test_limit_on_depth_after_departures() -> None:
    assert tokenize_every_way(b"[[1,]/**/,[]]", Limits(depth=1))[2] == (LimitError, 1, "depth")
    assert tokenize_every_way(b"[1,NaN,/**/[]]", Limits(depth=1))[2] == (LimitError, 11, "depth")
    assert tokenize_every_way(b"[[1,],/**/[[]]]", Limits(depth=2))[2] == (LimitError, 11, "depth")


# --- calls --------------------------------------------------------------------------------------------------------


def test_departures_are_those_of_the_last_call() -> None:
    tokenizer = JsonTokenizer(lenient=True)
    listed = []
    for chunk in (BOM, b"[", b"1,", b"]", b" /", b"/ x", b"", b"\n/", b"**", b"/ "):
        tokenizer.feed(chunk)
        listed.append(tokenizer.departures)
    assert listed == [[(0, MARK)], [], [], [(6, COMMA)], [], [], [], [(8, COMMENT)], [], [(13, COMMENT)]]
    tokenizer.close()
    assert tokenizer.departures == []


def test_departures_before_an_error_are_listed_once() -> None:
    tokenizer = JsonTokenizer(lenient=True)
    assert tokenizer.feed(b"[1,] ]") == IN_ARRAY
    assert tokenizer.departures == [(3, COMMA)]
    with pytest.raises(JsonSyntaxError):
        tokenizer.feed(b"")
    assert tokenizer.departures == []


def test_departures_before_an_error_that_is_raised_at_once() -> None:
    tokenizer = JsonTokenizer(lenient=True)
    with pytest.raises(JsonSyntaxError):
        tokenizer.feed(BOM + b"/* x */ ]")
    assert tokenizer.departures == [(0, MARK), (3, COMMENT)]


def test_departures_after_a_fault_in_the_same_text_are_not_reported() -> None:
    reader = JsonTokenizer(lenient=True)
    stretches = reader.stretches(b"[x, 1 /* a */]")
    next(stretches).tokens()
    stretch = next(stretches)
    assert len(reader.departures) == 1
    stretch.tokens()
    assert stretch.fault is not None
    assert reader.departures == []


def test_tokens_are_of_plain_types() -> None:
    tokenizer = JsonTokenizer(lenient=True)
    tokens = tokenizer.feed(b'[NaN,{"a":1,},]')
    assert [kind for kind, _ in tokens] == [3, 9, 1, 5, 9, 2, 4]
    assert {(type(kind), type(text)) for kind, text in tokens} == {(int, str)}


def test_bytes_consumed_after_departures() -> None:
    tokenizer = JsonTokenizer(lenient=True)
    places = []
    for chunk in (BOM, b"[[1,", b"]/", b"* x", b" *", b"/,NaN", b",]", b"//"):
        tokenizer.feed(chunk)
        places.append(tokenizer.bytes_consumed)
    assert places == [3, 7, 8, 12, 13, 16, 21, 23]


@each("data", [pytest.param(row[1], id=row[0]) for row in ACCEPTED])
def test_locate(data: bytes) -> None:
    for chunks in ways_to_cut(data):
        tokenizer = JsonTokenizer(lenient=True)
        for call in calls(tokenizer, chunks):
            for index, (kind, text) in enumerate(call()):
                start = data[tokenizer.locate(index) :]
                if kind in (TokenType.STRING, TokenType.PROPERTY_NAME):
                    assert json.JSONDecoder().raw_decode(start.decode())[0] == text
                elif kind == TokenType.NUMBER:
                    assert start.startswith(text.encode())
                else:
                    assert start[:1] == {1: b"{", 2: b"}", 3: b"[", 4: b"]", 10: b"t"}[kind]


def test_many_comments_and_distinct_texts() -> None:
    items = [f"{' ' * (i % 29)}[{i}{' ' * (i % 31)}, /* {i} */ ]" for i in range(20_000)]
    data = ("[" + ",".join(items) + "]").encode()
    tokens, departures, failure = run([data[i : i + 5000] for i in range(0, len(data), 5000)])
    assert failure is None
    assert [text for kind, text in tokens if kind == TokenType.NUMBER] == [str(i) for i in range(20_000)]
    assert [code for _, code in departures] == [COMMENT, COMMA] * 20_000
    assert departures == sorted(departures)


# --- time --------------------------------------------------------------------------------------------------------

UNITS = [
    ("empty lines of comments", b"//\n"),
    ("empty comments", b"/**/"),
    ("comments of one quotation mark", b'/*"*/'),
    ("commented numbers", b",1//x\n"),
    ("trailing commas in arrays", b",[1,]"),
    ("trailing commas in objects", b',{"a":1,}'),
    ("NaN", b",NaN"),
]


def seconds(data: bytes) -> float:
    tokenizer = JsonTokenizer(lenient=True)
    start = process_time()
    tokenizer.feed(data)
    return process_time() - start


@pytest.mark.parametrize("unit", cases(UNITS))
def test_time_is_linear(unit: bytes) -> None:
    short, long = (min(seconds(b"[1" + unit * count) for _ in range(3)) for count in (1000, 16_000))
    assert long < 60 * short  # within one piece; quadratic time would be a factor of 256
