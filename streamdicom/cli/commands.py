"""The declarations of all commands.

The module of a command is imported when the command runs, and not for its help.
"""

from __future__ import annotations

from streamdicom.cli.arguments import (
    Argument,
    Command,
    Group,
    choice,
    flag,
    integer,
    one_of,
    option,
    path,
    place,
    positional,
    repeated,
    seconds,
)
from streamdicom.cli.exit_codes import DONE, FAILED, SKIPPED, USAGE
from streamdicom.cli.options import DEIDENTIFY, EXCLUDE, FORCE, FORM, INCLUDE, INDENT, LISTENING, READING, SELECT

_INPUT = "JSON, NDJSON, Native DICOM XML or a DICOM file, plain or compressed; - for standard input."
_OUTPUT = "A file, or - for standard output."


def _report() -> Argument:
    return option("--report", metavar="FILE", type=path, text="Write a report in JSON to this file.")


_MANIFEST = option(
    "--manifest", metavar="FILE", type=place, text="Write versions, options and the digest of each file, as NDJSON."
)


def _on_error(text: str) -> Argument:
    return choice("--on-error", ("stop", "skip"), default="stop", text=text)


_ON_FAULT = "What to do with an input that is not valid: skip leaves out its rest."
_SOME_SKIPPED = {SKIPPED: "Some inputs were skipped (--on-error skip)."}
_OF_MANY = {
    USAGE: "The arguments are wrong, a source does not exist, or the output cannot be opened.",
    **_SOME_SKIPPED,
}


def _bulk_uri_prefix() -> Argument:
    return option("--bulk-uri-prefix", metavar="PREFIX", default="", text="The start of references to bulk data.")


def _timeout(default: float, text: str) -> Argument:
    return option("--timeout", metavar="SECONDS", type=seconds, default=default, text=text)


_TO_JSON = choice("--to", ("json", "ndjson"), text="The format of OUT, whatever its suffix.")
_RESUME = flag("--resume", text="Continue where an interrupted run has stopped.")

_DEMO = Command(
    "demo",
    "demo",
    "Convert pydicom's test files to DICOM JSON and back, and compare every element.",
    "",
    (),
    {DONE: "Every element is the same.", FAILED: "Some elements differ."},
)

_CONVERT = Command(
    "convert",
    "convert",
    "Convert between DICOM files, DICOM JSON and Native DICOM XML.",
    "The format of IN is detected from its content, that of OUT is given by its suffix: .json, .ndjson, .jsonl, .xml, "
    ".dcm or .dicom. A name without a suffix is a DICOM file. JSON and XML can also be written anew, in another form, "
    "and DICOM files with --deidentify.",
    (
        positional("source", "IN", _INPUT, type=path),
        positional("target", "OUT", _OUTPUT, type=path),
        choice("--to", ("json", "ndjson", "xml", "dicom"), text="The format of OUT, whatever its suffix."),
        INDENT,
        flag("--no-trailing-newline", dest="trailing_newline", value=False, text="Write no line feed at the end."),
        option("--transfer-syntax", metavar="UID", text="The Transfer Syntax of a DICOM file."),
        FORCE,
        SELECT,
        READING,
        FORM,
        DEIDENTIFY,
    ),
    {},
)

_SHOW = Command(
    "show",
    "show",
    "Print the elements of a file as a tree, while it is read.",
    "Long values are cut. FILE#17 is the data set with this number, counted from 0. With an index beside the file it "
    "is found at once, and so are FILE#-1, the last one, and FILE#UID, by SOP Instance UID. On a terminal, the tree "
    "has colours, unless NO_COLOR is set, and goes through the pager in STREAMDICOM_PAGER or PAGER, or through less.",
    (
        positional("source", "FILE[#N|#UID]", _INPUT, type=path),
        option("--at", metavar="N|UID", text="Only the data set with this number or SOP Instance UID, by the index."),
        INCLUDE,
        EXCLUDE,
        SELECT,
        FORCE,
        Group(
            "form",
            (
                option(
                    "--depth",
                    metavar="N",
                    type=integer(0),
                    text="Show the items of so many sequences within each other, and of deeper ones their number. By "
                    "default all are shown.",
                ),
                option("--width", metavar="N", type=integer(1), text="Characters of a short value; by default 64."),
                choice(
                    "--values",
                    ("full", "short", "none"),
                    text="All of each value, bytes in hexadecimal digits; its start, which is the default; or nothing.",
                ),
                flag("--json", text="Print each data set as an object of DICOM JSON, and not as a tree."),
                choice("--color", ("auto", "always", "never"), default="auto", text="Colours; auto: on a terminal."),
                flag("--no-pager", dest="pager", value=False, text="Print on the terminal itself."),
            ),
        ),
    ),
    {},
)

_VALIDATE = Command(
    "validate",
    "validate",
    "Report every deviation from the standard, with its place, and a summary by code.",
    "Files of any size are read as streams. Checked are the form, and by VR and data dictionary the values. Notes are "
    "about forms that the standard neither requires nor forbids; they are failures only with --strict.",
    (
        positional("sources", "FILE", _INPUT, type=path, nargs="*"),
        flag("--strict", text="Notes are failures too."),
        flag("--iod", text='Check the modules of the IOD of each data set too; the extra "iod" has the tables.'),
        flag("--no-values", dest="values", value=False, text="Check the form only."),
        choice("--report", ("text", "json", "junit", "sarif", "html"), default="text", text="The form of the report."),
        option("--max", metavar="N", type=integer(0), default=1000, text="Deviations of each file that are printed."),
        flag("--codes", text="Print all codes, with their meaning and an example, and exit."),
        FORCE,
    ),
    {DONE: "All files conform to the standard.", FAILED: "A file does not conform to the standard."},
)

_DIFF = Command(
    "diff",
    "diff",
    "Print the elements that differ between two files, data set by data set.",
    "The files can have different formats. Elements and data sets can be in any order. The text of a number counts: "
    "1.0 differs from 1.00. Group lengths are ignored.",
    (
        positional("one", "A", _INPUT, type=path),
        positional("other", "B", "The file to compare with.", type=path),
        choice("--by", ("uid", "position"), default="uid", text="Pair data sets by SOP Instance UID, or by position."),
        repeated("--ignore", "PATTERN", "Ignore these elements: a tag, a keyword, a group or a VR."),
        flag("--values", text="Also print the start of values. They are health records."),
        flag("--file-meta", text="Also compare group 0002."),
        choice("--report", ("text", "json", "html"), default="text", text="The form of the report."),
        flag("--html", text="The same as --report html."),
        FORCE,
    ),
    {DONE: "The files are equal.", FAILED: "The files differ, or one is not valid."},
)

_JOBS = option("--jobs", metavar="N", type=integer(1), default=1, text="Number of processes.")

_EXPORT = Command(
    "export",
    "export",
    "Write many DICOM files as one stream of DICOM JSON.",
    "DICOM files are found by their content in folders, ZIP and tar files. Other files are passed over, unless they "
    "are named. The output gets its name when it is complete; after an interruption, run the same command again with "
    "--resume.",
    (
        positional(
            "sources", "SOURCE", "Files, folders, ZIP and tar files, also at URLs for fsspec.", type=place, nargs="+"
        ),
        option("-o", "--output", metavar="OUT", type=place, required=True, text=_OUTPUT),
        _TO_JSON,
        choice("--compress", ("none", "gzip", "zstd"), text="The compression of OUT, whatever its suffix (.gz, .zst)."),
        INDENT,
        flag("--index", text="Write the index of OUT beside it, as the command index does."),
        _JOBS,
        _on_error("What to do with an input that is not valid."),
        _RESUME,
        _report(),
        _MANIFEST,
        option("--since", metavar="FILE", type=place, text="Only files that are new or changed since this manifest."),
        FORCE,
        SELECT,
        Group(
            "bulk data",
            (
                option("--bulk-dir", metavar="DIR", type=place, text="Write long binary values to this folder."),
                option(
                    "--bulk-threshold",
                    metavar="BYTES",
                    type=integer(0),
                    default=1024,
                    text="Length up to which a binary value stays in the JSON.",
                ),
                _bulk_uri_prefix(),
                flag("--no-bulk", dest="bulk", value=False, text="Leave out long binary values."),
            ),
        ),
        FORM,
        DEIDENTIFY,
    ),
    {DONE: "Every input is in the output.", **_OF_MANY},
)

_IMPORT = Command(
    "import",
    "import_",
    "Write each data set of a stream of DICOM JSON to a DICOM file.",
    "After an interruption, run the same command again with --resume.",
    (
        positional("source", "IN", _INPUT, type=place),
        option("-o", "--output", metavar="DIR", type=place, required=True, text="The folder for the files."),
        option(
            "--layout",
            default="{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm",
            text="Path of each file, with keywords in braces.",
        ),
        option("--transfer-syntax", metavar="UID", text="The Transfer Syntax of the files."),
        FORCE,
        SELECT,
        INCLUDE,
        EXCLUDE,
        _JOBS,
        option("--bulk-dir", metavar="DIR", type=place, text="The folder that references to bulk data lead to."),
        _bulk_uri_prefix(),
        _on_error("What to do with a data set that is not valid."),
        choice(
            "--on-duplicate",
            ("error", "keep-both", "skip", "replace"),
            default="error",
            text="What to do if the SOP Instance UID or the path of a data set is taken.",
        ),
        _RESUME,
        _report(),
        _MANIFEST,
    ),
    {DONE: "Every data set is in a file.", SKIPPED: "Some data sets were skipped."},
)


def _tls(peer: str) -> tuple[Argument, ...]:
    return (
        option("--tls-ca", metavar="FILE", type=path, text="Trust these CAs, in place of those of the system."),
        option("--tls-cert", metavar="FILE", type=path, text=f"A certificate for the {peer}, in PEM."),
        option("--tls-key", metavar="FILE", type=path, text="The key of the certificate, if it has its own file."),
    )


_SERVER = (
    repeated("--header", "NAME:VALUE", "A header field for the server.", dest="headers"),
    option("--token", metavar="TEXT", text="A bearer token for the server (environment: STREAMDICOM_TOKEN)."),
    *_tls("server"),
    _timeout(30, "Time without data after which the connection is given up."),
)

_VERIFY = Command(
    "verify",
    "verify",
    "Check an export: its text, its index, its bulk data and its manifest.",
    "Each fault is a line. The index beside the file must have the place and the SOP Instance UID of each data set.",
    (
        positional("source", "FILE", "A file that the command export has written.", type=place),
        option("--bulk-dir", metavar="DIR", type=place, text="The folder of bulk data: the content of each value."),
        _bulk_uri_prefix(),
        option("--manifest", metavar="FILE", type=place, text="The manifest: size, digest and number of data sets."),
    ),
    {DONE: "Nothing is at fault.", FAILED: "Something is at fault."},
)

_FETCH = Command(
    "fetch",
    "fetch",
    "Write the results of a DICOMweb search, metadata, DICOM files or bulk data.",
    "Searches and metadata become DICOM JSON. A search is requested in pages; the parameters limit and offset of the "
    "URL bound it. A broken connection is opened again, and no data set is written twice. References to bulk data "
    "become absolute. A study, a series or an instance becomes DICOM files, and frames or bulk data become files of "
    "their bytes, all in the transfer syntax that the server has.",
    (
        positional(
            "url",
            "URL",
            "It ends with studies, series, instances or metadata for JSON; or it is that of a study, a series, an "
            "instance, of frames or bulk data.",
        ),
        option(
            "-o",
            "--output",
            metavar="OUT",
            type=path,
            required=True,
            text="A file, or - for standard output; for DICOM files and values a folder, or a file for one of them.",
        ),
        _TO_JSON,
        INDENT,
        option("--page-size", metavar="N", type=integer(1), default=1000, text="Results of a search for each request."),
        *_SERVER,
        SELECT,
        READING,
        FORM,
    ),
    {},
)

_STORE = Command(
    "store",
    "store",
    "Send DICOM files to a DICOMweb server (STOW-RS).",
    "Each acknowledged instance is printed, with its file. A request whose connection is lost is sent again. With a "
    "journal, the command sends what the journal does not have, so the same command continues where it has stopped.",
    (
        positional(
            "sources", "FILE", "DICOM files, or folders in which they are found by content.", nargs="+", type=path
        ),
        positional("url", "URL", "The base URL of the server, or that of its studies or of one study."),
        option("--journal", metavar="FILE", type=path, text="Append each acknowledged instance to this file."),
        *_SERVER,
    ),
    {DONE: "The server has acknowledged every file.", FAILED: "Some files are not stored."},
)

_GIB = 1024 * 1024 * 1024


def _bound(flag: str, metavar: str, default: int, text: str, dest: str, least: int = 1) -> Argument:
    return option(flag, metavar=metavar, type=integer(least), default=default, text=text, dest=dest)


BOUNDS = Group(
    "bounds on clients",
    (
        _bound("--max-connections", "N", 4096, "Open connections.", "connections"),
        _bound("--max-requests", "N", 256, "Requests at once; others are answered 503.", "requests"),
        _bound("--max-memory", "BYTES", _GIB // 4, "Memory for requests at once, 1 MiB for each.", "memory"),
        option("--head-timeout", metavar="SECONDS", type=seconds, default=20.0, text="Time for the head of a request."),
        option(
            "--body-timeout",
            metavar="SECONDS",
            type=seconds,
            default=60.0,
            text="Time to wait for a body, beyond that for --body-rate.",
        ),
        _bound("--body-rate", "BYTES", 1024, "Bytes of a body for a second more.", "body_rate"),
        option(
            "--read-timeout",
            metavar="SECONDS",
            type=seconds,
            default=60.0,
            text="Time for a client to read 64 KiB of a response.",
        ),
        _bound("--max-request-size", "BYTES", 16 * _GIB, "Size of a request to store.", "request_size"),
        _bound("--max-datasets", "N", 10_000, "Data sets of a request to store.", "datasets"),
        _bound("--keep-free", "BYTES", _GIB // 4, "Space of the disk that storing leaves free.", "free_space", 0),
    ),
)
"""Fields of ``ServerLimits``."""

_SERVE = Command(
    "serve",
    "serve",
    "Serve a folder as a DICOMweb origin server: search, retrieve and store.",
    "The folder is indexed first. There is no password: everyone who can reach the address can read everything, unless "
    "clients need a token or a certificate. Ctrl-C stops the server.",
    (
        positional("folder", "DIR", "A folder of DICOM files or of DICOM JSON.", type=path),
        option("--host", metavar="ADDRESS", default="127.0.0.1", text="The address to listen at."),
        option("--port", metavar="N", type=integer(0, 65535), default=8042, text="The port; 0 for a free one."),
        flag("--read-only", text="Refuse to store instances."),
        flag("--lenient-accept", text="Send compressed images to clients that do not name a transfer syntax, not 406."),
        repeated("--cors", "ORIGIN", "An origin whose pages may use the server, as https://viewer.example, or *."),
        repeated("--allow-host", "NAME", "A further name that clients have for the server, or *.", dest="hosts"),
        option("--root-path", metavar="PATH", default="", text="The path at which a proxy publishes the server."),
        *LISTENING,
        option(
            "--access-log",
            metavar="FILE",
            type=path,
            text="Append a line of JSON for each request, without UIDs and queries; - for standard error.",
        ),
        BOUNDS,
    ),
    {},
)

_BROWSE = Command(
    "browse",
    "browse",
    "Look through data sets in a page on this machine, however many there are.",
    "The page opens at once, while data sets are still being found. With an index beside a file they are found at "
    "once. Only programs on this machine that know the printed address can read the data sets. Nothing is written "
    "beside the sources. Ctrl-C stops the page.",
    (
        positional("sources", "SOURCE", "Files, folders, ZIP and tar files.", type=path, nargs="+"),
        option("--port", metavar="N", type=integer(0, 65535), default=0, text="The port; by default a free one."),
        flag("--no-open", dest="open", value=False, text="Do not open the page in a browser."),
        FORCE,
    ),
    {},
)

_LISTEN = Command(
    "listen",
    "listen",
    "Receive data sets over a network, and write each as a line of NDJSON when it is complete.",
    "Peers use the command send. Without TLS and tokens, others may send JSON, NDJSON or XML over TCP too. If a stream "
    "is not valid or not complete, its connection is reset, and the error is printed; the data sets before the error "
    "are written. Everyone who can reach the address can send, unless senders need a token or a certificate.",
    (
        positional("address", "ADDRESS", "HOST:PORT, with port 0 for a free one; or unix:PATH, for this user only."),
        option("-o", "--output", metavar="FILE", type=path, default="-", text="The file to append to."),
        flag("--once", text="Exit after the first connection."),
        *LISTENING,
        _timeout(60, "Time without data after which a connection is given up."),
    ),
    {FAILED: "With --once: the stream was not valid or not complete."},
)

_SEND = Command(
    "send",
    "send",
    "Send data sets over a network to the command listen, while they are read.",
    "If the connection is lost, send connects again and sends the data sets that are not written. Each is written "
    "once. Standard input and pipes cannot be read again, so then the command fails.",
    (
        positional("source", "FILE", _INPUT, type=path),
        positional("address", "ADDRESS", "HOST:PORT, tls:HOST:PORT or unix:PATH, as listen prints it."),
        option("--token", metavar="TEXT", text="A token for the listener (environment: STREAMDICOM_TOKEN)."),
        *_tls("listener"),
        _timeout(60, "Time without progress after which the listener is given up."),
        FORCE,
        DEIDENTIFY,
    ),
    {DONE: "The listener has written all data sets.", FAILED: "The listener has not written all data sets."},
)

_SHELLS = ("bash", "zsh", "tcsh")

_COMPLETION = Command(
    "completion",
    "completion",
    "Print the completion script of a shell.",
    'The package shtab is needed; the extra "cli" has it. For bash: streamdicom completion bash > '
    "~/.local/share/bash-completion/completions/streamdicom",
    (
        Argument(
            ("shell",),
            {"metavar": "SHELL", "type": one_of(_SHELLS), "choices": _SHELLS, "help": "bash, zsh or tcsh."},
        ),
    ),
    {},
)

_INDEXED = "JSON or NDJSON, plain or as export --compress writes it; or a folder."

_INDEX = Command(
    "index",
    "index",
    "Build the index of files of DICOM JSON or of folders, so that any data set is found at once.",
    "The index is the file NAME.sdx beside the file or folder; it has 24 bytes for each data set. JSON is scanned and "
    "not validated. When a file changes, the index must be built again.",
    (
        positional("sources", "FILE", _INDEXED, type=path, nargs="+"),
        _JOBS,
        _on_error(_ON_FAULT),
    ),
    _SOME_SKIPPED,
)

_COUNT = Command(
    "count",
    "count",
    "Print the number of data sets.",
    "With an index beside the file the file is not read.",
    (positional("sources", "FILE", _INPUT, type=path, nargs="+"), _on_error(_ON_FAULT), FORCE),
    _SOME_SKIPPED,
)

_PICKED = (
    positional("source", "FILE", _INPUT, type=path),
    positional("target", "OUT", "A JSON or NDJSON file; - for standard output.", type=path, nargs="?", default="-"),
    option("-n", "--number", metavar="N", type=integer(0), default=10, text="The number of data sets."),
    _TO_JSON,
    INDENT,
    FORCE,
)

_HEAD = Command(
    "head",
    "head",
    "Write the first data sets of a stream as DICOM JSON.",
    "No more of the stream is read than that takes.",
    _PICKED,
    {},
)

_SAMPLE = Command(
    "sample",
    "sample",
    "Write a random sample of the data sets of a stream as DICOM JSON.",
    "They keep their order. Without an index beside the file, the sample is held in memory.",
    (
        *_PICKED,
        option("--seed", metavar="N", type=integer(0), text="Choose the same data sets in each run."),
    ),
    {},
)

_SPLIT = Command(
    "split",
    "split",
    "Split a file of DICOM JSON, or a folder, into files of about the same size.",
    "A data set is never split, so there can be fewer files.",
    (
        positional("source", "FILE", _INDEXED, type=path),
        option("-n", "--number", metavar="N", type=integer(1), required=True, text="The number of files."),
        option("-o", "--output", metavar="DIR", type=path, required=True, text="The folder for the files."),
        choice("--suffix", (".json", ".ndjson", ".json.gz", ".ndjson.gz"), default=".ndjson", text="Of their names."),
    ),
    {},
)

_TABLE = Command(
    "table",
    "table",
    "Write some elements of each data set as a table: Parquet, CSV or Arrow.",
    'The package pyarrow is needed; the extra "arrow" has it. A column is a keyword, a tag, a path into sequences, or '
    "_source, _index, _offset or _json. In CSV, lists and names are JSON.",
    (
        positional(
            "sources", "SOURCE", "Files, folders, ZIP and tar files, also at URLs for fsspec.", type=place, nargs="+"
        ),
        option("-o", "--output", metavar="OUT", type=path, text="A file; its suffix is .parquet, .csv or .arrow."),
        option("--columns", metavar="A,B,...", required=True, text="The columns, separated by commas."),
        flag("--schema", text="Print the columns with their types, and read nothing."),
        choice(
            "--on-mismatch",
            ("error", "null", "first"),
            default="error",
            text="Values that do not fit: an error, or null, or the first of several, with a column _problems.",
        ),
        choice("--ds", ("float64", "string", "decimal"), default="float64", text="The type of DS."),
        choice("--dt", ("string", "timestamp"), default="string", text="The type of DT."),
        flag("--unsigned", text="UL, US and UV are unsigned."),
        _on_error(_ON_FAULT),
        _JOBS,
        FORCE,
        SELECT,
    ),
    _OF_MANY,
)

COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        _CONVERT,
        _SHOW,
        _BROWSE,
        _COUNT,
        _HEAD,
        _SAMPLE,
        _SPLIT,
        _INDEX,
        _VALIDATE,
        _DIFF,
        _TABLE,
        _EXPORT,
        _IMPORT,
        _VERIFY,
        _FETCH,
        _STORE,
        _SERVE,
        _SEND,
        _LISTEN,
        _DEMO,
        _COMPLETION,
    )
}
"""All commands by their names, in the order of the help."""
