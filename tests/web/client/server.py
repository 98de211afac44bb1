"""A uvicorn process on loopback, whose memory can be measured."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_ROOT = Path(__file__).resolve().parents[3]
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(_ROOT)}
_RUNNING = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")
_SECONDS = 30  # to start or stop


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: Its port on 127.0.0.1.
        pid: Its process.
        log: The file with its output.
    """

    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def resident(self) -> int:
        """Current resident memory in bytes."""
        return self._bytes("VmRSS")

    @property
    def peak(self) -> int:
        """Peak resident memory in bytes, since the start or the last ``forget_peak``."""
        return self._bytes("VmHWM")

    def forget_peak(self) -> int:
        """Reset the peak to the current resident memory, and return that."""
        Path("/proc", str(self.pid), "clear_refs").write_text("5")
        return self.resident

    def _bytes(self, field: str) -> int:
        status = Path("/proc", str(self.pid), "status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return int(fields[field].split()[0]) * 1024


@contextmanager
def serving(app: str, *arguments: str, cwd: Path = _ROOT) -> Iterator[Server]:
    """Run an application until the block is left.

    Args:
        app: ``module:name``, imported from the current folder of the process.
        arguments: More arguments of uvicorn.
        cwd: The current folder of the process, by default the root of the repository.
    """
    command = [sys.executable, "-m", "uvicorn", app, "--host", "127.0.0.1", "--port", "0"]
    command += ["--timeout-graceful-shutdown", "5", *arguments]
    with TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=cwd, env=_ENVIRONMENT, stdout=output, stderr=output)
        try:
            yield Server(_port(process, log), process.pid, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        if found := _RUNNING.search(log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"uvicorn did not start:\n{log.read_text()}")
