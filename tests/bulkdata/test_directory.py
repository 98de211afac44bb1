"""Stores in a directory, with hostile URIs, links and several processes."""

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
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.bulkdata import DirectoryStore, FsspecStore
from streamdicom.errors import BulkDataError, OutputError
from tests.bulkdata.common import HOSTILE_URIS, INFO, SECRET, content, files
from tests.support.each import each


def by_content(*values: bytes) -> set[str]:
    digests = [hashlib.sha256(value).hexdigest() for value in values]
    return {f"{digest[:2]}/{digest}" for digest in digests}


# --- names of entries -----------------------------------------------------------------------------------------


def test_equal_values_are_kept_once(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    uris = [store.put([b"a", b"b"], INFO), store.put([b"ab"], INFO._replace(instance_uid="7")), store.put([b"c"], INFO)]
    assert uris[0] == uris[1] != uris[2]
    assert files(tmp_path) == by_content(b"ab", b"c") == set(uris)


def test_entry_of_wrong_length_is_replaced(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    uri = store.put([b"abc"], INFO)
    (tmp_path / uri).write_bytes(b"")  # possible after a power failure
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


@each("uid", ["..", ".", "../..", "/etc", "a/b", "a\\b", "\0", "a" * 5000, "%2e", "é", "C:", " ", "\ud800"])
def test_uid_cannot_lead_out_of_the_root(tmp_path: Path, uid: str) -> None:
    store = DirectoryStore(tmp_path / "root", naming="uid")
    name = store.put([b"a"], INFO._replace(instance_uid=uid))
    assert content(store, name) == b"a"
    assert [path.name for path in tmp_path.iterdir()] == ["root"]
    assert files(tmp_path / "root") == {name}
    assert name.count("/") == 1


def test_unknown_naming_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="naming"):
        DirectoryStore(tmp_path, naming="md5")  # type: ignore[arg-type]


def test_link_in_place_of_a_directory_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    for number in range(256):
        (root / f"{number:02x}").symlink_to(outside)
    with pytest.raises(OutputError, match="link"):
        DirectoryStore(root).put([b"a"], INFO)
    assert files(tmp_path) == set()


# --- several processes, and a killed process -------------------------------------------------------------------


def _put_many(root: Path, naming: Any) -> None:
    store = DirectoryStore(root, naming=naming)
    for number in range(50):
        store.put([bytes([number]) * 1000] * 50, INFO._replace(instance_uid=str(number % 10)))


@pytest.mark.parametrize("naming", ["sha256", "uid"])
@pytest.mark.slow
def test_several_processes_store_at_once(tmp_path: Path, naming: str) -> None:
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
from streamdicom.bulkdata import BulkDataInfo, DirectoryStore
store = DirectoryStore(sys.argv[1])
for number in itertools.count():
    segments = itertools.repeat(str(number).encode().zfill(1000), 1000)
    print(store.put(segments, BulkDataInfo(0, "", 0, "OB")), flush=True)
"""


@pytest.mark.slow
def test_killed_process_leaves_no_partial_entry(tmp_path: Path) -> None:
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
from streamdicom.bulkdata import BulkDataInfo, DirectoryStore
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    DirectoryStore(sys.argv[1], naming=sys.argv[2]).put([bytes(1000)] * 1000, BulkDataInfo(0, "1", 0, "OB"))
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("naming", ["sha256", "uid"])
def test_full_disk_leaves_no_entry(tmp_path: Path, naming: str) -> None:
    command = [sys.executable, "-c", _FULL, str(tmp_path), naming]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.split() == [str(errno.EFBIG)]
    assert files(tmp_path) == set()


# --- hostile URIs and links --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the root of a store and a secret file next to it."""
    (tmp_path / "root" / "inner").mkdir(parents=True)
    (tmp_path / "root" / "entry").write_bytes(b"entry")
    (tmp_path / "root" / "inner" / "a b%").write_bytes(b"spaces")
    (tmp_path / "root" / ".hidden").write_bytes(SECRET)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "rootsecret").write_bytes(SECRET)
    return tmp_path


@each("uri", HOSTILE_URIS)
def test_unsafe_uri_is_refused(folder: Path, uri: str) -> None:
    uri = uri.replace("{place}", str(folder))
    for store in (DirectoryStore(folder / "root"), FsspecStore(LocalFileSystem(), str(folder / "root"))):
        with pytest.raises(BulkDataError) as caught:
            list(store.open(uri))
        assert len(uri) < 4 or uri not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["entry", "bulk/../entry", "bulk/%2e%2e/secret", "bulk/", "bulk//entry", "http://bulk/entry"]
)
def test_unsafe_path_after_a_prefix_is_refused(folder: Path, uri: str) -> None:
    store = DirectoryStore(folder / "root", uri_prefix="bulk/")
    assert content(store, "bulk/entry") == b"entry"
    with pytest.raises(BulkDataError):
        list(store.open(uri))


def test_entry_is_found_by_any_form_of_its_uri(folder: Path) -> None:
    (folder / "link").symlink_to(folder / "root")
    for root in (folder / "root", folder / "link"):
        store = DirectoryStore(root)
        assert content(store, "entry") == b"entry"
        assert content(store, "inner/a%20b%25") == b"spaces"
        for uri in (f"file://{root}/entry", f"file:{root}/entry", f"FILE://localhost{root}/entry"):
            assert content(store, uri) == b"entry"
        assert content(store, f"file://{quote(str(folder))}/root/inner/a%20b%25") == b"spaces"


def test_links_out_of_the_root_are_refused(folder: Path) -> None:
    root = folder / "root"
    (root / "file").symlink_to(folder / "secret")
    (root / "folder").symlink_to(folder)
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


def test_pipes_and_devices_are_not_opened(folder: Path) -> None:
    root = folder / "root"
    os.mkfifo(root / "pipe")
    (root / "null").symlink_to("/dev/null")
    started = time.monotonic()
    for uri in ("pipe", "null"):
        with pytest.raises(BulkDataError):
            list(DirectoryStore(root).open(uri))
    assert time.monotonic() - started < 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_not_an_entry(folder: Path) -> None:
    (folder / "root" / "entry").chmod(0)
    with pytest.raises(BulkDataError):
        list(DirectoryStore(folder / "root").open("entry"))


def test_directory_replaced_by_a_link_is_not_followed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link is made between following the links and opening the file."""
    root = folder / "root"
    (folder / "outer").mkdir()
    (folder / "outer" / "a b%").write_bytes(SECRET)
    real = os.path.realpath

    def realpath(path: Any) -> str:
        result = real(path)
        if result.endswith("a b%"):
            (root / "inner").rename(root / "moved")
            (root / "inner").symlink_to(folder / "outer")
        return result

    store = DirectoryStore(root)
    monkeypatch.setattr(os.path, "realpath", realpath)
    with pytest.raises(BulkDataError):
        list(store.open("inner/a%20b%25"))


@given(st.text(alphabet=st.sampled_from("./%2eEfFcC5\\:aé\0?# "), max_size=20))
def test_no_uri_leads_out_of_the_root(uri: str) -> None:
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
@pytest.mark.slow
def test_descriptors_are_closed(tmp_path: Path) -> None:
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
    assert descriptors() <= before  # other tests may have left some open


def test_repr_names_the_folder(tmp_path: Path) -> None:
    assert repr(DirectoryStore(tmp_path, uri_prefix="x/")) == f"DirectoryStore({str(tmp_path)!r}, uri_prefix='x/')"
