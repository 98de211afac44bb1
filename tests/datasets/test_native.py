"""The compiled engine and plain Python build the same data sets."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sequence import Sequence

from bench.corpus import entries
from streamdicom import _native
from streamdicom.codec import DatasetParser
from streamdicom.datasets import DatasetBuilder, _pydicom, native
from streamdicom.errors import DatasetError, InputError
from streamdicom.events import Event
from streamdicom.formats import EventParser
from streamdicom.limits import Limits
from streamdicom.options import ReadOptions
from tests.property.test_engines import DOCUMENTS, damaged_json
from tests.support.strategies import cuts

_ENGINE = _native.functions
pytestmark = [
    pytest.mark.skipif(_ENGINE is None, reason="the compiled engine was not built"),
    pytest.mark.filterwarnings("ignore"),
]

_SETS = """[
{"00080005":{"vr":"CS","Value":["ISO_IR 100"]},"00081140":{"vr":"SQ","Value":[{"00100010":{"vr":"PN","Value":[
   {"Alphabetic":"Gr\\u00fc\\u00df"}]}},
   {"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080080":{"vr":"LO","Value":["\\u5c71"]}},
   {"00081140":{"vr":"SQ","Value":[{"00080080":{"vr":"LO","Value":["\\u00e9","a"]}},{}]}}]},"00100020":{"vr":"LO","Value":["\\u5c71"]}},
{"00020010":{"vr":"UI","Value":["1.2.840.10008.1.2.2"]},"00280010":{"vr":"US","Value":[258]},"7FE00010":{"vr":"OW","InlineBinary":"AAEC"}},
{"00080005":{"vr":"CS","Value":["nonsense"]},"00090010":{"vr":"LO","Value":["GEMS_IDEN_01"]},
 "00091001":{"vr":"UN","InlineBinary":"AQI="},"00091002":{"vr":"UN","InlineBinary":"AQ=="},
 "00091027":{"vr":"UN","InlineBinary":"MTIzNA=="},"000910E6":{"vr":"UN","InlineBinary":"MTIzNA=="},
 "00280030":{"vr":"DS","Value":["1.5 "," 2"]},
 "00281052":{"vr":"FL","Value":[0.1,1]},"00283002":{"vr":"US","Value":[1,2,3]},
 "00324000":{"vr":"LT","Value":["a\\u001bb "]},
 "00404020":{"vr":"DS","BulkDataURI":"a"},"00460012":{"vr":"LO","Value":["a "]}}]"""


@pytest.fixture(scope="module", autouse=True)
def both_engines() -> None:
    """Run each test once: these choose the engines themselves."""


def _state(value: Any) -> Any:
    """Return all that an object of pydicom holds, with classes and order."""
    if isinstance(value, Dataset | DataElement | Sequence):
        return type(value), [(name, _state(part)) for name, part in vars(value).items() if name != "timestamp"]
    if isinstance(value, dict):
        return [(_state(name), _state(part)) for name, part in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [_state(part) for part in value]
    if isinstance(value, BufferedIOBase):
        return type(value), value.read()
    return type(value), repr(value)


def _outcome(engine: Any, chunks: Iterable[bytes], *, as_file: bool = False, **options: Any) -> tuple[list[Any], Any]:
    """Return the data sets and the error."""
    datasets: list[Dataset] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_native, "functions", engine)
        parser = DatasetParser(options=ReadOptions(**options), as_file=as_file)
        try:
            for chunk in chunks:
                datasets += parser.feed(chunk)
            datasets += parser.close()
        except InputError as error:
            return _state(datasets), (type(error), str(error), error.location)
    return _state(datasets), None


@settings(max_examples=100)
@given(
    data=st.data(),
    document=damaged_json([*DOCUMENTS, _SETS]),
    as_file=st.booleans(),
    options=st.sampled_from(
        [
            {},
            {"on_error": "keep"},
            {"on_error": "skip", "profile": "strict"},
            {"limits": Limits(dataset_size=2000)},
            {"limits": Limits(segment_size=12, values_per_event=2)},
            {"exclude": ["00081140"]},
            {"bulk_data_uri_handler": lambda uri: uri.encode()},
        ]
    ),
)
def test_engines_build_the_same_data_sets(
    data: st.DataObject, document: bytes, as_file: bool, options: dict[str, Any]
) -> None:
    expected = _outcome(None, [document], as_file=as_file, **options)
    assert _outcome(_ENGINE, [document], as_file=as_file, **options) == expected
    assert _outcome(_ENGINE, data.draw(cuts(document)), as_file=as_file, **options) == expected


@pytest.mark.parametrize("corpus", ["headers", "files"])
@pytest.mark.parametrize("form", ["json", "dicom"])
@pytest.mark.slow
def test_engines_build_the_same_data_sets_of_files(corpus: str, form: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for entry in entries(corpus):
            data = entry.text.encode() if form == "json" else entry.part10
            chunks = [data[place : place + 5000] for place in range(0, len(data), 5000)]
            assert _outcome(_ENGINE, chunks) == _outcome(None, chunks)


def test_events_of_any_iterable_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", _ENGINE)
    parser = EventParser()
    events = parser.feed(_SETS.encode()) + parser.close()
    expected = _outcome(None, [_SETS.encode()])[0]
    for source in (events, iter(events), (event for event in events)):
        assert _state(list(DatasetBuilder(ReadOptions()).build(source))) == expected


def test_state_is_kept_between_two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", _ENGINE)
    parser = EventParser()
    events = parser.feed(_SETS.encode()) + parser.close()
    builder = DatasetBuilder(ReadOptions())
    datasets = [dataset for event in events for dataset in builder.build([event])]
    assert _state(datasets) == _outcome(None, [_SETS.encode()])[0]


def _failing(error: Exception) -> Iterator[Event]:
    yield 1, 0, "", 5
    yield 10, 0x00081140, "SQ", None
    yield 11, 0x00081140, "SQ", 0
    yield 3, 0x00100020, "LO", ("17",)
    raise error


@pytest.mark.parametrize("engine", [None, _ENGINE], ids=["pure", "native"])
def test_error_of_the_events_has_the_place_of_the_last_one(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    monkeypatch.setattr(_native, "functions", engine)
    with pytest.raises(InputError) as raised:
        list(DatasetBuilder(ReadOptions()).build(_failing(InputError("?"))))
    assert (raised.value.location.dataset_index, raised.value.location.tag_path) == (5, "00081140[0].00100020")
    with pytest.raises(ZeroDivisionError):
        list(DatasetBuilder(ReadOptions()).build(_failing(ZeroDivisionError())))


def test_raw_element_that_is_repeated_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", _ENGINE)
    builder = DatasetBuilder(ReadOptions())
    raw: Any = _pydicom.raw_element(_pydicom.BaseTag(0x00100020), "LO", b"17")
    with pytest.raises(DatasetError, match=r"duplicate element in the data set \(\[2\]\.00100020 PatientID\)"):
        list(builder.build([(1, 0, "", 2), raw, raw]))


@pytest.mark.parametrize("is_enabled", [True, False])
def test_garbage_collector_is_as_before(monkeypatch: pytest.MonkeyPatch, is_enabled: bool) -> None:
    monkeypatch.setattr(_native, "functions", _ENGINE)
    was_enabled = gc.isenabled()
    try:
        gc.enable() if is_enabled else gc.disable()
        DatasetParser().feed(_SETS.encode())
        assert gc.isenabled() is is_enabled
    finally:
        gc.enable() if was_enabled else gc.disable()


def test_data_sets_in_themselves_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", _ENGINE)
    [dataset] = DatasetParser().feed(b'{"00081140":{"vr":"SQ","Value":[{"00080060":{"vr":"CS","Value":["MR"]}}]}}')
    item = dataset.ReferencedImageSequence[0]
    item.ReferencedImageSequence = Sequence([dataset])
    gc.collect()
    before = sum(isinstance(other, Dataset) for other in gc.get_objects())
    del dataset, item
    gc.collect()
    assert sum(isinstance(other, Dataset) for other in gc.get_objects()) == before - 2


def test_text_of_persons_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "functions", _ENGINE)
    text = b'{"00080060":{"vr":"CS","Value":["MR"]},"00100020":{"vr":"LO","Value":["17"]}}'
    [first], [second] = DatasetParser().feed(text), DatasetParser().feed(text)
    assert first.get_item("Modality") is second.get_item("Modality")
    assert first.get_item("PatientID") is not second.get_item("PatientID")


# --- other releases of pydicom -----------------------------------------------------------------------------------


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Forget the compiled functions, before and after."""
    monkeypatch.setattr(_native, "functions", _ENGINE)
    native._compiled.cache_clear()
    yield monkeypatch
    native._compiled.cache_clear()


def test_engine_is_used_with_the_installed_pydicom(afresh: pytest.MonkeyPatch) -> None:
    assert native.native_filler() is not None


def _changed(name: str, index: int) -> Any:
    def templates() -> Any:
        found = list(_pydicom.templates())
        found[index] = found[index]._replace(state=found[index].state | {name: "another"})
        return tuple(found)

    return templates


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("templates", _changed("_pixel_id", 0)),
        ("templates", _changed("_new", 1)),
        ("templates", _changed("file_tell", 2)),
        ("RAW_TAIL", (*_pydicom.RAW_TAIL[:-1], True)),
        ("RawDataElement", DataElement),
        ("new_raw", _pydicom.construct_raw),
    ],
)
def test_engine_is_not_used_if_its_objects_would_differ(afresh: pytest.MonkeyPatch, name: str, value: Any) -> None:
    afresh.setattr(native, name, value)
    assert native.native_filler() is None
    [dataset] = DatasetParser().feed(b'{"00100020":{"vr":"LO","Value":["17"]}}')
    assert isinstance(dataset.get_item("PatientID"), RawDataElement)
    assert dataset.PatientID == "17"
