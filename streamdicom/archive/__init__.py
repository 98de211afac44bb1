"""Whole archives: many DICOM files to one stream of DICOM JSON, and back."""

from streamdicom.archive.exporting import export_archive
from streamdicom.archive.importing import import_archive
from streamdicom.archive.report import Progress, ProgressCallback, Report, Skipped, Ticker
from streamdicom.archive.sources import Kind, file_id, is_within, kind_of, measure, pieces, walk_within

__all__ = [
    "Kind",
    "Progress",
    "ProgressCallback",
    "Report",
    "Skipped",
    "Ticker",
    "export_archive",
    "file_id",
    "import_archive",
    "is_within",
    "kind_of",
    "measure",
    "pieces",
    "walk_within",
]
