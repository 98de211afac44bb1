"""To be written."""

from streamdicom.bulkdata.directory import DirectoryStore, FsspecStore
from streamdicom.bulkdata.fragment_body import read_parts, write_parts
from streamdicom.bulkdata.policy import BulkDataAction, BulkDataPolicy
from streamdicom.bulkdata.store import BulkDataInfo, BulkDataStore

__all__ = [
    "BulkDataAction",
    "BulkDataInfo",
    "BulkDataPolicy",
    "BulkDataStore",
    "DirectoryStore",
    "FsspecStore",
    "read_parts",
    "write_parts",
]
