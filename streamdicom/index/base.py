"""Random access to data sets by their numbers, whatever holds them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import islice

from streamdicom._html import table
from streamdicom._typing import TYPE_CHECKING, Self, overload
from streamdicom.errors import IndexMismatchError
from streamdicom.events import Event
from streamdicom.options import ReadOptions

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SHOWN = ("PatientID", "StudyDate", "Modality", "SOPInstanceUID")  # in a notebook
_FIRST = 5  # data sets, and the last


class DatasetIndex(ABC):
    """Random access to the data sets of a source.

    Indices count from 0, and negative ones from the end. Slices are lists of data sets; ``iter_datasets`` streams.

    Args:
        source: An absolute path, or a URL for fsspec.
        options: Options for reading data sets.
    """

    def __init__(self, source: str, options: ReadOptions | None) -> None:
        self.source = source
        self._options = options or ReadOptions()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def raw(self, index: int) -> bytes:
        """Return the bytes of a data set."""

    @abstractmethod
    def ordinals(self, uid: str) -> list[int]:
        """Return the indices of all data sets with a SOP Instance UID."""

    @abstractmethod
    def iter_datasets(self, start: int = 0, stop: int | None = None) -> Iterator[Dataset]:
        """Iterate over data sets, as ``streamdicom.iter_datasets`` does."""

    @abstractmethod
    def iter_events(self, start: int = 0, stop: int | None = None) -> Iterator[Event]:
        """Iterate over events of data sets, as ``streamdicom.iter_events`` does."""

    @abstractmethod
    def close(self) -> None:
        """Close the files."""

    @overload
    def __getitem__(self, index: int | str) -> Dataset: ...

    @overload
    def __getitem__(self, index: slice) -> list[Dataset]: ...

    def __getitem__(self, index: int | str | slice) -> Dataset | list[Dataset]:
        if isinstance(index, slice):
            return [self[ordinal] for ordinal in range(*index.indices(len(self)))]
        if isinstance(index, str):
            ordinals = self.ordinals(index)
            if not ordinals:
                raise KeyError("no data set has this SOP Instance UID")
            index = ordinals[0]
        ordinal = self._ordinal(index)
        found = list(islice(self.iter_datasets(ordinal, ordinal + 1), 2))
        if len(found) != 1:
            raise self._mismatch("expected one data set at a place of the index, found another number")
        return found[0]

    def _ordinal(self, index: int) -> int:
        ordinal = index + len(self) if index < 0 else index
        if not 0 <= ordinal < len(self):
            raise IndexError(f"expected the index of one of {len(self)} data sets, found {index}")
        return ordinal

    def _mismatch(self, message: str) -> IndexMismatchError:
        error = IndexMismatchError(f"{message}; build it again")
        error.filename = self.source
        return error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        numbers = range(len(self))
        shown = [*numbers[:_FIRST], *numbers[max(_FIRST, len(numbers) - 1) :]]
        datasets = [(number, self[number]) for number in shown]
        rows = [(number, *(ds.get(name, "") for name in _SHOWN)) for number, ds in datasets]
        return table(f"{len(self):,} data sets: {self.source}", ["", *_SHOWN], rows)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self):,} data sets: {self.source}>"
