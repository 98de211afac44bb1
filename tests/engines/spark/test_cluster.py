"""A cluster of Spark: a master and two workers, of which one is killed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("pyspark", reason="Spark is not installed")

import pyarrow as pa
import pyspark

import streamdicom
from streamdicom.columns import read
from tests.engines.conftest import COLUMNS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java, which is not installed"),
]

_HOME = Path(pyspark.__file__).parent
_ROOT = Path(streamdicom.__file__).parent.parent
_TIMEOUT = 600  # seconds
_HOST = "127.0.0.1"
_ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(_ROOT),
    "PYSPARK_PYTHON": sys.executable,
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_LOCAL_IP": _HOST,
}


class Daemon:
    """A master or a worker, ended with the program that has started it."""

    def __init__(self, name: str, log: Path, *arguments: str) -> None:
        self._log = log
        command = [_HOME / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", "--host", _HOST, *arguments]
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=file, env=_ENVIRONMENT)

    def wait_for(self, pattern: str) -> str:
        """Return the text of a line of the log, as soon as there is one."""
        end = time.monotonic() + _TIMEOUT
        while time.monotonic() < end:
            found = re.search(pattern, self._log.read_text())
            if found:
                return found[0]
            time.sleep(0.1)
        raise TimeoutError(f"{pattern} is not in the log:\n{self._log.read_text()}")

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def master(tmp_path: Path) -> Iterator[str]:
    """The address of a master with two workers."""
    ports = ("--port", "0", "--webui-port", "0")
    with ExitStack() as stack:
        daemon = stack.enter_context(Daemon("master.Master", tmp_path / "master.log", *ports))
        address = daemon.wait_for(rf"spark://{_HOST}:[0-9]+")
        for number in range(2):
            log, folder = tmp_path / f"worker{number}.log", str(tmp_path / f"worker{number}")
            memory = ("--cores", "1", "--memory", "1g", "--work-dir", folder)
            worker = stack.enter_context(Daemon("worker.Worker", log, *ports, *memory, address))
            worker.wait_for("Successfully registered with master")
        yield address


def test_killed_executor_with_its_worker_changes_nothing(path: Path, tmp_path: Path, master: str) -> None:
    marker, target = tmp_path / "killed", tmp_path / "out.arrow"
    command = [sys.executable, "-m", "tests.engines.spark.cluster_job", master, str(path), str(marker), str(target)]
    run = subprocess.run(command, env=_ENVIRONMENT, cwd=_ROOT, capture_output=True, text=True, timeout=_TIMEOUT)
    assert run.returncode == 0, run.stderr
    assert marker.exists()
    assert "Lost executor" in run.stderr
    with pa.OSFile(str(target)) as file:
        rows = pa.ipc.open_file(file).read_all().to_pylist()
    expected = read(path, columns=COLUMNS).to_table().to_pylist()
    for row in expected:
        row["StudyTime"] = "10:11:12.500000"
    assert sorted(rows, key=lambda row: row["_index"]) == expected
