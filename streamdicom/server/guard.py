"""Checks of requests before anything else: the host and the origin.

A page of another site can send requests to a server on the visitor's machine. With a name that leads to this machine
(DNS rebinding) the page could read the answers too, but then ``Host`` has that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names of this machine."""

ANY = "*"

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_DEFAULT_PORTS = re.compile(r"http://.*:80|https://.*:443")  # which browsers leave out
_HOST = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?", re.ASCII)


def check_origins(origins: Collection[str]) -> None:
    """Check that browsers can send each origin (RFC 6454 6.2), or that it is ``*``.

    Raises:
        ValueError: An origin has another form.

    >>> check_origins(["https://viewer.example:8443", "*"])
    >>> check_origins(["https://viewer.example/"])
    Traceback (most recent call last):
        ...
    ValueError: expected * or an origin as browsers send it, such as https://viewer.example, in lower case and \
without a path or the default port, found 'https://viewer.example/'
    """
    for origin in origins:
        if origin != ANY and (not _ORIGIN.fullmatch(origin) or _DEFAULT_PORTS.fullmatch(origin)):
            raise ValueError(
                "expected * or an origin as browsers send it, such as https://viewer.example, in lower case and "
                f"without a path or the default port, found {origin!r}"
            )


class Guard:
    """Middleware that refuses unknown hosts, and stores from pages of other sites.

    Args:
        app: The application.
        hosts: Names by which clients may address the server, besides ``LOOPBACK`` and the address of the connection;
            ``*`` for any.
        origins: Origins whose pages may store, besides the server's own; ``*`` for any.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset((*LOOPBACK, *(host.lower() for host in hosts)))
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 421 or 403 (ASGI)."""
        app = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if not self._is_known(headers.get("host", ""), (scope.get("server") or ("",))[0]):
                app = _HOST_REFUSED
            elif scope["method"] not in ("GET", "HEAD", "OPTIONS") and self._is_foreign(headers):
                app = _ORIGIN_REFUSED
        await app(scope, receive, send)

    def _is_known(self, host: str, address: str) -> bool:
        name = _name(host)
        return ANY in self._hosts or name in self._hosts or (bool(name) and name == address.lower())

    def _is_foreign(self, headers: Headers) -> bool:
        if ANY in self._origins:
            return False
        origin = headers.get("origin")
        if origin in self._origins:
            return False
        if headers.get("sec-fetch-site") == "cross-site":  # also where browsers omit the origin, or of another scheme
            return True
        # A proxy may end TLS, so the schemes may differ.
        return origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()


_HOST_REFUSED = PlainTextResponse("the server does not have this name; allow it with --allow-host NAME\n", 421)
_ORIGIN_REFUSED = PlainTextResponse("pages of this origin may not store; allow it with --cors ORIGIN\n", 403)


def _name(host: str) -> str:
    """Return the name in a Host header, without its port (RFC 3986 3.2)."""
    found = _HOST.fullmatch(host)
    return found[1].strip("[]").lower() if found else ""
