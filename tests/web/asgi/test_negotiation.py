"""Negotiation of the media type, by PS3.18 8.7 and RFC 9110."""

from __future__ import annotations

import time

import pytest

from streamdicom.errors import RequestError
from streamdicom.web.asgi.formatters import DEFAULT_FORMATTERS, DICOM_JSON, DICOM_XML, JSON, Formatter
from streamdicom.web.asgi.negotiation import MediaRange, negotiate, read_accept
from tests.support.each import each

_XML = 'multipart/related; type="application/dicom+xml"'

# The header, and the chosen media type; None for 406.
_HEADERS: list[tuple[str, Formatter | None]] = [
    ("application/dicom+json", DICOM_JSON),
    ("application/json", JSON),
    (_XML, DICOM_XML),
    ("multipart/related; type=application/dicom+xml", DICOM_XML),
    ("multipart/related;type=application/dicom+xml", DICOM_XML),
    ('Multipart/Related; TYPE="Application/DICOM+XML"', DICOM_XML),
    (f"{_XML}; boundary=**", DICOM_XML),
    ("application/dicom+xml", DICOM_XML),
    # Never multipart: PS3.18 10.4.4.
    ('multipart/related; type="application/dicom+json"', None),
    ('multipart/related; type="application/dicom"', None),
    ('multipart/related; type="application/octet-stream"', None),
    ("application/dicom", None),
    ("text/html", None),
    ("image/jpeg, text/*", None),
    # Wildcards: RFC 9110, section 12.5.1; */* is the default media type (PS3.18 8.7.7).
    ("*/*", DICOM_JSON),
    ("application/*", DICOM_JSON),
    ("multipart/*", DICOM_XML),
    ("multipart/related", DICOM_XML),
    ('multipart/related; type="application/*"', DICOM_XML),
    ('multipart/related; type="image/*"', None),
    ("text/*, */*; q=0.1", DICOM_JSON),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", DICOM_JSON),
    ("*", None),
    ("*/json", None),
    # Weights.
    ("application/dicom+json;q=0.5, application/json", JSON),
    (f"application/dicom+json;q=0.2, {_XML};q=0.3", DICOM_XML),
    (f"{_XML}; q=0.001, text/html", DICOM_XML),
    ("application/json;Q=1.000, application/dicom+json; q=0.999", JSON),
    ("application/json ; q=0.8 , application/dicom+json ; q=0.9", DICOM_JSON),
    ("application/dicom+json;q=0", None),
    ("application/dicom+json;q=0.000", None),
    ("*/*;q=0", None),
    ("application/dicom+json;q=0, */*", JSON),
    ("application/*;q=0, */*", DICOM_XML),
    ("application/json, application/*;q=0, */*;q=0", JSON),
    # The most specific range decides the weight, wherever it stands.
    ("*/*, application/dicom+json;q=0.1, application/json;q=0.1", DICOM_XML),
    (f"multipart/*;q=0.9, {_XML};q=0.1, application/json;q=0.5", JSON),
    (f'{_XML};q=0.1, multipart/related;q=0.9, multipart/related;type="a/b", application/json;q=0.5', JSON),
    # Equal weights: a named type wins, then the order of the offers, not of the header.
    (f"{_XML}, */*", DICOM_XML),
    ("*/*, application/json", JSON),
    ("application/json, application/dicom+json", DICOM_JSON),
    (f"{_XML}, application/json", JSON),
    # charset: PS3.18 8.7.3.5.3; both forms are written in UTF-8 alone.
    ("application/dicom+json; charset=utf-8", DICOM_JSON),
    ('application/dicom+json; charset="UTF-8"', DICOM_JSON),
    ('application/dicom+json; charset="ISO_IR 192"', DICOM_JSON),
    (f"{_XML}; charset=utf-8", DICOM_XML),
    ("application/dicom+json; charset=iso-8859-1", None),
    ("application/dicom+json; charset=iso-8859-1, application/json; charset=utf-8; q=0.1", JSON),
    ("*/*; charset=utf-16", None),
    # transfer-syntax: PS3.18 8.7.3.5.2; JSON and XML have none.
    ("application/dicom+json; transfer-syntax=1.2.840.10008.1.2.1", DICOM_JSON),
    ("application/dicom+json; transfer-syntax=*", DICOM_JSON),
    (f'{_XML}; transfer-syntax="1.2.840.10008.1.2.4.50"', DICOM_XML),
    # Unsupported and invalid values are ignored: PS3.18 8.7.7.
    ("application/json; profile=x; version=2", JSON),
    ("application/json;q=2, application/dicom+json;q=0.1", DICOM_JSON),
    ("application/json;q=0.1234, application/dicom+json;q=0.1", DICOM_JSON),
    ("application/json;q=high", None),
    ("application/json;q=", None),
    ("application/json;q=-1", None),
    ("application/json;level, application/dicom+json", DICOM_JSON),
    ("application, /json, json/, a/b/c, ;, =, application/json", JSON),
    ("application/json;", JSON),
    (",, ,application/json,", JSON),
    ("caf\xe9/\xfc, application/json", JSON),
    ("application /json", None),
    ("\x00", None),
    # Several headers, joined by commas, with commas and semicolons in quotations.
    (f"text/html, image/png;q=0.1,{_XML};q=0.2", DICOM_XML),
    ('text/html; title="a, application/json; q=1", application/dicom+json; q=0.1', DICOM_JSON),
    (r'text/html; title="\", application/json, \"", application/dicom+json; q=0.1', DICOM_JSON),
    ('application/json; title="a;q=0", text/html', JSON),
    ('application/dicom+json; q=0.1, text/html; title="never ends, application/json', DICOM_JSON),
    ('application/json; title="never ends', None),
    ('application/json; title="ends with \\', None),
    # No restriction at all.
    ("", DICOM_JSON),
    ("  ", DICOM_JSON),
]


def _chosen(accept: str | None, query: str | None = None) -> Formatter | None:
    try:
        return negotiate(DEFAULT_FORMATTERS, accept, query)
    except RequestError as error:
        if error.status != 406:
            raise
        return None


@each(("header", "chosen"), _HEADERS, ids=[case[0] for case in _HEADERS])
def test_header_decides_the_offer(header: str, chosen: Formatter | None) -> None:
    assert _chosen(header) is chosen


def test_everything_is_acceptable_without_a_header() -> None:
    assert _chosen(None) is DICOM_JSON


@each(
    ("query", "header", "chosen"),
    [
        # PS3.18 8.7.8.1, steps 2 to 5
        ("application/json", "application/dicom+json", JSON),
        ("application/json", "*/*", JSON),
        ("application/json", None, JSON),
        (_XML, "application/dicom+json", DICOM_XML),
        ("application/json;q=0.1,application/dicom+json;q=0.2", "application/json", DICOM_JSON),
        ("image/jpeg", "application/json", JSON),
        ("image/jpeg", "*/*", DICOM_JSON),
        ("image/jpeg", "text/html", None),
        ("image/jpeg", None, None),
        ("application/json;q=0", "application/dicom+json", DICOM_JSON),
        # Wildcards are invalid in the query (8.3.3.1) and ignored.
        ("*/*", "application/json", JSON),
        ("application/*, image/png", "application/json", JSON),
        ("", "application/json", JSON),
        # A plus sign in a query string decodes to a space.
        ("application/dicom json", "application/json", DICOM_JSON),
        ('multipart/related; type="application/dicom xml"', "*/*", DICOM_XML),
        ("text/html, application/dicom xml ; q=0.5", "*/*", DICOM_XML),
    ],
)
def test_query_parameter_takes_precedence_over_header(query: str, header: str | None, chosen: Formatter | None) -> None:
    assert _chosen(header, query) is chosen


def test_error_lists_the_offers() -> None:
    with pytest.raises(RequestError) as caught:
        negotiate(DEFAULT_FORMATTERS, "text/secret")
    assert caught.value.status == 406
    assert 'application/dicom+json, application/json, multipart/related; type="application/dicom+xml"' in str(
        caught.value
    )
    assert "secret" not in str(caught.value)


def test_list_may_be_extended_reordered_and_shortened() -> None:
    csv = Formatter('text/csv; charset="iso-8859-1"', DICOM_JSON.encoder)
    offers = (DICOM_XML, csv)
    assert negotiate(offers, "*/*") is DICOM_XML
    assert negotiate(offers, "text/*; charset=ISO-8859-1") is csv
    assert negotiate(offers, f"text/csv, {_XML}") is DICOM_XML
    for header in ("application/json", "text/csv; charset=utf-8"):
        with pytest.raises(RequestError):
            negotiate(offers, header)
    with pytest.raises(RequestError):
        negotiate((), "*/*")


def test_form_with_a_transfer_syntax_is_chosen_by_it() -> None:
    native, jpeg = (
        Formatter(f'multipart/related; type="application/dicom"; transfer-syntax={uid}', DICOM_JSON.encoder)
        for uid in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50")
    )
    wanted = 'multipart/related; type="application/dicom"'
    assert negotiate((native, jpeg), f"{wanted}; transfer-syntax=1.2.840.10008.1.2.4.50") is jpeg
    assert negotiate((native, jpeg), f"{wanted}; transfer-syntax=*") is native
    assert negotiate((native, jpeg), wanted) is native
    with pytest.raises(RequestError):
        negotiate((native, jpeg), f"{wanted}; transfer-syntax=1.2.840.10008.1.2.5")


def test_ranges_have_their_parameters() -> None:
    assert read_accept(r'Text/HTML; Level="a\"B" ;q=0.25;x=1, */*') == [
        MediaRange("text/html", {"level": 'a"b', "x": "1"}, 0.25),
        MediaRange("*/*"),
    ]


def test_absurdly_long_list_is_refused() -> None:
    for header, query in [("a/b," * 3000, None), (None, "a/b," * 3000)]:
        with pytest.raises(RequestError) as caught:
            negotiate(DEFAULT_FORMATTERS, header, query)
        assert caught.value.status == 400


@each("unit", ['"', '\\"', '"\\', ",", ";", "a/b;q=1,", 'a/b;c="\\"', " ", "/a ", "*/*,", "a;" * 9])
def test_long_list_takes_linear_time(unit: str) -> None:
    text = ('a/b;c="' + unit * 9000)[:8192]
    start = time.process_time()
    _chosen(text, text[::-1])
    _chosen(unit * (8192 // len(unit)), text)
    assert time.process_time() - start < 0.5
