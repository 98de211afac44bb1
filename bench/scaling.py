"""Two workers against one, and ten columns against other readers.

``python -m bench.scaling [DATASETS]`` prints ratios of times on the clock for two workers, and of CPU time for columns.
The runs take turns. Engines that are not installed are left out. The figures are of use on an idle machine only.

Two figures tell how near two workers are to the most that a machine can give: the ratio of a computation that shares
nothing ("sums"), as two cores of a virtual machine can be one of the host; and the cores that workers keep busy.
With Spark, the JVM works while the Python worker does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.corpus import write_array

_DATASETS = 40_000
_RUNS = 3
_PARTS = 8
_COLUMNS = [
    "SOPInstanceUID",
    "SOPClassUID",
    "PatientSex",
    "Modality",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Manufacturer",
    "Rows",
    "Columns",
]
_ROOT = Path(__file__).parent.parent
_HOST = "127.0.0.1"


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _DATASETS
    with TemporaryDirectory() as top:
        path = Path(top, "in.json")
        array = write_array("headers", count, path)
        print(f"{count:,} data sets, {array.size / 1e6:.0f} MB")
        _measure_workers(path)
        _measure_columns(path)


# --- workers ---------------------------------------------------------------------------------------------------


def _measure_workers(path: Path) -> None:
    for name, (package, road) in _ROADS.items():
        if find_spec(package) is None:
            continue
        with ExitStack() as stack:
            jobs = {workers: stack.enter_context(road(path, workers)) for workers in (1, 2)}
            for job in jobs.values():
                job()  # the first run starts processes
            least = dict.fromkeys(jobs, (float("inf"), 0.0))
            for _ in range(_RUNS):
                for workers, job in jobs.items():
                    least[workers] = min(least[workers], _timed(job))
        (one, cores), (two, both) = least[1], least[2]
        print(
            f"{name}: {one:.2f} s with one worker, which keeps {cores:.2f} cores busy; {two:.2f} s with two, "
            f"which keep {both:.2f} busy: {one / two:.2f} times"
        )


def _timed(job: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of a job, and the mean number of busy cores meanwhile."""
    before, start = _busy_seconds(), time.perf_counter()
    job()
    seconds = time.perf_counter() - start
    return seconds, (_busy_seconds() - before) / seconds


def _busy_seconds() -> float:
    """Return the CPU seconds of all processes of the machine, on Linux."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _sum(count: int) -> int:
    return sum(range(count))


@contextmanager
def _sums(_: Path, workers: int) -> Iterator[Callable[[], object]]:
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield lambda: sum(pool.map(_sum, [20_000_000] * _PARTS))


def _rows(split: Any) -> int:
    from streamdicom import columns

    return sum(batch.num_rows for batch in columns.read(split, columns=_COLUMNS).iter_batches())


@contextmanager
def _pool(path: Path, workers: int) -> Iterator[Callable[[], object]]:
    from streamdicom import plan_splits

    splits = plan_splits(path, parts=_PARTS)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        yield lambda: sum(pool.map(_rows, splits))


@contextmanager
def _dask(path: Path, workers: int) -> Iterator[Callable[[], object]]:
    from distributed import Client, LocalCluster

    from streamdicom.engines.dask import to_dataframe

    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        frame = to_dataframe(path, columns=_COLUMNS, parts=_PARTS)
        yield lambda: client.compute(frame.count()).result()


def _session_code(master: str, path: Path) -> str:
    """Return a program that reads the columns each time that it gets a line."""
    return f"""
import sys
from pyspark.sql import SparkSession, functions
builder = SparkSession.builder.master({master!r}).config("spark.ui.enabled", "false")
spark = builder.config("spark.executor.memory", "1g").config("spark.executor.cores", "1").getOrCreate()
spark.sparkContext.setLogLevel("OFF")
for _ in sys.stdin:
    frame = spark.read.format("dicomjson").option("columns", {",".join(_COLUMNS)!r}).option("partitions", {_PARTS})
    frame = frame.load({str(path)!r})
    frame.agg(*[functions.count(name) for name in {_COLUMNS!r}]).collect()
    print("done", flush=True)
"""


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(_ROOT),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": _HOST,
        "SPARK_DAEMON_MEMORY": "256m",
    }


@contextmanager
def _session(master: str, path: Path) -> Iterator[Callable[[], object]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _session_code(master, path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def job() -> None:
        process.stdin.write(b"\n")
        process.stdin.flush()
        if process.stdout.readline() != b"done\n":
            raise RuntimeError("Spark has failed")

    try:
        yield job
    finally:
        process.stdin.close()
        process.wait()


@contextmanager
def _spark(path: Path, workers: int) -> Iterator[Callable[[], object]]:
    with _session(f"local[{workers}]", path) as job:
        yield job


@contextmanager
def _standalone(path: Path, workers: int) -> Iterator[Callable[[], object]]:
    import pyspark

    home = Path(pyspark.__file__).parent
    address = f"spark://{_HOST}:{17077 + workers}"

    def start(stack: ExitStack, name: str, *arguments: str) -> None:
        command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{name}", "--host", _HOST, *arguments]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=_environment())
        stack.callback(process.wait)
        stack.callback(process.kill)

    with TemporaryDirectory() as folder, ExitStack() as stack:
        start(stack, "master.Master", "--port", address.rpartition(":")[2], "--webui-port", "0")
        for number in range(workers):
            work = f"{folder}/{number}"
            start(
                stack,
                "worker.Worker",
                "--webui-port",
                "0",
                "--cores",
                "1",
                "--memory",
                "1g",
                "--work-dir",
                work,
                address,
            )
        with _session(address, path) as job:
            yield job


_ROADS: dict[str, tuple[str, Callable[[Path, int], Any]]] = {
    "sums": ("streamdicom", _sums),
    "pool": ("pyarrow", _pool),
    "dask": ("distributed", _dask),
    "spark": ("pyspark", _spark),
    "standalone": ("pyspark", _standalone),
}
"""By name, the package of a road and its function."""


# --- columns ---------------------------------------------------------------------------------------------------


def _measure_columns(path: Path) -> None:
    """Print the CPU time of programs that read ten columns, each a process of its own."""
    roads = {"streamdicom": {}, "streamdicom in Python": {"STREAMDICOM_ENGINE": "pure"}}
    roads |= {"polars": {"POLARS_MAX_THREADS": "1"}, "ijson": {}, "spark": {}}
    least = dict.fromkeys(roads, float("inf"))
    for _ in range(_RUNS):
        for name, environment in roads.items():
            package = {"spark": "pyspark"}.get(name, name.split()[0])
            if find_spec(package) is not None:
                least[name] = min(least[name], _cpu(name.split()[0], path, environment))
    for name, seconds in least.items():
        if seconds < float("inf"):
            print(f"ten columns, {name}: {seconds:.2f} CPU s, {seconds / least['streamdicom']:.1f} x streamdicom")


def _cpu(road: str, path: Path, environment: dict[str, str]) -> float:
    """Return the CPU seconds of a road beyond those for one empty data set."""
    empty = path.with_name("empty.json")
    for name in (empty, empty.with_suffix(".ndjson")):
        name.write_text("[{}]\n" if name == empty else "{}\n")
    seconds = []
    for source in (empty, path):
        program = (
            f"from bench.scaling import read_{road} as read; from pathlib import Path; read(Path({str(source)!r}))"
        )
        before = _used()
        command = [sys.executable, "-c", program]
        subprocess.run(command, env={**_environment(), **environment}, cwd=_ROOT, check=True, capture_output=True)
        seconds.append(_used() - before)
    return seconds[1] - seconds[0]


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def read_streamdicom(path: Path) -> None:
    """Read the columns."""
    from streamdicom import columns

    columns.read(path, columns=_COLUMNS).to_table()


def read_polars(path: Path) -> None:
    """Read the columns of NDJSON with a schema, as lists of values."""
    import polars
    from pydicom.datadict import tag_for_keyword

    text = polars.Struct({"Value": polars.List(polars.String)})
    number = polars.Struct({"Value": polars.List(polars.Int64)})
    kinds = {f"{tag_for_keyword(name):08X}": number if name in ("Rows", "Columns") else text for name in _COLUMNS}
    frame = polars.scan_ndjson(path.with_suffix(".ndjson"), schema=kinds)
    frame.select([polars.col(name).struct.field("Value").list.first().alias(name) for name in kinds]).collect()


def read_ijson(path: Path) -> None:
    """Read the columns by data sets of pydicom, into pandas."""
    import ijson
    import pandas
    from pydicom import Dataset

    rows = []
    with path.open("rb") as file:
        for item in ijson.items(file, "item", use_float=True):
            ds = Dataset.from_json(item)
            rows.append({name: ds.get(name) for name in _COLUMNS})
    pandas.DataFrame(rows)


def read_spark(path: Path) -> None:
    """Read the columns of the array with a schema."""
    from pydicom.datadict import tag_for_keyword
    from pyspark.sql import SparkSession, functions

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    types = {name: "bigint" if name in ("Rows", "Columns") else "string" for name in _COLUMNS}
    tags = {name: f"{tag_for_keyword(name):08X}" for name in _COLUMNS}
    schema = ", ".join(f"`{tags[name]}` struct<Value: array<{kind}>>" for name, kind in types.items())
    frame = spark.read.schema(schema).json(str(path), multiLine=True)
    frame.agg(*[functions.count(functions.col(tag).getField("Value")[0]) for tag in tags.values()]).collect()
    spark.stop()


if __name__ == "__main__":
    main()
