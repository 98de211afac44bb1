"""To be written."""

from streamdicom.io.compression import Decompressor, compression_of, decompress, new_compressor
from streamdicom.io.sources import CHUNK, Source, as_bytes, chunks, not_blank
from streamdicom.io.spool import LazyValue, SpooledValue, SpoolFile
from streamdicom.io.targets import NamedFile, Output, Target, hidden, is_special, naming, temporary

__all__ = [
    "CHUNK",
    "Decompressor",
    "LazyValue",
    "NamedFile",
    "Output",
    "Source",
    "SpoolFile",
    "SpooledValue",
    "Target",
    "as_bytes",
    "chunks",
    "compression_of",
    "decompress",
    "hidden",
    "is_special",
    "naming",
    "new_compressor",
    "not_blank",
    "temporary",
]
