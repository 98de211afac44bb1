"""A data set that is being built, and text that waits for its character set.

Specific Character Set may follow text that needs it: from events in any order, or in a data set around an item. It may
also prove too small. So text beyond ASCII is encoded when its data set ends, and not before.
"""

from __future__ import annotations

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from streamdicom._typing import Any
from streamdicom.datasets._pydicom import Elements, inherit_encodings, raw_element
from streamdicom.datasets.elements import data_element, pydicom_text
from streamdicom.datasets.encodings import UTF_8_SETS, encode_for_pydicom, encodings_of
from streamdicom.dicom import (
    FILE_META_GROUP,
    SPECIFIC_CHARACTER_SET,
    SPLITTERS,
    UTF_8_TERM,
    VRS,
    CharacterSets,
    Form,
    joined_text,
)

ELEMENT_OVERHEAD = 256
"""Bytes of memory of an element or an item of pydicom, for ``Limits.dataset_size``."""


class PendingText:
    """Text beyond ASCII, which is encoded when the character set is final."""

    __slots__ = ("elements", "tag", "text", "vr")

    def __init__(self, elements: Elements, tag: BaseTag, vr: str, text: str) -> None:
        self.elements = elements
        self.tag = tag
        self.vr = vr
        self.text = text

    @property
    def is_latin(self) -> bool:
        """Whether ISO 8859-1 has all characters."""
        return max(self.text) <= "\xff"


def add_unencoded(
    elements: Elements, pending: list[PendingText], tag: BaseTag, vr: str, values: tuple[Any, ...]
) -> int:
    """Add an element whose values pydicom would not read from bytes in ASCII.

    Args:
        elements: The elements of its data set.
        pending: Receives text beyond ASCII.
        tag: The tag.
        vr: The VR.
        values: The values.

    Returns:
        The bytes of memory that it takes, apart from ``ELEMENT_OVERHEAD``.

    Raises:
        DatasetError: pydicom rejects a value.
    """
    row = VRS[vr]
    size = ELEMENT_OVERHEAD * len(values)
    if row.form in (Form.TEXT, Form.DECIMAL, Form.PERSON_NAME):
        text = joined_text(vr, values)
        plain = "\\".join(pydicom_text(vr, value) for value in values) if text is None else text
        size += 4 * len(plain)
        if row.character_set and not plain.isascii():
            pending.append(PendingText(elements, tag, vr, plain))
            if text is not None and "\x1b" not in text:
                # The bytes follow when the character set is final.
                elements[tag] = raw_element(tag, vr, b"")
                return size
    elements[tag] = data_element(tag, vr, values)
    return size


class OpenDataset:
    """A data set or an item that is being built.

    Attributes:
        elements: Its elements so far.
        sets: Its character sets, as far as they are known.
        encodings: pydicom's names of them.
        has_own_encodings: Whether it has a Specific Character Set.
        has_items: Whether a sequence in it has an item.
        has_outdated_items: Whether its character set was found or changed after items that inherit it.
        pending: Text that is not encoded yet, including that of items that inherit its character set.
        sequence_tag: The tag of the open sequence.
        items: The items of the open sequence.
    """

    __slots__ = (
        "elements",
        "encodings",
        "has_items",
        "has_outdated_items",
        "has_own_encodings",
        "items",
        "pending",
        "sequence_tag",
        "sets",
    )

    def __init__(self, sets: CharacterSets, encodings: list[str]) -> None:
        self.elements: Elements = {}
        self.sets = sets
        self.encodings = encodings
        self.has_own_encodings = False
        self.has_items = False
        self.has_outdated_items = False
        self.pending: list[PendingText] = []
        self.sequence_tag = 0
        self.items: list[Dataset] = []

    def set_sets(self, sets: CharacterSets) -> None:
        """Take the character sets of a Specific Character Set element.

        Raises:
            LookupError: pydicom is configured to be strict, and does not know one of them.
        """
        self.encodings = encodings_of(sets)
        self.sets = sets
        self.has_own_encodings = True
        self.has_outdated_items = self.has_items

    def settle_text(self, dataset: Dataset) -> None:
        """Encode the pending text.

        The text is in UTF-8 if the character set lacks a character or pydicom would misread it.

        Args:
            dataset: The data set made of the elements.
        """
        encodings = self.encodings
        texts = [encode_for_pydicom(pending.text, pending.vr, self.sets) for pending in self.pending]
        if None in texts and not self.sets.terms and all(pending.is_latin for pending in self.pending):
            self._keep_text(self.pending)
        elif None in texts:
            encodings = encodings_of(UTF_8_SETS)
            tag = BaseTag(SPECIFIC_CHARACTER_SET)
            self.pending = [text for text in self.pending if text.elements is not self.elements or text.tag != tag]
            texts = [pending.text.encode() for pending in self.pending]
            self.elements[tag] = raw_element(tag, "CS", UTF_8_TERM.encode())
            self.has_outdated_items = self.has_items
        for pending, data in zip(self.pending, texts, strict=True):
            # An element that is not raw holds the text itself.
            if isinstance(pending.elements[pending.tag], RawDataElement) and data is not None:
                padded = data + b" " * (len(data) & 1)
                pending.elements[pending.tag] = raw_element(pending.tag, pending.vr, padded)
        dataset.set_original_encoding(False, True, encodings)
        if self.has_outdated_items:
            _update_items(dataset, encodings)

    def keep_file_meta_text(self) -> None:
        """Keep the pending text of group 0002 as text, without a character set."""
        texts, self.pending = self.pending, []
        for text in texts:
            if text.tag >> 16 == FILE_META_GROUP and text.elements is self.elements:
                self._keep_text([text])
            else:
                self.pending.append(text)

    def _keep_text(self, texts: list[PendingText]) -> None:
        """Keep pending text as text.

        Without a character set, pydicom writes it in ISO 8859-1.
        """
        for pending in texts:
            if isinstance(pending.elements[pending.tag], RawDataElement):
                values = SPLITTERS[pending.vr](pending.text)
                pending.elements[pending.tag] = data_element(pending.tag, pending.vr, values)


def _update_items(dataset: Dataset, encodings: list[str]) -> None:
    """Change the character set of the items that inherit it, at any depth."""
    pending = [dataset]
    while pending:
        for element in pending.pop().values():
            if isinstance(element, DataElement) and element.VR == "SQ":
                for item in element.value:
                    if SPECIFIC_CHARACTER_SET not in item and item.original_character_set != encodings:
                        inherit_encodings(item, encodings)
                        pending.append(item)
