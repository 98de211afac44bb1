"""Sans-I/O parsers and encoders."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, NoReturn

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement

from streamdicom import (
    BulkDataPolicy,
    ConverterError,
    Converters,
    DatasetEncoder,
    DatasetParser,
    DeviationWarning,
    Event,
    EventEncoder,
    EventParser,
    EventType,
    InputError,
    OutputError,
    ReadOptions,
    StreamDicomError,
    TruncatedError,
    WriteOptions,
    dump,
    iter_datasets,
    iter_events,
)
from streamdicom.converters import Converter, Element
from streamdicom.formats import FormatName
from tests.support.each import each
from tests.support.memory import peak

_MIB = 1024 * 1024
_BULK = b'{"00100020":{"vr":"LO","Value":["1"]},"7FE00010":{"vr":"OB","BulkDataURI":"a"}}'


def _patient(name: str) -> Dataset:
    dataset = Dataset()
    dataset.PatientID = name
    return dataset


def test_parser_reads_blocks_of_encoder() -> None:
    encoder, parser = DatasetEncoder(), DatasetParser()
    datasets = [_patient(f"{n:064}") for n in range(2000)]
    blocks = [*chain.from_iterable(map(encoder.encode, datasets)), encoder.close()]
    assert len(blocks) > 3
    assert all(len(block) < 100_000 for block in blocks)
    assert [*chain.from_iterable(map(parser.feed, blocks)), *parser.close()] == datasets


def test_encode_is_lazy() -> None:
    encoder = DatasetEncoder(array=False)
    encoder.encode(_patient("1"))
    assert list(encoder.encode(_patient("2"))) == []
    assert json.loads(encoder.close())["00100020"]["Value"] == ["2"]


def test_flush_returns_pending_bytes() -> None:
    encoder = DatasetEncoder()
    assert list(encoder.encode(_patient("1"))) == []
    assert encoder.flush() == b'[{"00100020":{"vr":"LO","Value":["1"]}}'
    assert encoder.flush() == b""
    assert encoder.close() == b"]"


def test_flush_completes_line_of_ndjson() -> None:
    encoder = DatasetEncoder(format="ndjson")
    for name in "12":
        assert list(encoder.encode(_patient(name))) == []
        assert encoder.flush() == b'{"00100020":{"vr":"LO","Value":["%b"]}}\n' % name.encode()
    assert encoder.close() == b""


@pytest.mark.slow
def test_long_value_is_encoded_in_bounded_memory() -> None:
    dataset = Dataset()
    dataset.add(DataElement(0x7FE00010, "OB", bytes(64 * _MIB)))

    def write() -> None:
        encoder = DatasetEncoder(array=False)
        assert sum(map(len, encoder.encode(dataset))) + len(encoder.close()) > 64 * _MIB * 4 / 3

    assert peak(write) < 4 * _MIB


def test_partly_encoded_dataset_ends_array() -> None:
    dataset = Dataset()
    dataset.add(DataElement(0x7FE00010, "OB", bytes(_MIB)))
    encoder = DatasetEncoder()
    next(iter(encoder.encode(dataset)))
    with pytest.raises(OutputError, match="START_DATASET"):
        list(encoder.encode(_patient("1")))
    with pytest.raises(OutputError):
        encoder.close()


def test_encoder_error_is_sticky_and_leaves_array_open() -> None:
    dataset = Dataset()
    dataset.add_new(0x00080018, "UI", "1.2")
    dataset.add(DataElement(0x00090010, "ZZ", "?", validation_mode=0))
    encoder = DatasetEncoder()
    for attempt in (lambda: list(encoder.encode(dataset)), lambda: list(encoder.encode(_patient("1"))), encoder.close):
        with pytest.raises(OutputError):
            attempt()
    parser = DatasetParser()
    parser.feed(encoder.flush())
    with pytest.raises(TruncatedError):
        parser.close()


def _failing(*_: object) -> NoReturn:
    raise OSError("of the caller")


@each(
    ("text", "options"),
    [
        (_BULK, ReadOptions(bulk_data_uri_handler=_failing)),
        (_BULK, ReadOptions(where={"PatientID": _failing})),
        (b'{"00100020":{"vr":"LO","Value":"1"}}', ReadOptions(on_deviation=_failing)),
    ],
    ids=["handler", "select", "deviation"],
)
def test_exception_of_callback_stops_parser(text: bytes, options: ReadOptions) -> None:
    parser = DatasetParser(options=options)
    with pytest.raises(OSError, match="of the caller") as first:
        parser.feed(b"[" + text)
    assert parser.error
    for attempt in (lambda: parser.feed(b",{}"), parser.close):
        with pytest.raises(InputError, match="stopped by OSError") as again:
            attempt()
        assert again.value is parser.error
        assert again.value.__cause__ is first.value


def _only_one(values: tuple[str, ...]) -> bool:
    return values == ("1",) or _failing()


class _OnlyOne(Converter):
    def read(self, element: Element) -> Element:
        assert _only_one(element.values)
        return element


@each(
    ("options", "kind"),
    [
        (ReadOptions(bulk_data_uri_handler=_failing), OSError),
        (ReadOptions(where={"PatientID": _only_one}), OSError),
        (ReadOptions(converters=Converters({"PatientID": _OnlyOne()})), ConverterError),
    ],
    ids=["handler", "select", "converter"],
)
def test_datasets_before_exception_of_callback_are_returned_first(options: ReadOptions, kind: type[Exception]) -> None:
    text = b'[{"00100020":{"vr":"LO","Value":["1"]}},%s,{' % _BULK.replace(b'"1"', b'"2"')
    parser = DatasetParser(options=options)
    assert [dataset.PatientID for dataset in parser.feed(text)] == ["1"]
    error = parser.error
    with pytest.raises(kind) as first:
        parser.close()
    with pytest.raises(StreamDicomError) as again:
        parser.feed(b"}]")
    assert error is again.value is parser.error
    assert first.value is (again.value if kind is ConverterError else again.value.__cause__)
    datasets = iter_datasets(text, options=options)
    assert next(datasets).PatientID == "1"
    with pytest.raises(kind):
        next(datasets)


def test_warning_as_error_stops_parser() -> None:
    parser = DatasetParser()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeviationWarning):
            parser.feed(b'[{"00100020":{"vr":"LO","Value":"1"}},{}')
    with pytest.raises(InputError, match="stopped by DeviationWarning"):
        parser.feed(b",{}")


def test_own_error_from_handler_is_sticky() -> None:
    def handler(uri: str) -> None:
        raise OutputError("of the caller")

    parser = DatasetParser(options=ReadOptions(bulk_data_uri_handler=handler))
    for attempt in (lambda: parser.feed(b"[" + _BULK), lambda: parser.feed(b",{}"), parser.close):
        with pytest.raises(OutputError, match="of the caller"):
            attempt()


def test_closed_encoder_raises() -> None:
    for array in (True, False):
        encoder = DatasetEncoder(array=array)
        assert list(encoder.encode(_patient("1"))) == []
        encoder.close()
        attempts: list[Callable[[], object]] = [
            lambda encoder=encoder: list(encoder.encode(_patient("2"))),
            encoder.close,
        ]
        for attempt in attempts:
            with pytest.raises(OutputError, match="closed"):
                attempt()
        assert encoder.flush() == b""


def test_encoder_requires_dataset() -> None:
    with pytest.raises(TypeError, match="Dataset"):
        list(DatasetEncoder().encode({}))  # type: ignore[arg-type]


def test_events_round_trip_through_encoder() -> None:
    encoder = EventEncoder(options=WriteOptions(exclude=["PatientID"]))
    events = [*iter_events(b'[{"00100020":{"vr":"LO","Value":["1"]}},{}]')]
    assert events[0][0] == EventType.START_DATASET
    assert b"".join(encoder.encode(events)) + encoder.close() == b"[{},{}]"


@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_event_encoder_takes_events_in_any_cuts(format: FormatName) -> None:
    encoder = EventEncoder(format=format)
    blocks = [*chain.from_iterable(encoder.encode([event]) for event in iter_events(b"[{}, {}]")), encoder.close()]
    assert list(iter_events(b"".join(blocks))) == list(iter_events(b"[{}, {}]"))


@pytest.mark.slow
def test_long_value_of_events_is_encoded_in_bounded_memory() -> None:
    def events() -> Iterator[Event]:
        yield EventType.START_DATASET, 0, "", 0
        yield EventType.START_ELEMENT, 0x7FE00010, "OB", None
        for _ in range(64 * 16):
            yield EventType.SEGMENT, 0x7FE00010, "OB", bytes(_MIB // 16)
        yield EventType.LAST_SEGMENT, 0x7FE00010, "OB", b""
        yield EventType.END_ELEMENT, 0x7FE00010, "OB", None
        yield EventType.END_DATASET, 0, "", None

    def write(format: FormatName) -> None:
        encoder = EventEncoder(format=format, array=False)
        assert sum(map(len, encoder.encode(events()))) + len(encoder.close()) > 64 * _MIB

    assert peak(lambda: write("json")) < 4 * _MIB
    assert peak(lambda: write("dicom")) < 4 * _MIB


def test_exception_of_event_source_ends_array() -> None:
    def events() -> Iterator[Event]:
        yield from iter_events(b"{}")
        raise OSError("of the caller")

    encoder = EventEncoder()
    with pytest.raises(OSError, match="of the caller") as first:
        list(encoder.encode(events()))
    attempts: list[Callable[[], object]] = [lambda: list(encoder.encode(iter_events(b"{}"))), encoder.close]
    for attempt in attempts:
        with pytest.raises(OutputError, match="stopped by OSError") as again:
            attempt()
        assert again.value.__cause__ is first.value


# --- DICOM files -------------------------------------------------------------------------------------------------


def test_dicom_file_equals_that_of_dump() -> None:
    dataset = dcmread(get_testdata_file("CT_small.dcm"))
    dump(dataset, expected := io.BytesIO(), format="dicom")
    encoder = DatasetEncoder(format="dicom")
    assert b"".join(encoder.encode(dataset)) + encoder.flush() + encoder.close() == expected.getvalue()
    events = EventEncoder(format="dicom")
    blocks = [*chain.from_iterable(events.encode([event]) for event in iter_events(expected.getvalue()))]
    assert b"".join([*blocks, events.close()]) == expected.getvalue()


def test_dicom_file_has_blocks_when_it_is_complete() -> None:
    *first, last = iter_events(b'{"00100020":{"vr":"LO","Value":["1"]}}')
    encoder = EventEncoder(format="dicom")
    assert list(encoder.encode(first)) == []
    assert encoder.flush() == b""
    blocks = list(encoder.encode([last]))
    assert dcmread(io.BytesIO(b"".join(blocks))).PatientID == "1"
    assert encoder.close() == b""
    with pytest.raises(OutputError, match="closed"):
        encoder.close()


def test_dicom_file_has_one_dataset() -> None:
    encoder = DatasetEncoder(format="dicom")
    assert list(encoder.encode(_patient("1")))
    with pytest.raises(OutputError, match="one data set"):
        list(encoder.encode(_patient("2")))
    with pytest.raises(OutputError, match="one data set"):
        encoder.close()


def test_incomplete_dicom_file_raises() -> None:
    empty, started = EventEncoder(format="dicom"), EventEncoder(format="dicom")
    assert list(started.encode([(EventType.START_DATASET, 0, "", 0)])) == []
    for encoder in (empty, started):
        with pytest.raises(OutputError, match="data set"):
            encoder.close()


def test_dicom_file_keeps_values_of_bulk_data() -> None:
    dataset = Dataset()
    dataset.add_new(0x7FE00010, "OB", bytes(4000))
    options = WriteOptions(
        bulk_data_element_handler=lambda element: "uri",
        handler_threshold=10,
        bulk_data_policy=BulkDataPolicy(threshold=0),
    )
    encoder = DatasetEncoder(format="dicom", options=options)
    assert dcmread(io.BytesIO(b"".join(encoder.encode(dataset)))).PixelData == bytes(4000)


def test_dicom_file_rejects_indent() -> None:
    with pytest.raises(ValueError, match="indent"):
        EventEncoder(2, format="dicom")


def test_unknown_format_raises() -> None:
    with pytest.raises(ValueError, match="'json', 'ndjson', 'xml', 'dicom'"):
        EventEncoder(format="yaml")  # type: ignore[arg-type]


def test_ndjson_rejects_indent() -> None:
    with pytest.raises(ValueError, match="NDJSON"):
        DatasetEncoder(indent=1, format="ndjson")


@each("format", ["json", "ndjson", "xml", "dicom"])
@each("events", [None, 3, [None], ["x"], "[]"], ids=repr)
def test_event_encoder_refuses_other_objects_by_their_type(events: Any, format: Any) -> None:
    encoder = EventEncoder(format=format)
    with pytest.raises(TypeError, match="expected events"):
        list(encoder.encode(events))


@each("new_parser", [EventParser, DatasetParser])
@each("data", ["[", None, 5, ["["]])
def test_parser_that_is_fed_no_bytes_says_so(new_parser: type[EventParser | DatasetParser], data: Any) -> None:
    with pytest.raises(TypeError, match=f"^expected bytes, found {type(data).__name__}"):
        new_parser().feed(data)
