"""The options ``--deidentify``, ``--key-file`` and ``--deidentify-report``."""

from __future__ import annotations

from streamdicom._typing import TYPE_CHECKING
from streamdicom.cli.arguments import Arguments
from streamdicom.cli.exit_codes import UsageError, usage_errors
from streamdicom.cli.options import BASIC, NEW_KEY
from streamdicom.cli.terminal import console
from streamdicom.io import Output

if TYPE_CHECKING:
    from streamdicom.deidentification import Deidentification


def deidentification_of(arguments: Arguments) -> Deidentification | None:
    """Return how data sets are de-identified, if the arguments ask for it.

    Raises:
        UsageError: The key is missing or too short, or an option is unknown.
        OSError: The file of the key cannot be read.
    """
    if arguments.deidentify is None:
        for name in ("key_file", "deidentify_report"):
            if getattr(arguments, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} needs --deidentify")
        return None
    if arguments.key_file is None:
        raise UsageError(
            "--deidentify needs --key-file, so that UIDs are replaced alike in every run; to make a key: "
            f"{NEW_KEY} > key"
        )
    from streamdicom.deidentification import Deidentification, DeidentificationOption, read_key

    names = [name for text in arguments.deidentify.split(",") if (name := text.strip()) != BASIC]
    for name in names:
        if name not in list(DeidentificationOption):
            choices = ", ".join((BASIC, *DeidentificationOption))
            raise UsageError(f"--deidentify: invalid choice: {name!r} (choose from {choices})")
    with usage_errors():
        return Deidentification(read_key(arguments.key_file), names)


def finish_deidentification(deidentification: Deidentification | None, path: str | None) -> None:
    """Write the report of a de-identification, and print its summary."""
    if deidentification is None:
        return
    if path is not None:
        import json  # which takes long to import

        with Output(path) as output:
            output.write(json.dumps(deidentification.report.to_dict(), indent=2).encode() + b"\n")
            output.commit()
    console.note(deidentification.report.summary())
