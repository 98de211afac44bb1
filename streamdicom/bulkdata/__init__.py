"""Bulk data: values kept outside of a document, referred to by a BulkDataURI.

A ``BulkDataPolicy`` decides which values are stored; a ``BulkDataStore``, such as ``DirectoryStore`` or
``FsspecStore``, keeps them.
"""

from streamdicom.bulkdata.directory import DirectoryStore
from streamdicom.bulkdata.fragment_body import read_fragments, write_fragments
from streamdicom.bulkdata.fsspec import FsspecStore
from streamdicom.bulkdata.policy import BulkDataAction, BulkDataPolicy
from streamdicom.bulkdata.store import BulkDataInfo, BulkDataStore

__all__ = [
    "BulkDataAction",
    "BulkDataInfo",
    "BulkDataPolicy",
    "BulkDataStore",
    "DirectoryStore",
    "FsspecStore",
    "read_fragments",
    "write_fragments",
]
