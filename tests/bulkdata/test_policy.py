"""Actions of a policy by tag, VR and size."""

from __future__ import annotations

import pytest

from streamdicom.bulkdata import BulkDataAction, BulkDataPolicy
from streamdicom.dicom import VRS
from tests.support.each import each

BULK_VRS = {"DS", "FL", "FD", "IS", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "ST", "SV", "UC", "UL", "UN"}
BULK_VRS |= {"US", "UT", "UV"}  # PS3.18 F.2.2
BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
TAG = 0x00091001


@each("vr", sorted(VRS))
def test_only_binary_values_are_stored_by_size(vr: str) -> None:
    policy = BulkDataPolicy(threshold=10)
    assert policy.action(TAG, vr, 10) is BulkDataAction.INLINE
    assert policy.action(TAG, vr, 11) is (BulkDataAction.STORE if vr in BINARY else BulkDataAction.INLINE)


@each("vr", sorted(VRS))
@each("action", BulkDataAction)
def test_tag_has_priority_over_vr_and_vr_over_size(vr: str, action: BulkDataAction) -> None:
    by_vr = dict.fromkeys(BULK_VRS, action)
    expected = action if vr in BULK_VRS else BulkDataAction.INLINE
    for size in (0, 10**9):
        assert BulkDataPolicy(by_vr=by_vr).action(TAG, vr, size) is expected
        for other in BulkDataAction:
            policy = BulkDataPolicy(by_vr=by_vr, by_tag={TAG: other})
            assert policy.action(TAG, vr, size) is (other if vr in BULK_VRS else BulkDataAction.INLINE)
            assert policy.action(TAG + 1, vr, size) is expected


@each("vr", ["PN", "SQ", "AT", "UI", "XX", ""])
def test_vr_without_bulk_data_is_refused(vr: str) -> None:
    with pytest.raises(ValueError, match="BulkDataURI"):
        BulkDataPolicy(by_vr={vr: BulkDataAction.STORE})


def test_negative_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold"):
        BulkDataPolicy(threshold=-1)
