"""Bulk data: which values leave the JSON text, where they go to, and base64 for those that stay.

A value is given to a ``BulkDataStore`` segment by segment, and the store says by which URI it will be found. What is
stored is the value field of the element (PS3.5 7.1), in little endian and without padding; text is in UTF-8.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from streamdicom.dicom.vr import VRS, Form

__all__ = ["Base64Decoder", "BulkDataAction", "BulkDataInfo", "BulkDataPolicy", "BulkDataStore"]


# --- where a value goes ----------------------------------------------------------------------------------------


class BulkDataAction(Enum):
    """What becomes of a value.

    >>> BulkDataAction("drop").name
    'DROP'
    """

    INLINE = "inline"  # it stays
    STORE = "store"  # it goes to the store; a BulkDataURI takes its place
    DROP = "drop"  # the element is left out


_INLINE = BulkDataAction.INLINE


@dataclass(frozen=True, slots=True)
class BulkDataPolicy:
    """Decides what becomes of each value: by its tag, or else by its VR, or else by its size.

    An element in parts is held until the decision is made, which takes no more memory than ``threshold``.

    Attributes:
        threshold: Bytes of a binary value up to which it stays where nothing else is said; text and numbers stay.
            pydicom's bulk_data_threshold is 1024 too.
        above: What becomes of binary values above the threshold.
        by_vr: What becomes of all values of a VR.
        by_tag: What becomes of the values of a tag, in sequences too.
        frames: Whether each frame of encapsulated pixel data is stored by itself, so that a store that knows equal
            values by their content keeps equal frames once. The Basic Offset Table tells which fragments make a frame;
            where it is empty each fragment is taken for one (PS3.5 A.4).

    >>> policy = BulkDataPolicy(by_vr={"UN": BulkDataAction.DROP})
    >>> policy.action(0x7FE00010, "OW", 524288).name, policy.action(0x00091001, "UN", 4).name
    ('STORE', 'DROP')
    """

    threshold: int = 1024
    above: BulkDataAction = BulkDataAction.STORE
    by_vr: Mapping[str, BulkDataAction] = field(default_factory=dict, hash=False)
    by_tag: Mapping[int, BulkDataAction] = field(default_factory=dict, hash=False)
    frames: bool = False

    def __post_init__(self) -> None:
        if self.threshold < 0:
            raise ValueError(f"BulkDataPolicy.threshold must be at least 0, not {self.threshold!r}")
        for vr in self.by_vr:
            if vr not in VRS or not VRS[vr].bulk:
                raise ValueError(f"no BulkDataURI can stand for a value of VR {vr!r} (PS3.18 F.2.2)")

    def rule(self, tag: int, vr: str) -> BulkDataAction | None:
        """What is said of a tag or its VR; None if the size of the value decides.

        >>> BulkDataPolicy().rule(0x00100010, "PN").name
        'INLINE'
        """
        row = VRS[vr]
        if not row.bulk:  # PS3.18 F.2.2
            return _INLINE
        action = self.by_tag.get(tag) or self.by_vr.get(vr)
        return action or (None if row.form is Form.BINARY and self.above is not _INLINE else _INLINE)

    def action(self, tag: int, vr: str, size: int) -> BulkDataAction:
        """What becomes of a value of so many bytes.

        >>> BulkDataPolicy(threshold=100).action(0x7FE00010, "OB", 100).name
        'INLINE'
        """
        return self.rule(tag, vr) or (self.above if size > self.threshold else _INLINE)


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


# --- base64 ----------------------------------------------------------------------------------------------------


class Base64Decoder:
    r"""Decodes a base64 text that comes in pieces of any length. The bytes do not depend on the cuts.

    Strict: white space, characters of other alphabets and missing padding are errors.

    >>> decoder = Base64Decoder()
    >>> decoder.feed("AAE") + decoder.feed("CAw==")
    b'\x00\x01\x02\x03'
    >>> decoder.close()
    """

    def __init__(self) -> None:
        self._held = ""  # what does not fill a group of four
        self._is_padded = False

    def feed(self, text: str) -> bytes:
        """The bytes of all characters so far that fill groups of four.

        Raises:
            ValueError: The text is not base64.
        """
        if self._is_padded and text:
            raise ValueError("base64 goes on behind its padding")
        text = self._held + text if self._held else text
        cut = len(text) // 4 * 4
        self._held = text[cut:]
        whole = text[:cut]  # which is no copy if there is nothing left over
        self._is_padded = self._is_padded or whole.endswith("=")
        return decode_base64(whole)

    def close(self) -> None:
        """Say that the text has ended.

        Raises:
            ValueError: The last group is not complete.
        """
        if self._held:
            raise ValueError("not base64")


def decode_base64(text: str) -> bytes:
    r"""The bytes of a whole base64 text.

    Raises:
        ValueError: The text is not base64.

    >>> decode_base64("AAEC")
    b'\x00\x01\x02'
    """
    # Not every version of Python minds padding that nothing needs.
    if len(text) % 4 or text.find("=", 0, -2) >= 0:
        raise ValueError("not base64")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ValueError("not base64") from None
