"""A uvicorn process of its own on loopback: what a client sees, and how much memory it takes."""

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

__all__ = ["Server", "serving"]

_ROOT = Path(__file__).resolve().parents[3]
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(_ROOT)}
_RUNNING = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")
_SECONDS = 30  # to start, and to stop


@dataclass(frozen=True)
class Server:
    """A server that runs.

    Attributes:
        port: On 127.0.0.1.
        pid: Of its process.
        log: The file with what it has written.
    """

    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def resident(self) -> int:
        """Bytes of memory now."""
        return self._bytes("VmRSS")

    @property
    def peak(self) -> int:
        """Bytes of memory at their highest, since the start or since ``forget_peak``."""
        return self._bytes("VmHWM")

    def forget_peak(self) -> int:
        """Let the peak begin again with the memory of now, and return that."""
        Path("/proc", str(self.pid), "clear_refs").write_text("5")
        return self.resident

    def _bytes(self, field: str) -> int:
        status = Path("/proc", str(self.pid), "status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return int(fields[field].split()[0]) * 1024


@contextmanager
def serving(app: str, *arguments: str, cwd: Path = _ROOT) -> Iterator[Server]:
    """Run an application, given as ``module:name``, until the block is left.

    Args:
        app: What uvicorn is to import, from the root of the repository if nothing else is said.
        arguments: More of uvicorn's command line.
        cwd: The current folder of the process.
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
