"""What a DICOMweb origin server knows of its files: an index of them, and searches in it. Nothing here is of HTTP."""

from streamdicom.server.catalog.catalog import Entry, Index, Refreshed
from streamdicom.server.qido.attributes import Level
from streamdicom.server.qido.parameters import Query, parse_query

__all__ = ["Entry", "Index", "Level", "Query", "Refreshed", "parse_query"]
