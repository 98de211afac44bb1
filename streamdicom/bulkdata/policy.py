"""Which values become bulk data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from streamdicom._records import field, record
from streamdicom.dicom import VRS, Form


class BulkDataAction(Enum):
    """The treatment of a value: keep it inline, store it, or drop its element.

    >>> BulkDataAction("drop").name
    'DROP'
    """

    INLINE = "inline"  # the value stays
    STORE = "store"  # the value goes to the store; a BulkDataURI replaces it
    DROP = "drop"  # the element is left out


_INLINE = BulkDataAction.INLINE


@record(frozen=True, slots=True)
class BulkDataPolicy:
    """Decide on each value by its tag, otherwise by its VR, otherwise by its size.

    Attributes:
        threshold: Maximum size in bytes of an inline binary value that has no action of its own. Text and numbers stay
            inline. The default is that of ``bulk_data_threshold`` in pydicom. Up to this size, an element in parts is
            held in memory for the decision.
        above: The action for larger binary values.
        by_vr: Actions for all values of a VR.
        by_tag: Actions for all values of a tag, at every level.
        frames: Store each frame of encapsulated pixel data as an entry of its own; a store that names entries by
            content keeps equal frames once. The Basic Offset Table groups the fragments into frames; if it is empty,
            each fragment is a frame (PS3.5 A.4).

    Raises:
        ValueError: The threshold is negative, or ``by_vr`` has a VR that no BulkDataURI can stand for.

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
                raise ValueError(f"BulkDataPolicy.by_vr: no BulkDataURI can stand for VR {vr!r} (PS3.18 F.2.2)")

    def rule(self, tag: int, vr: str) -> BulkDataAction | None:
        """Return the action for a tag and a VR, or None if it depends on the size.

        >>> BulkDataPolicy().rule(0x00100010, "PN").name
        'INLINE'
        """
        row = VRS[vr]
        if not row.bulk:  # PS3.18 F.2.2
            return _INLINE
        action = self.by_tag.get(tag) or self.by_vr.get(vr)
        return action or (None if row.form is Form.BINARY and self.above is not _INLINE else _INLINE)

    def action(self, tag: int, vr: str, size: int) -> BulkDataAction:
        """Return the action for a value.

        Args:
            tag: The tag of the element.
            vr: Its VR.
            size: Length of its Value Field, in bytes.

        >>> BulkDataPolicy(threshold=100).action(0x7FE00010, "OB", 100).name
        'INLINE'
        """
        return self.rule(tag, vr) or (self.above if size > self.threshold else _INLINE)
