"""``streamdicom convert``: convert between DICOM files, DICOM JSON and XML."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from itertools import chain

from streamdicom._records import NamedTuple, replace
from streamdicom.api import expanded_events, write_events
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.deidentifying import deidentification_of, finish_deidentification
from streamdicom.cli.exit_codes import DONE, UsageError, usage_errors
from streamdicom.cli.inputs import is_pipe, naming_input, read, size_of
from streamdicom.cli.options import note_unmatched, read_options, write_options
from streamdicom.cli.outputs import check_outputs, target_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.codec import output_form
from streamdicom.events import Event
from streamdicom.filters import needed_file_meta, needed_file_meta_of_each, sort_elements
from streamdicom.formats import DICOM, FORMATS, JSON, NDJSON, XML, FormatName, expand, form_of_name, recognize
from streamdicom.io import Expansion, not_blank
from streamdicom.options import ReadOptions, WriteOptions


def run(arguments: Arguments) -> int:
    """Run the command."""
    check_outputs(arguments, [arguments.source])
    deidentification = deidentification_of(arguments)
    more = {
        "trailing_newline": arguments.trailing_newline,
        "transfer_syntax": arguments.transfer_syntax,
        "deidentification": deidentification,
        "on_error": arguments.on_error or "raise",
    }
    convert_file(
        arguments.source,
        arguments.target,
        arguments.indent,
        to=arguments.to,
        reading=read_options(arguments),
        writing=write_options(arguments, **more),
    )
    finish_deidentification(deidentification, arguments.deidentify_report)
    return DONE


def convert_file(
    source: str,
    target: str,
    indent: int | str | None = None,
    *,
    to: FormatName | None = None,
    reading: ReadOptions,
    writing: WriteOptions,
) -> None:
    """Convert a file, whose format is recognized by its content.

    Args:
        source: The file, or ``-`` for standard input.
        target: The file to write, or ``-`` for standard output.
        indent: The indent of JSON and XML.
        to: The format to write. By default it is that of the name of the target. Without a suffix it is JSON for a
            DICOM file that goes to a pipe, and a DICOM file otherwise.
        reading: How the source is read.
        writing: How the target is written.

    Raises:
        UsageError: Both are DICOM files and nothing is de-identified, the target has an unknown suffix, its format has
            no indent, or the package for a compression is not installed.
        InputError: The source is not valid.
        OutputError: A data set cannot be written in the format of the target.
        OSError: A file cannot be read or written.
    """
    if to is None:
        _check_suffix(target)
    size = size_of(source)
    convert = _Conversion(source, target, indent, to, reading, writing)
    with ProgressLine(f"Converting {source}", size, prints=is_pipe(target)) as progress, naming_input(source):
        convert.run(progress)


class _Conversion(NamedTuple):
    """The arguments of ``convert_file``."""

    source: str
    target: str
    indent: int | str | None
    to: FormatName | None
    reading: ReadOptions
    writing: WriteOptions

    def run(self, progress: ProgressLine) -> None:
        """Convert the file."""
        source, reading, writing = self.source, self.reading, self.writing
        expansion = Expansion(reading.limits)
        with usage_errors():  # if a package for its compression is missing
            content, head, whole = recognize(not_blank(expand(read(source, progress), expansion)))
        to = self.to or _format_by_name(self.target, content)
        array = to != JSON.name or _is_array(content, head, source)
        always = writing.file_meta
        if content == DICOM.name or to != DICOM.name:
            writing = replace(writing, file_meta=True)
        form = output_form(reading, writing, format=to, array=array)
        events: Iterator[Event] = expanded_events(whole, reading, expansion, form)
        if content == DICOM.name:  # where group 0002 is first, whatever tags follow
            events = needed_file_meta(events, always=always)
        events = sort_elements(events)
        if content != DICOM.name and to != DICOM.name and not always:
            events = needed_file_meta_of_each(events)
        if content == to == DICOM.name and writing.deidentification is None:
            raise UsageError(
                "IN is a DICOM file: expected JSON or XML as OUT; a DICOM file is written from a DICOM file only with "
                "--deidentify"
            )
        first, events = _split_first(events)
        if first is None and reading.where:
            note_unmatched(reading.where)
        with usage_errors():
            write_events(events, target_of(self.target), self.indent, format=to, options=writing, array=array)


def _split_first(events: Iterable[Event]) -> tuple[Event | None, Iterator[Event]]:
    """Return the first event, if any, and all events."""
    remaining = iter(events)
    for first in remaining:
        return first, chain((first,), remaining)
    return None, iter(())


def _format_by_name(target: str, content: str) -> FormatName:
    row = form_of_name(target).format
    if row is not None:
        return row.name
    if content != DICOM.name:
        return DICOM.name
    if not is_pipe(target):
        raise UsageError(f"{target}: expected a suffix, or --to")
    return JSON.name


def _check_suffix(path: str) -> None:
    """Check that the suffix of a name is known or missing.

    DICOM files often have no suffix, or a UID for a name.

    Raises:
        UsageError: The suffix is unknown.

    >>> _check_suffix("IM00001"), _check_suffix("1.2.840.1")
    (None, None)
    """
    suffix = os.path.splitext(path)[1]
    if suffix and form_of_name(path).format is None and not suffix[1:].isdigit() and not is_pipe(path):
        suffixes = ", ".join(suffix for row in FORMATS.values() for suffix in row.suffixes)
        raise UsageError(f"{path}: expected one of the suffixes {suffixes}, also with .gz or .zst, or --to")


def _is_array(content: str, head: bytes, source: str) -> bool:
    """Return whether the source can have several data sets."""
    if content == XML.name:  # which can be followed by another document
        return True
    text = head.removeprefix(BOM_UTF8).lstrip(b" \t\r\n")
    return content == JSON.name and (not text.startswith(b"{") or form_of_name(source).format is NDJSON)
