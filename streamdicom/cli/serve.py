"""``streamdicom serve``: a folder as a DICOMweb origin server."""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path

import uvicorn

from streamdicom.archive import Progress
from streamdicom.cli.inputs import Meter, plain
from streamdicom.server import Catalog, server_app

_GRACE = 5  # seconds for answers that are on their way when the server is to end
_MOST_TOLD = 10  # files that are not in the index


def serve_folder(folder: Path, host: str, port: int, *, read_only: bool) -> None:
    """Serve a folder until the process is interrupted.

    Args:
        folder: DICOM files, and files of DICOM JSON.
        host: The address to listen at.
        port: The port; 0 for any that is free.
        read_only: Whether nothing can be stored.

    Raises:
        OSError: The folder is not there, or the address cannot be had.
    """
    listener = _listener(host, port)  # before the index is made, which may take a while
    with listener, Catalog(folder) as index:
        _build(index)
        name = f"[{host}]" if ":" in host else host
        print(f"http://{name}:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(
            server_app(index, read_only=read_only),
            log_level=logging.WARNING,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        uvicorn.Server(config).run([listener])


def _listener(host: str, port: int) -> socket.socket:
    [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _build(index: Catalog) -> None:
    """Make the index, and tell what is not in it."""
    if index.put_aside:
        print(plain(f"streamdicom: the index was made anew: {index.put_aside}"), file=sys.stderr)
    with Meter("Indexing") as meter:

        def show(progress: Progress) -> None:
            known = "" if progress.files_known is None else f" of {progress.files_known:,}"
            meter.move(f"Indexing {progress.files:,}{known} files", progress.size, progress.size_known)

        index.refresh(show)
    more = 0
    for number, skipped in enumerate(index.skipped()):
        if number < _MOST_TOLD:
            print(plain(f"streamdicom: not served: {skipped.name}: {skipped.reason}"), file=sys.stderr)
        else:
            more += 1
    if more:
        print(f"streamdicom: not served: {more:,} other files", file=sys.stderr)
