"""Access by tokens, or by a check of the application.

The server knows hashes of the tokens only. Tokens must be random, so a fast hash suffices: nobody can guess 256 bits,
however fast.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, Mapping
from hashlib import sha256
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

READ, WRITE = "read", "write"

Verify: TypeAlias = Callable[[Request], Awaitable[str | None]]
"""Returns the access of a request, ``read`` or ``write``, or None to refuse it with 401."""

_LINE = re.compile(rf"({READ}|{WRITE})\s+([0-9A-Fa-f]{{64}})(?:\s.*)?")


def parse_tokens(lines: Iterable[str]) -> dict[str, str]:
    """Parse lines such as ``read 9f86d0... a comment`` into the access of each hash.

    Args:
        lines: ``read`` or ``write``, the SHA-256 of a token in hexadecimal digits, and any comment. Empty lines and
            lines that start with ``#`` are ignored.

    Raises:
        ValueError: A line has another form.

    >>> parse_tokens(["# viewers", "read " + "0a" * 32]) == {"0a" * 32: "read"}
    True
    """
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"expected read or write and a SHA-256 in line {number} of the tokens")
        found[match[2].lower()] = match[1]
    return found


class Access:
    """Middleware that passes on the requests that have access.

    Args:
        app: The application.
        verify: Returns the access of a request.
    """

    def __init__(self, app: ASGIApp, verify: Verify) -> None:
        self._app = app
        self._verify = verify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 401 or 403 (ASGI)."""
        app = self._app
        if scope["type"] == "http":
            access = await self._verify(Request(scope))
            if access not in (READ, WRITE):
                app = _UNKNOWN
            elif access != WRITE and scope["method"] not in ("GET", "HEAD"):
                app = _READ_ONLY
        await app(scope, receive, send)


def by_token(tokens: Mapping[str, str]) -> Verify:
    """Return a check of tokens.

    The token of a request is a bearer token (RFC 6750), or the password of basic authentication (RFC 7617) with any
    name.

    Args:
        tokens: The access of each SHA-256 of a token.
    """
    known = dict(tokens)

    async def verify(request: Request) -> str | None:
        token = _token(request.headers.get("authorization", ""))
        return known.get(sha256(token).hexdigest()) if token else None

    return verify


_UNKNOWN = PlainTextResponse(
    "a token is required\n", 401, {"WWW-Authenticate": 'Bearer, Basic realm="DICOMweb", charset="UTF-8"'}
)
_READ_ONLY = PlainTextResponse("the token allows reading only\n", 403)


def _token(authorization: str) -> bytes:
    """Return the token in an Authorization header, or nothing."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1")
    if scheme.lower() != "basic":
        return b""
    try:
        return b64decode(value.strip(), validate=True).partition(b":")[2]
    except ValueError:
        return b""
