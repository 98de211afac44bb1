"""Character sets of data sets, as pydicom has them, and the switch to UTF-8."""

from __future__ import annotations

import io
import json

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import TEXT_VR_DELIMS

import streamdicom
from streamdicom import ReadOptions
from streamdicom.datasets.encodings import encode_for_pydicom, encodings_of
from streamdicom.dicom import character_sets
from streamdicom.dicom.charset_terms import TERMS
from tests.formats.part10.files import EXPLICIT, start
from tests.support.each import each


def test_encodings_have_the_names_of_pydicom() -> None:
    for term in TERMS:
        if term in python_encoding:
            several = ["", term] if TERMS[term].has_extensions else [term]
            assert encodings_of(character_sets(several)) == convert_encodings(several)


@each(
    ("text", "terms", "fits"),
    [
        ("Yamada^Tarou=山田^太郎", ["", "ISO 2022 IR 87"], True),
        ("é山\n\\é", ["ISO 2022 IR 100", "ISO 2022 IR 87"], True),
        ("Ж山", ["", "ISO 2022 IR 87"], True),  # JIS X 0208 has Cyrillic letters too
        ("ก", ["", "ISO 2022 IR 87"], False),
        ("김희중", ["", "ISO 2022 IR 149"], True),
        ("张^小东", ["", "ISO 2022 IR 58"], False),  # pydicom would keep the escape sequences
        ("ЖéЖ", ["ISO 2022 IR 144", "ISO 2022 IR 100"], True),
        ("Ж山Ж", ["", "ISO 2022 IR 144", "ISO 2022 IR 87"], False),  # pydicom would forget the set in G1
    ],
)
def test_text_is_encoded_if_pydicom_reads_the_same(text: str, terms: list[str], fits: bool) -> None:
    sets = character_sets(terms)
    data = encode_for_pydicom(text, "LO", sets)
    assert (data is not None) is fits
    if data is not None:
        assert decode_bytes(data, encodings_of(sets), TEXT_VR_DELIMS) == text


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


@each(
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


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS:UserWarning")
@each(
    ("charset", "name"),
    [
        ("UTF-8", "Wang^XiaoDong=王^小东"),
        ("koi8_r", "Люкceмбypг"),
        ("cp1252", "Buc^Jérôme€"),
        ("ISO-IR 144", "Люкceмбypг"),
        ("ISO 2022 IR 144", "Люкceмбypг"),
    ],
)
def test_undefined_character_set_is_replaced_by_utf_8(charset: str, name: str) -> None:
    written = _through_part10(streamdicom.loads(streamdicom.dumps(_dataset(charset, name))))
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert written.PatientName == name


def test_code_extensions_that_pydicom_cannot_decode_are_replaced_by_utf_8() -> None:
    dataset = _dataset(["", "ISO 2022 IR 58"], "Zhang^XiaoDong=张^小东")
    written = _through_part10(streamdicom.loads(streamdicom.dumps(dataset)))
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert written.PatientName == "Zhang^XiaoDong=张^小东"


@each("charset", ["ISO_IR 100", "ISO_IR 13", ["", "ISO 2022 IR 149"], None])
def test_text_beyond_the_character_set_switches_to_utf_8(charset: str | list[str] | None) -> None:
    dataset = _dataset(charset, "Ж€ก^🙂")
    loaded = streamdicom.loads(streamdicom.dumps(dataset))
    assert loaded.SpecificCharacterSet == "ISO_IR 192"
    assert loaded.PatientName == "Ж€ก^🙂"
    written = _through_part10(loaded)
    assert written.PatientName == "Ж€ก^🙂"
    assert written.PatientComments.rstrip() == "Ж€ก^🙂"


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS:UserWarning")
@pytest.mark.filterwarnings("ignore::streamdicom.DeviationWarning")
@each("charset", ["UTF-8", "koi8_r"])
def test_file_in_a_python_encoding_is_read_as_by_pydicom(charset: str) -> None:
    dataset = _dataset(charset, "Люк")
    written = _through_part10(dataset)
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset)
    text = io.BytesIO()
    streamdicom.write_events(streamdicom.iter_events(buffer.getvalue(), options=_FORCE), text, array=False)
    assert streamdicom.loads(text.getvalue()).PatientName == written.PatientName


def _sequence(items: str, last: str = "") -> str:
    return f'{{"00080005":{{"vr":"CS","Value":["ISO_IR 100"]}},"00081140":{{"vr":"SQ","Value":[{items}]}}{last}}}'


def _name(text: str) -> str:
    return f'"00100010":{{"vr":"PN","Value":[{{"Alphabetic":"{text}"}}]}}'


def test_item_inherits_the_character_set_and_the_switch() -> None:
    loaded = streamdicom.loads(_sequence(f"{{{_name('é')}}},{{{_name('Ж')}}}", f",{_name('é')}"))
    assert loaded.SpecificCharacterSet == "ISO_IR 192"
    for dataset in (loaded, *loaded.ReferencedImageSequence):
        assert dataset.original_character_set == ["UTF8"]
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


_CASES = [
    (["ISO 2022 IR 100", "ISO 2022 IR 149"], b"A=\x1b$)C\xa4\xba^\xe7", "A=ㅊ^ç"),
    (["", "ISO 2022 IR 58"], b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东"),
    (["ISO_IR 203"], b"10 \xa4", "10 €"),
]


def _read(terms: list[str], data: bytes, item: bool = False) -> Dataset:
    """Return the data set that pydicom reads from a file, with raw elements."""
    to = EXPLICIT
    name = to.element(0x00100010, "PN", data + b" " * (len(data) & 1))
    charset = "\\".join(terms).encode()
    content = [to.element(0x00080005, "CS", charset + b" " * (len(charset) & 1))]
    content += [to.sequence(0x00081140, to.item(name))] if item else [name]
    return dcmread(io.BytesIO(start(to.uid) + b"".join(content)))


@pytest.mark.filterwarnings("ignore:Unknown encoding")  # pydicom does not know Latin 9
@each(("terms", "data", "name"), _CASES)
@each("item", [False, True])
def test_text_that_pydicom_misreads_is_read_from_its_bytes(
    terms: list[str], data: bytes, name: str, item: bool
) -> None:
    dataset = _read(terms, data, item)
    found = json.loads(streamdicom.dumps(dataset))
    attribute = (found["00081140"]["Value"][0] if item else found)["00100010"]
    assert "=".join(attribute["Value"][0].values()) == name
    # The data set that is made of the JSON text says the same, when pydicom reads and writes it.
    loaded = streamdicom.loads(json.dumps(found))
    for again in (loaded, _through_part10(loaded)):
        assert str((again.ReferencedImageSequence[0] if item else again).PatientName).rstrip("=") == name


def test_text_follows_the_character_set_that_pydicom_read() -> None:
    dataset = _read(["ISO_IR 100"], b"\xe9")
    dataset.SpecificCharacterSet = "ISO_IR 144"  # pydicom still has the one of the file
    assert "é" in streamdicom.dumps(dataset)
    assert dataset.PatientName == "é"


@each(
    ("terms", "data", "text"),
    [
        ([], b"\xe9", "no character set is in force .*00100010 PatientName"),
        (["ISO_IR 192"], b"\xe9", "bytes that no character set in force has"),
    ],
)
def test_faults_of_raw_text_are_warned_of_with_their_place(terms: list[str], data: bytes, text: str) -> None:
    dataset = _read(terms, data)
    with pytest.warns(streamdicom.DeviationWarning, match=text):
        streamdicom.dumps(dataset)


def test_escape_sequence_that_is_not_declared_changes_the_set_and_no_text() -> None:
    name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B "
    content = b"\x08\0\x05\0CS\x0a\0ISO_IR 100" + b"\x10\0\x10\0PN" + len(name).to_bytes(2, "little") + name
    data = start("1.2.840.10008.1.2.1") + content + b"\x10\0\x20\0LO\x02\0\xe9 "
    with pytest.warns(streamdicom.DeviationWarning, match="escape-sequence.*00100010"):
        dataset = streamdicom.load(data)
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert (dataset.PatientName, dataset.PatientID) == ("Yamada^Tarou=山田^太郎", "é")
    target = io.BytesIO()
    streamdicom.dump(dataset, target, format="dicom")
    again = dcmread(io.BytesIO(target.getvalue()))
    assert (again.PatientName, again.PatientID) == (dataset.PatientName, dataset.PatientID)
    assert again.SpecificCharacterSet == "ISO_IR 192"
    with pytest.warns(streamdicom.DeviationWarning, match="escape-sequence.*00100010"):
        events = list(streamdicom.iter_events(data))
    target = io.BytesIO()
    streamdicom.write_events(events, target, array=False)
    document = json.loads(target.getvalue())
    assert document["00080005"]["Value"] == ["ISO_IR 100"]
    assert document["00100010"]["Value"] == [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}]
