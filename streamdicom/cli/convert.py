"""``streamdicom convert``: from any of DICOM files, DICOM JSON and the Native DICOM Model to any other, as a stream."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from streamdicom.api import iter_events, iter_file_events, write_events, write_file
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
    kind_of,
    opened,
    read,
    size_of,
)
from streamdicom.events import Event
from streamdicom.filters import needed_file_meta, sort_elements
from streamdicom.io import not_blank
from streamdicom.options import Format, ReadOptions, WriteOptions

_FORMATS: dict[Kind, Format] = {Kind.JSON: "json", Kind.XML: "xml"}


def convert_file(
    source: Path,
    target: Path,
    indent: int | str | None,
    *,
    reading: ReadOptions,
    writing: WriteOptions,
    to: Kind | None = None,
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

    Raises:
        CallError: It would be a DICOM file both before and after, or the name of the target tells nothing.
        InputError: What was read is at fault.
        OutputError: It cannot be written in the other form.
        OSError: A file cannot be read or written.
    """
    if to is None:
        check_suffix(target)
    with Meter(f"Converting {source}", size_of(source), prints=is_pipe(target)) as meter:
        start, pieces = opened(not_blank(read(source, meter)))
        kind = kind_of(source, start)
        to = to or kind_by_name(target) or _other(kind, target)
        output: Path | BinaryIO = sys.stdout.buffer if target == PIPE else target
        if kind is to is Kind.DCM:
            raise CallError("IN and OUT must not both be DICOM files")
        if to is Kind.DCM:
            write_file(sort_elements(iter_events(pieces, options=_known(reading, kind))), output, options=writing)
            return
        events: Iterable[Event]
        if kind is Kind.DCM:
            events = needed_file_meta(iter_file_events(pieces, options=reading), always=writing.file_meta)
            writing = replace(writing, file_meta=True)
        else:
            many = replace(_known(reading, kind), multiple_documents=True)
            events = sort_elements(iter_events(pieces, options=many))
        # Of XML nobody knows whether one document more will come, nor of NDJSON.
        array = kind is Kind.XML or (kind is Kind.JSON and (is_array(start) or is_lines(source)))
        ndjson = writing.ndjson or (to is Kind.JSON and is_lines(target))
        with calling():  # an indent for NDJSON, or NDJSON in XML
            options = replace(writing, format=_FORMATS[to], ndjson=ndjson)
            write_events(events, output, indent, options=options, array=array)


def _other(kind: Kind, target: Path) -> Kind:
    if kind is Kind.DCM and not is_pipe(target):
        raise CallError("OUT is of no kind that its name tells; --to says it")
    return Kind.JSON if kind is Kind.DCM else Kind.DCM


def _known(options: ReadOptions, kind: Kind) -> ReadOptions:
    return replace(options, format=_FORMATS[kind])
