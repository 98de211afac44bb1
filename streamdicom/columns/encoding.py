"""Rows of columns to data sets, as JSON."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from math import isfinite

import pyarrow as pa

from streamdicom._typing import Any
from streamdicom.api import iter_events
from streamdicom.codec import EventEncoder
from streamdicom.columns.schema import PLACES, PROBLEMS, Field, Members, Schema
from streamdicom.columns.types import TypeOptions
from streamdicom.dicom import VRS, Form, format_tag
from streamdicom.errors import InputError, Location, OutputError
from streamdicom.events import START_DATASET, Event
from streamdicom.options import ReadOptions

_JSON = "_json"
_GIVEN = ReadOptions(format="json")
_MADE = ReadOptions(format="json", profile="strict", deviations={"nonfinite": "ignore"})  # only values can be at fault


class RowEncoder:
    r"""Encodes rows as data sets in NDJSON, the inverse of ``read``.

    A row has a data set in the column ``_json``, or its elements in columns that are named as ``read`` names them. A
    null is no element, an empty list is an empty one. The other columns that say where a row is from are left out.

    Args:
        columns: The names of the columns; paths for the members of sequences.

    Raises:
        ValueError: An unknown column, or elements beside ``_json``.

    >>> encoder = RowEncoder(["PatientID", "_index"])
    >>> encoder.encode(pa.RecordBatch.from_pylist([{"PatientID": "17", "_index": 0}])) + encoder.close()
    b'{"00100020":{"vr":"LO","Value":["17"]}}\n'
    """

    def __init__(self, columns: Iterable[str]) -> None:
        columns = list(columns)
        elements = [name for name in columns if name not in PLACES and name != PROBLEMS]
        if _JSON in columns and elements:
            raise ValueError(f"expected data sets in the column {_JSON} or elements in columns, found both")
        self._members = {} if _JSON in columns else Schema(elements, TypeOptions(), has_problems=False).members
        self._text: Callable[[dict[str, Any]], str] = self._given if _JSON in columns else self._made
        self._options = _GIVEN if _JSON in columns else _MADE
        self._encoder = EventEncoder(format="ndjson")
        self._count = 0

    def encode(self, batch: pa.RecordBatch) -> bytes:
        """Return the text that the rows complete; the rest is pending.

        Raises:
            InputError: The value of a column is not in the form of its VR; the location has the number of the row.
            OutputError: A row has no data set, or more than one.
        """
        return b"".join(self._encoder.encode(self._events(batch)))

    def close(self) -> bytes:
        """Return the pending text."""
        return self._encoder.close()

    def _events(self, batch: pa.RecordBatch) -> Iterator[Event]:
        for row in batch.to_pylist():
            found = 0
            try:
                for event in iter_events(self._text(row).encode(), options=self._options):
                    found += event[0] == START_DATASET
                    if found == 1:
                        yield event
            except InputError as error:
                error.location = replace(error.location, dataset_index=self._count)
                raise
            if found != 1:
                raise OutputError(f"expected one data set in a row, found {found}", Location(None, self._count))
            self._count += 1

    def _given(self, row: dict[str, Any]) -> str:
        return row[_JSON] or ""

    def _made(self, row: dict[str, Any]) -> str:
        return json.dumps(_dataset(self._members, row))


def _dataset(members: dict[int, Members], row: dict[str, Any]) -> dict[str, Any]:
    elements = {}
    for tag, member in sorted(members.items()):
        for field in member.fields:
            value = row.get(field.name)
            if value is not None:
                form = "BulkDataURI" if field is member.uri else _form(field.vr)
                elements[format_tag(tag)] = {"vr": field.vr, **_content(field, form, value)}
    return elements


def _form(vr: str) -> str:
    return "InlineBinary" if VRS[vr].form is Form.BINARY else "Value"


def _content(field: Field, form: str, value: Any) -> dict[str, Any]:
    if form == "BulkDataURI":
        return {form: value}
    if field.vr == "SQ" and isinstance(value, str):  # a whole sequence
        return {form: json.loads(value)}
    values = value if isinstance(value, list) else [value]
    if not values:
        return {}
    if field.vr == "SQ":
        return {form: [_dataset(field.members, item or {}) for item in values]}
    if form == "InlineBinary":
        return {form: b64encode(b"".join(values)).decode()}
    return {form: [None if one is None else _value(field.vr, one) for one in values]}


def _value(vr: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f+0000").rjust(26, "0")
    if isinstance(value, date):
        return value.isoformat().replace("-", "")
    if isinstance(value, time):
        return value.isoformat().replace(":", "")
    if vr == "TM":
        return value.replace(":", "")
    if isinstance(value, Decimal):
        return int(value) if vr == "UV" else format(value.normalize(), "f")
    if isinstance(value, float) and not isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, dict):
        return {group: text for group, text in value.items() if text is not None}
    return value
