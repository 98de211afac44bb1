"""The DICOMweb origin server of ``streamdicom serve``."""

from __future__ import annotations

import logging

from streamdicom._records import replace
from streamdicom._typing import TYPE_CHECKING, Any
from streamdicom.cli.archive_report import progress_callback
from streamdicom.cli.arguments import Arguments, values_of
from streamdicom.cli.commands import BOUNDS
from streamdicom.cli.credentials import read_tokens, server_context
from streamdicom.cli.exit_codes import UsageError, usage_errors
from streamdicom.cli.network import format_address, listener_at
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.repeated import once_a_minute
from streamdicom.cli.terminal import console, counted

try:
    import uvicorn

    from streamdicom.server import Catalog, ServerLimits, server_app
    from streamdicom.server.connections import BoundedProtocol
except ModuleNotFoundError as missing:
    raise UsageError(f'{missing.name} is not installed; install "streamdicom[serve]"') from None

if TYPE_CHECKING:
    import ssl

try:
    import resource
except ModuleNotFoundError:  # Windows
    resource = None  # type: ignore[assignment]

_BACKLOG = 512  # connections that are accepted at once, before the first of them is counted
_DESCRIPTORS = 64 + _BACKLOG  # for the process itself
_SHUTDOWN_TIMEOUT = 5  # seconds for responses that are being sent when the server stops
_MAX_NAMED = 10  # files that are not served


def serve(arguments: Arguments) -> None:
    """Serve the folder that the arguments name; see ``serve_folder``."""
    serve_folder(
        arguments.folder,
        arguments.host,
        arguments.port,
        server_context(arguments.tls_cert, arguments.tls_key, arguments.tls_client_ca),
        root_path=arguments.root_path,
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
    reserve = _DESCRIPTORS + 2 * limits.requests_at_once  # a file, and its place in the index
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
    folder: str,
    host: str,
    port: int,
    tls: ssl.SSLContext | None,
    *,
    limits: ServerLimits,
    root_path: str,
    **options: Any,
) -> None:
    """Serve a folder until the process is interrupted.

    Args:
        folder: A folder of DICOM files and files of DICOM JSON.
        host: The address to listen at.
        port: The port; 0 for a free one.
        tls: The server's side of TLS, or None.
        limits: Bounds on clients.
        root_path: The path at which a proxy publishes the server.
        options: Other options of ``server_app``.

    Raises:
        UsageError: The address is not available, or an option is not valid.
        OSError: The folder does not exist.
    """
    listener = listener_at(host, port)  # before the folder is indexed, which can take a while
    with listener, Catalog(folder) as catalog:
        with usage_errors():
            app = server_app(catalog, limits=limits, **options)
        _build(catalog)
        scheme = "https" if tls else "http"
        settings = uvicorn.Config(
            app,
            http=BoundedProtocol.within(limits, tls),
            root_path=root_path,
            backlog=_BACKLOG,
            access_log=False,
            log_level=logging.WARNING,
            server_header=False,
            timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
        )
        print(f"{scheme}://{format_address((host, listener.getsockname()[1]))}", flush=True)
        with once_a_minute():
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
