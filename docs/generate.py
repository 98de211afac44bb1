"""Write the pages that are generated from the code.

These are options, limits, deviations, errors, commands, exit codes and state diagrams.

Usage: python docs/generate.py FOLDER
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import statediagrams

import streamdicom
from streamdicom import ReadOptions, Severity, WriteOptions, errors, events
from streamdicom.formats import FORMATS
from streamdicom.io import COMPRESSION_SUFFIXES

# The order of the options in the reference.
TOPICS: dict[type, dict[str, tuple[str, ...]]] = {
    ReadOptions: {
        "Format and bounds": ("format", "path", "force", "limits"),
        "Deviations and errors": ("profile", "deviations", "on_deviation", "on_error"),
        "Elements and data sets": ("include", "exclude", "where", "deidentification", "converters"),
        "Bulk data": ("bulk_data_store", "bulk_data_uri_handler", "spool_threshold"),
    },
    WriteOptions: {
        "JSON": ("number_handling", "nonfinite", "keys", "write_keyword", "write_name"),
        "JSON text": ("ensure_ascii", "escape_html", "trailing_newline"),
        "Elements": ("include", "exclude", "include_retired", "deidentification", "converters", "on_error"),
        "DICOM files": ("file_meta", "character_set", "transfer_syntax"),
        "Bulk data": ("bulk_data_store", "bulk_data_policy", "bulk_data_element_handler", "handler_threshold"),
        "Bounds": ("limits",),
    },
}

_BRANCHES = " │├└─"
_BOM = "\ufeff"
_FIELD = re.compile(r"^    (\w+): ?(.*)$")


def write_all(folder: Path) -> None:
    """Write every page into a folder."""
    folder.mkdir(exist_ok=True)
    for name, make in _PAGES.items():
        (folder / f"{name}.md").write_text("\n".join(make()) + "\n", encoding="utf-8")


# --- tables ----------------------------------------------------------------------------------------------------


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(head)
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _meanings(kind: type) -> dict[str, str]:
    """Return the meaning of each field, from a docstring's section Attributes."""
    meanings: dict[str, str] = {}
    name = ""
    lines = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2].splitlines()
    for line in lines:
        match = _FIELD.match(line)
        if match:
            name = match[1]
            meanings[name] = match[2]
        elif name and line.startswith("        "):
            meanings[name] += f" {line.strip()}"
        elif line.strip():
            break
    return {name: meaning.replace("``", "`") for name, meaning in meanings.items()}


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        value = field.default
    elif field.default_factory is not MISSING:
        value = field.default_factory()
    else:
        return "required"
    if isinstance(value, bool) or not isinstance(value, int | Enum):
        return f"`{type(value).__name__}()`" if is_dataclass(value) else f"`{value!r}`"
    return f"`{value}`" if isinstance(value, Enum) else f"`{value:,}`"


def _fields(kind: type, names: Iterable[str] | None = None) -> Iterator[str]:
    meanings = _meanings(kind)
    known = {field.name: field for field in fields(kind)}
    rows = [(f"`{name}`", _default(known[name]), meanings[name]) for name in names or known]
    return _table(("name", "default", "meaning"), rows)


def _options() -> Iterator[str]:
    for kind, topics in TOPICS.items():
        yield f"## {kind.__name__}\n"
        yield from _class(kind)
        for topic, names in topics.items():
            yield f"### {topic}\n"
            yield from _fields(kind, names)
    yield "## BulkDataPolicy\n"
    yield from _fields(streamdicom.BulkDataPolicy)


def _formats() -> Iterator[str]:
    rows = [
        (f"`{row.name}`", row.title.removeprefix("a "), _codes(row.suffixes), _codes(row.media_types))
        for row in FORMATS.values()
    ]
    yield from _table(("name", "format", "suffixes", "media types"), rows)
    rows = [(f"`{suffix}`", name) for suffix, name in COMPRESSION_SUFFIXES.items()]
    yield from _table(("suffix", "compression"), rows)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _limits() -> Iterator[str]:
    yield from _class(streamdicom.Limits)
    yield from _fields(streamdicom.Limits)


def _class(kind: type) -> Iterator[str]:
    """Yield a description of a class whose attributes stand in a table."""
    yield "```{eval-rst}"
    yield f".. py:class:: streamdicom.{kind.__name__}(*, ...)\n"
    yield f"   {inspect.cleandoc(kind.__doc__ or '').splitlines()[0]}"
    yield "```\n"


def _deviations() -> Iterator[str]:
    rows = [
        (f"`{code}`", Severity(row.severity).name.lower(), f"{row.meaning}<br>`{_visible(row.example)}`")
        for code, row in streamdicom.DEVIATIONS.items()
    ]
    return _table(("code", "severity", "meaning and example"), rows)


def _visible(text: str) -> str:
    return text.replace(_BOM, "\\ufeff")


def _events() -> Iterator[str]:
    return _docstring(events, 2, iter([("event", "meaning"), ("type", "values")]))


def _errors() -> Iterator[str]:
    yield from _docstring(errors, 4, iter([("exception", "raised if")]))
    yield "```{eval-rst}"
    for name in streamdicom.__all__:
        kind = getattr(streamdicom, name)
        if inspect.isclass(kind) and issubclass(kind, streamdicom.StreamDicomError):
            yield f".. autoexception:: streamdicom.{name}\n   :members:\n   :show-inheritance:\n"
    yield "```"


def _docstring(module: Any, unit: int, heads: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Yield the paragraphs of a module's docstring, indented blocks as tables."""
    text = (module.__doc__ or "").partition("\n")[2].strip("\n")
    for block in text.split("\n\n"):
        if block.startswith(" "):
            yield from _table(next(heads), _tree(block, unit))
        else:
            yield block.replace("``", "`") + "\n"


def _tree(block: str, unit: int) -> list[tuple[str, str]]:
    """Split each line into name and meaning; an indented line continues the meaning."""
    rows: list[tuple[str, str]] = []
    column = 0  # of the last meaning
    for line in textwrap.dedent(block).splitlines():
        indent = len(line) - len(line.lstrip(_BRANCHES))
        name, *meaning = re.split(r"  +", line[indent:].strip(), maxsplit=1)
        if rows and column and indent >= column:
            rows[-1] = (rows[-1][0], f"{rows[-1][1]} {line.strip()}")
            continue
        if meaning:
            column = line.index(meaning[0], indent + len(name))
        rows.append((f"{'&emsp;' * (indent // unit)}`{name}`", " ".join(meaning).replace("``", "`")))
    return rows


# --- commands --------------------------------------------------------------------------------------------------


def _help(name: str) -> str:
    """Return the help of a command, as a terminal of 84 columns shows it."""
    program = "import sys; from streamdicom.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, name, "--help"]
    environment = os.environ | {"COLUMNS": "84", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout  # noqa: S603 - our own program


def _commands() -> Iterator[str]:
    from streamdicom.cli import COMMANDS

    for name in COMMANDS:
        yield f"## {name}\n\n```text\n{_help(name).rstrip()}\n```\n"


def _exit_codes() -> Iterator[str]:
    from streamdicom.cli import EXIT_CODES

    return _table(("code", "meaning"), ((str(code), meaning) for code, meaning in EXIT_CODES.items()))


_PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "formats": _formats,
    "options": _options,
    "limits": _limits,
    "deviations": _deviations,
    "errors": _errors,
    "events": _events,
    "commands": _commands,
    "exit_codes": _exit_codes,
    "states": statediagrams.pages,
}

if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
