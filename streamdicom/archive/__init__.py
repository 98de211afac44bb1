"""Whole archives: iteration over many files, export to one stream, and import."""

from streamdicom.archive.exporting import export_archive
from streamdicom.archive.heads import Heads
from streamdicom.archive.importing import import_archive
from streamdicom.archive.reading import iter_datasets, iter_events, iter_heads, iter_named_events
from streamdicom.archive.report import Progress, ProgressCallback, Report, Skipped, Ticker
from streamdicom.archive.sources import (
    CONTAINERS,
    Kind,
    file_id,
    find,
    is_within,
    measure,
    pieces,
    places,
    walk_within,
)

__all__ = [
    "CONTAINERS",
    "Heads",
    "Kind",
    "Progress",
    "ProgressCallback",
    "Report",
    "Skipped",
    "Ticker",
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
    "walk_within",
]
