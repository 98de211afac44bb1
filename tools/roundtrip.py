"""Convert DICOM files to JSON and XML and back, and compare their values.

Usage: python tools/roundtrip.py FOLDER ... [--timeout 120] [--report FILE]

Every DICOM file in the folders is converted as ``streamdicom convert`` does, in a process that is ended after a
time-out. The comparison is independent of this package: pydicom reads the original and the result, and
their elements are compared as bytes. Differences that the standard calls none are ignored: padding, the byte order, the
lengths of sequences, group lengths, a VR that implicit VR leaves to the dictionary, and text in another character set.

Each file counts, for each format, as

- equal: every element is there with its value;
- reported: each different element was reported by a deviation or a warning with its tag path;
- not compared: pydicom reads no element of the original;
- refused: an error of this package says why the file is not converted to the format;
- wrong: anything else. The exit code is 1 if there is any.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_FORMATS = ("json", "xml")
_WORDS = {"US": 2, "SS": 2, "AT": 2, "OW": 2, "UL": 4, "SL": 4, "FL": 4, "OL": 4, "OF": 4}
_WORDS |= {"FD": 8, "SV": 8, "UV": 8, "OV": 8, "OD": 8}
_TEXT = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
_ONE_VALUE = {"LT", "ST", "UT", "UR"}
# Completed by every writer (PS3.10 7.1); the transfer syntax of the result may be another one.
_WRITERS_OWN = {0x00020000, 0x00020001, 0x00020010, 0x00020012, 0x00020013}
_MAX_SHOWN = 5  # differences of a file


def main() -> int:
    """Run the command; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--timeout", type=float, default=120, help="seconds for each file")
    parser.add_argument("--report", type=Path, help="write a line of JSON for each file that is not equal")
    arguments = parser.parse_args()
    paths = [path for folder in arguments.folders for path in sorted(folder.rglob("*")) if _is_dicom(path)]
    counts: dict[str, Counter[str]] = {name: Counter() for name in _FORMATS}
    reasons: Counter[str] = Counter()
    with (
        (arguments.report or Path(os.devnull)).open("w", encoding="utf-8") as report,
        _Worker(arguments.timeout) as worker,
    ):
        for number, path in enumerate(paths, 1):
            found = worker.run(path)
            for name in _FORMATS:
                kind, details = found[name]
                counts[name][kind] += 1
                if kind == "refused":
                    reasons[f"{name}: {details[0]}"] += 1
                if kind != "equal":
                    row = {"path": str(path), "format": name, "kind": kind, "details": details}
                    print(json.dumps(row), file=report)
                if kind == "wrong":
                    print(f"wrong: {path}: {name}: {'; '.join(details[:_MAX_SHOWN])}", flush=True)
            if number % 100 == 0:
                print(f"{number:,} of {len(paths):,} files", file=sys.stderr, flush=True)
    for name, kinds in counts.items():
        print(f"{name}: " + ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items())))
    for reason, count in reasons.most_common():
        print(f"{count:>6,}  {reason}")
    return 1 if any(kinds["wrong"] for kinds in counts.values()) else 0


def _is_dicom(path: Path) -> bool:
    """Return whether a file has the prefix or the suffix of a DICOM file."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(132)
    return start[128:] == b"DICM" or (len(start) > 16 and path.suffix.lower() in (".dcm", ".ima", ".dicom"))


# --- the worker process ----------------------------------------------------------------------------------------


class _Worker:
    """A process that converts files, and is replaced after a time-out or a crash."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(self) -> None:
        self._connection, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None

    def run(self, path: Path) -> dict[str, tuple[str, list[str]]]:
        """Return, for each format, the kind of outcome and its details."""
        if self._process is None:
            self._start()
        fault = f"no result after {self._timeout} seconds"
        try:
            self._connection.send(path)
            if self._connection.poll(self._timeout):
                found: dict[str, tuple[str, list[str]]] = self._connection.recv()
                return found
        except (EOFError, OSError):
            fault = "the process died"
        self._end()
        return dict.fromkeys(_FORMATS, ("wrong", [fault]))


def _serve(connection: Connection) -> None:
    with tempfile.TemporaryDirectory() as folder:
        while True:
            try:
                path = connection.recv()
            except EOFError:
                return
            connection.send({name: _outcome(path, name, Path(folder)) for name in _FORMATS})


def _outcome(path: Path, name: str, folder: Path) -> tuple[str, list[str]]:
    """Convert a file and back, and compare."""
    import pydicom.config

    from streamdicom import ReadOptions, StreamDicomError, WriteOptions
    from streamdicom.cli.convert import convert_file
    from streamdicom.deviations import Deviation

    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    text, result = folder / f"text.{name}", folder / "result.dcm"
    reported: list[Deviation] = []
    options = ReadOptions(on_deviation=reported.append, force=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            convert_file(path, text, reading=options, writing=WriteOptions(file_meta=True))
        except StreamDicomError as error:
            return "refused", [f"{error.message}", str(error)]
        except Exception as error:
            return "wrong", [f"{type(error).__name__}: {error}"]
        try:
            convert_file(text, result, reading=options, writing=WriteOptions())
        except Exception as error:
            return "wrong", [f"on the way back: {type(error).__name__}: {error}"]
    try:
        original = _dataset(path)
        if not len(original):  # of a file that is cut off, pydicom may return nothing
            return "not compared", ["pydicom reads no element of the original"]
        differences = list(_differences(original, _dataset(result)))
    except Exception as error:
        return "wrong", [f"pydicom: {type(error).__name__}: {error}"]
    paths = {deviation.location.tag_path for deviation in reported}
    told = " ".join(str(warning.message) for warning in caught)
    left = [text for place, text in differences if not _is_reported(place, paths, told)]
    if left:
        return "wrong", left
    return ("reported", [text for _, text in differences]) if differences else ("equal", [])


def _is_reported(place: str, paths: set[str | None], told: str) -> bool:
    parts = place.split(".")
    return any(".".join(parts[: end + 1]) in paths or ".".join(parts[: end + 1]) in told for end in range(len(parts)))


# --- the comparison --------------------------------------------------------------------------------------------


def _dataset(path: Path) -> Any:
    """Return the data set of a file, with its file meta information."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=True)


def _differences(original: Any, result: Any) -> Iterator[tuple[str, str]]:
    """Yield the place and the description of each difference."""
    empty: Any = {}
    meta = getattr(original, "file_meta", empty)
    other = getattr(result, "file_meta", empty)
    for tag in [int(tag) for tag in meta.keys()]:  # noqa: SIM118
        value = str(meta[tag].value).strip("\0 ")
        found = str(other[tag].value) if tag in other else ""
        if tag not in _WRITERS_OWN and value != found:
            yield f"{tag:08X}", f"{tag:08X}: other file meta information"
    yield from _items(original, result, "")


def _items(original: Any, result: Any, place: str) -> Iterator[tuple[str, str]]:
    tags = {int(tag) for tag in original.keys()} | {int(tag) for tag in result.keys()}  # noqa: SIM118
    for tag in sorted(tags):
        path = f"{place}{tag:08X}"
        if not tag & 0xFFFF or (tag >> 16 == 2 and not place):
            continue
        if tag == 0x00080005 and tag not in original:  # the result is in UTF-8
            continue
        if tag not in original or tag not in result:
            yield path, f"{path}: only in the {'original' if tag in original else 'result'}"
            continue
        yield from _element(original, result, tag, path)


def _element(original: Any, result: Any, tag: int, path: str) -> Iterator[tuple[str, str]]:
    from pydicom.dataelem import RawDataElement

    first, second = original.get_item(tag), result.get_item(tag)
    if isinstance(first, RawDataElement) and isinstance(second, RawDataElement) and first.value is not None:
        vr = second.VR or ""
        if first.VR in (None, "UN", vr):
            data = _normal(vr, _little_endian(vr, first.value or b"", first.is_little_endian), first)
            other = _normal(vr, second.value or b"", second)
            if data == other:
                return
    try:
        one, two = original[tag], result[tag]
    except Exception as error:
        yield path, f"{path}: {type(error).__name__}: {error}"
        return
    if one.VR == "SQ" and two.VR == "SQ":
        if len(one.value) != len(two.value):
            yield path, f"{path}: {len(one.value)} and {len(two.value)} items"
        for number, (item, twin) in enumerate(zip(one.value, two.value, strict=False)):
            yield from _items(item, twin, f"{path}[{number}].")
    elif tag != 0x00080005 and not _is_same_value(one, two):
        yield path, f"{path}: {one.VR} and {two.VR}, other values"


def _little_endian(vr: str, data: bytes, is_little: bool) -> bytes:
    word = 1 if is_little else _WORDS.get(vr, 1)
    cut = len(data) // word * word
    return b"".join([data[at : at + word][::-1] for at in range(0, cut, word)]) + data[cut:] if word > 1 else data


def _normal(vr: str, data: bytes, element: Any) -> Any:
    """Return the bytes of a value field without padding."""
    if vr in _TEXT:
        parts = [data] if vr in _ONE_VALUE else data.split(b"\\")
        parts = [part.rstrip(b"\0 ") for part in parts]
        if vr in ("AE", "DS", "IS", "UI"):
            parts = [part.strip() for part in parts]
        if vr == "PN":
            parts = [part.rstrip(b"= ") for part in parts]
        return parts
    if vr in ("FL", "FD") and len(data) % _WORDS[vr] == 0:
        numbers = struct.unpack(f"<{len(data) // _WORDS[vr]}{'f' if vr == 'FL' else 'd'}", data)
        return ["nan" if math.isnan(number) else number for number in numbers]
    if element.length == 0xFFFFFFFF:
        return _fragments(data)
    return data + b"\0" if len(data) & 1 else data


def _fragments(data: bytes) -> list[bytes]:
    items, place = [], 0
    while place + 8 <= len(data) and data[place : place + 4] == b"\xfe\xff\x00\xe0":
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        item = data[place + 8 : place + 8 + length]
        items.append(item + b"\0" if len(item) & 1 else item)
        place += 8 + length
    return items


def _is_same_value(one: Any, two: Any) -> bool:
    """Compare the values that pydicom makes, such as text in two character sets."""
    return (one.VR == two.VR or one.VR == "UN") and _plain(one) == _plain(two)


def _plain(element: Any) -> Any:
    value = element.value
    if value is None:
        return []
    if isinstance(value, bytes):
        return value.rstrip(b"\0")
    several = list(value) if element.VM > 1 else [value]
    plain = [_plain_value(each) for each in several]
    return [] if plain == [""] else plain


def _plain_value(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    if value is None:
        return ""
    if isinstance(value, int | float) and not hasattr(value, "original_string"):
        return value
    text = str(getattr(value, "original_string", None) or value)
    return text.strip("\0 ").rstrip("= ")


if __name__ == "__main__":
    sys.exit(main())
