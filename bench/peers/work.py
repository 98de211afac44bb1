"""The jobs of the peers in Python: ``python -m bench.peers.work JOB IN OUT``.

The job runs twice in this process. Printed are the user seconds of the second run, or its seconds on the clock if the
job compares threads, and the number of data sets that failed, which is 0. The exit code is 127 if a package is not
installed, as a shell's is for a missing program.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

import streamdicom
from bench.corpus import silence
from bench.memory import Sink

MISSING = 127

_REPEATED = 8  # runs that threads share


def _drain(items: Iterable[object]) -> None:
    deque(items, maxlen=0)


def _events(source: Path, _: Path) -> None:
    _drain(streamdicom.iter_events(source))


def _datasets(source: Path, _: Path) -> None:
    _drain(streamdicom.iter_datasets(source))


def _ijson(name: str, *arguments: str) -> Callable[[Path, Path], None]:
    def work(source: Path, _: Path) -> None:
        with source.open("rb") as file:
            _drain(getattr(import_module("ijson"), name)(file, *arguments))

    return work


def _ijson_datasets(prefix: str) -> Callable[[Path, Path], None]:
    def work(source: Path, _: Path) -> None:
        with source.open("rb") as file:
            _drain(map(Dataset.from_json, import_module("ijson").items(file, prefix)))

    return work


def _lines(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        yield from file


def _json(source: Path, _: Path) -> None:
    _drain(map(json.loads, _lines(source)))


def _orjson(source: Path, _: Path) -> None:
    _drain(map(import_module("orjson").loads, _lines(source)))


def _msgspec(source: Path, _: Path) -> None:
    _drain(map(import_module("msgspec.json").decode, _lines(source)))


def _simdjson(source: Path, _: Path) -> None:
    parser = import_module("simdjson").Parser()
    for line in _lines(source):
        parser.parse(line)


def _simdjson_dictionaries(source: Path, _: Path) -> None:
    parser = import_module("simdjson").Parser()
    for line in _lines(source):
        parser.parse(line, True)


def _orjson_datasets(source: Path, _: Path) -> None:
    _drain(map(Dataset.from_json, map(import_module("orjson").loads, _lines(source))))


def read_raw(source: Path) -> list[Dataset]:
    """Return data sets as dcmread leaves them, from pickled entries of the corpus."""
    return [entry.read() for entry in pickle.loads(source.read_bytes())]


def read_accessed(source: Path) -> list[Dataset]:
    """Return data sets whose elements have all been accessed."""
    datasets = read_raw(source)
    for dataset in datasets:
        _drain(dataset.iterall())
    return datasets


def _dump(datasets: list[Dataset], _: Path) -> None:
    streamdicom.dump(datasets, cast(BinaryIO, Sink()))


def _to_json(datasets: list[Dataset], _: Path) -> None:
    _drain(dataset.to_json() for dataset in datasets)


def _file_to_json(source: Path, target: Path) -> None:
    streamdicom.write_events(streamdicom.iter_events(source), target, array=False)


def _file_to_json_by(threads: int) -> Callable[[Path, Path], None]:
    def work(source: Path, target: Path) -> None:
        data = source.read_bytes()

        def run(number: int) -> None:
            for _ in range(_REPEATED // threads):
                own = target.with_name(f"{number}-{target.name}") if number else target
                streamdicom.write_events(streamdicom.iter_events(data), own, array=False)

        with ThreadPoolExecutor(threads) as pool:
            _drain(pool.map(run, range(threads)))

    return work


def _json_to_json(source: Path, target: Path) -> None:
    streamdicom.write_events(streamdicom.iter_events(source), target, array=False)


def _file_to_json_with_pydicom(source: Path, target: Path) -> None:
    target.write_text(dcmread(source).to_json(), encoding="utf-8")


def _json_to_file(source: Path, target: Path) -> None:
    streamdicom.write_events(streamdicom.iter_events(source), target, format="dicom")


def _json_to_file_with_pydicom(source: Path, target: Path) -> None:
    dataset = Dataset.from_json(source.read_text(encoding="utf-8"))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(target, dataset, enforce_file_format=True)


def _validate(source: Path, _: Path) -> None:
    from streamdicom.cli.validate import validate_files

    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        validate_files([source])


def _iterparse(module: str) -> Callable[[Path, Path], None]:
    def work(source: Path, _: Path) -> None:
        for _, element in import_module(module).iterparse(str(source)):
            element.clear()

    return work


_WORK: dict[str, Callable[[Any, Path], None]] = {
    "events": _events,
    "data-sets": _datasets,
    "basic_parse": _ijson("basic_parse"),
    "parse": _ijson("parse"),
    "items": _ijson("items", "item"),
    "ijson+from_json": _ijson_datasets("item"),
    "ijson+from_json-one": _ijson_datasets(""),
    "json": _json,
    "orjson": _orjson,
    "orjson+from_json": _orjson_datasets,
    "msgspec": _msgspec,
    "simdjson": _simdjson,
    "simdjson-dictionaries": _simdjson_dictionaries,
    "dump": _dump,
    "dump-accessed": _dump,
    "to_json": _to_json,
    "to_json-accessed": _to_json,
    "to-json": _file_to_json,
    "to-json-pydicom": _file_to_json_with_pydicom,
    "to-json-by-1": _file_to_json_by(1),
    "to-json-by-2": _file_to_json_by(2),
    "json-to-json": _json_to_json,
    "to-dicom": _json_to_file,
    "to-dicom-pydicom": _json_to_file_with_pydicom,
    "validate": _validate,
    "ElementTree": _iterparse("xml.etree.ElementTree"),
    "lxml": _iterparse("lxml.etree"),
}
_ON_CLOCK = frozenset({"to-json-by-1", "to-json-by-2"})
_PREPARE: dict[str, Callable[[Path], object]] = {
    "dump": read_raw,
    "dump-accessed": read_accessed,
    "to_json": read_raw,
    "to_json-accessed": read_accessed,
}


def _user_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def _main(name: str, source: Path, target: Path) -> int:
    seconds = 0.0
    for _ in range(2):  # the first run fills caches
        prepared = _PREPARE.get(name, Path)(source)
        now = time.perf_counter if name in _ON_CLOCK else _user_seconds
        start = now()
        try:
            _WORK[name](prepared, target)
        except ModuleNotFoundError:
            return MISSING
        seconds = now() - start
    print(seconds, 0)
    return 0


if __name__ == "__main__":
    with silence():
        sys.exit(_main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
