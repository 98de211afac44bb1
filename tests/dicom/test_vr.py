"""The table of value representations, against the standard's lists and pydicom's."""

from __future__ import annotations

import struct

import pytest
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, VR

from streamdicom.dicom.vr import VRS, Form

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


def test_the_vrs_are_those_of_the_standard() -> None:
    assert set(VRS) == {vr.value for vr in VR if len(vr.value) == 2}


@pytest.mark.parametrize("form", Form, ids=lambda form: form.name)
def test_each_vr_has_its_form(form: Form) -> None:
    assert {vr for vr, row in VRS.items() if row.form is form} == FORMS[form]


def test_bulk_data_is_allowed_for_some() -> None:
    assert {vr for vr, row in VRS.items() if row.bulk} == BULK


def test_numbers_have_a_code_of_their_size() -> None:
    assert {vr: struct.calcsize(f"<{row.code}") for vr, row in VRS.items() if row.code} == SIZES


@pytest.mark.parametrize("vr", sorted(FORMS[Form.INTEGER] | FORMS[Form.LONG_INTEGER]))
def test_integers_have_a_code_of_their_sign(vr: str) -> None:
    bits = 8 * SIZES[vr]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if vr in SIGNED else (0, 2**bits - 1)
    assert struct.unpack(f"<{VRS[vr].code}", struct.pack(f"<{VRS[vr].code}", low)) == (low,)
    assert struct.unpack(f"<{VRS[vr].code}", struct.pack(f"<{VRS[vr].code}", high)) == (high,)
    for beyond in (low - 1, high + 1):
        with pytest.raises(struct.error):
            struct.pack(f"<{VRS[vr].code}", beyond)


@pytest.mark.parametrize("vr", ["FD", "FL"])
def test_floats_have_a_code_for_fractions(vr: str) -> None:
    assert struct.unpack(f"<{VRS[vr].code}", struct.pack(f"<{VRS[vr].code}", 0.5)) == (0.5,)


def test_binary_values_have_a_word() -> None:
    assert {vr: row.word for vr, row in VRS.items() if row.form is Form.BINARY} == WORDS


def test_a_backslash_separates_the_values_of_most_texts() -> None:
    texts = FORMS[Form.TEXT] | FORMS[Form.DECIMAL] | FORMS[Form.PERSON_NAME]
    assert {vr for vr, row in VRS.items() if row.multiple} == texts - ONE_TEXT


def test_the_character_set_applies_to_some_texts() -> None:
    assert {vr for vr, row in VRS.items() if row.character_set} == {str(vr) for vr in CUSTOMIZABLE_CHARSET_VR}
