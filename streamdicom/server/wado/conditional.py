"""Validators, conditional requests and byte ranges (RFC 9110 8.8, 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from hashlib import blake2b

from starlette.datastructures import Headers

from streamdicom.server.catalog import Entry

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_TAG = re.compile(r'(?:W/)?"[^"]*"')
_SECOND = 1_000_000_000  # nanoseconds


def validators(entry: Entry, *variant: str, is_exact: bool) -> dict[str, str]:
    """Return the ETag and Last-Modified of a response made from one instance.

    Args:
        entry: The place of the instance.
        variant: Everything else on which the response depends, such as its media type.
        is_exact: Whether equal tags mean equal bytes. Boundaries of parts and compression make them differ.
    """
    text = "\0".join((entry.instance, *map(str, (entry.mtime, entry.size, entry.offset, entry.length)), *variant))
    tag = f'"{blake2b(text.encode(), digest_size=12).hexdigest()}"'
    return {
        "ETag": tag if is_exact else f"W/{tag}",
        "Last-Modified": formatdate(entry.mtime // _SECOND, usegmt=True),
    }


def failed_precondition(request: Headers, response: Mapping[str, str]) -> int | None:
    """Return 412 or 304 if a precondition of GET fails, otherwise None.

    RFC 9110 13.2.2.

    Args:
        request: The header fields of the request.
        response: The validators of the current representation.

    >>> tags = {"ETag": 'W/"a"', "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT"}
    >>> failed_precondition(Headers({"if-none-match": '"b", "a"'}), tags)
    304
    >>> failed_precondition(Headers({"if-match": 'W/"a"'}), tags)  # a weak tag never matches
    412
    """
    modified = _seconds(response["Last-Modified"]) or 0
    tag = response["ETag"]
    wanted, since = _tags(request, "if-match"), _seconds(request.get("if-unmodified-since", ""))
    if wanted is not None:
        if "*" not in wanted and (tag not in wanted or tag.startswith("W/")):
            return 412
    elif since is not None and modified > since:
        return 412
    known, since = _tags(request, "if-none-match"), _seconds(request.get("if-modified-since", ""))
    if known is not None:
        is_known = "*" in known or tag.removeprefix("W/") in {text.removeprefix("W/") for text in known}
        return 304 if is_known else None
    return 304 if since is not None and modified <= since else None


def byte_range(request: Headers, response: Mapping[str, str], size: int) -> range | None:
    """Return the requested range of bytes, or None for all of them.

    The range is empty if no requested byte exists. Several ranges, and malformed ones, are ignored (RFC 9110 14.2).

    Args:
        request: The header fields of the request.
        response: The exact validators of the representation.
        size: The length of the representation in bytes.

    >>> byte_range(Headers({"range": "bytes=2-5"}), {}, 10), byte_range(Headers({"range": "bytes=-3"}), {}, 10)
    (range(2, 6), range(7, 10))
    """
    condition = request.get("if-range")
    found = _RANGE.fullmatch(request.get("range", "").replace(" ", ""))
    if found is None or not any(found.groups()) or condition not in (None, *response.values()):
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1 if last else size))


def _tags(request: Headers, name: str) -> set[str] | None:
    """Return the entity tags of a header field, or None without it (RFC 9110 8.8.3)."""
    fields = request.getlist(name)
    if not fields:
        return None
    return {"*"} if "*" in map(str.strip, fields) else set(_TAG.findall(",".join(fields)))


def _seconds(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
