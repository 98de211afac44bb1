"""``streamdicom export``: write many DICOM files as one stream of DICOM JSON."""

from __future__ import annotations

from streamdicom.archive import export_archive
from streamdicom.cli.archive_report import finish, progress_callback, resumable
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.deidentifying import deidentification_of, finish_deidentification
from streamdicom.cli.exit_codes import usage_errors
from streamdicom.cli.inputs import PIPE, is_pipe
from streamdicom.cli.options import note_unmatched, selected, write_options
from streamdicom.cli.outputs import check_outputs, json_format, target_of
from streamdicom.cli.progress import ProgressLine
from streamdicom.cli.terminal import counted
from streamdicom.io import is_url


def run(arguments: Arguments) -> int:
    """Run the command."""
    target = arguments.output
    form = json_format(target, arguments.to)
    check_outputs(arguments, arguments.sources)
    deidentification = deidentification_of(arguments)
    options, where = write_options(arguments, deidentification=deidentification), selected(arguments.where)
    is_resumable = not is_pipe(target) and not is_url(target)
    with resumable(is_resumable), usage_errors(), ProgressLine("Exporting", prints=target == PIPE) as line:
        report = export_archive(
            arguments.sources,
            target_of(target),
            format=form,
            compress=arguments.compress,
            bulk_dir=arguments.bulk_dir,
            bulk_threshold=arguments.bulk_threshold,
            bulk_uri_prefix=arguments.bulk_uri_prefix,
            bulk=arguments.bulk,
            indent=arguments.indent,
            options=options,
            where=where,
            force=arguments.force,
            index=arguments.index,
            jobs=arguments.jobs,
            on_error=arguments.on_error,
            resume=arguments.resume,
            manifest=arguments.manifest,
            since=arguments.since,
            progress=progress_callback(line, "Exporting", "files"),
        )
    if where and not report.datasets:
        note_unmatched(where)
    finish_deidentification(deidentification, arguments.deidentify_report)
    passed_over = counted(report.passed_over_count, "other file")
    summary = f"{counted(report.datasets, 'data set')}, {passed_over} passed over"
    if arguments.since is not None:
        summary += f", {report.unchanged:,} unchanged"
    return finish(report, arguments, summary)
