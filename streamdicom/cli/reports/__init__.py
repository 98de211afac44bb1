"""Reports of ``validate`` and ``diff``: text, JSON, JUnit XML, SARIF and HTML."""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.cli.reports.base import Findings, Report
    from streamdicom.cli.reports.differences import FoundDifference, new_diff_report
    from streamdicom.cli.reports.html import ValidationPage
    from streamdicom.cli.reports.junit import JUnitReport
    from streamdicom.cli.reports.objects import JsonReport
    from streamdicom.cli.reports.sarif import SarifReport
    from streamdicom.cli.reports.text import TextReport

__all__ = [
    "Findings",
    "FoundDifference",
    "JUnitReport",
    "JsonReport",
    "Report",
    "SarifReport",
    "TextReport",
    "ValidationPage",
    "new_diff_report",
]

_LATE = {
    "base": ("Findings", "Report"),
    "differences": ("FoundDifference", "new_diff_report"),
    "html": ("ValidationPage",),
    "junit": ("JUnitReport",),
    "objects": ("JsonReport",),
    "sarif": ("SarifReport",),
    "text": ("TextReport",),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
