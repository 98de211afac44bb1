"""What a DICOMweb origin server knows of its files: an index of them, and searches in it. Nothing here is of HTTP."""

from streamdicom.server.app import server_app
from streamdicom.server.catalog import Entry, Index, Refreshed
from streamdicom.server.qido import Level, Query, parse_query

__all__ = ["Entry", "Index", "Level", "Query", "Refreshed", "parse_query", "server_app"]
