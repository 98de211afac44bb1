"""``streamdicom convert``: a DICOM file to DICOM JSON, or back, as a stream."""

from __future__ import annotations

import sys
from codecs import BOM_UTF8
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from streamdicom.api import iter_events, iter_file_events, write_events, write_file
from streamdicom.cli.streams import PIPE, CallError, Meter, calling, is_json, read, size_of
from streamdicom.options import ReadOptions, WriteOptions
from streamdicom.ordering import sort_elements
from streamdicom.select import needed_file_meta

__all__ = ["convert_file"]


def convert_file(
    source: Path, target: Path, indent: int | str | None, *, reading: ReadOptions, writing: WriteOptions
) -> None:
    """Convert a file, or a pipe, in the direction that the names or the first bytes tell, or write JSON anew.

    What is about JSON has no meaning for a DICOM file, and the other way round.

    Raises:
        CallError: The names are those of DICOM files both.
        InputError: What was read is at fault.
        OutputError: It cannot be written in the other form.
        OSError: A file cannot be read or written.
    """
    with Meter(f"Converting {source}", size_of(source)) as meter:
        data = read(source, meter)
        start = next(data, b"")
        from_json = is_json(source, start)
        to_json = is_json(target, None)
        if target != PIPE and not (from_json or to_json):
            raise CallError("IN and OUT must not both be DICOM files")
        pieces = chain([start], data)
        output: Path | BinaryIO = sys.stdout.buffer if target == PIPE else target
        if from_json and to_json:
            events = sort_elements(iter_events(pieces, options=replace(reading, multiple_documents=True)))
            with calling():
                write_events(events, output, indent, options=writing, array=_is_array(start))
        elif from_json:
            write_file(sort_elements(iter_events(pieces, options=reading)), output, options=writing)
        else:
            events = needed_file_meta(iter_file_events(pieces, options=reading), always=writing.file_meta)
            with calling():  # an indent for NDJSON
                write_events(events, output, indent, options=replace(writing, file_meta=True), array=False)


def _is_array(start: bytes) -> bool:
    """Whether JSON text has data sets in an array, or else one by itself."""
    return not start.removeprefix(BOM_UTF8).lstrip().startswith(b"{")
