"""Query parameters (PS3.18 8.3.4)."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdicom.errors import RequestError
from streamdicom.server.qido.attributes import Level
from streamdicom.server.qido.parameters import parse_query
from tests.support.each import each


def _keys(level: Level, text: str) -> list[tuple[str, int | None, str]]:
    return [(one.attribute.keyword, one.item_tag, one.key) for one in parse_query(level, text).conditions]


def test_attribute_is_named_by_keyword_or_tag() -> None:
    assert _keys(Level.STUDY, "PatientID=17") == _keys(Level.STUDY, "00100020=17") == [("PatientID", None, "17")]
    assert _keys(Level.STUDY, "0020000d=1.2") == [("StudyInstanceUID", None, "1.2")]
    assert _keys(Level.SERIES, "Modality=CT") == [("Modality", None, "CT")]  # a keyword of eight letters


def test_attribute_in_a_sequence_is_named_by_a_path() -> None:
    expected = [("RequestAttributesSequence", 0x00400009, "S1")]
    assert _keys(Level.SERIES, "RequestAttributesSequence.ScheduledProcedureStepID=S1") == expected
    assert _keys(Level.SERIES, "00400275.00400009=S1") == expected


def test_values_are_percent_encoded_utf_8() -> None:
    assert _keys(Level.STUDY, "PatientName=M%C3%BCller%5E%2A") == [("PatientName", None, "Müller^*")]


def test_universal_matching_only_includes_the_attribute() -> None:
    query = parse_query(Level.STUDY, "StudyDescription=&PatientID=*")
    assert query.conditions == ()
    assert query.include == {0x00081030, 0x00100020}


def test_include_fields_may_stand_in_one_parameter_or_in_several() -> None:
    query = parse_query(Level.STUDY, "includefield=StudyDescription,00100020&includefield=00091001")
    assert query.include == {0x00081030, 0x00100020, 0x00091001}
    assert parse_query(Level.STUDY, "includefield=all").include_all


def test_parameters_of_the_response_are_ignored() -> None:
    assert parse_query(Level.STUDY, "accept=application/dicom%2Bjson&charset=utf-8") == parse_query(Level.STUDY)


def test_fuzzy_matching_adds_the_warning_of_the_standard() -> None:
    # PS3.18 8.3.4.2
    text = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
    assert parse_query(Level.STUDY, "fuzzymatching=true").warnings == (text,)
    assert parse_query(Level.STUDY, "fuzzymatching=false").warnings == ()


def test_limit_and_offset_are_numbers() -> None:
    query = parse_query(Level.STUDY, "limit=10&offset=20")
    assert (query.limit, query.offset) == (10, 20)
    assert (parse_query(Level.STUDY).limit, parse_query(Level.STUDY).offset) == (None, 0)


@each(
    "text",
    [
        "limit=-1", "limit=ten", "limit=", "limit=1&limit=2", "offset=1.5", "offset=" + "9" * 19, "limit=²",
        "fuzzymatching=yes", "nothing=1", "PatientID=1&00100020=2", "00100020", "Modality=CT", "SeriesInstanceUID=1.2",
        "StudyDate=yesterday", "StudyInstanceUID=../..", "KVP=120", "00091001=x",
        "includefield=nothing", "includefield=",
        "RequestAttributesSequence=x", "PatientName.PatientID=x", "a.b.c.d.e=x", "PatientName=%FF", "=x",
        "RequestAttributesSequence.ScheduledProcedureStepID.PatientID=x", "PatientID=" + "x" * 1025,
        "&".join(f"x{number}=1" for number in range(300)), "PatientID=" + "x" * 70000,
        "includefield=" + ",".join(f"0009{number:04X}" for number in range(300)), "ModalitiesInStudy=CT%5CMR",
    ],
)  # fmt: skip
def test_unsupported_query_is_a_bad_request(text: str) -> None:
    if text == "00100020":  # a name without value includes the attribute
        assert parse_query(Level.STUDY, text).include == {0x00100020}
        return
    with pytest.raises(RequestError) as caught:
        parse_query(Level.STUDY, text)
    assert caught.value.status == 400
    assert len(str(caught.value)) < 200
    assert "yesterday" not in str(caught.value)


@given(st.sampled_from(Level), st.text(max_size=200))
def test_any_text_is_a_query_or_a_bad_request(level: Level, text: str) -> None:
    with suppress(RequestError):
        assert parse_query(level, text).level == level
