"""Random access to the data sets of a stream, and parts to read in parallel.

An index of 24 bytes a data set stands beside its source. The places at which data sets start are found by a scan of the
text, so every part of it reads as the whole does, with the same indices, byte offsets, errors and deviations.
"""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.index.access import StreamIndex
    from streamdicom.index.base import DatasetIndex
    from streamdicom.index.build import build_index, open_index
    from streamdicom.index.files import FilesIndex
    from streamdicom.index.offsets import DatasetOffsets, has_wrapper
    from streamdicom.index.parts import Split, split_at
    from streamdicom.index.places import sidecar_of
    from streamdicom.index.planning import IndexUse, iter_splits, parse_size, plan_lines, plan_splits
    from streamdicom.index.scanning import hash_of, origin_of, starts_and_hashes, uid_hash
    from streamdicom.index.sidecar import Packing, fingerprint
    from streamdicom.index.sorting import numbers_of, words
    from streamdicom.index.writing import IndexWriter

__all__ = [
    "DatasetIndex",
    "DatasetOffsets",
    "FilesIndex",
    "IndexUse",
    "IndexWriter",
    "Packing",
    "Split",
    "StreamIndex",
    "build_index",
    "fingerprint",
    "has_wrapper",
    "hash_of",
    "iter_splits",
    "numbers_of",
    "open_index",
    "origin_of",
    "parse_size",
    "plan_lines",
    "plan_splits",
    "sidecar_of",
    "split_at",
    "starts_and_hashes",
    "uid_hash",
    "words",
]

_LATE = {
    "access": ("StreamIndex",),
    "base": ("DatasetIndex",),
    "build": ("build_index", "open_index"),
    "files": ("FilesIndex",),
    "offsets": ("DatasetOffsets", "has_wrapper"),
    "parts": ("Split", "split_at"),
    "places": ("sidecar_of",),
    "planning": ("IndexUse", "iter_splits", "parse_size", "plan_lines", "plan_splits"),
    "scanning": ("hash_of", "origin_of", "starts_and_hashes", "uid_hash"),
    "sidecar": ("Packing", "fingerprint"),
    "sorting": ("numbers_of", "words"),
    "writing": ("IndexWriter",),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
