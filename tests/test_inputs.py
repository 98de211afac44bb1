"""Inputs: content, order, links, patterns and damaged containers."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import os
import random
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from streamdicom import InputError, LimitError, Limits, ReadOptions
from streamdicom.archive import iter_events
from streamdicom.archive.members import members
from streamdicom.inputs import (
    CONTAINERS,
    Input,
    Kind,
    check_place,
    file_id,
    find,
    glob_sorted,
    is_open_within,
    measure,
)
from tests.archive.corpus import dataset, file_bytes, files
from tests.support.each import each
from tests.support.memory import peak

_DICOM = file_bytes(dataset(1))
_UNREADABLE = "not DICOM JSON, Native DICOM XML or a DICOM file, nor a ZIP or tar file"


def _found(*sources: Path | str, excluded: Path | None = None) -> list[tuple[str, Kind]]:
    ids = [found for found in [excluded and file_id(excluded)] if found]
    return [(Path(item.path).name, Kind(item.kind)) for item in find(map(str, sources), ids)]


def _put(path: Path, data: bytes = _DICOM) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# --- files and folders -----------------------------------------------------------------------------------------


def test_inputs_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/2", "b/10", "a.dcm", "c", "B"):
        _put(tmp_path / name)
    assert [name for name, _ in _found(tmp_path)] == ["B", "a.dcm", "10", "2", "c"]
    assert [name for name, _ in _found(tmp_path / "c", tmp_path / "b")] == ["c", "10", "2"]
    assert measure([str(tmp_path)]) == (5, 5 * len(_DICOM))


def test_files_are_recognized_by_content(tmp_path: Path) -> None:
    _put(tmp_path / "a.txt")
    _put(tmp_path / "b", b"no DICOM" * 100)
    _put(tmp_path / "c", b"")
    _put(tmp_path / "d.zip", _zip())
    _put(tmp_path / "e", _tar())
    _put(tmp_path / "f", gzip.compress(b"x"))
    _put(tmp_path / "g", _DICOM[132:])  # without preamble
    kinds = [Kind.DICOM, Kind.OTHER, Kind.OTHER, Kind.ZIP, Kind.TAR, Kind.COMPRESSED, Kind.DICOM]
    assert [kind for _, kind in _found(tmp_path)] == kinds


@each(
    "text",
    [
        b'{"00100020": {"vr": "LO"}}',
        b' [ {"00100020": {}}',
        b'\xef\xbb\xbf[{"PatientID": "17"}]',
        b'[{"patientID"\n: {}}]',
        b'<?xml version="1.0"?>\n<NativeDicomModel xml:space="preserve">',
        '<?xml version="1.0" encoding="UTF-16"?><NativeDicomModel/>'.encode("utf-16"),
    ],
    ids=repr,
)
def test_text_in_a_folder_is_an_input_if_it_begins_like_a_data_set(tmp_path: Path, text: bytes) -> None:
    _put(tmp_path / "a", text)
    assert _found(tmp_path) == [("a", Kind.TEXT)]


@each("text", [b'{"name": "x"}', b"[1, 2]", b"{}", b"[]", b"<html>", b"// c\n{}", b" " * 600], ids=repr)
def test_other_text_is_passed_over_in_a_folder_and_read_if_named(tmp_path: Path, text: bytes) -> None:
    path = _put(tmp_path / "a", text)
    assert _found(tmp_path) == [("a", Kind.OTHER)]
    assert _found(path) == [("a", Kind.TEXT)]


@each(("data", "fault"), [(b"", "empty"), (b"\0" * 1000, "not DICOM JSON"), (b" \n", "empty")])
@each("name", ["a.dcm", "A.DCM", "a.dicom"])
def test_unreadable_file_named_dcm_is_a_fault(tmp_path: Path, data: bytes, fault: str, name: str) -> None:
    _put(tmp_path / name, data)
    [item] = find([str(tmp_path)])
    assert item.kind == Kind.FAULT
    assert fault in item.fault


def test_url_as_a_path_is_refused() -> None:
    for url in ("s3:/bucket/a", Path("https://host/a.dcm"), Path("file:///tmp/a"), Path("s3://bucket")):
        with pytest.raises(ValueError, match="bulk_dir must be a local path or text with a URL"):
            check_place("bulk_dir", url)
    for path in ("a/b", "C:\\a", "C:/a", "/a", "a:b", Path("a"), None, "memory://bucket/a"):
        check_place("bulk_dir", path)


# --- glob patterns ---------------------------------------------------------------------------------------------

_TREE = ("1.dcm", "2.dcm", "10.dcm", "README", ".hidden.dcm", "a/3.dcm", "a/b/4.dcm", "a/.c/5.dcm", "d.dcm/6.dcm")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in _TREE:
        _put(tmp_path / "in" / name, b"no DICOM" if name == "README" else _DICOM)
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.dcm", ["1.dcm", "10.dcm", "2.dcm", "6.dcm"]),
        ("[12].dcm", ["1.dcm", "2.dcm"]),
        ("?.dcm", ["1.dcm", "2.dcm", "6.dcm"]),
        ("*/?.dcm", ["3.dcm", "6.dcm"]),
        ("**/*.dcm", ["1.dcm", "10.dcm", "2.dcm", "3.dcm", "4.dcm", "6.dcm"]),
        ("**/b/*", ["4.dcm"]),
        ("a/**", ["5.dcm", "3.dcm", "4.dcm"]),
        ("a*", ["5.dcm", "3.dcm", "4.dcm"]),
        (".h*", [".hidden.dcm"]),
    ],
)
def test_pattern_finds_files_and_folders_in_order(tree: Path, pattern: str, names: list[str]) -> None:
    assert [name for name, kind in _found(f"{tree}/{pattern}") if kind == Kind.DICOM] == names


@pytest.mark.parametrize(
    "pattern", ["*", "*/*", "**/*.dcm", "**/b/*", "a/*", "[!a]*", "*/b/4.dcm", "nothing*", "1.dcm/*"]
)
def test_pattern_matches_as_glob_does(tree: Path, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    expected = list(glob.glob(pattern, root_dir=tree, recursive=True))  # noqa: PTH207 - the reference
    if "**" in pattern:
        expected = [path for path in expected if (tree / path).is_file()]
    assert sorted(glob_sorted(f"{tree}/{pattern}")) == sorted(f"{tree}/{path}" for path in expected)
    monkeypatch.chdir(tree)
    assert sorted(glob_sorted(pattern)) == sorted(expected)


def test_files_that_match_a_pattern_need_not_be_readable(tree: Path) -> None:
    assert ("README", Kind.OTHER) in _found(f"{tree}/*")


def test_pattern_without_a_match_is_an_error(tree: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file matches"):
        _found(f"{tree}/*.json")


def test_existing_name_is_not_a_pattern(tmp_path: Path) -> None:
    path = _put(tmp_path / "scan[1].dcm")
    _put(tmp_path / "scan1.dcm")
    assert _found(path) == [("scan[1].dcm", Kind.DICOM)]


def test_pattern_ends_in_circles_of_links(tree: Path) -> None:
    (tree / "a" / "up").symlink_to(tree)
    assert [name for name, _ in _found(f"{tree}/**/4.dcm")] == ["4.dcm"]


def test_named_file_must_be_readable(tmp_path: Path) -> None:
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


def test_broken_link_is_a_fault(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("has_proc", [True, False])
def test_open_file_is_within_a_folder_by_its_own_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_proc: bool
) -> None:
    if not has_proc:
        readlink = os.readlink
        monkeypatch.setattr(os, "readlink", lambda path: readlink("" if path.startswith("/proc/") else path))
    folder = tmp_path / "a"
    inside, outside, beside = _put(folder / "1"), _put(tmp_path / "2"), _put(tmp_path / "ab" / "3")
    (folder / "in").symlink_to(inside)
    (folder / "out").symlink_to(outside)
    (folder / "across").symlink_to(beside)

    def is_within(opened: Path, named: Path) -> bool:
        with opened.open("rb") as file:
            return is_open_within(file.fileno(), str(named), str(folder))

    assert [is_within(path, path) for path in (inside, folder / "in")] == [True, True]
    assert [is_within(path, path) for path in (outside, folder / "out", folder / "across")] == [False, False, False]
    assert not is_within(outside, inside)  # a link that has been replaced after it was opened


def test_excluded_file_is_excluded_under_any_name(tmp_path: Path) -> None:
    path = _put(tmp_path / "a")
    (tmp_path / "b").symlink_to(path)
    (tmp_path / "c").hardlink_to(path)
    assert _found(tmp_path, excluded=path) == []
    assert _found(path, excluded=path) == []


def test_folder_is_searched_once(tmp_path: Path) -> None:
    _put(tmp_path / "a" / "1")
    assert _found(tmp_path, tmp_path / "a") == [("1", Kind.DICOM)]


def test_names_of_any_bytes_are_accepted(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.dcm")).write_bytes(_DICOM)
    assert [kind for _, kind in _found(tmp_path)] == [Kind.DICOM]


@pytest.mark.slow
def test_deep_folders_do_not_recurse(tmp_path: Path) -> None:
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
    return _members(item) if item.kind in CONTAINERS else []


def _members(item: Input) -> list[tuple[str, bytes | str] | None]:
    """Return name and content or fault of each member, or None if it is passed over."""
    return [
        None if member.kind == Kind.OTHER else (member.name, member.fault or b"".join(member.data))
        for member in members(item, Limits())
    ]


_TWO = ("b/2.dcm", file_bytes(dataset(2)))


@each(
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
def test_members_are_read_with_their_bytes(tmp_path: Path, data: bytes) -> None:
    assert _read(_put(tmp_path / "x", data)) == [("a/1.dcm", _DICOM), None, _TWO]


def test_compressed_file_is_read(tmp_path: Path) -> None:
    assert _read(_put(tmp_path / "1.dcm.gz", gzip.compress(_DICOM))) == [("", _DICOM)]
    assert _read(_put(tmp_path / "x.gz", gzip.compress(b"text"))) == [("", _UNREADABLE)]


def _extra_header(kind: bytes, size: int, data: bytes = b"") -> bytes:
    """Return a header that precedes that of a member, such as one with a long name."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, size
    return header.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize("name", ["n" * 5000, "n" * 1_000_000], ids=len)
def test_long_names_are_read(tmp_path: Path, name: str) -> None:
    assert _read(_put(tmp_path / "x", _tar((name, _DICOM))))[-1] == (name, _DICOM)


@pytest.mark.memory
@pytest.mark.slow
@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("before", [b"", _extra_header(tarfile.GNUTYPE_LONGLINK, 3, b"abc")], ids=["first", "second"])
def test_hostile_name_is_not_read_into_memory(tmp_path: Path, kind: bytes, before: bytes) -> None:
    bomb = gzip.compress(before + _extra_header(kind, 10**9) + bytes(50_000_000), 1)
    path = _put(tmp_path / "bomb", bomb)

    def read() -> None:
        with pytest.raises(InputError, match="name of more than"):
            _read(path)

    assert peak(read) < 10_000_000


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_member_with_very_many_names_is_an_error(tmp_path: Path, kind: bytes) -> None:
    names = _extra_header(kind, 6, b"6 a=b\n") * 1000  # tarfile recurses from each to the next
    with pytest.raises(InputError, match="the file is damaged"):
        _read(_put(tmp_path / "x", names + _tar()))


def test_members_of_a_zip_file_must_not_overlap(tmp_path: Path) -> None:
    """Many entries for the same bytes would multiply them."""
    data = _zip()
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    count = 50
    size = (end - start) * count
    data = data[:start] + data[start:end] * count + data[end : end + 8]
    data += struct.pack("<HHIIH", 2 * count, 2 * count, size, start, 0)
    with pytest.raises(InputError, match="the members of the ZIP file overlap"):
        _read(_put(tmp_path / "x", data))


@pytest.mark.parametrize(
    "pack", [lambda file: _zip(("zeros", file)), lambda file: gzip.compress(_tar(("zeros", file)))]
)
@pytest.mark.slow
def test_expansion_of_a_member_is_bounded(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    length = 68 * 1024 * 1024
    zeros = _DICOM + b"\xe0\x7f\x10\0OB\0\0" + struct.pack("<I", length) + bytes(length)
    path = _put(tmp_path / "x", pack(zeros))
    limits = Limits(max_expansion_ratio=10)
    list(iter_events(path))
    with pytest.raises(LimitError, match="the file expands to more than 10 times its size"):
        list(iter_events(path, options=ReadOptions(limits=limits)))


@pytest.mark.memory
@pytest.mark.slow
def test_memory_does_not_grow_with_members(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number in range(5000):
            archive.addfile(tarfile.TarInfo(f"{number}"))
    path = _put(tmp_path / "x", buffer.getvalue())
    _count_members(path, 5000)  # exclude imports
    assert peak(lambda: _count_members(path, 5000)) < 1_500_000


def _count_members(path: Path, count: int) -> None:
    assert sum(1 for _ in members(next(find([str(path)])), Limits())) == count


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tar", "gzip"])
def test_truncated_tar_file_is_an_error(tmp_path: Path, kind: str) -> None:
    data = _tar(_TWO).rstrip(b"\0") + bytes(1024 + 511)
    if kind == "gzip":
        data = gzip.compress(data)
    step = 1 if kind == "gzip" else 100
    for cut in range(512 if kind == "tar" else 20, len(data) - (1600 if kind == "tar" else 0), step):
        with pytest.raises(InputError):
            _read(_put(tmp_path / "x", data[:cut]))


def test_damaged_tar_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    data = bytearray(_tar(_TWO))
    data[data.index(b"b/2.dcm")] ^= 1
    with pytest.raises(InputError, match="header of a member is damaged"):
        _read(_put(tmp_path / "x", bytes(data)))


def test_damaged_extended_tar_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    data = _extra_header(tarfile.XHDTYPE, 6, b"0 a=b\n") + _tar(_TWO)  # a record cannot have the length 0
    member = _tar()[:1024]  # tarfile reports damage at the start
    with pytest.raises(InputError, match="header of a member is damaged"):
        _read(_put(tmp_path / "x", member + data))


def test_truncated_zip_file_is_an_error(tmp_path: Path) -> None:
    for cut in (10, 100, len(_zip()) - 1):
        with pytest.raises(InputError):
            _read(_put(tmp_path / "x", _zip()[:cut]))


def test_damaged_member_is_a_fault_and_others_are_read(tmp_path: Path) -> None:
    data = bytearray(_zip(("bad.dcm", _DICOM + b"mark"), _TWO, method=zipfile.ZIP_STORED))
    data[data.index(b"mark")] ^= 1
    assert _read(_put(tmp_path / "x", bytes(data))) == [
        ("a/1.dcm", _DICOM),
        None,
        ("bad.dcm", "the file that contains this file is damaged"),
        _TWO,
    ]
    large = _DICOM + bytes(200_000) + b"mark"
    data = bytearray(_zip(("bad.dcm", large), _TWO, method=zipfile.ZIP_STORED))
    data[data.index(b"mark")] ^= 1
    with pytest.raises(InputError, match="the file that contains this file is damaged"):
        _read(_put(tmp_path / "x", bytes(data)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zip", "tar", "gnu", "gzip"])
def test_random_damage_is_an_input_error_or_nothing(tmp_path: Path, kind: str) -> None:
    whole = {
        "zip": _zip(_TWO),
        "tar": _tar(_TWO, ("n" * 300, b"x")),
        "gnu": _tar(_TWO, ("n" * 300, b"x"), form=tarfile.GNU_FORMAT),
        "gzip": gzip.compress(_tar(_TWO)),
    }[kind]
    source = random.Random(kind)
    faults = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(source.randrange(1, 4)):
            place = source.randrange(6, len(data))
            data[place] = source.choice([0, 0xFF, data[place] ^ 1 << source.randrange(8), source.randrange(256)])
        try:
            _read(_put(tmp_path / "x", bytes(data)))
        except InputError:
            faults += 1
    assert faults > 20


def test_unsupported_members_are_faults(tmp_path: Path) -> None:
    path = _put(tmp_path / "x", _zip(_TWO, method=zipfile.ZIP_LZMA))
    assert _read(path)[0] == ("a/1.dcm", "the member is compressed with another method than deflate")
    data = bytearray(_zip())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.index(b"a/1.dcm", data.index(magic)) - (30 if magic[2] == 3 else 46)
        data[data.index(magic, start) + offset] |= 1
    assert ("a/1.dcm", "the member is encrypted") in _read(_put(tmp_path / "y", bytes(data)))


def test_compressed_members_are_read(tmp_path: Path) -> None:
    data = _zip(("1.dcm.gz", gzip.compress(_DICOM)), ("x.gz", gzip.compress(b"text")), ("y.dcm.gz", gzip.compress(b"")))
    expected = [("1.dcm.gz", _DICOM), None, ("y.dcm.gz", "the file is empty")]
    assert _read(_put(tmp_path / "x", data))[2:] == expected


def test_json_and_xml_members_are_read(tmp_path: Path) -> None:
    json, xml = b'[{"00100020": {"vr": "LO"}}]', b"<NativeDicomModel/>"
    data = _tar(("a.json", json), ("package.json", b'{"name": 1}'), ("a.xml", xml), ("a.zip", _zip()))
    assert _read(_put(tmp_path / "x", data))[2:] == [("a.json", json), None, ("a.xml", xml), None]


def test_empty_member_named_dcm_is_a_fault(tmp_path: Path) -> None:
    assert _read(_put(tmp_path / "x", _zip(("b/2.dcm", b""))))[2:] == [("b/2.dcm", "the file is empty")]


def test_each_named_file_is_an_input(tmp_path: Path) -> None:
    assert [item.kind for item in find([str(path) for path in files(tmp_path, 3)])] == [Kind.DICOM] * 3
