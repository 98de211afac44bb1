"""Reports of ``streamdicom diff``: text, one JSON object, or an HTML file."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod

from streamdicom._records import NamedTuple
from streamdicom._typing import Any
from streamdicom.cli.terminal import counted
from streamdicom.errors import Location


class FoundDifference(NamedTuple):
    """A difference between two streams, A and B.

    Attributes:
        number: The index of the data set in A, or None if it is only in B.
        other_number: The index of the data set in B, or None.
        tag_path: The element, or "" for a whole data set.
        place: The place in A, if it is known.
        other_place: The place in B.
        text: The difference in words.
    """

    number: int | None
    other_number: int | None
    tag_path: str
    place: Location | None
    other_place: Location | None
    text: str

    @property
    def keyword(self) -> str:
        """The keyword of the element, or ""."""
        return Location(tag_path=self.tag_path).keyword

    @property
    def dataset(self) -> str:
        """The index of the data set in both streams, in words."""
        numbers = [number for number in (self.number, self.other_number) if number is not None]
        return f"[{' / '.join(map(str, dict.fromkeys(numbers)))}]"


class DiffReport(ABC):
    """A report that is printed while streams are compared.

    Args:
        one: The name of stream A.
        other: The name of stream B.
    """

    def __init__(self, one: str, other: str) -> None:
        self.one = one
        self.other = other

    @abstractmethod
    def add(self, found: FoundDifference) -> None:
        """Take a difference."""

    @abstractmethod
    def end(self, count: int) -> None:
        """End the report of a number of differences."""


class DiffText(DiffReport):
    """A line for each difference."""

    def add(self, found: FoundDifference) -> None:
        path = f".{found.tag_path} {found.keyword}".rstrip() if found.tag_path else ""
        named = (("A", found.place), ("B", found.other_place))
        places = "; ".join(f"{name}: {place}" for name, place in named if place is not None)
        sys.stdout.write(f"{found.dataset}{path}{f' ({places})' if places else ''}: {found.text}\n")

    def end(self, count: int) -> None:
        pass


class DiffJson(DiffReport):
    """One JSON object."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one, other)
        from json import dumps  # which takes long to import

        self._dumps = dumps
        self._comma = ""
        names = dumps({"a": one, "b": other})[1:-1]
        sys.stdout.write(f'{{{names}, "differences": [')

    def add(self, found: FoundDifference) -> None:
        row = {
            "dataset_index": {"a": found.number, "b": found.other_number},
            "tag_path": found.tag_path,
            "keyword": found.keyword,
            "place": {"a": _fields(found.place), "b": _fields(found.other_place)},
            "text": found.text,
        }
        sys.stdout.write(self._comma + self._dumps(row))
        self._comma = ",\n"

    def end(self, count: int) -> None:
        sys.stdout.write(f'], "count": {count}, "equal": {"false" if count else "true"}}}\n')


def _fields(place: Location | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {"byte_offset": place.byte_offset, "line": place.line, "column": place.column}


class DiffPage(DiffReport):
    """An HTML file with search."""

    def __init__(self, one: str, other: str) -> None:
        from streamdicom.cli.reports.html import Page  # takes long to import

        super().__init__(one, other)
        columns = ["Data set", "Element", "Keyword", "Place in A", "Place in B", "Difference"]
        self._page = Page("DICOM differences", columns, "Element")

    def add(self, found: FoundDifference) -> None:
        places = [str(place or "") for place in (found.place, found.other_place)]
        kind = found.keyword or found.tag_path or "data set"
        self._page.add(kind, [found.dataset, found.tag_path, found.keyword, *places, found.text])

    def end(self, count: int) -> None:
        from streamdicom.cli.reports.html import item

        verdict = counted(count, "difference") if count else "equal"
        details = ["<ul>\n", item(f"A: {self.one}"), item(f"B: {self.other}"), "</ul>\n"]
        self._page.write(sys.stdout, verdict, is_good=not count, details=details)


_FORMS: dict[str, type[DiffReport]] = {"text": DiffText, "json": DiffJson, "html": DiffPage}


def new_diff_report(form: str, one: str, other: str) -> DiffReport:
    """Return the report of a form: "text", "json" or "html"."""
    return _FORMS[form](one, other)
