"""Requests of the commands that use a DICOMweb server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from streamdicom._typing import Any
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.credentials import client_context
from streamdicom.cli.exit_codes import UsageError
from streamdicom.errors import StreamDicomError

try:
    from httpx2 import Client
except ModuleNotFoundError as missing:
    raise UsageError(f'{missing.name} is not installed; install "streamdicom[http]"') from None


def client_of(arguments: Arguments, on_response: Callable[[Any], None] | None = None) -> Client:
    """Return a client with the credentials and the time-out of the command line.

    Args:
        arguments: ``url``, ``headers``, ``token``, ``timeout``, and the files of TLS.
        on_response: Is called with each response.

    Raises:
        UsageError: A header field is not valid, or a file of TLS cannot be used.
    """
    has_files = any((arguments.tls_ca, arguments.tls_cert, arguments.tls_key))
    if has_files and not arguments.url.lower().startswith("https:"):
        raise UsageError("expected a URL that starts with https: for --tls-ca, --tls-cert and --tls-key")
    fields = [_header_field(header) for header in arguments.headers]
    token = arguments.token or os.environ.get("STREAMDICOM_TOKEN")
    if token is not None:
        fields.append(_header_field(f"Authorization: Bearer {token}"))
    hooks = {"response": [on_response]} if on_response else {}
    verify = client_context(arguments.tls_ca, arguments.tls_cert, arguments.tls_key) if has_files else True
    return Client(headers=fields, timeout=arguments.timeout, event_hooks=hooks, verify=verify)


@contextmanager
def naming_server(url: str) -> Iterator[None]:
    """Add the URL, without user name and password, to errors of the server."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    name = f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
    try:
        yield
    except StreamDicomError as error:
        error.filename = error.filename or name
        raise
    except OSError as error:
        if error.filename is None and error.errno is None:  # not an error of a file
            raise OSError(f"{name}: {error}") from error
        raise


def _header_field(text: str) -> tuple[str, str]:
    """Parse a header field of a request (RFC 9110 5.1, 5.5).

    >>> _header_field("Authorization: Bearer x")
    ('Authorization', 'Bearer x')
    """
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    is_token = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    if not colon or not is_token or not (value.isascii() and value.isprintable()):
        raise UsageError("expected a header field of the form NAME: VALUE, in printable ASCII")
    return name, value
