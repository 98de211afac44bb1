"""``streamdicom export`` and ``streamdicom import``: many DICOM files to one stream, and back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamdicom.archive import Progress, Report, export_archive, import_archive
from streamdicom.cli.inputs import PIPE, Meter, calling, plain
from streamdicom.io import Output


def export_files(sources: list[Path], target: Path, report: Path | None, **options: Any) -> bool:
    """Export files, and tell what was skipped; the options are those of ``export_archive``.

    Returns:
        Whether every input is in the output.

    Raises:
        CallError: The options do not fit together, or a run cannot be resumed.
        InputError: An input is at fault.
        OSError: A file cannot be read or written.
    """
    output = sys.stdout.buffer if target == PIPE else target
    with calling(), Meter("Exporting", prints=target == PIPE) as meter:
        result = export_archive(sources, output, progress=_shown(meter, "Exporting", "files"), **options)
    return _tell(result, report, f"{result.datasets:,} data sets, {result.passed_over:,} other files passed over")


def import_files(source: Path, folder: Path, report: Path | None, **options: Any) -> bool:
    """Import a stream, and tell what was skipped; the options are those of ``import_archive``.

    Returns:
        Whether every data set is in a file.

    Raises:
        CallError: The options do not fit together, or a run cannot be resumed.
        InputError: The stream is at fault.
        OutputError: A data set cannot be written, or comes twice.
        OSError: A file cannot be read or written.
    """
    data = sys.stdin.buffer if source == PIPE else source
    with calling(), Meter("Importing") as meter:
        result = import_archive(data, folder, progress=_shown(meter, "Importing", "data sets"), **options)
    return _tell(result, report, f"{result.datasets:,} data sets")


def _shown(meter: Meter, what: str, unit: str) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        known = "" if progress.files_known is None else f" of {progress.files_known:,}"
        meter.move(f"{what} {progress.files:,}{known} {unit}", progress.size, progress.size_known)

    return show


def _tell(result: Report, path: Path | None, summary: str) -> bool:
    if path is not None:
        output = Output(path)
        try:
            output.write(json.dumps(result.to_dict(), indent=2).encode() + b"\n")
            output.commit()
        finally:
            output.discard()
    for skipped in result.skipped:
        _say(f"skipped: {skipped.name}: {skipped.reason}")
    _say(f"{summary}, {len(result.skipped):,} skipped")
    return result.is_complete


def _say(text: str) -> None:
    print(plain(f"streamdicom: {text}"), file=sys.stderr)
