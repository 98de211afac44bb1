"""The outputs of a command: files, pipes and standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from streamdicom._typing import BinaryIO
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import UsageError, usage_errors
from streamdicom.cli.inputs import PIPE, is_pipe
from streamdicom.formats import JSON, NDJSON, FormatName, form_of_name
from streamdicom.io import Place, check_distinct, is_url


def target_of(path: str) -> str | BinaryIO:
    """Return the file to write to."""
    return sys.stdout.buffer if path == PIPE else path


def check_folder(path: Place) -> None:
    """Check that an output is a folder, or can become one.

    Raises:
        UsageError: It is a file.
    """
    if not is_url(path) and os.path.exists(path) and not os.path.isdir(path):
        raise UsageError(f"{path}: expected a folder, found a file")


def check_outputs(arguments: Arguments, sources: Iterable[str]) -> None:
    """Check that no output of a command replaces another one, or an input.

    A command that converts one file may replace it.

    Args:
        arguments: The arguments of the command.
        sources: The inputs.

    Raises:
        UsageError: Two are the same.
    """
    given = vars(arguments)
    output, key = given.get("output") or given.get("target"), given.get("key_file")
    sides = {f"--{name.replace('_', '-')}": given.get(name) for name in ("manifest", "report", "deidentify_report")}
    with usage_errors():
        check_distinct({"OUT": output} | sides, [key])
        check_distinct(sides, [*sources, key])


def json_format(path: str, to: FormatName | None) -> FormatName:
    """Return the format of an output that is JSON or NDJSON.

    Args:
        path: The output.
        to: The format that was asked for, if any.

    Raises:
        UsageError: The suffix is that of neither, and no format was asked for.

    >>> json_format("a.ndjson.gz", None), json_format("-", None)
    ('ndjson', 'json')
    """
    if to is not None:
        return to
    if is_pipe(path):
        return "json"
    row = form_of_name(path).format
    if row not in (JSON, NDJSON):
        suffixes = ", ".join((*JSON.suffixes, *NDJSON.suffixes))
        raise UsageError(f"{path}: expected one of the suffixes {suffixes}, also with .gz or .zst, or --to")
    return row.name
