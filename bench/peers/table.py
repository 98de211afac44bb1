"""The results as Markdown, with the machine and the versions."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import streamdicom
from bench.peers.jobs import FOLDER, Result, engines, short

_COLUMNS = {"job": "<", "program": "<", "part or product": "<", "figure": ">", "x our time": ">"}
_PACKAGES = ("pydicom", "ijson", "orjson", "msgspec", "pysimdjson", "lxml")
_PROGRAMS = {"DCMTK": ["dcm2json", "--version"], "GDCM": ["gdcmdump", "--version"]}


def table(results: list[Result]) -> str:
    """Return a row for each job and peer; the name of a job stands in its first row."""
    cells = []
    for before, result in zip([None, *results], results, strict=False):
        name = "" if before and before.job is result.job else result.job.name
        ratio = "" if result.ratio is None else short(result.ratio)
        cells.append([name, result.program, result.part, result.figure, ratio])
    return markdown([list(_COLUMNS), *cells], list(_COLUMNS.values()))


def markdown(cells: list[list[str]], alignments: list[str]) -> str:
    """Return a table, its columns aligned; the first line is the head."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(f"{cell:{a}{w}}" for cell, a, w in zip(line, alignments, widths, strict=True)) + " |"
        for line in cells
    ]
    rule = ["-" * width + ("-" if a == "<" else ":") for a, width in zip(alignments, widths, strict=True)]
    return "\n".join([lines[0], "| " + "| ".join(rule) + "|", *lines[1:]])


def machine() -> str:
    """Return machine, engine and versions, of the programs that are installed."""
    engine = engines()[0] or "pure"
    versions = [f"streamdicom {streamdicom.__version__} ({engine} engine)"]
    versions += [f"{name} {found}" for name, found in _versions().items() if found]
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; "
        f"{platform.python_implementation()} {platform.python_version()}, {', '.join(versions)}"
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {name: _package(name) for name in _PACKAGES}
    for name, command in _PROGRAMS.items():
        if shutil.which(command[0]):
            line = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.partition("\n")[0]
            found[name] = next((word for word in line.split() if word.strip("v")[0].isdigit()), "").strip("v")
    crates = tomllib.loads((FOLDER / "rust" / "Cargo.toml").read_text(encoding="utf-8"))["dependencies"]
    if (FOLDER / "rust" / "target" / "release" / "peers").exists():
        found["dicom-rs"] = crates["dicom-object"].strip("=")
    if (FOLDER / "node" / "node_modules" / "dcmjs").exists():
        package = json.loads((FOLDER / "node" / "package.json").read_text(encoding="utf-8"))
        found["dcmjs"] = package["dependencies"]["dcmjs"]
    return found


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
