"""The index of a folder: which instances are in which file, and their attributes."""

from streamdicom.server.catalog.catalog import FOLDER, Catalog, Counts, Entry, Refreshed
from streamdicom.server.catalog.database import make_private

__all__ = ["FOLDER", "Catalog", "Counts", "Entry", "Refreshed", "make_private"]
