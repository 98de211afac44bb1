"""Whole archives: many DICOM files to one stream of DICOM JSON, and back."""

from streamdicom.archive.exporting import export_archive
from streamdicom.archive.importing import import_archive
from streamdicom.archive.report import Progress, ProgressCallback, Report, Skipped

__all__ = ["Progress", "ProgressCallback", "Report", "Skipped", "export_archive", "import_archive"]
