"""Values and URIs for the tests of stores."""

from __future__ import annotations

from pathlib import Path

from streamdicom.bulkdata import BulkDataInfo, BulkDataStore

INFO = BulkDataInfo(17, "00081140[1].00091001", 0x00091001, "OB", "1.1", "1.2", "1.3")
SECRET = b"a file outside of the root"


def content(store: BulkDataStore, uri: str) -> bytes:
    return b"".join(store.open(uri))


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


# ``{place}`` is the parent of the root.
HOSTILE_URIS = [
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
