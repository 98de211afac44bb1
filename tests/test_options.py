"""The defaults and the checks of options."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from pydicom import Dataset

import streamdicom
from streamdicom.bulkdata.policy import BulkDataPolicy
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from tests.support.each import each


def test_defaults() -> None:
    assert ReadOptions() == ReadOptions(limits=Limits(), force=False)
    assert WriteOptions() == WriteOptions(limits=Limits(), file_meta=False)


def test_defaults_leave_bulk_data_alone() -> None:
    read, write = ReadOptions(), WriteOptions()
    assert (read.bulk_data_store, read.bulk_data_uri_handler, read.spool_threshold) == (None, None, 64 * 2**20)
    assert (write.bulk_data_store, write.bulk_data_policy) == (None, BulkDataPolicy())
    assert (write.bulk_data_element_handler, write.handler_threshold) == (None, 1024)
    assert BulkDataPolicy() == BulkDataPolicy(threshold=1024, by_vr={}, by_tag={}, frames=False)
    assert len({WriteOptions(), WriteOptions(bulk_data_policy=BulkDataPolicy())}) == 1


def test_transfer_syntax_is_a_uid() -> None:
    assert WriteOptions(transfer_syntax="1.2.840.10008.1.2.1").transfer_syntax
    for text in ("", "bogus", "1..2", "1.2 "):
        with pytest.raises(ValueError, match="expected a UID"):
            WriteOptions(transfer_syntax=text)


def test_options_differ_by_each_field() -> None:
    assert ReadOptions(force=True) != ReadOptions() != ReadOptions(limits=Limits(depth=1))
    assert WriteOptions(file_meta=True) != WriteOptions() != WriteOptions(limits=Limits(depth=1))


def test_repr_shows_changed_options() -> None:
    assert (repr(ReadOptions()), repr(WriteOptions())) == ("ReadOptions()", "WriteOptions()")
    options = ReadOptions(limits=Limits(depth=9), include=["PatientID"])
    assert repr(options) == "ReadOptions(limits=Limits(depth=9), include=('PatientID',))"
    assert repr(WriteOptions(keys="camel", file_meta=True)) == "WriteOptions(keys='camel', file_meta=True)"


@pytest.mark.parametrize("options", [ReadOptions(), WriteOptions()], ids=["read", "write"])
def test_options_are_frozen(options: ReadOptions | WriteOptions) -> None:
    with pytest.raises(FrozenInstanceError):
        options.limits = Limits(depth=1)  # type: ignore[misc]
    assert not hasattr(options, "__dict__")


@each(
    "field",
    [
        {"limits": 5},
        {"limits": None},
        {"converters": {}},
        {"on_deviation": "print"},
        {"deviations": ["backslash"]},
        {"where": "CT"},
        {"bulk_data_uri_handler": 5},
        {"spool_threshold": "1 MiB"},
    ],
    ids=str,
)
def test_read_option_of_wrong_type_is_an_error(field: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(field))} must be"):
        ReadOptions(**field)


@each(
    "field",
    [
        {"limits": 5},
        {"converters": {}},
        {"bulk_data_policy": {}},
        {"bulk_data_element_handler": 5},
        {"handler_threshold": None},
    ],
    ids=str,
)
def test_write_option_of_wrong_type_is_an_error(field: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(field))} must be"):
        WriteOptions(**field)


_READERS: dict[str, Callable[[Any], object]] = {
    "load": lambda options: streamdicom.load(b"{}", options=options),
    "loads": lambda options: streamdicom.loads(b"{}", options=options),
    "iter_datasets": lambda options: streamdicom.iter_datasets(b"{}", options=options),
    "iter_events": lambda options: streamdicom.iter_events(b"{}", options=options),
    "DatasetParser": lambda options: streamdicom.DatasetParser(options=options),
    "EventParser": lambda options: streamdicom.EventParser(options=options),
    "aiter_events": lambda options: streamdicom.aiter_events(io.BytesIO(), options=options),  # type: ignore[arg-type]
}

_WRITERS: dict[str, Callable[[Any], object]] = {
    "dump": lambda options: streamdicom.dump(Dataset(), io.BytesIO(), options=options),
    "dumps": lambda options: streamdicom.dumps(Dataset(), options=options),
    "write_events": lambda options: streamdicom.write_events([], io.BytesIO(), options=options),
    "write_events, file": lambda options: streamdicom.write_events([], io.BytesIO(), format="dicom", options=options),
    "DatasetWriter": lambda options: streamdicom.DatasetWriter(io.BytesIO(), options=options),
    "DatasetEncoder": lambda options: streamdicom.DatasetEncoder(options=options),
}


@each("name", _READERS)
def test_reading_refuses_options_for_writing(name: str) -> None:
    with pytest.raises(TypeError, match="options must be ReadOptions, not WriteOptions"):
        _READERS[name](WriteOptions())


@each("name", _WRITERS)
def test_writing_refuses_options_for_reading(name: str) -> None:
    with pytest.raises(TypeError, match="options must be WriteOptions, not ReadOptions"):
        _WRITERS[name](ReadOptions())
