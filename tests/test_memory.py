"""Memory does not grow with the input, whatever its shape."""

from __future__ import annotations

import gc
import io
import random
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain, count, cycle, islice, repeat

import pytest

import streamdicom
from streamdicom import EventParser, InputError
from streamdicom.jsontext import JsonReader

_MIB = 1024 * 1024
_LONG = 24 * _MIB  # of one value
_MANY = _MIB  # of many small things, each of which takes more than its text in memory
_MOST = 5 * _MIB
_MOST_REMEMBERED = 14 * _MIB  # what the grammar keeps of an input that never repeats itself
_CHUNK = 64 * 1024


def _chunks(start: bytes, body: Iterator[bytes], end: bytes = b"", length: int = _MANY) -> Iterator[bytes]:
    """A stream of chunks whose body is of a given length."""
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
    """Objects and arrays within one another in ever new ways."""
    source = random.Random(seed)
    while True:
        kinds = source.choices("[{", k=40)
        opened = "".join('{"a":' if kind == "{" else "[" for kind in kinds)
        closed = "".join("}" if kind == "{" else "]" for kind in reversed(kinds))
        yield f",{opened}1{closed}".encode()


def _spaces(seed: int) -> Iterator[bytes]:
    source = random.Random(seed)
    while True:
        yield ("".join(source.choices(" \n\t", k=20)) + ',"a"').encode()


_DATASET = (
    b'{"00100020":{"vr":"LO","Value":["1"]},"00081140":{"vr":"SQ","Value":[{"00280010":{"vr":"US","Value":[2]}}]}}'
)


def _drain(feed: Callable[[bytes], object], chunks: Iterator[bytes]) -> None:
    for chunk in chunks:
        feed(chunk)


def _peak(action: Callable[[], object]) -> int:
    # The more there is of other tests, the less often the garbage collector looks at all of it.
    gc.collect()
    gc.freeze()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()


_TOKENS: list[tuple[str, int, Callable[[], Iterator[bytes]]]] = [
    ("string", _MOST, lambda: _chunks(b'["', repeat(b"abcdefgh" * 100), b'"]', _LONG)),
    ("escapes", _MOST, lambda: _chunks(b'["', repeat(b"\\u00e9\\/\\\\" * 50), b'"]', _LONG)),
    ("blanks", _MOST, lambda: _chunks(b"[", repeat(b" " * 1000), b"]", _LONG)),
    ("numbers", _MOST, lambda: _chunks(b"[1", (f",{n}".encode() for n in range(10**9)), b"]")),
    ("white space", _MOST_REMEMBERED, lambda: _chunks(b'["a"', _spaces(1), b"]")),
    ("nesting", _MOST_REMEMBERED, lambda: _chunks(b"[1", _paths(1), b"]", _MIB // 2)),
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
    ("names", lambda: _chunks(b'{"00091001":{"vr":"PN","Value":[null', repeat(b',{"Alphabetic":"a"}'), b"]}}")),
    ("items", lambda: _chunks(b'{"00091001":{"vr":"SQ","Value":[{}', repeat(b",{}" * 100), b"]}}")),
    (
        "elements",
        lambda: _chunks(b'{"00000000":{"vr":"LO"}', (f',"{n:08X}":{{"vr":"LO"}}'.encode() for n in count(1)), b"}"),
    ),
    ("data sets", lambda: _chunks(b"[" + _DATASET, repeat(b"," + _DATASET), b"]")),
]


@pytest.mark.parametrize(("most", "chunks"), [case[1:] for case in _TOKENS], ids=[case[0] for case in _TOKENS])
def test_tokens_take_no_more_memory_for_a_longer_input(most: int, chunks: Callable[[], Iterator[bytes]]) -> None:
    reader = JsonReader()
    assert _peak(lambda: _drain(reader.feed, chunks())) < most
    reader.close()


@pytest.mark.parametrize("chunks", [case[1] for case in _EVENTS], ids=[case[0] for case in _EVENTS])
def test_events_take_no_more_memory_for_a_longer_input(chunks: Callable[[], Iterator[bytes]]) -> None:
    parser = EventParser()
    assert _peak(lambda: _drain(parser.feed, chunks())) < _MOST
    parser.close()


@pytest.mark.parametrize("text", [b'{"Value":[1', b'{"00091001":{"Value":["a"', b'{"00091001":{"Value":[{}'])
def test_what_cannot_be_delivered_is_not_held(text: bytes) -> None:
    parser = EventParser()

    def feed() -> None:
        with pytest.raises(InputError):
            _drain(parser.feed, _chunks(text, cycle([b",{}" if text.endswith(b"}") else b',"abc"']), b"]}}"))

    assert _peak(feed) < _MOST


def test_data_sets_take_no_more_memory_for_more_of_them() -> None:
    next(streamdicom.iter_datasets(_DATASET))  # pydicom is imported now
    chunks = _chunks(b"[" + _DATASET, islice(repeat(b"," + _DATASET), _MANY // len(_DATASET)), b"]")
    assert _peak(lambda: all(ds.PatientID for ds in streamdicom.iter_datasets(chunks))) < _MOST


def test_writing_takes_no_more_memory_for_more_data_sets() -> None:
    class Sink(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            return len(memoryview(data))  # type: ignore[arg-type]

    dataset = streamdicom.loads(_DATASET)
    datasets = chain.from_iterable(repeat([dataset], _MANY // len(_DATASET)))
    assert _peak(lambda: streamdicom.dump(datasets, Sink())) < _MOST  # type: ignore[arg-type]
