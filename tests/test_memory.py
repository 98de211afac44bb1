"""Memory does not grow with the input, for any shape of input."""

from __future__ import annotations

import gzip
import io
import random
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count, cycle, islice, repeat
from typing import BinaryIO, cast

import pytest

import streamdicom
from streamdicom import DeviationLog, Event, EventType, InputError, ReadOptions, WriteOptions
from streamdicom._push import drained
from streamdicom.formats.json import JsonParser, JsonWriter
from streamdicom.formats.part10.parser import Part10Parser
from streamdicom.formats.part10.writer import Part10Writer
from streamdicom.jsontext import JsonEmitter, JsonTokenizer
from tests.formats.part10.files import BIG_ENDIAN, DEFLATED_UID, EXPLICIT, IMPLICIT, JPEG_UID, UNDEFINED, parse, start
from tests.support.memory import peak

_MIB = 1024 * 1024
_LONG = 12 * _MIB  # of one value
_SHORT = _MIB  # of many small values, each larger in memory than as text
_MOST = 5 * _MIB
_MAX_CACHED = 10 * _MIB  # some thousands of distinct tags and their keys are cached
_CHUNK = 64 * 1024


def _chunks(start: bytes, body: Iterator[bytes], end: bytes = b"", length: int = _SHORT) -> Iterator[bytes]:
    """Yield chunks with a body of a given length."""
    held = bytearray(start)
    size = 0
    for part in body:
        held += part
        size += len(part)
        if len(held) >= _CHUNK:
            yield bytes(held[:_CHUNK])
            del held[:_CHUNK]
        if size >= length:
            break
    yield bytes(held) + end


def _paths(seed: int) -> Iterator[bytes]:
    """Yield objects and arrays nested in ever new ways."""
    source = random.Random(seed)
    while True:
        kinds = source.choices("[{", k=40)
        opened = "".join('{"a":' if kind == "{" else "[" for kind in kinds)
        closed = "".join("}" if kind == "{" else "]" for kind in reversed(kinds))
        yield f",{opened}1{closed}".encode()


def _spaces(seed: int, length: int = 20) -> Iterator[bytes]:
    source = random.Random(seed)
    while True:
        yield ("".join(source.choices(" \n\t", k=length)) + ',"a"').encode()


_DATASET = (
    b'{"00100020":{"vr":"LO","Value":["1"]},"00081140":{"vr":"SQ","Value":[{"00280010":{"vr":"US","Value":[2]}}]}}'
)


def _drain(feed: Callable[[bytes], object], chunks: Iterator[bytes]) -> None:
    for chunk in chunks:
        feed(chunk)


_TOKENS: list[tuple[str, Callable[[], Iterator[bytes]]]] = [
    ("string", lambda: _chunks(b'["', repeat(b"abcdefgh" * 100), b'"]', _LONG)),
    ("escapes", lambda: _chunks(b'["', repeat(b"\\u00e9\\/\\\\" * 50), b'"]', _LONG)),
    ("blanks", lambda: _chunks(b"[", repeat(b" " * 1000), b"]", _LONG)),
    ("numbers", lambda: _chunks(b"[1", (f",{n}".encode() for n in range(10**9)), b"]")),
    ("white space", lambda: _chunks(b'["a"', _spaces(1), b"]")),
    ("long white space", lambda: _chunks(b'["a"', _spaces(1, 255), b"]")),
    ("nesting", lambda: _chunks(b"[1", _paths(1), b"]", _MIB // 2)),
]
_DEPARTURES: list[tuple[str, Callable[[], Iterator[bytes]]]] = [
    ("a block comment", lambda: _chunks(b"[/*", repeat(b'comment " ** // ' * 60), b"*/]", _LONG)),
    ("a block comment of stars", lambda: _chunks(b"[/*", repeat(b"*" * 1000), b"*/]")),
    ("a line comment", lambda: _chunks(b"[//", repeat(b'comment " /* */ ' * 60), b"\n]", _LONG)),
    ("comments", lambda: _chunks(b"[1", repeat(b"// a\n/* b */"), b"]")),
    ("comments of a quotation mark", lambda: _chunks(b"[1", repeat(b'//"\n,2'), b"]")),
    ("comments and white space", lambda: _chunks(b'["a"', (b"/**/" + text for text in _spaces(2)), b"]")),
    ("trailing commas", lambda: _chunks(b"[1", repeat(b',[1,],{"a":1,}'), b"]")),
    ("bare NaN", lambda: _chunks(b"[1", repeat(b",NaN"), b"]", _SHORT // 4)),
]
_EVENTS: list[tuple[str, Callable[[], Iterator[bytes]]]] = [
    ("binary", lambda: _chunks(b'{"7FE00010":{"vr":"OB","InlineBinary":"', repeat(b"AAEC" * 100), b'"}}', _LONG)),
    (
        "binary, vr last",
        lambda: _chunks(b'{"7FE00010":{"InlineBinary":"', repeat(b"AAEC" * 99), b'","vr":"OB"}}', _LONG),
    ),
    ("text, vr last", lambda: _chunks(b'{"00091001":{"Value":["', repeat(b"text " * 100), b'"],"vr":"UT"}}', _LONG)),
    ("numbers", lambda: _chunks(b'{"00091001":{"vr":"FD","Value":[1', repeat(b",1.25" * 100), b"]}}")),
    ("strings", lambda: _chunks(b'{"00091001":{"vr":"UC","Value":["a"', repeat(b',"abcdef"' * 100), b"]}}")),
    (
        "strings, vr last",
        lambda: _chunks(b'{"00091001":{"Value":["a"', repeat(b',"abcdef"' * 100), b'],"vr":"UC"}}'),
    ),
    ("names", lambda: _chunks(b'{"00091001":{"vr":"PN","Value":[null', repeat(b',{"Alphabetic":"a"}'), b"]}}")),
    ("items", lambda: _chunks(b'{"00091001":{"vr":"SQ","Value":[{}', repeat(b",{}" * 100), b"]}}")),
    (
        "elements",
        lambda: _chunks(b'{"00000000":{"vr":"LO"}', (f',"{n:08X}":{{"vr":"LO"}}'.encode() for n in count(1)), b"}"),
    ),
    ("data sets", lambda: _chunks(b"[" + _DATASET, repeat(b"," + _DATASET), b"]")),
]


def _tags(seed: int) -> Iterator[int]:
    """Yield distinct tags in any order."""
    start = random.Random(seed).getrandbits(32)
    return ((start + n * 2_654_435_769) % 2**32 for n in count())


def _members(members: Iterable[str], length: int = _SHORT // 4) -> Callable[[], Iterator[bytes]]:
    return lambda: _chunks(b'{"00000000":{"vr":"LO"}', (f",{member}".encode() for member in members), b"}", length)


_LENIENT: list[tuple[str, Callable[[], Iterator[bytes]]]] = [
    ("tags in any order", _members((f'"{tag:08X}":{{"vr":"LO"}}' for tag in _tags(1)), _SHORT)),
    ("tags in any order and form", _members((f'"{tag:08x}":{{"vr":"LO"}}' for tag in _tags(2)), _SHORT // 2)),
    ("tags that come again", _members(repeat('"00100020":{"vr":"LO"},"00100010":{"vr":"PN"}'))),
    ("long unknown keys", _members((f'"{n:060000}":1' for n in count()), _LONG)),
    ("unknown keys", _members(f'"key{n}":{{"vr":"LO"}}' for n in count())),
    ("unknown members", _members(f'"{n:08X}":{{"vr":"LO","member{n}":[1,{{}}]}}' for n in count(1))),
    ("keywords", _members(repeat('"PatientID":{"vr":"LO"},"patientName":{"vr":"PN"},"StudyDate":{"vr":"DA"}'))),
    ("wrong values", _members(f'"{n:08X}":{{"vr":"US","Value":["many",[{n}],true]}}' for n in count(1))),
    (
        "wrong values of one element",
        lambda: _chunks(b'{"00091001":{"vr":"US","Value":[1', repeat(b',"many"'), b"]}}", _SHORT // 4),
    ),
    (
        "a wrong value",
        lambda: _chunks(b'{"00091001":{"vr":"US","Value":[[1', repeat(b',"many",{"a":2}' * 60), b"]]}}"),
    ),
    (
        "a long value_error",
        lambda: _chunks(b'{"00091001":{"vr":"US","Value":["', repeat(b"many " * 100), b'"]}}', _LONG),
    ),
    (
        "fragments",
        lambda: _chunks(
            b'{"7FE00010":{"vr":"OB","DataFragment":[null', repeat(b',{"InlineBinary":"' + b"AAAA" * 99 + b'"}'), b"]}}"
        ),
    ),
    (
        "a wrong fragment",
        lambda: _chunks(
            b'{"7FE00010":{"vr":"OB","DataFragment":[5', repeat(b',{"InlineBinary":"' + b"AAAA" * 99 + b'"}'), b"]}}"
        ),
    ),
    (
        "a wrong VR",
        lambda: _chunks(
            b'{"00091001":{"vr":5,"Value":[{}', repeat(b',{"00100020":{"vr":"LO","Value":["a"]}}' * 60), b"]}}"
        ),
    ),
    (
        "a wrong component group",
        lambda: _chunks(b'{"00091001":{"vr":"PN","Value":[{"Alphabetic":[0', repeat(b',"many",{"a":2}' * 60), b"]}]}}"),
    ),
    (
        "many wrong names",
        _members(f'"{n:08X}":{{"vr":"PN","Value":[{{"Phonetic":null}},{{"A":[{n}]}},5]}}' for n in count(1)),
    ),
    (
        "an array of URIs",
        lambda: _chunks(b'{"00091001":{"vr":"OB","BulkDataURI":["a"', repeat(b',"many"' * 60), b"]}}"),
    ),
    (
        "an array of base64",
        lambda: _chunks(b'{"00091001":{"vr":"OB","InlineBinary":["AAE="', repeat(b',"AAE="' * 60), b"]}}"),
    ),
    (
        "unknown keys before an array",
        lambda: _chunks(b'{"a":1', (f',"key{n}":[]'.encode() for n in count()), b"}", _SHORT // 4),
    ),
    (
        "wrong data sets",
        lambda: _chunks(b"[{}", repeat(b',{"00100020":{"value":5,"VR":"LO",},} // x\n'), b"]", _SHORT // 2),
    ),
]


@pytest.mark.parametrize("chunks", [case[1] for case in _TOKENS], ids=[case[0] for case in _TOKENS])
@pytest.mark.slow
def test_tokens_take_no_more_memory_for_a_longer_input(chunks: Callable[[], Iterator[bytes]]) -> None:
    reader = JsonTokenizer()
    assert peak(lambda: _drain(reader.feed, chunks())) < _MOST
    reader.close()


@pytest.mark.parametrize("chunks", [case[1] for case in _DEPARTURES], ids=[case[0] for case in _DEPARTURES])
@pytest.mark.slow
def test_departures_take_no_more_memory_for_a_longer_input(chunks: Callable[[], Iterator[bytes]]) -> None:
    reader = JsonTokenizer(lenient=True)
    assert peak(lambda: _drain(reader.feed, chunks())) < _MOST
    reader.close()


@pytest.mark.parametrize("chunks", [case[1] for case in _EVENTS], ids=[case[0] for case in _EVENTS])
@pytest.mark.slow
def test_events_take_no_more_memory_for_a_longer_input(chunks: Callable[[], Iterator[bytes]]) -> None:
    parser = JsonParser()
    assert peak(lambda: _drain(parser.feed, chunks())) < _MOST
    parser.close()


@pytest.mark.parametrize("chunks", [case[1] for case in _LENIENT], ids=[case[0] for case in _LENIENT])
@pytest.mark.slow
def test_deviations_take_no_more_memory_for_more_of_them(
    chunks: Callable[[], Iterator[bytes]], request: pytest.FixtureRequest
) -> None:
    log = DeviationLog(100)
    options = ReadOptions(on_error="keep", on_deviation=log)
    JsonParser().feed(b'{"PatientID":{"vr":"LO"}}')  # pydicom is imported now
    parser = JsonParser(options=options)
    made = chunks()
    is_long = "any order" in request.node.callspec.id
    assert peak(lambda: _drain(parser.feed, made)) < (_MAX_CACHED if is_long else _MOST)
    parser.close()
    assert log.counts


@pytest.mark.parametrize(
    "text", [b'{"00091001":{"Value":[1', b'{"00091001":{"Value":["a",1', b'{"00091001":{"Value":[{}']
)
@pytest.mark.slow
def test_undeliverable_value_is_not_held(text: bytes) -> None:
    parser = JsonParser()

    def feed() -> None:
        with pytest.raises(InputError):
            _drain(parser.feed, _chunks(text, cycle([b",{}" if text.endswith(b"}") else b',"abc"']), b"]}}"))

    assert peak(feed) < _MOST


@pytest.mark.parametrize(
    "unit",
    [
        [(EventType.START_ITEM, 0x00091001, "SQ", 0), (EventType.END_ITEM, 0x00091001, "SQ", None)],
        [
            (EventType.START_ITEM, 0x00091001, "SQ", 0),
            (EventType.START_SEQUENCE, 0x00091001, "SQ", None),
            (EventType.END_SEQUENCE, 0x00091001, "SQ", None),
            (EventType.END_ITEM, 0x00091001, "SQ", None),
        ],
    ],
    ids=["items", "sequences"],
)
@pytest.mark.slow
def test_writing_takes_no_more_memory_for_more_items(unit: list[Event]) -> None:
    events = chain(
        [(EventType.START_DATASET, 0, "", 0), (EventType.START_SEQUENCE, 0x00091001, "SQ", None)],
        chain.from_iterable(repeat(unit, 100_000)),
        [(EventType.END_SEQUENCE, 0x00091001, "SQ", None), (EventType.END_DATASET, 0, "", None)],
    )
    written = 0

    def write(data: bytes) -> None:
        nonlocal written
        written += len(data)

    json = JsonEmitter(write)
    writer = JsonWriter(json)
    assert peak(lambda: writer.write_all(events)) < _MIB
    writer.close()
    json.close()
    assert written > 300_000


@pytest.mark.slow
def test_data_sets_take_no_more_memory_for_more_of_them() -> None:
    next(streamdicom.iter_datasets(_DATASET))  # pydicom is imported now
    chunks = _chunks(b"[" + _DATASET, islice(repeat(b"," + _DATASET), _SHORT // len(_DATASET)), b"]")
    assert peak(lambda: all(ds.PatientID for ds in streamdicom.iter_datasets(chunks))) < _MOST


@pytest.mark.slow
def test_compressed_data_sets_take_no_more_memory_than_plain_ones() -> None:
    text = b"[" + b"{}," * 100_000 + b"{}]"
    compressed = gzip.compress(text)

    def read(data: bytes) -> None:
        assert sum(1 for _ in streamdicom.iter_datasets(data)) == 100_001

    next(streamdicom.iter_datasets(_DATASET))  # pydicom is imported now
    assert peak(lambda: read(compressed)) < peak(lambda: read(text)) + _MIB


@pytest.mark.slow
def test_writing_takes_no_more_memory_for_more_data_sets() -> None:
    class Sink(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return len(memoryview(data))  # type: ignore[arg-type]

    dataset = streamdicom.loads(_DATASET)
    datasets = chain.from_iterable(repeat([dataset], _SHORT // len(_DATASET)))
    assert peak(lambda: streamdicom.dump(datasets, Sink())) < _MOST  # type: ignore[arg-type]


# --- DICOM files -------------------------------------------------------------------------------------------------

_PIECE = bytes(64 * 1024)
_PIXELS = 0x7FE00010


def _pieces(start: bytes, body: Iterable[bytes], end: bytes = b"") -> Iterator[bytes]:
    yield start
    yield from body
    yield end


def _batches(parts: Iterable[bytes], length: int = _SHORT) -> Iterator[bytes]:
    return _chunks(b"", iter(parts), length=length)


def _deflated(content: Iterable[bytes]) -> Iterator[bytes]:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    for piece in content:
        yield deflater.compress(piece)
    yield deflater.flush()


_OPEN = EXPLICIT.header(0x00081140, "SQ", UNDEFINED)
_LONG_FILES: list[tuple[str, Callable[[], Iterator[bytes]]]] = [
    (
        "256 MiB of pixel data",
        lambda: _pieces(
            start(EXPLICIT.uid) + EXPLICIT.header(_PIXELS, "OW", 256 * _MIB), repeat(_PIECE, 256 * _MIB // len(_PIECE))
        ),
    ),
    (
        "256 MiB of pixel data in big endian",
        lambda: _pieces(
            start(BIG_ENDIAN.uid) + BIG_ENDIAN.header(_PIXELS, "OW", 256 * _MIB),
            repeat(_PIECE, 256 * _MIB // len(_PIECE)),
        ),
    ),
    (
        "a fragment of 256 MiB",
        lambda: _pieces(
            start(JPEG_UID)
            + EXPLICIT.header(_PIXELS, "OB", UNDEFINED)
            + EXPLICIT.item()
            + EXPLICIT.tag(0xFFFEE000)
            + EXPLICIT.pack("I", 256 * _MIB),
            repeat(_PIECE, 256 * _MIB // len(_PIECE)),
            EXPLICIT.end_sequence(),
        ),
    ),
    (
        "256 MiB of zeros that are deflated to 256 KiB",
        lambda: _pieces(
            start(DEFLATED_UID),
            _deflated(chain([EXPLICIT.header(_PIXELS, "OB", 256 * _MIB)], repeat(bytes(_MIB), 256))),
        ),
    ),
    (
        "a text of 24 MiB",
        lambda: _pieces(
            start(EXPLICIT.uid) + EXPLICIT.header(0x00091001, "UT", _LONG), repeat(b"text" * 16 * 1024, _LONG // 65_536)
        ),
    ),
    (
        "a value of 24 MiB among others",
        lambda: _pieces(
            start(EXPLICIT.uid) + EXPLICIT.header(0x00091001, "UC", _LONG) + b"a\\",
            repeat(b"text" * 16 * 1024, _LONG // 65_536 - 1),
            b"b" * 65_534,
        ),
    ),
]
_SHORT_FILES: list[tuple[str, Callable[[], Iterator[bytes]]]] = [
    (
        "fragments",
        lambda: _pieces(
            start(JPEG_UID) + EXPLICIT.header(_PIXELS, "OB", UNDEFINED),
            _batches(repeat(EXPLICIT.item(b"ab"))),
            EXPLICIT.end_sequence(),
        ),
    ),
    ("items", lambda: _pieces(start(EXPLICIT.uid) + _OPEN, _batches(repeat(EXPLICIT.item())), EXPLICIT.end_sequence())),
    (
        "items without a length",
        lambda: _pieces(start(EXPLICIT.uid) + _OPEN, _batches(repeat(EXPLICIT.open_item())), EXPLICIT.end_sequence()),
    ),
    (
        "values",
        lambda: _pieces(
            start(EXPLICIT.uid) + EXPLICIT.header(0x00091001, "UC", 2 * _MIB),
            repeat(b"a\\" * 32_768, 2 * _MIB // 65_536),
        ),
    ),
    (
        "numbers",
        lambda: _pieces(
            start(EXPLICIT.uid) + EXPLICIT.header(0x00091001, "SV", 2 * _MIB),
            repeat(b"\1" * 65_536, 2 * _MIB // 65_536),
        ),
    ),
    (
        "elements",
        lambda: _pieces(
            start(EXPLICIT.uid), _batches((EXPLICIT.element(0x00091000 + n * 3, "LO") for n in count()), _MIB // 4)
        ),
    ),
    (
        "elements in implicit VR",
        lambda: _pieces(
            start(IMPLICIT.uid), _batches((IMPLICIT.element(0x00081000 + n * 3, "") for n in count()), _MIB // 4)
        ),
    ),
    (
        "private creators",
        lambda: _pieces(
            start(IMPLICIT.uid),
            _batches(
                IMPLICIT.element(0x00090010 + (n % 0xF0), "", b"creator %9d" % n)
                + IMPLICIT.element(0x00091001, "", b"ab")
                for n in count()
            ),
        ),
    ),
    (
        "long private creators",
        lambda: _pieces(
            start(IMPLICIT.uid),
            _batches(
                (
                    IMPLICIT.element(0x00090010, "", b"%8d" % n + b"a" * 60_000)
                    + IMPLICIT.element(0x00091001, "", b"ab")
                    for n in count()
                ),
                _LONG,
            ),
        ),
    ),
    (
        "character sets in items",
        lambda: _pieces(
            start(EXPLICIT.uid) + _OPEN,
            _batches(EXPLICIT.item(EXPLICIT.element(0x00080005, "CS", b"name %9d" % n)) for n in count()),
            EXPLICIT.end_sequence(),
        ),
    ),
]


@pytest.mark.filterwarnings("ignore::UserWarning")  # of unknown names
@pytest.mark.parametrize(
    "pieces", [case[1] for case in _LONG_FILES + _SHORT_FILES], ids=[case[0] for case in _LONG_FILES + _SHORT_FILES]
)
@pytest.mark.slow
def test_events_of_a_file_take_no_more_memory_for_a_longer_file(
    pieces: Callable[[], Iterator[bytes]], request: pytest.FixtureRequest
) -> None:
    parse([start(IMPLICIT.uid) + IMPLICIT.element(0x00091001, "", b"ab")])  # pydicom is imported now
    made = pieces()
    parser = Part10Parser()

    def read() -> None:
        for piece in made:
            for _ in drained(parser, piece):
                pass
        parser.close()

    # Some thousands of distinct tags are cached.
    assert peak(read) < (_MAX_CACHED if "elements" in request.node.callspec.id else _MOST)


def _segments(tag: int, vr: str, value: str | bytes, number: int) -> Iterator[Event]:
    yield EventType.START_ELEMENT, tag, vr, None
    for _ in range(number):
        yield EventType.SEGMENT, tag, vr, value
    yield EventType.LAST_SEGMENT, tag, vr, value[:0]
    yield EventType.END_ELEMENT, tag, vr, None


def _fragments(number: int) -> Iterator[Event]:
    yield EventType.START_FRAGMENTS, _PIXELS, "OB", None
    for _ in range(number):
        yield EventType.START_FRAGMENT, _PIXELS, "OB", len(_PIECE)
        yield EventType.LAST_SEGMENT, _PIXELS, "OB", _PIECE
    yield EventType.END_FRAGMENTS, _PIXELS, "OB", None


def _items(number: int) -> Iterator[Event]:
    yield EventType.START_SEQUENCE, 0x00081140, "SQ", None
    for index in range(number):
        yield EventType.START_ITEM, 0x00081140, "SQ", index
        yield EventType.ELEMENT, 0x00100020, "LO", ("17",)
        yield EventType.END_ITEM, 0x00081140, "SQ", None
    yield EventType.END_SEQUENCE, 0x00081140, "SQ", None


_UTF_8_LATER = (EventType.ELEMENT, _PIXELS + 1, "LT", ("\u5c71",))
_STREAMS: list[tuple[str, Callable[[], Iterable[Event]]]] = [
    ("bytes", lambda: _segments(_PIXELS, "OW", _PIECE, 1024)),
    ("fragments", lambda: _fragments(1024)),
    ("text", lambda: _segments(0x00091001, "UT", "text" * 16 * 1024, 400)),
    ("text beyond ASCII", lambda: _segments(0x00091001, "UT", "\xe9\u5c71" * 8 * 1024, 400)),
    ("elements", lambda: ((EventType.ELEMENT, 0x00091001 + n, "LO", ("x" * 100,)) for n in range(50_000))),
    ("items", lambda: _items(50_000)),
    ("what is written twice", lambda: chain(_segments(_PIXELS, "OB", _PIECE, 400), [_UTF_8_LATER])),
]


@pytest.mark.parametrize("stream", [case[1] for case in _STREAMS], ids=[case[0] for case in _STREAMS])
@pytest.mark.slow
def test_writing_a_file_takes_no_more_memory_for_a_longer_one(stream: Callable[[], Iterable[Event]]) -> None:
    def temporary() -> BinaryIO:
        return cast(BinaryIO, tempfile.TemporaryFile())

    syntax = JPEG_UID if stream is _STREAMS[1][1] else None
    with temporary() as target:
        writer = Part10Writer(target, temporary, options=WriteOptions(transfer_syntax=syntax))

        def write() -> None:
            writer.write((EventType.START_DATASET, 0, "", 0))
            writer.write_all(stream())
            writer.write((EventType.END_DATASET, 0, "", None))
            writer.close()

        assert peak(write) < (_MAX_CACHED if stream is _STREAMS[4][1] else _MOST)
        assert target.tell() > _SHORT
