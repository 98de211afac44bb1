"""``streamdicom import``: write each data set of a stream to a DICOM file."""

from __future__ import annotations

import sys

from streamdicom.archive import import_archive
from streamdicom.cli.archive_report import finish, progress_callback, resumable
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import usage_errors
from streamdicom.cli.inputs import PIPE, naming_input
from streamdicom.cli.options import note_unmatched, selected
from streamdicom.cli.outputs import check_folder, check_outputs
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import counted
from streamdicom.io import is_url
from streamdicom.options import WriteOptions


def run(arguments: Arguments) -> int:
    """Run the command."""
    source = arguments.source
    where = selected(arguments.where)
    check_folder(arguments.output)
    check_outputs(arguments, [source])
    with (
        resumable(not is_url(arguments.output)),
        usage_errors(),
        naming_input(source),
        ProgressLine("Importing") as line,
    ):
        report = import_archive(
            sys.stdin.buffer if source == PIPE else source,
            arguments.output,
            layout=arguments.layout,
            transfer_syntax=arguments.transfer_syntax,
            bulk_root=arguments.bulk_dir,
            bulk_uri_prefix=arguments.bulk_uri_prefix,
            options=WriteOptions(include=arguments.include, exclude=arguments.exclude),
            where=where,
            force=arguments.force,
            jobs=arguments.jobs,
            on_error=arguments.on_error,
            on_duplicate=arguments.on_duplicate,
            resume=arguments.resume,
            manifest=arguments.manifest,
            progress=progress_callback(line, "Importing", "data sets"),
        )
    if where and not report.datasets:
        note_unmatched(where)
    return finish(report, arguments, counted(report.datasets, "data set"))
