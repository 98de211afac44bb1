"""Binary values in the byte order of explicit VR big endian."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from streamdicom._typing import Any
from streamdicom.datasets._pydicom import put_back
from streamdicom.datasets.elements import is_guess
from streamdicom.dicom import VRS, swap_words
from streamdicom.events import BINARY_SEGMENT_SIZE
from streamdicom.io import LazyValue, SpooledValue


def to_big_endian(dataset: Dataset) -> None:
    """Swap binary values, because pydicom keeps them in the byte order of the file."""
    pending = [dataset]
    while pending:
        current = pending.pop()
        for element in _converted(current):
            if element.VR == "SQ":
                pending.extend(element.value)
            elif element.value is not None and element.VR in VRS and VRS[element.VR].word > 1:
                element.value = _swapped(element.value, VRS[element.VR].word)
        current.set_original_encoding(False, False)


def _converted(dataset: Dataset) -> Iterator[DataElement]:
    """Yield the elements that pydicom can convert from little endian."""
    for tag, element in list(dataset.items()):
        try:
            converted = dataset[tag]
        except Exception:  # of any type; access to the element raises it again
            dataset[tag] = element  # it may be half converted
            continue
        if (
            isinstance(element, RawDataElement)
            and element.VR == "UN"
            and isinstance(element.value, bytes)
            and is_guess(converted, element.value)
        ):
            put_back(dataset, element)  # whose bytes pydicom would drop
        else:
            yield converted


def _swapped(value: Any, word: int) -> Any:
    if isinstance(value, bytes):
        return swap_words(value, word)
    if isinstance(value, SpooledValue):
        return LazyValue(lambda: (swap_words(data, word) for data in value.segments(BINARY_SEGMENT_SIZE)))
    return value
