"""The options of the source, which Spark passes as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from pyspark.sql.types import StructType

from streamdicom.columns import Columns, ColumnStream, TypeOptions, read
from streamdicom.engines.spark.types import columns_of
from streamdicom.options import ReadOptions

DEFAULT_COLUMNS = ("_source", "_index", "_json")
"""Without columns, the data sets as JSON."""

_TYPES = ("ds", "dt")
_READING = {"format": "format", "jsonPath": "path", "profile": "profile", "onError": "on_error"}
"""Fields of ``ReadOptions`` by the options of their names."""

_KNOWN = {
    *("path", "paths", "columns", "select", "splitSize", "partitions", "index"),
    *("onMismatch", "rows", "maxLength", "tm", "maxFilesPerTrigger", "single"),
    *_TYPES,
    *_READING,
}
_NAMES = {name.lower(): name for name in _KNOWN}


class Options:
    """The options of a source or sink.

    Args:
        given: The options by name, in any case.

    Raises:
        ValueError: An unknown option.

    >>> Options({"path": "/data", "COLUMNS": "PatientID, Modality"}).columns
    ['PatientID', 'Modality']
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        unknown = sorted(name for name in given if name.lower() not in _NAMES)
        if unknown:
            raise ValueError(f"unknown option {unknown[0]!r}; expected one of {', '.join(sorted(_KNOWN))}")
        self._given = {_NAMES[name.lower()]: value for name, value in given.items()}
        self.has_time = self._choice("tm", ("string", "time")) == "time"

    def text(self, name: str, default: str = "") -> str:
        """Return an option, or the default."""
        return self._given.get(name, default)

    def number(self, name: str) -> int | None:
        """Return a number of at least 1, or None without the option.

        Raises:
            ValueError: The text is another one.
        """
        text = self._given.get(name)
        if text is None:
            return None
        if not text.isdecimal() or int(text) < 1:
            raise ValueError(f"the option {name} must be a number of at least 1")
        return int(text)

    def is_set(self, name: str) -> bool:
        """Return whether an option is "true"."""
        return self._choice(name, ("false", "true")) == "true"

    def _choice(self, name: str, choices: tuple[str, ...]) -> str:
        text = self.text(name, choices[0]).lower()
        if text not in choices:
            raise ValueError(f"the option {name} must be one of {', '.join(choices)}")
        return text

    @property
    def paths(self) -> list[str]:
        """The paths and URLs of ``load`` or ``save``.

        Raises:
            ValueError: No path is given.
        """
        paths = json.loads(self.text("paths", "[]")) or [self.text("path")]
        if not all(paths):
            raise ValueError('expected a path, as in load("/data/studies.json")')
        return cast(list[str], paths)

    @property
    def columns(self) -> Columns | None:
        """The names of the columns, or names by the names that they get, or None."""
        text = self.text("columns").strip()
        if text.startswith(("{", "[")):
            return cast(Columns, _json("columns", text))
        return [name.strip() for name in text.split(",")] if text else None

    @property
    def partitioning(self) -> dict[str, Any]:
        """The arguments of ``ColumnStream.parts``."""
        return {
            "target": self.text("splitSize", "64 MiB"),
            "count": self.number("partitions"),
            "index": self.text("index", "auto"),
        }

    def stream(self, schema: StructType | None = None) -> ColumnStream:
        """Return the columns of the sources.

        Args:
            schema: The schema that Spark expects, whose names are the columns unless an option has them.

        Raises:
            ValueError: An option is invalid.
        """
        columns = self.columns or (DEFAULT_COLUMNS if schema is None else columns_of(schema))
        bounds: dict[str, Any] = {"rows": self.number("rows"), "max_length": self.number("maxLength")}
        reading = {field: self.text(name) for name, field in _READING.items() if name in self._given}
        return read(
            *self.paths,
            columns=columns,
            options=ReadOptions(**reading, where=_json("select", self.text("select", "{}"))),  # type: ignore[arg-type]
            on_mismatch=self.text("onMismatch", "error"),  # type: ignore[arg-type]
            types=TypeOptions(**{name: self.text(name) for name in _TYPES if name in self._given}),  # type: ignore[arg-type]
            **{name: value for name, value in bounds.items() if value is not None},
        )


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"the option {name} is not JSON") from None
