"""``streamdicom convert``: from any of DICOM files, DICOM JSON and the Native DICOM Model to any other, as a stream."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from streamdicom.api import iter_events, write_events
from streamdicom.cli.inputs import (
    PIPE,
    CallError,
    Kind,
    Meter,
    calling,
    check_suffix,
    is_array,
    is_lines,
    is_pipe,
    kind_by_name,
    naming_input,
    opened,
    read,
    size_of,
)
from streamdicom.events import Event
from streamdicom.filters import needed_file_meta, sort_elements
from streamdicom.formats import FormatName
from streamdicom.io import not_blank
from streamdicom.options import ReadOptions, WriteOptions

_FORMATS: dict[Kind, FormatName] = {Kind.JSON: "json", Kind.XML: "xml", Kind.DCM: "dicom"}


def convert_file(
    source: Path,
    target: Path,
    indent: int | str | None,
    *,
    reading: ReadOptions,
    writing: WriteOptions,
    to: Kind | None = None,
    ndjson: bool = False,
) -> None:
    """Convert a file, or a pipe, from what its first bytes or its name tell, or write JSON or XML anew.

    What is about JSON has no meaning for the others, and the other way round.

    Args:
        source: What is read.
        target: What is written.
        indent: Of JSON and XML.
        reading: How it is read.
        writing: How it is written.
        to: What is written; or else the name of the target tells, or it is JSON of a DICOM file and a DICOM file of
            all else. Under a name for NDJSON, JSON is NDJSON.
        ndjson: Write JSON as NDJSON whatever the name of the target.

    Raises:
        CallError: It would be a DICOM file both before and after, or the name of the target tells nothing.
        InputError: What was read is at fault.
        OutputError: It cannot be written in the other form.
        OSError: A file cannot be read or written.
    """
    if to is None:
        check_suffix(target)
    with Meter(f"Converting {source}", size_of(source), prints=is_pipe(target)) as meter, naming_input(source):
        kind, start, pieces = opened(not_blank(read(source, meter)), reading.limits)
        to = to or kind_by_name(target) or _other(kind, target)
        output: Path | BinaryIO = sys.stdout.buffer if target == PIPE else target
        if kind is to is Kind.DCM:
            raise CallError("IN and OUT must not both be DICOM files")
        events: Iterable[Event] = iter_events(pieces, options=reading)
        if kind is Kind.DCM:
            events = needed_file_meta(events, always=writing.file_meta)
            writing = replace(writing, file_meta=True)
        else:
            events = sort_elements(events)
        form = "ndjson" if to is Kind.JSON and (ndjson or is_lines(target)) else _FORMATS[to]
        if to is Kind.DCM:
            write_events(events, output, format=form, options=writing)
            return
        if ndjson and to is not Kind.JSON:
            raise CallError("--ndjson is for JSON alone")
        # Neither XML nor NDJSON shows whether more data sets follow.
        array = kind is Kind.XML or (kind is Kind.JSON and (is_array(start) or is_lines(source)))
        with calling():  # an indent for NDJSON
            write_events(events, output, indent, format=form, options=writing, array=array)


def _other(kind: Kind | None, target: Path) -> Kind:
    if kind is Kind.DCM and not is_pipe(target):
        raise CallError("the name of OUT does not tell its format; --to says it")
    return Kind.JSON if kind is Kind.DCM else Kind.DCM
