"""Behavior of all stores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from streamdicom.bulkdata import BulkDataStore, DirectoryStore, FsspecStore
from streamdicom.errors import OutputError
from tests.bulkdata.common import INFO, content, files
from tests.support.each import each


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


@each("prefix", ["", "bulk/", "https://host/studies/1/bulk/", "file:///mnt/"])
@each("segments", [[], [b""], [b"a"], [b"abc", b"", b"def"], [bytes(100_000)] * 3])
def test_stored_value_is_read_back(make: Callable[..., BulkDataStore], prefix: str, segments: list[bytes]) -> None:
    store = make(uri_prefix=prefix)
    uri = store.put(iter(segments), INFO)
    assert uri.startswith(prefix)
    assert uri.isascii()
    assert content(store, uri) == b"".join(segments)
    assert max(map(len, store.open(uri)), default=0) <= 64 * 1024


def test_value_can_be_stored_while_another_is_written(make: Callable[..., BulkDataStore]) -> None:
    store = make()

    def segments() -> Iterator[bytes]:
        yield b"outer"
        yield store.put([b"inner"], INFO._replace(fragment=0)).encode()

    outer = content(store, store.put(segments(), INFO))
    assert outer.startswith(b"outer")
    assert content(store, outer[5:].decode()) == b"inner"


def test_error_of_the_source_leaves_no_entry(make: Callable[..., BulkDataStore], tmp_path: Path) -> None:
    def segments() -> Iterator[bytes]:
        yield b"a"
        raise OutputError("no more")

    store = make()
    with pytest.raises(OutputError, match="no more"):
        store.put(segments(), INFO)
    assert files(tmp_path) == set()
    if isinstance(store, FsspecStore) and not store._local:
        assert MemoryFileSystem().find(store._root) == []
