"""``streamdicom verify``: check an export."""

from __future__ import annotations

from streamdicom.archive import Verification, verify_export
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import DONE, FAILED, usage_errors
from streamdicom.cli.terminal import console, counted


def run(arguments: Arguments) -> int:
    """Run the command."""
    with usage_errors():
        found = verify_export(
            arguments.source,
            bulk_dir=arguments.bulk_dir,
            bulk_uri_prefix=arguments.bulk_uri_prefix,
            manifest=arguments.manifest,
        )
    for problem in found.problems:
        print(problem)
    if found.problem_count > len(found.problems):
        print(f"and {counted(found.problem_count - len(found.problems), 'more fault')}")
    console.note(f"{arguments.source}: {', '.join(_checked(found, arguments))}")
    return DONE if found.is_intact else FAILED


def _checked(found: Verification, arguments: Arguments) -> list[str]:
    bulk = counted(found.values, "value") + " of bulk data"
    if arguments.bulk_dir is None and found.references:
        bulk = f"{counted(found.references, 'reference')} to bulk data not checked"
    parts = [counted(found.datasets, "data set"), "index" if found.has_index else "no index", bulk]
    return [*parts, *["manifest"] * (arguments.manifest is not None), counted(found.problem_count, "fault")]
