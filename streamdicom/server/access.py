"""Access by tokens, or by a check of the application."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from streamdicom._tokens import READ, WRITE, access_of
from streamdicom._tokens import parse_tokens as parse_tokens

Verify: TypeAlias = Callable[[Request], Awaitable[str | None]]
"""Returns the access of a request, ``read`` or ``write``, or None to refuse it with 401."""


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
        return access_of(token, known)

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
