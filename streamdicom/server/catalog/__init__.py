"""The index of a folder: which instances are in which file, and their attributes."""

from streamdicom.server.catalog.catalog import FOLDER, Catalog, Entry, Refreshed

__all__ = ["FOLDER", "Catalog", "Entry", "Refreshed"]
