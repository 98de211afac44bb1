"""Round trips of random data sets with random writing options."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset
from pydicom.datadict import (
    dictionary_description,
    dictionary_has_tag,
    dictionary_is_retired,
    keyword_dict,
    keyword_for_tag,
)

import streamdicom
from streamdicom import OutputError, ReadOptions, WriteOptions
from streamdicom.deviations import DeviationLog
from tests.support.strategies import datasets

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about odd but legal values

_BOOLEANS = st.booleans()
# Options whose output both profiles read.
_FORMS: dict[str, st.SearchStrategy[Any]] = {
    "number_handling": st.sampled_from(["number", "string", "auto"]),
    "nonfinite": st.sampled_from(["string", "null", "error"]),
    "include_retired": _BOOLEANS,
    "character_set": st.sampled_from(["keep", "utf-8"]),
    "ensure_ascii": _BOOLEANS,
    "escape_html": _BOOLEANS,
    "trailing_newline": _BOOLEANS,
    "file_meta": _BOOLEANS,
}
# Options whose output only the lenient profile reads.
_NAMES: dict[str, st.SearchStrategy[Any]] = {
    "keys": st.sampled_from(["tag", "keyword", "camel"]),
    "write_keyword": _BOOLEANS,
    "write_name": _BOOLEANS,
}
_INDENTS = st.sampled_from([None, 0, 2, "\t"])


@given(st.one_of(datasets(), datasets(public=True)), st.fixed_dictionaries(_FORMS), _INDENTS)
@pytest.mark.slow
def test_data_set_makes_the_round_trip_in_any_form(dataset: Dataset, form: dict[str, Any], indent: Any) -> None:
    options = WriteOptions(**form)
    expected = _expected(dataset, options)
    if options.nonfinite == "error" and any(map(_is_nonfinite, expected.iterall())):
        with pytest.raises(OutputError, match="NaN or an infinity"):
            streamdicom.dumps(dataset, indent, options=options)
        return
    text = streamdicom.dumps(dataset, indent, options=options)
    assert streamdicom.dumps(dataset, indent, options=options) == text
    assert streamdicom.loads(text) == expected
    assert text.endswith("}\n") is options.trailing_newline
    assert text.isascii() or not options.ensure_ascii
    assert not (options.escape_html and set(text) & set("<>&'\u2028\u2029"))


@given(st.lists(datasets(depth=1), max_size=3), st.fixed_dictionaries(_FORMS))
@pytest.mark.slow
def test_several_data_sets_make_the_round_trip_in_any_form(several: list[Dataset], form: dict[str, Any]) -> None:
    options = WriteOptions(**{**form, "nonfinite": "string"})
    assert list(streamdicom.iter_datasets(streamdicom.dumps(several, options=options).encode())) == several
    *lines, end = streamdicom.dumps(several, format="ndjson", options=options).split("\n")
    assert ([streamdicom.loads(line) for line in lines], end) == (several, "")


@given(datasets(public=True), st.fixed_dictionaries(_NAMES), _INDENTS)
@pytest.mark.slow
def test_data_set_makes_the_round_trip_with_any_names(dataset: Dataset, names: dict[str, Any], indent: Any) -> None:
    log = DeviationLog()
    text = streamdicom.dumps(dataset, indent, options=WriteOptions(**names))
    assert streamdicom.loads(text, options=ReadOptions(on_deviation=log)) == dataset
    assert set(log.counts) <= {"keyword-key", "extra-member", *_deviations_of(dataset)}


def _deviations_of(dataset: Dataset) -> set[str]:
    """Return the deviations that do not depend on names, such as NaN as a string."""
    log = DeviationLog()
    streamdicom.loads(streamdicom.dumps(dataset), options=ReadOptions(on_deviation=log))
    return set(log.counts)


@given(datasets(public=True), st.fixed_dictionaries({**_FORMS, **_NAMES}), _INDENTS)
@pytest.mark.slow
def test_names_are_equivalent_to_tags(dataset: Dataset, form: dict[str, Any], indent: Any) -> None:
    options = WriteOptions(**{**form, "nonfinite": "string"})
    plain = json.loads(streamdicom.dumps(dataset, options=WriteOptions(**_only(_FORMS, form), nonfinite="string")))
    assert _with_tags(json.loads(streamdicom.dumps(dataset, indent, options=options)), options) == plain


def _only(names: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    return {name: form[name] for name in names if name != "nonfinite"}


_TAGS_BY_LOWER_CASE = {word.lower(): tag for word, tag in keyword_dict.items() if word}


def _with_tags(members: dict[str, Any], options: WriteOptions) -> dict[str, Any]:
    """Return a data set with tags for keys; check and remove the names in attributes."""
    found: dict[str, Any] = {}
    for key, attribute in members.items():
        tag = _tag_of(key, options.keys)
        is_known = dictionary_has_tag(tag)
        assert attribute.pop("keyword", "") == (keyword_for_tag(tag) if options.write_keyword else "")
        assert attribute.pop("name", "") == (dictionary_description(tag) if options.write_name and is_known else "")
        if attribute["vr"] == "SQ" and "Value" in attribute:
            attribute["Value"] = [_with_tags(item, options) for item in attribute["Value"]]
        found[f"{tag:08X}"] = attribute
    assert list(found) == sorted(found)
    return found


def _tag_of(key: str, keys: str) -> int:
    """Return the tag of a key; check that it is a keyword if there is one."""
    if key.isalnum() and len(key) == 8 and set(key) <= set("0123456789ABCDEF"):
        tag = int(key, 16)
        assert keys == "tag" or not keyword_for_tag(tag) or keyword_dict.get(keyword_for_tag(tag)) != tag
        return tag
    assert keys != "tag"
    assert key[0].islower() is (keys == "camel") or key == "dBdt"
    return keyword_dict[key] if keys == "keyword" else _TAGS_BY_LOWER_CASE[key.lower()]


def _expected(dataset: Dataset, options: WriteOptions) -> Dataset:
    """Return a data set without the values that the options leave out."""
    expected = deepcopy(dataset)
    waiting = [expected]
    while waiting:
        current = waiting.pop()
        for element in list(current):
            if not options.include_retired and dictionary_has_tag(element.tag) and dictionary_is_retired(element.tag):
                del current[element.tag]
            elif element.VR == "SQ":
                waiting += list(element.value or ())
            elif element.VR in ("FL", "FD") and options.nonfinite == "null" and _is_nonfinite(element):
                finite = [None if _is_infinite(value) else value for value in _values(element)]
                current[element.tag] = DataElement(element.tag, element.VR, finite[0] if len(finite) == 1 else finite)
    return expected


def _values(element: DataElement) -> list[Any]:
    value = element.value
    return [] if value is None else [value] if isinstance(value, int | float) else list(value)


def _is_infinite(value: Any) -> bool:
    return value in (float("inf"), float("-inf"))


def _is_nonfinite(element: DataElement) -> bool:
    return element.VR in ("FL", "FD") and any(map(_is_infinite, _values(element)))
