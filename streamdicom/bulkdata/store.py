"""The interface of bulk data stores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streamdicom._records import NamedTuple
from streamdicom._typing import Protocol


class BulkDataInfo(NamedTuple):
    """Description of a value for a store; unknown strings are empty.

    Attributes:
        dataset_index: Index of the data set in the stream, from 0.
        tag_path: Tags and item numbers from the data set down, such as ``00081140[0].00080016``.
        tag: Tag of the element.
        vr: VR of the element; empty if the source has it after the value.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        instance_uid: SOP Instance UID.
        transfer_syntax: Transfer Syntax UID of the File Meta Information.
        fragment: Number of the frame, if each frame is stored as an entry; 0 is the Basic Offset Table.

    >>> BulkDataInfo(0, "7FE00010", 0x7FE00010, "OW").instance_uid
    ''
    """

    dataset_index: int
    tag_path: str
    tag: int
    vr: str
    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    transfer_syntax: str = ""
    fragment: int | None = None


class BulkDataStore(Protocol):
    """Keeps values outside of the document.

    >>> class Memory:
    ...     def __init__(self):
    ...         self.values = []
    ...     def put(self, segments, info):
    ...         self.values.append(b"".join(segments))
    ...         return str(len(self.values) - 1)
    ...     def open(self, uri):
    ...         yield self.values[int(uri)]
    >>> store: BulkDataStore = Memory()
    >>> b"".join(store.open(store.put([b"a", b"b"], BulkDataInfo(0, "7FE00010", 0x7FE00010, "OB"))))
    b'ab'
    """

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        """Store a value and return its URI, which must not have a fragment part.

        The segments are read from the source of the value during the call. If the iterator raises an error, the store
        must not keep the value. Another call of ``put`` may happen before the iterator yields its next segment.

        Args:
            segments: The Value Field (PS3.5 7.1) in pieces: little endian, without padding, text in UTF-8.
            info: Description of the value.
        """

    def open(self, uri: str) -> Iterator[bytes]:
        """Yield the segments of a value, each of at most 64 KiB.

        Raises:
            BulkDataError: The store has no entry with this URI, or must not read it.
        """
