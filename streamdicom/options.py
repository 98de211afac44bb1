"""What a caller may choose when reading and writing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from streamdicom.bulkdata import BulkDataPolicy, BulkDataStore
from streamdicom.limits import Limits

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement

__all__ = ["ReadOptions", "WriteOptions"]

UriHandler: TypeAlias = "Callable[[str], Any] | Callable[[str, str, str], Any]"
"""As in pydicom: from the URI, or from the tag, the VR and the URI, to the value of the element."""

ElementHandler: TypeAlias = "Callable[[DataElement], str]"
"""As in pydicom: from an element to the URI that takes the place of its value."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Choices for reading.

    Attributes:
        limits: Bounds on what the input may cost.
        multiple_documents: Whether several JSON documents may follow one another (NDJSON, concatenated JSON);
            the data sets of all of them make one stream.
        force: Whether a DICOM file may lack the preamble and the file meta information (PS3.10 7.1), as
            ``pydicom.dcmread`` has it.
        bulk_data_store: Where the values of references to bulk data are. Events have the values then. In a data
            set they are buffers, fetched when they are first looked at, where pydicom takes buffers, which is for
            OB, OD, OF, OL, OV and OW; others are fetched at once. Without a store a reference is an empty element
            with the attribute ``bulk_data_uri``, which is written as the reference again.
        bulk_data_uri_handler: In place of a store, as for ``Dataset.from_json``: called for each reference with the
            URI, or with the tag, the VR and the URI; what it returns is the value. Data sets only.
        spool_threshold: Bytes of a binary value in a data set from which on it goes to a temporary file, if it came
            in parts and pydicom takes buffers for its VR. Most code reads ``PixelData`` as bytes, so that this is
            more than an ordinary image has; what is above it is mostly saved again, and not looked at.

    >>> ReadOptions(limits=Limits(depth=64)).limits.depth
    64
    """

    limits: Limits = field(default_factory=Limits)
    multiple_documents: bool = False
    force: bool = False
    bulk_data_store: BulkDataStore | None = None
    bulk_data_uri_handler: UriHandler | None = None
    spool_threshold: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.bulk_data_store is not None and self.bulk_data_uri_handler is not None:
            raise ValueError("bulk_data_store and bulk_data_uri_handler are two ways to do one thing")


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Choices for writing.

    Attributes:
        file_meta: Whether the file meta information (group 0002) is written, beside the other elements. The
            DICOM JSON Model does not know it (PS3.18 Annex F); DCMTK and others write it so.
        transfer_syntax: The UID of the transfer syntax that a DICOM file is written in. None keeps an encapsulated
            one, and takes explicit VR little endian for all others.
        limits: ``depth`` bounds the nesting, so that what is written can be read.
        bulk_data_store: Where values go that are too long for JSON, or else are to be there by the policy.
        bulk_data_policy: Which values go to the store, stay or are left out. What would go to a store stays if there
            is none.
        bulk_data_element_handler: In place of a store, as for ``Dataset.to_json``: called for each element with a
            binary value above the threshold; what it returns is the URI. Data sets only.
        bulk_data_threshold: For the handler, as for ``Dataset.to_json``: characters of base64.

    >>> WriteOptions().file_meta
    False
    """

    file_meta: bool = False
    transfer_syntax: str | None = None
    limits: Limits = field(default_factory=Limits)
    bulk_data_store: BulkDataStore | None = None
    bulk_data_policy: BulkDataPolicy = field(default_factory=BulkDataPolicy)
    bulk_data_element_handler: ElementHandler | None = None
    bulk_data_threshold: int = 1024

    def __post_init__(self) -> None:
        if self.bulk_data_store is not None and self.bulk_data_element_handler is not None:
            raise ValueError("bulk_data_store and bulk_data_element_handler are two ways to do one thing")
