"""Random data sets, and random ways to cut a stream."""

from __future__ import annotations

from collections.abc import Sequence as SequenceType
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from pydicom import DataElement, Dataset
from pydicom.datadict import DicomDictionary
from pydicom.sequence import Sequence

from streamdicom.dicom.vr import VRS

_PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\=^")
_ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\\\x1b\0")
_NAME = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\=\x1b")
_SINGLE_FLOATS = st.floats(width=32, allow_nan=False)


def _texts(alphabet: st.SearchStrategy[str], most: int = 16) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=most)


def _decimals() -> st.SearchStrategy[str]:
    numbers = st.floats(allow_nan=False, allow_infinity=False).map(repr)
    return st.one_of(numbers, st.sampled_from(["1.0000", "+1", "-0", "007", "1E2", ".5", "1e-7"]))


def _integers(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0]))


_SINGLE: dict[str, st.SearchStrategy[Any]] = {
    "AE": _texts(_PRINTABLE).filter(lambda text: text == text.strip()),
    "AS": st.from_regex(r"[0-9]{3}[DWMY]", fullmatch=True),
    "AT": _integers(0, 2**32 - 1),
    "CS": st.from_regex(r"[A-Z0-9_]{1,16}", fullmatch=True),
    "DA": st.dates().map(lambda date: date.strftime("%Y%m%d").zfill(8)),
    "DS": _decimals(),
    "DT": st.datetimes().map(lambda time: time.strftime("%Y%m%d%H%M%S.%f").zfill(21)),
    "FD": st.floats(allow_nan=False),
    "FL": st.one_of(_SINGLE_FLOATS, st.floats(-1e30, 1e30, allow_nan=False)),
    "IS": st.one_of(_integers(-(2**31), 2**31 - 1).map(str), st.sampled_from(["007", "+5", "-0"])),
    "LO": _texts(_ANY),
    "LT": _texts(_ANY | st.just("\\")),
    "PN": st.tuples(_texts(_NAME), st.text(_NAME, max_size=9), st.text(_NAME, max_size=9)).map(
        lambda groups: "=".join(groups).rstrip("=")
    ),
    "SH": _texts(_ANY),
    "SL": _integers(-(2**31), 2**31 - 1),
    "SS": _integers(-(2**15), 2**15 - 1),
    "ST": _texts(_ANY | st.just("\\")),
    "SV": _integers(-(2**63), 2**63 - 1),
    "TM": st.times().map(lambda time: time.strftime("%H%M%S.%f")),
    "UC": _texts(_ANY, 40),
    "UI": st.from_regex(r"[12](\.(0|[1-9][0-9]{0,5})){1,6}", fullmatch=True),
    "UL": _integers(0, 2**32 - 1),
    "UR": st.from_regex(r"http://[a-z]{1,9}/[a-z0-9?&=%]{0,9}", fullmatch=True),
    "US": _integers(0, 2**16 - 1),
    "UT": _texts(_ANY | st.just("\\"), 40),
    "UV": _integers(0, 2**64 - 1),
}
_BINARY = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
_ONE_VALUE = ("LT", "ST", "UR", "UT")
_EMPTY_AMONG_OTHERS = ("CS", "LO", "SH", "UC", "DA", "PN")


def _values(vr: str) -> st.SearchStrategy[Any]:
    if vr in _BINARY:
        return st.binary(min_size=1, max_size=40).filter(lambda data: vr == "OB" or len(data) % 8 == 0)
    single = _SINGLE[vr]
    if vr in _ONE_VALUE:
        return single
    several = st.one_of(single, st.just("")) if vr in _EMPTY_AMONG_OTHERS else single
    return st.one_of(single, st.lists(several, min_size=2, max_size=4))


# Private elements: the dictionary does not know their VR, and their number is unbounded.
_tags = st.integers(0x1000, 0x10FF).map(lambda element: 0x00090000 | element)


# Elements of the dictionary, for implicit VR. Lower groups are not part of a data set, and Specific Character Set
# belongs to the whole data set.
_PUBLIC = {
    vr: [tag for tag, row in DicomDictionary.items() if row[0] == vr and 0x00080005 < tag < 0xFFFE0000]
    for vr in VRS
    if vr != "UN"
}


@st.composite
def _elements(draw: st.DrawFn, depth: int, public: bool) -> DataElement:
    vr = draw(st.sampled_from(sorted(VRS) if depth else sorted(set(VRS) - {"SQ"})))
    tag = draw(st.sampled_from(_PUBLIC[vr]) if public and vr in _PUBLIC else _tags)
    if vr == "SQ":
        items = datasets(depth - 1, charset=False, public=public)
        return DataElement(tag, vr, Sequence(draw(st.lists(items, max_size=3))))
    if draw(st.integers(0, 9)) == 0:
        empty = DataElement(tag, vr, None)
        return DataElement(tag, vr, empty.empty_value)
    return DataElement(tag, vr, draw(_values(vr)))


@st.composite
def datasets(draw: st.DrawFn, depth: int = 2, *, charset: bool = True, public: bool = False) -> Dataset:
    """Draw a data set in UTF-8 with elements of every VR, in sequences too.

    The elements are private, or from the dictionary.
    """
    dataset = Dataset()
    if charset:
        dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.add_new(0x00090010, "LO", "STREAMDICOM TESTS")
    for element in draw(st.lists(_elements(depth, public), max_size=8)):
        dataset.add(element)
    return dataset


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Draw the pieces of a stream cut anywhere."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return pieces(data, places)


def pieces(data: bytes, places: SequenceType[int]) -> list[bytes]:
    """Return the pieces of a stream cut at given places."""
    bounds = [0, *places, len(data)]
    return [data[start:end] for start, end in pairwise(bounds)]
