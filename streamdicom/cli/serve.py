"""``streamdicom serve``: serve a folder as a DICOMweb origin server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.credentials import is_loopback
from streamdicom.cli.exit_codes import DONE, UsageError


def run(arguments: Arguments) -> int:
    """Run the command."""
    if not (is_loopback(arguments.host) or arguments.insecure or arguments.tls_client_ca or arguments.tokens):
        raise UsageError(
            f"everyone who reaches {arguments.host} could read the folder; use --tokens or --tls-client-ca, "
            "or --insecure"
        )
    if not arguments.tls_cert and (arguments.tls_key or arguments.tls_client_ca):
        raise UsageError("expected --tls-cert with --tls-key and --tls-client-ca")
    if not os.path.isdir(arguments.folder):
        raise NotADirectoryError(f"expected a folder: {os.fspath(arguments.folder)!r}")
    with _logging_access(arguments.access_log):
        from streamdicom.cli.serving import serve  # after the checks: it imports a server, which takes long

        serve(arguments)
    return DONE


@contextmanager
def _logging_access(path: str | None) -> Iterator[None]:
    """Write the log of requests to a file of its owner, or to standard error."""
    if path is None:
        yield
        return
    import logging  # which takes a while

    from streamdicom.cli.inputs import PIPE

    stream = sys.stderr if path == PIPE else open(path, "a", encoding="utf-8", opener=_private)  # noqa: SIM115 - closed below
    handler = logging.StreamHandler(stream)
    log = logging.getLogger("streamdicom.access")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        if stream is not sys.stderr:
            stream.close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
