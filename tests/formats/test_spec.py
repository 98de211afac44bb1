"""What a stream is, told by its first character."""

from __future__ import annotations

import pytest

from streamdicom import (
    DicomJsonError,
    InputError,
    JsonSyntaxError,
    ReadOptions,
    TruncatedError,
    WriteOptions,
    XmlSyntaxError,
    loads,
)
from streamdicom.formats.spec import EventParser, new_writer

_JSON = b'{"00100020":{"vr":"LO","Value":["17"]}}'
_XML = (
    b'<NativeDicomModel><DicomAttribute tag="00100020" vr="LO"><Value number="1">17</Value></DicomAttribute>'
    b"</NativeDicomModel>"
)
_MARK = b"\xef\xbb\xbf"

_STREAMS = [
    _JSON,
    b"[" + _JSON + b"]",
    b" \t\r\n" + _JSON,
    _MARK + _JSON,
    b"/* one */" + _JSON,
    _XML,
    b'<?xml version="1.0"?>' + _XML,
    b"\n " + _XML,
    _MARK + _XML,
    b" " * 1000 + _XML,
    _XML.decode().encode("utf-16"),
    b"\xfe\xff" + _XML.decode().encode("utf-16-be"),
]


def _values(parser: EventParser, pieces: list[bytes]) -> list[object]:
    events = [event for piece in pieces for event in parser.feed(piece)] + parser.close()
    assert parser.error is None
    return [value for kind, _, _, value in events if kind == 3]


@pytest.mark.parametrize("stream", _STREAMS, ids=range(len(_STREAMS)))
def test_the_first_character_tells_however_the_stream_is_cut(stream: bytes) -> None:
    options = ReadOptions(deviations={"comment": "ignore"})
    for pieces in ([stream], [stream[at : at + 1] for at in range(len(stream))], [b"", stream[:2], b"", stream[2:]]):
        assert _values(EventParser(options=options), pieces) == [("17",)]


@pytest.mark.parametrize("stream", [b"", b" ", _MARK, _MARK[:2], b"\xff"])
def test_what_ends_before_it_tells_is_taken_for_json(stream: bytes) -> None:
    parser = EventParser()
    assert parser.feed(stream) == []
    with pytest.raises((TruncatedError, JsonSyntaxError)) as caught:
        parser.close()
    assert parser.error is caught.value
    assert caught.value.location.byte_offset is not None


def test_behind_many_blanks_the_stream_is_taken_for_json() -> None:
    for pieces in ([b" " * 1025 + _XML], [*[b" "] * 1025, _XML]):
        with pytest.raises(JsonSyntaxError) as caught:
            _values(EventParser(), pieces)
        assert caught.value.location.byte_offset == 1025


def test_the_byte_offset_counts_what_stood_before() -> None:
    for cut in range(8):
        stream = b"  \n[1 "
        with pytest.raises(DicomJsonError) as caught:
            _values(EventParser(), [stream[:cut], stream[cut:]])
        assert caught.value.location.byte_offset == 4


def test_the_format_may_be_said() -> None:
    assert _values(EventParser(options=ReadOptions(format="xml")), [_XML]) == [("17",)]
    with pytest.raises(JsonSyntaxError):
        _values(EventParser(options=ReadOptions(format="json")), [_XML])
    with pytest.raises(XmlSyntaxError):
        _values(EventParser(options=ReadOptions(format="xml")), [_JSON])


@pytest.mark.parametrize(("form", "start"), [("auto", b"["), ("json", b"["), ("xml", b"<?xml")])
def test_the_options_say_what_is_written(form: str, start: bytes) -> None:
    blocks: list[bytes] = []
    writer = new_writer(blocks.append, None, WriteOptions(format=form), array=True)  # type: ignore[arg-type]
    writer.write_all([(1, 0, "", 0), (3, 0x00100020, "LO", ("17",)), (2, 0, "", None)])
    writer.flush()
    writer.close()
    assert b"".join(blocks).startswith(start)
    assert _values(EventParser(), blocks) == [("17",)]


@pytest.mark.parametrize("options", [{"format": "yaml"}, {"format": None}])
def test_there_is_no_other_format(options: dict[str, object]) -> None:
    for kind in (ReadOptions, WriteOptions):
        with pytest.raises(ValueError, match="format must be one of"):
            kind(**options)


def test_lines_are_json() -> None:
    with pytest.raises(ValueError, match="NDJSON"):
        new_writer(lambda _: None, None, WriteOptions(format="xml", ndjson=True), array=True)
    assert issubclass(XmlSyntaxError, InputError)


@pytest.mark.parametrize("declared", ["ISO-8859-1", "UTF-16", "windows-1252", "UTF-8"])
@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_encoding_that_a_text_declares_does_not_matter(declared: str, quote: str, mark: str) -> None:
    text = (
        f'{mark}<?xml version="1.0" encoding = {quote}{declared}{quote} standalone="yes"?><NativeDicomModel>'
        '<DicomAttribute tag="00100020" vr="LO"><Value number="1">é山</Value></DicomAttribute></NativeDicomModel>'
    )
    assert loads(text).PatientID == "é山"
