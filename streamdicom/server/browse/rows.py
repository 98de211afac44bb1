"""Some elements of each data set as the cells of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from streamdicom.dicom import DELIMITER_GROUP, MAX_TAG, VRS, Form, definition_of
from streamdicom.errors import InputError
from streamdicom.events import (
    BULK_DATA,
    CLOSING,
    ELEMENT,
    END_SEQUENCE,
    JSON_ELEMENT,
    OPENING,
    START_SEQUENCE,
    VALUES,
    Event,
)
from streamdicom.patterns import parse_pattern_step
from streamdicom.server.browse.datasets import events_of, head_of, heads_of, reading_options
from streamdicom.server.browse.library import Library
from streamdicom.server.browse.tables import Kind
from streamdicom.server.browse.texts import MAX_TEXT, texts_of
from streamdicom.server.browse.units import SourceChangedError

MAX_COLUMNS = 40
MAX_ROWS = 200
"""Rows that are returned at once."""

SOURCE = "source"
"""The column of the name of the file."""

_NUMBERS = (Form.DECIMAL, Form.INTEGER, Form.LONG_INTEGER, Form.FLOAT)
_SEPARATOR = " | "  # between the values of items


class Columns:
    """Elements, at the top of a data set or in the items of sequences.

    Args:
        names: Keywords, tags, or paths of them such as ``ReferencedSeriesSequence.SeriesInstanceUID``.

    Attributes:
        names: As given.

    Raises:
        ValueError: A name is unknown, or there are too many.

    >>> from streamdicom import iter_events
    >>> Columns(["PatientID"]).texts(iter_events(b'{"00100020": {"vr": "LO", "Value": ["17"]}}'))
    ['17']
    """

    def __init__(self, names: Sequence[str]) -> None:
        if len(names) > MAX_COLUMNS:
            raise ValueError(f"expected at most {MAX_COLUMNS} columns, found {len(names)}")
        self.names = list(names)
        self._places: dict[tuple[int, ...], list[int]] = {}
        for index, name in enumerate(names):
            if name != SOURCE:
                self._places.setdefault(_tags(name), []).append(index)

    @property
    def include(self) -> list[str]:
        """The patterns of the elements; without columns, a pattern that matches nothing."""
        found = [".".join(f"{tag:08X}" for tag in path) for path in self._places]
        return found or [f"{DELIMITER_GROUP:04X}0000"]

    @property
    def tags(self) -> list[int] | None:
        """The tags of the elements, or None if some are in sequences."""
        is_flat = all(len(path) == 1 and self._vr(indices[0]) != "SQ" for path, indices in self._places.items())
        return [path[0] for path in self._places] if is_flat else None

    def kind(self, index: int) -> Kind:
        """Return the kind of the values of a column, by the data dictionary."""
        vr = self._vr(index)
        return "date" if vr == "DA" else "number" if VRS[vr].form in _NUMBERS else "text"

    def _vr(self, index: int) -> str:
        path = next((path for path, indices in self._places.items() if index in indices), ())
        definition = definition_of(path[-1]) if path else None
        return definition.vrs[0] if definition else "UT"

    def texts(self, events: Iterable[Event]) -> list[str]:
        """Return the text of each column, from the events of one data set."""
        cells: list[list[str]] = [[] for _ in self.names]
        path: tuple[int, ...] = ()
        long: tuple[int, ...] | None = None
        for kind, tag, vr, value in events:
            if kind == START_SEQUENCE:
                path = (*path, tag)
                self._add(cells, path, "[sequence]")
            elif kind == END_SEQUENCE:
                path = path[:-1]
            elif kind == ELEMENT:
                if value:
                    self._add(cells, (*path, tag), texts_of(value, vr))
            elif kind == BULK_DATA or kind == JSON_ELEMENT:
                self._add(cells, (*path, tag), value[:MAX_TEXT])
            elif kind in OPENING:
                long = (*path, tag)
            elif kind in CLOSING:
                long = None
            elif long is not None and (kind == VALUES or isinstance(value, str)):
                self._add(cells, long, texts_of(value) if kind == VALUES else value[:MAX_TEXT])
                long = None
        return [_joined(cell) for cell in cells]

    def _add(self, cells: list[list[str]], path: tuple[int, ...], text: str) -> None:
        for index in self._places.get(path, ()):
            if len(cells[index]) < MAX_TEXT:
                cells[index].append(text)


def _joined(texts: list[str]) -> str:
    text = _SEPARATOR.join(texts)
    return f"{text[:MAX_TEXT]}…" if len(text) > MAX_TEXT + 1 else text


def _tags(name: str) -> tuple[int, ...]:
    tags = []
    for step in name.split("."):
        found = parse_pattern_step(step)
        if found.mask != MAX_TAG or found.vr:
            raise ValueError(f"expected the tag or the keyword of one element, found {step!r}")
        tags.append(found.digits)
    return tuple(tags)


def rows(library: Library, numbers: Sequence[int], columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield the row of each data set: its number and its cells, or an error.

    A data set at fault has the cells before the fault too.

    Args:
        library: The data sets.
        numbers: The numbers of the data sets.
        columns: The columns.
    """
    options = reading_options(library, include=columns.include)
    heads = heads_of(columns.tags)
    for number in numbers:
        row: dict[str, Any] = {"number": number}
        seen: list[Event] = []
        try:
            seen.extend(head_of(library, number, heads) or events_of(library, number, options))
        except InputError as error:
            row["error"] = error.message
        except SourceChangedError as error:
            row |= {"error": str(error), "changed": True}
        except IndexError:
            return
        if not row.get("changed"):
            row["cells"] = columns.texts(seen)
            for index, name in enumerate(columns.names):
                if name == SOURCE:
                    row["cells"][index] = library.locate(number).unit.name
        yield row
