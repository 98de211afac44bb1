"""A value that a format cannot hold costs its element, in one event or in parts."""

from __future__ import annotations

import io
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydicom import dcmread

from streamdicom import DeviationWarning, OutputError, WriteOptions, write_events
from streamdicom.dicom import VRS, Form
from streamdicom.events import Event, EventType
from streamdicom.options import OnError
from tests.support.each import each
from tests.support.memory import peak
from tests.support.roads import Element, elements, read

_TAG = 0x00091050
_SEQUENCES = (0x00081115, 0x00081199, 0x0040A730)
_MANY = 50  # writers see the parts of an element, however many values it has
_LONG = 7000  # characters
_NOT_XML = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, section 2.2
_IMPLICIT = "1.2.840.10008.1.2"


class _Fault(NamedTuple):
    """A wrong value among right ones, and the formats that cannot hold it."""

    vr: str
    right: Any
    wrong: Any
    formats: str = "json xml dicom"

    @property
    def name(self) -> str:
        return f"{self.vr} {self.wrong!a}"


_MULTIPLE_TEXT = ("AE", "AS", "CS", "DA", "DT", "LO", "SH", "TM", "UC", "UI")
_SINGLE_TEXT = ("LT", "ST", "UR", "UT")
_RANGES = {"US": 65536, "SS": -32769, "UL": 2**32, "SL": 2**31, "UV": 2**64, "SV": -(2**63) - 1}
_MULTIPLE = [
    *[_Fault(vr, 7, wrong, "dicom") for vr, wrong in _RANGES.items()],
    *[_Fault(vr, 7, 10**20, "xml dicom") for vr in _RANGES],
    *[_Fault(vr, 7, "x") for vr in _RANGES],
    *[_Fault(vr, 0.1, "x") for vr in ("FL", "FD")],
    _Fault("FL", 0.1, 1e39, "dicom"),
    *[_Fault("AT", 0x00100010, wrong) for wrong in (-1, 2**32, "x")],
    *[_Fault(vr, "1", "2\\3") for vr in ("DS", "IS")],
    *[_Fault(vr, "1", "2\t", "dicom") for vr in ("DS", "IS", "AE", "UI")],
    *[_Fault(vr, "1", 5) for vr in ("DS", "IS")],
    *[_Fault(vr, "1", "\u5c71", "dicom") for vr in ("DS", "IS", "AE", "AS", "CS", "DA", "DT", "TM", "UI")],
    *[_Fault(vr, "1", wrong) for vr in _MULTIPLE_TEXT for wrong in ("a\\b", 5, "\ud800")],
    *[_Fault(vr, "1", "\x1b[", "xml dicom") for vr in _MULTIPLE_TEXT],
    *[_Fault(vr, "1", "\x01.", "xml") for vr in _MULTIPLE_TEXT],
    *[_Fault("PN", ("a", "", ""), wrong) for wrong in [("a=b", "", ""), ("a\\b", "", ""), ("a", "b"), "x", 5]],
    *[_Fault("PN", ("a", "", ""), ("b", wrong, "c")) for wrong in ["\ud800", 5]],
    _Fault("PN", ("a", "", ""), ("b", "\x1b[", "c"), "xml dicom"),
    _Fault("PN", ("a", "", ""), ("b", "\x01.", "c"), "xml"),
]
_SINGLE = [
    *[_Fault(vr, "a", wrong) for vr in _SINGLE_TEXT for wrong in ("\ud800", 5)],
    *[_Fault(vr, "a", "\x1b[", "xml dicom") for vr in _SINGLE_TEXT],
    *[_Fault(vr, "a", "\x01.", "xml") for vr in _SINGLE_TEXT],
    _Fault("UR", "a", "\u5c71", "dicom"),
    _Fault("UR", "a", "b\t", "dicom"),
]
_BINARY_VRS = sorted(vr for vr, row in VRS.items() if row.form is Form.BINARY)
_TEXTS = [fault for fault in [*_MULTIPLE, *_SINGLE] if VRS[fault.vr].form is Form.TEXT and isinstance(fault.wrong, str)]

_Shape = tuple[str, str, list[Event], list[Any]]
"""A name, formats, the events of the element, and its values."""


def _event(kind: EventType, vr: str, value: Any = None, tag: int = _TAG) -> Event:
    return int(kind), tag, vr, value


def _whole(vr: str, *values: Any, tag: int = _TAG) -> Event:
    return _event(EventType.ELEMENT, vr, values, tag)


def _parts(vr: str, *content: tuple[EventType, Any], late: bool = False) -> list[Event]:
    start = "" if late else vr
    events = [_event(EventType.START_ELEMENT, start)]
    events += [_event(kind, start, value) for kind, value in content]
    return [*events, _event(EventType.END_ELEMENT, vr)]


def _shapes() -> Iterator[_Shape]:
    values, segment, last = EventType.VALUES, EventType.SEGMENT, EventType.LAST_SEGMENT
    for vr, right, wrong, formats in _MULTIPLE:
        name = _Fault(vr, right, wrong).name
        yield f"{name}, short", formats, [_whole(vr, right, wrong, right)], [right, wrong, right]
        many = (right,) * _MANY
        cut = _parts(vr, (values, many), (values, (right, wrong)), (values, many))
        yield f"{name}, among many", formats, cut, [*many, right, wrong, *many]
        cut = _parts(vr, (values, (wrong,)), (values, many))
        yield f"{name}, before many", formats, cut, [wrong, *many]
    for vr, _, wrong, formats in _SINGLE:
        yield f"{_Fault(vr, '', wrong).name}, short", formats, [_whole(vr, wrong)], [wrong]
    for vr, _, wrong, formats in _TEXTS:
        name = _Fault(vr, "", wrong).name
        text = "a" * _LONG
        content = [(segment, text), (segment, wrong), (last, wrong)]
        if wrong != wrong.rstrip():  # only white space at the end is a fault
            content = [(segment, text), (last, wrong)]
        whole = ["".join([part for _, part in content])]
        yield f"{name}, in a long text", formats, _parts(vr, *content), whole
        late = [one for one in formats.split() if one != "xml"]  # XML has the VR first
        yield f"{name}, in a long text before the VR", " ".join(late), _parts(vr, *content, late=True), whole
    for vr in (*_SINGLE_TEXT,):
        yield f"two of {vr}, short", "json xml dicom", [_whole(vr, "a", "b")], ["a", "b"]
        cut = _parts(vr, (segment, "a" * _LONG), (last, "a"), (segment, "b"), (last, "b"))
        yield f"two of {vr}, long", "json xml dicom", cut, ["a" * _LONG + "a", "bb"]
    for vr in _BINARY_VRS:
        yield f"two of {vr}, short", "json xml dicom", [_whole(vr, b"ab", b"cd")], [b"ab", b"cd"]
        yield f"text in {vr}, short", "json xml dicom", [_whole(vr, "ab")], ["ab"]
        yield f"numbers in {vr}, in parts", "json xml dicom", _parts(vr, (values, (1, 2))), [1, 2]
        cut = _parts(vr, (segment, "a" * _LONG), (last, "b"))
        yield f"text in {vr}, in parts", "json xml dicom", cut, ["a" * _LONG + "b"]
    for vr in ("LO", "US", "PN", "DS", "UT"):
        yield f"bytes in {vr}, short", "json xml dicom", [_whole(vr, b"a\xff")], [b"a\xff"]
        cut = _parts(vr, (segment, b"\xff" * _LONG), (last, b"ab"))
        yield f"bytes in {vr}, in parts", "json xml dicom", cut, [b"\xff" * _LONG + b"ab"]
    yield (
        "text in numbers, in parts",
        "json xml dicom",
        _parts("US", (values, (1, 2)), (segment, "a" * _LONG), (last, "b")),
        [1, 2, "a" * _LONG + "b"],
    )


_SHAPES = list(_shapes())


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, tuple):
        return b"=".join(map(_bytes_of, value)).rstrip(b"=")
    return str(value).encode("utf-8", "surrogatepass")


def _kept(values: list[Any], form: str) -> Event:
    """Return the element that has the values as text, or as bytes."""
    data = b"\\".join(map(_bytes_of, values))
    text = data.decode("utf-8", "surrogateescape" if any(isinstance(one, bytes) for one in values) else "surrogatepass")
    has_bytes = any(isinstance(one, bytes) for one in values)
    lacks = _NOT_XML if form == "xml" else re.compile("[\x1b\ud800-\udfff]" if form == "dicom" else "[\ud800-\udfff]")
    if has_bytes or lacks.search(text):
        padding = b"\0" if form == "dicom" else b"" if has_bytes else b" "
        data += padding * (len(data) % 2)
        return _whole("OB" if form == "dicom" else "UN", data)
    return _whole("UT", text)


def _dataset(element: list[Event], depth: int) -> list[Event]:
    """Return a data set with an element between others in an item of nested sequences."""
    content = [_whole("LO", "A", "\u5c71", tag=_TAG - 1), *element, _whole("DS", "1.50", tag=_TAG + 1)]
    for level in range(depth, 0, -1):
        sequence = _SEQUENCES[level - 1]
        content = [
            _whole("SH", "before", tag=0x00081010),
            _event(EventType.START_SEQUENCE, "SQ", None, sequence),
            _event(EventType.START_ITEM, "SQ", 0, sequence),
            _whole("SH", "first", tag=0x00081010),
            _event(EventType.END_ITEM, "SQ", None, sequence),
            _event(EventType.START_ITEM, "SQ", 1, sequence),
            *content,
            _event(EventType.END_ITEM, "SQ", None, sequence),
            _event(EventType.END_SEQUENCE, "SQ", None, sequence),
            _whole("LT", "after", tag=0x40004000),
        ]
    charset = _whole("CS", "ISO_IR 192", tag=0x00080005)
    return [
        _event(EventType.START_DATASET, "", 0, 0),
        charset,
        *content,
        _event(EventType.END_DATASET, "", None, 0),
    ]


def _written(events: list[Event], form: str, on_error: OnError, **options: Any) -> bytes:
    target = io.BytesIO()
    write_events(
        events,
        target,
        format=form,
        options=WriteOptions(on_error=on_error, **options),
        array=False,  # type: ignore[arg-type]
    )
    return target.getvalue()


def _read(data: bytes) -> list[Element]:
    return elements(read(data, on_error="raise").events)


_FORMATS = ("json", "xml", "dicom")
_CASES = [
    pytest.param(form, events, values, 0 if number % 8 == 0 else 3, id=f"{form} {name}")
    for form in _FORMATS
    for number, (name, formats, events, values) in enumerate(_SHAPES)
    if form in formats.split()
]


@pytest.mark.slow
@each(("form", "events", "values", "depth"), _CASES)
def test_wrong_value_costs_its_element(form: str, events: list[Event], values: list[Any], depth: int) -> None:
    whole = _dataset(events, depth)
    with pytest.raises(OutputError) as caught:
        _written(whole, form, "raise")
    assert caught.value.location.tag_path.endswith(f"{_TAG:08X}")
    assert caught.value.location.tag_path.count(".") == depth
    for on_error, expected in (("skip", []), ("keep", [_kept(values, form)])):
        with pytest.warns(DeviationWarning, match=f"{_TAG:08X}") as warned:
            data = _written(whole, form, on_error)  # type: ignore[arg-type]
        assert len(warned) == 1
        assert _read(data) == elements(_dataset(expected, depth))


@pytest.mark.parametrize("form", _FORMATS)
def test_right_values_are_written_as_without_a_choice(form: str) -> None:
    right = [events for name, formats, events, _ in _SHAPES if form not in formats.split() and "before" not in name]
    assert right
    for events in right:
        whole = _dataset(events, 1)
        plain = _written(whole, form, "raise")
        assert _written(whole, form, "skip") == _written(whole, form, "keep") == plain


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:wrong-value")
@pytest.mark.parametrize("on_error", ["skip", "keep"])
def test_many_values_with_a_wrong_one_take_no_more_memory(on_error: OnError) -> None:
    def stream(batches: int) -> Iterator[Event]:
        numbers = _event(EventType.VALUES, "FL", (0.5,) * 4096)
        yield _event(EventType.START_DATASET, "", 0, 0)
        yield _event(EventType.START_ELEMENT, "FL")
        yield from [numbers] * batches
        yield _event(EventType.VALUES, "FL", (1e39,))
        yield from [numbers] * batches
        yield _event(EventType.END_ELEMENT, "FL")
        yield _event(EventType.END_DATASET, "", None, 0)

    def write(batches: int) -> None:
        with tempfile.TemporaryFile() as file:
            write_events(stream(batches), file, format="dicom", options=WriteOptions(on_error=on_error), array=False)

    write(1)
    assert peak(lambda: write(300)) < peak(lambda: write(30)) + 1024 * 1024


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize("on_error", ["skip", "keep"])
def test_long_text_with_a_wrong_character_takes_no_more_memory(form: str, on_error: OnError) -> None:
    def stream(segments: int, last: str) -> Iterator[Event]:
        yield _event(EventType.START_DATASET, "", 0, 0)
        yield _event(EventType.START_ELEMENT, "LT")
        yield from [_event(EventType.SEGMENT, "LT", "a" * 65536)] * segments
        yield _event(EventType.LAST_SEGMENT, "LT", last)
        yield _event(EventType.END_ELEMENT, "LT")
        yield _event(EventType.END_DATASET, "", None, 0)

    def write(segments: int, last: str) -> None:
        with Path(os.devnull).open("wb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = WriteOptions(on_error=on_error)
            write_events(stream(segments, last), file, format=form, options=options, array=False)  # type: ignore[arg-type]

    for last in ("a", "\ud800"):
        write(1, last)
        assert peak(lambda text=last: write(300, text)) < peak(lambda text=last: write(100, text)) + 1024 * 1024  # type: ignore[misc]


def test_pydicom_reads_the_values_that_are_kept() -> None:
    wrong = [_whole("PN", ("a=b", "", "c"), ("d", "", "")), _whole("US", 1, 65536, tag=0x00091051)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = _written(_dataset(wrong, 0)[:-2] + _dataset([], 0)[-1:], "dicom", "keep")
    dataset = dcmread(io.BytesIO(data))
    assert (dataset[0x00091050].VR, dataset[0x00091050].value) == ("UT", "a=b==c\\d")
    assert (dataset[0x00091051].VR, dataset[0x00091051].value) == ("UT", "1\\65536")


def test_text_is_not_kept_in_implicit_vr_where_it_would_be_read_as_a_number() -> None:
    events = _dataset(_parts("US", (EventType.VALUES, (1, 65536))), 3)
    with pytest.raises(OutputError):
        _written(events, "dicom", "keep", transfer_syntax=_IMPLICIT)
    with pytest.warns(DeviationWarning):
        data = _written(events, "dicom", "skip", transfer_syntax=_IMPLICIT)
    assert [one.path for one in _read(data)] == [one.path for one in elements(_dataset([], 3))]
