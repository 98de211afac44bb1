"""Inputs: told by their content, in a fixed order, whatever links and other things there are."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import random
import shutil
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from streamdicom import InputError
from streamdicom.archive.sources import CONTAINERS, Kind, file_id, find, measure, members
from tests.archive.corpus import dataset, file_bytes, files

_DICOM = file_bytes(dataset(1))


def _found(*sources: Path, left_out: Path | None = None) -> list[tuple[str, Kind]]:
    out = [found for found in [left_out and file_id(left_out)] if found]
    return [(Path(item.path).name, Kind(item.kind)) for item in find(map(str, sources), out)]


def _put(path: Path, data: bytes = _DICOM) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# --- files and folders -----------------------------------------------------------------------------------------


def test_inputs_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/2", "b/10", "a.dcm", "c", "B"):
        _put(tmp_path / name)
    assert [name for name, _ in _found(tmp_path)] == ["B", "a.dcm", "10", "2", "c"]
    assert [name for name, _ in _found(tmp_path / "c", tmp_path / "b")] == ["c", "10", "2"]
    assert measure([str(tmp_path)]) == (5, 5 * len(_DICOM))


def test_what_a_file_is_shows_in_its_content(tmp_path: Path) -> None:
    _put(tmp_path / "a.txt")
    _put(tmp_path / "b.dcm", b"no DICOM" * 100)
    _put(tmp_path / "c", b"")
    _put(tmp_path / "d.zip", _zip())
    _put(tmp_path / "e", _tar())
    _put(tmp_path / "f", gzip.compress(b"x"))
    _put(tmp_path / "g", bytes(128) + b"DIC")
    kinds = [Kind.DICOM, Kind.OTHER, Kind.OTHER, Kind.ZIP, Kind.TAR, Kind.COMPRESSED, Kind.DICOM]
    assert [kind for _, kind in _found(tmp_path)] == kinds


def test_a_file_that_is_named_must_be_one(tmp_path: Path) -> None:
    other = _put(tmp_path / "a", b"no DICOM")
    assert _found(other) == [("a", Kind.FAULT)]
    assert _found(tmp_path) == [("a", Kind.OTHER)]


def test_circles_of_links_end(tmp_path: Path) -> None:
    for number in range(8):
        folder = tmp_path / str(number)
        folder.mkdir()
        _put(folder / "file.dcm")
        for other in range(8):
            (folder / f"link{other}").symlink_to(tmp_path / str(other))
    (tmp_path / "self").symlink_to(tmp_path)
    assert len(_found(tmp_path)) == 8


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    _put(tmp_path / "elsewhere" / "1.dcm")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").symlink_to(tmp_path / "elsewhere" / "1.dcm")
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    assert [name for name, _ in _found(folder)] == ["a", "1.dcm"]


def test_a_link_that_leads_nowhere_or_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "none")
    (tmp_path / "b").symlink_to(tmp_path / "b")
    assert [(Path(item.path).name, item.fault) for item in find([str(tmp_path)])] == [
        ("a", "No such file or directory"),
        ("b", "Too many levels of symbolic links"),
    ]


def test_pipes_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "null").symlink_to("/dev/zero")
    assert _found(tmp_path) == []
    assert _found(tmp_path / "fifo") == [("fifo", Kind.FAULT)]


def test_what_is_left_out_is_left_out_under_any_name(tmp_path: Path) -> None:
    path = _put(tmp_path / "a")
    (tmp_path / "b").symlink_to(path)
    (tmp_path / "c").hardlink_to(path)
    assert _found(tmp_path, left_out=path) == []
    assert _found(path, left_out=path) == []


def test_a_folder_within_another_comes_once(tmp_path: Path) -> None:
    _put(tmp_path / "a" / "1")
    assert _found(tmp_path, tmp_path / "a") == [("1", Kind.DICOM)]


def test_names_of_any_bytes_are_taken(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.dcm")).write_bytes(_DICOM)
    assert [kind for _, kind in _found(tmp_path)] == [Kind.DICOM]


def test_deep_folders_are_no_recursion(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(300):
        folder = folder / "d"
    _put(folder / "1")
    assert _found(tmp_path) == [("1", Kind.DICOM)]
    shutil.rmtree(tmp_path / "d")


# --- members ---------------------------------------------------------------------------------------------------


def _zip(*more: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a/", b"")
        for name, data in (("a/1.dcm", _DICOM), ("README", b"text"), *more):
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar(*more: tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in (("a/1.dcm", _DICOM), ("README", b"text"), *more):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


def _read(path: Path) -> list[tuple[str, bytes | str] | None]:
    [item] = find([str(path)])
    found: list[tuple[str, bytes | str] | None] = []
    for member in members(item.path, item.kind) if item.kind in CONTAINERS else ():
        found.append(member and (member.name, member.fault or b"".join(member.data)))
    return found


_TWO = ("b/2.dcm", file_bytes(dataset(2)))


@pytest.mark.parametrize(
    "data",
    [
        _zip(_TWO),
        _zip(_TWO, method=zipfile.ZIP_STORED),
        _tar(_TWO),
        _tar(_TWO, form=tarfile.GNU_FORMAT),
        gzip.compress(_tar(_TWO)),
        bz2.compress(_tar(_TWO)),
    ],
    ids=["deflated", "stored", "tar", "gnu", "gzip", "bzip2"],
)
def test_members_come_with_their_bytes(tmp_path: Path, data: bytes) -> None:
    assert _read(_put(tmp_path / "x", data)) == [("a/1.dcm", _DICOM), None, _TWO]


def test_a_file_that_is_compressed_is_read_too(tmp_path: Path) -> None:
    assert _read(_put(tmp_path / "1.dcm.gz", gzip.compress(_DICOM))) == [("", _DICOM)]
    assert _read(_put(tmp_path / "x.gz", gzip.compress(b"text"))) == [None]


def _extra_header(kind: bytes, size: int, data: bytes = b"") -> bytes:
    """What stands before the header of a member, such as its name if it is long."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, size
    return header.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize("name", ["n" * 5000, "n" * 1_000_000], ids=len)
def test_long_names_are_read(tmp_path: Path, name: str) -> None:
    assert _read(_put(tmp_path / "x", _tar((name, _DICOM))))[-1] == (name, _DICOM)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("before", [b"", _extra_header(tarfile.GNUTYPE_LONGLINK, 3, b"abc")], ids=["first", "second"])
def test_a_name_that_is_hostile_is_not_read(tmp_path: Path, kind: bytes, before: bytes) -> None:
    bomb = gzip.compress(before + _extra_header(kind, 10**9) + bytes(50_000_000), 1)
    path = _put(tmp_path / "bomb", bomb)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="name is too long"):
            _read(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_member_with_very_many_names_is_damaged(tmp_path: Path, kind: bytes) -> None:
    names = _extra_header(kind, 6, b"6 a=b\n") * 1000  # tarfile goes from each to the next by recursion
    with pytest.raises(InputError, match="the file is damaged"):
        _read(_put(tmp_path / "x", names + _tar()))


def test_many_members_take_no_memory(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(5000):
            archive.addfile(tarfile.TarInfo(f"{number}"))
    path = _put(tmp_path / "x", buffer.getvalue())
    tracemalloc.start()
    try:
        assert sum(1 for _ in members(str(path), Kind.TAR)) == 5000
        assert tracemalloc.get_traced_memory()[1] < 1_500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["tar", "gzip"])
def test_a_tar_file_that_is_cut_anywhere_is_an_error(tmp_path: Path, kind: str) -> None:
    data = _tar(_TWO).rstrip(b"\0") + bytes(1024 + 511)
    if kind == "gzip":
        data = gzip.compress(data)
    step = 1 if kind == "gzip" else 100
    for cut in range(512 if kind == "tar" else 20, len(data) - (1600 if kind == "tar" else 0), step):
        with pytest.raises(InputError):
            _read(_put(tmp_path / "x", data[:cut]))


def test_a_tar_file_whose_header_is_damaged_is_an_error_and_not_its_end(tmp_path: Path) -> None:
    data = bytearray(_tar(_TWO))
    data[data.index(b"b/2.dcm")] ^= 1
    with pytest.raises(InputError, match="header of a member is damaged"):
        _read(_put(tmp_path / "x", bytes(data)))


def test_a_tar_file_whose_further_header_is_damaged_is_an_error_and_not_its_end(tmp_path: Path) -> None:
    data = _extra_header(tarfile.XHDTYPE, 6, b"0 a=b\n") + _tar(_TWO)  # a record has no length of 0
    member = _tar()[:1024]  # tarfile takes no damage at the start for the end
    with pytest.raises(InputError, match="header of a member is damaged"):
        _read(_put(tmp_path / "x", member + data))


def test_a_zip_file_that_is_cut_is_an_error(tmp_path: Path) -> None:
    for cut in (10, 100, len(_zip()) - 1):
        with pytest.raises(InputError):
            _read(_put(tmp_path / "x", _zip()[:cut]))


def test_a_member_that_is_damaged_is_told_and_others_are_read(tmp_path: Path) -> None:
    data = bytearray(_zip(("bad.dcm", _DICOM + b"mark"), _TWO, method=zipfile.ZIP_STORED))
    data[data.index(b"mark")] ^= 1
    assert _read(_put(tmp_path / "x", bytes(data))) == [
        ("a/1.dcm", _DICOM),
        None,
        ("bad.dcm", "what the file is in is damaged"),
        _TWO,
    ]
    large = _DICOM + bytes(200_000) + b"mark"
    data = bytearray(_zip(("bad.dcm", large), _TWO, method=zipfile.ZIP_STORED))
    data[data.index(b"mark")] ^= 1
    with pytest.raises(InputError, match="what the file is in is damaged"):
        _read(_put(tmp_path / "x", bytes(data)))


@pytest.mark.parametrize("kind", ["zip", "tar", "gnu", "gzip"])
def test_damage_of_any_kind_is_an_input_error_or_nothing(tmp_path: Path, kind: str) -> None:
    whole = {
        "zip": _zip(_TWO),
        "tar": _tar(_TWO, ("n" * 300, b"x")),
        "gnu": _tar(_TWO, ("n" * 300, b"x"), form=tarfile.GNU_FORMAT),
        "gzip": gzip.compress(_tar(_TWO)),
    }[kind]
    source = random.Random(kind)
    told = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(source.randrange(1, 4)):
            place = source.randrange(6, len(data))
            data[place] = source.choice([0, 0xFF, data[place] ^ 1 << source.randrange(8), source.randrange(256)])
        try:
            _read(_put(tmp_path / "x", bytes(data)))
        except InputError:
            told += 1
    assert told > 20


def test_members_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    path = _put(tmp_path / "x", _zip(_TWO, method=zipfile.ZIP_LZMA))
    assert _read(path)[0] == ("a/1.dcm", "the member is compressed in another way than by deflate")
    data = bytearray(_zip())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.index(b"a/1.dcm", data.index(magic)) - (30 if magic[2] == 3 else 46)
        data[data.index(magic, start) + offset] |= 1
    assert ("a/1.dcm", "the member is encrypted") in _read(_put(tmp_path / "y", bytes(data)))


def test_a_whole_folder_of_files_is_as_many_inputs(tmp_path: Path) -> None:
    assert [item.kind for item in find([str(path) for path in files(tmp_path, 3)])] == [Kind.DICOM] * 3
