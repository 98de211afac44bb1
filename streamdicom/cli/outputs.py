"""The outputs of a command: files, pipes and standard output."""

from __future__ import annotations

import os
import sys

from streamdicom._typing import BinaryIO
from streamdicom.cli.exit_codes import UsageError
from streamdicom.cli.inputs import PIPE, is_pipe
from streamdicom.formats import JSON, NDJSON, FormatName, form_of_name
from streamdicom.io import Place, is_url


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
