"""The compiled engine writes the same bytes as writers of events, for every cut."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.uid import ImplicitVRLittleEndian

from streamdicom import _native
from streamdicom._encoded import ENCODED
from streamdicom.api import expanded_events, write_events
from streamdicom.bulkdata import BulkDataAction, BulkDataInfo, BulkDataPolicy
from streamdicom.codec import output_form
from streamdicom.deviations import Deviation
from streamdicom.errors import OutputError, StreamDicomError
from streamdicom.events import Event
from streamdicom.filters import ElementSorter, sort_elements
from streamdicom.formats import FormatName
from streamdicom.io import Expansion
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions, WriteOptions
from tests.property.test_engines import damaged_json
from tests.support.each import each
from tests.support.strategies import cuts

_ENGINE = _native.functions
pytestmark = pytest.mark.skipif(_ENGINE is None, reason="the compiled engine was not built")

_NAMES = [
    "CT_small.dcm",  # explicit VR, private creators
    "rtplan.dcm",  # implicit VR, sequences of defined length
    "reportsi.dcm",  # deep sequences
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",  # deflated
    "priv_SQ.dcm",
    "nested_priv_SQ.dcm",
    "ExplVR_BigEnd.dcm",
    "badVR.dcm",
    "SC_rgb_jpeg.dcm",  # encapsulated
]
_MAX_SIZE = 12_000  # bytes; enough for each kind of structure
_FRAGMENTS = [
    *(bytes((byte,)) for byte in (0, 1, 2, 8, 16, 0x1B, 0x20, 0x3D, 0x5C, 0x80, 0xC3, 0xFE, 0xFF)),
    b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\xfe\xff\x00\xe0\0\0\0\0",
    b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192",
    b"\x09\x00\x10\x00LO\x04\x00ACME",
    b"\x08\x00\x00\x00UL\x04\x00\x04\x00\x00\x00",
    b"\x08\x00\x00\x00SQ\0\0\xff\xff\xff\xff",
    b"\x02\x00\x10\x00SQ\0\0\0\0\0\0",
    b"\x28\x00\x03\x01US\x02\x00\x01\x00",
    *(b"SQ", b"UN", b"FD", b"PN", b"OB", b"LO", b"US"),
]


@pytest.fixture(scope="module", autouse=True)
def both_engines() -> None:
    """Run each test once: these choose the engines themselves."""


def _file(name: str) -> bytes:
    path = get_testdata_file(name)
    assert isinstance(path, str)
    return Path(path).read_bytes()[:_MAX_SIZE]


_FILES = [_file(name) for name in _NAMES]


@st.composite
def _damaged_file(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(_FILES))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(132, len(data)))
        end = draw(st.integers(start, min(len(data), start + 12)))
        data = data[:start] + draw(st.sampled_from(_FRAGMENTS)) + data[end:]
    return data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 3)) == 0 else data


def _outcome(
    chunks: list[bytes],
    to: FormatName,
    reading: dict[str, Any],
    writing: WriteOptions,
    *,
    road: str,
    indent: int | None = None,
    held: int | None = None,
) -> tuple[bytes | None, list[Any], Any, bool]:
    """Return output, deviations, error, and whether there were ``Encoded`` events.

    With ``held``, elements are sorted in data sets of at most that memory.
    """
    deviations: list[Deviation] = []
    is_encoded = False
    target, error = io.BytesIO(), None
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if road == "pure":
            patch.setattr(_native, "functions", None)
        options = ReadOptions(on_deviation=deviations.append, **reading)
        form = output_form(options, writing, format=to, array=False) if road.startswith("transcoded") else None
        is_implicit = to == "dicom" and writing.transfer_syntax == ImplicitVRLittleEndian  # which Python must see
        assert (form is not None) is (road.startswith("transcoded") and not is_implicit)
        try:
            stream = expanded_events(chunks, options, Expansion(options.limits), form)
            if held is not None:
                events = sort_elements(_read(stream), max_size=held)
            else:
                events = stream if road == "library" else iter(stream) if road == "streamed" else list(stream)
            is_encoded = isinstance(events, list) and any(event[0] == ENCODED for event in events)
            write_events(events, target, indent, format=to, options=writing, array=False)
        except StreamDicomError as raised:
            error = type(raised), str(raised), raised.location
    notes = [*deviations, *(str(warning.message) for warning in caught)]
    return target.getvalue() if error is None else None, notes, error, is_encoded


def _read(stream: Iterator[Event]) -> Iterator[Event]:
    """Yield events and raise an error, after all deviations are reported."""
    events: list[Event] = []
    error = None
    try:
        events.extend(stream)
    except StreamDicomError as raised:
        error = raised
    yield from events
    if error is not None:
        raise error


class _Store:
    """Keeps values and their descriptions, by number."""

    def __init__(self) -> None:
        self.entries: list[tuple[bytes, Any]] = []

    def put(self, segments: Iterable[bytes], info: BulkDataInfo) -> str:
        self.entries.append((b"".join(segments), info))
        return str(len(self.entries) - 1)

    def open(self, uri: str) -> Iterator[bytes]:
        yield f"{uri:>8}".encode()[:8]


_PATTERNS = st.lists(
    st.sampled_from(
        [
            "PatientName", "SOPInstanceUID", "SOPClassUID", "0008", "0028xxxx", "SQ", "US", "OB", "private", "UN",
            "ReferencedImageSequence", "ReferencedImageSequence.ReferencedSOPInstanceUID", "**.CodeValue", "**.0008",
            "ContentSequence.**.PN", "ContentSequence", "BeamSequence.ControlPointSequence", "00409096.**.00404037",
            "PixelRepresentation", "**.PixelRepresentation", "PixelData", "SpecificCharacterSet", "00091001",
            "50000000", "StudyInstanceUID", "00080001", "7FE0", "**.LO",
        ]
    ),
    max_size=3,
)  # fmt: skip
_CONDITIONS = st.sampled_from(
    [
        {},
        {"Modality": ["CT", "MR", "SR"]},
        {"SOPInstanceUID": None},
        {"PatientName": lambda values: len(values) == 1},
        {"Modality": ["CT", "RTPLAN"], "PixelRepresentation": [0, 1]},
        {"ReferencedImageSequence": None, "00289001": None},
        {"PatientID": bool},
    ]
)
_ACTIONS = st.sampled_from(list(BulkDataAction))


@st.composite
def _policies(draw: st.DrawFn) -> BulkDataPolicy:
    return BulkDataPolicy(
        threshold=draw(st.sampled_from([0, 1, 2, 16, 1024])),
        above=draw(_ACTIONS),
        by_vr=draw(st.dictionaries(st.sampled_from(["US", "OB", "UN", "LT", "FD"]), _ACTIONS, max_size=2)),
        by_tag=draw(st.dictionaries(st.sampled_from([0x7FE00010, 0x00280106, 0x00280010]), _ACTIONS, max_size=2)),
    )


@st.composite
def _choices(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options for reading and writing that leave elements to Python or out."""
    selected = {"include": tuple(draw(_PATTERNS)), "exclude": tuple(draw(_PATTERNS))}
    reading: dict[str, Any] = {"where": draw(_CONDITIONS)}
    writing: dict[str, Any] = {}
    (reading if draw(st.booleans()) else writing).update(selected)
    if draw(st.booleans()):
        writing["bulk_data_policy"] = draw(_policies())
    return reading, writing


_TEXTS: st.SearchStrategy[FormatName] = st.sampled_from(["json", "xml"])
_WRITING = st.sampled_from(
    [
        WriteOptions(),
        WriteOptions(file_meta=True),
        WriteOptions(file_meta=True, character_set="utf-8", number_handling="auto", ensure_ascii=True),
        WriteOptions(number_handling="string", nonfinite="null"),
        WriteOptions(nonfinite="error", limits=Limits(depth=8)),
    ]
)


@settings(max_examples=120)
@given(
    data=st.data(),
    document=_damaged_file(),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    profile=st.sampled_from(["lenient", "lenient", "strict"]),
    writing=_WRITING,
)
@pytest.mark.slow
def test_files_become_the_same_text(
    data: st.DataObject, document: bytes, on_error: str, profile: str, writing: WriteOptions
) -> None:
    reading = {"on_error": on_error, "profile": profile}
    to = data.draw(_TEXTS)
    expected = _outcome([document], to, reading, writing, road="pure")[:3]
    assert _outcome([document], to, reading, writing, road="events")[:3] == expected
    assert _outcome([document], to, reading, writing, road="transcoded")[:3] == expected
    streamed = _outcome([document], to, reading, writing, road="streamed")
    assert _outcome([document], to, reading, writing, road="library") == streamed
    assert _outcome(data.draw(cuts(document)), to, reading, writing, road="transcoded")[:3] == expected


@settings(max_examples=250)
@given(
    data=st.data(),
    document=st.one_of(_damaged_file(), damaged_json(), st.deferred(lambda: st.just(_TRICKY))),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    to=st.sampled_from(["json", "ndjson", "xml", "dicom"]),
    choices=_choices(),
    stores=st.booleans(),
    loads=st.booleans(),
)
@pytest.mark.slow
def test_chosen_elements_become_the_same(
    data: st.DataObject,
    document: bytes,
    on_error: str,
    to: FormatName,
    choices: tuple[dict[str, Any], dict[str, Any]],
    stores: bool,
    loads: bool,
) -> None:
    if document[128:132] == b"DICM" and to == "dicom":
        to = "json"
    indent = data.draw(st.sampled_from([None, 2])) if to in ("json", "xml") else None
    reading = {"on_error": on_error, **choices[0]}
    if loads:
        reading["bulk_data_store"] = _Store()
    results = []
    for chunks, road in [([document], "pure"), ([document], "transcoded"), (data.draw(cuts(document)), "transcoded")]:
        store = _Store()
        writing = WriteOptions(**choices[1], bulk_data_store=store if stores else None)
        results.append((_outcome(chunks, to, reading, writing, road=road, indent=indent)[:3], store.entries))
    assert results[1] == results[0]
    assert results[2] == results[0]


_TRICKY = """{
"00080001":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["é"]}}]},"00080016":{"vr":"UI","Value":["1.2"]},
"00081140":{"vr":"SQ","Value":[{"00080100":{"vr":"SH","Value":["a"]}},{"00080104":{"vr":"LO","Value":["山"]}}]},
"00100010":{"vr":"PN","Value":[{"Alphabetic":"A","Ideographic":"山"}]},"00280103":{"vr":"US","Value":[1]},
"00280106":{"Value":[-5]},"00289001":{"vr":"SQ","Value":[
{"00280103":{"vr":"US","Value":[0]},"00280106":{"Value":[7]}}]},"00409096":{"vr":"SQ","Value":[
{"00409211":{"Value":[1]}},{"00404028":{"vr":"SQ","Value":[{}]},"00404037":{"vr":"PN"}}]},
"50000000":{"vr":"SQ","Value":[{"00100010":{"vr":"LO","Value":["x"]}},{"00209111":{"vr":"SQ","Value":[{}]}}]},
"7FE00010":{"vr":"OB","InlineBinary":"AAE="}}""".encode()
"""Character sets, Pixel Representation and late VRs in and after items that the engine writes."""


def _shuffled(draw: st.DrawFn, dataset: dict[str, Any]) -> dict[str, Any]:
    for attribute in dataset.values():
        if attribute.get("vr") == "SQ":
            attribute["Value"] = [_shuffled(draw, item) for item in attribute["Value"]]
            if draw(st.integers(0, 3)) == 0:
                del attribute["vr"]
    tags = list(dataset)
    if tags and draw(st.booleans()):
        tag = tags.pop(draw(st.integers(0, len(tags) - 1)))
        tags.insert(draw(st.integers(0, len(tags))), tag)
    return {tag: dataset[tag] for tag in tags}


@st.composite
def _shuffled_json(draw: st.DrawFn) -> bytes:
    return json.dumps(_shuffled(draw, json.loads(_TRICKY)), ensure_ascii=draw(st.booleans())).encode()


@settings(max_examples=250)
@given(
    data=st.data(),
    document=st.one_of(_shuffled_json(), _damaged_file(), damaged_json()),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    to=st.sampled_from(["json", "ndjson", "xml", "dicom"]),
    choices=_choices(),
    held=st.sampled_from([0, 300, 2_000, 20_000, 1 << 20]),
)
@pytest.mark.slow
def test_sorted_elements_become_the_same(
    data: st.DataObject,
    document: bytes,
    on_error: str,
    to: FormatName,
    choices: tuple[dict[str, Any], dict[str, Any]],
    held: int,
) -> None:
    if document[128:132] == b"DICM" and to == "dicom":
        to = "json"
    reading, writing = {"on_error": on_error, **choices[0]}, WriteOptions(**choices[1])
    expected = _outcome([document], to, reading, writing, road="pure", held=held)
    assert _outcome([document], to, reading, writing, road="transcoded", held=held) == expected
    assert _outcome(data.draw(cuts(document)), to, reading, writing, road="transcoded", held=held) == expected


@settings(max_examples=120)
@given(
    data=st.data(),
    document=st.one_of(damaged_json(), st.just(_TRICKY)),
    on_error=st.sampled_from(["raise", "skip", "keep"]),
    to=st.sampled_from(["dicom", "json", "ndjson", "xml"]),
    writing=st.one_of(
        _WRITING,
        st.sampled_from([WriteOptions(on_error="keep"), WriteOptions(transfer_syntax=ImplicitVRLittleEndian)]),
    ),
)
@pytest.mark.slow
def test_json_becomes_the_same(
    data: st.DataObject, document: bytes, on_error: str, to: FormatName, writing: WriteOptions
) -> None:
    reading = {"on_error": on_error}
    expected = _outcome([document], to, reading, writing, road="pure")[:3]
    assert _outcome([document], to, reading, writing, road="transcoded")[:3] == expected
    streamed = _outcome([document], to, reading, writing, road="streamed")
    library = _outcome([document], to, reading, writing, road="library")
    if streamed[2] is not None and streamed[2][0] is OutputError:  # the parser has read beyond, further or less far
        for found in (streamed, library):
            reported = [note for note in found[1] if isinstance(note, Deviation)]
            assert reported == expected[1][: len(reported)]
        streamed, library = (
            (found[0], [note for note in found[1] if not isinstance(note, Deviation)], *found[2:])
            for found in (streamed, library)
        )
    assert library == streamed
    assert _outcome(data.draw(cuts(document)), to, reading, writing, road="transcoded")[:3] == expected


@pytest.mark.parametrize("to", ["dicom", "json", "xml"])
def test_tricky_elements_are_written_among_others(to: FormatName) -> None:
    for chunks in ([_TRICKY], [_TRICKY[place : place + 1] for place in range(len(_TRICKY))]):
        *transcoded, is_encoded = _outcome(chunks, to, {}, WriteOptions(), road="transcoded")
        *expected, _ = _outcome(chunks, to, {}, WriteOptions(), road="pure")
        assert transcoded == expected
        assert transcoded[2] is None
        assert is_encoded


@pytest.mark.parametrize("to", ["dicom", "json", "xml"])
def test_first_item_without_a_vr_is_sorted(to: FormatName) -> None:
    document = b'{"00080008":{"Value":[{"00280106":{"Value":[ { "00090011":{}}]},"00080005":{}}]}}'
    for chunks in ([document], [document[place : place + 1] for place in range(len(document))]):
        *transcoded, _ = _outcome(chunks, to, {}, WriteOptions(), road="transcoded", held=1 << 20)
        *expected, _ = _outcome(chunks, to, {}, WriteOptions(), road="pure", held=1 << 20)
        assert transcoded == expected
        assert transcoded[2] is None


@pytest.mark.parametrize("to", ["dicom", "json"])
def test_long_white_space_is_not_held(to: FormatName) -> None:
    attributes = [f'"{0x00189010 + n:08X}":{{"vr":"LO","Value":["{n}"]}}' for n in range(100)]
    attributes.append('"00100020":{"vr":"LO","Value":["17"]}')  # which is the first of all
    text = ("{" + f",{' ' * 4500}".join(attributes) + "}").encode()
    chunks = [text[start : start + 4096] for start in range(0, len(text), 4096)]
    with pytest.MonkeyPatch.context() as patch:
        again, held = ElementSorter._hold_again, []

        def noted(sorter: Any, events: Iterator[Event]) -> Iterable[Event]:
            held.append(sorter._source_size)
            return again(sorter, events)

        patch.setattr(ElementSorter, "_hold_again", noted)
        patch.setattr("streamdicom.filters.sort._MAX_SOURCE", 64 * 1024)
        *transcoded, _ = _outcome(chunks, to, {}, WriteOptions(), road="transcoded", held=1 << 20)
    *expected, _ = _outcome(chunks, to, {}, WriteOptions(), road="pure", held=1 << 20)
    assert transcoded == expected
    assert transcoded[2] is None
    assert len(held) == 1
    assert 64 * 1024 < held[0] < 80 * 1024 < len(text)


@pytest.mark.parametrize("to", ["json", "xml"])
def test_elements_left_out_leave_no_indent(to: FormatName) -> None:
    data = _FILES[_NAMES.index("reportsi.dcm")]
    chunks = [data[start : start + 64] for start in range(0, len(data), 64)]
    reading: dict[str, Any] = {"include": ["PatientID"], "on_error": "skip"}
    *transcoded, _ = _outcome(chunks, to, reading, WriteOptions(), road="transcoded", indent=2)
    *expected, _ = _outcome(chunks, to, reading, WriteOptions(), road="pure", indent=2)
    assert transcoded == expected


@each("to", ["json", "xml"])
@each("name", [name for name in _NAMES if "priv_SQ" not in name])  # without plain elements
def test_elements_of_files_are_written_by_the_engine(name: str, to: FormatName) -> None:
    data = _FILES[_NAMES.index(name)]
    reading: dict[str, Any] = {"on_error": "keep"}
    *transcoded, is_encoded = _outcome([data], to, reading, WriteOptions(), road="transcoded")
    *expected, _ = _outcome([data], to, reading, WriteOptions(), road="events")
    assert transcoded == expected
    assert is_encoded
