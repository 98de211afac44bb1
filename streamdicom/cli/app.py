"""The commands and their arguments.

Each command imports what it needs when it runs: a small file is converted in less time than all of it takes.
"""

from __future__ import annotations

import logging
import sys
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import streamdicom
from streamdicom.cli.exit_codes import Commands, end_on_sigterm
from streamdicom.cli.inputs import CallError, Kind, plain
from streamdicom.cli.options import (
    FORM,
    INDENT,
    READING,
    SELECT,
    TARGET,
    Chosen,
    has_options,
    indent_of,
    options_of,
    selected_of,
)
from streamdicom.options import ReadOptions, WriteOptions

app = typer.Typer(
    name="streamdicom",
    cls=Commands,
    help="DICOM JSON (PS3.18 Annex F) as a stream.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

_In = Annotated[Path, typer.Argument(metavar="IN", help="A file, or - for a pipe.")]
_Out = Annotated[Path, typer.Argument(metavar="OUT", help="A file, or - for a pipe.")]
_To = Annotated[Kind | None, typer.Option("--to", help="What OUT is, if its name does not tell.")]


def run() -> None:
    """Run the command line on ``sys.argv``, and exit."""
    warnings.showwarning = _show_warning
    logging.getLogger("pydicom").addHandler(logging.NullHandler())  # its warnings come as warnings too
    end_on_sigterm()
    app(prog_name="streamdicom")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(plain(f"streamdicom: warning: {message}"), file=sys.stderr)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version, and exit.", is_eager=True)] = False,
) -> None:
    if version:
        print(streamdicom.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help(), end="")
        raise typer.Exit(2)


@app.command()
def demo() -> None:
    """Write pydicom's own files as one DICOM JSON array, read it back, and compare every element."""
    from streamdicom.cli.demo import run_demo

    if not run_demo():
        raise typer.Exit(1)


@app.command()
@has_options(INDENT, FORM, TARGET, READING, SELECT)
def convert(source: _In, target: _Out, chosen: Chosen, to: _To = None) -> None:
    """Convert a DICOM file (.dcm), DICOM JSON (.json) or the Native DICOM Model (.xml) to another of them.

    JSON may become another form of JSON, and XML of XML.
    """
    from streamdicom.cli.convert import convert_file

    reading, writing = options_of(ReadOptions, chosen), options_of(WriteOptions, chosen)
    convert_file(source, target, indent_of(chosen), reading=reading, writing=writing, to=to, ndjson=chosen["ndjson"])


@app.command()
def show(source: _In) -> None:
    """Print the elements of DICOM JSON, of XML or of a DICOM file as a tree, while it is read."""
    from streamdicom.cli.show import show_file

    show_file(source)


# --- over the network ------------------------------------------------------------------------------------------

_Address = Annotated[str, typer.Argument(metavar="HOST:PORT", help="An address; port 0 is any that is free.")]
_Peer = Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where the listener is.")]
_Lines = Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Add the lines to a file.")]
_Once = Annotated[bool, typer.Option("--once", help="End after the first connection; exit code 1 if it failed.")]
_Timeout = Annotated[float, typer.Option(min=0.001, metavar="SECONDS", help="How long a peer may say nothing.")]


@app.command()
def listen(address: _Address, output: _Lines = Path("-"), once: _Once = False, timeout: _Timeout = 60) -> None:
    """Take data sets from whoever connects, and write each as a line of NDJSON when it is complete.

    Peers send JSON, NDJSON or XML. One that sends what is wrong or stops in between is told by a reset connection, and
    here by a line on stderr; what it sent before was written. There is no encryption, and anybody may connect.
    """
    from streamdicom.cli.listen import listen_at

    if not listen_at(address, output, once=once, timeout=timeout):
        raise typer.Exit(1)


@app.command()
def send(source: _In, address: _Peer, timeout: _Timeout = 60) -> None:
    """Send the data sets of a DICOM JSON stream or a DICOM file to a listener, while they are read.

    Exit code 0: the listener has written all of them, 1: it has not, or what was read is at fault.
    """
    from streamdicom.cli.listen import send_file

    send_file(source, address, timeout)


_Url = Annotated[str, typer.Argument(metavar="URL", help="It ends with studies, series, instances or metadata.")]
_Fetched = Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="A file, or - for a pipe.")]
_Ndjson = Annotated[
    bool, typer.Option("--ndjson", help="A data set on a line, as for a name that ends in .ndjson or .jsonl.")
]
_Header = Annotated[
    list[str], typer.Option("--header", metavar="NAME:VALUE", help="To be sent to the server alone; repeatable.")
]
_Token = Annotated[
    str | None,
    typer.Option(metavar="TEXT", envvar="STREAMDICOM_TOKEN", show_envvar=True, help="A bearer token, sent likewise."),
]
_PageSize = Annotated[int, typer.Option(min=1, metavar="N", help="Results of a search to ask for at once.")]


@app.command()
@has_options(INDENT, FORM, READING, SELECT)
def fetch(
    url: _Url,
    output: _Fetched,
    ndjson: _Ndjson = False,
    header: _Header = [],  # noqa: B006 - typer's way
    token: _Token = None,
    page_size: _PageSize = 1000,
    timeout: _Timeout = 30,
    *,
    chosen: Chosen,
) -> None:
    """Write what a DICOMweb server answers with as DICOM JSON: a search in pages, or metadata.

    The parameters limit and offset of the URL bound a search. A connection that breaks is made again, and what came
    before is not written twice. References to bulk data stay, and become absolute.
    """
    from streamdicom.cli.fetch import fetch_url  # which says so if the extra is missing

    fetch_url(
        url,
        output,
        indent_of(chosen),
        headers=header,
        token=token,
        page_size=page_size,
        timeout=timeout,
        reading=options_of(ReadOptions, chosen),
        writing=options_of(WriteOptions, {**chosen, "trailing_newline": True}),
        ndjson=ndjson,
    )


# --- conformance and comparison ---------------------------------------------------------------------------------


class _ReportForm(StrEnum):
    TEXT = "text"
    JSON = "json"


def _codes(is_wanted: bool) -> None:
    from streamdicom.cli.validate import print_codes

    if is_wanted:
        print_codes()
        raise typer.Exit


_Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="JSON, NDJSON, XML or DICOM files, or - for a pipe.")
]
_Strict = Annotated[bool, typer.Option("--strict", help="Notes are failures too.")]
_ReportFormOption = Annotated[_ReportForm, typer.Option("--report", help="Lines, or one JSON object.")]
_Codes = Annotated[
    bool,
    typer.Option(
        "--codes", help="Print all codes, with what they mean and an example, and exit.", callback=_codes, is_eager=True
    ),
]
_Most = Annotated[int, typer.Option("--max", min=0, metavar="N", help="Deviations of each file that are printed.")]


@app.command()
def validate(
    files: _Files,
    strict: _Strict = False,
    report: _ReportFormOption = _ReportForm.TEXT,
    most: _Most = 1000,
    codes: _Codes = False,  # which has ended the program, if it is true
) -> None:
    """Print where a stream of any size departs from the standard, and a summary by code.

    Exit code 0: conformant, 1: not. A note, which is about something that the standard leaves open, is a failure only
    with --strict.
    """
    from streamdicom.cli.validate import validate_files

    if not validate_files(files, strict=strict, as_json=report is _ReportForm.JSON, most=most):
        raise typer.Exit(1)


class _By(StrEnum):
    UID = "uid"
    POSITION = "position"


_One = Annotated[Path, typer.Argument(metavar="A", help="JSON, NDJSON, XML or a DICOM file, or - for a pipe.")]
_Other = Annotated[Path, typer.Argument(metavar="B", help="Another.")]
_ByOption = Annotated[_By, typer.Option("--by", help="Data sets belong together by SOP Instance UID, or by position.")]
_Ignore = Annotated[list[str], typer.Option(metavar="PATTERN", help="Elements that do not count; may be given again.")]
_Values = Annotated[bool, typer.Option("--values", help="Print the start of values too. They are health records.")]
_CompareMeta = Annotated[bool, typer.Option("--file-meta", help="Group 0002 counts too.")]


@app.command()
def diff(
    one: _One,
    other: _Other,
    by: _ByOption = _By.UID,
    ignore: _Ignore = [],  # noqa: B006 - typer's way
    values: _Values = False,
    file_meta: _CompareMeta = False,
) -> None:
    """Print which elements of two streams differ, data set by data set.

    The text of a number counts, 1.0 is not 1.00; the order of elements and of data sets does not, nor do group
    lengths. Exit code 0: the streams are equal, 1: they are not, or one is at fault.
    """
    from streamdicom.cli.diff import diff_files

    by_position = by is _By.POSITION
    if not diff_files(one, other, by_position=by_position, ignore=ignore, values=values, file_meta=file_meta):
        raise typer.Exit(1)


# --- archives --------------------------------------------------------------------------------------------------


class _Format(StrEnum):
    JSON = "json"
    NDJSON = "ndjson"


class _Compression(StrEnum):
    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"


class _OnError(StrEnum):
    STOP = "stop"
    SKIP = "skip"


class _OnDuplicate(StrEnum):
    ERROR = "error"
    KEEP_BOTH = "keep-both"
    SKIP = "skip"
    REPLACE = "replace"


_Sources = Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Files, folders, ZIP and tar files.")]
_Stream = Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="A file, or - for a pipe.")]
_Folder = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder for the files.")]
_FormatOption = Annotated[
    _Format | None, typer.Option("--format", help="One array, or a data set on each line. By default as the name says.")
]
_Compress = Annotated[_Compression | None, typer.Option("--compress", help="By default as the name says, .gz or .zst.")]
_BulkDir = Annotated[Path | None, typer.Option(metavar="DIR", help="Put large binary values here.")]
_BulkThreshold = Annotated[int, typer.Option(min=0, help="Bytes up to which a binary value is not large.")]
_BulkPrefix = Annotated[str, typer.Option(metavar="PREFIX", help="What the references to them begin with.")]
_NoBulk = Annotated[bool, typer.Option("--no-bulk", help="Leave large binary values out.")]
_Jobs = Annotated[int, typer.Option(min=1, help="How many processes.")]
_OnErrorOption = Annotated[_OnError, typer.Option("--on-error", help="What to do with an input that fails.")]
_OnDuplicateOption = Annotated[
    _OnDuplicate, typer.Option("--on-duplicate", help="What to do with a SOP Instance UID that comes again.")
]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on where the run before was stopped.")]
_ReportOption = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write the report as JSON.")]
_LayoutOption = Annotated[
    str, typer.Option("--layout", help="The path of each file, with keywords of elements in braces.")
]
_Syntax = Annotated[str | None, typer.Option(metavar="UID", help="The transfer syntax of the files.")]
_BulkRoot = Annotated[Path | None, typer.Option("--bulk-dir", metavar="DIR", help="Where references lead to.")]


@app.command("export")
@has_options(INDENT, FORM, SELECT)
def export_command(
    sources: _Sources,
    output: _Stream,
    format_: _FormatOption = None,
    compress: _Compress = None,
    bulk_dir: _BulkDir = None,
    bulk_threshold: _BulkThreshold = 1024,
    bulk_uri_prefix: _BulkPrefix = "",
    no_bulk: _NoBulk = False,
    jobs: _Jobs = 1,
    on_error: _OnErrorOption = _OnError.STOP,
    resume: _Resume = False,
    report: _ReportOption = None,
    *,
    chosen: Chosen,
) -> None:
    """Write DICOM files, found by their content, as one stream of DICOM JSON.

    Exit code 0: every input is in the output; 3: some were skipped.
    """
    from streamdicom.cli.archive import export_files

    is_complete = export_files(
        sources,
        output,
        report,
        format=format_,
        compress=compress,
        bulk_dir=bulk_dir,
        bulk_threshold=bulk_threshold,
        bulk_uri_prefix=bulk_uri_prefix,
        bulk=not no_bulk,
        indent=indent_of(chosen),
        options=options_of(WriteOptions, chosen),
        where=selected_of(chosen),
        jobs=jobs,
        on_error=on_error,
        resume=resume,
    )
    if not is_complete:
        raise typer.Exit(3)


@app.command("import")
def import_command(
    source: _In,
    output: _Folder,
    layout: _LayoutOption = "{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm",
    transfer_syntax: _Syntax = None,
    bulk_dir: _BulkRoot = None,
    bulk_uri_prefix: _BulkPrefix = "",
    on_error: _OnErrorOption = _OnError.STOP,
    on_duplicate: _OnDuplicateOption = _OnDuplicate.ERROR,
    resume: _Resume = False,
    report: _ReportOption = None,
) -> None:
    """Write each data set of a stream of DICOM JSON to a DICOM file of its own.

    Exit code 0: every data set is in a file; 3: some were skipped.
    """
    from streamdicom.cli.archive import import_files

    is_complete = import_files(
        source,
        output,
        report,
        layout=layout,
        transfer_syntax=transfer_syntax,
        bulk_root=bulk_dir,
        bulk_uri_prefix=bulk_uri_prefix,
        on_error=on_error,
        on_duplicate=on_duplicate,
        resume=resume,
    )
    if not is_complete:
        raise typer.Exit(3)


# --- DICOMweb ---------------------------------------------------------------------------------------------------

_Archive = Annotated[Path, typer.Argument(metavar="PATH", help="A folder of DICOM files, or of DICOM JSON.")]
_Host = Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen. Anybody who gets there can read all.")]
_Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0 for any that is free.")]
_ReadOnly = Annotated[bool, typer.Option("--read-only", help="Nothing can be stored.")]


@app.command()
def serve(path: _Archive, host: _Host = "127.0.0.1", port: _Port = 8042, read_only: _ReadOnly = False) -> None:
    """Serve a folder as a DICOMweb origin server: search, retrieve, store. It ends with Ctrl-C."""
    try:
        from streamdicom.cli.serve import serve_folder
    except ModuleNotFoundError as error:
        raise CallError(f'{error.name} is missing; install "streamdicom[cli,serve]"') from None
    serve_folder(path, host, port, read_only=read_only)
