"""The options: what they are unless told otherwise, and that they stay so."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from streamdicom.bulkdata import BulkDataPolicy
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions


def test_the_defaults() -> None:
    assert ReadOptions() == ReadOptions(limits=Limits(), multiple_documents=False)
    assert WriteOptions() == WriteOptions(limits=Limits(), file_meta=False)


def test_bulk_data_is_left_alone_unless_told_otherwise() -> None:
    read, write = ReadOptions(), WriteOptions()
    assert (read.bulk_data_store, read.bulk_data_uri_handler, read.spool_threshold) == (None, None, 64 * 2**20)
    assert (write.bulk_data_store, write.bulk_data_policy) == (None, BulkDataPolicy())
    assert (write.bulk_data_element_handler, write.bulk_data_threshold) == (None, 1024)
    assert BulkDataPolicy() == BulkDataPolicy(threshold=1024, by_vr={}, by_tag={}, frames=False)
    assert len({WriteOptions(), WriteOptions(bulk_data_policy=BulkDataPolicy())}) == 1


def test_a_transfer_syntax_is_a_uid() -> None:
    assert WriteOptions(transfer_syntax="1.2.840.10008.1.2.1").transfer_syntax
    for text in ("", "bogus", "1..2", "1.2 "):
        with pytest.raises(ValueError, match="a transfer syntax is a UID"):
            WriteOptions(transfer_syntax=text)


def test_options_differ_by_each_field() -> None:
    assert ReadOptions(multiple_documents=True) != ReadOptions() != ReadOptions(limits=Limits(depth=1))
    assert WriteOptions(file_meta=True) != WriteOptions() != WriteOptions(limits=Limits(depth=1))


@pytest.mark.parametrize("options", [ReadOptions(), WriteOptions()], ids=["read", "write"])
def test_options_are_frozen(options: ReadOptions | WriteOptions) -> None:
    with pytest.raises(FrozenInstanceError):
        options.limits = Limits(depth=1)  # type: ignore[misc]
    assert not hasattr(options, "__dict__")
