"""Definitions of elements, with VMs of every form."""

from __future__ import annotations

from pydicom.datadict import DicomDictionary, RepeatersDictionary

from streamdicom.dicom import NO_MAXIMUM, Definition, definition_of, is_private_creator, private_definition
from tests.support.each import each


@each(
    ("tag", "vrs", "multiplicity"),
    [
        (0x00100020, ("LO",), "1"),
        (0x00280030, ("DS",), "2"),
        (0x00080008, ("CS",), "2-n"),
        (0x30060050, ("DS",), "3-3n"),
        (0x00280106, ("US", "SS"), "1"),
        (0x7FE00010, ("OB", "OW"), "1"),
        (0x60000010, ("US",), "1"),  # a repeating group
        (0x60FE3000, ("OB", "OW"), "1"),
        (0x00080000, ("UL",), "1"),  # a group length
        (0x00090010, ("LO",), "1"),  # a Private Creator
    ],
)
def test_standard_element_has_vr_and_multiplicity(tag: int, vrs: tuple[str, ...], multiplicity: str) -> None:
    definition = definition_of(tag)
    assert definition is not None
    assert (definition.vrs, definition.multiplicity) == (vrs, multiplicity)


@each("tag", [0x00100011, 0x00091001, 0xFFFEE000, 0x00090001])
def test_other_element_has_no_definition(tag: int) -> None:
    assert definition_of(tag) is None


def test_private_element_is_defined_by_its_creator() -> None:
    definition = private_definition(0x00291008, "SIEMENS CSA HEADER")
    assert definition == Definition(("CS",))
    assert private_definition(0x00291108, "SIEMENS CSA HEADER") == definition
    assert private_definition(0x00291008, "ANYONE") is None


@each(
    ("definition", "allowed", "refused"),
    [
        (Definition(("DS",), 2, 2), [0, 2], [1, 3, 4]),
        (Definition(("CS",), 2, NO_MAXIMUM), [0, 2, 3], [1]),
        (Definition(("DS",), 3, NO_MAXIMUM, 3), [0, 3, 6], [1, 2, 4]),
        (Definition(("IS",), 1, 2), [0, 1, 2], [3]),
    ],
)
def test_definition_allows_numbers_of_values(definition: Definition, allowed: list[int], refused: list[int]) -> None:
    assert all(map(definition.allows, allowed))
    assert not any(map(definition.allows, refused))


@each(
    ("tag", "text"), [(0x00100010, "1"), (0x00280008, "1"), (0x00080008, "2-n"), (0x00720060, "1-n"), (0x00200037, "6")]
)
def test_multiplicity_is_written_as_in_the_dictionary(tag: int, text: str) -> None:
    definition = definition_of(tag)
    assert definition is not None
    assert definition.multiplicity == text


def test_multiplicity_with_a_maximum_is_written_as_a_range() -> None:
    assert Definition(("IS",), 1, 2).multiplicity == "1-2"


def test_every_entry_of_the_dictionaries_is_understood() -> None:
    tags = [tag for tag, (vr, *_) in DicomDictionary.items() if vr != "NONE"]
    tags += [int(mask.replace("x", "0"), 16) for mask in RepeatersDictionary]
    assert [f"{tag:08X}" for tag in tags if definition_of(tag) is None] == []


def test_private_creators_have_low_elements_of_odd_groups() -> None:
    assert [is_private_creator(tag) for tag in (0x00090010, 0x000900FF, 0x00090100, 0x0009000F, 0x00080010)] == [
        *(True, True, False, False, False)
    ]
