"""Deflated data sets (PS3.5 A.5): bounded lists, bounded expansion, any cut."""

from __future__ import annotations

import gzip
import random
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest

import streamdicom
from streamdicom import Event, InputError, LimitError, Limits, ReadOptions
from streamdicom._push import drained
from streamdicom.archive import export_archive
from streamdicom.archive import iter_events as iter_archive_events
from streamdicom.formats.part10.parser import Part10Parser
from tests.formats.part10.files import DEFLATED_UID, EXPLICIT, dataset, element, start
from tests.support.each import each
from tests.support.memory import peak

_MIB = 1024 * 1024
_PIXELS = 0x7FE00010
_RATIO_100 = ReadOptions()
_ANY_RATIO = ReadOptions(limits=Limits(max_expansion_ratio=100_000))


@cache
def _deflated(content: bytes) -> bytes:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return start(DEFLATED_UID) + deflater.compress(content) + deflater.flush()


def _empty_items(size: int) -> bytes:
    return EXPLICIT.open_sequence(0x00081140, EXPLICIT.item() * (size // 8))


def _items(size: int) -> bytes:
    """Items that deflate to less than a fifth, and not to a hundredth."""
    numbers = random.Random(1)
    items = (EXPLICIT.item(EXPLICIT.number(0x00280010, "US", numbers.getrandbits(16))) for _ in range(size // 18))
    return EXPLICIT.open_sequence(0x00081140, *items)


def _read(
    data: bytes, size: int, options: ReadOptions, feed: Callable[[Part10Parser, bytes], Iterable[list[Event]]]
) -> tuple[list[Event], str]:
    """Return the events of a file that is cut into chunks, and the error."""
    parser = Part10Parser(options=options)
    events: list[Event] = []
    try:
        for index in range(0, len(data), size):
            for batch in feed(parser, data[index : index + size]):
                events += batch
        events += parser.close()
    except InputError as error:
        return events, str(error)
    return events, ""


def _fed_once(parser: Part10Parser, data: bytes) -> list[list[Event]]:
    return [parser.feed(data)]


@pytest.mark.parametrize("size", [1, 7, 1000, 16 * 1024, _MIB])
@pytest.mark.slow
def test_events_do_not_depend_on_cuts_and_on_draining(size: int) -> None:
    content = _items(200_000) + EXPLICIT.element(_PIXELS, "OB", bytes(100_000))
    data = _deflated(content)
    expected, error = _read(start(EXPLICIT.uid) + content, _MIB, _RATIO_100, drained)
    assert not error
    expected[1] = element(0x00020010, "UI", DEFLATED_UID)
    for feed in (drained, _fed_once):
        assert _read(data, size, _RATIO_100, feed) == (expected, "")


@pytest.mark.slow
def test_call_returns_a_bounded_number_of_events() -> None:
    data = _deflated(_empty_items(4 * _MIB))
    assert len(data) < 16 * 1024
    parser = Part10Parser(options=_ANY_RATIO)
    batches = list(drained(parser, data))
    assert sum(map(len, batches)) == _MIB + 4
    assert max(map(len, batches)) <= 16 * 1024 // 4 + 8
    assert not parser.has_more
    parser.close()


@pytest.mark.parametrize("new_parser", [Part10Parser, streamdicom.EventParser])
def test_error_says_that_results_were_not_taken(new_parser: Callable[..., streamdicom.EventParser]) -> None:
    data = start(DEFLATED_UID) + zlib.compress(_items(200_000), wbits=-zlib.MAX_WBITS)[:-10]
    options = ReadOptions(deviations={"truncated": "error"})
    for has_taken in (False, True):
        parser = new_parser(options=options)
        parser.feed(data)
        while has_taken and parser.has_more:
            parser.feed(b"")
        with pytest.raises(streamdicom.TruncatedError) as caught:
            parser.close()
        notes = getattr(caught.value, "__notes__", [])
        assert [note.split(";")[0] for note in notes] == ["results before this error are lost"] * (not has_taken)


def test_error_before_any_data_set_has_no_note() -> None:
    data = start(DEFLATED_UID) + zlib.compress(_items(200_000), wbits=-zlib.MAX_WBITS)[:-10]
    parser = streamdicom.DatasetParser(options=ReadOptions(deviations={"truncated": "error"}))
    assert parser.feed(data) == []
    with pytest.raises(streamdicom.TruncatedError) as caught:
        parser.close()
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.slow
def test_parser_after_an_error_has_no_more() -> None:
    parser = Part10Parser(options=_RATIO_100)
    for _ in range(2):
        with pytest.raises(LimitError):
            for _ in drained(parser, _deflated(_empty_items(4 * _MIB))):
                pass
            parser.feed(b"")
        assert not parser.has_more


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.slow
def test_expansion_ends_at_the_same_event_for_any_cut(size: int) -> None:
    data = _deflated(_empty_items(4 * _MIB))
    events, error = _read(data, size, _RATIO_100, drained)
    assert "expands to more than 100 times its size; Limits.max_expansion_ratio" in error
    assert 2 * _MIB < 4 * len(events) < 3 * _MIB
    assert (events, error) == _read(data, len(data), _RATIO_100, drained)


def test_long_values_may_expand_to_the_length_of_one_value() -> None:
    content = EXPLICIT.element(_PIXELS, "OB", bytes(8 * _MIB))
    data = _deflated(content)
    limits = Limits(value_length=7 * _MIB, max_expansion_ratio=20)
    assert _read(data, _MIB, _RATIO_100, drained)[1] == ""
    assert "max_expansion_ratio" in _read(data, _MIB, ReadOptions(limits=limits), drained)[1]


def test_small_data_set_may_expand_to_any_ratio() -> None:
    limits = Limits(max_expansion_ratio=1)
    assert _read(_deflated(_empty_items(_MIB)), 1000, ReadOptions(limits=limits), drained)[1] == ""


@each("size", [1, 100, _MIB])
def test_events_before_damage_are_delivered(size: int) -> None:
    content = b"".join(EXPLICIT.number(0x00091000 + number, "US", number) for number in range(200))
    data = bytearray(_deflated(content + random.Random(1).randbytes(4000)))
    data[-3000:-2980] = bytes(20)
    events, error = _read(bytes(data), size, ReadOptions(on_error="raise", on_deviation=lambda _: None), drained)
    assert error
    assert events[:202] == dataset(DEFLATED_UID, *(element(0x00091000 + n, "US", n) for n in range(200)))[:202]


def test_bytes_after_the_deflated_data_are_ignored() -> None:
    content = EXPLICIT.element(0x00100020, "LO", b"17")
    for size in (1, _MIB):
        events, error = _read(_deflated(content) + b"padding", size, _RATIO_100, drained)
        assert (events, error) == (dataset(DEFLATED_UID, element(0x00100020, "LO", "17")), "")


# --- deflated data sets within compressed streams ----------------------------------------------------------------


@cache
def _bomb() -> bytes:
    """Return a file that gzip makes much shorter, and that inflates to 32 MiB."""
    return _deflated(_empty_items(32 * _MIB) + random.Random(1).randbytes(100))


def _in_gzip(folder: Path) -> Path:
    path = folder / "bomb.dcm.gz"
    path.write_bytes(gzip.compress(_bomb()))
    return path


def _in_zip(folder: Path) -> Path:
    path = folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.dcm", _bomb())
    return path


def _in_tar(folder: Path) -> Path:
    path = folder / "bomb.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        header = tarfile.TarInfo("bomb.dcm")
        header.size = len(_bomb())
        archive.addfile(header, BytesIO(_bomb()))
    return path


@pytest.mark.parametrize("pack", [_in_gzip, _in_zip, _in_tar])
@pytest.mark.slow
def test_outermost_stream_sets_the_bound_within_archives(tmp_path: Path, pack: Callable[[Path], Path]) -> None:
    path = pack(tmp_path)
    allowed = _MIB + 100 * 16 * 1024
    count = 0
    assert path.stat().st_size < 16 * 1024 < len(_bomb())
    with pytest.raises(LimitError, match="max_expansion_ratio"):
        for _ in iter_archive_events(path):
            count += 1
    assert count * 4 <= allowed + 64 * 1024
    report = export_archive(path, tmp_path / "out.json", on_error="skip")
    assert len(report.skipped) == 1


@pytest.mark.slow
def test_outermost_stream_sets_the_bound_of_a_compressed_file() -> None:
    count = 0
    with pytest.raises(LimitError, match="max_expansion_ratio"):
        for _ in streamdicom.iter_events(gzip.compress(_bomb())):
            count += 1
    assert count * 4 <= _MIB + 100 * 16 * 1024 + 64 * 1024


# --- memory ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [_items, _empty_items])
@pytest.mark.memory
@pytest.mark.slow
def test_converting_takes_no_more_memory_than_the_same_content_uninflated(
    tmp_path: Path, content: Callable[[int], bytes]
) -> None:
    plain, deflated = tmp_path / "plain.dcm", tmp_path / "deflated.dcm"
    plain.write_bytes(start(EXPLICIT.uid) + content(_MIB // 2))
    deflated.write_bytes(_deflated(content(_MIB // 2)))

    def convert(path: Path) -> None:
        events = streamdicom.iter_events(path, options=_ANY_RATIO)
        streamdicom.write_events(events, tmp_path / "out.json")

    convert(plain)  # exclude imports
    assert peak(lambda: convert(deflated)) < peak(lambda: convert(plain)) + 4 * _MIB
