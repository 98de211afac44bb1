"""Whole archives: iteration over many files, export to one stream, and import."""

from streamdicom.archive.exporting import export_archive
from streamdicom.archive.heads import Heads
from streamdicom.archive.importing import import_archive
from streamdicom.archive.manifest import versions
from streamdicom.archive.reading import iter_datasets, iter_events, iter_heads, iter_named_events
from streamdicom.archive.report import Progress, ProgressCallback, Report, Skipped, Ticker
from streamdicom.archive.sources import (
    CONTAINERS,
    HEAD_SIZE,
    Input,
    Kind,
    file_id,
    find,
    is_within,
    measure,
    pieces,
    places,
    reading,
    recognize,
    walk_within,
)
from streamdicom.archive.verifying import Verification, verify_export

__all__ = [
    "CONTAINERS",
    "HEAD_SIZE",
    "Heads",
    "Input",
    "Kind",
    "Progress",
    "ProgressCallback",
    "Report",
    "Skipped",
    "Ticker",
    "Verification",
    "export_archive",
    "file_id",
    "find",
    "import_archive",
    "is_within",
    "iter_datasets",
    "iter_events",
    "iter_heads",
    "iter_named_events",
    "measure",
    "pieces",
    "places",
    "reading",
    "recognize",
    "verify_export",
    "versions",
    "walk_within",
]
