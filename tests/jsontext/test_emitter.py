"""JsonEmitter, compared with the json and base64 modules."""

from __future__ import annotations

import base64
import json
from array import array
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import pytest
from pydicom.valuerep import IS, DSfloat

from streamdicom.errors import OutputError
from streamdicom.jsontext import JsonEmitter
from tests.support.each import each

Call = tuple[Any, ...]  # a method and its arguments

KIB = 1024


def cases(table: Sequence[Sequence[Any]]) -> list[Any]:
    return [pytest.param(*row[1:], id=row[0]) for row in table]


def call(emitter: JsonEmitter, step: Call) -> None:
    method, *arguments = step
    if method.endswith("!"):  # the last segment
        getattr(emitter, method[:-1])(*arguments, final=True)
    else:
        getattr(emitter, method)(*arguments)


def write(steps: Sequence[Call], **options: Any) -> str:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, **options)
    for step in steps:
        call(emitter, step)
    emitter.close()
    return b"".join(blocks).decode()


def steps_of(value: Any) -> list[Call]:
    """Return the calls that write a value."""
    if isinstance(value, dict):
        members = [step for name, member in value.items() for step in (("property_name", name), *steps_of(member))]
        return [("start_object",), *members, ("end_object",)]
    if isinstance(value, list):
        return [("start_array",), *(step for item in value for step in steps_of(item)), ("end_array",)]
    if isinstance(value, bool):
        return [("boolean", value)]
    if isinstance(value, str):
        return [("string", value)]
    return [("null",)] if value is None else [("number", value)]


VALUES = [
    ("empty object", {}),
    ("empty array", []),
    ("string", "a"),
    ("empty string", ""),
    ("integer", 12),
    ("true", True),
    ("false", False),
    ("null", None),
    ("members", {"a": 1, "b": "c", "": None}),
    ("items", [1, "a", True, False, None, -1.5]),
    ("empty containers in containers", {"a": {}, "b": [], "c": [[], {}, [[]]]}),
    ("nested", {"a": [{"b": {"c": [1, [2, {"d": "e"}]]}}, []], "f": {}}),
    ("every control character", "".join(map(chr, range(33))) + '"\\/\x7f'),
    ("beyond ASCII", {"\xe9": ["\u20ac", "\U0001f600", "\u2028\ufeff\uffff"]}),
    ("large integers", [2**64, -(2**63), 10**4000]),
    ("floats", [0.0, -0.0, 0.1, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 1 / 3]),
]


@each("ensure_ascii", [False, True])
@each("value", cases(VALUES))
def test_compact_form_equals_that_of_the_json_module(value: Any, ensure_ascii: bool) -> None:
    expected = json.dumps(value, separators=(",", ":"), ensure_ascii=ensure_ascii)
    assert write(steps_of(value), ensure_ascii=ensure_ascii) == expected


@each("ensure_ascii", [False, True])
@each("indent", [0, 1, 2, 4, "\t", "--"])
@each("value", cases(VALUES))
def test_indented_form_equals_that_of_the_json_module(value: Any, indent: int | str, ensure_ascii: bool) -> None:
    expected = json.dumps(value, indent=indent, ensure_ascii=ensure_ascii)
    assert write(steps_of(value), indent=indent, ensure_ascii=ensure_ascii) == expected


# --- the order of tokens -----------------------------------------------------------------------------------------

START: Call = ("start_object",)
END: Call = ("end_object",)
START_ARRAY: Call = ("start_array",)
END_ARRAY: Call = ("end_array",)
NAME: Call = ("property_name", "a")
ONE: Call = ("number", 1)
PART: Call = ("string_segment", "b")
LAST_PART: Call = ("string_segment!", "c")
BYTES: Call = ("base64_segment", b"b")
LAST_BYTES: Call = ("base64_segment!", b"c")
RAW_PART: Call = ("raw_segment", '[2,"')
LAST_RAW_PART: Call = ("raw_segment!", 'x"]')

VALUE_STARTS: list[Call] = [
    START,
    START_ARRAY,
    ("string", "x"),
    ("number", 7),
    ("number", "7"),
    ("boolean", True),
    ("null",),
    ("raw", "7"),
    ("string_segment", "x"),
    ("string_segment!", "x"),
    ("base64_segment", b"x"),
    ("base64_segment!", b"x"),
    ("raw_segment", "7"),
    ("raw_segment!", "7"),
]
IN_STRING = [step for step in VALUE_STARTS if not step[0].startswith("string_segment")]
IN_BASE64 = [step for step in VALUE_STARTS if not step[0].startswith("base64_segment")]
IN_RAW = [step for step in VALUE_STARTS if not step[0].startswith("raw_segment")]
NAMES: list[Call] = [("property_name", "x")]
ENDS: list[Call] = [END, END_ARRAY]

# States of the emitter: id, the calls that lead to it, the calls that it rejects, the calls that end it, the text.
STATES: list[tuple[str, list[Call], list[Call], list[Call], str]] = [
    ("start", [], [*NAMES, *ENDS], [ONE], "1"),
    ("document done", [START, END], [*VALUE_STARTS, *NAMES, *ENDS], [], "{}"),
    ("number done", [ONE], [*VALUE_STARTS, *NAMES, *ENDS], [], "1"),
    ("string done", [PART, LAST_PART], [*VALUE_STARTS, *NAMES, *ENDS], [], '"bc"'),
    ("empty array", [START_ARRAY], [*NAMES, END], [END_ARRAY], "[]"),
    ("array", [START_ARRAY, ONE], [*NAMES, END], [ONE, END_ARRAY], "[1,1]"),
    ("empty object", [START], [*VALUE_STARTS, END_ARRAY], [END], "{}"),
    ("object", [START, NAME, ONE], [*VALUE_STARTS, END_ARRAY], [NAME, ONE, END], '{"a":1,"a":1}'),
    ("name", [START, NAME], [*NAMES, *ENDS], [ONE, END], '{"a":1}'),
    ("array in an object", [START, NAME, START_ARRAY], [*NAMES, END], [END_ARRAY, END], '{"a":[]}'),
    ("object in an array", [START_ARRAY, START], [*VALUE_STARTS, END_ARRAY], [END, END_ARRAY], "[{}]"),
    ("string", [START, NAME, PART], [*IN_STRING, *NAMES, *ENDS], [LAST_PART, END], '{"a":"bc"}'),
    ("string in an array", [START_ARRAY, PART], [*IN_STRING, *NAMES, *ENDS], [LAST_PART, END_ARRAY], '["bc"]'),
    ("base64", [START, NAME, BYTES], [*IN_BASE64, *NAMES, *ENDS], [LAST_BYTES, END], '{"a":"YmM="}'),
    ("base64 in an array", [START_ARRAY, BYTES], [*IN_BASE64, *NAMES, *ENDS], [LAST_BYTES, END_ARRAY], '["YmM="]'),
    ("raw", [START, NAME, RAW_PART], [*IN_RAW, *NAMES, *ENDS], [LAST_RAW_PART, END], '{"a":[2,"x"]}'),
    (
        "raw in an array",
        [START_ARRAY, ("raw_segment", "")],
        [*IN_RAW, *NAMES, *ENDS],
        [RAW_PART, LAST_RAW_PART, END_ARRAY],
        '[[2,"x"]]',
    ),
    (
        "raw done",
        [START_ARRAY, RAW_PART, LAST_RAW_PART],
        [("string_segment", "\ud800"), *NAMES, END],
        [ONE, END_ARRAY],
        '[[2,"x"],1]',
    ),
]
ILLEGAL = [
    pytest.param(before, wrong, after, expected, id=f"{state}-{' '.join(map(str, wrong))}")
    for state, before, all_wrong, after, expected in STATES
    for wrong in all_wrong
]


@each("indent", [None, 2])
@each(("before", "wrong", "after", "expected"), ILLEGAL)
def test_token_out_of_order_is_rejected_without_effect(
    before: list[Call], wrong: Call, after: list[Call], expected: str, indent: int | None
) -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, indent=indent)
    for step in before:
        call(emitter, step)
    depth, pending = emitter.depth, emitter.bytes_pending
    with pytest.raises(OutputError):
        call(emitter, wrong)
    assert (emitter.depth, emitter.bytes_pending) == (depth, pending)
    for step in after:
        call(emitter, step)
    emitter.close()
    written = b"".join(blocks).decode()
    pairs = json.loads(expected, object_pairs_hook=list)
    assert json.loads(written, object_pairs_hook=list) == pairs
    if indent is None:
        assert written == expected


INCOMPLETE: list[tuple[str, list[Call], list[Call]]] = [
    ("nothing", [], [ONE]),
    ("object", [START], [END]),
    ("array", [START_ARRAY, ONE], [END_ARRAY]),
    ("name", [START, NAME], [ONE, END]),
    ("string", [PART], [LAST_PART]),
    ("base64", [BYTES], [LAST_BYTES]),
    ("raw", [RAW_PART], [LAST_RAW_PART]),
    ("raw, of an empty segment", [("raw_segment", "")], [RAW_PART, LAST_RAW_PART]),
]


@each(("before", "after"), cases(INCOMPLETE))
def test_close_of_an_incomplete_document_is_an_error(before: list[Call], after: list[Call]) -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append)
    for step in before:
        call(emitter, step)
    with pytest.raises(OutputError, match="not complete"):
        emitter.close()
    assert blocks == []
    for step in after:
        call(emitter, step)
    emitter.close()
    assert b"".join(blocks).decode() == write([*before, *after])


# --- numbers -----------------------------------------------------------------------------------------------------

NUMBERS = [
    ("integer", 5, "5"),
    ("zero", 0, "0"),
    ("negative", -17, "-17"),
    ("beyond 64 bits", 2**80, "1208925819614629174706176"),
    ("float", 1.5, "1.5"),
    ("whole float", 2.0, "2.0"),
    ("negative zero", -0.0, "-0.0"),
    ("small float", 1e-7, "1e-07"),
    ("large float", 1e22, "1e+22"),
    ("shortest form", 0.1, "0.1"),
    ("trailing zeros", "1.0000", "1.0000"),
    ("negative zero as text", "-0", "-0"),
    ("beyond the range of a float", "1e400", "1e400"),
    ("beyond the precision of a float", "9007199254740993", "9007199254740993"),
    ("capital exponent", "1E+05", "1E+05"),
    ("many digits", "1" * 5000, "1" * 5000),
]


@each(("number", "expected"), cases(NUMBERS))
def test_number_text(number: int | float | str, expected: str) -> None:
    assert write([("number", number)]) == expected


class Fruit(IntEnum):
    APPLE = 1


NOT_NUMBERS = [
    ("not a number", float("nan")),
    ("infinity", float("inf")),
    ("negative infinity", float("-inf")),
    ("true", True),
    ("false", False),
    ("none", None),
    ("complex", 1j),
    ("integer of too many digits", 10**5000),
    ("bytes", b"1"),
    ("empty text", ""),
    ("white space", " 1"),
    ("line feed", "1\n"),
    ("plus sign", "+1"),
    ("minus sign", "-"),
    ("two minus signs", "--1"),
    ("leading zero", "01"),
    ("negative leading zero", "-01"),
    ("no integer part", ".5"),
    ("no fraction", "1."),
    ("no exponent", "1e"),
    ("no digits in the exponent", "1e+"),
    ("fraction in the exponent", "1e1.5"),
    ("hexadecimal", "0x10"),
    ("underscore", "1_000"),
    ("comma", "1,0"),
    ("NaN as text", "NaN"),
    ("word", "one"),
    ("digits of another script", "\u0661"),
    ("two numbers", "1 2"),
]


class _Half(float):
    def __repr__(self) -> str:
        return "a half"


@each(
    ("number", "text"),
    [(Fruit.APPLE, "1"), (_Half(0.5), "0.5"), (IS("7"), "7"), (DSfloat("1.50"), "1.5")],
)
def test_subclasses_of_int_and_float_are_numbers(number: Any, text: str) -> None:
    assert write([("number", number)]) == text


@each("number", cases(NOT_NUMBERS))
def test_other_values_are_not_numbers(number: Any) -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append)
    with pytest.raises(OutputError):
        emitter.number(number)
    emitter.number(1)
    emitter.close()
    assert blocks == [b"1"]


# --- text --------------------------------------------------------------------------------------------------------


@each("method", ["property_name", "string", "string_segment", "string_segment!"])
@each("text", ["\ud83d", "a\ude00", "\ude00\ud83d", "\xe9\udc5c", "\U0001f600\udfff"])
@each("ensure_ascii", [False, True])
def test_half_of_a_surrogate_pair_is_rejected(method: str, text: str, ensure_ascii: bool) -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, ensure_ascii=ensure_ascii)
    emitter.start_object()
    if method != "property_name":
        emitter.property_name("a")
    with pytest.raises(OutputError, match="surrogate"):
        call(emitter, (method, text))
    if method == "property_name":
        emitter.property_name("a")
    emitter.string("b")
    emitter.end_object()
    emitter.close()
    assert blocks == [b'{"a":"b"}']


def test_ensure_ascii_escapes_other_characters() -> None:
    steps: list[Call] = [START, ("property_name", "\xe9"), PART, ("string_segment!", "\u20ac\U0001f600"), END]
    assert write(steps, ensure_ascii=True) == r'{"\u00e9":"b\u20ac\ud83d\ude00"}'
    assert write(steps, ensure_ascii=False) == '{"\xe9":"b\u20ac\U0001f600"}'


# --- strings in segments -----------------------------------------------------------------------------------------

SEGMENTED = [
    ("nothing", []),
    ("one", ["abc"]),
    ("several", ["a", "bc", "", "d"]),
    ("characters to escape", ['a"', '"', "\\", "\n\0", "\\n"]),
    ("beyond ASCII", ["\xe9", "\u20ac\U0001f600", "\U0001f600"]),
]


@each("indent", [None, 2])
@each("ensure_ascii", [False, True])
@each("parts", cases(SEGMENTED))
def test_string_segments_make_one_string(parts: list[str], ensure_ascii: bool, indent: int | None) -> None:
    steps = [("string_segment", part) for part in parts]
    text = "".join(parts)
    for string in ([*steps, ("string_segment!", "")], [*steps, ("string_segment!", "z")]):
        value = {"a": [text + string[-1][1], 1]}
        written = write(
            [START, NAME, START_ARRAY, *string, ONE, END_ARRAY, END], indent=indent, ensure_ascii=ensure_ascii
        )
        separators = (",", ":") if indent is None else None
        assert written == json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, separators=separators)


@each("length", range(10))
def test_base64_segments_in_every_split_into_three(length: int) -> None:
    data = bytes(range(250, 250 + length)) if length < 6 else bytes(range(length))
    expected = f'"{base64.b64encode(data).decode()}"'
    for first in range(length + 1):
        for second in range(first, length + 1):
            parts = data[:first], data[first:second], data[second:]
            steps = [("base64_segment", parts[0]), ("base64_segment", parts[1]), ("base64_segment!", parts[2])]
            assert write(steps) == expected


@each("step", [1, 2, 3, 4, 5, 7, 100, 300])
@each("length", [0, 1, 2, 3, 255, 256, 257])
def test_base64_segments_of_equal_length(length: int, step: int) -> None:
    data = bytes(i * 7 & 255 for i in range(length))
    parts = [("base64_segment", data[i : i + step]) for i in range(0, length, step)]
    assert write([*parts, ("base64_segment!", b"")]) == f'"{base64.b64encode(data).decode()}"'


def test_base64_of_a_memoryview() -> None:
    data = bytes(range(100))
    view = memoryview(data)
    steps = [("base64_segment", view[:50]), ("base64_segment", view[50:51]), ("base64_segment!", view[51:])]
    assert write(steps) == f'"{base64.b64encode(data).decode()}"'


@each("count", range(1, 8))
def test_base64_of_a_view_with_wider_items(count: int) -> None:
    words = array("I", range(1_000_000, 1_000_000 + count))
    steps = [("base64_segment", memoryview(words)), ("base64_segment!", memoryview(words))]
    assert write(steps) == f'"{base64.b64encode(words.tobytes() * 2).decode()}"'


def test_two_base64_strings_do_not_mix() -> None:
    string = [("base64_segment", b"a"), ("base64_segment!", b"")]
    assert write([START_ARRAY, *string, *string, PART, LAST_PART, END_ARRAY]) == '["YQ==","YQ==","bc"]'


# --- raw ---------------------------------------------------------------------------------------------------------

RAW = [
    ("object", '{"a":[1.25,{"b":null}],"c":{}}'),
    ("array", '[1,"a",true,false,null,[],[[]]]'),
    ("string", '"a\\nb"'),
    ("number", "-1.5"),
    ("literal", "true"),
    ("beyond ASCII", '{"\xe9":"\u20ac"}'),
    ("long string", '"' + "a" * 100_000 + '"'),
    ("long name", '{"' + "a" * 100_000 + '":1}'),
    ("long string of escapes", '"' + "\\u20ac" * 20_000 + '"'),
    ("long number", "1" * 2000),
]


@each("text", cases(RAW))
def test_raw_text_is_written_unchanged(text: str) -> None:
    around: list[Call] = [START_ARRAY, ONE, ("raw", text), ONE, END_ARRAY]
    assert write(around) == f"[1,{text},1]"


@each("indent", [0, 2, "\t"])
@each("text", cases(RAW[:7]))
def test_raw_text_is_reformatted_with_an_indent(text: str, indent: int | str) -> None:
    spaced = text.replace(",", " ,\n ").replace(":", " : ")
    steps: list[Call] = [START, NAME, ("raw", spaced), ("property_name", "b"), ONE, END]
    expected = json.dumps({"a": json.loads(text), "b": 1}, indent=indent, ensure_ascii=False)
    assert write(steps, indent=indent) == expected


def test_raw_text_keeps_exact_numbers() -> None:
    for indent in (None, 2):
        assert write([("raw", "1.5000e+0")], indent=indent) == "1.5000e+0"


NOT_ONE_VALUE = [
    ("nothing", ""),
    ("white space", " \n"),
    ("two values", "1 2"),
    ("comma", "1,"),
    ("not closed", "[1"),
    ("string not closed", '"a'),
    ("closed twice", "[]]"),
    ("members", '"a":1'),
    ("word", "nope"),
    ("literal cut off", "tru"),
    ("array cut off after a number", "[1e5"),
    ("NaN", "NaN"),
    ("trailing comma", "[1,]"),
    ("fault after tokens", "[1,x]"),
    ("control character", '"\n"'),
    ("lone surrogate as an escape", r'"\ud83d"'),
    ("lone surrogate", '"\ud83d"'),
    ("byte order mark", "\ufeff1"),
]


@each("indent", [None, 2])
@each("text", cases(NOT_ONE_VALUE))
def test_raw_text_must_be_one_value(text: str, indent: int | None) -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, indent=indent)
    with pytest.raises(OutputError, match="one JSON value"):
        emitter.raw(text)
    emitter.null()
    emitter.close()
    assert blocks == [b"null"]


@pytest.mark.parametrize("indent", [None, 2])
def test_raw_text_is_subject_to_the_depth_limit(indent: int | None) -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, indent=indent, depth=3)
    emitter.start_array()
    emitter.raw("[[]]")
    pending = emitter.bytes_pending
    with pytest.raises(OutputError):
        emitter.raw("[[[]]]")
    assert (emitter.depth, emitter.bytes_pending) == (1, pending)
    emitter.end_array()
    emitter.close()
    assert json.loads(b"".join(blocks)) == [[[]]]


@pytest.mark.parametrize("indent", [None, 2])
def test_raw_text_is_escaped_for_ensure_ascii(indent: int | None) -> None:
    written = write(
        [START_ARRAY, ("raw", '{"\xe9":["\u20ac","\U0001f600"]}'), END_ARRAY], indent=indent, ensure_ascii=True
    )
    expected = [{"\xe9": ["\u20ac", "\U0001f600"]}]
    assert written == json.dumps(expected, indent=indent, separators=None if indent else (",", ":"))


HTML = "</p> & 'a'\u2028\u2029"
HTML_ESCAPED = r'"\u003c/p\u003e \u0026 \u0027a\u0027\u2028\u2029"'


@each("indent", [None, 2])
@each(
    "steps",
    [
        [("string", HTML)],
        [("string_segment", HTML[:3]), ("string_segment!", HTML[3:])],
        [("raw", json.dumps(HTML, ensure_ascii=False))],
        [("raw_segment", f'"{HTML[:5]}'), ("raw_segment!", f'{HTML[5:]}"')],
    ],
    ids=lambda steps: steps[0][0],
)
def test_escape_html_escapes_the_special_characters_of_html(steps: list[Call], indent: int | None) -> None:
    assert write(steps, escape_html=True, indent=indent) == HTML_ESCAPED
    assert write(steps, indent=indent) == json.dumps(HTML, ensure_ascii=False)


def test_escape_html_applies_to_names_and_combines_with_ensure_ascii() -> None:
    steps = [START, ("property_name", "<\xe9>"), ("string", "'\xe9\x7f\""), END]
    assert write(steps, escape_html=True) == '{"\\u003c\xe9\\u003e":"\\u0027\xe9\x7f\\""}'
    assert write(steps, escape_html=True, ensure_ascii=True) == r'{"\u003c\u00e9\u003e":"\u0027\u00e9\u007f\""}'


# --- the end -------------------------------------------------------------------------------------------------------


def test_trailing_newline_ends_the_text_once() -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, trailing_newline=True)
    emitter.number(1)
    emitter.close()
    emitter.close()
    assert blocks == [b"1\n"]
    assert write([ONE, START, END], multiple=True, trailing_newline=True) == "1\n{}\n"
    assert write([], multiple=True, trailing_newline=True) == ""


def test_no_trailing_newline_after_an_incomplete_document() -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, trailing_newline=True)
    emitter.start_array()
    with pytest.raises(OutputError):
        emitter.close()
    emitter.end_array()
    emitter.close()
    assert blocks == [b"[]\n"]


# --- raw values in segments --------------------------------------------------------------------------------------

LAYOUTS: list[dict[str, Any]] = [
    {},
    {"ensure_ascii": True},
    {"indent": 2},
    {"indent": "\t", "ensure_ascii": True},
    {"indent": 0},
]
layouts = pytest.mark.parametrize("layout", LAYOUTS, ids=str)
INDENTED = [layout for layout in LAYOUTS if "indent" in layout]
SHORT_RAW = [
    *RAW[:6],
    ("every kind of token", '{"a":[1e5,-0.50,true,false,null,"\\u00e9\\n\u20ac\U0001f600\\\\"],"b":{"c":[[],{}]}}'),
    ("exact number", "12345678901234567890.1234567890e-7"),
    ("white space", ' [ 1 ,\n{ "a" : "b" } ] '),
]


def dumped(value: Any, layout: dict[str, Any]) -> str:
    """Return the text that the json module writes."""
    options = {"indent": None, "ensure_ascii": False, **layout}
    return json.dumps(value, separators=None if "indent" in layout else (",", ":"), **options)


def raw_steps(parts: Sequence[str]) -> list[Call]:
    return [*(("raw_segment", part) for part in parts[:-1]), ("raw_segment!", parts[-1])]


@layouts
@each("text", cases(SHORT_RAW))
def test_raw_segments_do_not_depend_on_the_cuts(text: str, layout: dict[str, Any]) -> None:
    around = [START, NAME, START_ARRAY, ONE], [ONE, END_ARRAY, NAME, ONE, END]
    whole = write([*around[0], ("raw_segment!", text), *around[1]], **layout)
    assert json.loads(whole, object_pairs_hook=list) == [
        ("a", [1, json.loads(text, object_pairs_hook=list), 1]),
        ("a", 1),
    ]
    for cut in range(len(text) + 1):
        for parts in ([text[:cut], text[cut:]], [text[:cut], "", text[cut:], ""]):
            assert write([*around[0], *raw_steps(parts), *around[1]], **layout) == whole
    assert write([*around[0], *raw_steps(list(text)), *around[1]], **layout) == whole


@layouts
@each("value", cases(VALUES[:-2]))
def test_raw_segments_have_the_layout_of_the_json_module(value: Any, layout: dict[str, Any]) -> None:
    text = json.dumps([value], separators=(",", ":"), ensure_ascii=False)
    parts = [text[start : start + 7] for start in range(0, len(text), 7)]
    assert write(raw_steps(parts), **layout) == dumped([value], layout)


@layouts
def test_raw_segments_keep_exact_numbers(layout: dict[str, Any]) -> None:
    for number in ("1.5000E+0", "-0", "1e400", "9" * 100_000):
        assert write(raw_steps([number[:1], number[1:]]), **layout) == number


@layouts
@pytest.mark.parametrize("unit", ["a", "\u20ac", "\U0001f600"])
def test_long_strings_in_raw_segments(unit: str, layout: dict[str, Any]) -> None:
    value = {"a": [unit * 200_000, "b" * 65_536]}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    parts = [text[start : start + 50_001] for start in range(0, len(text), 50_001)]
    assert write(raw_steps(parts), **layout) == dumped(value, layout)


def test_long_escaped_strings_in_raw_segments_are_reformatted() -> None:
    text = '["' + "\\u20ac\\n" * 30_000 + '"]'
    parts = [text[start : start + 10_001] for start in range(0, len(text), 10_001)]
    assert write(raw_steps(parts), indent=1) == '[\n "' + "\u20ac\\n" * 30_000 + '"\n]'
    assert write(raw_steps(parts)) == text


def test_long_raw_value_is_not_buffered() -> None:
    for layout in LAYOUTS:
        blocks: list[bytes] = []
        emitter = JsonEmitter(blocks.append, **layout)
        emitter.raw_segment("[1")
        for _ in range(100):
            emitter.raw_segment(',"' + "a" * 10_000 + '"')
            assert emitter.bytes_pending < 128 * KIB
        emitter.raw_segment("]", final=True)
        emitter.close()
        assert json.loads(b"".join(blocks)) == [1, *["a" * 10_000] * 100]


def test_raw_segments_may_form_several_documents() -> None:
    steps = [*raw_steps(["[", "1]"]), *raw_steps(["", "2"]), ("raw", "3")]
    assert write(steps, multiple=True) == "[1]\n2\n3"
    assert write(steps, multiple=True, indent=1) == "[\n 1\n]\n2\n3"


@layouts
def test_raw_segments_may_nest_up_to_the_depth_limit(layout: dict[str, Any]) -> None:
    around = [START, NAME], [END]
    assert json.loads(write([*around[0], *raw_steps(["[", "[]", "]"]), *around[1]], depth=3, **layout)) == {"a": [[]]}


@each("layout", INDENTED, ids=str)
@each("before", [[], [START_ARRAY], [START, NAME]], ids=len)
def test_reformatted_raw_segments_are_subject_to_the_depth_limit(before: list[Call], layout: dict[str, Any]) -> None:
    emitter = JsonEmitter(lambda _: None, depth=3, **layout)
    for step in before:
        call(emitter, step)
    with pytest.raises(OutputError, match="at most 3 nested objects and arrays"):
        for _ in range(4):
            emitter.raw_segment("[")


@each("layout", INDENTED, ids=str)
@each("text", cases(NOT_ONE_VALUE))
def test_reformatted_raw_segments_must_be_one_value(text: str, layout: dict[str, Any]) -> None:
    for parts in ([text], [text[:1], text[1:]], list(text) or [""], [text, ""]):
        emitter = JsonEmitter(lambda _: None, **layout)
        emitter.start_array()
        with pytest.raises(OutputError, match="one JSON value"):
            for step in raw_steps(parts):
                call(emitter, step)
        # The text before the fault has been written, so the emitter cannot be used any more.
        for step in (ONE, END_ARRAY, END, NAME, PART, BYTES, ("raw_segment", ""), ("raw_segment!", "1")):
            with pytest.raises(OutputError):
                call(emitter, step)
        with pytest.raises(OutputError, match="not complete"):
            emitter.close()


# --- depth, several documents, output ----------------------------------------------------------------------------


@pytest.mark.parametrize("start", [START, START_ARRAY])
def test_depth_is_limited(start: Call) -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, depth=2)
    emitter.start_array()
    emitter.start_array()
    with pytest.raises(OutputError, match="at most 2"):
        call(emitter, start)
    assert emitter.depth == 2
    emitter.end_array()
    emitter.end_array()
    emitter.close()
    assert blocks == [b"[[]]"]


def test_default_depth_limit_is_256() -> None:
    emitter = JsonEmitter(lambda _: None)
    for _ in range(256):
        emitter.start_array()
    with pytest.raises(OutputError):
        emitter.start_array()


def test_depth_counts_open_containers() -> None:
    emitter = JsonEmitter(lambda _: None)
    depths = []
    for step in (START, NAME, START_ARRAY, START, END, PART, LAST_PART, END_ARRAY, END):
        call(emitter, step)
        depths.append(emitter.depth)
    assert depths == [1, 1, 2, 3, 2, 2, 2, 1, 0]


SEVERAL: list[tuple[str, list[Call], str]] = [
    ("none", [], ""),
    ("one", [ONE], "1"),
    ("containers", [START, END, START_ARRAY, END_ARRAY, START, NAME, ONE, END], '{}\n[]\n{"a":1}'),
    ("scalars", [ONE, ("null",), ("string", "a")], '1\nnull\n"a"'),
    ("segments", [PART, LAST_PART, BYTES, LAST_BYTES], '"bc"\n"YmM="'),
    ("raw", [("raw", "[1]"), ("raw", "[2]")], "[1]\n[2]"),
    ("raw over several lines", [("raw", '{"a":\n[1,\r\n2]}\n'), ONE], '{"a": [1,  2]} \n1'),
    ("raw segments", [RAW_PART, LAST_RAW_PART, ("raw_segment!", "7")], '[2,"x"]\n7'),
]


@each(("steps", "expected"), cases(SEVERAL))
def test_several_documents_stand_on_lines_of_their_own(steps: list[Call], expected: str) -> None:
    assert write(steps, multiple=True) == expected


def test_several_documents_with_an_indent() -> None:
    steps = [*steps_of({"a": [1]}), *steps_of([2])]
    expected = json.dumps({"a": [1]}, indent=2) + "\n" + json.dumps([2], indent=2)
    assert write(steps, multiple=True, indent=2) == expected


def test_several_documents_must_be_complete() -> None:
    emitter = JsonEmitter(lambda _: None, multiple=True)
    emitter.null()
    emitter.start_array()
    with pytest.raises(OutputError, match="not complete"):
        emitter.close()


def test_output_is_passed_on_in_blocks_of_about_64_kib() -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append)
    emitter.start_array()
    for _ in range(50_000):
        emitter.string("0123456789")
    emitter.end_array()
    emitter.close()
    assert b"".join(blocks) == b"[" + b",".join([b'"0123456789"'] * 50_000) + b"]"
    assert all(64 * KIB <= len(block) < 64 * KIB + 16 for block in blocks[:-1])
    assert len(blocks) == 10


def test_nothing_is_passed_on_before_a_block_is_full() -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append)
    emitter.string_segment("a" * (64 * KIB - 2))
    assert blocks == []
    emitter.string_segment("a")
    assert [len(block) for block in blocks] == [64 * KIB]


def test_long_segments_are_not_buffered() -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append)
    data = bytes(96 * KIB)
    for _ in range(4):
        emitter.base64_segment(data)
        assert emitter.bytes_pending < 64 * KIB
    emitter.base64_segment(b"", final=True)
    emitter.close()
    assert b"".join(blocks) == b'"' + base64.b64encode(data * 4) + b'"'


def test_bytes_pending_and_committed() -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append)
    assert (emitter.bytes_pending, emitter.bytes_committed) == (0, 0)
    emitter.start_array()
    emitter.string("\xe9\u20ac\U0001f600")
    assert (emitter.bytes_pending, emitter.bytes_committed) == (12, 0)
    emitter.flush()
    assert (emitter.bytes_pending, emitter.bytes_committed) == (0, 12)
    emitter.null()
    assert (emitter.bytes_pending, emitter.bytes_committed) == (5, 12)
    emitter.end_array()
    emitter.close()
    assert (emitter.bytes_pending, emitter.bytes_committed) == (0, 18)
    assert blocks == ['["\xe9\u20ac\U0001f600"'.encode(), b",null]"]


def test_flush_is_allowed_anywhere() -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append)
    for step in (START, NAME, START_ARRAY, BYTES, LAST_BYTES, PART, LAST_PART, END_ARRAY, END):
        call(emitter, step)
        emitter.flush()
    emitter.close()
    assert blocks == [b"{", b'"a":', b"[", b'"', b'YmM="', b',"b', b'c"', b"]", b"}"]


def test_empty_flush_does_not_call_the_sink() -> None:
    blocks: list[bytes] = []
    emitter = JsonEmitter(blocks.append, multiple=True)
    emitter.flush()
    emitter.close()
    assert blocks == []


# --- a sink that fails -----------------------------------------------------------------------------------------


@each(
    "act",
    [
        lambda emitter: emitter.flush(),
        lambda emitter: emitter.string("x" * 100_000),
        lambda emitter: emitter.string_segment("x" * 100_000),
        lambda emitter: emitter.base64_segment(bytes(100_000)),
        lambda emitter: emitter.raw('"' + "x" * 100_000 + '"'),
    ],
    ids=["flush", "string", "string_segment", "base64_segment", "raw"],
)
def test_nothing_is_written_after_an_error_of_the_sink(act: Callable[[JsonEmitter], None]) -> None:
    def sink(block: bytes) -> None:
        if not blocks:
            blocks.append(b"")
            raise OSError("no space left")
        blocks.append(block)

    blocks: list[bytes] = []
    emitter = JsonEmitter(sink)
    emitter.start_array()
    with pytest.raises(OSError, match="no space left") as first:
        act(emitter)
    for attempt in (emitter.flush, lambda: act(emitter), emitter.flush, emitter.close):
        with pytest.raises(OutputError, match="stopped by OSError") as again:
            attempt()
        assert again.value.__cause__ is first.value
    assert blocks == [b""]
    assert (emitter.bytes_pending, emitter.bytes_committed) == (0, 0)
