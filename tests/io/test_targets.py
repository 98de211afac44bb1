"""Targets, and output files that are complete or absent."""

from __future__ import annotations

import errno
import gzip
import io
import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamdicom.errors import OutputError
from streamdicom.io.compression import decompress
from streamdicom.io.targets import Output, temporary
from tests.support.each import each

_DATA = bytes(range(256)) * 1000


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_output_file_gets_its_name_on_commit(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    output = Output(path)
    output.write(b"[")
    assert not path.exists()
    output.write(b"]")
    output.commit()
    assert path.read_bytes() == b"[]"
    assert _names(tmp_path) == ["out.json"]


@each("name", ["a" * 250, "\u00e9" * 120 + ".json", "a" + "\U0001f600" * 60, os.fsdecode(b"\xe9" * 250)])
def test_output_name_may_have_the_maximum_length(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with Output(path) as output:
        output.write(_DATA)
        output.commit()
    assert path.read_bytes() == _DATA
    assert list(tmp_path.iterdir()) == [path]


def test_discard_leaves_no_file_and_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_bytes(b"old")
    output = Output(path)
    output.write(b"new")
    output.discard()
    output.discard()
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["out.json"]


def test_new_file_has_the_default_mode_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    plain, old, new = tmp_path / "plain", tmp_path / "old", tmp_path / "new"
    plain.write_bytes(b"")
    old.write_bytes(b"")
    old.chmod(0o600)
    for path in (old, new):
        output = Output(path)
        output.commit()
    assert stat.S_IMODE(new.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    assert stat.S_IMODE(old.stat().st_mode) == 0o600


def test_symbolic_link_is_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"old")
    link.symlink_to(real)
    output = Output(link)
    output.write(b"new")
    output.commit()
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_named_pipe_is_written_in_place(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    thread.start()
    output = Output(fifo)
    output.write(b"[]")
    output.commit()
    thread.join(10)
    assert received == [b"[]"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_pipe_in_dev_fd_is_a_target(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file:
        with Output(f"/dev/fd/{writer}") as output:
            output.write(b"[]")
            output.commit()
        os.close(writer)
        assert file.read() == b"[]"


def test_error_names_the_path_of_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as missing:
        Output("none/out.json")
    assert missing.value.filename == "none/out.json"
    (tmp_path / "out.json").mkdir()
    with pytest.raises(IsADirectoryError) as folder:
        Output("out.json")
    assert folder.value.filename == "out.json"
    output = Output("late.json")
    (tmp_path / "late.json").mkdir()
    with output, pytest.raises(IsADirectoryError) as late:
        output.commit()
    assert late.value.filename == "late.json"
    assert _names(tmp_path) == ["late.json", "out.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full does not exist")
def test_error_of_a_full_disk_names_the_path() -> None:
    with Output("/dev/full") as output:
        output.write(b"[]")
        with pytest.raises(OSError, match="/dev/full") as full:
            output.commit()
    assert full.value.errno == errno.ENOSPC
    with Output("/dev/full") as output, pytest.raises(OSError, match="/dev/full"):
        output.write(bytes(1024 * 1024))


def test_error_of_a_file_size_limit_names_the_path(tmp_path: Path, short_files: None) -> None:
    path = tmp_path / "out.json"
    with Output(path) as output, pytest.raises(OSError, match=str(path)):
        for _ in range(10):
            output.write(_DATA)
    with Output(path) as output, output.random_access() as file, pytest.raises(OSError, match=str(path)):
        for _ in range(10):
            file.write(_DATA)
    assert _names(tmp_path) == []


@pytest.fixture
def short_files() -> Iterator[None]:
    """Limit the files of this process to 1 MiB, to imitate a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)


def test_file_of_the_caller_is_flushed_and_stays_open() -> None:
    raw = io.BytesIO()
    file = io.BufferedWriter(raw)
    output = Output(file)
    output.write(b"[]")
    output.commit()
    output.discard()
    assert raw.getvalue() == b"[]"
    assert not file.closed


class _ShortWrites(io.RawIOBase):
    """A raw file that writes at most three bytes a call."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.taken += bytes(data[:3])
        return min(3, len(data))


def test_short_writes_of_a_raw_file_are_continued() -> None:
    file = _ShortWrites()
    Output(file).write(b"12345678")  # type: ignore[arg-type]
    assert file.taken == b"12345678"


def test_non_blocking_raw_file_that_is_full_is_an_error() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb", buffering=0) as file:
        output = Output(file)  # type: ignore[arg-type]
        with pytest.raises(BlockingIOError):
            output.write(bytes(16 * 1024 * 1024))
        with pytest.raises(OutputError):
            output.write(b"]")


def test_write_that_returns_none_has_written_all() -> None:
    class Silent:
        def __init__(self) -> None:
            self.taken = b""

        def write(self, data: bytes) -> None:
            self.taken += data

    file = Silent()
    Output(file).write(b"12345678")  # type: ignore[arg-type]
    assert file.taken == b"12345678"


@each("target", [17, None, object()])
def test_other_types_of_target_are_a_type_error(target: object) -> None:
    with pytest.raises(TypeError):
        Output(target)  # type: ignore[arg-type]


def test_text_file_as_target_is_a_type_error(tmp_path: Path) -> None:
    with (tmp_path / "out.json").open("w") as file:
        for target in (file, io.StringIO()):
            with pytest.raises(TypeError, match="binary mode"):
                Output(target)  # type: ignore[arg-type]


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Output(tmp_path / "none" / "out.json")


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_output_is_compressed(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    with Output(path, compression) as output:
        for start in range(0, len(_DATA), 1000):
            output.write(_DATA[start : start + 1000])
        output.commit()
    assert path.stat().st_size < len(_DATA)
    assert b"".join(decompress([path.read_bytes()], compression)) == _DATA


def test_compressed_output_has_random_access_in_a_temporary_file() -> None:
    target = io.BytesIO()
    output = Output(target, "gzip")
    with output.random_access() as file:
        file.write(b"bc")
        file.seek(0)
        file.write(b"a")
    output.commit()
    assert gzip.decompress(target.getvalue()) == b"ac"


def test_discarded_compressed_output_leaves_no_file(tmp_path: Path) -> None:
    with Output(tmp_path / "out.gz", "gzip") as output:
        output.write(_DATA)
    assert _names(tmp_path) == []


def test_temporary_file_moves_to_the_disk_when_it_is_large() -> None:
    size = 3 << 20
    with temporary() as file:
        close = file.close
        file.write(b"abc")
        file.seek(1)
        with pytest.raises(OSError, match="fileno"):
            file.fileno()  # in memory
        file.writelines([b"x" * size, b"yz"])
        assert (file.tell(), file.fileno() >= 0) == (size + 3, True)
        file.seek(size - 1)
        file.truncate()
        file.write(b"end")
        file.seek(0)
        assert file.read() == b"a" + b"x" * (size - 2) + b"end"
        close()  # as of a finalizer that was made before
        assert file.closed
