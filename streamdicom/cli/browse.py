"""``streamdicom browse``: look through data sets in a page on this machine."""

from __future__ import annotations

import logging
import secrets
import warnings
import webbrowser
from threading import Thread

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, UsageError
from streamdicom.cli.network import format_address, listener_at
from streamdicom.cli.terminal import console

try:
    import uvicorn

    from streamdicom.server.browse import Library, Opened, browse_app
except ModuleNotFoundError as missing:
    raise UsageError(f'{missing.name} is not installed; install "streamdicom[serve]"') from None

_HOST = "127.0.0.1"
_SHUTDOWN_TIMEOUT = 0  # seconds for responses that are being sent when the server stops
_TOKEN_SIZE = 32  # bytes


def run(arguments: Arguments) -> int:
    """Run the command."""
    warnings.simplefilter("ignore")  # the page shows deviations; ``run`` of the command line restores filters
    token = secrets.token_urlsafe(_TOKEN_SIZE)
    opened = Opened(Library([str(source) for source in arguments.sources], force=arguments.force))
    try:
        with listener_at(_HOST, arguments.port) as listener:
            settings = uvicorn.Config(
                browse_app(opened, token),
                access_log=False,
                log_level=logging.CRITICAL,  # else it reports the end of open connections
                server_header=False,
                lifespan="off",
                timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
            )
            settings.load()
            address = f"http://{format_address((_HOST, listener.getsockname()[1]))}/#token={token}"
            print(address, flush=True)
            console.note("Ctrl-C stops the page")
            if arguments.open:
                Thread(target=webbrowser.open, args=(address,), daemon=True).start()
            uvicorn.Server(settings).run([listener])
    finally:
        opened.close()
    return DONE
