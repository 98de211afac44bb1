"""RFC 8259, rule by rule, with the section of each rule."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import pytest

from streamdicom.errors import InputError, JsonSyntaxError, TruncatedError
from streamdicom.jsontext import JsonTokenizer, Token, TokenType
from tests.support.each import each

ACCEPTED, MALFORMED, TRUNCATED = None, JsonSyntaxError, TruncatedError

Row = tuple[str, str, bytes, type[InputError] | None]

# id, section of RFC 8259, bytes, verdict
VECTORS: list[Row] = [
    # Section 2: a JSON text is a value between white space of four kinds.
    ("empty", "2", b"", TRUNCATED),
    ("only white space", "2", b" \t\r\n", TRUNCATED),
    ("object as the text", "2", b"{}", ACCEPTED),
    ("array as the text", "2", b"[]", ACCEPTED),
    ("string as the text", "2", b'"x"', ACCEPTED),
    ("number as the text", "2", b"42", ACCEPTED),
    ("true as the text", "2", b"true", ACCEPTED),
    ("false as the text", "2", b"false", ACCEPTED),
    ("null as the text", "2", b"null", ACCEPTED),
    ("space around", "2", b" [ 1 , 2 ] ", ACCEPTED),
    ("tab around", "2", b"\t[\t1\t,\t2\t]\t", ACCEPTED),
    ("line feed around", "2", b"\n[\n1\n,\n2\n]\n", ACCEPTED),
    ("carriage return around", "2", b"\r[\r1\r,\r2\r]\r", ACCEPTED),
    ("white space in an object", "2", b' {\t"a"\r:\n1 ,\t"b" : 2\r} ', ACCEPTED),
    ("white space around a number", "2", b" \n7\t ", ACCEPTED),
    ("no white space at all", "2", b'{"a":[1,{"b":"c"}]}', ACCEPTED),
    ("form feed", "2", b"[\x0c]", MALFORMED),
    ("vertical tab", "2", b"[\x0b]", MALFORMED),
    ("backspace", "2", b"[\x08]", MALFORMED),
    ("null character", "2", b"[\x00]", MALFORMED),
    ("null character after the text", "2", b"[]\x00", MALFORMED),
    ("information separator", "2", b"[\x1f]", MALFORMED),
    ("delete", "2", b"[\x7f]", MALFORMED),
    ("next line", "2", b"[\xc2\x85]", MALFORMED),
    ("no-break space", "2", b"[\xc2\xa0]", MALFORMED),
    ("line separator", "2", b"[\xe2\x80\xa8]", MALFORMED),
    ("ideographic space", "2", b"[\xe3\x80\x80]", MALFORMED),
    ("word joiner", "2", b"[\xe2\x81\xa0]", MALFORMED),
    ("second object", "2", b"{}{}", MALFORMED),
    ("second array after a space", "2", b"[] []", MALFORMED),
    ("second array on a line of its own", "2", b"[]\n[]", MALFORMED),
    ("second string", "2", b'"a""b"', MALFORMED),
    ("second number", "2", b"1 2", MALFORMED),
    ("second literal", "2", b"true false", MALFORMED),
    ("comma after the text", "2", b"{},", MALFORMED),
    ("colon after the text", "2", b'"a":1', MALFORMED),
    ("closing bracket after the text", "2", b"[]]", MALFORMED),
    ("closing brace after the text", "2", b"{}}", MALFORMED),
    ("letter after the text", "2", b"{}x", MALFORMED),
    ("comma as the text", "2", b",", MALFORMED),
    ("colon as the text", "2", b":", MALFORMED),
    ("closing bracket as the text", "2", b"]", MALFORMED),
    ("closing brace as the text", "2", b"}", MALFORMED),
    ("parentheses", "2", b"(1)", MALFORMED),
    ("angle brackets", "2", b"<1>", MALFORMED),
    ("semicolon", "2", b"[1;2]", MALFORMED),
    ("equals sign", "2", b'{"a"=1}', MALFORMED),
    ("line comment", "2", b"[1] // one\n", MALFORMED),
    ("block comment", "2", b"[/* one */1]", MALFORMED),
    ("hash comment", "2", b"# one\n[1]", MALFORMED),
    # Section 3: three literal names in lower case.
    ("literals in an array", "3", b"[true,false,null]", ACCEPTED),
    ("literals in an object", "3", b'{"a":true,"b":false,"c":null}', ACCEPTED),
    ("literal with a capital", "3", b"[True]", MALFORMED),
    ("literal in capitals", "3", b"[NULL]", MALFORMED),
    ("literal cut short", "3", b"[tru]", MALFORMED),
    ("literal cut short before a comma", "3", b"[fals,1]", MALFORMED),
    ("literal cut short at the end", "3", b"nul", TRUNCATED),
    ("literal too long", "3", b"[nulll]", MALFORMED),
    ("literals joined", "3", b"[truefalse]", MALFORMED),
    ("literal with a gap", "3", b"[tr ue]", MALFORMED),
    ("literal with an escape", "3", rb"[\u0074rue]", MALFORMED),
    ("literal after a digit", "3", b"[1true]", MALFORMED),
    ("undefined", "3", b"[undefined]", MALFORMED),
    ("none", "3", b"[None]", MALFORMED),
    ("bare word", "3", b"[a]", MALFORMED),
    # Section 4: objects.
    ("empty object", "4", b"{}", ACCEPTED),
    ("empty object with white space", "4", b"{ \n}", ACCEPTED),
    ("one member", "4", b'{"a":1}', ACCEPTED),
    ("members of every kind", "4", b'{"a":1,"b":"c","d":[],"e":{},"f":null,"g":true}', ACCEPTED),
    ("empty name", "4", b'{"":1}', ACCEPTED),
    ("same name twice", "4", b'{"a":1,"a":2}', ACCEPTED),
    ("same name twice, once with an escape", "4", rb'{"a":1,"\u0061":2}', ACCEPTED),
    ("name with escapes", "4", rb'{"\"\\\u20ac\ud83d\ude00":1}', ACCEPTED),
    ("name beyond ASCII", "4", '{"\xe9\u20ac\U0001f600":1}'.encode(), ACCEPTED),
    ("name that looks like a number", "4", b'{"1":1}', ACCEPTED),
    ("object in an object", "4", b'{"a":{"b":{"c":{}}}}', ACCEPTED),
    ("comma before the end of an object", "4", b'{"a":1,}', MALFORMED),
    ("comma at the start of an object", "4", b'{,"a":1}', MALFORMED),
    ("comma alone in an object", "4", b"{,}", MALFORMED),
    ("two commas in an object", "4", b'{"a":1,,"b":2}', MALFORMED),
    ("no comma between members", "4", b'{"a":1 "b":2}', MALFORMED),
    ("no comma after a string", "4", b'{"a":"b" "c":"d"}', MALFORMED),
    ("no colon", "4", b'{"a" 1}', MALFORMED),
    ("no colon before a string", "4", b'{"a" "b"}', MALFORMED),
    ("comma for a colon", "4", b'{"a",1}', MALFORMED),
    ("two colons", "4", b'{"a"::1}', MALFORMED),
    ("colon alone", "4", b"{:}", MALFORMED),
    ("no name", "4", b"{:1}", MALFORMED),
    ("no value", "4", b'{"a":}', MALFORMED),
    ("no value before a comma", "4", b'{"a":,"b":1}', MALFORMED),
    ("name alone", "4", b'{"a"}', MALFORMED),
    ("two values", "4", b'{"a":1 2}', MALFORMED),
    ("value of a value", "4", b'{"a":1:2}', MALFORMED),
    ("number as a name", "4", b"{1:1}", MALFORMED),
    ("negative number as a name", "4", b'{"a":1,-1:1}', MALFORMED),
    ("true as a name", "4", b"{true:1}", MALFORMED),
    ("null as a name", "4", b'{"a":1,null:1}', MALFORMED),
    ("array as a name", "4", b"{[]:1}", MALFORMED),
    ("object as a name", "4", b"{{}:1}", MALFORMED),
    ("bare word as a name", "4", b"{a:1}", MALFORMED),
    ("single quotation marks around a name", "4", b"{'a':1}", MALFORMED),
    ("object closed as an array", "4", b'{"a":1]', MALFORMED),
    ("empty object closed as an array", "4", b"{]", MALFORMED),
    ("object not closed", "4", b"{", TRUNCATED),
    ("object ends after a name", "4", b'{"a"', TRUNCATED),
    ("object ends after a colon", "4", b'{"a":', TRUNCATED),
    ("object ends after a value", "4", b'{"a":"b"', TRUNCATED),
    ("object ends after a comma", "4", b'{"a":"b",', TRUNCATED),
    ("inner object not closed", "4", b'{"a":{}', TRUNCATED),
    # Section 5: arrays.
    ("empty array", "5", b"[]", ACCEPTED),
    ("empty array with white space", "5", b"[ \r\n]", ACCEPTED),
    ("one item", "5", b"[1]", ACCEPTED),
    ("items of every kind", "5", b'[1,"a",[],{},null,true,false]', ACCEPTED),
    ("arrays in arrays", "5", b"[[[[]],[]],[]]", ACCEPTED),
    ("objects in an array", "5", b'[{},{"a":[]}]', ACCEPTED),
    ("comma before the end of an array", "5", b"[1,]", MALFORMED),
    ("comma after a string at the end", "5", b'["a",]', MALFORMED),
    ("comma at the start of an array", "5", b"[,1]", MALFORMED),
    ("comma alone in an array", "5", b"[,]", MALFORMED),
    ("two commas in an array", "5", b"[1,,2]", MALFORMED),
    ("no comma between numbers", "5", b"[1 2]", MALFORMED),
    ("no comma between strings", "5", b'["a" "b"]', MALFORMED),
    ("no comma between strings side by side", "5", b'["a""b"]', MALFORMED),
    ("no comma between arrays", "5", b"[[][]]", MALFORMED),
    ("no comma between objects", "5", b"[{}{}]", MALFORMED),
    ("no comma between a number and an array", "5", b"[1[]]", MALFORMED),
    ("no comma between an array and a number", "5", b"[[]1]", MALFORMED),
    ("no comma between a number and a string", "5", b'[1"a"]', MALFORMED),
    ("no comma between a string and a number", "5", b'["a"1]', MALFORMED),
    ("no comma between a literal and a string", "5", b'[null"a"]', MALFORMED),
    ("colon in an array", "5", b'["a":1]', MALFORMED),
    ("array closed as an object", "5", b"[1}", MALFORMED),
    ("empty array closed as an object", "5", b"[}", MALFORMED),
    ("brackets crossed", "5", b'[{"a":[}]]', MALFORMED),
    ("array not closed", "5", b"[", TRUNCATED),
    ("array ends after a value", "5", b'["a"', TRUNCATED),
    ("array ends after a comma", "5", b'["a",', TRUNCATED),
    ("inner array not closed", "5", b"[[]", TRUNCATED),
    # Section 6: numbers; the table of their parts is further down.
    ("long integer", "6", b"[123456789012345678901234567890]", ACCEPTED),
    ("many leading zeros of a fraction", "6", b"[0.00000000000000000000000001]", ACCEPTED),
    ("number beyond every float", "6", b"[1e999999]", ACCEPTED),
    ("NaN", "6", b"[NaN]", MALFORMED),
    ("infinity", "6", b"[Infinity]", MALFORMED),
    ("negative infinity", "6", b"[-Infinity]", MALFORMED),
    ("NaN as the text", "6", b"NaN", MALFORMED),
    ("inf", "6", b"[inf]", MALFORMED),
    ("hexadecimal number", "6", b"[0x1F]", MALFORMED),
    ("octal number", "6", b"[0o17]", MALFORMED),
    ("number with an underscore", "6", b"[1_000]", MALFORMED),
    ("number with a comma in it", "6", b'{"a":1,5}', MALFORMED),
    ("number with a gap", "6", b"[1 .5]", MALFORMED),
    ("minus sign with a gap", "6", b"[- 1]", MALFORMED),
    ("exponent with a gap", "6", b"[1 e5]", MALFORMED),
    ("long suffix", "6", b"[1L]", MALFORMED),
    ("digits in full width", "6", "[\uff11]".encode(), MALFORMED),
    ("digits in Arabic", "6", "[\u0661]".encode(), MALFORMED),
    ("Arabic digit after a digit", "6", "[1\u0661]".encode(), MALFORMED),
    ("minus sign of Unicode", "6", "[\u22121]".encode(), MALFORMED),
    ("minus sign at the end", "6", b"-", TRUNCATED),
    ("fraction without digits at the end", "6", b"1.", TRUNCATED),
    # Section 7: strings; the tables of escapes and control characters are further down.
    ("empty string", "7", b'[""]', ACCEPTED),
    ("every short escape", "7", rb'["\" \\ \/ \b \f \n \r \t"]', ACCEPTED),
    ("solidus that is not escaped", "7", b'["/"]', ACCEPTED),
    ("delete in a string", "7", b'["\x7f"]', ACCEPTED),
    ("single quotation mark in a string", "7", b'["\'"]', ACCEPTED),
    ("hexadecimal escapes", "7", rb'["\u0041\u00e9\u20ac\uffff"]', ACCEPTED),
    ("hexadecimal digits in capitals", "7", rb'["\u00E9\uABCD\uFFFE"]', ACCEPTED),
    ("surrogate pair", "7", rb'["\ud834\udd1e"]', ACCEPTED),
    ("surrogate pair in capitals", "7", rb'["\uD834\uDD1E"]', ACCEPTED),
    ("first surrogate pair", "7", rb'["\ud800\udc00"]', ACCEPTED),
    ("last surrogate pair", "7", rb'["\udbff\udfff"]', ACCEPTED),
    ("just below and above the surrogates", "7", rb'["\ud7ff\ue000"]', ACCEPTED),
    ("escaped backslash before u", "7", rb'["\\ud800"]', ACCEPTED),
    ("escaped backslash at the end", "7", rb'["a\\"]', ACCEPTED),
    ("escaped quotation mark at the end", "7", rb'["a\""]', ACCEPTED),
    ("three backslashes and a quotation mark", "7", rb'["\\\""]', ACCEPTED),
    ("escaped line feed", "7", rb'["\u000a"]', ACCEPTED),
    ("line separators of Unicode", "7", '["\u2028\u2029\x85"]'.encode(), ACCEPTED),
    ("single quotation marks", "7", b"['a']", MALFORMED),
    ("grave accents", "7", b"[`a`]", MALFORMED),
    ("typographic quotation marks", "7", "[\u201ca\u201d]".encode(), MALFORMED),
    ("prefix of a string", "7", b'[u"a"]', MALFORMED),
    ("capital U", "7", rb'["\U0041"]', MALFORMED),
    ("no hexadecimal digits", "7", rb'["\u"]', MALFORMED),
    ("one hexadecimal digit", "7", rb'["\u0"]', MALFORMED),
    ("three hexadecimal digits", "7", rb'["\u004"]', MALFORMED),
    ("letter among hexadecimal digits", "7", rb'["\u00g1"]', MALFORMED),
    ("sign among hexadecimal digits", "7", rb'["\u+041"]', MALFORMED),
    ("space among hexadecimal digits", "7", rb'["\u 041"]', MALFORMED),
    ("underscore among hexadecimal digits", "7", rb'["\u0_41"]', MALFORMED),
    ("hexadecimal prefix", "7", rb'["\u0x41"]', MALFORMED),
    ("braces around hexadecimal digits", "7", rb'["\u{41}"]', MALFORMED),
    ("Arabic hexadecimal digits", "7", '["\\u004\u0661"]'.encode(), MALFORMED),
    ("escape of a character beyond ASCII", "7", '["\\\xe9"]'.encode(), MALFORMED),
    ("escaped line break", "7", b'["a\\\nb"]', MALFORMED),
    ("backslash outside of a string", "7", b"[\\n]", MALFORMED),
    ("escaped quotation mark outside of a string", "7", b'[\\"a\\"]', MALFORMED),
    ("string not closed in an array", "7", b'["a]', TRUNCATED),
    ("string not closed", "7", b'"a', TRUNCATED),
    ("quotation mark alone", "7", b'"', TRUNCATED),
    ("string ends after a backslash", "7", b'"\\', TRUNCATED),
    ("string ends after an escaped quotation mark", "7", b'"\\"', TRUNCATED),
    ("string ends within an escape", "7", rb'"\u00', TRUNCATED),
    ("high surrogate alone", "8.2", rb'["\ud800"]', MALFORMED),
    ("last high surrogate alone", "8.2", rb'["\udbff"]', MALFORMED),
    ("low surrogate alone", "8.2", rb'["\udc00"]', MALFORMED),
    ("last low surrogate alone", "8.2", rb'["\udfff"]', MALFORMED),
    ("high surrogate before a letter", "8.2", rb'["\ud800a"]', MALFORMED),
    ("high surrogate before a short escape", "8.2", rb'["\ud800\n"]', MALFORMED),
    ("high surrogate before another escape", "8.2", rb'["\ud800\u0041"]', MALFORMED),
    ("two high surrogates", "8.2", rb'["\ud800\ud800"]', MALFORMED),
    ("high surrogate before a pair", "8.2", rb'["\ud800\ud800\udc00"]', MALFORMED),
    ("surrogates in the wrong order", "8.2", rb'["\udc00\ud800"]', MALFORMED),
    ("surrogate in a name", "8.2", rb'{"\ud800":1}', MALFORMED),
    ("surrogates in two strings", "8.2", rb'["\ud800","\udc00"]', MALFORMED),
    ("surrogate after a pair", "8.2", rb'["\ud800\udc00\udc00"]', MALFORMED),
    # Section 8.1: UTF-8 (RFC 3629), and no byte order mark.
    ("characters of two bytes", "8.1", b'["\xc2\x80\xdf\xbf"]', ACCEPTED),
    ("characters of three bytes", "8.1", b'["\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"]', ACCEPTED),
    ("characters of four bytes", "8.1", b'["\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"]', ACCEPTED),
    ("byte order mark in a string", "8.1", b'["\xef\xbb\xbf"]', ACCEPTED),
    ("noncharacters", "8.1", b'["\xef\xb7\x90\xef\xbf\xbe"]', ACCEPTED),
    ("byte order mark", "8.1", b"\xef\xbb\xbf[]", MALFORMED),
    ("byte order mark alone", "8.1", b"\xef\xbb\xbf", MALFORMED),
    ("half of a byte order mark", "8.1", b"\xef\xbb", MALFORMED),
    ("byte order mark after the text", "8.1", b"[]\xef\xbb\xbf", MALFORMED),
    ("UTF-16, big-endian", "8.1", "[]".encode("utf-16-be"), MALFORMED),
    ("UTF-16, little-endian", "8.1", "[]".encode("utf-16-le"), MALFORMED),
    ("UTF-16 with a byte order mark", "8.1", "[]".encode("utf-16"), MALFORMED),
    ("UTF-32, little-endian", "8.1", "[]".encode("utf-32-le"), MALFORMED),
    ("Latin-1", "8.1", '["\xe9"]'.encode("latin-1"), MALFORMED),
    ("continuation byte alone", "8.1", b'["\x80"]', MALFORMED),
    ("last continuation byte alone", "8.1", b'["\xbf"]', MALFORMED),
    ("continuation byte after a character", "8.1", b'["\xc3\xa9\xa9"]', MALFORMED),
    ("character of two bytes cut short", "8.1", b'["\xc3"]', MALFORMED),
    ("character of three bytes cut short", "8.1", b'["\xe2\x82"]', MALFORMED),
    ("character of four bytes cut short", "8.1", b'["\xf0\x9f\x98"]', MALFORMED),
    ("character cut short before another", "8.1", b'["\xe2\x82\xc3\xa9"]', MALFORMED),
    ("overlong solidus in two bytes", "8.1", b'["\xc0\xaf"]', MALFORMED),
    ("overlong letter in two bytes", "8.1", b'["\xc1\x81"]', MALFORMED),
    ("overlong solidus in three bytes", "8.1", b'["\xe0\x80\xaf"]', MALFORMED),
    ("greatest overlong character of three bytes", "8.1", b'["\xe0\x9f\xbf"]', MALFORMED),
    ("overlong solidus in four bytes", "8.1", b'["\xf0\x80\x80\xaf"]', MALFORMED),
    ("greatest overlong character of four bytes", "8.1", b'["\xf0\x8f\xbf\xbf"]', MALFORMED),
    ("overlong null character", "8.1", b'["\xc0\x80"]', MALFORMED),
    ("first surrogate in UTF-8", "8.1", b'["\xed\xa0\x80"]', MALFORMED),
    ("last surrogate in UTF-8", "8.1", b'["\xed\xbf\xbf"]', MALFORMED),
    ("surrogate pair in UTF-8", "8.1", b'["\xed\xa0\xbd\xed\xb8\x80"]', MALFORMED),
    ("first character beyond U+10FFFF", "8.1", b'["\xf4\x90\x80\x80"]', MALFORMED),
    ("first byte of too large a character", "8.1", b'["\xf5\x80\x80\x80"]', MALFORMED),
    ("character of five bytes", "8.1", b'["\xf8\x88\x80\x80\x80"]', MALFORMED),
    ("character of six bytes", "8.1", b'["\xfc\x84\x80\x80\x80\x80"]', MALFORMED),
    ("byte FE", "8.1", b'["\xfe"]', MALFORMED),
    ("byte FF", "8.1", b'["\xff"]', MALFORMED),
    ("wrong byte in a name", "8.1", b'{"\xff":1}', MALFORMED),
    ("wrong byte between strings", "8.1", b"[\xff]", MALFORMED),
    ("wrong byte in a number", "8.1", b"[1\xff]", MALFORMED),
    ("wrong byte after the text", "8.1", b"[]\xff", MALFORMED),
    ("wrong byte first", "8.1", b"\xff[]", MALFORMED),
    ("wrong byte after a backslash", "8.1", b'["\\\xff"]', MALFORMED),
    ("string ends within a character", "8.1", b'"\xe2\x82', TRUNCATED),
]

SECTIONS = {"2", "3", "4", "5", "6", "7", "8.1", "8.2"}


class Number(str):
    """The exact text of a number, distinct from a string."""

    __slots__ = ()


def no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def loads(data: bytes) -> Any:
    """Parse JSON with the json module.

    Numbers keep their text; objects are tuples, so that duplicate members are kept.
    """
    return json.loads(
        data.decode(),
        parse_int=Number,
        parse_float=Number,
        parse_constant=no_constant,
        object_pairs_hook=tuple,
    )


def value_of(tokens: Iterable[Token]) -> Any:
    """Return the value of the tokens, in the form of ``loads``."""
    root: list[Any] = []
    stack: list[list[Any]] = [root]
    for kind, text in tokens:
        if kind in (TokenType.START_OBJECT, TokenType.START_ARRAY):
            stack.append([])
        elif kind == TokenType.END_ARRAY:
            items = stack.pop()
            stack[-1].append(items)
        elif kind == TokenType.END_OBJECT:
            items = stack.pop()
            stack[-1].append(tuple(zip(items[::2], items[1::2], strict=True)))
        elif kind == TokenType.NUMBER:
            stack[-1].append(Number(text))
        elif kind in (TokenType.STRING, TokenType.PROPERTY_NAME):
            stack[-1].append(text)
        else:
            stack[-1].append({TokenType.TRUE: True, TokenType.FALSE: False, TokenType.NULL: None}[TokenType(kind)])
    (value,) = root
    return value


def typed(value: Any) -> Any:
    """Return a value with its types, in which 1 and true differ."""
    if isinstance(value, (list, tuple)):
        return type(value), [typed(item) for item in value]
    return type(value), value


def chunkings(data: bytes) -> Iterator[list[bytes]]:
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]


def verdict(chunks: Iterable[bytes]) -> type[InputError] | None:
    try:
        for _ in JsonTokenizer().read(chunks):
            pass
    except InputError as error:
        return type(error)
    return ACCEPTED


def check(data: bytes, expected: type[InputError] | None) -> str:
    """Describe how the tokenizer differs from the expectation; empty if it does not."""
    for chunks in chunkings(data):
        found = verdict(chunks)
        if found is not expected:
            return f"{data!r}: {found}, not {expected}"
        if found is ACCEPTED and typed(value_of(JsonTokenizer().read(chunks))) != typed(loads(data)):
            return f"{data!r}: another value"
    return ""


def test_table_covers_every_section() -> None:
    assert {section for _, section, _, _ in VECTORS} == SECTIONS
    assert {expected for _, _, _, expected in VECTORS} == {ACCEPTED, MALFORMED, TRUNCATED}


def test_ids_are_unique() -> None:
    ids = [f"{section} {name}" for name, section, _, _ in VECTORS]
    assert len(set(ids)) == len(ids)


@each(
    ("data", "expected"),
    [pytest.param(data, expected, id=f"{section} {name}") for name, section, data, expected in VECTORS],
)
def test_vector(data: bytes, expected: type[InputError] | None) -> None:
    assert check(data, expected) == ""


# --- section 2: every byte as a text, and as white space ---------------------------------------------------------

DIGITS = b"0123456789"
BEGINS_A_TEXT = b'[{"-tfn \t\r\n'
NO_QUOTATION_MARK = [byte for byte in range(256) if byte != ord('"')]


def test_every_byte_as_the_whole_text() -> None:
    for byte in range(256):
        expected = ACCEPTED if byte in DIGITS else TRUNCATED if byte in BEGINS_A_TEXT else MALFORMED
        assert check(bytes([byte]), expected) == ""


def test_every_byte_between_a_number_and_a_comma() -> None:
    for byte in NO_QUOTATION_MARK:
        expected = ACCEPTED if byte in b" \t\r\n" + DIGITS else MALFORMED
        assert check(b"[1" + bytes([byte]) + b",2]", expected) == ""


def test_every_byte_between_a_string_and_a_comma() -> None:
    for byte in NO_QUOTATION_MARK:
        expected = ACCEPTED if byte in b" \t\r\n" else MALFORMED
        assert check(b'["a"' + bytes([byte]) + b",2]", expected) == ""


# --- section 6: every number of the grammar's parts --------------------------------------------------------------

MINUS = {"": True, "-": True, "+": False, "--": False}
INT = {"0": True, "7": True, "10": True, "908": True, "": False, "00": False, "01": False, "a": False}
FRAC = {"": True, ".0": True, ".25": True, ".": False, "..0": False, ".-1": False, ",5": False}
EXP = {
    "": True,
    "e1": True,
    "E0": True,
    "e+01": True,
    "E-10": True,
    "e": False,
    "E+": False,
    "e1.5": False,
    "e-+1": False,
}


@pytest.mark.parametrize("frame", ["[%s]", "[ %s ]", '{"a":%s}', '["a",%s,"b"]', "[[],%s,{}]", "%s\n"])
@pytest.mark.slow
def test_numbers_part_by_part(frame: str) -> None:
    faults = []
    for parts in product(MINUS.items(), INT.items(), FRAC.items(), EXP.items()):
        text = "".join(part for part, _ in parts)
        if not text or text[0] == "," or ",5" in text:
            continue  # these are about commas
        expected = ACCEPTED if all(right for _, right in parts) else MALFORMED
        faults.append(check(frame.replace("%s", text).encode(), expected))
    assert len(faults) > 1000
    assert [fault for fault in faults if fault] == []


@pytest.mark.slow
def test_every_short_text_of_the_characters_of_numbers() -> None:
    faults = []
    for length in range(1, 5):
        for letters in product("-+01.eE", repeat=length):
            data = f"[{''.join(letters)}]".encode()
            try:
                loads(data)
                expected = ACCEPTED
            except ValueError:
                expected = MALFORMED
            faults.append(check(data, expected))
    assert len(faults) == 7 + 7**2 + 7**3 + 7**4
    assert [fault for fault in faults if fault] == []


# --- section 7: every escape, every control character ------------------------------------------------------------

ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def test_every_byte_after_a_backslash() -> None:
    for byte in range(256):
        expected = ACCEPTED if chr(byte) in ESCAPES else MALFORMED
        assert check(b'["\\' + bytes([byte]) + b'x"]', expected) == ""


@each(("letter", "character"), ESCAPES.items())
def test_escape_is_decoded(letter: str, character: str) -> None:
    assert value_of(JsonTokenizer().read([f'"\\{letter}"'.encode()])) == character


@each("code", range(0x20))
def test_control_character(code: int) -> None:
    assert check(b'["a' + bytes([code]) + b'b"]', MALFORMED) == ""
    assert check(b'{"' + bytes([code]) + b'":1}', MALFORMED) == ""
    assert value_of(JsonTokenizer().read([f'"\\u{code:04x}"'.encode()])) == chr(code)


def test_other_ascii_characters_stand_for_themselves() -> None:
    for code in [*range(0x20, 0x22), *range(0x23, 0x5C), *range(0x5D, 0x80)]:
        assert check(b'["' + bytes([code]) + b'"]', ACCEPTED) == ""
        assert value_of(JsonTokenizer().read([b'"' + bytes([code]) + b'"'])) == chr(code)


def test_every_escape_of_a_code_unit() -> None:
    faults = []
    for unit in [*range(0, 0x10000, 251), 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000, 0xFFFF]:
        for spelled in (f"{unit:04x}", f"{unit:04X}"):
            expected = MALFORMED if 0xD800 <= unit <= 0xDFFF else ACCEPTED
            faults.append(check(f'["\\u{spelled}"]'.encode(), expected))
    assert len(faults) > 500
    assert [fault for fault in faults if fault] == []


# --- section 8.1: UTF-8, as RFC 3629, section 4, has it ----------------------------------------------------------

TAIL = range(0x80, 0xC0)
SEQUENCES: list[tuple[range, ...]] = [
    (range(0x80),),
    (range(0xC2, 0xE0), TAIL),
    (range(0xE0, 0xE1), range(0xA0, 0xC0), TAIL),
    (range(0xE1, 0xED), TAIL, TAIL),
    (range(0xED, 0xEE), range(0x80, 0xA0), TAIL),
    (range(0xEE, 0xF0), TAIL, TAIL),
    (range(0xF0, 0xF1), range(0x90, 0xC0), TAIL, TAIL),
    (range(0xF1, 0xF4), TAIL, TAIL, TAIL),
    (range(0xF4, 0xF5), range(0x80, 0x90), TAIL, TAIL),
]
EDGES = bytes.fromhex("61 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")
LEADS = bytes.fromhex("ef f0 f1 f3 f4 f5 ff")
ENDS = bytes.fromhex("61 80 bf c2 f0")


def well_formed(data: bytes) -> bool:
    if not data:
        return True
    return any(
        len(data) >= len(ranges)
        and all(byte in allowed for byte, allowed in zip(data, ranges, strict=False))
        and well_formed(data[len(ranges) :])
        for ranges in SEQUENCES
    )


@pytest.mark.parametrize(
    "alphabets",
    [[EDGES], [EDGES, EDGES], [EDGES, EDGES, ENDS], [LEADS, EDGES, ENDS, ENDS]],
    ids=["one byte", "two bytes", "three bytes", "four bytes"],
)
@pytest.mark.parametrize("frame", [b'["%b"]', b'["a\\n%b","b"]'])
@pytest.mark.slow
def test_utf8(alphabets: list[bytes], frame: bytes) -> None:
    faults = []
    for sequence in product(*alphabets):
        data = bytes(sequence)
        faults.append(check(frame % data, ACCEPTED if well_formed(data) else MALFORMED))
    assert len(faults) >= len(EDGES)
    assert [fault for fault in faults if fault] == []
