"""Whole archives: iteration over many files, export to one stream, and import."""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.archive.exporting import export_archive
    from streamdicom.archive.heads import Heads
    from streamdicom.archive.importing import import_archive
    from streamdicom.archive.manifest import versions
    from streamdicom.archive.reading import iter_datasets, iter_events, iter_heads, iter_named_events
    from streamdicom.archive.report import Report, Skipped
    from streamdicom.archive.spools import SpoolFolder
    from streamdicom.archive.verifying import Verification, verify_export

__all__ = [
    "Heads",
    "Report",
    "Skipped",
    "SpoolFolder",
    "Verification",
    "export_archive",
    "import_archive",
    "iter_datasets",
    "iter_events",
    "iter_heads",
    "iter_named_events",
    "verify_export",
    "versions",
]

_LATE = {
    "exporting": ("export_archive",),
    "heads": ("Heads",),
    "importing": ("import_archive",),
    "manifest": ("versions",),
    "reading": ("iter_datasets", "iter_events", "iter_heads", "iter_named_events"),
    "report": ("Report", "Skipped"),
    "spools": ("SpoolFolder",),
    "verifying": ("Verification", "verify_export"),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
