"""The table of Value Representations, compared with the standard and pydicom."""

from __future__ import annotations

import struct

import pytest
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, VR

from streamdicom.dicom.vr import VRS, Form
from tests.support.each import each

# PS3.18 F.2.3
FORMS = {
    Form.TEXT: {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "SH", "ST", "TM", "UC", "UI", "UR", "UT"},
    Form.DECIMAL: {"DS", "IS"},
    Form.INTEGER: {"SL", "SS", "UL", "US"},
    Form.LONG_INTEGER: {"SV", "UV"},
    Form.FLOAT: {"FD", "FL"},
    Form.TAG: {"AT"},
    Form.PERSON_NAME: {"PN"},
    Form.BINARY: {"OB", "OD", "OF", "OL", "OV", "OW", "UN"},
    Form.SEQUENCE: {"SQ"},
}
# PS3.18 F.2.2
BULK = {"DS", "FL", "FD", "IS", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "ST", "SV", "UC", "UL", "UN"}
BULK |= {"US", "UT", "UV"}
# PS3.5 6.2: the length of a value, and of a unit with a byte order
SIZES = {"AT": 2, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}
WORDS = {"OB": 1, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "UN": 1}
ONE_TEXT = {"LT", "ST", "UR", "UT"}
SIGNED = {"SL", "SS", "SV"}


def test_table_has_every_vr_of_the_standard() -> None:
    assert set(VRS) == {vr.value for vr in VR if len(vr.value) == 2}


@each("form", Form, ids=lambda form: form.name)
def test_each_vr_has_its_form(form: Form) -> None:
    assert {vr for vr, row in VRS.items() if row.form is form} == FORMS[form]


def test_vrs_that_allow_bulk_data() -> None:
    assert {vr for vr, row in VRS.items() if row.bulk} == BULK


def test_struct_codes_have_the_size_of_the_vr() -> None:
    assert {vr: struct.calcsize(f"<{row.code}") for vr, row in VRS.items() if row.code} == SIZES


@each("vr", sorted(FORMS[Form.INTEGER] | FORMS[Form.LONG_INTEGER]))
def test_struct_codes_of_integers_have_the_range_of_the_vr(vr: str) -> None:
    bits = 8 * SIZES[vr]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if vr in SIGNED else (0, 2**bits - 1)
    assert struct.unpack(f"<{VRS[vr].code}", struct.pack(f"<{VRS[vr].code}", low)) == (low,)
    assert struct.unpack(f"<{VRS[vr].code}", struct.pack(f"<{VRS[vr].code}", high)) == (high,)
    for beyond in (low - 1, high + 1):
        with pytest.raises(struct.error):
            struct.pack(f"<{VRS[vr].code}", beyond)


@pytest.mark.parametrize("vr", ["FD", "FL"])
def test_struct_codes_of_floats_accept_fractions(vr: str) -> None:
    assert struct.unpack(f"<{VRS[vr].code}", struct.pack(f"<{VRS[vr].code}", 0.5)) == (0.5,)


def test_binary_vrs_have_a_word_size() -> None:
    assert {vr: row.word for vr, row in VRS.items() if row.form is Form.BINARY} == WORDS


def test_text_vrs_with_several_values() -> None:
    texts = FORMS[Form.TEXT] | FORMS[Form.DECIMAL] | FORMS[Form.PERSON_NAME]
    assert {vr for vr, row in VRS.items() if row.multiple} == texts - ONE_TEXT


def test_vrs_that_depend_on_the_character_set() -> None:
    assert {vr for vr, row in VRS.items() if row.character_set} == {str(vr) for vr in CUSTOMIZABLE_CHARSET_VR}
