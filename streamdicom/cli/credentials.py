"""Tokens, certificates and addresses: who may connect to a command."""

from __future__ import annotations

import os

from streamdicom._typing import TYPE_CHECKING
from streamdicom.cli.exit_codes import UsageError

if TYPE_CHECKING:
    import ssl


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to an address.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    from ipaddress import ip_address  # which takes a while

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_tokens(path: str | None) -> dict[str, str] | None:
    """Return the access by the SHA-256 of each token of a file.

    Raises:
        UsageError: A line has another form.
    """
    if path is None:
        return None
    from streamdicom._tokens import parse_tokens

    try:
        with open(path, encoding="utf-8") as file:
            return parse_tokens(file.read().splitlines())
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None


def server_context(certificate: str | None, key: str | None, client_ca: str | None) -> ssl.SSLContext | None:
    """Return a server's side of TLS, or None without a certificate.

    Raises:
        UsageError: A file cannot be used.
    """
    if certificate is None:
        if key or client_ca:
            raise UsageError("expected --tls-cert with --tls-key and --tls-client-ca")
        return None
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
    _load(context, certificate, key, client_ca)
    return context


def client_context(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Return a client's side of TLS, which trusts a CA, or the CAs of the system.

    Raises:
        UsageError: A file cannot be used.
    """
    if key and not certificate:
        raise UsageError("expected --tls-cert with --tls-key")
    import ssl

    context = ssl.create_default_context() if ca is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load(context, certificate, key, ca)
    return context


def _load(context: ssl.SSLContext, certificate: str | None, key: str | None, ca: str | None) -> None:
    import ssl

    try:
        if certificate:
            context.load_cert_chain(certificate, key)
        if ca:
            context.load_verify_locations(ca)
    except ssl.SSLError as error:
        reason = error.reason or "no certificate is found"
        raise UsageError(f"the certificate, its key or the CAs cannot be used: {reason}") from None
    except OSError as error:  # which does not name the file
        unread = [f"{path}: " for path in (certificate, key, ca) if path and not os.access(path, os.R_OK)][:1]
        reason = "".join(unread) + (error.strerror or "")
        raise UsageError(f"the certificate, its key or the CAs cannot be read: {reason}") from None
