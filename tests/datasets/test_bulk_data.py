"""Bulk data of pydicom data sets: fragments, references, handlers, spooled values."""

from __future__ import annotations

import base64
import copy
import gc
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset, FileDataset, dcmread, dcmwrite
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element
from pydicom.tag import Tag
from pydicom.uid import JPEG2000, ExplicitVRBigEndian, ExplicitVRLittleEndian

import streamdicom
from streamdicom import (
    BulkDataAction,
    BulkDataError,
    BulkDataPolicy,
    DatasetError,
    DirectoryStore,
    EventType,
    LimitError,
    Limits,
    OutputError,
    ReadOptions,
    WriteOptions,
)
from streamdicom.datasets import DatasetBuilder, walk
from streamdicom.events import Event
from streamdicom.filters.bulk_data import load_bulk_data, store_bulk_data
from streamdicom.io.spool import LazyValue, SpooledValue
from tests.support.each import each
from tests.support.stores import MemoryStore, joined

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # from pydicom, about odd files

PIXELS = 0x7FE00010
BUFFERED = ("OB", "OD", "OF", "OL", "OV", "OW")
ITEM = b"\xfe\xff\x00\xe0"
_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
ENCAPSULATED = [
    path for path in sorted(_FILES.glob("*.dcm")) if any(name in path.name.lower() for name in ("jp", "rle"))
]


def events(dataset: Dataset, **options: Any) -> list[Event]:
    return [event for batch in walk(dataset, options=WriteOptions(**options)) for event in batch]


def contents(of: list[Event]) -> list[bytes]:
    """Return the contents of fragments."""
    return [value for kind, _, _, value in of if kind == EventType.LAST_SEGMENT]


def undefined(value: Any, vr: str = "OB", tag: int = PIXELS) -> Dataset:
    dataset = Dataset()
    dataset[tag] = DataElement(tag, vr, value, is_undefined_length=True)
    return dataset


def built(of: list[Event], **options: Any) -> Dataset:
    [dataset] = DatasetBuilder(ReadOptions(**options)).build(of)
    return dataset


def saved(dataset: Dataset) -> Dataset:
    """Save with pydicom in explicit VR little endian, and read again."""
    dataset = copy.copy(dataset)
    dataset.add_new(0x00080020, "DA", "20240229")  # lets pydicom detect explicit VR
    target = io.BytesIO()
    dcmwrite(target, dataset, implicit_vr=False, little_endian=True)
    target.seek(0)
    return dcmread(target, force=True)


# --- encapsulated pixel data -------------------------------------------------------------------------------------


def test_encapsulated_files_are_found() -> None:
    assert len(ENCAPSULATED) > 15


@each("path", ENCAPSULATED, ids=lambda path: path.name)
@each("converted", [False, True])
@each("buffered", [False, True])
def test_fragments_of_file_are_walked(path: Path, converted: bool, buffered: bool) -> None:
    dataset, expected = dcmread(path), dcmread(path)
    if not expected["PixelData"].is_undefined_length:
        pytest.skip("not encapsulated")
    if converted or buffered:
        assert dataset.PixelData
    if buffered:
        buffer = io.BytesIO(b"before" + expected.PixelData)
        buffer.seek(6)
        dataset[PIXELS] = DataElement(PIXELS, "OB", buffer, is_undefined_length=True)
    out = events(dataset)
    assert contents(joined(out)) == list(generate_fragments(expected.PixelData))
    assert not buffered or buffer.tell() == 6
    assert max(len(value) for *_, value in out if isinstance(value, bytes)) <= 48 * 1024
    read = built(out)
    assert read["PixelData"].is_undefined_length
    assert read.PixelData == expected.PixelData
    text = streamdicom.dumps(dataset)
    assert base64.b64decode(json.loads(text)["7FE00010"]["InlineBinary"]) == expected.PixelData


@each("path", ENCAPSULATED, ids=lambda path: path.name)
@each("threshold", [100, 2**30])
def test_encapsulated_file_round_trips_through_json(path: Path, threshold: int) -> None:
    source = dcmread(path)
    text = streamdicom.dumps(source, options=WriteOptions(file_meta=True))
    loaded = streamdicom.loads(text, options=ReadOptions(spool_threshold=threshold), as_file=True)
    assert loaded["PixelData"].is_undefined_length == source["PixelData"].is_undefined_length
    target = io.BytesIO()
    loaded.save_as(target, enforce_file_format=True)
    target.seek(0)
    read = dcmread(target)
    assert read["PixelData"] == source["PixelData"]
    assert read["PixelData"].is_undefined_length == source["PixelData"].is_undefined_length
    assert streamdicom.dumps(loaded) == streamdicom.dumps(source)


NO_ITEMS = {
    "nothing": b"",
    "something else": b"abcdefgh",
    "half a header": ITEM + b"\0",
    "a fragment that ends too soon": ITEM + b"\4\0\0\0abc",
    "something after": ITEM + b"\2\0\0\0ab" + b"cd",
    "a delimiter after": ITEM + b"\2\0\0\0ab" + b"\xfe\xff\xdd\xe0\0\0\0\0",
    "an undefined length": ITEM + b"\xff\xff\xff\xff" + b"ab",
}


@each("data", NO_ITEMS.values(), ids=NO_ITEMS.keys())
@each("buffered", [False, True])
def test_value_without_items_is_not_encapsulated(data: bytes, buffered: bool) -> None:
    out = events(undefined(io.BytesIO(data) if buffered else data))
    assert EventType.START_FRAGMENTS not in [kind for kind, *_ in out]
    values = [one for kind, *_, value in joined(out) if kind == EventType.ELEMENT for one in value]
    assert b"".join(values) == data


def test_items_in_defined_length_are_not_fragments() -> None:
    dataset = Dataset()
    dataset.add_new(PIXELS, "OB", encapsulate([b"ab"]))
    assert joined(events(dataset))[1] == (EventType.ELEMENT, PIXELS, "OB", (dataset.PixelData,))


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=6), st.integers(0, 100), st.sampled_from(["OB", "OW"]))
def test_fragments_round_trip(fragments: list[bytes], threshold: int, vr: str) -> None:
    value = b"".join(ITEM + len(data).to_bytes(4, "little") + data for data in fragments)
    source = undefined(value, vr)
    out = events(source)
    assert contents(joined(out)) == fragments
    read = built(out, spool_threshold=threshold)
    assert isinstance(read.PixelData, SpooledValue) == (len(value) > threshold)
    assert read[PIXELS] == source[PIXELS]
    assert read[PIXELS].is_undefined_length
    assert joined(events(read)) == joined(out)


def test_element_without_fragments_is_empty() -> None:
    start: list[Event] = [(EventType.START_DATASET, 0, "", 0), (EventType.START_FRAGMENTS, PIXELS, "OB", None)]
    read = built([*start, (EventType.END_FRAGMENTS, PIXELS, "OB", None), (EventType.END_DATASET, 0, "", None)])
    assert read[PIXELS].is_empty
    assert not read[PIXELS].is_undefined_length


@each(
    ("syntax", "value", "expected"),
    [
        (JPEG2000, encapsulate([b"ab"]), True),
        (JPEG2000, b"abcd", False),
        (JPEG2000, encapsulate([b"ab"]) + b"odd", True),
        (JPEG2000, b"", False),
        (ExplicitVRLittleEndian, encapsulate([b"ab"]), False),
        ("1.2.3.4", encapsulate([b"ab"]), False),
        ("", encapsulate([b"ab"]), False),
        ("no uid", encapsulate([b"ab"]), False),
    ],
)
@each("threshold", [0, 10**6])
def test_transfer_syntax_decides_encapsulation(syntax: str, value: bytes, expected: bool, threshold: int) -> None:
    """InlineBinary does not say whether a value is encapsulated."""
    document = {
        "00020010": {"vr": "UI", "Value": [syntax]},
        "7FE00010": {"vr": "OB", "InlineBinary": base64.b64encode(value).decode()},
    }
    limits = Limits(segment_size=12)
    options = ReadOptions(limits=limits, spool_threshold=threshold)
    loaded = streamdicom.loads(json.dumps(document), options=options)
    assert loaded[PIXELS].is_undefined_length is expected


# --- references --------------------------------------------------------------------------------------------------


def reference(uri: str, vr: str = "OW", tag: int = PIXELS) -> dict[str, Any]:
    return {f"{tag:08X}": {"vr": vr, "BulkDataURI": uri}}


def in_item(attributes: dict[str, Any]) -> str:
    return json.dumps([{}, {"00081140": {"vr": "SQ", "Value": [{}, attributes]}}])


@each("vr", BUFFERED)
def test_reference_becomes_lazy_buffer(vr: str) -> None:
    store = MemoryStore()
    store.values = [b"abcdefgh"]
    opened: list[str] = []

    class Watched(MemoryStore):
        def open(self, uri: str) -> Iterator[bytes]:
            opened.append(uri)
            return store.open(uri)

    dataset = streamdicom.loads(json.dumps(reference("0", vr)), options=ReadOptions(bulk_data_store=Watched()))
    assert isinstance(dataset[PIXELS].value, LazyValue)
    assert not opened
    assert saved(dataset)[PIXELS].value == b"abcdefgh"
    assert dataset[PIXELS].value.read() == b"abcdefgh"
    assert opened == ["0"]
    attribute = json.loads(streamdicom.dumps(dataset))["7FE00010"]
    assert base64.b64decode(attribute["InlineBinary"]) == b"abcdefgh"
    assert copy.deepcopy(dataset) == dataset


@each(
    ("vr", "data", "value"),
    [
        ("UN", b"abc", b"abc"),
        ("US", b"\1\0\2\0", [1, 2]),
        ("FD", b"\0" * 8, 0.0),
        ("UT", "é\\ü".encode(), "é\\ü"),
        ("UC", b"a\\b", ["a", "b"]),
        ("DS", b"1.0000\\2", [1.0, 2.0]),
        ("UT", b"ab" * 100_000, "ab" * 100_000),
        ("UL", b"\1\0\0\0" * 5000, [1] * 5000),
    ],
)
def test_reference_of_text_vr_is_loaded_at_once(vr: str, data: bytes, value: Any) -> None:
    store = MemoryStore(5000)
    store.values = [data]
    text = json.dumps(reference("0", vr, 0x00091001))
    dataset = streamdicom.loads(text, options=ReadOptions(bulk_data_store=store))
    assert dataset[0x00091001].value == value


def test_reference_without_store_round_trips() -> None:
    text = in_item(reference("http://host/1"))
    [_, dataset] = streamdicom.iter_datasets(text.encode())
    element = dataset[0x00081140].value[1][PIXELS]
    assert (element.value, element.bulk_data_uri) == (None, "http://host/1")
    assert json.loads(streamdicom.dumps(dataset)) == json.loads(text)[1]


URIS = ["file:///etc/passwd", "../secret", "/etc/passwd", "http://127.0.0.1:1/", "%2e%2e/secret", "link", "missing"]


@each("uri", [*URIS, "missing#fragments", "missing#frames"])
@each("vr", ["OW", "UT"])
def test_hostile_reference_raises_with_location(tmp_path: Path, uri: str, vr: str) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "secret")
    options = ReadOptions(bulk_data_store=DirectoryStore(tmp_path / "root"))
    text = in_item(reference(uri, vr)).encode()
    with pytest.raises(BulkDataError) as caught:
        for dataset in streamdicom.iter_datasets(text, options=options):
            for item in dataset.get(0x00081140, DataElement(0x00081140, "SQ", [])).value:
                if item:
                    item[PIXELS].value.read()
    assert str(caught.value).endswith("([1].00081140[1].7FE00010 PixelData)")
    with pytest.raises(BulkDataError) as again:
        list(streamdicom.iter_events(text, options=options))
    assert again.value.location == caught.value.location
    if vr == "OW":
        with pytest.raises(BulkDataError):
            streamdicom.dumps(streamdicom.iter_datasets(text, options=options))


def test_lazy_value_is_bounded() -> None:
    """A short index may refer to one fragment any number of times."""
    store = MemoryStore(1000)
    store.values = [bytes(1000), b"1000 0\n" * 1000]
    text = json.dumps(reference("1#frames"))
    most = 1000 * 1008
    for size in (most, most - 1):
        options = ReadOptions(bulk_data_store=store, limits=Limits(spooled_size=size))
        value = streamdicom.loads(text, options=options)[PIXELS].value
        if size == most:
            assert len(value.read()) == most
            continue
        with pytest.raises(LimitError) as caught:
            value.read()
        assert caught.value.limit == "spooled_size"
        assert caught.value.location.tag_path == "7FE00010"


def test_duplicate_reference_raises() -> None:
    reference = (EventType.BULK_DATA, 0x7FE00010, "OB", "0")
    store = MemoryStore()
    store.values = [b"ab"]
    for options in (
        ReadOptions(),
        ReadOptions(bulk_data_store=store),
        ReadOptions(bulk_data_uri_handler=lambda u: b""),
    ):
        with pytest.raises(DatasetError, match="duplicate"):
            list(DatasetBuilder(options).build([(EventType.START_DATASET, 0, "", 0), reference, reference]))


# --- pydicom's callables -----------------------------------------------------------------------------------------


@each("arguments", [1, 3])
@each(("vr", "value"), [("OW", b"ab"), ("US", [1, 2]), ("UT", "text"), ("OB", None)])
def test_uri_handler_is_called_as_in_pydicom(arguments: int, vr: str, value: Any) -> None:
    calls: list[tuple[str, ...]] = []

    def one(uri: str) -> Any:
        calls.append((uri,))
        return value

    def three(tag: str, vr: str, uri: str) -> Any:
        calls.append((tag, vr, uri))
        return value

    handler: Any = one if arguments == 1 else three
    text = json.dumps(reference("uri", vr, 0x00091001))
    loaded = streamdicom.loads(text, options=ReadOptions(bulk_data_uri_handler=handler))
    expected = Dataset.from_json(text, handler)
    assert len(calls) == 2
    assert calls[0] == calls[1]
    assert loaded[0x00091001].value == expected[0x00091001].value


@each("data", [b"", b"1", b"1 2 ", b"1\\2"])
@each("tag", [0x00091001, 0x00100020, 0x00200013])
def test_un_bytes_from_handler_get_dictionary_vr(tag: int, data: bytes) -> None:
    text = json.dumps(reference("uri", "UN", tag))
    loaded = streamdicom.loads(text, options=ReadOptions(bulk_data_uri_handler=lambda uri: data))
    raw = RawDataElement(Tag(tag), "UN", len(data), data, 0, True, True)
    assert loaded[tag] == convert_raw_data_element(raw)


def test_rejected_value_of_handler_raises_with_location() -> None:
    options = ReadOptions(bulk_data_uri_handler=lambda uri: object())
    with pytest.raises(DatasetError) as caught:
        streamdicom.loads(json.dumps(reference("uri", "DS")), options=options)
    assert caught.value.location.tag_path == "7FE00010"


@each("vr", [*BUFFERED, "UN", "UT", "US"])
@each("threshold", [0, 3, 4, 100, 1023, 1024])
@each("length", [0, 1, 74, 75, 76, 768, 769])
def test_element_handler_is_called_as_in_pydicom(vr: str, threshold: int, length: int) -> None:
    values: dict[str, Any] = {"UT": "a" * length, "US": [1] * length}
    dataset = Dataset()
    dataset.add_new(0x00091001, vr, values.get(vr, bytes(length)))
    dataset.add_new(0x00091002, "SQ", [copy.deepcopy(dataset)])
    seen: list[DataElement] = []

    def handler(element: DataElement) -> str:
        seen.append(element)
        return f"uri/{len(seen)}"

    options = WriteOptions(bulk_data_element_handler=handler, handler_threshold=threshold)
    ours = json.loads(streamdicom.dumps(dataset, options=options))
    mine, seen = seen, []
    theirs = dataset.to_json_dict(threshold, handler)
    assert mine == seen
    assert ours["00091001"].get("BulkDataURI") == theirs["00091001"].get("BulkDataURI")
    for one in (ours, ours["00091002"]["Value"][0]):
        assert ("BulkDataURI" in one["00091001"]) == (vr not in values and length > threshold // 4 * 3)


def test_element_handler_gets_raw_and_buffered_elements() -> None:
    source = Dataset()
    source.PatientID = "17"
    source.add_new(PIXELS, "OW", bytes(2000))
    buffered = Dataset()
    buffered.add_new(PIXELS, "OW", io.BytesIO(bytes(2000)))
    for dataset in (saved(source), source, buffered):
        seen: list[DataElement] = []
        options = WriteOptions(bulk_data_element_handler=lambda element, seen=seen: seen.append(element) or "u")
        assert json.loads(streamdicom.dumps(dataset, options=options))["7FE00010"] == {"vr": "OW", "BulkDataURI": "u"}
        assert [(element.tag, element.VR) for element in seen] == [(PIXELS, "OW")]


def test_handler_without_uri_raises() -> None:
    dataset = Dataset()
    dataset.add_new(PIXELS, "OW", bytes(2000))
    options = WriteOptions(bulk_data_element_handler=lambda element: None)  # type: ignore[arg-type,return-value]
    with pytest.raises(OutputError, match="URI"):
        streamdicom.dumps(dataset, options=options)


# --- out to a store and in again ---------------------------------------------------------------------------------


@each("path", [*ENCAPSULATED, _FILES / "CT_small.dcm"], ids=lambda path: path.name)
@each("frames", [False, True])
@pytest.mark.slow
def test_file_round_trips_through_store(path: Path, frames: bool, tmp_path: Path) -> None:
    source = dcmread(path)
    store = DirectoryStore(tmp_path)
    policy = BulkDataPolicy(threshold=0, frames=frames)
    options = WriteOptions(file_meta=True, bulk_data_store=store, bulk_data_policy=policy)
    text = streamdicom.dumps([source, source], options=options)
    assert '"InlineBinary"' not in text
    attribute = json.loads(text)[0]["7FE00010"]
    is_encapsulated = source["PixelData"].is_undefined_length
    assert attribute["BulkDataURI"].endswith(("#frames" if frames else "#fragments") if is_encapsulated else "")
    for loaded in streamdicom.iter_datasets(text.encode(), options=ReadOptions(bulk_data_store=store)):
        assert isinstance(loaded.PixelData, LazyValue)
        assert loaded["PixelData"] == source["PixelData"]
        assert loaded["PixelData"].is_undefined_length == is_encapsulated
        target = io.BytesIO()
        loaded.file_meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
        dcmwrite(target, loaded, implicit_vr=False, little_endian=True, force_encoding=True)
        target.seek(0)
        assert dcmread(target, force=True)["PixelData"].value == source.PixelData
    inline = streamdicom.iter_events(text.encode(), options=ReadOptions(bulk_data_store=store))
    target = io.BytesIO()
    streamdicom.write_events(inline, target, options=WriteOptions(file_meta=True))
    assert target.getvalue().decode() == streamdicom.dumps([source, source], options=WriteOptions(file_meta=True))
    again = io.BytesIO()
    streamdicom.write_events(streamdicom.iter_events(target.getvalue()), again, options=options)
    assert json.loads(again.getvalue())[0].keys() == json.loads(text)[0].keys()


def test_policy_without_store_omits_values() -> None:
    dataset = Dataset()
    dataset.PatientID = "17"
    dataset.add_new(0x00091001, "OB", bytes(5000))
    dataset.add_new(PIXELS, "OW", bytes(500_000))
    dataset.add_new(0x00081140, "SQ", [copy.deepcopy(dataset)])
    drop = BulkDataPolicy(by_tag={PIXELS: BulkDataAction.DROP, 0x00091001: BulkDataAction.STORE})
    written = json.loads(streamdicom.dumps(dataset, options=WriteOptions(bulk_data_policy=drop)))
    for level in (written, written["00081140"]["Value"][0]):
        assert "7FE00010" not in level
        assert len(level["00091001"]["InlineBinary"]) > 5000


def test_unwritable_element_with_store_raises_with_location() -> None:
    inner = Dataset()
    inner[0x00091001] = DataElement(0x00091001, "US", 1)
    inner[0x00091001]._value = object()
    dataset = Dataset()
    dataset.add_new(0x00081140, "SQ", [inner])
    with pytest.raises(OutputError) as caught:
        streamdicom.dumps([Dataset(), dataset], options=WriteOptions(bulk_data_store=MemoryStore()))
    assert str(caught.value.location) == "[1].00081140[0].00091001"


def test_conflicting_bulk_data_options_raise() -> None:
    with pytest.raises(ValueError, match="found both"):
        ReadOptions(bulk_data_store=MemoryStore(), bulk_data_uri_handler=lambda uri: b"")
    with pytest.raises(ValueError, match="found both"):
        WriteOptions(bulk_data_store=MemoryStore(), bulk_data_element_handler=lambda element: "")


# --- values in temporary files -----------------------------------------------------------------------------------

LONG = bytes(range(256)) * 1000


def inline(data: bytes, vr: str = "OW", *, vr_first: bool = True) -> bytes:
    text = base64.b64encode(data).decode()
    members = [f'"vr":"{vr}"', f'"InlineBinary":"{text}"']
    return f'{{"7FE00010":{{{",".join(members if vr_first else reversed(members))}}}}}'.encode()


@each("vr", [*BUFFERED, "UN"])
@each("vr_first", [True, False])
@each("data", [LONG, LONG + b"\1"])
def test_long_value_is_spooled(vr: str, vr_first: bool, data: bytes) -> None:
    text = inline(data, vr, vr_first=vr_first)
    dataset = streamdicom.loads(text, options=ReadOptions(spool_threshold=100_000))
    assert isinstance(dataset[PIXELS].value, SpooledValue) == (vr != "UN")
    padded = data + b"\0" * (len(data) % 2 and vr != "UN")  # pydicom does not pad UN
    assert saved(dataset)[PIXELS].value == padded
    assert base64.b64decode(json.loads(streamdicom.dumps(dataset))["7FE00010"]["InlineBinary"]) == data
    usual = streamdicom.loads(text, options=ReadOptions(spool_threshold=len(data)))
    assert usual[PIXELS].value == data


def descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_long_values_share_one_file() -> None:
    text = b'{"00081140":{"vr":"SQ","Value":[' + inline(LONG) + b"," + inline(LONG[::-1]) + b"]}," + inline(LONG)[1:]
    gc.collect()  # of what earlier tests left
    before = descriptors()
    options = ReadOptions(spool_threshold=100_000)
    datasets = [streamdicom.loads(text, options=options) for _ in range(3)]
    for dataset in datasets:
        first, second = dataset[0x00081140].value
        values = [first[PIXELS].value, second[PIXELS].value, dataset[PIXELS].value]
        assert [value.read() for value in values] == [LONG, LONG[::-1], LONG]
        assert len({id(value._file) for value in values}) == 1
    del datasets, dataset, first, second, values
    gc.collect()
    assert descriptors() == before


def test_spooled_size_is_bounded() -> None:
    for size, fits in ((len(LONG), True), (len(LONG) - 1, False)):
        options = ReadOptions(limits=Limits(spooled_size=size, value_length=60_000), spool_threshold=50_000)
        if fits:
            assert streamdicom.loads(inline(LONG), options=options).PixelData.read() == LONG
            continue
        with pytest.raises(LimitError) as caught:
            streamdicom.loads(inline(LONG), options=options)
        assert caught.value.limit == "spooled_size"
        assert caught.value.location.tag_path == "7FE00010"


@each("vr_first", [True, False])
def test_value_without_buffer_support_is_bounded(vr_first: bool) -> None:
    options = ReadOptions(limits=Limits(value_length=60_000), spool_threshold=50_000)
    with pytest.raises(LimitError) as caught:
        streamdicom.loads(inline(LONG, "UN", vr_first=vr_first), options=options)
    assert caught.value.limit == "value_length"


def test_spooled_words_have_byte_order_of_transfer_syntax() -> None:
    meta = f'{{"00020010":{{"vr":"UI","Value":["{ExplicitVRBigEndian}"]}},'.encode()
    text = meta + inline(LONG)[1:]
    plain = streamdicom.loads(text)
    long = streamdicom.loads(text, options=ReadOptions(spool_threshold=100_000))
    assert long.PixelData.read() == plain.PixelData != LONG
    assert long == plain
    assert streamdicom.dumps(long) == streamdicom.dumps(plain)
    assert base64.b64decode(json.loads(streamdicom.dumps(long))["7FE00010"]["InlineBinary"]) == LONG


@pytest.mark.slow
def test_long_value_round_trips_in_bounded_memory(tmp_path: Path) -> None:
    size = 256 * 2**20

    def text() -> Iterator[bytes]:
        yield b'{"00100020":{"vr":"LO","Value":["17"]},"7FE00010":{"vr":"OW","InlineBinary":"'
        for _ in range(size // 49152):
            yield b"AAEC" * 16384
        yield b'"}}'

    streamdicom.loads("{}")  # imports pydicom
    store = DirectoryStore(tmp_path / "store")
    peaks = []
    tracemalloc.start()
    try:
        dataset = streamdicom.load(text(), options=ReadOptions(spool_threshold=2**20))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
        dcmwrite(tmp_path / "a.dcm", dataset, implicit_vr=False, little_endian=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
        streamdicom.dump(dataset, tmp_path / "a.json", options=WriteOptions(bulk_data_store=store))
        peaks.append(tracemalloc.get_traced_memory()[1])
        del dataset
        tracemalloc.reset_peak()
        options = ReadOptions(bulk_data_store=store)
        streamdicom.dump(streamdicom.load(tmp_path / "a.json", options=options), tmp_path / "b.json")
        peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert max(peaks) < 8 * 2**20
    assert (tmp_path / "a.dcm").stat().st_size > size - 49152
    assert (tmp_path / "a.json").stat().st_size < 1000
    assert (tmp_path / "b.json").stat().st_size > size


# --- data sets and filters ---------------------------------------------------------------------------------------


@each("path", ENCAPSULATED[:5], ids=lambda path: path.name)
def test_fragment_events_round_trip(path: Path) -> None:
    out = events(dcmread(path))
    for frames in (False, True):
        store = MemoryStore(1000)
        policy = BulkDataPolicy(threshold=0, frames=frames)
        assert joined(load_bulk_data(store_bulk_data(out, policy, store), store)) == joined(out)


def test_pixels_of_buffer_equal_file() -> None:
    """pydicom's decoders read spooled values."""
    pytest.importorskip("numpy")
    path = _FILES / "SC_rgb_rle_2frame.dcm"
    source = dcmread(path)
    text = streamdicom.dumps(source, options=WriteOptions(file_meta=True))
    limits = Limits(segment_size=64)
    loaded = streamdicom.loads(text, options=ReadOptions(limits=limits, spool_threshold=10), as_file=True)
    assert isinstance(loaded, FileDataset)
    assert isinstance(loaded.PixelData, SpooledValue)
    assert (loaded.pixel_array == source.pixel_array).all()


def test_fragments_are_saved_with_delimiter() -> None:
    value = encapsulate([b"ab", b"cd"])
    read = built(events(undefined(value)), spool_threshold=0)
    target = DicomBytesIO()
    target.is_implicit_VR, target.is_little_endian = False, True
    write_data_element(target, read[PIXELS])
    header = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
    assert target.getvalue() == header + value + b"\xfe\xff\xdd\xe0\0\0\0\0"
