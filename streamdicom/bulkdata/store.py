"""Where bulk data is kept, and what is known of a value that goes there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol


class BulkDataInfo(NamedTuple):
    """What is known of a value when it comes to a store; text that is not known (yet) is empty.

    Attributes:
        dataset_index: The number of the data set in the stream, from 0.
        tag_path: Tags and item numbers from the data set down, such as ``00081140[0].00080016``.
        tag: The tag of the element.
        vr: Its VR; unknown if the source tells it behind the value.
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        instance_uid: SOP Instance UID.
        transfer_syntax: Transfer Syntax UID of the file meta information.
        fragment: The number of the frame, where each is stored by itself; 0 is the Basic Offset Table.

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
    """Keeps values outside of the JSON text.

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
        """Keep a value; return the URI, which has no fragment part, that it will be found by.

        The segments come while the source of the value is read. An error on the way is raised by the iterator:
        nothing must be kept then. Another value may be put while a segment is waited for.
        """

    def open(self, uri: str) -> Iterator[bytes]:
        """The segments of a value, none of them longer than 64 KiB or so.

        Raises:
            BulkDataError: The URI leads nowhere, or may not be followed.
        """
