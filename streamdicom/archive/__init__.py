"""Whole archives: iteration over many files, export to one stream, and import."""

from streamdicom.archive.exporting import export_archive
from streamdicom.archive.importing import import_archive
from streamdicom.archive.reading import iter_datasets, iter_events
from streamdicom.archive.report import Progress, ProgressCallback, Report, Skipped, Ticker
from streamdicom.archive.sources import file_id, is_within, measure, pieces, walk_within

__all__ = [
    "Progress",
    "ProgressCallback",
    "Report",
    "Skipped",
    "Ticker",
    "export_archive",
    "file_id",
    "import_archive",
    "is_within",
    "iter_datasets",
    "iter_events",
    "measure",
    "pieces",
    "walk_within",
]
