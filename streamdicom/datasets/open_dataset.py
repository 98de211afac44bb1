"""A data set that is being built, and text that waits for its character set.

Specific Character Set may follow text that needs it: from events in any order, or in a data set around an item. It may
also prove too small. So text beyond ASCII is encoded when its data set ends, and not before.
"""

from __future__ import annotations

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from streamdicom.datasets._pydicom import Elements, inherit_encodings, raw_element
from streamdicom.dicom import SPECIFIC_CHARACTER_SET, UTF_8_ENCODINGS, UTF_8_TERM, encode_text


class PendingText:
    """Text beyond ASCII, which is encoded when the character set is final."""

    __slots__ = ("elements", "tag", "text", "vr")

    def __init__(self, elements: Elements, tag: BaseTag, vr: str, text: str) -> None:
        self.elements = elements
        self.tag = tag
        self.vr = vr
        self.text = text


class OpenDataset:
    """A data set or an item that is being built.

    Attributes:
        elements: Its elements so far.
        encodings: Python's names of its character sets, as far as they are known.
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
    )

    def __init__(self, encodings: list[str]) -> None:
        self.elements: Elements = {}
        self.encodings = encodings
        self.has_own_encodings = False
        self.has_items = False
        self.has_outdated_items = False
        self.pending: list[PendingText] = []
        self.sequence_tag = 0
        self.items: list[Dataset] = []

    def set_encodings(self, encodings: list[str]) -> None:
        """Take the character sets from a Specific Character Set element."""
        self.encodings = encodings
        self.has_own_encodings = True
        self.has_outdated_items = self.has_items

    def settle_text(self, dataset: Dataset) -> None:
        """Encode the pending text, in UTF-8 if the character set lacks a character.

        Args:
            dataset: The data set made of the elements.
        """
        encodings = self.encodings
        texts = [encode_text(pending.text, encodings) for pending in self.pending]
        if None in texts:
            encodings = UTF_8_ENCODINGS
            texts = [pending.text.encode() for pending in self.pending]
            tag = BaseTag(SPECIFIC_CHARACTER_SET)
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
