"""Random access to the data sets of a stream, and parts to read in parallel.

An index of 24 bytes a data set stands beside its source. The places at which data sets start are found by a scan of the
text, so every part of it reads as the whole does, with the same indices, byte offsets, errors and deviations.
"""

from streamdicom.index.access import StreamIndex, open_index, sidecar_of
from streamdicom.index.build import build_index
from streamdicom.index.parts import Split, split_at
from streamdicom.index.planning import IndexUse, iter_splits, parse_size, plan_lines, plan_splits
from streamdicom.index.scanning import DatasetOffsets, hash_of
from streamdicom.index.sidecar import Packing, fingerprint
from streamdicom.index.writing import IndexWriter

__all__ = [
    "DatasetOffsets",
    "IndexUse",
    "IndexWriter",
    "Packing",
    "Split",
    "StreamIndex",
    "build_index",
    "fingerprint",
    "hash_of",
    "iter_splits",
    "open_index",
    "parse_size",
    "plan_lines",
    "plan_splits",
    "sidecar_of",
    "split_at",
]
