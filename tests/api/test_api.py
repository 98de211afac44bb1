"""The functions and classes that most callers use."""

from __future__ import annotations

import gzip
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard
from pydicom import DataElement, Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset

import streamdicom
from streamdicom import (
    DatasetEncoder,
    DatasetParser,
    DatasetWriter,
    EventEncoder,
    EventType,
    InputError,
    JsonSyntaxError,
    LimitError,
    Limits,
    OutputError,
    ReadOptions,
    TruncatedError,
    WriteOptions,
)
from streamdicom.bulkdata import BulkDataAction, BulkDataPolicy
from streamdicom.formats import FormatName
from tests.support.each import each

_ONE = b'{"00100020":{"vr":"LO","Value":["1"]}}'
_TWO = b'{"00100020":{"vr":"LO","Value":["2"]}}'


def _dataset(patient_id: str) -> Dataset:
    dataset = Dataset()
    dataset.PatientID = patient_id
    return dataset


def _ids(source: Any, **options: Any) -> list[str]:
    return [dataset.PatientID for dataset in streamdicom.iter_datasets(source, **options)]


# --- reading ---------------------------------------------------------------------------------------------------


@each("text", [_ONE, b"[" + _ONE + b"]", b" [ " + _ONE + b" ]\n"])
@each("kind", ["path", "str", "file", "bytes", "chunks"])
def test_load_reads_any_source(text: bytes, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(text)
    sources: dict[str, Any] = {
        "path": path,
        "str": str(path),
        "file": io.BytesIO(text),
        "bytes": text,
        "chunks": [text[i : i + 1] for i in range(len(text))],
    }
    assert streamdicom.load(sources[kind]) == _dataset("1")


@pytest.mark.parametrize("load", [streamdicom.load, streamdicom.loads])
def test_load_returns_a_plain_data_set(load: Callable[[bytes], Dataset]) -> None:
    assert type(load(_ONE)) is Dataset


@pytest.mark.parametrize("load", [streamdicom.load, streamdicom.loads])
def test_load_returns_a_file_data_set_on_request(load: Callable[..., Dataset]) -> None:
    assert type(load(_ONE, as_file=True)) is FileDataset


def test_loads_reads_str_and_bytes() -> None:
    assert streamdicom.loads(_ONE.decode()) == streamdicom.loads(_ONE)


def test_lone_surrogate_in_a_str_is_an_error() -> None:
    with pytest.raises(JsonSyntaxError, match="UTF-8"):
        streamdicom.loads('{"\ud800": 1}')


@each(
    ("text", "message"),
    [(b"[]", "found none"), (b"[" + _ONE + b"," + _TWO + b"]", "iter_datasets"), (b"[1]", "found a number")],
)
def test_load_refuses_none_and_several_data_sets(text: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        streamdicom.load(text)


def test_load_checks_the_rest_of_the_document() -> None:
    with pytest.raises(JsonSyntaxError):
        streamdicom.load(_ONE + b"x")
    with pytest.raises(TruncatedError):
        streamdicom.load(b"[" + _ONE)


def test_data_sets_are_delivered_as_soon_as_they_are_complete() -> None:
    given: list[bytes] = []

    def source() -> Iterator[bytes]:
        for chunk in (b"[" + _ONE, b"," + _TWO, b"]"):
            given.append(chunk)
            yield chunk

    datasets = streamdicom.iter_datasets(source())
    assert not given, "nothing is read before the first data set is asked for"
    assert next(datasets).PatientID == "1"
    assert len(given) == 1
    assert next(datasets).PatientID == "2"
    assert len(given) == 2
    assert list(datasets) == []


def test_data_sets_before_an_error_are_delivered() -> None:
    datasets = streamdicom.iter_datasets(b"[" + _ONE + b"," + _TWO + b",}")
    assert [next(datasets).PatientID, next(datasets).PatientID] == ["1", "2"]
    with pytest.raises(JsonSyntaxError) as caught:
        next(datasets)
    assert caught.value.location.byte_offset == 2 * len(_ONE) + 3


def test_events_before_an_error_are_delivered() -> None:
    events = streamdicom.iter_events(b"[" + _ONE + b'{"00100020":')
    kinds = []
    with pytest.raises(JsonSyntaxError):
        kinds.extend(kind for kind, *_ in events)
    assert [kind for kind, *_ in list(_until_error(b"[" + _ONE + b'{"00100020":'))] == [1, 3, 2]


def _until_error(source: bytes) -> Iterator[Any]:
    try:
        yield from streamdicom.iter_events(source)
    except InputError:
        return


def test_several_documents_are_read() -> None:
    assert _ids(_ONE + b"\n" + _TWO + b"[" + _ONE + b"]") == ["1", "2", "1"]


@each("format", ["auto", "json", "xml", "dicom"])
def test_empty_input_is_truncated(format: Any, tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_bytes(b"")
    for source in (b"", path):
        with pytest.raises(TruncatedError):
            _ids(source, options=ReadOptions(format=format))


def test_empty_ndjson_file_has_no_data_sets(tmp_path: Path) -> None:
    for name in ("empty.ndjson", "empty.jsonl.gz"):
        streamdicom.dump([], tmp_path / name)
        assert _ids(tmp_path / name) == []


def test_limits_are_taken_from_the_options() -> None:
    options = ReadOptions(limits=Limits(depth=3))
    assert streamdicom.loads(_ONE, options=options).PatientID == "1"
    with pytest.raises(LimitError, match=r"Limits\.depth"):
        streamdicom.load(b"[" + _ONE + b"]", options=options)


def test_iter_datasets_makes_file_data_sets_on_request() -> None:
    [dataset] = streamdicom.iter_datasets(_ONE, as_file=True)
    assert type(dataset) is FileDataset


def test_parser_accepts_single_bytes() -> None:
    parser = DatasetParser()
    text = b"[" + _ONE + b"," + _TWO + b"]"
    datasets = [dataset for i in range(len(text)) for dataset in parser.feed(text[i : i + 1])]
    assert [dataset.PatientID for dataset in datasets] == ["1", "2"]
    assert parser.close() == []
    assert parser.error is None
    with pytest.raises(ValueError, match="closed"):
        parser.feed(b"")


def test_parser_raises_at_once_or_at_the_next_call() -> None:
    parser = DatasetParser()
    assert len(parser.feed(b"[" + _ONE + b"}")) == 1
    assert isinstance(parser.error, JsonSyntaxError)
    with pytest.raises(JsonSyntaxError):
        parser.feed(b"")
    with pytest.raises(JsonSyntaxError):
        DatasetParser().feed(b"[}")


@each("end", range(len(b"[" + _ONE + b"]")))
def test_truncated_stream_raises_truncated_error(end: int) -> None:
    text = b"[" + _ONE + b"]"
    with pytest.raises(TruncatedError) as caught:
        _ids([text[:end]])
    assert caught.value.location.byte_offset == end


# --- writing ---------------------------------------------------------------------------------------------------


def test_data_set_is_an_object_and_several_are_an_array() -> None:
    assert streamdicom.dumps(_dataset("1")) == _ONE.decode()
    assert streamdicom.dumps([_dataset("1"), _dataset("2")]) == f"[{_ONE.decode()},{_TWO.decode()}]"
    assert streamdicom.dumps([]) == "[]"
    assert streamdicom.dumps(streamdicom.loads(_ONE, as_file=True)) == _ONE.decode()


@each("indent", [0, 2, "\t", -1, True])
def test_indent_matches_the_json_module(indent: int | str) -> None:
    text = streamdicom.dumps([_dataset("1"), Dataset()], indent)
    assert text == json.dumps(json.loads(text), indent=indent)


@each("format", ["json", "xml"])
@each("indent", [1.5, [], {}, b" "])
def test_indent_is_a_number_or_a_string(indent: Any, format: FormatName, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        streamdicom.dumps([Dataset()], indent, format=format)
    with pytest.raises(TypeError):
        streamdicom.dump([Dataset()], tmp_path / "out", indent, format=format)
    assert list(tmp_path.iterdir()) == []


def test_array_is_written_while_it_is_consumed() -> None:
    sink = io.BytesIO()
    sizes: list[int] = []

    def datasets() -> Iterator[Dataset]:
        for _ in range(5000):
            sizes.append(len(sink.getvalue()))
            yield _dataset("1")

    streamdicom.dump(datasets(), sink)
    assert len(json.loads(sink.getvalue())) == 5000
    assert sizes[-1] > len(sink.getvalue()) - 200_000


def test_path_is_written_completely_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    def datasets() -> Iterator[Dataset]:
        yield _dataset("1")
        assert list(tmp_path.glob("*.json")) == []
        raise RuntimeError("the source fails")

    with pytest.raises(RuntimeError, match="the source fails"):
        streamdicom.dump(datasets(), path)
    assert list(tmp_path.iterdir()) == []
    streamdicom.dump(_dataset("1"), path)
    assert path.read_bytes() == _ONE


@each("obj", [5, "text", [Dataset(), 5], {"a": 1}, None])
def test_other_objects_are_a_type_error(obj: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        streamdicom.dump(obj, tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_file_meta_information_is_written_on_request() -> None:
    dataset = streamdicom.loads('{"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}}', as_file=True)
    assert streamdicom.dumps(dataset) == "{}"
    text = streamdicom.dumps(dataset, options=WriteOptions(file_meta=True))
    assert text == '{"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.1"]}}'
    assert streamdicom.loads(text, as_file=True).file_meta == dataset.file_meta


def test_writer_closes_the_array(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    with DatasetWriter(path, indent=1) as writer:
        writer.write(_dataset("1"))
        writer.write(_dataset("2"))
        assert not path.exists()
    assert _ids(path) == ["1", "2"]


def test_writer_may_be_closed_by_hand_and_twice() -> None:
    sink = io.BytesIO()
    writer = DatasetWriter(sink)
    writer.write(_dataset("1"))
    writer.close()
    writer.close()
    assert sink.getvalue() == b"[" + _ONE + b"]"


@each("format", ["json", "ndjson", "xml"])
def test_nothing_is_written_after_the_end(format: FormatName, tmp_path: Path) -> None:
    for target in (tmp_path / "out", io.BytesIO()):
        writer = DatasetWriter(target, format=format)
        writer.write(_dataset("1"))
        writer.close()
        for _ in range(2):
            with pytest.raises(OutputError, match="closed"):
                writer.write(_dataset("2"))
        writer.close()
        text = target.read_bytes() if isinstance(target, Path) else target.getvalue()
        assert _ids(text) == ["1"]


def test_failed_writer_leaves_the_array_open_and_no_file(tmp_path: Path) -> None:
    path, sink = tmp_path / "out.json", io.BytesIO()
    for target in (path, sink):
        with pytest.raises(KeyError), DatasetWriter(target) as writer:  # type: ignore[arg-type]
            writer.write(_dataset("1"))
            raise KeyError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TruncatedError):
        _ids(sink.getvalue())


def test_writer_stays_failed_after_an_error() -> None:
    writer = DatasetWriter(io.BytesIO())
    bad = Dataset()
    bad[0x00091001] = DataElement(0x00091001, "OB", "text", already_converted=True)
    with pytest.raises(OutputError):
        writer.write(bad)
    for action in (lambda: writer.write(_dataset("1")), writer.close):
        with pytest.raises(OutputError):
            action()


def test_failed_writer_leaves_no_file_without_a_context(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_bytes(_ONE)
    writer = DatasetWriter(path)
    writer.write(_dataset("1"))
    with pytest.raises(TypeError):
        writer.write({})  # type: ignore[arg-type]
    writer.write(_dataset("2"))
    bad = Dataset()
    bad[0x00091001] = DataElement(0x00091001, "OB", "text", already_converted=True)
    with pytest.raises(OutputError):
        writer.write(bad)
    assert list(tmp_path.iterdir()) == [path]
    for action in (lambda: writer.write(_dataset("3")), writer.flush, writer.close):
        with pytest.raises(OutputError):
            action()
    assert path.read_bytes() == _ONE


def test_writer_leaves_no_file_if_close_fails(tmp_path: Path) -> None:
    writer = DatasetWriter(tmp_path / "out.json", options=WriteOptions(bulk_data_element_handler=_failing))
    with pytest.raises(RuntimeError):
        writer.write(_image())
    with pytest.raises(OutputError, match="stopped by RuntimeError"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def _failing(element: DataElement) -> str:
    raise RuntimeError


def _image() -> Dataset:
    dataset = Dataset()
    dataset.add_new(0x7FE00010, "OB", bytes(4096))
    return dataset


def test_events_are_written_unchanged() -> None:
    text = b"[" + _ONE + b"," + _TWO + b"]"
    sink = io.BytesIO()
    streamdicom.write_events(streamdicom.iter_events(text), sink)
    assert sink.getvalue() == text


def test_events_may_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    events = (
        (kind, tag, vr, ("anonymous",) if kind == EventType.ELEMENT and tag == 0x00100020 else value)
        for kind, tag, vr, value in streamdicom.iter_events(b"[" + _ONE + b"," + _TWO + b"]")
    )
    streamdicom.write_events(events, path, indent=2)
    assert _ids(path) == ["anonymous", "anonymous"]


def test_incomplete_events_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="not complete"):
        streamdicom.write_events([(EventType.START_DATASET, 0, "", 0)], tmp_path / "out.json")
    with pytest.raises(TruncatedError):
        streamdicom.write_events(streamdicom.iter_events(_ONE[:-1]), tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


# --- every format ----------------------------------------------------------------------------------------------

_NAMES = ["json", "ndjson", "jsonl", "xml", "dcm"]
_ENDS = ["", ".gz", ".zst", ".GZ"]


@each("end", _ENDS)
@each("name", _NAMES)
@each("way", ["dump", "DatasetWriter", "write_events"])
def test_name_of_the_target_selects_format_and_compression(way: str, name: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{name}{end}"
    if way == "dump":
        streamdicom.dump(_dataset("1"), path)
    elif way == "DatasetWriter":
        with DatasetWriter(path) as writer:
            writer.write(_dataset("1"))
    else:
        streamdicom.write_events(streamdicom.iter_events(_ONE), path)
    data = path.read_bytes()
    if end:
        data = (
            gzip.decompress(data)
            if end.lower() == ".gz"
            else zstandard.ZstdDecompressor().decompressobj().decompress(data)
        )
    start = {"xml": b"<?xml", "dcm": bytes(128) + b"DICM"}.get(name, b"[" if name == "json" and way != "dump" else b"{")
    assert data.startswith(start)
    assert _ids(path) == [streamdicom.load(path).PatientID] == ["1"]
    assert [value for _, tag, _, value in streamdicom.iter_events(path) if tag == 0x00100020] == [("1",)]


@each("name", ["out.csv", "out", "1.2.840.1", "out.gz", ".json.bak"])
def test_unknown_suffix_needs_a_format(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for write in (
        lambda: streamdicom.dump(_dataset("1"), path),
        lambda: DatasetWriter(path),
        lambda: streamdicom.write_events([], path),
    ):
        with pytest.raises(ValueError, match="format="):
            write()
    assert list(tmp_path.iterdir()) == []
    streamdicom.dump(_dataset("1"), path, format="xml")
    assert _ids(path) == ["1"]


def test_format_argument_precedes_the_name(tmp_path: Path) -> None:
    path = tmp_path / "out.json.gz"
    streamdicom.dump([_dataset("1")], path, format="ndjson")
    assert gzip.decompress(path.read_bytes()) == _ONE + b"\n"
    with pytest.raises(ValueError, match="format must be one of"):
        streamdicom.dump(_dataset("1"), path, format="yaml")  # type: ignore[arg-type]


def test_targets_without_a_name_get_json(tmp_path: Path) -> None:
    target = io.BytesIO()
    streamdicom.dump(_dataset("1"), target)
    assert target.getvalue() == _ONE
    with (tmp_path / "out.xml").open("wb") as file:
        streamdicom.dump(_dataset("1"), file)
    assert (tmp_path / "out.xml").read_bytes() == _ONE
    streamdicom.dump(_dataset("1"), os.devnull)


@pytest.mark.parametrize("target", ["path", "file", "sink"])
def test_dicom_file_is_written_and_loaded(target: str, tmp_path: Path) -> None:
    expected = dcmread(get_testdata_file("CT_small.dcm"))
    path = tmp_path / "out.dcm"
    if target == "path":
        streamdicom.dump(expected, path)
    elif target == "file":
        with path.open("w+b") as file:
            streamdicom.dump(expected, file, format="dicom")
    else:
        written: list[bytes] = []
        streamdicom.dump(expected, SimpleNamespace(write=written.append), format="dicom")  # type: ignore[arg-type]
        path.write_bytes(b"".join(written))
    assert dcmread(path) == expected
    loaded = streamdicom.load(path, as_file=True)
    assert loaded == expected
    assert type(loaded) is FileDataset
    assert loaded.file_meta.TransferSyntaxUID == expected.file_meta.TransferSyntaxUID
    assert {tag >> 16 for _, tag, _, _ in streamdicom.iter_events(path)} >= {0x0002, 0x7FE0}


@each("format", ["json", "ndjson", "xml", "dicom"])
def test_one_data_set_is_one_in_every_format(format: FormatName) -> None:
    events = list(streamdicom.iter_events(_ONE + _TWO))
    with pytest.raises(OutputError, match="one data set"):
        streamdicom.write_events(events, io.BytesIO(), format=format, array=False)
    streamdicom.write_events(events[:3], io.BytesIO(), format=format, array=False)
    with pytest.raises(OutputError):
        streamdicom.write_events([], io.BytesIO(), format=format, array=False)


@each("format", ["json", "ndjson", "xml", "dicom"])
@each("wrong", [Dataset(), 5, None, (1, 2), (1, 2, 3, 4, 5)])
def test_other_object_among_events_is_a_type_error(format: FormatName, wrong: Any) -> None:
    events = list(streamdicom.iter_events(_ONE))
    for position in range(1, 4):
        several: Any = [*events[:position], wrong, *events[position:]]
        if position == 3:
            several += events
        with pytest.raises(TypeError, match="expected events, which are tuples of four values, found a"):
            streamdicom.write_events(several, io.BytesIO(), format=format)
        encoder = EventEncoder(format=format)
        with pytest.raises(TypeError, match="expected events, which are tuples of four values"):
            list(encoder.encode(several))


def test_error_of_the_source_of_events_is_not_explained_away() -> None:
    def events() -> Iterator[streamdicom.Event]:
        yield from streamdicom.iter_events(_ONE)
        _, _ = (1, 2, 3)  # type: ignore[misc]

    with pytest.raises(ValueError, match="too many values to unpack"):
        streamdicom.write_events(events(), io.BytesIO())


def test_dicom_file_has_all_values_except_those_that_the_policy_drops() -> None:
    dataset = _dataset("1")
    dataset.add_new(0x00091001, "OB", bytes(5000))
    dataset.add_new(0x00091002, "UN", b"ab")

    class Store:
        def put(self, segments: object, info: object) -> str:
            raise AssertionError("a file cannot refer to a store")

        def open(self, uri: str) -> Iterator[bytes]:
            raise NotImplementedError

    options = WriteOptions(bulk_data_store=Store(), bulk_data_policy=BulkDataPolicy(by_vr={"UN": BulkDataAction.DROP}))
    events = list(streamdicom.iter_events(streamdicom.dumps(dataset).encode()))
    encoder, dataset_encoder = (
        EventEncoder(format="dicom", options=options),
        DatasetEncoder(format="dicom", options=options),
    )
    targets = [io.BytesIO(), io.BytesIO()]
    streamdicom.dump(dataset, targets[0], format="dicom", options=options)
    streamdicom.write_events(events, targets[1], format="dicom", options=options)
    files = [target.getvalue() for target in targets]
    files += [b"".join(encoder.encode(events)), b"".join(dataset_encoder.encode(dataset))]
    for file in files:
        found = dcmread(io.BytesIO(file))
        assert len(found[0x00091001].value) == 5000
        assert 0x00091002 not in found


def test_dicom_file_holds_one_data_set(tmp_path: Path) -> None:
    path = tmp_path / "out.dcm"
    with pytest.raises(OutputError, match="a DICOM file holds one data set"):
        streamdicom.dump([_dataset("1"), _dataset("2")], path)
    with pytest.raises(OutputError, match="a DICOM file holds one data set"), DatasetWriter(path) as writer:
        writer.write(_dataset("1"))
        writer.write(_dataset("2"))
    with pytest.raises(OutputError, match="a DICOM file holds one data set"):
        streamdicom.write_events(streamdicom.iter_events(_ONE + _TWO), path)
    with pytest.raises(OutputError, match="found none"):
        streamdicom.dump([], path)
    with pytest.raises(OutputError):
        streamdicom.write_events([], path)
    assert list(tmp_path.iterdir()) == []
    streamdicom.dump([_dataset("1")], path)
    assert _ids(path) == ["1"]


def test_dicom_file_has_no_indent_and_is_not_text(tmp_path: Path) -> None:
    for write in (
        lambda: streamdicom.dump(_dataset("1"), tmp_path / "out.dcm", 2),
        lambda: streamdicom.write_events([], tmp_path / "out.dcm", 2),
        lambda: DatasetWriter(tmp_path / "out.dcm", indent=2),
    ):
        with pytest.raises(ValueError, match="indent"):
            write()
    with pytest.raises(ValueError, match=r"not text.*dump"):
        streamdicom.dumps(_dataset("1"), format="dicom")
    assert list(tmp_path.iterdir()) == []


def test_failed_dicom_file_stays_failed_and_leaves_no_file(tmp_path: Path) -> None:
    bad = Dataset()
    bad[0x00091001] = DataElement(0x00091001, "OB", "text", already_converted=True)
    writer = DatasetWriter(tmp_path / "out.dcm")
    with pytest.raises(OutputError):
        writer.write(bad)
    with pytest.raises(OutputError):
        writer.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["json", "ndjson"])
def test_file_has_the_data_sets_before_a_fault(format: FormatName) -> None:
    first = '{"00100020":{"vr":"LO","Value":["1"]}}'
    expected = f"{first}\n{{}}\n" if format == "ndjson" else f"[{first},{{}}"

    def source() -> bytes:
        return f'[{first},{{}},{{"00100020":x}}]'.encode()

    def write_each(target: io.BytesIO) -> None:
        with DatasetWriter(target, format=format) as writer:
            for dataset in streamdicom.iter_datasets(source()):
                writer.write(dataset)

    for write in (
        lambda target: streamdicom.write_events(streamdicom.iter_events(source()), target, format=format),
        lambda target: streamdicom.dump(streamdicom.iter_datasets(source()), target, format=format),
        write_each,
    ):
        target = io.BytesIO()
        with pytest.raises(InputError):
            write(target)
        assert target.getvalue().decode() in (expected, expected + ",{", expected + "{")  # the third has begun


# --- wrong calls -----------------------------------------------------------------------------------------------

_SECRET = "Secret^Patient"
_TEXT = f'{{"00100010":{{"vr":"PN","Value":[{{"Alphabetic":"{_SECRET}"}}]}}}}'
_XML_TEXT = f"<NativeDicomModel>{_SECRET}</NativeDicomModel>"


@each(
    "text",
    [_TEXT, f"[{_TEXT}]", f"\ufeff \n{_TEXT}", _XML_TEXT, _TEXT + "\0", f"{_SECRET}\n", _SECRET * 500],
)
@each("read", [streamdicom.load, streamdicom.iter_datasets, streamdicom.iter_events])
def test_text_is_not_a_path(read: Callable[[Any], Any], text: str) -> None:
    with pytest.raises(TypeError, match=r"loads\(\)") as caught:
        read(text)
    assert _SECRET not in _everything(caught.value)


def test_over_long_name_is_not_quoted() -> None:
    for call in (
        lambda: streamdicom.load(_SECRET * 100),
        lambda: streamdicom.dump(_dataset("1"), f"{_TEXT}.json"),
        lambda: streamdicom.dump(_dataset("1"), _TEXT * 100, format="json"),
    ):
        with pytest.raises((OSError, TypeError)) as caught:
            call()
        assert _SECRET not in _everything(caught.value)


def _everything(error: BaseException | None) -> str:
    """Return the texts of an error and of those that led to it."""
    return f"{error!r}{error}{_everything(error.__cause__ or error.__context__)}" if error else ""


def test_file_whose_name_looks_like_text_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("[1].json").write_bytes(_ONE)
    assert streamdicom.load("[1].json").PatientID == "1"


@each(
    ("source", "hint"),
    [
        ({"00100020": {"vr": "LO"}}, "loads"),
        (io.StringIO("{}"), "binary mode"),
        (Dataset(), "dump"),
        (5, "path"),
        (None, "path"),
    ],
)
@each("read", [streamdicom.load, streamdicom.iter_datasets, streamdicom.iter_events])
def test_wrong_source_names_the_right_call(read: Callable[[Any], Any], source: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=hint):
        read(source)


def test_names_of_several_files_are_not_chunks() -> None:
    with pytest.raises(TypeError, match=r"streamdicom\.archive"):
        list(streamdicom.iter_datasets(["a.dcm", "b.dcm"]))  # type: ignore[list-item]


def test_loads_names_load() -> None:
    with pytest.raises(InputError, match=r"not DICOM JSON, Native DICOM XML or a DICOM file; .*load\(\)"):
        streamdicom.loads("studies.json")
    with pytest.raises(TypeError, match=r"load\(\)"):
        streamdicom.loads(Path("studies.json"))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["out.json", "out.dcm"])
def test_write_events_names_dump(name: str, tmp_path: Path) -> None:
    for datasets in ([Dataset()], (_dataset(number) for number in "12"), _dataset("1")):
        with pytest.raises(TypeError, match=r"dump\(\)"):
            streamdicom.write_events(datasets, tmp_path / name)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"iter_events\(\)"):
        streamdicom.write_events("in.json", tmp_path / "out.json")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_dump_names_write_events(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"write_events\(\)"):
        streamdicom.dump(streamdicom.iter_events(_ONE), tmp_path / "out.json")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@each(
    ("content", "message"),
    [
        (b"root:x:0:0:root", "not DICOM JSON, Native DICOM XML or a DICOM file (byte 0)"),
        (b"[{}", "the input ends within a JSON document (byte 3, [1])"),
        (b"[{},{}]", "expected one data set, found more; read them with iter_datasets() ([1])"),
        (b"[]", "expected one data set, found none"),
        (gzip.compress(b"[{}]")[:-1], "the gzip stream stops before its end"),
    ],
)
def test_error_names_the_file(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "in.json"
    path.write_bytes(content)
    for source in (path, str(path), path.open("rb")):
        with pytest.raises(InputError) as caught:
            streamdicom.load(source)
        assert str(caught.value) == f"{path}: {message}"
        assert caught.value.filename == str(path)
        if not isinstance(source, Path | str):
            source.close()
    with pytest.raises(InputError) as caught:
        streamdicom.load(content)
    assert (str(caught.value), caught.value.filename) == (message, None)


# --- the form of the text ------------------------------------------------------------------------------------------

_ODD = '{"00100020":{"vr":"LO","Value":["<é & \'x\'>"]}}'


def _written(
    way: str, options: WriteOptions | None, indent: int | None = None, count: int = 2, format: FormatName = "json"
) -> str:
    """The same data sets, by each of the functions that write."""
    datasets = [streamdicom.loads(_ODD) for _ in range(count)]
    sink = io.BytesIO()
    if way == "dumps":
        return streamdicom.dumps(datasets, indent, format=format, options=options)
    if way == "dump":
        streamdicom.dump(datasets, sink, indent, format=format, options=options)
    elif way == "DatasetWriter":
        with DatasetWriter(sink, indent=indent, format=format, options=options) as writer:
            for dataset in datasets:
                writer.write(dataset)
    else:
        events = streamdicom.iter_events(f"[{','.join([_ODD] * count)}]".encode())
        streamdicom.write_events(events, sink, indent, format=format, options=options)
    return sink.getvalue().decode()


_WAYS = pytest.mark.parametrize("way", ["dumps", "dump", "DatasetWriter", "write_events"])


@_WAYS
@pytest.mark.parametrize("indent", [None, 2])
def test_escapes_are_written_on_request(way: str, indent: int | None) -> None:
    plain = _written(way, None, indent)
    assert "<é & 'x'>" in plain
    in_ascii = _written(way, WriteOptions(ensure_ascii=True), indent)
    assert in_ascii == plain.replace("é", "\\u00e9")
    for_html = _written(way, WriteOptions(escape_html=True), indent)
    assert for_html == plain.replace("<é & 'x'>", r"\u003cé \u0026 \u0027x\u0027\u003e")
    both = _written(way, WriteOptions(escape_html=True, ensure_ascii=True), indent)
    assert both == for_html.replace("é", "\\u00e9")
    assert json.loads(both) == json.loads(plain)


@_WAYS
def test_ndjson_is_a_line_for_each_data_set(way: str) -> None:
    assert _written(way, None, format="ndjson") == f"{_ODD}\n{_ODD}\n"
    assert _written(way, None, format="ndjson", count=1) == f"{_ODD}\n"
    assert _written(way, None, format="ndjson", count=0) == ""
    assert _written(way, WriteOptions(trailing_newline=True), format="ndjson") == f"{_ODD}\n{_ODD}\n"
    assert _ids(_written(way, None, format="ndjson").encode()) == ["<é & 'x'>"] * 2


def test_ndjson_of_one_data_set_is_one_line() -> None:
    assert streamdicom.dumps(streamdicom.loads(_ODD), format="ndjson") == f"{_ODD}\n"
    sink = io.BytesIO()
    streamdicom.write_events(streamdicom.iter_events(_ODD.encode()), sink, format="ndjson", array=False)
    assert sink.getvalue().decode() == f"{_ODD}\n"


@_WAYS
@pytest.mark.parametrize("indent", [0, 2, "\t", -1, True])
def test_ndjson_has_no_indent(way: str, indent: Any) -> None:
    with pytest.raises(ValueError, match="NDJSON"):
        _written(way, None, indent, format="ndjson")


def test_refused_ndjson_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="NDJSON"):
        DatasetWriter(tmp_path / "out.ndjson", indent=1)
    assert list(tmp_path.iterdir()) == []


@_WAYS
@pytest.mark.parametrize("indent", [None, 2])
def test_trailing_newline_is_written_on_request(way: str, indent: int | None) -> None:
    plain = _written(way, WriteOptions(), indent)
    assert not plain.endswith("\n")
    assert _written(way, WriteOptions(trailing_newline=True), indent) == plain + "\n"


def test_ndjson_is_written_while_it_is_consumed() -> None:
    sink = io.BytesIO()
    sizes: list[int] = []

    def datasets() -> Iterator[Dataset]:
        for _ in range(5000):
            sizes.append(len(sink.getvalue()))
            yield _dataset("1")

    streamdicom.dump(datasets(), sink, format="ndjson")
    assert sink.getvalue() == (_ONE + b"\n") * 5000
    assert sizes[-1] > len(sink.getvalue()) - 200_000
