"""Names and URIs of the entries of a store.

URIs are part of documents, so they may be hostile: every entry must be inside the root of the store.
"""

from __future__ import annotations

import os

from streamdicom._late import late_pattern
from streamdicom._typing import TYPE_CHECKING
from streamdicom.bulkdata.store import BulkDataInfo
from streamdicom.errors import BulkDataError

if TYPE_CHECKING:
    from _hashlib import HASH

SEGMENT_SIZE = 64 * 1024
"""Bytes in a segment that a store yields."""

_MAX_URI = 4096
_MAX_NAME = 128

_SCHEME = late_pattern(r"([A-Za-z][A-Za-z0-9+.-]*):")  # RFC 3986 3.1
_UNSAFE = late_pattern(r"[^0-9A-Za-z.-]+")
_NOT_IN_NAMES = set("/\\:" if os.name == "nt" else "/\\")


def sha256(data: bytes = b"") -> HASH:
    """Return a SHA-256 digest that can be updated."""
    from hashlib import sha256  # a tenth of the import time of this package

    return sha256(data)


# --- names -----------------------------------------------------------------------------------------------------


def name_by_content(digest: str) -> str:
    """Return the relative path of an entry that is named by its digest.

    >>> name_by_content("4e07")
    '4e/4e07'
    """
    return f"{digest[:2]}/{digest}"


def name_by_uid(info: BulkDataInfo) -> str:
    """Return the relative path of an entry that is named by UID and tag path.

    >>> name_by_uid(BulkDataInfo(0, "00081140[1].00091001", 0x00091001, "OB", instance_uid="1.2/.."))
    '1.2_/00081140-1.00091001'
    """
    instance = _sanitised(info.instance_uid) if info.instance_uid else f"dataset-{info.dataset_index}"
    tags = _sanitised(info.tag_path.replace("[", "-").replace("]", ""))
    return f"{instance}/{tags}" + ("" if info.fragment is None else f"-fragment-{info.fragment}")


def _sanitised(text: str) -> str:
    name = _UNSAFE.sub("_", text).strip(".") or "_"
    if len(name) > _MAX_NAME:
        return sha256(text.encode(errors="surrogatepass")).hexdigest()
    return name


# --- URIs ------------------------------------------------------------------------------------------------------


def relative_path(uri: str, prefix: str) -> str:
    """Return a URI without the prefix of the store.

    Raises:
        BulkDataError: The URI has another prefix, a scheme, a query or a fragment; or it is too long.

    >>> relative_path("bulk/1.2/7FE00010", "bulk/")
    '1.2/7FE00010'
    """
    if len(uri) > _MAX_URI:
        raise BulkDataError(f"expected a bulk data URI of at most {_MAX_URI} characters, found a longer one")
    if not uri.startswith(prefix):
        raise BulkDataError("expected a bulk data URI with the prefix of the store, found another")
    path = uri[len(prefix) :]
    if _SCHEME.match(path):
        raise BulkDataError("expected a path in the store, found a bulk data URI with a scheme")
    if "?" in path or "#" in path:
        raise BulkDataError("expected a path in the store, found a bulk data URI with a query or a fragment")
    return path


def split_path(path: str) -> list[str]:
    """Return the names in the path of a URI, percent-decoded once.

    Raises:
        BulkDataError: A name is empty, hidden, or not a single name after decoding.

    >>> split_path("inner/a%20b")
    ['inner', 'a b']
    """
    from urllib.parse import unquote  # a tenth of the import time of this package

    names = []
    for part in path.split("/"):
        try:
            name = unquote(part, errors="strict")
        except UnicodeDecodeError:
            raise BulkDataError("expected UTF-8 in the percent-encoding of a bulk data URI") from None
        # A leading dot means "..", or an entry that is not complete.
        if not name or name.startswith(".") or not name.isprintable() or set(name) & _NOT_IN_NAMES:
            raise BulkDataError("expected names of entries in a bulk data URI, found '..' or another unsafe name")
        names.append(name)
    return names
