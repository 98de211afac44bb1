"""What a DICOMweb origin server knows of its files: an index of them, and searches in it. Nothing here is of HTTP."""

from streamdicom.origin.attributes import Level
from streamdicom.origin.index import Entry, Index, Refreshed
from streamdicom.origin.query import Query, parse_query

__all__ = ["Entry", "Index", "Level", "Query", "Refreshed", "parse_query"]
