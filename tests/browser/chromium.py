"""Chromium for tests of pages, and a server of pages with an origin of its own.

A scenario is a module of JavaScript beside the tests. Its default export takes the page, the arguments and the context
of playwright-core, and returns a value of JSON.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from typing import Any

import pytest

_FOLDER = Path(__file__).parent
_SECONDS = 120  # for one scenario


def missing() -> str:
    """Return the reason why no test can run, or nothing."""
    absent = [program for program in ("node", "chromium") if not which(program)]
    if absent:
        return f"{' and '.join(absent)} cannot be found"
    if not (_FOLDER / "node_modules/playwright-core").is_dir():
        return "playwright-core is not installed; run npm ci in tests/browser"
    return ""


needs_chromium = pytest.mark.skipif(bool(missing()), reason=missing())


def drive(scenario: str, **arguments: object) -> Any:
    """Run a scenario in a new Chromium.

    Args:
        scenario: The file name of a module in ``tests/browser``.
        arguments: Arguments of the scenario, as JSON.

    Returns:
        The value that the scenario returns.

    Raises:
        AssertionError: The scenario has thrown; its stack and the messages of the page are the text.
    """
    done = node("drive.mjs", _FOLDER / scenario, data=json.dumps({"executable": which("chromium"), **arguments}))
    return json.loads(done)


def node(script: str, *arguments: object, data: str = "") -> str:
    """Run a script of ``tests/browser`` in Node.js, and return what it prints.

    Raises:
        AssertionError: The script has failed.
    """
    command = ["node", str(_FOLDER / script), *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, text=True, timeout=_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def pages(folder: Path) -> Iterator[str]:
    """Serve the files of a folder on loopback; yield the origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
