"""``streamdicom convert``: a DICOM file to DICOM JSON, or back, as a stream."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from streamdicom.api import iter_events, iter_file_events, write_events, write_file
from streamdicom.cli.streams import PIPE, CallError, Meter, is_json, read
from streamdicom.options import WriteOptions
from streamdicom.select import needed_file_meta

__all__ = ["convert_file"]


def convert_file(source: Path, target: Path, indent: int | None, file_meta: bool) -> None:
    """Convert a file, or a pipe, in the direction that the names or the first bytes tell.

    Raises:
        CallError: The names are of the same kind.
        InputError: What was read is at fault.
        OutputError: It cannot be written in the other form.
        OSError: A file cannot be read or written.
    """
    with Meter(f"Converting {source}", source.stat().st_size if source != PIPE else None) as meter:
        data = read(source, meter)
        start = next(data, b"")
        from_json = is_json(source, start)
        if target != PIPE and is_json(target, None) == from_json:
            raise CallError("IN and OUT must be one DICOM file and one DICOM JSON file")
        pieces = chain([start], data)
        output: Path | BinaryIO = sys.stdout.buffer if target == PIPE else target
        if from_json:
            write_file(iter_events(pieces), output)
        else:
            _to_json(pieces, output, indent, file_meta)


def _to_json(pieces: Iterable[bytes], target: Path | BinaryIO, indent: int | None, file_meta: bool) -> None:
    events = needed_file_meta(iter_file_events(pieces), always=file_meta)
    options = WriteOptions(file_meta=True, trailing_newline=True)
    write_events(events, target, indent, options=options, array=False)
