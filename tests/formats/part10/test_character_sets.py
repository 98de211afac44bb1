"""Files with character sets: warnings with their place, and DCMTK.

dcm2json is in the Debian package ``dcmtk``. DCMTK takes character sets from an iconv library; that of the GNU C library
lacks JIS X 0208 and JIS X 0212 under the names of DCMTK. The program iconv has them in other codes.
"""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pydicom
import pytest

import streamdicom
from streamdicom import DeviationLog, DeviationWarning, Event, ReadOptions
from streamdicom.dicom import character_sets
from streamdicom.dicom.charset_terms import TERMS, CodeElement
from tests.dicom.test_charset import EXAMPLES, SETS, VRS, characters, sets_of
from tests.formats.part10.files import EXPLICIT, element, parse_in_all_ways, start
from tests.support.each import each
from tests.support.events import dataset
from tests.support.roads import elements, write

CHARSET, STUDY, NAME, TEXT = 0x00080005, 0x00081030, 0x00100010, 0x0040A160
TO = EXPLICIT


def padded(data: bytes) -> bytes:
    return data + b" " * (len(data) & 1)


def file(terms: Sequence[str], *elements: bytes) -> bytes:
    return start(TO.uid) + TO.element(CHARSET, "CS", padded("\\".join(terms).encode())) + b"".join(elements)


def encoded(terms: Sequence[str], tag: int, vr: str, text: str) -> bytes:
    data = character_sets(terms).encode(text, vr)
    assert data is not None
    return TO.element(tag, vr, padded(data))


# --- reading and writing -----------------------------------------------------------------------------------------


@each(
    ("terms", "data", "name"),
    [
        # The second component is in the first character set again, without an escape sequence (PS3.5 6.1.2.5.3).
        (["ISO 2022 IR 100", "ISO 2022 IR 149"], b"A=\x1b$)C\xa4\xba^\xe7", ("A", "ㅊ^ç", "")),
        (
            ["", "ISO 2022 IR 58"],
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            ("Zhang^XiaoDong", "张^小东", ""),
        ),
    ],
)
def test_name_with_code_extensions_is_the_same_in_every_format(
    terms: list[str], data: bytes, name: tuple[str, str, str]
) -> None:
    events, error = parse_in_all_ways(file(terms, TO.element(NAME, "PN", padded(data))))
    assert error is None
    assert events[-2] == element(NAME, "PN", name)
    for form in ("json", "xml", "dicom"):
        target = io.BytesIO()
        streamdicom.write_events(events, target, format=form)  # type: ignore[arg-type]
        found = {tag: values for _, tag, _, values in streamdicom.iter_events(target.getvalue())}
        assert found[NAME] == (name,)
        assert [term or "" for term in found[CHARSET]] == terms


def _events(data: bytes, options: ReadOptions | None = None) -> list[Event]:
    return list(streamdicom.iter_events(data, options=options))


WARNINGS = [
    ("character-set", file(["ISO-IR 100"], TO.element(NAME, "PN", b"a ")), "00080005 SpecificCharacterSet"),
    ("no-character-set", start(TO.uid) + TO.element(NAME, "PN", b"\xe9 ") * 1, "00100010 PatientName"),
    ("no-character-set", start(TO.uid) + TO.element(0x00100040, "CS", b"\xe9 "), "00100040 PatientSex"),
    ("undecodable-text", file(["ISO_IR 192"], TO.element(NAME, "PN", b"\xe9 ")), "00100010 PatientName"),
    ("undecodable-text", start(TO.uid) + TO.element(0x00100040, "CS", b"\x1b(B "), "00100040 PatientSex"),
    ("escape-sequence", file(["ISO_IR 100"], TO.element(NAME, "PN", b"\x1b$B;3\x1b(B ")), "00100010 PatientName"),
]


@each(("code", "data", "place"), WARNINGS)
def test_fault_of_text_is_one_warning_with_its_place(code: str, data: bytes, place: str) -> None:
    with pytest.warns(DeviationWarning) as caught:
        events = _events(data)
    [warning] = caught
    assert place in str(warning.message)
    assert "byte" in str(warning.message)
    assert not any("\x1b" in str(value) for *_, value in events)


@pytest.mark.filterwarnings("ignore::streamdicom.DeviationWarning")
@pytest.mark.parametrize("vr", ["UT", "UC", "UR"])
@pytest.mark.slow
def test_long_text_has_no_escape_sequence(vr: str) -> None:
    data = file(["", "ISO 2022 IR 87"], TO.element(TEXT, vr, padded(b"\x1b$B;3\x1b(B\x1b$(Qa\xe9" * 20_000)))
    events, error = parse_in_all_ways(data)
    assert error is None
    text = "".join(value for *_, value in events if isinstance(value, str) and value)
    assert text.rstrip() == ("山\ufffdaé" if vr != "UR" else "?$B;3?(B?$(Qaé") * 20_000


# --- other programs ----------------------------------------------------------------------------------------------

needs_dcmtk = pytest.mark.skipif(not shutil.which("dcm2json"), reason="dcm2json is not installed (package dcmtk)")
_NOT_IN_DCMTK = {"ISO_IR 203", "ISO 2022 IR 203"}  # in 3.6.7
_NOT_IN_ICONV = {"ISO 2022 IR 87", "ISO 2022 IR 159"}  # under the names that DCMTK uses
_SUPPORTED = [term for term in TERMS if term not in _NOT_IN_DCMTK | _NOT_IN_ICONV | {"ISO 2022 IR 6"}]


def dcmtk(data: bytes, tmp_path: Path) -> dict[str, list[object]]:
    """Return the values that dcm2json finds, by tag."""
    path = tmp_path / "a.dcm"
    path.write_bytes(data)
    run = subprocess.run(["dcm2json", path], capture_output=True, check=True)
    return {tag: attribute.get("Value", []) for tag, attribute in json.loads(run.stdout).items()}


def _values(events: list[Event]) -> dict[str, list[object]]:
    buffer = io.BytesIO()
    streamdicom.write_events(events, buffer, array=False)
    return {tag: attribute.get("Value", []) for tag, attribute in json.loads(buffer.getvalue()).items()}


@needs_dcmtk
@pytest.mark.slow
@pytest.mark.parametrize("term", _SUPPORTED)
def test_dcmtk_has_the_same_characters(term: str, tmp_path: Path) -> None:
    terms = ["", term] if TERMS[term].has_extensions else [term]
    code = "".join(characters(one) for one in sets_of(term)) if TERMS[term].g1 and not TERMS[term].is_whole else ""
    text = code or "é山啊ЖΩ、"
    lines = "\n".join(text[index : index + 64] for index in range(0, len(text), 64))
    data = file(terms, encoded(terms, TEXT, "UT", lines))
    assert dcmtk(data, tmp_path)["0040A160"] == [lines]
    assert _values(_events(data))["0040A160"] == [lines]


@needs_dcmtk
@pytest.mark.interop
@pytest.mark.parametrize(
    ("terms", "vr", "text", "data"),
    [pytest.param(*row[1:], id=row[0]) for row in EXAMPLES if not _NOT_IN_ICONV.intersection(row[1])],
)
def test_dcmtk_reads_the_examples_of_the_standard(
    terms: list[str], vr: str, text: str, data: bytes, tmp_path: Path
) -> None:
    tag = {"PN": NAME, "LT": 0x00104000}[vr]
    content = file(terms, TO.element(tag, vr, padded(data)))
    assert dcmtk(content, tmp_path)[f"{tag:08X}"] == _values(_events(content))[f"{tag:08X}"]


@needs_dcmtk
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
def test_dcmtk_reads_the_same_from_combinations(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    extended = [term for term in _SUPPORTED if TERMS[term].has_extensions]
    first = chance.choice(["", *(term for term in extended if TERMS[term].is_first)])
    terms = [first, *chance.sample(extended, chance.randint(1, 3))]
    sets: list[CodeElement] = [one for term in terms if term for one in sets_of(term)]

    def word() -> str:
        pool = ["a", "b c", *(chance.choice(characters(chance.choice(sets))) for _ in range(3))]
        return "x" + "".join(chance.choices(pool, k=5)) + "y"

    name = f"{word()}^{word()}={word()}^{word()}=" + word()
    study = f"{word()}\\{word()}^{word()}"
    # DCMTK reads a backslash in ISO-IR 14 as a yen sign.
    backslash = "" if "ISO 2022 IR 13" in terms else "\\"
    text = f"{word()}\r\n{word()}\t{word()}^{word()}{backslash}{word()}"
    data = file(
        terms,
        encoded(terms, STUDY, "LO", study),
        encoded(terms, NAME, "PN", name),
        encoded(terms, TEXT, "UT", text),
    )
    found = dcmtk(data, tmp_path)
    ours = _values(_events(data))
    assert ours["0040A160"] == [text]
    assert ours["00081030"] == study.split("\\")
    for tag in ("00081030", "00100010", "0040A160"):
        assert found[tag] == ours[tag]


@pytest.mark.skipif(not shutil.which("iconv"), reason="iconv is not installed")
@each(("term", "codec"), [("ISO 2022 IR 87", "ISO-2022-JP"), ("ISO 2022 IR 159", "ISO-2022-JP-2")])
@pytest.mark.slow
def test_iconv_has_the_same_japanese_characters(term: str, codec: str) -> None:
    text = "".join(characters(one) for one in sets_of(term))
    data = character_sets(["", term]).encode(text, "UT")
    assert data is not None
    run = subprocess.run(["iconv", "-f", codec, "-t", "UTF-8"], input=data, capture_output=True, check=True)
    assert run.stdout.decode() == text


def test_deviations_are_counted_once_for_each_element() -> None:
    log = DeviationLog()
    data = file(["ISO_IR 192"], TO.element(STUDY, "LO", b"\xff\\\xff "), TO.element(NAME, "PN", b"\xff^\xff "))
    _events(data, ReadOptions(on_deviation=log))
    assert log.counts == {"undecodable-text": 2}
    assert [one.location.tag_path for one in log.first] == ["00081030", "00100010"]


def test_warning_of_an_undeclared_escape_sequence_names_the_other_character_set() -> None:
    data = file(["ISO_IR 100"], TO.element(0x00100020, "LO", padded(b"a\x1b-Fb\xe1")))
    with pytest.warns(DeviationWarning, match=r"escape-sequence: .*ISO_IR 192 .*00100020 PatientID"):
        [dataset] = streamdicom.iter_datasets(data)
    assert (dataset.SpecificCharacterSet, dataset.PatientID) == ("ISO_IR 192", "ab\u03b1")


# --- the table of PS3.3 C.12.1.1.2, with each delimiter of PS3.5 6.1.2.5.3 in each VR -----------------------------

_CODECS = {"100": "iso8859_1", "101": "iso8859_2", "109": "iso8859_3", "110": "iso8859_4", "144": "iso8859_5"}
_CODECS |= {"127": "iso8859_6", "126": "iso8859_7", "138": "iso8859_8", "148": "iso8859_9", "203": "iso8859_15"}
_CODECS |= {"166": "tis_620", "149": "euc_kr", "58": "gb2312"}
_SEQUENCES = {
    number: bytes(16 * int(code[:2]) + int(code[3:]) for code in escape.split())
    for number, (_, escape) in SETS.items()
    if escape
}
_PAIRS_IN_G0 = {"87", "159"}
_FIRST = ["", *(number for number in SETS if TERMS[f"ISO 2022 IR {number}"].is_first and number != "6")]


def _delimiters(vr: str) -> str:
    return "\r\n\f\t" + {"PN": "\\^=", "LT": "", "ST": "", "UT": ""}.get(vr, "\\")


def _character(code: bytes, number: str) -> str:
    """Return a character of a set, by Python's codecs and not by our tables."""
    if number == "13":
        return chr(0xFF61 + code[0] - 0xA1)
    if number in _PAIRS_IN_G0:
        return (b"\x1b" + _SEQUENCES[number] + code + b"\x1b(B").decode("iso2022_jp_2")
    return code.decode(_CODECS[number])


def _followed(data: bytes, first: str, vr: str) -> str:
    """Return a text by the rules of PS3.5 6.1.2.5.3, which must have been kept."""
    g0, g1, text, pos = "", first, "", 0
    while pos < len(data):
        byte, rest = data[pos], data[pos + 1 :]
        if byte == 0x1B and rest[:2] in (b"(B", b"(J"):
            g0, size = "", 3
        elif byte == 0x1B:
            [(number, size)] = [(key, 1 + len(one)) for key, one in _SEQUENCES.items() if rest.startswith(one)]
            g0, g1 = (number, g1) if number in _PAIRS_IN_G0 else (g0, number)
        elif byte < 0x80 and not g0:
            size = 1
            text += chr(byte)
            if chr(byte) in _delimiters(vr):
                assert g1 == first or not first, "the first set must be in force again before a delimiter"
                g1 = first
        else:
            number = g0 if byte < 0x80 else g1
            size = 2 if number in (*_PAIRS_IN_G0, "149", "58") else 1
            text += _character(data[pos : pos + size], number)
        pos += size
    assert not g0
    assert g1 == first or not first
    return text


def _samples(number: str) -> str:
    found = "".join(characters(one) for one in sets_of(f"ISO 2022 IR {number}"))
    return found[0] + found[len(found) // 2] + found[-1]


def _value(vr: str, text: str) -> tuple[object, ...]:
    values = [text] if vr in ("LT", "ST", "UT") else text.split("\\")
    return tuple((*value.split("="), "", "")[:3] for value in values) if vr == "PN" else tuple(values)


def _table(first: str, number: str) -> dict[int, tuple[str, str]]:
    """Return the VR and a text with each delimiter, by the tag of an element."""
    one, two, three = list(_samples(number))
    of_first = _samples(first)[0] if first else "x"
    return {
        0x00091001 + index: (vr, f"a{one}{two}{delimiter}{of_first}{three}{delimiter}{one}b")
        for index, (vr, delimiter) in enumerate(product(VRS, "\\^=\r\n\f\t"))
    }


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Unknown encoding")  # pydicom lacks ISO 2022 IR 203
@pytest.mark.parametrize("first", _FIRST)
def test_every_term_is_reset_at_every_delimiter_in_every_vr(first: str, tmp_path: Path) -> None:
    for number in sorted({*SETS} - {"6", first}):
        table = _table(first, number)
        terms = [f"ISO 2022 IR {first}" if first else "", f"ISO 2022 IR {number}"]
        content = [element(tag, vr, *_value(vr, text)) for tag, (vr, text) in table.items()]
        events = dataset([element(CHARSET, "CS", *terms), *content])
        data = write(events, "dicom")
        assert elements(_events(data)) == elements(events)
        fields = pydicom.dcmread(io.BytesIO(data))
        for tag, (vr, text) in table.items():
            assert _followed(fields.get_item(tag).value, first, vr).removesuffix(" ") == text
        if shutil.which("dcm2json") and not {first, number} & {"203", *_PAIRS_IN_G0}:
            found, expected = dcmtk(data, tmp_path), _values(events)
            for tag, (vr, text) in table.items():
                # DCMTK reads a backslash in ISO-IR 14 as a yen sign.
                if "\\" not in text or "13" not in (first, number) or vr not in ("LT", "ST", "UT"):
                    assert found[f"{tag:08X}"] == expected[f"{tag:08X}"]
