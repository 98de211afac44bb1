"""Stores on disk, and what hostile URIs and links make of them."""

from __future__ import annotations

import errno
import gc
import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.bulkdata.directory import DirectoryStore, FsspecStore
from streamdicom.bulkdata.store import BulkDataInfo, BulkDataStore
from streamdicom.errors import BulkDataError, OutputError

INFO = BulkDataInfo(17, "00081140[1].00091001", 0x00091001, "OB", "1.1", "1.2", "1.3")
SECRET = b"what nobody may read"


def content(store: BulkDataStore, uri: str) -> bytes:
    return b"".join(store.open(uri))


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def by_content(*values: bytes) -> set[str]:
    digests = [hashlib.sha256(value).hexdigest() for value in values]
    return {f"{digest[:2]}/{digest}" for digest in digests}


# --- putting and opening -----------------------------------------------------------------------------------------


def _memory(root: Path, **options: Any) -> FsspecStore:
    return FsspecStore(MemoryFileSystem(), f"/{root.name}-{os.urandom(4).hex()}", **options)


STORES: dict[str, Callable[..., BulkDataStore]] = {
    "directory": DirectoryStore,
    "directory by uid": lambda root, **options: DirectoryStore(root, naming="uid", **options),
    "fsspec memory": _memory,
    "fsspec local": lambda root, **options: FsspecStore(LocalFileSystem(), str(root), **options),
    "fsspec url": lambda root, **options: FsspecStore(f"file://{root}", "bulk", **options),
    "fsspec directory": lambda root, **options: FsspecStore(DirFileSystem(str(root), LocalFileSystem()), **options),
}


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., BulkDataStore]:
    return lambda **options: STORES[request.param](tmp_path, **options)


@pytest.mark.parametrize("prefix", ["", "bulk/", "https://host/studies/1/bulk/", "file:///mnt/"])
@pytest.mark.parametrize("segments", [[], [b""], [b"a"], [b"abc", b"", b"def"], [bytes(100_000)] * 3])
def test_what_was_put_comes_back(make: Callable[..., BulkDataStore], prefix: str, segments: list[bytes]) -> None:
    store = make(uri_prefix=prefix)
    uri = store.put(iter(segments), INFO)
    assert uri.startswith(prefix)
    assert uri.isascii()
    assert content(store, uri) == b"".join(segments)
    assert max(map(len, store.open(uri)), default=0) <= 64 * 1024


def test_a_value_may_be_put_while_another_one_comes(make: Callable[..., BulkDataStore]) -> None:
    store = make()

    def segments() -> Iterator[bytes]:
        yield b"outer"
        yield store.put([b"inner"], INFO._replace(fragment=0)).encode()

    outer = content(store, store.put(segments(), INFO))
    assert outer.startswith(b"outer")
    assert content(store, outer[5:].decode()) == b"inner"


def test_equal_values_are_kept_once(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    uris = [store.put([b"a", b"b"], INFO), store.put([b"ab"], INFO._replace(instance_uid="7")), store.put([b"c"], INFO)]
    assert uris[0] == uris[1] != uris[2]
    assert files(tmp_path) == by_content(b"ab", b"c") == set(uris)


def test_an_entry_of_another_length_is_put_again(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    uri = store.put([b"abc"], INFO)
    (tmp_path / uri).write_bytes(b"")  # as a crash of the machine may leave it
    assert store.put([b"abc"], INFO) == uri
    assert content(store, uri) == b"abc"


@pytest.mark.parametrize("links", [True, False])
def test_names_by_uid(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not links:

        def link(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "link", link)
    store = DirectoryStore(tmp_path, naming="uid")
    path = "1.3/00081140-1.00091001"
    assert store.put([b"a"], INFO) == path
    assert store.put([b"a"], INFO) == path
    other = f"{path}-{hashlib.sha256(b'b').hexdigest()}"
    assert [store.put([b"b"], INFO), store.put([b"b"], INFO)] == [other, other]
    assert store.put([b"a"], INFO._replace(fragment=3)) == f"{path}-fragment-3"
    assert store.put([b"a"], INFO._replace(instance_uid="")) == "dataset-17/00081140-1.00091001"
    assert (content(store, path), content(store, other)) == (b"a", b"b")
    assert not any(name.startswith(".") for name in files(tmp_path))


@pytest.mark.parametrize(
    "uid", ["..", ".", "../..", "/etc", "a/b", "a\\b", "\0", "a" * 5000, "%2e", "é", "C:", " ", "\ud800"]
)
def test_a_uid_makes_no_path(tmp_path: Path, uid: str) -> None:
    store = DirectoryStore(tmp_path / "root", naming="uid")
    name = store.put([b"a"], INFO._replace(instance_uid=uid))
    assert content(store, name) == b"a"
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert files(tmp_path / "root") == {name}
    assert name.count("/") == 1


@given(st.text(), st.text())
def test_no_uid_and_no_path_make_a_path(uid: str, path: str) -> None:
    from streamdicom.bulkdata.directory import _name_by_uid

    for name in _name_by_uid(INFO._replace(instance_uid=uid or "1", tag_path=path)).split("/"):
        assert name
        assert len(name) <= 200
        assert not name.startswith(".")
        assert all(character.isascii() and (character.isalnum() or character in "._-") for character in name)


def test_an_unknown_way_of_naming_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="naming"):
        DirectoryStore(tmp_path, naming="md5")  # type: ignore[arg-type]


def test_an_error_on_the_way_leaves_nothing(make: Callable[..., BulkDataStore], tmp_path: Path) -> None:
    def segments() -> Iterator[bytes]:
        yield b"a"
        raise OutputError("no more")

    store = make()
    with pytest.raises(OutputError, match="no more"):
        store.put(segments(), INFO)
    assert files(tmp_path) == set()
    if isinstance(store, FsspecStore) and not store._local:
        assert MemoryFileSystem().find(store._root) == []


def test_a_link_in_place_of_a_directory_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    for number in range(256):
        (root / f"{number:02x}").symlink_to(outside)
    with pytest.raises(OutputError, match="link"):
        DirectoryStore(root).put([b"a"], INFO)
    assert files(tmp_path) == set()


# --- several processes, and one that is killed -------------------------------------------------------------------


def _put_many(root: Path, naming: Any) -> None:
    store = DirectoryStore(root, naming=naming)
    for number in range(50):
        store.put([bytes([number]) * 1000] * 50, INFO._replace(instance_uid=str(number % 10)))


@pytest.mark.parametrize("naming", ["sha256", "uid"])
def test_several_processes_put_at_once(tmp_path: Path, naming: str) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_put_many, args=(tmp_path, naming)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    held = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert {(len(data), len(set(data))) for data in held} == {(50_000, 1)}
    assert len({data[0] for data in held}) == 50
    assert naming == "uid" or len(held) == 50


_ENDLESS = """
import itertools, sys
from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.bulkdata.directory import DirectoryStore
store = DirectoryStore(sys.argv[1])
for number in itertools.count():
    segments = itertools.repeat(str(number).encode().zfill(1000), 1000)
    print(store.put(segments, BulkDataInfo(0, "", 0, "OB")), flush=True)
"""


def test_a_kill_leaves_no_half_entry(tmp_path: Path) -> None:
    for delay in (0, 0.001, 0.003, 0.007):
        process = subprocess.Popen([sys.executable, "-c", _ENDLESS, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    names = {name for name in files(tmp_path) if not name.startswith(".")}
    assert len(names) > 1
    for name in names:
        data = (tmp_path / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == name[3:]


_FULL = """
import resource, sys
from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.bulkdata.directory import DirectoryStore
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    DirectoryStore(sys.argv[1], naming=sys.argv[2]).put([bytes(1000)] * 1000, BulkDataInfo(0, "1", 0, "OB"))
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("naming", ["sha256", "uid"])
def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, naming: str) -> None:
    command = [sys.executable, "-c", _FULL, str(tmp_path), naming]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.split() == [str(errno.EFBIG)]
    assert files(tmp_path) == set()


# --- hostile URIs and links --------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a root in it, and a secret beside the root."""
    (tmp_path / "root" / "inner").mkdir(parents=True)
    (tmp_path / "root" / "entry").write_bytes(b"entry")
    (tmp_path / "root" / "inner" / "a b%").write_bytes(b"spaces")
    (tmp_path / "root" / ".hidden").write_bytes(SECRET)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "rootsecret").write_bytes(SECRET)
    return tmp_path


URIS = [
    "",
    "/",
    ".",
    "..",
    "../secret",
    "inner/../entry",
    "inner/../../secret",
    "./entry",
    "/entry",
    "//entry",
    "//host/entry",
    "inner//entry",
    "inner/",
    "inner",
    "missing",
    "entry/missing",
    ".hidden",
    "%2e%2e/secret",
    "%2E%2E%2Fsecret",
    "..%2fsecret",
    "inner%2f..%2f..%2fsecret",
    "inner%5c..%5centry",
    "%252e%252e/secret",
    "%2e%2e%00/secret",
    "entry%00",
    "entry\0",
    "entry%ff",
    "..\\secret",
    "inner\\..\\..\\secret",
    "entry\n",
    "entry%0a",
    "entry?",
    "entry?x=1",
    "entry#fragments",
    "entry#",
    "a" * 300,
    "a/" * 3000 + "a",
    "http://localhost/entry",
    "https:entry",
    "HTTP://localhost/entry",
    "ftp://localhost/entry",
    "data:,entry",
    "C:/entry",
    "c:entry",
    "file:entry",
    "file:../secret",
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "file:///dev/zero",
    "file://{place}/secret",
    "file://{place}/rootsecret",
    "file://{place}/root",
    "file://{place}/root/",
    "file://{place}/root/../secret",
    "file://{place}/root/%2e%2e/secret",
    "file://{place}/root/entry?",
    "file://otherhost{place}/root/entry",
    "file:///",
    "file:",
    "file://",
    "/etc/passwd",
    "/dev/zero",
]


@pytest.mark.parametrize("uri", URIS)
def test_what_may_not_be_followed_is_refused(place: Path, uri: str) -> None:
    uri = uri.replace("{place}", str(place))
    for store in (DirectoryStore(place / "root"), FsspecStore(LocalFileSystem(), str(place / "root"))):
        with pytest.raises(BulkDataError) as caught:
            list(store.open(uri))
        assert len(uri) < 4 or uri not in str(caught.value)


@pytest.mark.parametrize("uri", [uri for uri in URIS if "{place}" not in uri])
def test_what_may_not_be_followed_is_refused_on_other_file_systems(uri: str) -> None:
    system = MemoryFileSystem()
    for path in ("/top/root/entry", "/top/root/.hidden", "/top/secret", "/top/root/inner/x", "/etc/passwd"):
        system.pipe_file(path, SECRET)
    store = FsspecStore(system, "/top/root")
    assert content(store, "entry") == SECRET
    with pytest.raises(BulkDataError):
        list(store.open(uri))


@pytest.mark.parametrize(
    "uri", ["entry", "bulk/../entry", "bulk/%2e%2e/secret", "bulk/", "bulk//entry", "http://bulk/entry"]
)
def test_behind_a_prefix_the_same_is_refused(place: Path, uri: str) -> None:
    store = DirectoryStore(place / "root", uri_prefix="bulk/")
    assert content(store, "bulk/entry") == b"entry"
    with pytest.raises(BulkDataError):
        list(store.open(uri))


def test_files_of_the_root_are_found_however_they_are_named(place: Path) -> None:
    (place / "link").symlink_to(place / "root")
    for root in (place / "root", place / "link"):
        store = DirectoryStore(root)
        assert content(store, "entry") == b"entry"
        assert content(store, "inner/a%20b%25") == b"spaces"
        for uri in (f"file://{root}/entry", f"file:{root}/entry", f"FILE://localhost{root}/entry"):
            assert content(store, uri) == b"entry"
        assert content(store, f"file://{quote(str(place))}/root/inner/a%20b%25") == b"spaces"


def test_links_out_of_the_root_are_refused(place: Path) -> None:
    root = place / "root"
    (root / "file").symlink_to(place / "secret")
    (root / "folder").symlink_to(place)
    (root / "relative").symlink_to("../secret")
    (root / "twice").symlink_to("file")
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    (root / "inside").symlink_to("inner/a b%")
    (root / "folder inside").symlink_to("inner")
    store = DirectoryStore(root)
    for uri in ("file", "folder/secret", "relative", "twice", "loop", "loop/entry", "gone", f"file://{root}/file"):
        with pytest.raises(BulkDataError):
            list(store.open(uri))
    assert content(store, "inside") == content(store, "folder%20inside/a%20b%25") == b"spaces"


def test_pipes_and_devices_are_not_opened(place: Path) -> None:
    root = place / "root"
    os.mkfifo(root / "pipe")
    (root / "null").symlink_to("/dev/null")
    started = time.monotonic()
    for uri in ("pipe", "null"):
        with pytest.raises(BulkDataError):
            list(DirectoryStore(root).open(uri))
    assert time.monotonic() - started < 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_leads_nowhere(place: Path) -> None:
    (place / "root" / "entry").chmod(0)
    with pytest.raises(BulkDataError):
        list(DirectoryStore(place / "root").open("entry"))


def test_a_directory_that_becomes_a_link_is_not_followed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between following the links and opening the file."""
    root = place / "root"
    (place / "outer").mkdir()
    (place / "outer" / "a b%").write_bytes(SECRET)
    real = os.path.realpath

    def realpath(path: Any) -> str:
        result = real(path)
        if result.endswith("a b%"):
            (root / "inner").rename(root / "moved")
            (root / "inner").symlink_to(place / "outer")
        return result

    store = DirectoryStore(root)
    monkeypatch.setattr(os.path, "realpath", realpath)
    with pytest.raises(BulkDataError):
        list(store.open("inner/a%20b%25"))


@given(st.text(alphabet=st.sampled_from("./%2eEfFcC5\\:aé\0?# "), max_size=20))
def test_no_uri_leads_out(uri: str) -> None:
    root = Path(__file__).parent / "conformance"
    store = DirectoryStore(root)
    try:
        names = store._path(uri)
    except BulkDataError:
        return
    assert Path(os.path.normpath(root.joinpath(*names))).is_relative_to(root)
    assert root.joinpath(*names) != root


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


_counts = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")


@_counts
def test_opening_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    uri = store.put([bytes(200_000)], INFO)
    before = descriptors()
    for _ in range(5):
        list(store.open(uri))
        segments = store.open(uri)
        next(segments)
        del segments
        with pytest.raises(BulkDataError):
            list(store.open("missing"))
    gc.collect()
    assert descriptors() == before
