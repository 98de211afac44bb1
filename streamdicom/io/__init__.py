"""Sources, targets, connections, compression and temporary files."""

from streamdicom._late import late_names
from streamdicom._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamdicom.io.compression import (
        COMPRESSION_SUFFIXES,
        COMPRESSIONS,
        FREE_SIZE,
        RAW_DEFLATE,
        Decompressor,
        compression_of,
        decompress,
        inflated,
        new_compressor,
    )
    from streamdicom.io.expansion import Expansion
    from streamdicom.io.ranges import (
        Place,
        absolute,
        exists,
        is_folder,
        is_special,
        is_url,
        open_place,
        read_range,
        size_of,
    )
    from streamdicom.io.remote import RemoteStatus, file_system, full_url, remote_errors, remote_files, remote_status
    from streamdicom.io.sources import CHUNK, Source, as_bytes, check_source, check_target, chunks, name_of, not_blank
    from streamdicom.io.spool import LazyValue, SpooledValue, SpoolFile
    from streamdicom.io.targets import NamedFile, Output, Target, check_distinct, hidden, naming, temporary
    from streamdicom.io.unpacked import MemberPlace, UnpackedFile, content_from

__all__ = [
    "CHUNK",
    "COMPRESSIONS",
    "COMPRESSION_SUFFIXES",
    "FREE_SIZE",
    "RAW_DEFLATE",
    "Decompressor",
    "Expansion",
    "LazyValue",
    "MemberPlace",
    "NamedFile",
    "Output",
    "Place",
    "RemoteStatus",
    "Source",
    "SpoolFile",
    "SpooledValue",
    "Target",
    "UnpackedFile",
    "absolute",
    "as_bytes",
    "check_distinct",
    "check_source",
    "check_target",
    "chunks",
    "compression_of",
    "content_from",
    "decompress",
    "exists",
    "file_system",
    "full_url",
    "hidden",
    "inflated",
    "is_folder",
    "is_special",
    "is_url",
    "name_of",
    "naming",
    "new_compressor",
    "not_blank",
    "open_place",
    "read_range",
    "remote_errors",
    "remote_files",
    "remote_status",
    "size_of",
    "temporary",
]

# A command needs few of them.
_LATE = {
    "compression": (
        "COMPRESSIONS",
        "COMPRESSION_SUFFIXES",
        "Decompressor",
        "FREE_SIZE",
        "RAW_DEFLATE",
        "compression_of",
        "decompress",
        "inflated",
        "new_compressor",
    ),
    "expansion": ("Expansion",),
    "ranges": (
        "Place",
        "absolute",
        "exists",
        "is_folder",
        "is_special",
        "is_url",
        "open_place",
        "read_range",
        "size_of",
    ),
    "remote": ("RemoteStatus", "file_system", "full_url", "remote_errors", "remote_files", "remote_status"),
    "sources": ("CHUNK", "Source", "as_bytes", "check_source", "check_target", "chunks", "name_of", "not_blank"),
    "spool": ("LazyValue", "SpoolFile", "SpooledValue"),
    "targets": ("NamedFile", "Output", "Target", "check_distinct", "hidden", "naming", "temporary"),
    "unpacked": ("MemberPlace", "UnpackedFile", "content_from"),
}
__getattr__, __dir__ = late_names(__name__, _LATE, globals())
