"""To be written."""

from streamdicom.server.catalog.catalog import FOLDER, Entry, Index, Refreshed

__all__ = ["FOLDER", "Entry", "Index", "Refreshed"]
