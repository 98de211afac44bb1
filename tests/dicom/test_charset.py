"""Character sets: the text that each encodes, and the switch to UTF-8."""

from __future__ import annotations

import encodings
import io

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.charset import decode_bytes
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import TEXT_VR_DELIMS

import streamdicom
from streamdicom import ReadOptions
from streamdicom.dicom.charset import DEFAULT_ENCODINGS, UTF_8_ENCODINGS, encode_text, python_encodings


@pytest.mark.parametrize(
    ("text", "terms", "data"),
    [
        ("é", ["ISO_IR 100"], b"\xe9"),
        ("Ж", ["ISO_IR 144"], b"\xb6"),
        ("é", ["ISO_IR 192"], "é".encode()),
        ("é", [], b"\xe9"),  # pydicom's default is Latin-1, of which ISO_IR 6 is a part
        ("Ж", ["ISO_IR 100"], None),
        ("山", ["ISO_IR 13"], None),  # JIS X 0201 has no kanji, though Python's shift_jis has
        ("¥", ["ISO_IR 13"], None),  # it would be decoded as a backslash
        ("€", ["GB18030"], "€".encode("gb18030")),
    ],
)
def test_text_is_encoded_completely_or_not_at_all(text: str, terms: list[str], data: bytes | None) -> None:
    assert encode_text(text, python_encodings(terms)) == data


@pytest.mark.parametrize(
    ("text", "terms", "fits"),
    [
        ("Yamada^Tarou=山田^太郎", ["", "ISO 2022 IR 87"], True),
        ("é山\n\\é", ["", "ISO 2022 IR 87"], True),
        ("Ж山", ["", "ISO 2022 IR 87"], True),  # JIS X 0208 has Cyrillic letters too
        ("ก", ["", "ISO 2022 IR 87"], False),
        ("김희중", ["", "ISO 2022 IR 149"], True),
        ("张^小东", ["", "ISO 2022 IR 58"], False),  # pydicom would not read it from the bytes
    ],
)
def test_code_extensions_encode_text_or_return_none(text: str, terms: list[str], fits: bool) -> None:
    encodings = python_encodings(terms)
    data = encode_text(text, encodings)
    assert (data is not None) is fits
    if data is not None:
        assert decode_bytes(data, encodings, TEXT_VR_DELIMS) == text


def test_encodings_have_the_names_of_pydicom() -> None:
    assert DEFAULT_ENCODINGS == ["iso8859"]
    assert [name.lower() for name in UTF_8_ENCODINGS] == ["utf8"]


_FORCE = ReadOptions(force=True)


def _dataset(charset: str | list[str] | None, name: str) -> Dataset:
    dataset = Dataset()
    if charset:
        dataset.SpecificCharacterSet = charset
    dataset.PatientName = name
    dataset.PatientComments = f"{name}\n"
    return dataset


def _through_part10(dataset: Dataset) -> Dataset:
    buffer = io.BytesIO()
    dataset.file_meta = streamdicom.load(b"{}", as_file=True).file_meta
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(buffer, dataset)
    buffer.seek(0)
    return dcmread(buffer, force=True)


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS:UserWarning")
@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Buc^Jérôme"),
        ("ISO_IR 144", "Люкceмбypг"),
        ("ISO_IR 126", "Διονυσιος"),
        ("ISO_IR 127", "قباني^لنزار"),
        ("ISO_IR 138", "שרון^דבורה"),
        ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        ("GBK", "Wang^XiaoDong=王^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
        (["ISO 2022 IR 100", "ISO 2022 IR 144"], "Люкceмбypг"),
        (None, "Buc^Jérôme"),
        # Python's names of codecs, which pydicom accepts.
        ("UTF-8", "Wang^XiaoDong=王^小东"),
        ("koi8_r", "Люкceмбypг"),
        ("cp1252", "Buc^Jérôme€"),
    ],
)
def test_character_set_is_kept_if_it_can_encode_the_text(charset: str | list[str] | None, name: str) -> None:
    dataset = _dataset(charset, name)
    text = streamdicom.dumps(dataset)
    assert streamdicom.loads(text) == dataset
    written = _through_part10(streamdicom.loads(text))
    assert written.get("SpecificCharacterSet") == dataset.get("SpecificCharacterSet")
    assert written.PatientName == dataset.PatientName
    assert written.PatientComments.rstrip() == name


def test_code_extensions_that_pydicom_cannot_decode_are_replaced_by_utf_8() -> None:
    dataset = _dataset(["", "ISO 2022 IR 58"], "Zhang^XiaoDong=张^小东")
    written = _through_part10(streamdicom.loads(streamdicom.dumps(dataset)))
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert written.PatientName == "Zhang^XiaoDong=张^小东"


@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 13", ["", "ISO 2022 IR 149"], None])
def test_text_beyond_the_character_set_switches_to_utf_8(charset: str | list[str] | None) -> None:
    dataset = _dataset(charset, "Ж€ก^🙂")
    loaded = streamdicom.loads(streamdicom.dumps(dataset))
    assert loaded.SpecificCharacterSet == "ISO_IR 192"
    assert loaded.PatientName == "Ж€ก^🙂"
    written = _through_part10(loaded)
    assert written.PatientName == "Ж€ก^🙂"
    assert written.PatientComments.rstrip() == "Ж€ก^🙂"


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS:UserWarning")
@pytest.mark.parametrize("charset", ["UTF-8", "koi8_r"])
def test_file_in_a_python_encoding_is_read_as_by_pydicom(charset: str) -> None:
    dataset = _dataset(charset, "Люк")
    written = _through_part10(dataset)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset)
    text = io.BytesIO()
    streamdicom.write_events(streamdicom.iter_events(buffer.getvalue(), options=_FORCE), text, array=False)
    assert streamdicom.loads(text.getvalue()) == written


def _sequence(items: str, last: str = "") -> str:
    return f'{{"00080005":{{"vr":"CS","Value":["ISO_IR 100"]}},"00081140":{{"vr":"SQ","Value":[{items}]}}{last}}}'


def _name(text: str) -> str:
    return f'"00100010":{{"vr":"PN","Value":[{{"Alphabetic":"{text}"}}]}}'


def test_item_inherits_the_character_set_and_the_switch() -> None:
    loaded = streamdicom.loads(_sequence(f"{{{_name('é')}}},{{{_name('Ж')}}}", f",{_name('é')}"))
    assert loaded.SpecificCharacterSet == "ISO_IR 192"
    for dataset in (loaded, *loaded.ReferencedImageSequence):
        assert dataset.original_character_set == UTF_8_ENCODINGS
    written = _through_part10(loaded)
    assert [str(item.PatientName) for item in written.ReferencedImageSequence] == ["é", "Ж"]
    assert written.PatientName == "é"


def test_item_with_its_own_character_set_switches_alone() -> None:
    own = f'{{"00080005":{{"vr":"CS","Value":["ISO_IR 144"]}},{_name("é")}}}'
    loaded = streamdicom.loads(_sequence(own, f",{_name('é')}"))
    assert loaded.SpecificCharacterSet == "ISO_IR 100"
    assert loaded.ReferencedImageSequence[0].SpecificCharacterSet == "ISO_IR 192"
    written = _through_part10(loaded)
    assert written.ReferencedImageSequence[0].PatientName == written.PatientName == "é"


def test_character_set_at_the_end_of_the_document_is_applied() -> None:
    text = (
        f'{{{_name("Ж")},"00081140":{{"vr":"SQ","Value":[{{{_name("Ж")}}}]}},'
        '"00080005":{"vr":"CS","Value":["ISO_IR 144"]}}'
    )
    loaded = streamdicom.loads(text)
    assert loaded.SpecificCharacterSet == "ISO_IR 144"
    assert loaded.get_item(0x00100010).value == b"\xb6 "  # type: ignore[attr-defined]
    assert loaded.PatientName == loaded.ReferencedImageSequence[0].PatientName == "Ж"


def test_text_with_padding_switches_to_utf_8_too() -> None:
    loaded = streamdicom.loads(f'{{"00080005":{{"vr":"CS","Value":["ISO_IR 100"]}},{_name("Ж ")}}}')
    assert loaded.SpecificCharacterSet == "ISO_IR 192"
    assert loaded.PatientName == "Ж "


@pytest.mark.parametrize(
    "term",
    [
        "utf-16",
        "utf_7",
        "hz",
        "rot13",
        "hex",
        "UTF--8",
        "ISO_IR 1\0",
        "no such thing",
        "x" * 100_000,
        "\ud800",
        "ISO_IR 9 9",
    ],
)
def test_unknown_character_set_is_the_default(term: str) -> None:
    for terms in ([term], ["", term], [term, "ISO 2022 IR 87"]):
        with pytest.warns(UserWarning, match="expected a known character set"):
            encodings = python_encodings(terms)
        assert encodings == python_encodings(["" if name == term else name for name in terms])


@pytest.mark.parametrize(("term", "encoding"), [("ISO-IR 144", "iso_ir_144"), ("ISO 2022-IR 87", "iso2022_jp")])
def test_misspelt_character_set_is_corrected_by_pydicom(term: str, encoding: str) -> None:
    with pytest.warns(UserWarning, match="Incorrect value"):
        assert python_encodings(["", term])[-1] == encoding


def test_unknown_names_are_not_cached() -> None:
    with pytest.warns(UserWarning, match="expected a known character set"):
        python_encodings(f"no such thing {number}" for number in range(64))
    cache = encodings._cache  # type: ignore[attr-defined]
    assert not [name for name in cache if "no_such_thing" in name or "no such thing" in name]


def test_number_of_character_sets_is_bounded() -> None:
    assert len(python_encodings(["ISO 2022 IR 87"] * 100_000)) == 64
