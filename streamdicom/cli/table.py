"""``streamdicom table``: write elements of many data sets as a table."""

from __future__ import annotations

from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, UsageError, usage_errors
from streamdicom.cli.options import read_options
from streamdicom.cli.skipping import SkippedInputs
from streamdicom.cli.terminal import console, counted


def run(arguments: Arguments) -> int:
    """Run the command."""
    from streamdicom.columns import table_format

    form = ""
    if not arguments.schema:
        if arguments.output is None:
            raise UsageError("expected -o with a file to write, or --schema")
        with usage_errors():
            form = table_format(arguments.output)
    try:
        # After the checks: pyarrow and NumPy take long to import.
        from streamdicom.columns import TypeOptions, read, write_table
    except ImportError as error:
        raise UsageError('tables need pyarrow; install "streamdicom[arrow]"') from error
    skipped = SkippedInputs(arguments.on_error)
    with usage_errors():
        stream = read(
            *arguments.sources,
            columns=[name.strip() for name in arguments.columns.split(",")],
            options=read_options(arguments),
            on_mismatch=arguments.on_mismatch,
            types=TypeOptions(arguments.ds, arguments.dt, arguments.unsigned),
            jobs=arguments.jobs,
            on_fault=skipped.add,
        )
    if arguments.schema:
        for field in stream.schema:
            print(f"{field.name}: {field.type}")
        return DONE
    count = write_table(stream, arguments.output, form)
    console.note(f"{arguments.output}: {counted(count, 'row')}")
    return skipped.code
