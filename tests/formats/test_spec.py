"""The table of formats and the writers that it makes."""

from __future__ import annotations

import pytest

from streamdicom import ReadOptions, WriteOptions, loads
from streamdicom.formats import FORMATS, EventParser, form_of_name, format_named, new_writer
from tests.support.each import each


@each(
    ("name", "expected"),
    [
        ("a.json", ("json", None)),
        ("a.JSON.GZ", ("json", "gzip")),
        ("a.ndjson.zst", ("ndjson", "zstd")),
        ("folder.xml/a.jsonl", ("ndjson", None)),
        ("a.xml", ("xml", None)),
        ("a.dcm.gz", ("dicom", "gzip")),
        ("a.dicom", ("dicom", None)),
        ("a.csv", (None, None)),
        ("a.gz", (None, "gzip")),
        ("1.2.840.1", (None, None)),
        ("", (None, None)),
    ],
)
def test_name_selects_format_and_compression(name: str, expected: tuple[str | None, str | None]) -> None:
    form = form_of_name(name)
    assert (form.format.name if form.format else None, form.compression) == expected


def test_rows_share_no_suffix_and_no_media_type() -> None:
    for field in ("suffixes", "media_types"):
        values = [value for row in FORMATS.values() for value in getattr(row, field)]
        assert len(values) == len(set(values))


@each(("name", "start"), [("json", b"["), ("ndjson", b"{"), ("xml", b"<?xml")])
def test_each_text_format_is_written_and_read(name: str, start: bytes) -> None:
    blocks: list[bytes] = []
    writer = new_writer(blocks.append, None, WriteOptions(), format=name, array=True)
    writer.write_all([(1, 0, "", 0), (3, 0x00100020, "LO", ("17",)), (2, 0, "", None)])
    writer.flush()
    writer.close()
    text = b"".join(blocks)
    assert text.startswith(start)
    parser = EventParser()
    assert [value for kind, _, _, value in parser.feed(text) + parser.close() if kind == 3] == [("17",)]


@each("name", ["yaml", "auto", "", None, 5])
def test_unknown_format_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="format must be one of"):
        format_named(name)
    with pytest.raises(ValueError, match="format must be one of"):
        ReadOptions(format=name if name != "auto" else "ndjson")  # type: ignore[arg-type]


def test_ndjson_has_no_indent() -> None:
    with pytest.raises(ValueError, match="NDJSON"):
        new_writer(lambda _: None, 2, WriteOptions(), format="ndjson", array=True)


def test_dicom_file_is_not_written_to_a_sink() -> None:
    with pytest.raises(ValueError, match="sink"):
        new_writer(lambda _: None, None, WriteOptions(), format="dicom", array=True)


@each("declared", ["ISO-8859-1", "UTF-16", "windows-1252", "UTF-8"])
@each("quote", ["'", '"'])
@each("mark", ["", "\ufeff"])
def test_declared_encoding_of_a_str_is_ignored(declared: str, quote: str, mark: str) -> None:
    text = (
        f'{mark}<?xml version="1.0" encoding = {quote}{declared}{quote} standalone="yes"?><NativeDicomModel>'
        '<DicomAttribute tag="00100020" vr="LO"><Value number="1">é山</Value></DicomAttribute></NativeDicomModel>'
    )
    assert loads(text).PatientID == "é山"
