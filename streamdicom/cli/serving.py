"""The DICOMweb origin server of ``streamdicom serve``."""

from __future__ import annotations

import logging
import ssl
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamdicom.cli.archive_report import progress_callback
from streamdicom.cli.arguments import values_of
from streamdicom.cli.commands import BOUNDS
from streamdicom.cli.credentials import read_tokens
from streamdicom.cli.exit_codes import UsageError
from streamdicom.cli.network import format_address, listener_at
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import console, counted

try:
    import uvicorn

    from streamdicom.server import Catalog, ServerLimits, server_app
    from streamdicom.server.connections import BoundedProtocol
except ModuleNotFoundError as missing:
    raise UsageError(f'{missing.name} is not installed; install "streamdicom[serve]"') from None

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

_DESCRIPTORS = 64  # that the process itself needs
_SHUTDOWN_TIMEOUT = 5  # seconds for responses that are being sent when the server stops
_MAX_NAMED = 10  # files that are not served


def serve(arguments: Namespace) -> None:
    """Serve the folder that the arguments name; see ``serve_folder``."""
    serve_folder(
        arguments.folder,
        arguments.host,
        arguments.port,
        {
            "root_path": arguments.root_path,
            "ssl_certfile": arguments.tls_cert,
            "ssl_keyfile": arguments.tls_key,
            "ssl_ca_certs": arguments.tls_client_ca,
            "ssl_cert_reqs": ssl.CERT_REQUIRED if arguments.tls_client_ca else ssl.CERT_NONE,
        },
        read_only=arguments.read_only,
        lenient_accept=arguments.lenient_accept,
        cors=arguments.cors,
        access=read_tokens(arguments.tokens),
        hosts=(arguments.host, *arguments.hosts),
        limits=_limits(ServerLimits(**values_of(arguments, BOUNDS))),
    )


def _limits(limits: ServerLimits) -> ServerLimits:
    """Raise the number of file descriptors; return limits that they suffice for."""
    if resource is None:
        return limits
    reserve = _DESCRIPTORS + 2 * limits.requests  # a file, and its place in the index
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.connections + reserve
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    connections = max(1, soft - reserve)
    console.note(f"--max-connections is {connections}, because the process may have {soft} file descriptors")
    return replace(limits, connections=connections)


def serve_folder(
    folder: Path, host: str, port: int, config: Mapping[str, Any], *, limits: ServerLimits, **options: Any
) -> None:
    """Serve a folder until the process is interrupted.

    Args:
        folder: A folder of DICOM files and files of DICOM JSON.
        host: The address to listen at.
        port: The port; 0 for a free one.
        config: Options of ``uvicorn.Config``.
        limits: Bounds on clients.
        options: Other options of ``server_app``.

    Raises:
        UsageError: The address is not available.
        OSError: The folder does not exist.
    """
    listener = listener_at(host, port)  # before the folder is indexed, which can take a while
    with listener, Catalog(folder) as catalog:
        _build(catalog)
        scheme = "https" if config.get("ssl_certfile") else "http"
        settings = uvicorn.Config(
            server_app(catalog, limits=limits, **options),
            http=BoundedProtocol.within(limits),
            access_log=False,
            log_level=logging.WARNING,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
            **config,
        )
        try:
            settings.load()
        except ssl.SSLError as error:
            reason = error.reason or "no certificate is found"
            raise UsageError(f"the certificate, its key or the CAs cannot be used: {reason}") from None
        print(f"{scheme}://{format_address((host, listener.getsockname()[1]))}", flush=True)
        uvicorn.Server(settings).run([listener])


def _build(catalog: Catalog) -> None:
    """Index the folder, and print the files that are not served."""
    if catalog.put_aside:
        console.note(f"the index is rebuilt: {catalog.put_aside}")
    with ProgressLine("Indexing") as line:
        catalog.refresh(progress_callback(line, "Indexing", "files"))
    more = 0
    for number, skipped in enumerate(catalog.skipped()):
        if number < _MAX_NAMED:
            console.note(f"not served: {skipped.name}: {skipped.reason}")
        else:
            console.detail(f"not served: {skipped.name}: {skipped.reason}")
            more += 1
    if more:
        console.note(f"not served: {counted(more, 'other file')}")
