"""What a caller may choose when reading and writing."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamdicom.limits import Limits

__all__ = ["ReadOptions", "WriteOptions"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Choices for reading.

    Attributes:
        limits: Bounds on what the input may cost.
        multiple_documents: Whether several JSON documents may follow one another (NDJSON, concatenated JSON);
            the data sets of all of them make one stream.
        force: Whether a DICOM file may lack the preamble and the file meta information (PS3.10 7.1), as
            ``pydicom.dcmread`` has it.

    >>> ReadOptions(limits=Limits(depth=64)).limits.depth
    64
    """

    limits: Limits = field(default_factory=Limits)
    multiple_documents: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Choices for writing.

    Attributes:
        file_meta: Whether the file meta information (group 0002) is written, beside the other elements. The
            DICOM JSON Model does not know it (PS3.18 Annex F); DCMTK and others write it so.
        transfer_syntax: The UID of the transfer syntax that a DICOM file is written in. None keeps an encapsulated
            one, and takes explicit VR little endian for all others.
        limits: ``depth`` bounds the nesting, so that what is written can be read.

    >>> WriteOptions().file_meta
    False
    """

    file_meta: bool = False
    transfer_syntax: str | None = None
    limits: Limits = field(default_factory=Limits)
