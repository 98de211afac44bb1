"""Sources: paths, files, bytes and iterables of bytes, and the refusal of others."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.filebase import DicomBytesIO

from streamdicom.errors import TruncatedError
from streamdicom.io.sources import Source, check_source, check_target, chunks, name_of, not_blank
from tests.support.each import each

_DATA = bytes(range(256)) * 1000


def _iterable() -> Iterator[bytes]:
    yield _DATA[:7]
    yield b""
    yield _DATA[7:]


@each(
    "source",
    [
        _DATA,
        bytearray(_DATA),
        memoryview(_DATA),
        io.BytesIO(_DATA),
        _iterable(),
        [memoryview(_DATA)],
        [bytearray(_DATA)],
    ],
    ids=["bytes", "bytearray", "memoryview", "file", "generator", "list-memoryview", "list-bytearray"],
)
def test_source_yields_its_bytes(source: Source) -> None:
    read = list(chunks(source))
    assert b"".join(read) == _DATA
    assert all(type(chunk) is bytes for chunk in read)


def test_path_yields_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(_DATA)
    assert b"".join(chunks(path)) == b"".join(chunks(str(path))) == _DATA


def test_file_is_read_from_its_position_and_stays_open() -> None:
    file = io.BytesIO(_DATA)
    file.seek(100)
    assert b"".join(chunks(file)) == _DATA[100:]
    assert not file.closed


def test_pipe_yields_available_bytes_without_waiting_for_more() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file, os.fdopen(writer, "wb", buffering=0) as sender:
        sender.write(b"first")
        assert next(chunks(file)) == b"first"


@each("source", [io.StringIO("{}"), ["{}"], 17, None])
def test_other_types_of_source_are_a_type_error(source: Source) -> None:
    with pytest.raises(TypeError):
        list(chunks(source))


def test_text_file_as_source_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="binary mode"):
        list(chunks(io.StringIO("{}")))  # type: ignore[arg-type]


def test_non_blocking_file_without_data_is_an_error() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb", buffering=0) as file, os.fdopen(writer, "wb"), pytest.raises(BlockingIOError):
        list(chunks(file))


@each("blank", [b"", b" \t\r\n", b"\xef\xbb\xbf\n", b" " * 10_000])
def test_white_space_alone_is_empty_input(blank: bytes) -> None:
    for pieces in ([blank], [blank[at : at + 1] for at in range(len(blank))]):
        with pytest.raises(TruncatedError, match="the input is empty") as caught:
            list(not_blank(pieces))
        assert caught.value.location.byte_offset == len(blank)
        assert list(not_blank([*pieces, b"{", b" "])) == [*pieces, b"{", b" "]


def test_pipe_in_dev_fd_is_a_source() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        file.write(_DATA[:100])
    assert b"".join(chunks(f"/dev/fd/{reader}")) == _DATA[:100]
    os.close(reader)


@each(
    "source",
    [io.StringIO("{}"), '{"a": 1}', "[", "\ufeff<a>", {}, 17, None, "a" * 5000, "a\n", "a\0"],
)
def test_invalid_source_is_found_before_it_is_read(source: object) -> None:
    with pytest.raises(TypeError) as caught:
        check_source(source)
    assert "a" * 10 not in str(caught.value)


@each("source", ["a.json", Path("{a}"), b"{}", io.BytesIO(), [b"{}"], iter(()), DicomBytesIO()])
def test_valid_source_passes(source: object) -> None:
    check_source(source)


def test_name_that_looks_like_text_is_valid_if_the_file_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "{a}.json"
    path.write_bytes(b"{}")
    monkeypatch.chdir(tmp_path)
    check_source("{a}.json")
    check_target("{a}.json")
    with pytest.raises(TypeError, match="expected a path"):
        check_target("{b}.json")


def test_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(FileNotFoundError):
        list(chunks(""))


def test_over_long_name_is_not_in_the_error() -> None:
    with pytest.raises(OSError, match="too long") as caught:
        list(chunks("a" * 3000))
    assert caught.value.errno == errno.ENAMETOOLONG
    assert "aaa" not in repr(caught.value)
    assert caught.value.__context__ is None


def test_names_of_sources(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"{}")
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        names = [name_of(source) for source in (path, str(path), file, raw)]
    assert names == [str(path)] * 4
    assert [name_of(source) for source in (b"", io.BytesIO(), [b""])] == [None] * 3


def test_missing_path_that_looks_like_text_is_not_quoted() -> None:
    with pytest.raises(OSError, match="No such file") as raised:
        list(chunks(Path('{"00100010":"Secret"}')))
    assert "Secret" not in str(raised.value)
