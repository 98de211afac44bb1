"""Stores on file systems of fsspec."""

from __future__ import annotations

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from streamdicom.bulkdata import FsspecStore
from streamdicom.errors import BulkDataError
from tests.bulkdata.common import HOSTILE_URIS, SECRET, content
from tests.support.each import each


@each("uri", [uri for uri in HOSTILE_URIS if "{place}" not in uri])
def test_unsafe_uri_is_refused(uri: str) -> None:
    system = MemoryFileSystem()
    for path in ("/top/root/entry", "/top/root/.hidden", "/top/secret", "/top/root/inner/x", "/etc/passwd"):
        system.pipe_file(path, SECRET)
    store = FsspecStore(system, "/top/root")
    assert content(store, "entry") == SECRET
    with pytest.raises(BulkDataError):
        list(store.open(uri))


def test_repr_names_the_place() -> None:
    assert repr(FsspecStore("memory://a", "b")) == "FsspecStore('memory:///a/b', uri_prefix='')"
    assert repr(FsspecStore(MemoryFileSystem(), "/a", uri_prefix="x/")) == "FsspecStore('memory:///a', uri_prefix='x/')"
