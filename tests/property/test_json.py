"""Random JSON text, cut or damaged, through the tokenizer and the emitter."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import ijson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamdicom.errors import InputError
from streamdicom.jsontext import JsonEmitter, JsonTokenizer, Token, TokenType
from streamdicom.limits import Limits
from tests.support.members import feed
from tests.support.strategies import cuts

LONG_STRING = (TokenType.STRING_SEGMENT, TokenType.STRING_END)

# --- tokens in a form that compares ------------------------------------------------------------------------------


class Number(str):
    """The exact text of a number."""

    __slots__ = ()


def no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def loads(text: str) -> Any:
    """Parse JSON with the json module.

    Numbers keep their text; objects are tuples, so that duplicate members are kept.
    """
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=no_constant, object_pairs_hook=tuple)


def tokens_of(value: Any) -> list[Token]:
    if isinstance(value, tuple):
        members = [token for name, member in value for token in ((TokenType.PROPERTY_NAME, name), *tokens_of(member))]
        return [(TokenType.START_OBJECT, ""), *members, (TokenType.END_OBJECT, "")]
    if isinstance(value, list):
        items = [token for item in value for token in tokens_of(item)]
        return [(TokenType.START_ARRAY, ""), *items, (TokenType.END_ARRAY, "")]
    if isinstance(value, str):
        return [(TokenType.NUMBER if isinstance(value, Number) else TokenType.STRING, str(value))]
    return [({True: TokenType.TRUE, False: TokenType.FALSE, None: TokenType.NULL}[value], "")]


def joined(tokens: Iterable[Token]) -> list[Token]:
    """Return the tokens with the segments of each string joined."""
    whole: list[Token] = []
    pending: list[str] = []
    for kind, text in tokens:
        if kind in LONG_STRING:
            pending.append(text)
            if kind == TokenType.STRING_END:
                whole.append((TokenType.STRING, "".join(pending)))
                pending.clear()
        else:
            assert not pending
            whole.append((kind, text))
    assert not pending
    return whole


Outcome = tuple[list[Token], tuple[str, str, int | None, str] | None]


def run(chunks: Iterable[bytes], limits: Limits, multiple: bool = False, *, members: bool = False) -> Outcome:
    """Return the tokens, and the fields of the error if there was one."""
    reader = JsonTokenizer(limits, multiple=multiple)
    tokens: list[Token] = []
    try:
        for chunk in (*chunks, None):
            tokens += feed(reader, chunk, members=members)
    except InputError as error:
        place = error.location.byte_offset
        return tokens, (type(error).__name__, error.message, place, getattr(error, "limit", ""))
    return tokens, None


def single_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


# --- random JSON -------------------------------------------------------------------------------------------------

TEXT = st.characters(exclude_categories=["Cs"])
NAMES = st.text(TEXT, max_size=1)  # as short as the shortest segment, even if it is two escapes
STRINGS = st.one_of(st.text(TEXT, max_size=40), st.text('a"\\\n\xe9\u20ac\U0001f600', max_size=60))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    STRINGS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)
INDENTS = st.sampled_from([None, 0, 2])
SEGMENTS = st.integers(12, 40)

FRAGMENTS = [
    *(byte.encode() for byte in '{}[]:,"\\ \n'),
    *(b'"a"', b'"b":', b"1", b"-0.5", b"-", b"0", b".5", b"e", b"e5", b"123456789", b"1234567x"),
    *(b"true", b"null", b"fals", b"abcdefghijk", b"NaN", b"\\u", b"\\ud83d", b"\\ude00", b"\\n", b'\\"', b"\\\\"),
    *(b"\xc3\xa9", b"\xe2\x82\xac", b"\xf0\x9f\x98\x80", b"\xe2\x82", b"\xff", b"\xef\xbb\xbf", b"\x00", b"\x80"),
]
SOUP = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join)
FRAMED_SOUP = st.builds(
    lambda start, soup, end: start + soup + end,
    st.sampled_from([b"[", b'["', b'{"a":', b'{"a":"', b"[1,", b'["\\"a", ']),
    SOUP,
    st.sampled_from([b"", b"]", b'"]', b"}", b'"}']),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return JSON text with some bytes deleted or inserted."""
    data = json.dumps(draw(VALUES), ensure_ascii=draw(st.booleans()), indent=draw(INDENTS)).encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        gone = draw(st.integers(0, 3))
        put = draw(st.one_of(st.just(b""), st.binary(max_size=2), st.sampled_from(FRAGMENTS)))
        data = data[:start] + put + data[start + gone :]
    return data


ANY_BYTES = st.one_of(st.binary(max_size=60), SOUP, FRAMED_SOUP, mutated())
SMALL_LIMITS = st.builds(
    Limits,
    depth=st.sampled_from([1, 2, 3, 256]),
    segment_size=st.sampled_from([12, 13, 20, 65536]),
    number_length=st.sampled_from([1, 4, 8, 1000]),
)

# --- properties --------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(VALUES, st.booleans(), INDENTS, SEGMENTS, st.data())
@pytest.mark.slow
def test_output_of_the_json_module_is_tokenized(
    value: Any, ensure_ascii: bool, indent: int | None, segment: int, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)
    expected = tokens_of(loads(text))
    tokens, failure = run(data.draw(cuts(text.encode())), Limits(segment_size=segment))
    assert failure is None
    assert joined(tokens) == expected


@settings(deadline=None)
@given(VALUES, st.booleans(), SEGMENTS, st.data())
@pytest.mark.slow
def test_segments_do_not_depend_on_the_cuts(value: Any, ensure_ascii: bool, segment: int, data: st.DataObject) -> None:
    raw = json.dumps(value, ensure_ascii=ensure_ascii).encode()
    limits = Limits(segment_size=segment)
    whole = run([raw], limits)
    assert run(data.draw(cuts(raw)), limits) == whole
    assert run(single_bytes(raw), limits) == whole


@settings(deadline=None)
@given(STRINGS, st.booleans(), SEGMENTS)
def test_segments_have_the_maximum_length(text: str, ensure_ascii: bool, segment: int) -> None:
    raw = json.dumps(text, ensure_ascii=ensure_ascii).encode()
    tokens, _ = run([raw], Limits(segment_size=segment))
    assert (len(tokens) > 1) == (len(raw) - 2 > segment)
    lengths = [len(json.dumps(part, ensure_ascii=ensure_ascii).encode()) - 2 for _, part in tokens]
    assert max(lengths) <= segment
    assert min(lengths[:-1], default=segment) > segment - 12  # the longest character, as two escapes


@settings(deadline=None, max_examples=600)
@given(ANY_BYTES, SMALL_LIMITS, st.booleans(), st.data())
@example(b"{1}", Limits(), False, None)
@example(b"[]1 ", Limits(), True, None)
@example(b"{ 123456789x}", Limits(number_length=8), False, None)
@example(b"[true]", Limits(number_length=1), False, None)
@example("[abcdefg\u20ac]".encode(), Limits(number_length=8), False, None)
@pytest.mark.slow
def test_cuts_do_not_change_the_outcome(raw: bytes, limits: Limits, multiple: bool, data: st.DataObject | None) -> None:
    whole = run([raw], limits, multiple)
    assert run(single_bytes(raw), limits, multiple) == whole
    assert run([raw], limits, multiple, members=True) == whole
    if data is not None:
        assert run(data.draw(cuts(raw)), limits, multiple) == whole
        assert run(data.draw(cuts(raw)), limits, multiple, members=True) == whole


@settings(deadline=None, max_examples=600)
@given(ANY_BYTES)
@pytest.mark.slow
def test_accepted_text_has_the_value_of_the_json_module(raw: bytes) -> None:
    tokens, failure = run([raw], Limits())
    if failure is None:
        assert tokens == tokens_of(loads(raw.decode()))


@settings(deadline=None)
@given(ANY_BYTES)
def test_errors_have_an_offset_within_the_input(raw: bytes) -> None:
    _, failure = run([raw], Limits())
    if failure is not None:
        assert failure[2] is not None
        assert 0 <= failure[2] <= len(raw)
        assert failure[0] != "TruncatedError" or failure[2] == len(raw)


@settings(deadline=None)
@given(mutated())
@example(b"[1e")
@pytest.mark.slow
def test_malformed_text_stays_malformed_with_more_bytes(raw: bytes) -> None:
    kind = (run([raw], Limits())[1] or ("",))[0]
    if kind == "JsonSyntaxError":
        assert all((run([raw + more], Limits())[1] or ("",))[0] == kind for more in (b" ", b"1", b'"', b"]", b"}"))


@settings(deadline=None)
@given(st.lists(VALUES, max_size=4), st.sampled_from(["\n", "\r\n", " "]), st.data())
@pytest.mark.slow
def test_several_documents_are_tokenized(values: list[Any], between: str, data: st.DataObject) -> None:
    texts = [json.dumps(value) for value in values]
    expected = [token for text in texts for token in tokens_of(loads(text))]
    chunks = data.draw(cuts(between.join(texts).encode()))
    assert run(chunks, Limits(), multiple=True) == (expected, None)


@settings(deadline=None)
@given(VALUES, st.data())
def test_locate_finds_strings_and_numbers(value: Any, data: st.DataObject) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode()
    reader = JsonTokenizer()
    for chunk in [*data.draw(cuts(raw)), None]:
        tokens = reader.feed(chunk) if chunk is not None else reader.close()
        for index, (kind, text) in enumerate(tokens):
            start = raw[reader.locate(index) :].decode()
            if kind in (TokenType.STRING, TokenType.PROPERTY_NAME):
                assert json.JSONDecoder().raw_decode(start)[0] == text
            elif kind == TokenType.NUMBER:
                assert start.startswith(text)
            else:
                assert start[0] in {1: "{", 2: "}", 3: "[", 4: "]", 10: "t", 11: "f", 12: "n"}[kind]


# --- lenient --------------------------------------------------------------------------------------------------------

COMMENTS = st.one_of(
    st.binary(max_size=12).filter(lambda body: not set(body) & set(b"\r\n")).map(lambda body: b"//" + body + b"\n"),
    st.binary(max_size=12).filter(lambda body: b"*/" not in body + b"*").map(lambda body: b"/*" + body + b"*/"),
    st.sampled_from([b"//\n", b"/**/", b'/*"*/', b'//"\n', b"/*/*/", b"/***/", b"//*/\n", b'/*\\"*/']),
)
GAPS = st.lists(st.one_of(st.sampled_from([b" ", b"\n", b"\t"]), COMMENTS), max_size=2)
NONFINITE = st.sampled_from(["NaN", "Infinity", "-Infinity"])
LENIENT_VALUES = st.recursive(
    SCALARS | NONFINITE.map(Number),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
Departures = list[tuple[int, str]]


class Untidy:
    """Writes JSON text with departures from RFC 8259, and lists them."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.text = b""
        self.tidy = ""
        self.departures: Departures = []
        if draw(st.booleans()):
            self._depart("byte-order-mark", b"\xef\xbb\xbf")

    def document(self, value: Any) -> None:
        self._gap()
        self._value(value)
        self._gap()
        if self._draw(st.booleans()):
            self._depart("comment", b"// the end")

    def _depart(self, code: str, text: bytes) -> None:
        self.departures.append((len(self.text), code))
        self.text += text

    def _gap(self) -> None:
        for part in self._draw(GAPS):
            if part.startswith(b"/"):
                self._depart("comment", part)
            else:
                self.text += part

    def _put(self, token: str) -> None:
        self.text += token.encode()
        self.tidy += token

    def _value(self, value: Any) -> None:
        if isinstance(value, Number):
            self._depart("bare-nonfinite", value.encode())
            self.tidy += value
        elif isinstance(value, list):
            self._container("[", [(None, item) for item in value], "]")
        elif isinstance(value, dict):
            self._container("{", list(value.items()), "}")
        else:
            self._put(json.dumps(value, ensure_ascii=self._draw(st.booleans())))

    def _container(self, start: str, members: list[tuple[str | None, Any]], end: str) -> None:
        self._put(start)
        self._gap()
        for index, (name, value) in enumerate(members):
            if index:
                self._put(",")
                self._gap()
            if name is not None:
                self._put(json.dumps(name))
                self._gap()
                self._put(":")
                self._gap()
            self._value(value)
            self._gap()
        if members and self._draw(st.booleans()):
            self.text += b","
            self._gap()
            self.departures.append((len(self.text), "trailing-comma"))
        self._put(end)


@st.composite
def untidy(draw: st.DrawFn) -> Untidy:
    text = Untidy(draw)
    text.document(draw(LENIENT_VALUES))
    return text


def run_leniently(
    chunks: Iterable[bytes], limits: Limits, multiple: bool = False, *, members: bool = False
) -> tuple[Outcome, Departures]:
    reader = JsonTokenizer(limits, multiple=multiple, lenient=True)
    tokens: list[Token] = []
    departures: Departures = []
    failure = None
    try:
        for chunk in [*chunks, None]:
            try:
                tokens += feed(reader, chunk, members=members)
            finally:
                departures += reader.departures
    except InputError as error:
        failure = (type(error).__name__, error.message, error.location.byte_offset, getattr(error, "limit", ""))
    return (tokens, failure), departures


@settings(deadline=None, max_examples=300)
@given(untidy(), SEGMENTS, st.data())
@pytest.mark.slow
def test_departures_do_not_change_tokens(text: Untidy, segment: int, data: st.DataObject) -> None:
    expected = tokens_of(
        json.loads(text.tidy, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=tuple)
    )
    limits = Limits(segment_size=segment)
    (tokens, failure), departures = whole = run_leniently([text.text], limits)
    assert (joined(tokens), failure, departures) == (expected, None, text.departures)
    assert run_leniently(data.draw(cuts(text.text)), limits) == whole
    assert run_leniently(data.draw(cuts(text.text)), limits, members=True) == whole
    assert run_leniently(single_bytes(text.text), limits) == whole


LENIENT_FRAGMENTS = [
    *(b"/", b"//", b"/*", b"*/", b"*", b"/**/", b"//x\n", b"\r", b'/*"*/', b"/*\xff*/", b'"/"', b'"//\\"/*"'),
    *(b",]", b",}", b"[1,]", b'{"a":1,}', b"NaN", b"Na", b"-Infinity", b"-Inf", b"+", b"inf", b"12345678/"),
    *(b"\xef\xbb\xbf", b"\xef\xbb", b"\xef"),
]
LENIENT_SOUP = st.builds(
    lambda start, soup, end: start + b"".join(soup) + end,
    st.sampled_from([b"", b"[", b'{"a":', b"[1,", b'["\\"a", ', b"\xef\xbb\xbf", b"/"]),
    st.lists(st.sampled_from(FRAGMENTS + LENIENT_FRAGMENTS), max_size=8),
    st.sampled_from([b"", b"]", b"}", b",]", b"*/]", b"\n]"]),
)


@settings(deadline=None, max_examples=600)
@given(LENIENT_SOUP | untidy().map(lambda text: text.text[:-1]), SMALL_LIMITS, st.booleans(), st.data())
@pytest.mark.slow
def test_cuts_do_not_change_the_lenient_outcome(
    raw: bytes, limits: Limits, multiple: bool, data: st.DataObject
) -> None:
    whole = run_leniently([raw], limits, multiple)
    assert run_leniently(single_bytes(raw), limits, multiple) == whole
    assert run_leniently(data.draw(cuts(raw)), limits, multiple) == whole
    assert run_leniently(data.draw(cuts(raw)), limits, multiple, members=True) == whole
    assert whole[1] == sorted(whole[1])


@settings(deadline=None, max_examples=300)
@given(ANY_BYTES, st.booleans())
@pytest.mark.slow
def test_strictly_accepted_text_has_no_departures(raw: bytes, multiple: bool) -> None:
    strictly = run([raw], Limits(), multiple)
    leniently, departures = run_leniently([raw], Limits(), multiple)
    if strictly[1] is None:
        assert (leniently, departures) == (strictly, [])


EVENTS = {
    "start_map": TokenType.START_OBJECT,
    "end_map": TokenType.END_OBJECT,
    "start_array": TokenType.START_ARRAY,
    "end_array": TokenType.END_ARRAY,
    "map_key": TokenType.PROPERTY_NAME,
    "string": TokenType.STRING,
    "number": TokenType.NUMBER,
    "null": TokenType.NULL,
}


@settings(deadline=None)
@given(VALUES)
@pytest.mark.slow
def test_events_of_ijson_are_equal(value: Any) -> None:
    raw = json.dumps(value).encode()
    expected = [
        (EVENTS.get(event, TokenType.TRUE if item else TokenType.FALSE), "" if item in (None, True, False) else item)
        if event != "number"
        else (TokenType.NUMBER, item)
        for event, item in ijson.basic_parse(io.BytesIO(raw))
    ]
    tokens, _ = run([raw], Limits())
    assert [(kind, Decimal(text) if kind == TokenType.NUMBER else text) for kind, text in tokens] == expected


# --- emitter -----------------------------------------------------------------------------------------------------


def write_tokens(writer: JsonEmitter, tokens: Iterable[Token]) -> None:
    plain = {
        TokenType.START_OBJECT: writer.start_object,
        TokenType.END_OBJECT: writer.end_object,
        TokenType.START_ARRAY: writer.start_array,
        TokenType.END_ARRAY: writer.end_array,
        TokenType.NULL: writer.null,
    }
    texts = {
        TokenType.PROPERTY_NAME: writer.property_name,
        TokenType.STRING: writer.string,
        TokenType.NUMBER: writer.number,
        TokenType.STRING_SEGMENT: writer.string_segment,
    }
    for kind, text in tokens:
        if kind in texts:
            texts[TokenType(kind)](text)
        elif kind == TokenType.STRING_END:
            writer.string_segment(text, final=True)
        elif kind in (TokenType.TRUE, TokenType.FALSE):
            writer.boolean(kind == TokenType.TRUE)
        else:
            plain[TokenType(kind)]()


@settings(deadline=None)
@given(VALUES, INDENTS, st.booleans(), SEGMENTS)
@pytest.mark.slow
def test_emitter_writes_the_text_of_the_json_module(
    value: Any, indent: int | None, ensure_ascii: bool, segment: int
) -> None:
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, separators=separators)
    blocks: list[bytes] = []
    writer = JsonEmitter(blocks.append, indent=indent, ensure_ascii=ensure_ascii)
    write_tokens(writer, JsonTokenizer(Limits(segment_size=segment)).read([text.encode()]))
    assert writer.bytes_pending + writer.bytes_committed == len(text.encode())
    writer.close()
    assert b"".join(blocks).decode() == text


@settings(deadline=None)
@given(VALUES, INDENTS, st.booleans())
@pytest.mark.slow
def test_raw_text_has_the_same_value(value: Any, indent: int | None, ensure_ascii: bool) -> None:
    blocks: list[bytes] = []
    writer = JsonEmitter(blocks.append, indent=indent)
    writer.start_array()
    writer.raw(json.dumps(value, ensure_ascii=ensure_ascii))
    writer.end_array()
    writer.close()
    written = b"".join(blocks).decode()
    assert loads(written) == [loads(json.dumps(value))]
    if indent is not None:
        assert written == json.dumps([value], indent=indent, ensure_ascii=False)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=8), st.lists(st.text(TEXT, max_size=10), max_size=8))
def test_strings_are_written_in_segments(binary: list[bytes], texts: list[str]) -> None:
    blocks: list[bytes] = []
    writer = JsonEmitter(blocks.append)
    writer.start_array()
    for part in binary:
        writer.base64_segment(part)
    writer.base64_segment(b"", final=True)
    for text in texts:
        writer.string_segment(text)
    writer.string_segment("", final=True)
    writer.end_array()
    writer.close()
    encoded = base64.b64encode(b"".join(binary)).decode()
    assert json.loads(b"".join(blocks)) == [encoded, "".join(texts)]
