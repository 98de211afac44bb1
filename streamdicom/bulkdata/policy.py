"""Bulk data: which values leave the JSON text, where they go to, and base64 for those that stay.

A value is given to a ``BulkDataStore`` segment by segment, and the store says by which URI it will be found. What is
stored is the value field of the element (PS3.5 7.1), in little endian and without padding; text is in UTF-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from streamdicom.dicom import VRS, Form

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


# --- base64 ----------------------------------------------------------------------------------------------------
